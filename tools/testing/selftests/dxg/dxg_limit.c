// SPDX-License-Identifier: GPL-2.0
/*
 * dxg_limit SECONDS PROGRAM [ARGUMENT...] : runs a program whose results do not count, as its
 * host is hostile, and ends it when the time is over, with all that it has started. What
 * counts is that all of them end then: the one test of this program.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dxg_module.h"
#include "fuzz/reap.h"
#include "kselftest.h"

#define LOOK_MS		100

/* Becomes the program, which nobody listens to. */
static void become(char **argv)
{
	int nothing = open("/dev/null", O_RDWR);

	setsid();
	dup2(nothing, STDIN_FILENO);
	dup2(nothing, STDOUT_FILENO);
	dup2(nothing, STDERR_FILENO);
	execv(argv[0], argv);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct fuzz_reap reap = {};
	unsigned long limit, begin = fuzz_now_ms();
	pid_t child;

	if (argc < 3) {
		fprintf(stderr, "usage: dxg_limit SECONDS PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	limit = strtoul(argv[1], NULL, 10) * 1000;
	ksft_print_header();
	ksft_set_plan(1);
	if (!fuzz_adopt() || access(argv[2], X_OK))
		ksft_exit_fail_msg("%s: %s\n", argv[2], strerror(errno));
	/* What the host has broken before is mended. */
	dxg_renew_everything();
	fflush(NULL);
	child = fork();
	if (!child)
		become(argv + 2);
	if (child < 0)
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	do {
		poll(NULL, 0, LOOK_MS);
	} while (!fuzz_is_session_gone(child) && fuzz_now_ms() - begin < limit);
	if (!fuzz_is_session_gone(child))
		fuzz_end_session(&reap, child);
	ksft_print_msg("%s: %lu ms, %s\n", argv[2], fuzz_now_ms() - begin,
		       reap.kills ? "killed" : "ended by itself");
	ksft_test_result(!reap.overdue && !reap.stuck, "%s ends, at the latest when it is killed\n",
			 argv[2]);
	ksft_finished();
}
