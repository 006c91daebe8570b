// SPDX-License-Identifier: GPL-2.0
/*
 * Which results of which ioctls a program has seen: one line at its end, which
 * scripts/check-coverage compares with errors.csv.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dxg_utils.h"
#include "kselftest.h"

/* Request numbers of the ABI, and errno numbers of the kernel: both with the 0 */
#define NUMBERS		0x4a
#define ERRNOS		134

/* Shared with every child: most calls happen in the processes the harness forks. */
static unsigned char (*seen)[ERRNOS];
static pid_t owner;

static void print_coverage(void)
{
	/* A child that exits has not seen everything yet. */
	if (getpid() != owner)
		return;
	printf("# coverage:");
	for (int number = 0; number < NUMBERS; number++) {
		for (int error = 0; error < ERRNOS; error++) {
			if (seen[number][error])
				printf(" %02x:%d", number, error);
		}
	}
	printf("\n");
}

void dxg_coverage_start(void)
{
	void *memory;

	if (seen)
		return;
	memory = mmap(NULL, NUMBERS * sizeof(*seen), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		ksft_exit_fail_msg("no memory: %s\n", strerror(errno));
	seen = memory;
	owner = getpid();
	atexit(print_coverage);
}

void dxg_coverage_record(unsigned int request, int result)
{
	unsigned int number = _IOC_NR(request);
	/* A positive result is a status of the host which is no failure. */
	int error = result < 0 ? -result : 0;

	if (seen && _IOC_TYPE(request) == 'G' && number < NUMBERS && error < ERRNOS)
		seen[number][error] = 1;
}
