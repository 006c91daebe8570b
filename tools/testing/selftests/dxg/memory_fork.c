// SPDX-License-Identifier: GPL-2.0
/* Memory of the host in the children of a program: inherited, and taken away from all */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "dxg_memory.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

#define PAGES	20
#define SIZE	(PAGES * DXG_PAGE)
#define INITIAL	7

/* What a program has of the host's memory */
struct shown {
	struct dxg_gpu gpu;
	__u32 allocation;
	char *data;
	struct dxg_monitored fence;
};

static int show(struct shown *shown)
{
	int result = dxg_gpu_open(&shown->gpu, false) ?:
		dxg_create_allocation(shown->gpu.fd, shown->gpu.device, PAGES,
				      &shown->allocation) ?:
		dxg_lock(&shown->gpu, shown->allocation, &shown->data) ?:
		dxg_create_monitored(shown->gpu.fd, shown->gpu.device, INITIAL, 0, &shown->fence);

	if (!result)
		memset(shown->data, 0x5a, SIZE);
	return result;
}

/* What a process sees of it */
struct sight {
	/* The first and the last byte */
	bool first, last;
	bool writable;
	/* All bytes are this one. */
	bool filled;
	unsigned char byte;
	bool fence;
	bool fence_writable;
	__u64 value;
};

static struct sight look(const struct shown *shown, size_t size)
{
	struct sight sight = {
		.first = dxg_can_read(shown->data),
		.last = dxg_can_read(shown->data + size - 1),
		.fence = dxg_can_read(shown->fence.value),
	};

	if (sight.first && sight.last) {
		sight.byte = *shown->data;
		sight.filled = dxg_filled(shown->data, size, sight.byte);
		/* That writes something else. */
		sight.writable = dxg_can_write(shown->data);
		if (sight.writable)
			*shown->data = sight.byte;
	}
	if (sight.fence) {
		sight.value = *shown->fence.value;
		sight.fence_writable = dxg_can_write(shown->fence.value);
	}
	return sight;
}

/* What a child does when it is told to: one byte, and a look as the answer */
enum order { LOOK, WRITE, MOVE, CLOSE, EXEC, QUIT };

#define AFTER_EXEC	"DXG_AFTER_EXEC"

static void __attribute__((constructor(101))) after_exec(void)
{
	if (getenv(AFTER_EXEC))
		_exit(0);
}

static void serve(struct shown shown, int socket)
{
	size_t size = SIZE;
	unsigned char order;

	while (read(socket, &order, 1) == 1) {
		struct sight sight;
		char *room;

		switch (order) {
		case WRITE:
			memset(shown.data, 0x33, size);
			break;
		case MOVE:
			/* Two pages of the middle; nothing is left of the rest. */
			room = dxg_memory(2 * DXG_PAGE);
			if (mremap(shown.data + 5 * DXG_PAGE, 2 * DXG_PAGE, 2 * DXG_PAGE,
				   MREMAP_MAYMOVE | MREMAP_FIXED, room) != room ||
			    munmap(shown.data, 5 * DXG_PAGE) ||
			    munmap(shown.data + 7 * DXG_PAGE, SIZE - 7 * DXG_PAGE))
				_exit(2);
			shown.data = room;
			size = 2 * DXG_PAGE;
			break;
		case CLOSE:
			close(shown.gpu.fd);
			break;
		case EXEC:
			setenv(AFTER_EXEC, "1", 1);
			execl("/proc/self/exe", "memory_fork", NULL);
			_exit(3);
		case QUIT:
			_exit(0);
		}
		sight = look(&shown, size);
		if (write(socket, &sight, sizeof(sight)) != sizeof(sight))
			_exit(4);
	}
	_exit(5);
}

struct child {
	pid_t pid;
	int socket;
};

static struct child start(const struct shown *shown)
{
	struct child child = { .pid = -1, .socket = -1 };
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return child;
	child.pid = fork();
	child.socket = sockets[0];
	if (!child.pid) {
		close(sockets[0]);
		serve(*shown, sockets[1]);
	}
	close(sockets[1]);
	return child;
}

static bool tell(int socket, enum order order, struct sight *sight)
{
	unsigned char byte = order;

	return write(socket, &byte, 1) == 1 &&
	       read(socket, sight, sizeof(*sight)) == sizeof(*sight);
}

FIXTURE(forks)
{
	struct shown shown;
	int objects;
};

FIXTURE_SETUP(forks)
{
	int result;

	self->objects = dxg_host_objects_settled();
	result = show(&self->shown);
	if (result == -ENODEV)
		SKIP(return, "no render adapter");
	ASSERT_EQ(0, result);
}

FIXTURE_TEARDOWN(forks)
{
	dxg_gpu_close(&self->shown.gpu);
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
}

#define GPU		(&self->shown.gpu)
#define DATA		(self->shown.data)
#define UNLOCK()	dxg_unlock(GPU, self->shown.allocation)
#define TELL(child, order)	ASSERT_TRUE(tell((child).socket, order, &sight))

