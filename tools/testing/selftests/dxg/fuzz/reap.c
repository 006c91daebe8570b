// SPDX-License-Identifier: GPL-2.0
/* Ends groups of processes, see reap.h. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "reap.h"

/*
 * A process is killed within a second. A test that looks all 20 ms must find it waiting
 * five times as often before that counts as broken; and it gives up after so many ms.
 */
#define LOOK_MS		20
#define WAITS_MAX	250
#define STUCK_MS	120000

/* Which processes are meant */
struct set {
	pid_t id;
	/* Whether that is a session, and not a group */
	bool session;
};

/* What one look at them has found */
struct sight {
	/* Tasks that run or want to, and tasks that wait for something */
	unsigned int running;
	unsigned int waiting;
};

bool fuzz_adopt(void)
{
	return !prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

unsigned long fuzz_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ul + now.tv_nsec / 1000000;
}

bool fuzz_is_gone(pid_t group)
{
	while (waitpid(-group, NULL, WNOHANG | __WALL) > 0)
		;
	return kill(-group, 0) && errno == ESRCH;
}

/* The state of a task, and whether it belongs to the set; false if it is gone too. */
static bool read_stat(const char *path, const struct set *set, char *state)
{
	char line[512];
	FILE *stream = fopen(path, "r");
	const char *behind = NULL;
	int parent, group, session;

	if (stream && fgets(line, sizeof(line), stream))
		behind = strrchr(line, ')');
	if (stream)
		fclose(stream);
	return behind && sscanf(behind + 1, " %c %d %d %d", state, &parent, &group, &session) == 4 &&
		(set->session ? session : group) == set->id;
}

static void print_file(const char *path)
{
	char line[256];
	FILE *stream = fopen(path, "r");

	while (stream && fgets(line, sizeof(line), stream))
		printf("#   %s", line);
	if (stream)
		fclose(stream);
}

/* Calls @visit for each task of a process, with its directory and its state. */
static void visit_tasks_of(const char *process, const struct set *set,
			   void (*visit)(const char *task, char state, void *data), void *data)
{
	char path[600], state;
	struct dirent *task;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%.32s/task", process);
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		if (task->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%.32s/task/%s/stat", process, task->d_name);
		if (!read_stat(path, set, &state))
			continue;
		path[strlen(path) - strlen("/stat")] = '\0';
		visit(path, state, data);
	}
	if (tasks)
		closedir(tasks);
}

/* The same for all processes of the set; how many there are, dead ones too */
static unsigned int visit_tasks(const struct set *set,
				void (*visit)(const char *task, char state, void *data), void *data)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	unsigned int count = 0;

	while (processes && (entry = readdir(processes))) {
		char path[64], state;

		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%.32s/stat", entry->d_name);
		if (!read_stat(path, set, &state))
			continue;
		visit_tasks_of(entry->d_name, set, visit, data);
		count++;
	}
	if (processes)
		closedir(processes);
	return count;
}

static void kill_task(const char *task, char state, void *data)
{
	/* "/proc/PID/task/TID" */
	kill(strtol(task + strlen("/proc/"), NULL, 10), SIGKILL);
}

static void skip_task(const char *task, char state, void *data)
{
}

bool fuzz_is_session_gone(pid_t session)
{
	const struct set set = { .id = session, .session = true };

	while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
		;
	return !visit_tasks(&set, skip_task, NULL);
}

static void note(const char *task, char state, void *data)
{
	struct sight *sight = data;

	sight->running += state == 'R';
	/* What is dead waits for its parent only. */
	sight->waiting += !strchr("RZX", state);
}

static void print_task(const char *task, char state, void *data)
{
	char path[320];

	if (strchr("ZX", state))
		return;
	printf("# %s is in state %c\n", task, state);
	snprintf(path, sizeof(path), "%s/stack", task);
	print_file(path);
}

static void kill_all(const struct set *set)
{
	if (set->session)
		visit_tasks(set, kill_task, NULL);
	else
		kill(-set->id, SIGKILL);
}

static bool is_gone(const struct set *set)
{
	return set->session ? fuzz_is_session_gone(set->id) : fuzz_is_gone(set->id);
}

static void end_set(struct fuzz_reap *reap, const struct set *set)
{
	unsigned long start = fuzz_now_ms(), took;
	unsigned int waits = 0;

	kill_all(set);
	reap->kills++;
	while (!is_gone(set)) {
		struct sight sight = {};

		poll(NULL, 0, LOOK_MS);
		/* A process of a session may have been made meanwhile. */
		if (set->session)
			kill_all(set);
		visit_tasks(set, note, &sight);
		waits += sight.waiting && !sight.running;
		if (waits == WAITS_MAX) {
			waits++;
			reap->overdue++;
			printf("# %d was killed and waits:\n", set->id);
			visit_tasks(set, print_task, NULL);
			fflush(stdout);
		}
		if (fuzz_now_ms() - start > STUCK_MS) {
			printf("# %d does not end:\n", set->id);
			visit_tasks(set, print_task, NULL);
			fflush(stdout);
			reap->stuck = true;
			break;
		}
	}
	took = fuzz_now_ms() - start;
	if (took > reap->longest_ms)
		reap->longest_ms = took;
}

void fuzz_end_group(struct fuzz_reap *reap, pid_t group)
{
	const struct set set = { .id = group };

	end_set(reap, &set);
}

void fuzz_end_session(struct fuzz_reap *reap, pid_t session)
{
	const struct set set = { .id = session, .session = true };

	end_set(reap, &set);
}
