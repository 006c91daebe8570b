// SPDX-License-Identifier: GPL-2.0
/* What the GPUs of gpupv-host do with command buffers, and what stops them */
#include <string.h>
#include <sys/mman.h>

#include "dxg_compute.h"
#include "dxg_harness.h"

#define PAGES		20
#define SIZE		(PAGES * DXG_PAGE)
#define WORDS		(SIZE / sizeof(__u32))
#define THREADS		4
#define FOREVER		0xffffffffu
/* Nothing is mapped there. */
#define NOWHERE		0x7f0000000000ULL

/* The state that a device has once it is not active any more; 0 if it stays */
static int stopped(const struct dxg_gpu *gpu)
{
	int state = 0;

	for (int i = 0; i < DXG_TIMEOUT_MS && !state; i++) {
		state = dxg_device_state(gpu->fd, gpu->device);
		dxg_sleep_ms(1);
	}
	return state;
}

static int page_fault(const struct dxg_gpu *gpu, struct d3dkmt_devicepagefault_state *fault)
{
	struct d3dkmt_getdevicestate args = {
		.device.v = gpu->device,
		.state_type = _D3DKMT_DEVICESTATE_PAGE_FAULT,
	};
	int result = dxg_ioctl(gpu->fd, LX_DXGETDEVICESTATE, &args);

	*fault = args.page_fault_state;
	return result;
}

FIXTURE(compute)
{
	struct dxg_gpu gpu;
	struct dxg_worker worker;
	struct dxg_gpu_memory memory[3];
};

FIXTURE_VARIANT(compute)
{
	bool compute;
	bool sysmem;
};

FIXTURE_VARIANT_ADD(compute, render) { .compute = false, .sysmem = false };
FIXTURE_VARIANT_ADD(compute, render_sysmem) { .compute = false, .sysmem = true };
FIXTURE_VARIANT_ADD(compute, compute) { .compute = true, .sysmem = false };
FIXTURE_VARIANT_ADD(compute, compute_sysmem) { .compute = true, .sysmem = true };

FIXTURE_SETUP(compute)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &self->worker));
	for (int i = 0; i < ARRAY_SIZE(self->memory); i++) {
		ASSERT_EQ(0, dxg_make_memory(&self->worker, variant->sysmem, PAGES,
					 &self->memory[i]));
	}
}

FIXTURE_TEARDOWN(compute)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define WORKER		(&self->worker)
#define GPU(n)		(self->memory[n].gpu)
#define CPU(n)		((__u32 *)self->memory[n].cpu)
#define NUMBERS(n)	((float *)self->memory[n].cpu)

/* To the last word, and not beyond what was asked for */
TEST_F(compute, fill_and_copy)
{
	int wrong = 0;

	DXG_ADD(WORKER, gpu_fill, GPU_FILL, GPU(0), SIZE, 0x01020304, 0);
	DXG_ADD(WORKER, gpu_fill, GPU_FILL, GPU(0) + 4, 8, 0x0a0b0c0d, 0);
	DXG_ADD(WORKER, gpu_copy, GPU_COPY, GPU(1) + DXG_PAGE - 8, GPU(0), SIZE - 2 * DXG_PAGE);
	ASSERT_EQ(0, dxg_worker_finish(WORKER));
	EXPECT_EQ(0x01020304, CPU(0)[0]);
	EXPECT_EQ(0x0a0b0c0d, CPU(0)[2]);
	EXPECT_EQ(0x01020304, CPU(0)[WORDS - 1]);
	for (int i = 0; i < WORDS; i++) {
		int from = i - (DXG_PAGE - 8) / 4;
		bool copied = from >= 0 && from < (SIZE - 2 * DXG_PAGE) / 4;

		wrong += CPU(1)[i] != (copied ? CPU(0)[from] : 0);
	}
	EXPECT_EQ(0, wrong);
}

