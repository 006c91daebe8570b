// SPDX-License-Identifier: GPL-2.0
/* Memory of a program that the GPU uses: all sizes and kinds, and what the kernel counts */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "dxg_memory.h"
#include "dxg_harness.h"

#define SIZE		(300ul * DXG_PAGE)
/* The most pages of one message to the host */
#define LIST		15867ul
#define HUGE_PAGE	(2 * DXG_MIB)

FIXTURE(pins)
{
	struct dxg_gpu gpu;
	int objects;
	long pins;
};

FIXTURE_SETUP(pins)
{
	DXG_GPU_SETUP(&self->gpu, false);
	self->objects = dxg_host_objects_settled();
	self->pins = dxg_pins();
}

FIXTURE_TEARDOWN(pins)
{
	dxg_limit_pins(0);
	EXPECT_EQ(self->objects, dxg_host_objects());
	EXPECT_TRUE(dxg_pins_return(self->pins));
	dxg_gpu_close(&self->gpu);
}

#define CREATE(memory, bytes, allocation)	\
	dxg_create_over(&self->gpu, memory, bytes, false, allocation)
#define CREATE_READ_ONLY(memory, bytes, allocation)	\
	dxg_create_over(&self->gpu, memory, bytes, true, allocation)
#define DESTROY(allocation)	\
	dxg_destroy_allocation(self->gpu.fd, self->gpu.device, allocation)

/* All who count say the same. */
#define EXPECT_PINNED(pages) do {							\
	long __pages = pages;								\
											\
	EXPECT_EQ(__pages * 4, dxg_pinned());						\
	EXPECT_EQ(__pages * 4, dxg_fdinfo(self->gpu.fd, "dxg-pinned"));			\
	if (self->pins >= 0)								\
		EXPECT_TRUE(dxg_pins_return(self->pins + __pages));			\
} while (0)

/* Whether the host takes lists of pages, as those of version 40 do */
static bool has_lists(void)
{
	return dxg_message_room(0) != DXG_MESSAGE_MAX;
}

/* Each page says which one it is; its first byte is enough, as a guest is slow. */
static void mark(char *memory, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += DXG_PAGE)
		memory[at] = 1 + at / DXG_PAGE % 251;
}

static bool is_marked(const char *memory, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += DXG_PAGE) {
		if ((unsigned char)memory[at] != 1 + at / DXG_PAGE % 251)
			return false;
	}
	return true;
}

/* Pins memory, looks whether all of it is, and that it has the content it had. */
#define PIN_AND_UNPIN(memory, bytes) do {						\
	char *__memory = memory;							\
	size_t __bytes = bytes;								\
	__u32 __allocation;								\
											\
	mark(__memory, __bytes);							\
	ASSERT_EQ(0, CREATE(__memory, __bytes, &__allocation));				\
	EXPECT_PINNED((__bytes + DXG_PAGE - 1) / DXG_PAGE);				\
	EXPECT_EQ(0, DESTROY(__allocation));						\
	EXPECT_PINNED(0);								\
	EXPECT_TRUE(is_marked(__memory, __bytes));					\
} while (0)

/* The host wants whole pages, however little was asked for. */
TEST_F(pins, sizes)
{
	static const size_t sizes[] = {
		1, DXG_PAGE - 1, DXG_PAGE, DXG_PAGE + 1, 65536 + 1,
		HUGE_PAGE, HUGE_PAGE + 1, LIST * DXG_PAGE, LIST * DXG_PAGE + 1,
	};

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t room = sizes[i] + DXG_PAGE;
		char *memory = dxg_memory(room);

		PIN_AND_UNPIN(memory, sizes[i]);
		munmap(memory, room);
	}
}

/* A large part of the machine, as far as there is time for that */
TEST_F_TIMEOUT(pins, large, 600)
{
	size_t most = 1024 * DXG_MIB, room = dxg_available() * DXG_MIB / 2;
	char *memory;

	/* Without page lists each message of the VMBus names 28 pages. */
	if (dxg_slow_kernel() || !has_lists())
		most = 64 * DXG_MIB;
	if (most > room)
		most = room;
	memory = dxg_memory(most);
	PIN_AND_UNPIN(memory, most);
	munmap(memory, most);
}

/* More than there is, for the host or for the driver */
TEST_F(pins, too_large)
{
	const size_t sizes[] = {
		(dxg_total() + 1) * DXG_MIB, 1ul << 32, (1ul << 32) + DXG_PAGE, 1ul << 40,
	};
	char *memory = dxg_memory(SIZE);
	__u32 allocation;

	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		/* The first pages are there, and all that 32 bits would leave of the size. */
		int result = CREATE(memory, sizes[i], &allocation);

		/* The host refuses without saying why. */
		if (result != -EINVAL)
			EXPECT_ERRNO(ENOMEM, result);
		EXPECT_PINNED(0);
		EXPECT_EQ(self->objects, dxg_host_objects());
	}
}

