// SPDX-License-Identifier: GPL-2.0
/* QueryStatistics: no handle, but a LUID and a process id */
#include <signal.h>

#include "dxg_objects.h"
#include "dxg_harness.h"

FIXTURE(statistics)
{
	struct dxg_gpu gpu;
	struct d3dkmt_querystatistics args;
};

FIXTURE_VARIANT(statistics)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(statistics, render) { .compute = false };
FIXTURE_VARIANT_ADD(statistics, compute) { .compute = true };

FIXTURE_SETUP(statistics)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	memset(&self->args, 0xa5, sizeof(self->args));
	self->args.type = _D3DKMT_QUERYSTATISTICS_ADAPTER;
	self->args.adapter_luid = self->gpu.luid;
	self->args.process = 0;
	/* The last words of the argument select a segment or an engine: the first. */
	memset((char *)&self->args + sizeof(self->args) - 8, 0, 8);
}

FIXTURE_TEARDOWN(statistics)
{
	dxg_gpu_close(&self->gpu);
}

#define FD		(self->gpu.fd)
#define QUERY()		dxg_ioctl(FD, LX_DXQUERYSTATISTICS, &self->args)
#define REFUSED(error)	EXPECT_REFUSED(error, FD, LX_DXQUERYSTATISTICS, &self->args)

TEST_F(statistics, types)
{
	for (__u32 type = _D3DKMT_QUERYSTATISTICS_ADAPTER;
	     type <= _D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER; type++) {
		int result;

		memset(&self->args.result, 0xa5, sizeof(self->args.result));
		self->args.type = type;
		result = QUERY();
		/* Virtual adapters have no displays. */
		if (result == -EINVAL) {
			EXPECT_TRUE(type == _D3DKMT_QUERYSTATISTICS_VIDPNSOURCE ||
				    type == _D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE);
		} else {
			EXPECT_EQ(0, result) TH_LOG("type %u", type);
		}
		/* The caller's LUID and its question come back as they were. */
		EXPECT_EQ(type, self->args.type);
		EXPECT_TRUE(dxg_luid_equal(self->gpu.luid, self->args.adapter_luid));
		EXPECT_EQ(0, self->args.process);
		EXPECT_EQ(!!result, dxg_filled(&self->args.result, 256, 0xa5));
	}
}

TEST_F(statistics, unknown_type)
{
	self->args.type = _D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER + 100;
	REFUSED(EINVAL);
	self->args.type = 0xffffffff;
	REFUSED(EINVAL);
}

/* An adapter nobody has is an error, not a success without an answer. */
TEST_F(statistics, unknown_luid)
{
	self->args.adapter_luid = DXG_NO_LUID;
	REFUSED(EINVAL);
	self->args.adapter_luid = self->gpu.luid;
	self->args.adapter_luid.b ^= 1;
	REFUSED(EINVAL);
}

TEST_F(statistics, own_process)
{
	/* By name as without one; the id is not lost. */
	self->args.process = getpid();
	self->args.type = _D3DKMT_QUERYSTATISTICS_PROCESS;
	EXPECT_EQ(0, QUERY());
	EXPECT_EQ(getpid(), self->args.process);
}

TEST_F(statistics, unknown_process)
{
	const __u64 processes[] = { 1, getppid(), 0x7fffffff, 1ULL << 32, ~0ULL };

	/* Processes that are there, but not users of the device, or not at all */
	for (int i = 0; i < ARRAY_SIZE(processes); i++) {
		self->args.process = processes[i];
		REFUSED(EINVAL);
	}
	/* Nor is an id cut to half its bits. */
	self->args.process = (1ULL << 32) | getpid();
	REFUSED(EINVAL);
}

TEST_F(statistics, other_process)
{
	int ready[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		struct dxg_gpu gpu;

		if (dxg_gpu_open(&gpu, variant->compute) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	self->args.process = child;
	self->args.type = _D3DKMT_QUERYSTATISTICS_PROCESS;
	EXPECT_EQ(0, QUERY());
	EXPECT_EQ(child, self->args.process);
	ASSERT_EQ(0, kill(child, SIGKILL));
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	for (int i = 0; i < 1000 && !QUERY(); i++)
		dxg_sleep_ms(10);
	REFUSED(EINVAL);
}

TEST_F(statistics, not_writable)
{
	EXPECT_ERRNO(EFAULT, dxg_ioctl(FD, LX_DXQUERYSTATISTICS,
				       dxg_readonly(&self->args, sizeof(self->args))));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
