// SPDX-License-Identifier: GPL-2.0
/*
 * Random calls, from many threads of many processes that are killed at random, with
 * arguments of every kind: see fuzz/. Whatever they do, each process ends when it is killed,
 * nothing of it stays behind, in the driver, on the host or as a pinned page, and the
 * module can be unloaded. Finds faults best on a kernel that watches.
 *
 * DXG_SEED=N repeats what a run has said it did; DXG_SECONDS=N is how long it goes on;
 * DXG_ROUND=N makes that round only, and DXG_SINGLE=1 makes rounds of one process with one
 * thread, which repeat exactly, step by step; DXG_VERBOSE=1 prints each call. With
 * DXG_HOSTILE=1 the host does not keep to the protocol, and its count of objects says nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dxg_count.h"
#include "dxg_fault.h"
#include "dxg_memory.h"
#include "dxg_module.h"
#include "fuzz/fuzz.h"
#include "fuzz/reap.h"
#include "kselftest.h"

/*
 * How many calls a round consists of and how long it takes at most, in ms. A process is
 * killed after about so many calls, and at the latest after so many ms.
 */
#define ROUND_CALLS		2500
#define ROUND_MS		10000
#define KILL_CALLS		250
#define KILL_MS			2000
#define LOOK_MS			20
/* Steps of the thread of a round that is to be repeated */
#define SINGLE_STEPS		1500
#define PROGRESS_MS		10000
/* How many times as long as it should it takes at most, until every call was made */
#define SLOWEST			20
/* A control group with so much memory is tight. */
#define CONTROL_GROUP		"/tmp/dxg-fuzz"
#define TIGHT_MEMORY		"16777216"

struct run {
	struct fuzz_shared *shared;
	struct fuzz_reap reap;
	unsigned int seconds;
	/* The only round, or negative */
	long round;
	bool hostile;
	bool compat;
	bool tight;
	unsigned int processes;
	unsigned int rounds;
	struct dxg_count before;
	long pins;
	/* The round after which something was left */
	bool left;
};

static int interrupted;

static void stop(int signal)
{
	__atomic_store_n(&interrupted, 1, __ATOMIC_RELAXED);
}

static bool is_interrupted(void)
{
	return __atomic_load_n(&interrupted, __ATOMIC_RELAXED);
}