TEST_F(compute, saxpy)
{
	int wrong = 0;

	for (int i = 0; i < WORDS; i++) {
		NUMBERS(0)[i] = i * 0.25f;
		NUMBERS(1)[i] = 1000 - i;
	}
	DXG_ADD(WORKER, gpu_saxpy, GPU_SAXPY, GPU(2), GPU(0), GPU(1), WORDS, 1.5f, 0);
	ASSERT_EQ(0, dxg_worker_finish(WORKER));
	for (int i = 0; i < WORDS; i++) {
		float product = 1.5f * NUMBERS(0)[i];

		wrong += NUMBERS(2)[i] != product + NUMBERS(1)[i];
	}
	EXPECT_EQ(0, wrong);
}

TEST_F(compute, matmul)
{
	enum { ROWS = 7, COLUMNS = 70, DEPTH = 33 };
	int wrong = 0;

	/* Small whole numbers: no order of the sums makes a difference. */
	for (int i = 0; i < ROWS * DEPTH; i++)
		NUMBERS(0)[i] = i % 13 - 6;
	for (int i = 0; i < DEPTH * COLUMNS; i++)
		NUMBERS(1)[i] = i % 17 - 8;
	DXG_ADD(WORKER, gpu_matmul, GPU_MATMUL, GPU(2), GPU(0), GPU(1), ROWS, COLUMNS, DEPTH, 0);
	ASSERT_EQ(0, dxg_worker_finish(WORKER));
	for (int row = 0; row < ROWS; row++) {
		for (int column = 0; column < COLUMNS; column++) {
			float sum = 0;

			for (int i = 0; i < DEPTH; i++) {
				sum += NUMBERS(0)[row * DEPTH + i] *
				       NUMBERS(1)[i * COLUMNS + column];
			}
			wrong += NUMBERS(2)[row * COLUMNS + column] != sum;
		}
	}
	EXPECT_EQ(0, wrong);
}

/* The next submission reads what the last one wrote, the CPU in between. */
TEST_F(compute, again_and_again)
{
	NUMBERS(0)[0] = 1;
	for (int i = 1; i <= 50; i++) {
		DXG_ADD(WORKER, gpu_saxpy, GPU_SAXPY, GPU(1), GPU(0), GPU(1), 1, 1.0f, 0);
		ASSERT_EQ(0, dxg_worker_finish(WORKER));
		ASSERT_EQ(i, NUMBERS(1)[0]);
	}
}

TEST_F(compute, fence_in_memory)
{
	DXG_ADD(WORKER, gpu_fence, GPU_FENCE, GPU(0) + SIZE - 8, 0x1122334455667788);
	ASSERT_EQ(0, dxg_worker_finish(WORKER));
	EXPECT_EQ(0x55667788, CPU(0)[WORDS - 2]);
	EXPECT_EQ(0x11223344, CPU(0)[WORDS - 1]);
}

/* What was stopped stays so, others are not concerned. */
#define EXPECT_STOPPED(expected) do {						\
	struct dxg_gpu __other = self->gpu;					\
	struct dxg_worker __worker;							\
										\
	EXPECT_EQ(expected, stopped(&self->gpu));				\
	/* Nobody shall wait for work that is not done any more. */		\
	EXPECT_TRUE(dxg_wait_fence(self->worker.done.value, ~0ULL));		\
	EXPECT_EQ(dxg_asynchronous() ? 0 : -ENODEV, dxg_worker_submit(WORKER));		\
	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &__other.device)); \
	ASSERT_EQ(0, dxg_make_worker(&__other, &__worker));				\
	EXPECT_EQ(0, dxg_worker_finish(&__worker));					\
	EXPECT_EQ(0, dxg_device_state(FD, __other.device));			\
} while (0)