#define START(child) do {						\
	(child) = start(&self->shown);					\
	ASSERT_LT(0, (child).pid);					\
} while (0)

/* The child goes, of its own will and without a mistake. */
#define FINISH(child, order) do {					\
	unsigned char __order = order;					\
	int __status;							\
									\
	ASSERT_EQ(1, write((child).socket, &__order, 1));		\
	ASSERT_EQ((child).pid, waitpid((child).pid, &__status, 0));	\
	EXPECT_EQ(0, __status);						\
	close((child).socket);						\
} while (0)

#define EXPECT_SHOWN(sight, fill) do {					\
	EXPECT_TRUE((sight).first && (sight).last);			\
	EXPECT_TRUE((sight).writable && (sight).filled);		\
	EXPECT_EQ(fill, (sight).byte);					\
} while (0)

#define EXPECT_HIDDEN(sight)	EXPECT_FALSE((sight).first || (sight).last)

#define EXPECT_VALUE(sight, expected) do {				\
	EXPECT_TRUE((sight).fence && !(sight).fence_writable);		\
	EXPECT_EQ(expected, (sight).value);				\
} while (0)

/* It is the same memory, for both. */
TEST_F(forks, shared)
{
	struct child child;
	struct sight sight;

	START(child);
	TELL(child, LOOK);
	EXPECT_SHOWN(sight, 0x5a);
	EXPECT_VALUE(sight, INITIAL);
	memset(DATA, 0x11, SIZE);
	TELL(child, LOOK);
	EXPECT_SHOWN(sight, 0x11);
	TELL(child, WRITE);
	EXPECT_TRUE(dxg_filled(DATA, SIZE, 0x33));
	EXPECT_EQ(0, dxg_signal_cpu(GPU, self->shown.fence.handle, 9));
	EXPECT_EQ(0, dxg_wait_cpu(GPU, self->shown.fence.handle, 9));
	TELL(child, LOOK);
	EXPECT_VALUE(sight, 9);
	FINISH(child, QUIT);
}

/* A child that ends, runs another program or closes the device takes nothing along. */
TEST_F(forks, child_first)
{
	const enum order orders[] = { QUIT, EXEC };

	for (int i = 0; i < ARRAY_SIZE(orders); i++) {
		struct child child;
		struct sight sight;

		START(child);
		TELL(child, CLOSE);
		EXPECT_SHOWN(sight, 0x5a);
		EXPECT_VALUE(sight, INITIAL);
		FINISH(child, orders[i]);
		sight = look(&self->shown, SIZE);
		EXPECT_SHOWN(sight, 0x5a);
		EXPECT_VALUE(sight, INITIAL);
	}
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(DATA));
	EXPECT_EQ(0, dxg_lock(GPU, self->shown.allocation, &DATA));
	EXPECT_TRUE(dxg_filled(DATA, SIZE, 0x5a));
}

/* What the parent gives up its children and their children lose, and live on. */
TEST_F(forks, unlocked_and_destroyed)
{
	struct child children[3];
	struct sight sight;

	for (int i = 0; i < 3; i++)
		START(children[i]);
	EXPECT_EQ(0, UNLOCK());
	for (int i = 0; i < 3; i++) {
		TELL(children[i], LOOK);
		EXPECT_HIDDEN(sight);
		EXPECT_VALUE(sight, INITIAL);
	}
	/* Locked again it is the parent's alone, wherever it is. */
	ASSERT_EQ(0, dxg_lock(GPU, self->shown.allocation, &DATA));
	TELL(children[0], LOOK);
	EXPECT_HIDDEN(sight);
	EXPECT_EQ(0, dxg_destroy_sync(GPU->fd, self->shown.fence.handle));
	for (int i = 0; i < 3; i++) {
		TELL(children[i], LOOK);
		EXPECT_FALSE(sight.fence);
		FINISH(children[i], QUIT);
	}
}

TEST_F(forks, device_destroyed)
{
	struct child child;
	struct sight sight;

	START(child);
	EXPECT_EQ(0, dxg_destroy_device(GPU->fd, GPU->device));
	TELL(child, LOOK);
	EXPECT_HIDDEN(sight);
	EXPECT_FALSE(sight.fence);
	FINISH(child, QUIT);
}

/* Wherever a child has put it, and whatever is left of it. */
TEST_F(forks, moved_in_child)
{
	struct child child;
	struct sight sight;

	START(child);
	TELL(child, MOVE);
	EXPECT_SHOWN(sight, 0x5a);
	memset(DATA, 0x11, SIZE);
	TELL(child, LOOK);
	EXPECT_SHOWN(sight, 0x11);
	EXPECT_EQ(0, UNLOCK());
	TELL(child, LOOK);
	EXPECT_HIDDEN(sight);
	FINISH(child, QUIT);
}