/* Each allocation has pins of its own. */
TEST_F(pins, overlapping)
{
	char *memory = dxg_memory(SIZE);
	__u32 allocations[3];

	ASSERT_EQ(0, CREATE(memory, SIZE, &allocations[0]));
	ASSERT_EQ(0, CREATE(memory + 100 * DXG_PAGE, SIZE - 100 * DXG_PAGE, &allocations[1]));
	ASSERT_EQ(0, CREATE(memory, SIZE, &allocations[2]));
	EXPECT_PINNED(800);
	EXPECT_EQ(0, DESTROY(allocations[0]));
	EXPECT_PINNED(500);
	EXPECT_EQ(0, DESTROY(allocations[2]));
	EXPECT_PINNED(200);
	EXPECT_EQ(0, DESTROY(allocations[1]));
	EXPECT_PINNED(0);
}

/* The program may not write it, and so nobody may in its name, whatever it says that it wants. */
#define EXPECT_NOT_LENT(memory, bytes) do {						\
	__u32 __allocation;								\
											\
	EXPECT_ERRNO(ENOMEM, CREATE(memory, bytes, &__allocation));			\
	EXPECT_ERRNO(ENOMEM, CREATE_READ_ONLY(memory, bytes, &__allocation));		\
	EXPECT_PINNED(0);								\
	EXPECT_EQ(self->objects, dxg_host_objects());					\
} while (0)

TEST_F(pins, sealed_file)
{
	int file = memfd_create("read_only", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char *memory;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, SIZE));
	ASSERT_EQ(5, pwrite(file, "hello", 5, 0));
	ASSERT_EQ(0, fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
	memory = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_NOT_LENT(memory, SIZE);
	EXPECT_EQ(0, memcmp(memory, "hello", 6));
	close(file);
}

/* Where a file that was opened for reading begins, also in the middle of what is lent */
TEST_F(pins, read_only_file)
{
	char path[] = "/tmp/pinsXXXXXX";
	int writer = mkstemp(path), file;
	char *memory, *before;

	ASSERT_LE(0, writer);
	ASSERT_EQ(0, ftruncate(writer, SIZE));
	file = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, file);
	unlink(path);
	memory = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, memory);
	EXPECT_NOT_LENT(memory, SIZE);
	before = dxg_memory(2 * SIZE);
	ASSERT_EQ(before + SIZE, mmap(before + SIZE, SIZE, PROT_READ, MAP_SHARED | MAP_FIXED,
				      file, 0));
	EXPECT_NOT_LENT(before, 2 * SIZE);
	close(file);
	close(writer);
}

/* What cannot be written at the moment, but by a program that may write it */
TEST_F(pins, write_protected)
{
	char path[] = "/tmp/pinsXXXXXX";
	int file = mkstemp(path), reader;
	__u32 allocation;
	char *memory[3];

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, SIZE));
	reader = open(path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, reader);
	unlink(path);
	/* The file's own pages, one's own copies of them, and memory without a file */
	memory[0] = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, file, 0);
	memory[1] = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, reader, 0);
	memory[2] = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < ARRAY_SIZE(memory); i++) {
		ASSERT_NE(MAP_FAILED, memory[i]);
		EXPECT_ERRNO(ENOMEM, CREATE(memory[i], SIZE, &allocation));
		EXPECT_PINNED(0);
		ASSERT_EQ(0, CREATE_READ_ONLY(memory[i], SIZE, &allocation)) TH_LOG("%d", i);
		EXPECT_PINNED(300);
		EXPECT_EQ(0, DESTROY(allocation));
		EXPECT_PINNED(0);
	}
	close(reader);
	close(file);
}

TEST_F(pins, shared_file)
{
	int file = memfd_create("shared", MFD_CLOEXEC);
	char *memory;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, SIZE));
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, memory);
	PIN_AND_UNPIN(memory, SIZE);
	close(file);
}

/* The GPU gets the program's own copy, and the file stays as it is: also to read. */
TEST_F(pins, private_file)
{
	char path[] = "/tmp/pinsXXXXXX", byte = 0;
	int file = mkstemp(path);
	__u32 allocation;
	char *memory;

	ASSERT_LE(0, file);
	unlink(path);
	ASSERT_EQ(0, ftruncate(file, SIZE));
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, CREATE_READ_ONLY(memory, SIZE, &allocation));
	EXPECT_PINNED(300);
	if (dxg_frame(memory)) {
		__u64 frame = dxg_frame(memory + DXG_PAGE);

		/* What the program writes is what the GPU reads. */
		memory[DXG_PAGE] = 1;
		EXPECT_EQ(frame, dxg_frame(memory + DXG_PAGE));
	}
	EXPECT_EQ(0, DESTROY(allocation));
	PIN_AND_UNPIN(memory, SIZE);
	EXPECT_EQ(1, pread(file, &byte, 1, 0));
	EXPECT_EQ(0, byte);
	close(file);
}

