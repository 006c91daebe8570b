// SPDX-License-Identifier: GPL-2.0
/* CreateAllocation2 with memory of the caller: what is pinned, and for how long */
#include <sys/mman.h>

#include "dxg_objects.h"
#include "dxg_harness.h"

#define PAGES	300
#define SIZE	((__u64)PAGES * DXG_PAGE)

FIXTURE(sysmem)
{
	struct dxg_gpu gpu;
	struct d3dkmt_createallocation args;
	struct d3dddi_allocationinfo2 info[2];
	struct dxg_allocation_data data[2];
	char *memory;
	int objects;
};

FIXTURE_VARIANT(sysmem)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(sysmem, render) { .compute = false };
FIXTURE_VARIANT_ADD(sysmem, compute) { .compute = true };

FIXTURE_SETUP(sysmem)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	self->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	ASSERT_NE(MAP_FAILED, self->memory);
	self->args.device.v = self->gpu.device;
	self->args.alloc_count = 1;
	self->args.allocation_info = (uintptr_t)self->info;
	for (int i = 0; i < 2; i++) {
		self->data[i] = DXG_ALLOCATION_DATA(SIZE / 2);
		self->info[i].priv_drv_data = (uintptr_t)&self->data[i];
		self->info[i].priv_drv_data_size = sizeof(self->data[i]);
		self->info[i].sysmem = (uintptr_t)self->memory + i * SIZE / 2;
	}
	self->data[0].bytes = SIZE;
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(sysmem)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define CREATE()	dxg_ioctl(FD, LX_DXCREATEALLOCATION, &self->args)
#define DESTROY()	dxg_destroy_allocation(FD, self->gpu.device, self->info[0].allocation.v)

#define REFUSED(error) do {							\
	EXPECT_ERRNO(error, CREATE());						\
	EXPECT_EQ(self->objects, dxg_host_objects());				\
	EXPECT_EQ(0, pinned());							\
} while (0)

/* KiB of this process which are pinned */
static int pinned(void)
{
	FILE *stream = fopen("/proc/self/status", "r");
	char line[128];
	int size = -1;

	while (stream && fgets(line, sizeof(line), stream) && size < 0)
		sscanf(line, "VmPin: %d", &size);
	if (stream)
		fclose(stream);
	return size;
}

TEST_F(sysmem, create_and_destroy)
{
	memset(self->memory, 0x5a, SIZE);
	EXPECT_EQ(0, pinned());
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, CREATE());
		EXPECT_EQ(SIZE / 1024, pinned());
		EXPECT_EQ(0, DESTROY());
		EXPECT_EQ(0, pinned());
	}
	EXPECT_TRUE(dxg_filled(self->memory, SIZE, 0x5a));
	EXPECT_EQ(self->objects, dxg_host_objects());
}

/* Locking it gives the caller's own address. */
TEST_F(sysmem, lock)
{
	struct d3dkmt_lock2 lock = { .device.v = self->gpu.device };
	struct d3dkmt_unlock2 unlock = { .device.v = self->gpu.device };

	ASSERT_EQ(0, CREATE());
	lock.allocation = self->info[0].allocation;
	unlock.allocation = self->info[0].allocation;
	for (int i = 0; i < 2; i++) {
		lock.data = 0;
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXLOCK2, &lock));
		EXPECT_EQ((uintptr_t)self->memory, lock.data);
	}
	/* No lock has to show it, and so none is missed. */
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(0, dxg_ioctl(FD, LX_DXUNLOCK2, &unlock));
	EXPECT_TRUE(dxg_can_write(self->memory));
}

/* The whole pages of a size that is none of pages; of less than one, that one */
TEST_F(sysmem, parts_of_pages)
{
	static const __u32 sizes[][2] = {
		{ 1, 1 }, { DXG_PAGE - 1, 1 }, { DXG_PAGE + 1, 1 }, { 3 * DXG_PAGE - 1, 2 },
	};

	/* There is nothing behind the whole pages. */
	self->data[0].flags = 4;
	for (int i = 0; i < ARRAY_SIZE(sizes); i++) {
		__u32 pages = sizes[i][1];

		self->info[0].sysmem = (uintptr_t)dxg_guarded(pages * DXG_PAGE, 0x5a);
		self->data[0].bytes = sizes[i][0];
		self->data[0].number = 0;
		ASSERT_EQ(0, CREATE());
		EXPECT_EQ(pages * (DXG_PAGE / 1024), pinned());
		EXPECT_EQ(0, DESTROY());
		EXPECT_EQ(0, pinned());
	}
}

TEST_F(sysmem, two)
{
	__u32 second;

	self->data[0].bytes = SIZE / 2;
	self->args.alloc_count = 2;
	ASSERT_EQ(0, CREATE());
	EXPECT_EQ(SIZE / 1024, pinned());
	second = self->info[1].allocation.v;
	EXPECT_EQ(0, DESTROY());
	EXPECT_EQ(SIZE / 2 / 1024, pinned());
	EXPECT_EQ(0, dxg_destroy_allocation(FD, self->gpu.device, second));
	EXPECT_EQ(0, pinned());
}

