// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of pinned memory and of mappings when the program moves, forgets or
 * duplicates them, becomes another one, or ends: nothing is left anywhere.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "dxg_count.h"
#include "dxg_memory.h"
#include "dxg_harness.h"

#define PAGES	600
#define SIZE	((size_t)PAGES * DXG_PAGE)

/* One allocation over one's own memory and one that is locked */
struct life {
	struct dxg_gpu gpu;
	char *memory;
	char *data;
	__u32 own;
	__u32 host;
};

static int begin(struct life *life)
{
	int result = dxg_gpu_open(&life->gpu, false);

	life->memory = dxg_memory(SIZE);
	return result ?: dxg_create_over(&life->gpu, life->memory, SIZE, false, &life->own) ?:
		dxg_create_allocation(life->gpu.fd, life->gpu.device, 20, &life->host) ?:
		dxg_lock(&life->gpu, life->host, &life->data);
}

/* As it should be done */
static int end(struct life *life)
{
	return dxg_destroy_allocation(life->gpu.fd, life->gpu.device, life->own) ?:
		dxg_destroy_allocation(life->gpu.fd, life->gpu.device, life->host);
}

FIXTURE(lives)
{
	struct dxg_count before;
	long pins;
};

FIXTURE_SETUP(lives)
{
	struct dxg_gpu gpu;

	/* The driver keeps some things of the first process that comes. */
	DXG_GPU_SETUP(&gpu, false);
	dxg_gpu_close(&gpu);
	dxg_count_take(&self->before);
	self->pins = dxg_pins();
}

FIXTURE_TEARDOWN(lives)
{
	EXPECT_TRUE(dxg_count_returns(&self->before));
	EXPECT_TRUE(dxg_pins_return(self->pins));
}

/* Runs @function in a child, and looks when it says so and when it has ended. */
static void live(struct __test_metadata *_metadata, long pins,
		 int (*function)(struct life *life, int socket), int signal)
{
	int ends[2], status;
	char byte = 0;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct life life = {};

		close(ends[0]);
		_exit(-(begin(&life) ?: function(&life, ends[1])));
	}
	close(ends[1]);
	/* Nothing comes from one that failed: its status says why. */
	if (read(ends[0], &byte, 1) == 1) {
		if (pins >= 0)
			EXPECT_TRUE(dxg_pins_return(pins + PAGES));
		/* Nobody may be left to read after a signal. */
		if (signal)
			EXPECT_OK(kill(child, signal));
		else
			EXPECT_EQ(1, write(ends[0], "", 1));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(signal, status);
	EXPECT_EQ('+', byte);
	close(ends[0]);
}

/* Tells the parent, and waits until it has looked. */
static int look(int socket)
{
	char byte = '+';

	return write(socket, &byte, 1) == 1 && read(socket, &byte, 1) == 1 ? 0 : -EPIPE;
}

static int just_end(struct life *life, int socket)
{
	return look(socket);
}

TEST_F(lives, exits)
{
	live(_metadata, self->pins, just_end, 0);
}

TEST_F(lives, killed)
{
	live(_metadata, self->pins, just_end, SIGKILL);
}

/* Core dumps leave both out. */
TEST_F(lives, aborted)
{
	live(_metadata, self->pins, just_end, SIGTERM);
}

static int unmap(struct life *life, int socket)
{
	if (munmap(life->memory, SIZE) || munmap(life->data, DXG_PAGE))
		return -errno;
	return look(socket) ?: end(life);
}

TEST_F(lives, unmapped)
{
	live(_metadata, self->pins, unmap, 0);
}

static int unmap_and_end(struct life *life, int socket)
{
	if (munmap(life->memory, SIZE) || munmap(life->data, 20 * DXG_PAGE))
		return -errno;
	return look(socket);
}

TEST_F(lives, unmapped_and_exits)
{
	live(_metadata, self->pins, unmap_and_end, 0);
}

/* The pages go along; the allocation has the ones it had. */
static int move(struct life *life, int socket)
{
	char *room = dxg_memory(SIZE), *data = dxg_memory(20 * DXG_PAGE), *locked;
	__u64 frame;

	memset(life->memory, 0x5a, SIZE);
	frame = dxg_frame(life->memory + 5 * DXG_PAGE);
	if (mremap(life->memory, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, room) != room ||
	    mremap(life->data, 20 * DXG_PAGE, 20 * DXG_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		   data) != data)
		return -errno;
	if (!dxg_filled(room, SIZE, 0x5a) || dxg_frame(room + 5 * DXG_PAGE) != frame)
		return -EFAULT;
	/* Where it was is what a lock says. */
	if (dxg_lock(&life->gpu, life->own, &locked) || locked != life->memory)
		return -ENOLCK;
	return look(socket) ?: end(life) ?: dxg_can_read(data) ? -EEXIST : 0;
}

TEST_F(lives, moved)
{
	live(_metadata, self->pins, move, 0);
}

