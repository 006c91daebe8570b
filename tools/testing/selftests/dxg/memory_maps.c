// SPDX-License-Identifier: GPL-2.0
/* Memory of the host in a program: what the program may do with it, and others may not */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "dxg_memory.h"
#include "dxg_harness.h"

#define PAGES	20
#define SIZE	(PAGES * DXG_PAGE)

FIXTURE(maps)
{
	struct dxg_gpu gpu;
	__u32 allocation;
	struct dxg_paging_queue queue;
	int objects;
	char *data;
};

FIXTURE_SETUP(maps)
{
	DXG_GPU_SETUP(&self->gpu, false);
	ASSERT_EQ(0, dxg_create_paging_queue(self->gpu.fd, self->gpu.device, &self->queue));
	self->objects = dxg_host_objects_settled();
	ASSERT_EQ(0, dxg_create_allocation(self->gpu.fd, self->gpu.device, PAGES,
					   &self->allocation));
}

FIXTURE_TEARDOWN(maps)
{
	dxg_destroy_allocation(self->gpu.fd, self->gpu.device, self->allocation);
	EXPECT_EQ(self->objects, dxg_host_objects());
	dxg_gpu_close(&self->gpu);
}

#define LOCK()		dxg_lock(&self->gpu, self->allocation, &self->data)
#define UNLOCK()	dxg_unlock(&self->gpu, self->allocation)
#define FENCE		((char *)(uintptr_t)self->queue.value)

/* Locked and filled */
#define SHOW() do {						\
	ASSERT_EQ(0, LOCK());					\
	memset(self->data, 0x5a, SIZE);				\
} while (0)

/* It is where it was, has what it had, and goes when it should. */
#define STILL_THERE() do {					\
	EXPECT_TRUE(dxg_filled(self->data, SIZE, 0x5a));	\
	EXPECT_TRUE(dxg_can_write(self->data));			\
	EXPECT_EQ(0, UNLOCK());					\
	EXPECT_FALSE(dxg_can_read(self->data));			\
	EXPECT_FALSE(dxg_can_read(self->data + SIZE - 1));	\
} while (0)

TEST_F(maps, sizes)
{
	static const __u32 pages[] = { 1, 2, 511, 512, 513, 16384 };

	for (int i = 0; i < ARRAY_SIZE(pages); i++) {
		size_t last = (size_t)pages[i] * DXG_PAGE - sizeof(__u64);
		__u32 allocation;
		char *data;

		ASSERT_EQ(0, dxg_create_allocation(self->gpu.fd, self->gpu.device, pages[i],
						   &allocation));
		ASSERT_EQ(0, dxg_lock(&self->gpu, allocation, &data));
		*(__u64 *)data = 1;
		*(__u64 *)(data + last) = i + 2;
		EXPECT_EQ(pages[i] * 4, dxg_fdinfo(self->gpu.fd, "dxg-mapped") - 4);
		EXPECT_EQ(0, dxg_unlock(&self->gpu, allocation));
		ASSERT_EQ(0, dxg_lock(&self->gpu, allocation, &data));
		EXPECT_EQ(i + 2, *(__u64 *)(data + last));
		EXPECT_EQ(0, dxg_destroy_allocation(self->gpu.fd, self->gpu.device, allocation));
		EXPECT_FALSE(dxg_can_read(data));
		EXPECT_FALSE(dxg_can_read(data + last));
	}
}

/* Memory that is locked into the machine, before and after. */
TEST_F(maps, all_memory_locked)
{
	SHOW();
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	STILL_THERE();
	ASSERT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	SHOW();
	EXPECT_EQ(0, munlockall());
	STILL_THERE();
	ASSERT_EQ(0, mlockall(MCL_FUTURE | MCL_ONFAULT));
	SHOW();
	EXPECT_EQ(0, mlock(FENCE, DXG_PAGE));
	EXPECT_EQ(0, munlockall());
	STILL_THERE();
}