static unsigned long number(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static struct fuzz_shared *map_shared(void)
{
	void *memory = mmap(NULL, sizeof(struct fuzz_shared), PROT_READ | PROT_WRITE, MAP_SHARED,
			    FUZZ_FD_SHARED, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/* Descriptors that every process of a round finds at their place */
static struct fuzz_shared *make_shared(void)
{
	int memory = memfd_create("fuzz", 0), ends[2];

	if (memory < 0 || ftruncate(memory, sizeof(struct fuzz_shared)) ||
	    socketpair(AF_UNIX, SOCK_DGRAM, 0, ends) || dup2(memory, FUZZ_FD_SHARED) < 0 ||
	    dup2(ends[0], FUZZ_FD_SEND) < 0 || dup2(ends[1], FUZZ_FD_RECEIVE) < 0)
		return NULL;
	close(memory);
	close(ends[0]);
	close(ends[1]);
	return map_shared();
}

/* Files that are on their way to a process that did not take them */
static void drop_messages(void)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr header;
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	int descriptor;

	for (;;) {
		struct msghdr message = {
			.msg_iov = &data,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};

		if (recvmsg(FUZZ_FD_RECEIVE, &message, MSG_DONTWAIT) < 0)
			return;
		if (!message.msg_controllen || control.header.cmsg_type != SCM_RIGHTS)
			continue;
		memcpy(&descriptor, CMSG_DATA(&control.header), sizeof(descriptor));
		close(descriptor);
	}
}

/* Makes a control group with little memory; false where there are none. */
static bool open_control_group(void)
{
	mkdir(CONTROL_GROUP, 0700);
	if (mount("fuzz", CONTROL_GROUP, "cgroup2", 0, NULL))
		return false;
	return dxg_write_file(CONTROL_GROUP "/cgroup.subtree_control", "+memory") &&
		(!mkdir(CONTROL_GROUP "/tight", 0700) || errno == EEXIST) &&
		dxg_write_file(CONTROL_GROUP "/tight/memory.max", TIGHT_MEMORY);
}

static void close_control_group(void)
{
	rmdir(CONTROL_GROUP "/tight");
	umount(CONTROL_GROUP);
	rmdir(CONTROL_GROUP);
}

/* In the child: what a process differs in before it is one of the fuzzer's */
static void become(const struct run *run, unsigned int index, unsigned int stream)
{
	struct fuzz_process *process = &run->shared->process[index];

	setpgid(0, 0);
	if (process->flags & FUZZ_TIGHT)
		dxg_write_file(CONTROL_GROUP "/tight/cgroup.procs", "0");
	if (process->flags & FUZZ_NAMESPACE && !unshare(CLONE_NEWPID)) {
		pid_t child = fork();

		if (child) {
			waitpid(child, NULL, 0);
			_exit(0);
		}
	}
	if (process->flags & FUZZ_COMPAT)
		fuzz_execute(index, stream, true);
	fuzz_run_process(run->shared, index, stream);
}

static unsigned int draw_flags(const struct run *run, struct fuzz_random *random)
{
	unsigned int flags = 0;

	for (int i = 0; i < FUZZ_FLAGS; i++)
		flags |= fuzz_one_in(random, 5) << i;
	if (!run->compat)
		flags &= ~FUZZ_COMPAT;
	if (!run->tight || run->shared->single)
		flags &= ~FUZZ_TIGHT;
	return flags;
}

/* Starts a process of the round, or another one in the place of one that has ended. */
static void start(struct run *run, struct fuzz_random *random, unsigned int index)
{
	struct fuzz_shared *shared = run->shared;
	struct fuzz_process *process = &shared->process[index];
	unsigned int stream = process->started + 1;
	pid_t child;

	memset(process, 0, sizeof(*process));
	process->started = stream;
	process->threads = shared->single ? 1 : 1 + fuzz_below(random, FUZZ_THREADS);
	process->flags = draw_flags(run, random);
	fflush(NULL);
	child = fork();
	if (!child)
		become(run, index, stream);
	if (child < 0)
		ksft_exit_fail_msg("fork: %s\n", strerror(errno));
	/* Here too, as the group must exist when it is killed. */
	setpgid(child, child);
	process->pid = child;
	run->processes++;
}

/* Ends a process, if it has not done so by itself. */
static void end(struct run *run, unsigned int index)
{
	struct fuzz_process *process = &run->shared->process[index];
	pid_t pid = process->pid;

	if (!pid)
		return;
	if (!fuzz_is_gone(pid))
		fuzz_end_group(&run->reap, pid);
	process->pid = 0;
}

/* Forgets processes that have ended, and, if the round goes on, starts others; whether any is there */
static bool look_after(struct run *run, struct fuzz_random *random)
{
	struct fuzz_shared *shared = run->shared;
	bool any = false;

	for (unsigned int i = 0; i < shared->processes; i++) {
		struct fuzz_process *process = &shared->process[i];

		if (process->pid && fuzz_is_gone(process->pid))
			process->pid = 0;
		if (!process->pid && !shared->single)
			start(run, random, i);
		any |= process->pid != 0;
	}
	return any;
}

static void make_round(struct run *run)
{
	struct fuzz_shared *shared = run->shared;
	struct fuzz_random random = fuzz_stream(shared->seed, shared->round, 0);
	unsigned long begin = fuzz_now_ms(), last_kill = begin, now = begin;
	unsigned int first = shared->calls_made, next_kill = first + KILL_CALLS;

	memset(shared->process, 0, sizeof(shared->process));
	shared->processes = shared->single ? 1 : 2 + fuzz_below(&random, FUZZ_PROCESSES - 1);
	for (unsigned int i = 0; i < shared->processes; i++)
		start(run, &random, i);
	while (!is_interrupted() && !run->reap.stuck && look_after(run, &random)) {
		poll(NULL, 0, LOOK_MS);
		now = fuzz_now_ms();
		if (shared->single)
			continue;
		if (shared->calls_made - first >= ROUND_CALLS || now - begin >= ROUND_MS)
			break;
		if (shared->calls_made >= next_kill || now - last_kill >= KILL_MS) {
			end(run, fuzz_below(&random, shared->processes));
			last_kill = now;
			next_kill = shared->calls_made + fuzz_below(&random, 2 * KILL_CALLS);
		}
	}
	for (unsigned int i = 0; i < shared->processes; i++)
		end(run, i);
	drop_messages();
	run->rounds++;
}

static void print_progress(const struct run *run, unsigned long ms)
{
	const struct fuzz_shared *shared = run->shared;
	unsigned int worked = 0;

	for (int i = 0; i < FUZZ_CALLS; i++)
		worked += shared->count[i][0];
	ksft_print_msg("%lu s: %u calls, %u of them worked, %u other actions, %u faults, %u rounds, %u processes, %u kills, the slowest took %u ms\n",
		       ms / 1000, shared->calls_made, worked, shared->actions, shared->faults_done,
		       run->rounds, run->processes, run->reap.kills, run->reap.longest_ms);
	fflush(stdout);
}

/* Each call with its results: 0, and numbers of errors */
static void print_counts(const struct fuzz_shared *shared)
{
	for (int i = 0; i < FUZZ_CALLS; i++) {
		printf("# %s:", fuzz_calls[i].name);
		for (int error = 0; error < FUZZ_ERRNOS; error++) {
			if (shared->count[i][error])
				printf(" %d: %u", error, shared->count[i][error]);
		}
		printf("\n");
	}
	printf("# %u were answered with a status that is no failure, %u steps met memory that was gone\n",
	       shared->pending, shared->stumbles);
}

/* Whether nothing is left of a round, where the host keeps to the protocol */
static bool is_clean(const struct run *run)
{
	if (run->hostile)
		return true;
	if (dxg_count_returns(&run->before) && dxg_pins_return(run->pins))
		return true;
	ksft_print_msg("left after round %u of DXG_SEED=%llu\n", run->shared->round,
		       (unsigned long long)run->shared->seed);
	return false;
}

static int count_made(const struct fuzz_shared *shared, bool worked)
{
	int made = 0;

	for (int i = 0; i < FUZZ_CALLS; i++) {
		bool found = false;

		for (int error = 0; error < (worked ? 1 : FUZZ_ERRNOS); error++)
			found |= shared->count[i][error] != 0;
		made += found;
	}
	return made;
}

/* Whether every call was made, and most of them have worked at least once */
static bool is_covered(const struct run *run)
{
	return count_made(run->shared, false) == FUZZ_CALLS &&
	       count_made(run->shared, true) > FUZZ_CALLS * 3 / 4;
}

/* Whether there is more to do: until the time is over, and longer on a machine that was slow. */
static bool goes_on(const struct run *run, unsigned long ms)
{
	unsigned long limit = run->seconds * 1000ul;

	if (is_interrupted() || run->reap.stuck)
		return false;
	return ms < limit || (!run->hostile && !is_covered(run) && ms < limit * SLOWEST);
}

static void make_rounds(struct run *run)
{
	unsigned long begin = fuzz_now_ms(), shown = begin, now = begin;

	while (goes_on(run, now - begin)) {
		if (run->round >= 0)
			run->shared->round = run->round;
		/* What the host has broken in the last round is mended for the next one. */
		if (run->hostile)
			dxg_renew_everything();
		make_round(run);
		run->left = !is_clean(run);
		now = fuzz_now_ms();
		if (now - shown >= PROGRESS_MS) {
			shown = now;
			print_progress(run, now - begin);
		}
		if (run->left || run->round >= 0)
			break;
		run->shared->round++;
	}
	print_progress(run, now - begin);
}

static void set_up(struct run *run)
{
	char path[256];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof("_32"));
	int nth = dxg_fault_open();

	run->shared = make_shared();
	if (!run->shared || !fuzz_adopt() || length <= 0)
		ksft_exit_fail_msg("set-up: %s\n", strerror(errno));
	memcpy(path + length, "_32", sizeof("_32"));
	run->compat = !access(path, X_OK);
	run->tight = open_control_group();
	run->shared->faults = nth >= 0;
	close(nth);
	run->shared->seed = number("DXG_SEED", time(NULL) * 1000003ul + getpid());
	run->shared->single = number("DXG_SINGLE", 0);
	run->shared->verbose = number("DXG_VERBOSE", 0);
	run->shared->steps = run->shared->single ? SINGLE_STEPS : 0;
	run->seconds = number("DXG_SECONDS", 45);
	run->round = getenv("DXG_ROUND") ? (long)number("DXG_ROUND", 0) : -1;
	run->hostile = number("DXG_HOSTILE", 0);
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
}

int main(int argc, char **argv)
{
	static struct run run;
	const char *module = getenv("DXG_MODULE");
	int adapters;

	if (argc == 4 && !strcmp(argv[1], "--join")) {
		run.shared = map_shared();
		if (!run.shared)
			return 1;
		fuzz_run_process(run.shared, atoi(argv[2]), strtoul(argv[3], NULL, 0));
	}
	/* This process asks no host for anything that may not answer. */
	if (!number("DXG_HOSTILE", 0))
		dxg_require_device();
	dxg_require_counts();
	ksft_print_header();
	set_up(&run);
	adapters = run.hostile ? 0 : dxg_count_adapters();
	ksft_print_msg("DXG_SEED=%llu%s%s%s%s\n", (unsigned long long)run.shared->seed,
		       run.shared->single ? " DXG_SINGLE=1" : "", run.compat ? "" : ", no programs of 32 bits",
		       run.tight ? "" : ", no control groups", run.shared->faults ? "" : ", no faults");
	fflush(stdout);
	/*
	 * Who waits for a hostile host to take leave of everybody waits in vain, and it may have
	 * pages of those who were here before. When the module has gone, it has none.
	 */
	if (!run.hostile) {
		dxg_count_take(&run.before);
		run.pins = dxg_pins();
	}
	make_rounds(&run);
	if (number("DXG_COUNTS", 1))
		print_counts(run.shared);
	close_control_group();

	ksft_set_plan(5);
	ksft_test_result((run.reap.kills || run.shared->single) && !run.reap.overdue &&
			 !run.reap.stuck,
			 "processes end when they are killed\n");
	ksft_test_result(!run.left, "nothing is left of them, in the driver, on the host, or pinned\n");
	ksft_test_result(run.hostile || run.round >= 0 ||
			 is_covered(&run), "every call was made, and most have worked\n");
	if (!module || run.reap.stuck) {
		ksft_test_result_skip("the module can be unloaded\n");
		ksft_test_result_skip("the module can be loaded again\n");
	} else {
		bool gone = dxg_unload();

		ksft_test_result(gone, "the module can be unloaded\n");
		ksft_test_result(gone && dxg_pins_return(run.pins) && !dxg_load() &&
				 (run.hostile || dxg_adapters_return(adapters)),
				 "no page stays pinned, and the module can be loaded again\n");
	}
	ksft_finished();
}