TEST_F(compute, not_mapped)
{
	struct d3dkmt_devicepagefault_state fault;

	DXG_ADD(WORKER, gpu_fill, GPU_FILL, GPU(0), 8, 7, 0);
	DXG_ADD(WORKER, gpu_fill, GPU_FILL, NOWHERE, 8, 7, 0);
	DXG_ADD(WORKER, gpu_fill, GPU_FILL, GPU(1), 8, 7, 0);
	ASSERT_EQ(0, dxg_worker_submit(WORKER));
	EXPECT_STOPPED(_D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
	ASSERT_EQ(0, page_fault(&self->gpu, &fault));
	EXPECT_EQ(NOWHERE, fault.faulted_virtual_address);
	EXPECT_EQ(_DXGK_PAGE_FAULT_WRITE, fault.page_fault_flags);
	EXPECT_EQ(2, fault.faulted_primitive_api_sequence_number);
	EXPECT_EQ(7, CPU(0)[0]);
	EXPECT_EQ(0, CPU(1)[0]);
}

TEST_F(compute, not_resident)
{
	struct d3dkmt_devicepagefault_state fault;
	struct d3dkmt_evict evict = {
		.device.v = self->gpu.device,
		.alloc_count = 1,
		.allocations = (uintptr_t)&self->memory[1].allocation,
	};

	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXEVICT, &evict));
	DXG_ADD(WORKER, gpu_copy, GPU_COPY, GPU(0), GPU(1), 8);
	ASSERT_EQ(0, dxg_worker_submit(WORKER));
	EXPECT_STOPPED(_D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT);
	ASSERT_EQ(0, page_fault(&self->gpu, &fault));
	EXPECT_EQ(GPU(1), fault.faulted_virtual_address);
	EXPECT_EQ(0, fault.page_fault_flags);
}

TEST_F(compute, wanted_fault)
{
	struct d3dkmt_devicepagefault_state fault;

	DXG_ADD(WORKER, gpu_word, GPU_FAULT, 0x155, 0);
	ASSERT_EQ(0, dxg_worker_submit(WORKER));
	EXPECT_STOPPED(_D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT);
	ASSERT_EQ(0, page_fault(&self->gpu, &fault));
	EXPECT_EQ(1, (__u32)fault.fault_error_code.is_device_specific_code);
	EXPECT_EQ(0x155, (__u32)fault.fault_error_code.device_specific_code);
}

TEST_F(compute, no_command)
{
	DXG_ADD(WORKER, gpu_word, 0x12345, 0, 0);
	ASSERT_EQ(0, dxg_worker_submit(WORKER));
	EXPECT_STOPPED(_D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT);
}

/* Once the call has returned, the memory is the caller's alone. */
TEST_F(compute, destroy_in_use)
{
	for (int i = 0; i < 100; i++)
		DXG_ADD(WORKER, gpu_fill, GPU_FILL, GPU(0), SIZE, i, 0);
	ASSERT_EQ(0, dxg_worker_submit(WORKER));
	ASSERT_EQ(0, dxg_destroy_allocation(FD, self->gpu.device, self->memory[0].allocation));
	if (variant->sysmem) {
		memset(CPU(0), 0x5a, SIZE);
		dxg_sleep_ms(50);
		EXPECT_TRUE(dxg_filled(CPU(0), SIZE, 0x5a));
	}
	EXPECT_OK(dxg_destroy_device(FD, self->gpu.device));
}

struct job {
	const struct dxg_gpu *gpu;
	bool sysmem;
};

static int compute_together(void *data, unsigned int index)
{
	const struct job *job = data;
	struct dxg_gpu_memory x, y;
	struct dxg_worker worker;

	if (dxg_make_worker(job->gpu, &worker) || dxg_make_memory(&worker, job->sysmem, 2, &x) ||
	    dxg_make_memory(&worker, job->sysmem, 2, &y))
		return -1;
	for (int round = 1; round <= 10; round++) {
		float expected = round * (index + 1), *numbers = y.cpu;

		for (int i = 0; i < 2048; i++)
			((float *)x.cpu)[i] = index + 1;
		DXG_ADD(&worker, gpu_saxpy, GPU_SAXPY, y.gpu, x.gpu, y.gpu, 2048, 1.0f, 0);
		if (dxg_worker_finish(&worker))
			return -2;
		for (int i = 0; i < 2048; i++) {
			if (numbers[i] != expected)
				return -3;
		}
	}
	return 0;
}

