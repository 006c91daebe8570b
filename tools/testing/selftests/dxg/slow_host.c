// SPDX-License-Identifier: GPL-2.0
/*
 * A host that takes its time. Nobody waits for it who cannot be killed, and nothing is
 * lost: an answer that comes late ends what it would have ended early. Needs root and a
 * host that makes faults when it is asked to (gpupv-host --fault-port).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "dxg_count.h"
#include "dxg_fault_plan.h"
#include "dxg_memory.h"
#include "dxg_harness.h"

#define PAGES	64
#define SIZE	((size_t)PAGES * DXG_PAGE)

/* Longer than any time after which a driver may think that the host never answers */
#define LONG_MS	12000

/* Holds the messages that are called so, until the plan ends. */
#define HOLD(command)		"[[fault]]\ncommand = \"" command "\"\ndo = \"hold\"\n"
/* Handles them, but answers when the plan ends. */
#define HOLD_ANSWER(command)	"[[fault]]\ncommand = \"" command "\"\ndo = \"hold-answer\"\n"

FIXTURE(slow)
{
	struct dxg_count before;
	long pins;
};

FIXTURE_SETUP(slow)
{
	struct dxg_gpu gpu;
	int result = dxg_fault_plan("");

	if (result == -ENODEV)
		SKIP(return, "the host has no fault port, or this is not root");
	ASSERT_EQ(0, result);
	/* The driver keeps some things of the first process that comes. */
	DXG_GPU_SETUP(&gpu, false);
	dxg_gpu_close(&gpu);
	dxg_count_take(&self->before);
	self->pins = dxg_pins();
}

FIXTURE_TEARDOWN(slow)
{
	EXPECT_OK(dxg_fault_plan(""));
	EXPECT_TRUE(dxg_count_returns(&self->before));
	EXPECT_TRUE(dxg_pins_return(self->pins));
}

/* Runs @function in a child. */
static pid_t begin(int (*function)(void))
{
	pid_t child = fork();

	if (!child)
		_exit(-function());
	return child;
}

/* Whether the child ends within DXG_TIMEOUT_MS, and how. */
static bool ends(pid_t child, int *status)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (waitpid(child, status, WNOHANG) == child)
			return true;
		dxg_sleep_ms(10);
	}
	return false;
}

/* Opens the device, and asks the driver for something. */
static int open_and_ask(void)
{
	struct dxg_list list;
	int fd = dxg_open();

	return fd < 0 ? fd : dxg_list(fd, &list);
}

/* Opens the device, and nothing else. */
static int just_open(void)
{
	int fd = dxg_open();

	return fd < 0 ? fd : 0;
}

