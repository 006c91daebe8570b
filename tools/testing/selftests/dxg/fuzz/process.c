// SPDX-License-Identifier: GPL-2.0
/* A process of a round: its threads, and the one that interrupts steps that take long. */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "fuzz.h"

/* Of a hundred steps so many are calls. */
#define CALLS_OF_100		80
/* How often threads are looked at, in ms, and at how many looks a step is interrupted */
#define LOOK_MS			50
#define LOOKS_MAX		3
/* A child that goes on makes so many steps at most. */
#define CHILD_STEPS		60
/* The user of processes that have no rights */
#define NOBODY			65534

static __thread struct fuzz_thread *self;

/* A step that touches memory that is gone ends; what the kernel touches is its own matter. */
static void recover(int signal)
{
	if (!self || !self->guarded)
		_exit(128 + signal);
	self->guarded = false;
	siglongjmp(self->recover, 1);
}

static void interrupt(int signal)
{
}

static void set_signals(void)
{
	struct sigaction action = { .sa_handler = recover, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	/* Calls are not begun again after this one. */
	action.sa_handler = interrupt;
	sigaction(SIGUSR1, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGIO, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
}

static void make_step(struct fuzz_thread *thread)
{
	struct fuzz_shared *shared = thread->shared;
	__u64 place = (__u64)shared->round << 32 | thread->index << 24;

	thread->random = fuzz_stream(shared->seed, place + thread->stream,
				     (__u64)thread->number << 32 | thread->step);
	if (fuzz_below(&thread->random, 100) < CALLS_OF_100)
		fuzz_make_call(thread);
	else
		fuzz_act(thread);
}

static void make_steps(struct fuzz_thread *thread, unsigned int count)
{
	unsigned int end = count ? thread->step + count : ~0u;

	/* A step that stumbles over memory that is gone is not made again. */
	if (sigsetjmp(thread->recover, 1)) {
		__atomic_fetch_add(&thread->shared->stumbles, 1, __ATOMIC_RELAXED);
		thread->step++;
	}
	for (; thread->step < end; thread->step++) {
		thread->guarded = true;
		make_step(thread);
		thread->guarded = false;
	}
}

static int open_nth(const struct fuzz_thread *thread)
{
	int descriptor = -1;

	if (thread->shared->faults)
		descriptor = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return descriptor < 0 ? -1 : fuzz_keep(descriptor);
}

static void *run_thread(void *data)
{
	struct fuzz_thread *thread = data;

	self = thread;
	thread->nth = open_nth(thread);
	/* The others go on meanwhile, as the host may not answer. */
	if (!thread->number)
		fuzz_make_scene(thread);
	make_steps(thread, thread->shared->steps);
	return NULL;
}

void fuzz_run_child(struct fuzz_thread *thread)
{
	struct fuzz_random random = thread->random;
	unsigned int end = fuzz_below(&random, 8);

	self = thread;
	close(thread->nth);
	thread->nth = open_nth(thread);
	thread->step = 0;
	make_steps(thread, 1 + fuzz_below(&random, CHILD_STEPS));
	if (end == 0 && !thread->shared->single)
		fuzz_execute(thread->index, thread->stream, fuzz_one_in(&random, 2));
	else if (end == 1)
		raise(SIGKILL);
	while (end < 4 && !thread->shared->single)
		pause();
	_exit(0);
}

void fuzz_execute(unsigned int index, unsigned int stream, bool compat)
{
	static const char suffix[] = "_32";
	char path[256], number[16], where[16];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - sizeof(suffix));
	size_t tail = sizeof(suffix) - 1;

	if (length <= 0)
		return;
	path[length] = '\0';
	if ((size_t)length > tail && !strcmp(path + length - tail, suffix))
		path[length - tail] = '\0';
	if (compat)
		strcat(path, suffix);
	snprintf(number, sizeof(number), "%u", index);
	snprintf(where, sizeof(where), "%u", stream);
	execl(path, path, "--join", number, where, NULL);
}

/* What a process differs in, as far as it decides that itself */
static void differ(unsigned int flags)
{
	struct rlimit few = { .rlim_cur = 40, .rlim_max = 1024 };

	if (flags & FUZZ_LOCK_ALL)
		mlockall(MCL_CURRENT | MCL_FUTURE);
	if (flags & FUZZ_FEW_FILES)
		setrlimit(RLIMIT_NOFILE, &few);
	if (flags & FUZZ_NOBODY && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
				    setresuid(NOBODY, NOBODY, NOBODY)))
		_exit(1);
}

/* Interrupts steps that do not end by themselves, for ever or until all threads have ended. */
static void interrupt_steps(struct fuzz_thread *threads, unsigned int count)
{
	unsigned int seen[FUZZ_THREADS] = {}, looks[FUZZ_THREADS] = {}, ended = 0;

	while (ended < count) {
		poll(NULL, 0, LOOK_MS);
		ended = 0;
		for (unsigned int i = 0; i < count; i++) {
			unsigned int step = __atomic_load_n(&threads[i].step, __ATOMIC_RELAXED);

			looks[i] = step == seen[i] ? looks[i] + 1 : 0;
			seen[i] = step;
			if (threads[i].shared->steps && step >= threads[i].shared->steps)
				ended++;
			else if (looks[i] >= LOOKS_MAX)
				pthread_kill(threads[i].id, SIGUSR1);
		}
	}
}

void fuzz_run_process(struct fuzz_shared *shared, unsigned int index, unsigned int stream)
{
	static struct fuzz_thread threads[FUZZ_THREADS];
	static struct fuzz_space space;
	struct fuzz_process *process = &shared->process[index];
	unsigned int count = process->threads;

	set_signals();
	if (!fuzz_space_open(&space))
		_exit(1);
	for (unsigned int i = 0; i < count; i++) {
		threads[i] = (struct fuzz_thread){
			.shared = shared,
			.process = process,
			.space = &space,
			.index = index,
			.number = i,
			.stream = stream,
			.nth = -1,
			.random = fuzz_stream(shared->seed, shared->round, index << 8 | i),
		};
		if (!fuzz_arena_open(&threads[i]))
			_exit(1);
	}
	fuzz_files_open(&threads[0]);
	differ(process->flags);
	for (unsigned int i = 0; i < count; i++) {
		if (pthread_create(&threads[i].id, NULL, run_thread, &threads[i]))
			_exit(1);
	}
	interrupt_steps(threads, count);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i].id, NULL);
	_exit(0);
}
