// SPDX-License-Identifier: GPL-2.0
/* QueryStatistics: no handle, but a LUID and a process id */
#include <sched.h>
#include <signal.h>

#include "dxg_compute.h"
#include "dxg_fault_plan.h"
#include "dxg_harness.h"

/* Types that came with WDDM 3.1, and the last of them */
enum {
	SEGMENT_GROUP_USAGE	= 17,
	NODE2			= 18,
	PROCESS_NODE2		= 19,
};

/* What they are about: the physical adapter in the lower half, and its part */
#define SECOND(part)	((__u32)(part) << 16)

/* The beginning of results */
struct memory_usage {
	__u64 allocated, free, zero, modified, standby;
};

struct node_usage {
	/* In units of 100 ns */
	__u64 running_time;
	__u32 context_switch;
};

#define MS		10000ULL

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
	     type <= PROCESS_NODE2; type++) {
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

struct question {
	const struct d3dkmt_querystatistics *args;
	bool other_user;
};

/* Asks with a file of its own, as another user if that is wanted. */
static int ask(void *data)
{
	struct question *question = data;
	struct d3dkmt_querystatistics args = *question->args;
	int fd;

	if (question->other_user && setresuid(65534, 65534, 65534))
		return -EPERM;
	fd = dxg_open();
	return fd < 0 ? fd : dxg_ioctl(fd, LX_DXQUERYSTATISTICS, &args);
}

/* Whose process it is does not matter, but the pid namespace does. */
TEST_F(statistics, other_user)
{
	struct question question = { &self->args, true };

	if (getuid())
		SKIP(return, "needs root to become another user");
	self->args.process = getpid();
	self->args.type = _D3DKMT_QUERYSTATISTICS_PROCESS;
	EXPECT_EQ(0, dxg_in_child(ask, &question));
}

/* The same as the first process of a namespace, where it has number 1 and no other has one. */
static int ask_inside(void *data)
{
	struct question *question = data;
	struct d3dkmt_querystatistics args = *question->args;
	int fd = dxg_open();

	if (fd < 0)
		return fd;
	if (dxg_ioctl(fd, LX_DXQUERYSTATISTICS, &args) != -EINVAL)
		return -ERANGE;
	args.process = 1;
	return dxg_ioctl(fd, LX_DXQUERYSTATISTICS, &args);
}

TEST_F(statistics, other_namespace)
{
	struct question question = { &self->args };

	self->args.process = getpid();
	self->args.type = _D3DKMT_QUERYSTATISTICS_PROCESS;
	EXPECT_EQ(0, dxg_in_child(ask, &question));
	if (getuid() || unshare(CLONE_NEWPID))
		SKIP(return, "needs root for a pid namespace");
	/* From here on children are in the new namespace. */
	EXPECT_EQ(0, dxg_in_child(ask_inside, &question));
}

/* One asks about a process, and the other one kills it before the host answers. */
struct end {
	int fd;
	struct d3dkmt_querystatistics args;
	pid_t other;
	int before;
	int asked, returned;
};

static int ask_and_kill(void *data, unsigned int index)
{
	struct end *end = data;
	int status;

	if (!index) {
		end->asked = dxg_ioctl(end->fd, LX_DXQUERYSTATISTICS, &end->args);
		return 0;
	}
	end->returned = dxg_faults_reach(1) && !kill(end->other, SIGKILL) &&
			waitpid(end->other, &status, 0) == end->other &&
			dxg_host_objects_return(end->before);
	return dxg_fault_plan("");
}

/* The end of a process does not wait for who asks about it. */
TEST_F(statistics, end_of_the_other)
{
	struct end end = { .fd = FD, .before = dxg_host_objects_settled() };
	int ready[2], result;
	char byte;

	ASSERT_EQ(0, pipe(ready));
	end.other = fork();
	ASSERT_LE(0, end.other);
	if (!end.other) {
		struct dxg_gpu gpu;

		if (dxg_gpu_open(&gpu, variant->compute) || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	end.args = self->args;
	end.args.process = end.other;
	end.args.type = _D3DKMT_QUERYSTATISTICS_PROCESS;
	result = dxg_fault_plan("[[fault]]\ncommand = \"QUERYSTATISTICS\"\ndo = \"hold\"\n");
	if (result == -ENODEV) {
		kill(end.other, SIGKILL);
		SKIP(return, "the host makes no faults");
	}
	ASSERT_EQ(0, result);
	EXPECT_EQ(0, dxg_together(2, ask_and_kill, &end));
	EXPECT_TRUE(end.returned);
	/* When the host comes to the question it may know no such process any more. */
	EXPECT_TRUE(!end.asked || end.asked == -EINVAL) TH_LOG("%d", end.asked);
}

/* Asks for statistics of a process, 0 for the caller, and returns the first number. */
static __u64 statistics_number(struct d3dkmt_querystatistics *args, int fd, __u32 type,
			       __u32 selector, __u64 process)
{
	__u64 number;

	args->type = type;
	args->process = process;
	memcpy((char *)args + sizeof(*args) - 8, &selector, sizeof(selector));
	if (dxg_ioctl(fd, LX_DXQUERYSTATISTICS, args))
		return ~0ULL;
	memcpy(&number, &args->result, sizeof(number));
	return number;
}

#define NUMBER(type, selector, process)						\
	statistics_number(&self->args, FD, type, selector, process)

/* An engine that works for the caller is seen to, while it does and afterwards. */
TEST_F(statistics, running_time)
{
	const __u32 node = _D3DKMT_QUERYSTATISTICS_NODE;
	const __u32 process_node = _D3DKMT_QUERYSTATISTICS_PROCESS_NODE;
	struct dxg_worker worker;
	__u64 before, own, seen = 0;

	before = NUMBER(node, 0, 0);
	ASSERT_NE(~0ULL, before);
	EXPECT_EQ(0, NUMBER(process_node, 0, 0));
	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &worker));
	/* A second, of which the first tenth is waited for */
	DXG_ADD(&worker, gpu_word, GPU_BUSY, 1000000, 0);
	ASSERT_EQ(0, dxg_worker_signal(&worker));
	for (int i = 0; i < DXG_TIMEOUT_MS && seen < 100 * MS; i++) {
		seen = NUMBER(process_node, 0, 0);
		dxg_sleep_ms(1);
	}
	EXPECT_LE(100 * MS, seen);
	EXPECT_LE(before + 100 * MS, NUMBER(node, 0, 0));
	ASSERT_TRUE(dxg_wait_fence(worker.done.value, worker.rounds));
	own = NUMBER(process_node, 0, 0);
	EXPECT_LE(1000 * MS, own);
	EXPECT_LE(own, NUMBER(PROCESS_NODE2, SECOND(0), getpid()));
	EXPECT_LE(before + own, NUMBER(NODE2, SECOND(0), 0));
	/* Another engine has done nothing for it. */
	EXPECT_EQ(0, NUMBER(process_node, 1, 0));
}

TEST_F(statistics, memory_in_use)
{
	struct memory_usage before, after;
	struct dxg_worker worker;
	struct dxg_gpu_memory memory;

	ASSERT_NE(~0ULL, NUMBER(SEGMENT_GROUP_USAGE, SECOND(0), 0));
	memcpy(&before, &self->args.result, sizeof(before));
	EXPECT_LT(0, before.free);
	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &worker));
	ASSERT_EQ(0, dxg_make_memory(&worker, false, 64, &memory));
	ASSERT_NE(~0ULL, NUMBER(SEGMENT_GROUP_USAGE, SECOND(0), 0));
	memcpy(&after, &self->args.result, sizeof(after));
	EXPECT_LE(before.allocated + 64 * DXG_PAGE, after.allocated);
	EXPECT_EQ(before.allocated + before.free, after.allocated + after.free);
}

/* Parts and physical adapters that are not there */
TEST_F(statistics, no_such_part)
{
	for (__u32 type = 12; type <= PROCESS_NODE2; type++) {
		if (type == 13)
			continue;
		EXPECT_EQ(~0ULL, NUMBER(type, SECOND(200), 0));
		EXPECT_EQ(~0ULL, NUMBER(type, 1, 0));
	}
}

TEST_F(statistics, not_writable)
{
	EXPECT_ERRNO(EFAULT, dxg_ioctl(FD, LX_DXQUERYSTATISTICS,
				       dxg_readonly(&self->args, sizeof(self->args))));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