/* Another device of the kind that the kernel opens one at a time; 0 if there is none */
static int open_another(void)
{
	static const char * const devices[] = {
		"/dev/cpu_dma_latency", "/dev/vga_arbiter", "/dev/autofs", "/dev/snapshot",
	};

	for (int i = 0; i < ARRAY_SIZE(devices); i++) {
		int fd = open(devices[i], O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			return 0;
	}
	return 0;
}

/* The kernel holds a lock of its own while a device is opened. */
TEST_F(slow, open_does_not_wait)
{
	pid_t first, others[3];
	int status;

	ASSERT_OK(dxg_fault_plan(HOLD("CREATEPROCESS")));
	first = begin(open_and_ask);
	ASSERT_LT(0, first);
	/* It waits: the driver has sent the message. */
	ASSERT_TRUE(dxg_faults_reach(1));
	others[0] = begin(just_open);
	others[1] = begin(open_another);
	others[2] = begin(just_open);
	for (int i = 0; i < ARRAY_SIZE(others); i++) {
		ASSERT_LT(0, others[i]);
		EXPECT_TRUE(ends(others[i], &status));
		EXPECT_EQ(0, status);
	}
	EXPECT_EQ(0, waitpid(first, &status, WNOHANG));
	ASSERT_OK(dxg_fault_plan(""));
	EXPECT_TRUE(ends(first, &status));
	EXPECT_EQ(0, status);
}

TEST_F(slow, waiting_for_a_process_is_killed)
{
	pid_t child;
	int status;

	ASSERT_OK(dxg_fault_plan(HOLD("CREATEPROCESS")));
	child = begin(open_and_ask);
	ASSERT_LT(0, child);
	ASSERT_TRUE(dxg_faults_reach(1));
	EXPECT_OK(kill(child, SIGKILL));
	EXPECT_TRUE(ends(child, &status));
	EXPECT_EQ(SIGKILL, status);
	/* The process that the host makes when nobody wants it is destroyed: see the end. */
}

/* Lends memory to the GPU and ends. */
static int lend_and_end(void)
{
	struct dxg_gpu gpu;
	__u32 allocation;

	return dxg_gpu_open(&gpu, false) ?:
		dxg_create_over(&gpu, dxg_memory(SIZE), SIZE, false, &allocation);
}

/* The end of a process is answered late: its memory comes back nevertheless. */
TEST_F(slow, late_end_of_a_process)
{
	pid_t child;
	int status;

	if (self->pins < 0)
		SKIP(return, "the kernel does not count pinned pages");
	ASSERT_OK(dxg_fault_plan(HOLD("DESTROYPROCESS")));
	child = begin(lend_and_end);
	ASSERT_LT(0, child);
	ASSERT_TRUE(ends(child, &status));
	ASSERT_EQ(0, status);
	ASSERT_TRUE(dxg_faults_reach(1));
	dxg_sleep_ms(LONG_MS);
}

TEST_F(slow, late_answer_to_the_end_of_a_process)
{
	pid_t child;
	int status;

	ASSERT_OK(dxg_fault_plan(HOLD_ANSWER("DESTROYDEVICE")
				 HOLD_ANSWER("DESTROYPROCESS")));
	child = begin(lend_and_end);
	ASSERT_LT(0, child);
	ASSERT_TRUE(ends(child, &status));
	ASSERT_EQ(0, status);
	ASSERT_TRUE(dxg_faults_reach(1));
	dxg_sleep_ms(LONG_MS);
	/* What ends next is told in its turn. */
	ASSERT_OK(dxg_fault_plan(HOLD_ANSWER("DESTROYPROCESS")));
	ASSERT_TRUE(dxg_faults_reach(1));
	dxg_sleep_ms(LONG_MS);
}

/* Lends memory to the GPU, says so, and waits to be killed. */
static int lend_and_wait(int socket)
{
	struct dxg_gpu gpu;
	__u32 allocation;
	int result = dxg_gpu_open(&gpu, false) ?:
		dxg_create_over(&gpu, dxg_memory(SIZE), SIZE, false, &allocation);

	if (!result && write(socket, "+", 1) == 1)
		pause();
	return result;
}

/*
 * Messages of a process that was killed are still in the ring of its adapter: the process
 * does not end on the other channel before the host has read them, as they may name its
 * memory.
 */
TEST_F(slow, end_of_a_process_overtakes_nothing)
{
	int ends_of[2], status;
	pid_t child;
	char byte;

	if (self->pins < 0)
		SKIP(return, "the kernel does not count pinned pages");
	if (dxg_asynchronous())
		SKIP(return, "all messages are on one channel");
	ASSERT_EQ(0, pipe2(ends_of, O_CLOEXEC));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(-lend_and_wait(ends_of[1]));
	close(ends_of[1]);
	ASSERT_EQ(1, read(ends_of[0], &byte, 1));
	close(ends_of[0]);
	ASSERT_OK(dxg_fault_plan("[[fault]]\ndo = \"stall-ring\"\nchannel = 0\n"));
	EXPECT_OK(kill(child, SIGKILL));
	EXPECT_TRUE(ends(child, &status));
	EXPECT_EQ(SIGKILL, status);
	dxg_sleep_ms(2 * LONG_MS);
	EXPECT_EQ(self->pins + PAGES, dxg_pins());
}

/* The adapter whose ring is filled, and with how many messages of which size */
static struct winluid luid;

#define FILLERS		8
#define FILLER_SIZE	0x10000

/* Sends a large message over the adapter's own channel. */
static int fill_ring(void)
{
	static char data[FILLER_SIZE];
	struct d3dkmt_escape args = {
		.priv_drv_data = (uintptr_t)data,
		.priv_drv_data_size = sizeof(data),
	};
	int fd = dxg_open();

	return fd < 0 ? fd : dxg_open_adapter(fd, luid, &args.adapter.v) ?:
		dxg_ioctl(fd, LX_DXESCAPE, &args);
}

/*
 * The ring is full, and when the host has read from it, it does not say so: whoever waits
 * for room looks again.
 */
TEST_F(slow, room_without_interrupts)
{
	pid_t children[FILLERS];
	struct dxg_gpu gpu;
	int status;

	ASSERT_OK(dxg_gpu_open(&gpu, false));
	luid = gpu.luid;
	dxg_gpu_close(&gpu);
	ASSERT_OK(dxg_fault_plan("[[fault]]\ndo = \"stall-ring\"\nchannel = 0\ndelay_ms = 10000\n"
				 "[[fault]]\ndo = \"no-interrupt\"\nchannel = 0\n"));
	for (int i = 0; i < FILLERS; i++) {
		children[i] = begin(fill_ring);
		ASSERT_LT(0, children[i]);
	}
	for (int i = 0; i < FILLERS; i++) {
		EXPECT_TRUE(ends(children[i], &status));
		EXPECT_EQ(0, status);
	}
}

DXG_REQUIRE_COUNTS

TEST_HARNESS_MAIN