TEST_F(compute, threads)
{
	struct job job = { .gpu = &self->gpu, .sysmem = variant->sysmem };

	EXPECT_EQ(0, dxg_together(THREADS, compute_together, &job));
}

FIXTURE(engine)
{
	struct dxg_gpu gpu;
	struct dxg_worker worker;
};

FIXTURE_VARIANT(engine)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(engine, render) { .compute = false };
FIXTURE_VARIANT_ADD(engine, compute) { .compute = true };

FIXTURE_SETUP(engine)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &self->worker));
}

FIXTURE_TEARDOWN(engine)
{
	dxg_gpu_close(&self->gpu);
}

/* A command that never ends is ended, with its device. */
TEST_F(engine, reset)
{
	DXG_ADD(WORKER, gpu_word, GPU_BUSY, FOREVER, 0);
	ASSERT_EQ(0, dxg_worker_submit(WORKER));
	EXPECT_STOPPED(_D3DKMT_DEVICEEXECUTION_HUNG);
}

/* It can also be taken down. */
TEST_F(engine, destroy_while_busy)
{
	int objects = dxg_host_objects_settled();
	struct dxg_gpu other = self->gpu;
	struct dxg_worker worker;

	ASSERT_EQ(0, dxg_create_device(FD, self->gpu.adapter, &other.device));
	ASSERT_EQ(0, dxg_make_worker(&other, &worker));
	DXG_ADD(&worker, gpu_word, GPU_BUSY, FOREVER, 0);
	ASSERT_EQ(0, dxg_worker_submit(&worker));
	EXPECT_OK(dxg_destroy_context(FD, worker.context));
	EXPECT_OK(dxg_destroy_device(FD, other.device));
	EXPECT_EQ(0, dxg_worker_finish(WORKER));
	EXPECT_EQ(objects, dxg_host_objects());
}

/* What matters more overtakes what matters less, while neither has been begun. */
TEST_F(engine, priority)
{
	struct dxg_worker low, high;
	struct d3dkmt_setcontextschedulingpriority args = { .priority = 3 };
	struct dxg_gpu_memory memory;
	struct dxg_monitored gate;

	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &low));
	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &high));
	ASSERT_EQ(0, dxg_make_memory(WORKER, false, 1, &memory));
	ASSERT_EQ(0, dxg_create_monitored(FD, self->gpu.device, 0, 0, &gate));
	args.context.v = high.context;
	ASSERT_EQ(0, dxg_ioctl(FD, LX_DXSETCONTEXTSCHEDULINGPRIORITY, &args));
	/* Both come to the engine at once: low notes what high has written. */
	ASSERT_EQ(0, dxg_wait_gpu(FD, low.context, gate.handle, 1));
	ASSERT_EQ(0, dxg_wait_gpu(FD, high.context, gate.handle, 1));
	DXG_ADD(&low, gpu_copy, GPU_COPY, memory.gpu + 8, memory.gpu, 4);
	DXG_ADD(&low, gpu_fence, GPU_FENCE, low.done.gpu_va, 1);
	ASSERT_EQ(0, dxg_worker_submit(&low));
	DXG_ADD(&high, gpu_fill, GPU_FILL, memory.gpu, 4, 7, 0);
	ASSERT_EQ(0, dxg_worker_submit(&high));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, gate.handle, 1));
	EXPECT_TRUE(dxg_wait_fence(low.done.value, 1));
	EXPECT_EQ(7, ((__u32 *)memory.cpu)[2]);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
