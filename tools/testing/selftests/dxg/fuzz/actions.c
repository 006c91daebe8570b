// SPDX-License-Identifier: GPL-2.0
/* What threads do besides calls: to their memory and files, to each other, and to themselves. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"
#include "../dxg_count.h"

/* How many children of a process there may be at a time */
#define CHILDREN_MAX	3

static struct fuzz_process *draw_process(struct fuzz_thread *thread)
{
	struct fuzz_shared *shared = thread->shared;

	return &shared->process[fuzz_below(&thread->random, shared->processes)];
}

/* A child with this thread alone; in a run that is to be replayed it is waited for. */
static void make_child(struct fuzz_thread *thread)
{
	struct fuzz_process *process = thread->process;
	bool single = thread->shared->single;
	pid_t child;

	if (thread->in_child)
		return;
	if (__atomic_add_fetch(&process->children, 1, __ATOMIC_RELAXED) > CHILDREN_MAX) {
		__atomic_fetch_sub(&process->children, 1, __ATOMIC_RELAXED);
		return;
	}
	child = fork();
	if (!child) {
		thread->in_child = true;
		thread->stream += (fuzz_next(&thread->random) & 0xffff) << 8;
		fuzz_run_child(thread);
	}
	if (child < 0 || (single && waitpid(child, NULL, 0) == child))
		__atomic_fetch_sub(&process->children, 1, __ATOMIC_RELAXED);
}

/* Children that have ended make room for others. */
static void collect_children(struct fuzz_thread *thread)
{
	while (!thread->in_child && waitpid(-1, NULL, WNOHANG) > 0)
		__atomic_fetch_sub(&thread->process->children, 1, __ATOMIC_RELAXED);
}

static void become_another(struct fuzz_thread *thread)
{
	/* A thread alone goes on as it is, more often. */
	if (thread->shared->single || fuzz_below(&thread->random, 8))
		return;
	fuzz_execute(thread->index, thread->stream + (fuzz_next(&thread->random) & 0xffff),
		     fuzz_one_in(&thread->random, 2));
}

/* Stops another process of the round for a moment, and looks at its memory. */
static void trace(struct fuzz_thread *thread)
{
	pid_t pid = draw_process(thread)->pid;

	if (pid <= 0 || ptrace(PTRACE_SEIZE, pid, NULL, NULL))
		return;
	ptrace(PTRACE_INTERRUPT, pid, NULL, NULL);
	for (int i = 0; i < 10; i++) {
		if (waitpid(pid, NULL, WNOHANG | __WALL) == pid)
			break;
		poll(NULL, 0, 5);
	}
	for (int i = 0; i < FUZZ_MAPPINGS; i++) {
		void *address = (void *)(uintptr_t)thread->space->mapping[i].address;

		ptrace(PTRACE_PEEKDATA, pid, address, NULL);
		ptrace(PTRACE_POKEDATA, pid, address, (void *)1ul);
	}
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
}

/* Reads, or writes, what another process has where the host's memory is in this one. */
static void reach_over(struct fuzz_thread *thread)
{
	struct fuzz_mapping mapping = FUZZ_ONE_OF(&thread->random, thread->space->mapping);
	void *address = (void *)(uintptr_t)mapping.address;
	struct iovec local = { .iov_base = thread->scratch, .iov_len = 64 };
	struct iovec remote = { .iov_base = address, .iov_len = 64 };
	pid_t pid = draw_process(thread)->pid;
	char path[64];
	int file;

	if (pid <= 0)
		return;
	process_vm_readv(pid, &local, 1, &remote, 1, 0);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		return;
	if (pread(file, thread->scratch, 64, (off_t)(uintptr_t)address) == 64)
		thread->odd = 0;
	close(file);
}

static void read_file(const char *path)
{
	char text[4096];
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		return;
	while (read(file, text, sizeof(text)) > 0)
		;
	close(file);
}

/* What the kernel and the driver tell about another process, and about all of them */
static void read_about(struct fuzz_thread *thread)
{
	static const char *const files[] = { "smaps", "maps", "status", "numa_maps", "stack" };
	pid_t pid = draw_process(thread)->pid;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, FUZZ_ONE_OF(&thread->random, files));
	read_file(path);
	read_file(DXG_DRIVER_OBJECTS);
}

static void lock_all(struct fuzz_thread *thread)
{
	if (fuzz_one_in(&thread->random, 3))
		mlockall(1 + fuzz_below(&thread->random, 7));
	else
		munlockall();
}

static void limit_files(struct fuzz_thread *thread)
{
	struct rlimit limit = { .rlim_max = RLIM_INFINITY };

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = fuzz_one_in(&thread->random, 2) ? limit.rlim_max :
		16 + fuzz_below(&thread->random, 48);
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* A signal to another process of the round. What is stopped is killed all the same. */
static void send_signal(struct fuzz_thread *thread)
{
	static const int signals[] = { SIGUSR1, SIGUSR1, SIGUSR1, SIGSTOP, SIGCONT, SIGCONT };
	pid_t pid = draw_process(thread)->pid;

	if (thread->shared->single || pid <= 0)
		return;
	if (fuzz_one_in(&thread->random, 16))
		kill(pid, SIGKILL);
	else
		kill(pid, FUZZ_ONE_OF(&thread->random, signals));
}

/* Ends this process, with threads in the middle of calls. */
static void end(struct fuzz_thread *thread)
{
	if (thread->shared->single || fuzz_below(&thread->random, 20))
		return;
	if (fuzz_one_in(&thread->random, 2))
		raise(SIGKILL);
	_exit(0);
}

/* Looks at, or changes, what the host shows. */
static void touch_mapping(struct fuzz_thread *thread)
{
	struct fuzz_mapping mapping = FUZZ_ONE_OF(&thread->random, thread->space->mapping);
	__u32 *word = (void *)(uintptr_t)mapping.address;

	if (!word)
		return;
	if (fuzz_one_in(&thread->random, 2))
		__atomic_store_n(word, fuzz_boundary(thread), __ATOMIC_RELAXED);
	else
		__atomic_load_n(word, __ATOMIC_RELAXED);
}

void fuzz_act(struct fuzz_thread *thread)
{
	struct fuzz_random *random = &thread->random;

	__atomic_fetch_add(&thread->shared->actions, 1, __ATOMIC_RELAXED);
	thread->odd = fuzz_one_in(random, 2) ? 0 : 4;
	thread->group = 0;
	switch (fuzz_below(random, 64)) {
	case 0 ... 19:
		fuzz_change_memory(thread);
		break;
	case 20 ... 35:
		fuzz_use_file(thread);
		break;
	case 36 ... 38:
		fuzz_send(thread);
		break;
	case 39 ... 41:
		fuzz_receive(thread);
		break;
	case 42 ... 46:
		touch_mapping(thread);
		break;
	case 47 ... 48:
		make_child(thread);
		break;
	case 49 ... 50:
		collect_children(thread);
		break;
	case 51 ... 52:
		fuzz_make_scene(thread);
		break;
	case 53:
		become_another(thread);
		break;
	case 54:
		trace(thread);
		break;
	case 55:
		reach_over(thread);
		break;
	case 56:
		read_about(thread);
		break;
	case 57:
		lock_all(thread);
		break;
	case 58:
		limit_files(thread);
		break;
	case 59 ... 61:
		send_signal(thread);
		break;
	case 62:
		poll(NULL, 0, fuzz_below(random, 5));
		break;
	default:
		end(thread);
	}
}