/* A fork must not take the pages away from the one who pinned them. */
static int duplicate(struct life *life, int socket)
{
	__u64 frame = dxg_frame(life->memory), copy;
	char byte = '+';
	int ends[2], status;
	pid_t child;

	memset(life->memory, 0x5a, SIZE);
	if (pipe(ends))
		return -errno;
	child = fork();
	if (!child) {
		/* It has a copy of the one, and the other itself. */
		if (!dxg_filled(life->memory, SIZE, 0x5a) || !dxg_can_read(life->data))
			_exit(EFAULT);
		/* While it is there, the parent writes. */
		close(ends[1]);
		if (read(ends[0], &byte, 1) != 0 || !dxg_filled(life->memory, SIZE, 0x5a))
			_exit(EIO);
		copy = dxg_frame(life->memory);
		/* The parent's objects are not the child's. */
		if (copy && copy == frame)
			_exit(EEXIST);
		_exit(dxg_unlock(&life->gpu, life->host) ? 0 : EBUSY);
	}
	memset(life->memory, 0x11, SIZE);
	if (dxg_frame(life->memory) != frame)
		return -EFAULT;
	close(ends[1]);
	if (waitpid(child, &status, 0) != child || status)
		return status >> 8 ? -(status >> 8) : -ECHILD;
	if (!dxg_can_write(life->data))
		return -ENODATA;
	return look(socket) ?: end(life);
}

TEST_F(lives, forked)
{
	live(_metadata, self->pins, duplicate, 0);
}

/* Another program, which has neither file nor memory of the first one any more */
static int become_another(struct life *life, int socket)
{
	int result = look(socket);

	if (result)
		return result;
	execl("/bin/sh", "sh", "-c", "exit 0", NULL);
	return -errno;
}

TEST_F(lives, another_program)
{
	live(_metadata, self->pins, become_another, 0);
}

/* Another program that has the file: nothing goes before it ends. */
static int keep_the_file(struct life *life, int socket)
{
	int file = dup(life->gpu.fd);

	if (file < 0 || dup2(socket, 0) < 0 || dup2(socket, 1) < 0)
		return -errno;
	execl("/bin/sh", "sh", "-c", "printf +; read -r line", NULL);
	return -errno;
}

TEST_F(lives, another_program_with_the_file)
{
	int ends[2], status;
	char byte;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct life life = {};

		_exit(-(begin(&life) ?: keep_the_file(&life, ends[1])));
	}
	close(ends[1]);
	ASSERT_EQ(1, read(ends[0], &byte, 1));
	EXPECT_TRUE(dxg_count_is_more(&self->before));
	if (self->pins >= 0)
		EXPECT_TRUE(dxg_pins_return(self->pins + PAGES));
	EXPECT_EQ(1, write(ends[0], "\n", 1));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	close(ends[0]);
}

/* Killed at any moment of pinning and letting go */
static int pin_for_ever(struct life *life, int socket)
{
	char byte = '+';
	__u32 allocation;
	int result = 0;

	if (write(socket, &byte, 1) != 1)
		return -EPIPE;
	while (!result)
		result = dxg_create_over(&life->gpu, life->memory, SIZE, false, &allocation) ?:
			dxg_destroy_allocation(life->gpu.fd, life->gpu.device, allocation);
	return result;
}

TEST_F(lives, killed_while_pinning)
{
	int rounds = dxg_rounds(20);

	for (int i = 0; i < rounds; i++) {
		int ends[2], status;
		char byte = 0;
		pid_t child;

		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			struct life life = {};

			close(ends[0]);
			_exit(-(begin(&life) ?: pin_for_ever(&life, ends[1])));
		}
		close(ends[1]);
		EXPECT_EQ(1, read(ends[0], &byte, 1));
		dxg_sleep_ms(3 * i);
		EXPECT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(SIGKILL, status);
		close(ends[0]);
	}
}

/* One pins what the others take away and put back: it works, or there is no memory. */
static int disturb(void *data, unsigned int index)
{
	struct life *life = data;
	char *part = life->memory + SIZE / 2;
	int rounds = dxg_rounds(50);

	for (int i = 0; i < rounds; i++) {
		__u32 allocation;
		int result;

		if (index == 1) {
			if (mmap(part, SIZE / 4, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != part)
				return -errno;
			continue;
		}
		if (index == 2) {
			mprotect(part + SIZE / 4, SIZE / 4, i % 2 ? PROT_NONE :
				 PROT_READ | PROT_WRITE);
			continue;
		}
		result = dxg_create_over(&life->gpu, life->memory, SIZE, false, &allocation);
		if (!result)
			result = dxg_destroy_allocation(life->gpu.fd, life->gpu.device, allocation);
		else if (result == -ENOMEM)
			result = 0;
		if (result)
			return result;
	}
	return 0;
}

TEST_F(lives, disturbed)
{
	struct life life = {};

	ASSERT_EQ(0, begin(&life));
	EXPECT_EQ(0, dxg_together(4, disturb, &life));
	EXPECT_EQ(0, end(&life));
	EXPECT_EQ(0, dxg_pinned());
	dxg_gpu_close(&life.gpu);
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
