// SPDX-License-Identifier: GPL-2.0
/* EnumProcesses: who holds a handle of an adapter, seen from each pid namespace. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "dxg_utils.h"
#include "dxg_harness.h"

#define ROOM	16
#define FILL	0xa5a5a5a5

FIXTURE(processes)
{
	int fd;
	struct winluid luid;
	__u32 pids[ROOM];
	__u64 count;
};

FIXTURE_SETUP(processes)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_first_luid(self->fd, &self->luid));
	/* What earlier tests left is torn down in the background. */
	ASSERT_TRUE(dxg_wait_unbound(self->fd, self->luid));
	memset(self->pids, FILL & 0xff, sizeof(self->pids));
	self->count = ROOM;
}

FIXTURE_TEARDOWN(processes)
{
	close(self->fd);
}

#define PROCESSES(buffer)	dxg_processes(self->fd, self->luid, buffer, &self->count)

#define ASSERT_OPEN() do {								\
	__u32 __handle = 0;								\
											\
	ASSERT_EQ(0, dxg_open_adapter(self->fd, self->luid, &__handle));		\
} while (0)

/* A child which holds a handle until it is told to end. */
struct child {
	pid_t pid;
	int stop;
};

static bool start_child_as(uid_t user, struct child *child, struct winluid luid)
{
	int stop[2], ready[2];
	char byte = 0;

	if (pipe(stop) || pipe(ready))
		return false;
	child->pid = fork();
	if (!child->pid) {
		__u32 handle = 0;
		int fd;

		if (user != getuid() && setresuid(user, user, user))
			_exit(1);
		fd = dxg_open();
		close(stop[1]);
		if (fd < 0 || dxg_open_adapter(fd, luid, &handle) || write(ready[1], "1", 1) != 1)
			_exit(1);
		_exit(read(stop[0], &byte, 1) != 0);
	}
	close(stop[0]);
	close(ready[1]);
	child->stop = stop[1];
	if (child->pid < 0 || read(ready[0], &byte, 1) != 1)
		return false;
	close(ready[0]);
	return true;
}

static bool start_child(struct child *child, struct winluid luid)
{
	return start_child_as(getuid(), child, luid);
}

static int stop_child(struct child *child)
{
	int status;

	close(child->stop);
	return waitpid(child->pid, &status, 0) == child->pid ? status : -1;
}

TEST_F(processes, only_when_bound)
{
	__u32 handle = 0;

	/* An open device is not enough. */
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(0, self->count);
	EXPECT_EQ(FILL, self->pids[0]);

	ASSERT_EQ(0, dxg_open_adapter(self->fd, self->luid, &handle));
	self->count = ROOM;
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(1, self->count);
	EXPECT_EQ(getpid(), self->pids[0]);
	EXPECT_EQ(FILL, self->pids[1]);

	ASSERT_EQ(0, dxg_close_adapter(self->fd, handle));
	self->count = ROOM;
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(0, self->count);
}

TEST_F(processes, no_buffer)
{
	/* Also when there is nothing to write */
	EXPECT_ERRNO(EOVERFLOW, PROCESSES(NULL));
	EXPECT_EQ(0, self->count);

	ASSERT_OPEN();
	self->count = 0;
	EXPECT_ERRNO(EOVERFLOW, PROCESSES(NULL));
	EXPECT_EQ(1, self->count);
	self->count = ROOM;
	EXPECT_ERRNO(EOVERFLOW, PROCESSES(NULL));
	EXPECT_EQ(1, self->count);
}

TEST_F(processes, no_room)
{
	self->count = 0;
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(0, self->count);
	ASSERT_OPEN();
	EXPECT_ERRNO(EOVERFLOW, PROCESSES(self->pids));
	EXPECT_EQ(1, self->count);
	EXPECT_EQ(FILL, self->pids[0]);
	/* Exactly enough */
	EXPECT_EQ(0, PROCESSES(dxg_guarded(sizeof(__u32), 0)));
	EXPECT_EQ(1, self->count);
}

TEST_F(processes, unknown_luid)
{
	ASSERT_OPEN();
	self->luid.a = ~self->luid.a;
	EXPECT_ERRNO(EINVAL, PROCESSES(self->pids));
	EXPECT_EQ(0, self->count);
	EXPECT_EQ(FILL, self->pids[0]);
	self->luid = DXG_NO_LUID;
	self->count = ROOM;
	EXPECT_ERRNO(EINVAL, PROCESSES(NULL));
	EXPECT_EQ(0, self->count);
}

TEST_F(processes, buffer_faults)
{
	__u32 pid = FILL;

	ASSERT_OPEN();
	EXPECT_ERRNO(EFAULT, PROCESSES(dxg_unmapped()));
	self->count = ROOM;
	EXPECT_ERRNO(EFAULT, PROCESSES(dxg_readonly(&pid, sizeof(pid))));
	self->count = ROOM;
	EXPECT_ERRNO(EFAULT, PROCESSES((char *)dxg_guarded(4, 0) + 1));
	/* Nothing to write: nothing to fault. */
	close(self->fd);
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(dxg_wait_unbound(self->fd, self->luid));
	self->count = ROOM;
	EXPECT_EQ(0, PROCESSES(dxg_unmapped()));
}