static long reserve_huge_pages(long count)
{
	FILE *stream = fopen("/proc/sys/vm/nr_hugepages", "r+");
	long before = -1;

	if (!stream)
		return -1;
	if (fscanf(stream, "%ld", &before) == 1) {
		rewind(stream);
		fprintf(stream, "%ld\n", count < 0 ? before : count);
	}
	fclose(stream);
	return before;
}

TEST_F(pins, huge_pages)
{
	long before = reserve_huge_pages(4);
	char *memory = mmap(NULL, 3 * HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << MAP_HUGE_SHIFT),
			    -1, 0);
	__u32 allocation;

	if (memory == MAP_FAILED) {
		reserve_huge_pages(before);
		SKIP(return, "no huge pages");
	}
	PIN_AND_UNPIN(memory, 3 * HUGE_PAGE);
	/* From the middle of one to the middle of another */
	PIN_AND_UNPIN(memory + 5 * DXG_PAGE, HUGE_PAGE);
	/* They stay huge pages of ours until the host has let go. */
	ASSERT_EQ(0, CREATE(memory, 3 * HUGE_PAGE, &allocation));
	ASSERT_EQ(0, munmap(memory, 3 * HUGE_PAGE));
	EXPECT_PINNED(3 * HUGE_PAGE / DXG_PAGE);
	EXPECT_EQ(0, DESTROY(allocation));
	reserve_huge_pages(before);
}

/* The administrator's limit holds to the page, and for all together. */
TEST_F(pins, limit)
{
	char *memory = dxg_memory(3 * DXG_MIB);
	__u32 first, second;

	if (!dxg_limit_pins(2))
		SKIP(return, "no %s", DXG_PIN_LIMIT);
	EXPECT_ERRNO(ENOMEM, CREATE(memory, 2 * DXG_MIB + DXG_PAGE, &first));
	EXPECT_PINNED(0);
	EXPECT_EQ(self->objects, dxg_host_objects());
	ASSERT_EQ(0, CREATE(memory, 2 * DXG_MIB - DXG_PAGE, &first));
	EXPECT_ERRNO(ENOMEM, CREATE(memory, 2 * DXG_PAGE, &second));
	ASSERT_EQ(0, CREATE(memory, DXG_PAGE, &second));
	EXPECT_PINNED(512);
	EXPECT_EQ(0, DESTROY(second));
	/* What there is stays when the limit falls below it. */
	EXPECT_TRUE(dxg_limit_pins(1));
	EXPECT_PINNED(511);
	EXPECT_ERRNO(ENOMEM, CREATE(memory, DXG_PAGE, &second));
	EXPECT_EQ(0, DESTROY(first));
	ASSERT_EQ(0, CREATE(memory, DXG_MIB, &first));
	EXPECT_EQ(0, DESTROY(first));
	EXPECT_TRUE(dxg_limit_pins(0));
	ASSERT_EQ(0, CREATE(memory, 3 * DXG_MIB, &first));
	EXPECT_EQ(0, DESTROY(first));
}

struct other {
	size_t first;
	size_t second;
};

static int pin_twice(void *data)
{
	struct other *other = data;
	struct dxg_gpu gpu;
	__u32 allocation;
	int result = dxg_gpu_open(&gpu, false);

	return result ?: dxg_create_over(&gpu, dxg_memory(other->first), other->first, false,
					 &allocation) ?:
		dxg_create_over(&gpu, dxg_memory(other->second), other->second, false, &allocation);
}

TEST_F(pins, limit_of_others)
{
	struct other other = { DXG_PAGE, DXG_MIB };
	__u32 allocation;

	if (!dxg_limit_pins(1))
		SKIP(return, "no %s", DXG_PIN_LIMIT);
	EXPECT_EQ(ENOMEM, dxg_in_child(pin_twice, &other));
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
	ASSERT_EQ(0, CREATE(dxg_memory(DXG_PAGE), DXG_PAGE, &allocation));
	other.second = DXG_MIB - DXG_PAGE;
	EXPECT_EQ(ENOMEM, dxg_in_child(pin_twice, &other));
	other.second -= DXG_PAGE;
	EXPECT_EQ(0, dxg_in_child(pin_twice, &other));
	EXPECT_TRUE(dxg_host_objects_return(self->objects + 1));
	EXPECT_EQ(0, DESTROY(allocation));
}

