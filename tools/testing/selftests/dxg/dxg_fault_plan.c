// SPDX-License-Identifier: GPL-2.0
/* Faults that the host makes, see dxg_fault_plan.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <sys/io.h>
#endif

#include "dxg_fault_plan.h"
#include "dxg_utils.h"
#include "kselftest.h"

/* The ports: see gpupv-host's fault_port.rs */
#define FAULT_PORT_TEXT		0x620
#define FAULT_PORT_CONTROL	0x621
#define FAULT_PORT_COUNT	0x624
#define FAULT_PORTS		8

/* What is written to the control port, and read from it */
#define CONTROL_BEGIN		0
#define CONTROL_SET		1
#define CONTROL_TAKEN		0
#define CONTROL_NO_PORT		0xff

static bool has_ioperm(void)
{
	static int allowed = -1;

	if (allowed < 0)
		allowed = !ioperm(FAULT_PORT_TEXT, FAULT_PORTS, 1);
	return allowed;
}

/* Kernels without ioperm() have /dev/port, which takes a byte at a time. */
static int dev_port(int port, unsigned char *byte, bool out)
{
	int file = open("/dev/port", O_RDWR | O_CLOEXEC);
	ssize_t done = -1;

	if (file >= 0) {
		done = out ? pwrite(file, byte, 1, port) : pread(file, byte, 1, port);
		close(file);
	}
	return done == 1 ? 0 : -ENODEV;
}

static int port_write(int port, unsigned char byte)
{
	if (!has_ioperm())
		return dev_port(port, &byte, true);
	outb(byte, port);
	return 0;
}

static unsigned char port_read(int port)
{
	unsigned char byte = CONTROL_NO_PORT;

	if (has_ioperm())
		byte = inb(port);
	else
		dev_port(port, &byte, false);
	return byte;
}

static void print_refusal(void)
{
	char reason[512];
	unsigned int length = 0;

	while (length < sizeof(reason) - 1) {
		reason[length] = port_read(FAULT_PORT_TEXT);
		if (!reason[length])
			break;
		length++;
	}
	reason[length] = '\0';
	ksft_print_msg("the host refuses the plan of faults: %s\n", reason);
}

int dxg_fault_plan(const char *toml)
{
	if (port_read(FAULT_PORT_CONTROL) == CONTROL_NO_PORT ||
	    port_write(FAULT_PORT_CONTROL, CONTROL_BEGIN))
		return -ENODEV;
	for (; *toml; toml++)
		port_write(FAULT_PORT_TEXT, *toml);
	port_write(FAULT_PORT_CONTROL, CONTROL_SET);
	if (port_read(FAULT_PORT_CONTROL) == CONTROL_TAKEN)
		return 0;
	print_refusal();
	return -EINVAL;
}

int dxg_faults_done(void)
{
	unsigned int count = 0;

	if (port_read(FAULT_PORT_CONTROL) == CONTROL_NO_PORT)
		return -ENODEV;
	/* The first byte counts, and the others show the rest of that number. */
	for (int i = 0; i < 4; i++)
		count |= (unsigned int)port_read(FAULT_PORT_COUNT + i) << (8 * i);
	return count;
}

bool dxg_faults_reach(int count)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (dxg_faults_done() >= count)
			return true;
		dxg_sleep_ms(10);
	}
	ksft_print_msg("%d faults were made, not %d\n", dxg_faults_done(), count);
	return false;
}