/* Whoever writes memory in another's name sees only memory of the machine. */
static void look_from_outside(struct __test_metadata *_metadata, pid_t pid, char *address)
{
	char path[32], byte = 0x11;
	struct iovec here = { &byte, 1 }, there = { address, 1 };
	int file;

	/* Not every kernel lets processes look into others at all. */
	if (process_vm_readv(getpid(), &here, 1, &here, 1, 0) == 1) {
		EXPECT_EQ(-1, process_vm_readv(pid, &here, 1, &there, 1, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(-1, process_vm_writev(pid, &here, 1, &there, 1, 0));
		EXPECT_EQ(EFAULT, errno);
	}
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	file = open(path, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, file);
	EXPECT_EQ(-1, pread(file, &byte, 1, (uintptr_t)address));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(-1, pwrite(file, &byte, 1, (uintptr_t)address));
	EXPECT_EQ(EIO, errno);
	EXPECT_EQ(0x11, byte);
	close(file);
}

static int wait_for_debugger(void *data)
{
	char **addresses = data;
	struct dxg_paging_queue queue;
	struct dxg_gpu gpu;
	__u32 allocation;
	int result = dxg_gpu_open(&gpu, false) ?:
		dxg_create_paging_queue(gpu.fd, gpu.device, &queue) ?:
		dxg_create_allocation(gpu.fd, gpu.device, 1, &allocation) ?:
		dxg_lock(&gpu, allocation, &addresses[0]);

	if (result)
		return result;
	addresses[1] = (char *)(uintptr_t)queue.value;
	memset(addresses[0], 0x5a, DXG_PAGE);
	if (ptrace(PTRACE_TRACEME, 0, 0, 0))
		return -errno;
	raise(SIGSTOP);
	return dxg_filled(addresses[0], DXG_PAGE, 0x5a) ? dxg_unlock(&gpu, allocation) : -EIO;
}

TEST_F(maps, debugger)
{
	char **addresses = mmap(NULL, DXG_PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t child;

	SHOW();
	look_from_outside(_metadata, getpid(), self->data);
	look_from_outside(_metadata, getpid(), FENCE);
	STILL_THERE();
	ASSERT_NE(MAP_FAILED, addresses);
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(-wait_for_debugger(addresses));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	for (int i = 0; i < 2; i++) {
		errno = 0;
		EXPECT_EQ(-1, ptrace(PTRACE_PEEKDATA, child, addresses[i], 0));
		EXPECT_EQ(EIO, errno);
		EXPECT_EQ(-1, ptrace(PTRACE_POKEDATA, child, addresses[i], 0));
		EXPECT_EQ(EIO, errno);
		look_from_outside(_metadata, child, addresses[i]);
	}
	ASSERT_EQ(0, ptrace(PTRACE_DETACH, child, 0, 0));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(dxg_host_objects_return(self->objects + 1));
}

/* More rights than it came with are not to be had, fewer are. */
TEST_F(maps, protection)
{
	SHOW();
	EXPECT_EQ(-1, mprotect(self->data, SIZE, PROT_READ | PROT_EXEC));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(self->data, SIZE, PROT_READ));
	EXPECT_FALSE(dxg_can_write(self->data));
	EXPECT_EQ(0, mprotect(self->data, SIZE, PROT_NONE));
	EXPECT_FALSE(dxg_can_read(self->data));
	EXPECT_EQ(0, mprotect(self->data, SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(-1, mprotect(FENCE, DXG_PAGE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, mprotect(FENCE, DXG_PAGE, PROT_NONE));
	EXPECT_EQ(0, mprotect(FENCE, DXG_PAGE, PROT_READ));
	EXPECT_EQ(-1, mprotect(FENCE, DXG_PAGE, PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	EXPECT_FALSE(dxg_can_write(FENCE));
	STILL_THERE();
}

/* Old programs get the right to execute whatever they may read, except this. */
TEST_F(maps, executable_by_default)
{
	ASSERT_LE(0, personality(personality(-1) | READ_IMPLIES_EXEC));
	SHOW();
	EXPECT_EQ(-1, mprotect(self->data, SIZE, PROT_READ | PROT_EXEC));
	STILL_THERE();
}

/* Advice changes nothing but what it says: that a child does not inherit it. */
TEST_F(maps, advice)
{
	pid_t child;
	int status;

	SHOW();
	for (int advice = 0; advice < 128; advice++) {
		/* Those that make memory bad are for the machine's own. */
		if (advice != 100 && advice != 101)
			madvise(self->data, SIZE, advice);
		if (!dxg_filled(self->data, SIZE, 0x5a))
			ASSERT_EQ(-1, advice);
	}
	EXPECT_EQ(-1, madvise(self->data, SIZE, MADV_DONTNEED));
	EXPECT_EQ(0, madvise(self->data, SIZE, MADV_DONTFORK));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(dxg_can_read(self->data) || !dxg_can_read(FENCE));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	STILL_THERE();
}

/* Wherever the program has put it, it goes. */
TEST_F(maps, moved)
{
	char *room = dxg_memory(SIZE), *data;

	SHOW();
	data = mremap(self->data, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_EQ(room, data);
	EXPECT_TRUE(dxg_filled(data, SIZE, 0x5a));
	EXPECT_TRUE(dxg_can_write(data + SIZE - 1));
	/* The program's own memory, where it was */
	ASSERT_EQ(self->data, mmap(self->data, SIZE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	memset(self->data, 0x33, SIZE);
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(data));
	EXPECT_FALSE(dxg_can_read(data + SIZE - 1));
	EXPECT_TRUE(dxg_filled(self->data, SIZE, 0x33));
	EXPECT_EQ(0, munmap(data, SIZE));
	SHOW();
	STILL_THERE();
}

TEST_F(maps, moved_in_parts)
{
	char *room = dxg_memory(DXG_PAGE), *middle;

	SHOW();
	middle = mremap(self->data + 3 * DXG_PAGE, DXG_PAGE, DXG_PAGE,
			MREMAP_MAYMOVE | MREMAP_FIXED, room);
	ASSERT_EQ(room, middle);
	ASSERT_EQ(0, munmap(self->data + 10 * DXG_PAGE, DXG_PAGE));
	EXPECT_TRUE(dxg_filled(middle, DXG_PAGE, 0x5a));
	EXPECT_TRUE(dxg_can_write(self->data));
	EXPECT_FALSE(dxg_can_read(self->data + 3 * DXG_PAGE));
	EXPECT_TRUE(dxg_can_write(self->data + 4 * DXG_PAGE));
	EXPECT_EQ(0, UNLOCK());
	EXPECT_FALSE(dxg_can_read(middle));
	for (int i = 0; i < PAGES; i++)
		EXPECT_FALSE(dxg_can_read(self->data + i * DXG_PAGE));
}

/* There is one of it, of its size. */
TEST_F(maps, no_second_one)
{
	SHOW();
	EXPECT_EQ(MAP_FAILED, mremap(self->data, 0, SIZE, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(self->data, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP));
	EXPECT_EQ(MAP_FAILED, mremap(self->data, SIZE, 2 * SIZE, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(FENCE, 0, DXG_PAGE, MREMAP_MAYMOVE));
	STILL_THERE();
	/* This one unmaps what is there before it asks for something else. */
	SHOW();
	EXPECT_EQ(-1, remap_file_pages(self->data, DXG_PAGE, 0, 1, 0));
	EXPECT_FALSE(dxg_can_read(self->data));
	EXPECT_TRUE(dxg_can_write(self->data + DXG_PAGE));
	EXPECT_EQ(-1, remap_file_pages(self->data + 3 * DXG_PAGE, DXG_PAGE, 0, 3, 0));
	EXPECT_EQ(-1, remap_file_pages(FENCE, DXG_PAGE, 0, 1, 0));
	EXPECT_EQ(0, UNLOCK());
	for (int i = 0; i < PAGES; i++)
		EXPECT_FALSE(dxg_can_read(self->data + i * DXG_PAGE));
}

/* Somebody else in the same address space, who has no right to unmap anything */
static int use_in_child(void *data)
{
	memset(data, 0x5a, SIZE);
	_exit(0);
}

TEST_F(maps, address_space_of_two)
{
	char *stack = dxg_memory(16 * DXG_PAGE);
	int status;
	pid_t child;

	ASSERT_EQ(0, LOCK());
	child = clone(use_in_child, stack + 16 * DXG_PAGE, CLONE_VM | SIGCHLD, self->data);
	ASSERT_LE(0, child);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	STILL_THERE();
}

/*
 * Another program in the same process: the first one's addresses are not its own, and
 * what it has there is left alone.
 */
#define AFTER_EXEC	"DXG_AFTER_EXEC"

static void __attribute__((constructor(101))) after_exec(void)
{
	const char *told = getenv(AFTER_EXEC);
	unsigned long address;
	__u32 allocation;
	struct dxg_gpu gpu;
	char *own;

	if (!told)
		return;
	if (sscanf(told, "%d %x %x %lx", &gpu.fd, &gpu.device, &allocation, &address) != 4)
		_exit(EINVAL);
	own = mmap((void *)address, SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (own != (void *)address)
		_exit(EEXIST);
	memset(own, 0x33, SIZE);
	if (dxg_unlock(&gpu, allocation))
		_exit(ENOLCK);
	if (!dxg_filled(own, SIZE, 0x33))
		_exit(EFAULT);
	/* A new lock shows what the first program has left. */
	if (dxg_lock(&gpu, allocation, &own) || !dxg_filled(own, SIZE, 0x5a))
		_exit(ENODATA);
	_exit(0);
}

static int exec_locked(void *data)
{
	char told[80], *addresses;
	struct dxg_gpu gpu;
	__u32 allocation;
	int result = dxg_gpu_open(&gpu, false) ?:
		dxg_create_allocation(gpu.fd, gpu.device, PAGES, &allocation) ?:
		dxg_lock(&gpu, allocation, &addresses);

	if (result)
		return result;
	memset(addresses, 0x5a, SIZE);
	fcntl(gpu.fd, F_SETFD, 0);
	snprintf(told, sizeof(told), "%d %x %x %lx", gpu.fd, gpu.device, allocation,
		 (unsigned long)addresses);
	setenv(AFTER_EXEC, told, 1);
	execl("/proc/self/exe", "memory_maps", NULL);
	return -errno;
}

TEST_F(maps, after_exec)
{
	EXPECT_EQ(0, dxg_in_child(exec_locked, NULL));
	EXPECT_TRUE(dxg_host_objects_return(self->objects + 1));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