/* Or the parent, before there was a child. */
TEST_F(forks, moved_before)
{
	char *room = dxg_memory(SIZE), *there = DATA;
	struct child child;
	struct sight sight;

	ASSERT_EQ(room + 3 * DXG_PAGE,
		  mremap(there + 3 * DXG_PAGE, DXG_PAGE, DXG_PAGE,
			 MREMAP_MAYMOVE | MREMAP_FIXED, room + 3 * DXG_PAGE));
	ASSERT_EQ(0, munmap(there + 10 * DXG_PAGE, DXG_PAGE));
	DATA = room + 3 * DXG_PAGE;
	child = start(&self->shown);
	ASSERT_LT(0, child.pid);
	/* The size that it looks at goes beyond the page. */
	TELL(child, LOOK);
	EXPECT_TRUE(sight.first);
	EXPECT_EQ(0, UNLOCK());
	TELL(child, LOOK);
	EXPECT_FALSE(sight.first);
	for (int i = 0; i < PAGES; i++)
		EXPECT_FALSE(dxg_can_read(there + i * DXG_PAGE) && i != 3);
	FINISH(child, QUIT);
}

/*
 * A program with a child of its own, that ends first. The child stays, with the device
 * open or not, and is reached over @socket.
 */
static int leave_child(void *data)
{
	int socket = *(int *)data;
	struct shown shown;
	int result = show(&shown);

	if (result)
		return result;
	switch (fork()) {
	case -1:
		return -errno;
	case 0:
		serve(shown, socket);
	}
	return 0;
}

TEST_F(forks, parent_first)
{
	for (int keeps_device = 0; keeps_device < 2; keeps_device++) {
		int sockets[2], objects = dxg_host_objects_settled();
		struct child child = { .pid = 0 };
		unsigned char quit = QUIT;
		struct sight sight;

		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets));
		ASSERT_EQ(0, dxg_in_child(leave_child, &sockets[1]));
		close(sockets[1]);
		child.socket = sockets[0];
		/* As long as the device is open it is the host's, too, and all is as it was. */
		TELL(child, LOOK);
		EXPECT_SHOWN(sight, 0x5a);
		EXPECT_VALUE(sight, INITIAL);
		if (keeps_device) {
			dxg_sleep_ms(200);
			TELL(child, WRITE);
			EXPECT_SHOWN(sight, 0x33);
		}
		/* The last descriptor: nothing is left when it is closed. */
		TELL(child, CLOSE);
		EXPECT_HIDDEN(sight);
		EXPECT_FALSE(sight.fence);
		EXPECT_TRUE(dxg_host_objects_return(objects));
		ASSERT_EQ(1, write(child.socket, &quit, 1));
		/* It has ended when nobody else has the socket. */
		EXPECT_EQ(0, read(child.socket, &sight, sizeof(sight)));
		close(child.socket);
	}
}

/* The child has closed its device before: the parent's end is what takes the memory. */
static int leave_child_without_device(void *data)
{
	int socket = *(int *)data;
	unsigned char ready;
	int pipes[2], result;
	struct shown shown;

	result = show(&shown);
	if (result || pipe(pipes))
		return result ?: -errno;
	switch (fork()) {
	case -1:
		return -errno;
	case 0:
		close(shown.gpu.fd);
		close(pipes[1]);
		close(pipes[0]);
		serve(shown, socket);
	}
	close(pipes[1]);
	return read(pipes[0], &ready, 1) ? -EIO : 0;
}

TEST_F(forks, parent_first_and_alone)
{
	struct child child = { .pid = 0 };
	unsigned char quit = QUIT;
	struct sight sight;
	int sockets[2];

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets));
	ASSERT_EQ(0, dxg_in_child(leave_child_without_device, &sockets[1]));
	close(sockets[1]);
	child.socket = sockets[0];
	TELL(child, LOOK);
	EXPECT_HIDDEN(sight);
	EXPECT_FALSE(sight.fence);
	ASSERT_EQ(1, write(child.socket, &quit, 1));
	EXPECT_EQ(0, read(child.socket, &sight, sizeof(sight)));
	close(child.socket);
}

/* A fork while the memory is taken away: the child has all of it for a moment, or nothing. */
struct race {
	struct shown *shown;
	pthread_barrier_t barrier;
	struct child child;
};

static void *fork_now(void *data)
{
	struct race *race = data;

	pthread_barrier_wait(&race->barrier);
	race->child = start(race->shown);
	return NULL;
}

TEST_F(forks, while_unlocking)
{
	struct race race = { .shown = &self->shown };

	ASSERT_EQ(0, pthread_barrier_init(&race.barrier, NULL, 2));
	for (int i = 0; i < 40; i++) {
		struct sight sight;
		pthread_t thread;

		ASSERT_OK(pthread_create(&thread, NULL, fork_now, &race));
		pthread_barrier_wait(&race.barrier);
		/* At another moment each time */
		for (int wait = 0; wait < i * 2000; wait++)
			__asm__ volatile("" : : : "memory");
		ASSERT_OK(UNLOCK());
		ASSERT_OK(pthread_join(thread, NULL));
		ASSERT_LT(0, race.child.pid);
		TELL(race.child, LOOK);
		EXPECT_HIDDEN(sight);
		FINISH(race.child, QUIT);
		ASSERT_OK(dxg_lock(GPU, self->shown.allocation, &DATA));
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