/* How many lines of the kernel's log have a text; -1 if they cannot be read */
static int log_lines(const char *text)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC), lines = 0;
	char line[8192];
	ssize_t length;

	if (fd < 0)
		return -1;
	while ((length = read(fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		line[length < 0 ? 0 : length] = 0;
		lines += !!strstr(line, text);
	}
	close(fd);
	return lines;
}

/*
 * Without a limit of the administrator's an eighth of the machine is left to others. What is
 * lent twice is counted twice, so that little memory is enough to get there.
 */
TEST_F_TIMEOUT(pins, default_limit, 600)
{
	long total = dxg_number_of("/proc/meminfo", "MemTotal"), pages = total / 4;
	/* In KiB, of whole pages */
	long most = (pages - pages / 8) * 4;
	size_t bytes = 64 * DXG_MIB;
	char *memory = dxg_memory(bytes);
	long pinned = 0;
	__u32 allocation;
	int result;

	/* Without page lists each message of the VMBus names 28 pages. */
	if (!has_lists())
		SKIP(return, "takes too long with GPADLs");
	while (bytes >= DXG_PAGE) {
		ASSERT_GT(2 * total, pinned);
		result = CREATE(memory, bytes, &allocation);
		if (!result) {
			pinned += bytes / 1024;
		} else {
			ASSERT_EQ(-ENOMEM, result);
			bytes /= 2;
		}
	}
	EXPECT_GE(most, pinned);
	EXPECT_LE(most - 4, pinned);
	EXPECT_PINNED(pinned / 4);
	/* The log says once which limit it was, however often it was met. */
	if (log_lines("") > 0)
		EXPECT_EQ(1, log_lines("max_pinned_mib"));
	/* An administrator may allow more. */
	ASSERT_TRUE(dxg_limit_pins(2 * total / 1024));
	EXPECT_EQ(0, CREATE(memory, DXG_MIB, &allocation));
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	ASSERT_EQ(0, dxg_create_device(self->gpu.fd, self->gpu.adapter, &self->gpu.device));
}

/* The file tells what its process has, and only of that. */
TEST_F(pins, fdinfo)
{
	struct other other = { SIZE, SIZE };
	int second = open(DXG_PATH, O_RDONLY | O_CLOEXEC);
	__u32 own, host;
	char *data;

	EXPECT_EQ(1, dxg_fdinfo(self->gpu.fd, "dxg-adapters"));
	EXPECT_EQ(1, dxg_fdinfo(self->gpu.fd, "dxg-objects"));
	EXPECT_EQ(0, dxg_fdinfo(self->gpu.fd, "dxg-pinned"));
	EXPECT_EQ(0, dxg_fdinfo(self->gpu.fd, "dxg-mapped"));
	ASSERT_EQ(0, CREATE(dxg_memory(SIZE), SIZE, &own));
	ASSERT_EQ(0, dxg_create_allocation(self->gpu.fd, self->gpu.device, 20, &host));
	EXPECT_EQ(3, dxg_fdinfo(self->gpu.fd, "dxg-objects"));
	EXPECT_EQ(1200, dxg_fdinfo(self->gpu.fd, "dxg-pinned"));
	ASSERT_EQ(0, dxg_lock(&self->gpu, host, &data));
	ASSERT_EQ(0, dxg_lock(&self->gpu, host, &data));
	EXPECT_EQ(80, dxg_fdinfo(self->gpu.fd, "dxg-mapped"));
	/* One's own memory is no memory of the host. */
	ASSERT_EQ(0, dxg_lock(&self->gpu, own, &data));
	EXPECT_EQ(80, dxg_fdinfo(self->gpu.fd, "dxg-mapped"));
	EXPECT_EQ(0, dxg_in_child(pin_twice, &other));
	EXPECT_EQ(1200, dxg_fdinfo(second, "dxg-pinned"));
	EXPECT_EQ(0, dxg_unlock(&self->gpu, host));
	EXPECT_EQ(80, dxg_fdinfo(second, "dxg-mapped"));
	EXPECT_EQ(0, dxg_unlock(&self->gpu, host));
	EXPECT_EQ(0, dxg_fdinfo(second, "dxg-mapped"));
	ASSERT_EQ(0, dxg_lock(&self->gpu, host, &data));
	EXPECT_EQ(0, DESTROY(host));
	EXPECT_EQ(0, dxg_fdinfo(second, "dxg-mapped"));
	EXPECT_EQ(0, DESTROY(own));
	EXPECT_EQ(0, dxg_fdinfo(second, "dxg-pinned"));
	EXPECT_EQ(1, dxg_fdinfo(second, "dxg-objects"));
	close(second);
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