/* All of them, or none */
TEST_F(sysmem, mixed)
{
	self->data[0].bytes = SIZE / 2;
	self->args.alloc_count = 2;
	self->info[1].sysmem = 0;
	REFUSED(EINVAL);
	self->info[1].sysmem = self->info[0].sysmem;
	self->info[0].sysmem = 0;
	REFUSED(EINVAL);
}

TEST_F(sysmem, not_aligned)
{
	self->info[0].sysmem += 1;
	REFUSED(EINVAL);
	self->info[0].sysmem += 63;
	REFUSED(EINVAL);
}

TEST_F(sysmem, not_mapped)
{
	ASSERT_EQ(0, munmap(self->memory + SIZE - DXG_PAGE, DXG_PAGE));
	REFUSED(ENOMEM);
	self->info[0].sysmem = 1ULL << 63;
	REFUSED(ENOMEM);
	self->info[0].sysmem = -(__u64)DXG_PAGE;
	REFUSED(ENOMEM);
	self->info[0].sysmem = (uintptr_t)self->memory;
	self->data[0].bytes = SIZE - DXG_PAGE;
	EXPECT_EQ(0, CREATE());
}

/* The GPU writes, unless it was told not to. */
TEST_F(sysmem, read_only)
{
	memset(self->memory, 0x5a, SIZE);
	ASSERT_EQ(0, mprotect(self->memory, SIZE, PROT_READ));
	REFUSED(ENOMEM);
	self->args.flags.read_only = 1;
	EXPECT_EQ(0, CREATE());
	EXPECT_EQ(SIZE / 1024, pinned());
	EXPECT_EQ(0, DESTROY());
	EXPECT_EQ(0, pinned());
}

/* Memory of a device is no memory to pin. */
TEST_F(sysmem, device_memory)
{
	struct dxg_paging_queue queue;

	ASSERT_EQ(0, dxg_create_paging_queue(FD, self->gpu.device, &queue));
	self->objects = dxg_host_objects();
	self->info[0].sysmem = (uintptr_t)queue.value;
	self->data[0].bytes = DXG_PAGE;
	REFUSED(ENOMEM);
}

/* Pages stay as long as the allocation, whatever the program does with its addresses. */
TEST_F(sysmem, unmapped_by_the_program)
{
	ASSERT_EQ(0, CREATE());
	ASSERT_EQ(0, munmap(self->memory, SIZE));
	EXPECT_EQ(SIZE / 1024, pinned());
	EXPECT_EQ(0, DESTROY());
	EXPECT_EQ(0, pinned());
}

TEST_F(sysmem, gone_with_device)
{
	ASSERT_EQ(0, CREATE());
	ASSERT_EQ(0, dxg_destroy_device(FD, self->gpu.device));
	EXPECT_EQ(0, pinned());
	EXPECT_ERRNO(EINVAL, DESTROY());
}

TEST_F(sysmem, gone_with_adapter)
{
	ASSERT_EQ(0, CREATE());
	ASSERT_EQ(0, dxg_close_adapter(FD, self->gpu.adapter));
	EXPECT_EQ(0, pinned());
}

TEST_F(sysmem, many_lists)
{
	enum { MANY = 20000 };
	char *memory = mmap(NULL, (size_t)MANY * DXG_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	/* More pages than fit into one message to the host */
	ASSERT_NE(MAP_FAILED, memory);
	self->info[0].sysmem = (uintptr_t)memory;
	self->data[0].bytes = (__u64)MANY * DXG_PAGE;
	ASSERT_EQ(0, CREATE());
	EXPECT_EQ(MANY * (DXG_PAGE / 1024), pinned());
	EXPECT_EQ(0, DESTROY());
	EXPECT_EQ(0, pinned());
}

TEST_F(sysmem, of_a_file)
{
	int file = memfd_create("sysmem", MFD_CLOEXEC);
	char *memory;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, ftruncate(file, SIZE));
	memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, memory);
	self->info[0].sysmem = (uintptr_t)memory;
	EXPECT_EQ(0, CREATE());
	EXPECT_EQ(SIZE / 1024, pinned());
	/* Half of it ends while the host has it. */
	EXPECT_EQ(0, ftruncate(file, SIZE / 2));
	EXPECT_EQ(0, DESTROY());
	EXPECT_EQ(0, pinned());
	EXPECT_EQ(0, close(file));
}

/* The last handle cannot be told: nothing stays pinned. */
TEST_F(sysmem, info_not_writable)
{
	self->args.allocation_info = (uintptr_t)dxg_readonly(self->info, sizeof(self->info[0]));
	REFUSED(EFAULT);
}

struct child {
	bool compute;
	struct d3dkmt_createallocation args;
};

static int create_in_child(void *data)
{
	struct child *child = data;
	struct dxg_gpu gpu;
	int result = dxg_gpu_open(&gpu, child->compute);

	child->args.device.v = gpu.device;
	/* Ends with everything pinned. */
	return result ?: dxg_ioctl(gpu.fd, LX_DXCREATEALLOCATION, &child->args);
}

TEST_F(sysmem, of_ended_process)
{
	struct child child = { .compute = variant->compute, .args = self->args };

	for (int i = 0; i < 3; i++)
		EXPECT_OK(dxg_in_child(create_in_child, &child));
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