TEST_F(processes, two)
{
	struct child child;
	bool order;

	ASSERT_OPEN();
	ASSERT_TRUE(start_child(&child, self->luid));
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(2, self->count);
	order = self->pids[0] == getpid();
	EXPECT_EQ(getpid(), self->pids[!order]);
	EXPECT_EQ(child.pid, self->pids[order]);

	/* One place for two */
	self->count = 1;
	memset(self->pids, FILL & 0xff, sizeof(self->pids));
	EXPECT_ERRNO(EOVERFLOW, PROCESSES(self->pids));
	EXPECT_EQ(2, self->count);
	EXPECT_EQ(FILL, self->pids[0]);

	EXPECT_EQ(0, stop_child(&child));
	for (int i = 0; i < 1000 && dxg_bound(self->fd, self->luid, child.pid); i++)
		dxg_sleep_ms(10);
	EXPECT_EQ(0, dxg_bound(self->fd, self->luid, child.pid));
	EXPECT_EQ(1, dxg_bound(self->fd, self->luid, getpid()));
}

TEST_F(processes, per_adapter)
{
	struct dxg_list list;

	ASSERT_EQ(0, dxg_list(self->fd, &list));
	ASSERT_EQ(0, dxg_list_close(self->fd, &list));
	if (list.count < 2)
		SKIP(return, "needs two adapters");
	ASSERT_OPEN();
	EXPECT_EQ(1, dxg_bound(self->fd, list.adapter[0].adapter_luid, getpid()));
	EXPECT_EQ(0, dxg_bound(self->fd, list.adapter[1].adapter_luid, getpid()));
}

static void *open_in_thread(void *data)
{
	struct winluid *luid = data;
	__u32 handle = 0;
	int fd = dxg_open();

	if (fd >= 0 && dxg_open_adapter(fd, *luid, &handle)) {
		close(fd);
		fd = -1;
	}
	return (void *)(intptr_t)fd;
}

/* A process has the number of the process, whichever thread came first. */
TEST_F(processes, opened_by_thread)
{
	pthread_t thread;
	void *fd;

	close(self->fd);
	ASSERT_EQ(0, pthread_create(&thread, NULL, open_in_thread, &self->luid));
	ASSERT_EQ(0, pthread_join(thread, &fd));
	self->fd = (intptr_t)fd;
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(1, self->count);
	EXPECT_EQ(getpid(), self->pids[0]);
}

TEST_F(processes, killed)
{
	struct child child;

	ASSERT_TRUE(start_child(&child, self->luid));
	EXPECT_EQ(1, dxg_bound(self->fd, self->luid, child.pid));
	ASSERT_EQ(0, kill(child.pid, SIGKILL));
	EXPECT_EQ(SIGKILL, stop_child(&child));
	EXPECT_TRUE(dxg_wait_unbound(self->fd, self->luid));
}

#define NOBODY	65534

/* Becomes another user, and is seen by and sees what there is. */
static int look_as_nobody(void *data)
{
	struct winluid *luid = data;
	__u32 pids[ROOM], handle = 0;
	__u64 count = ROOM;
	int fd;

	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	fd = dxg_open();
	if (fd < 0)
		return fd;
	if (dxg_processes(fd, *luid, pids, &count) || count != 1 || pids[0] != getppid())
		return -ESRCH;
	if (dxg_open_adapter(fd, *luid, &handle))
		return -EIO;
	return dxg_bound(fd, *luid, getpid()) == 1 ? 0 : -ECHILD;
}

/* It is the namespace that counts, and not the user. */
TEST_F(processes, other_user)
{
	struct child child;

	if (getuid())
		SKIP(return, "needs root to become another user");
	ASSERT_OPEN();
	EXPECT_EQ(0, dxg_in_child(look_as_nobody, &self->luid));
	ASSERT_TRUE(start_child_as(NOBODY, &child, self->luid));
	EXPECT_EQ(1, dxg_bound(self->fd, self->luid, child.pid));
	EXPECT_EQ(0, stop_child(&child));
}

/* First process of a new namespace: it is 1 there, and alone. */
static int look_inside(void *data)
{
	struct winluid *luid = data;
	__u32 pids[ROOM], handle = 0;
	__u64 count = ROOM;
	int fd = dxg_open();

	if (fd < 0)
		return fd;
	if (dxg_processes(fd, *luid, pids, &count) || count)
		return -ECHILD;
	if (dxg_open_adapter(fd, *luid, &handle))
		return -EIO;
	count = ROOM;
	if (dxg_processes(fd, *luid, pids, &count) || count != 1 || pids[0] != 1)
		return -ESRCH;
	return 0;
}

TEST_F(processes, pid_namespace)
{
	if (getuid())
		SKIP(return, "needs root for a pid namespace");
	ASSERT_OPEN();
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces: %s", strerror(errno));
	/* From here on children are in the new namespace, this process is not. */
	EXPECT_EQ(0, dxg_in_child(look_inside, &self->luid));
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(1, self->count);
	EXPECT_EQ(getpid(), self->pids[0]);
}

TEST_F(processes, not_seen_outside_namespace)
{
	struct child child;

	if (getuid())
		SKIP(return, "needs root for a pid namespace");
	if (unshare(CLONE_NEWPID))
		SKIP(return, "no pid namespaces: %s", strerror(errno));
	ASSERT_TRUE(start_child(&child, self->luid));
	/* The child holds a handle now, and has no number that means anything here. */
	EXPECT_EQ(0, PROCESSES(self->pids));
	EXPECT_EQ(0, self->count);
	EXPECT_EQ(0, stop_child(&child));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
