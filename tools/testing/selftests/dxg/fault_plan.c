// SPDX-License-Identifier: GPL-2.0
/*
 * The faults of the test host themselves: each kind has its effect. What the driver
 * makes of them in full is for the tests of the driver.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "dxg_fault_plan.h"
#include "dxg_objects.h"
#include "dxg_harness.h"

#define LATE_MS		500

FIXTURE(fault)
{
	struct dxg_gpu gpu;
	int objects;
};

FIXTURE_SETUP(fault)
{
	if (dxg_faults_done() < 0)
		SKIP(return, "the host has no port for faults");
	ASSERT_OK(dxg_fault_plan(""));
	DXG_GPU_SETUP(&self->gpu, false);
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(fault)
{
	dxg_fault_plan("");
	dxg_gpu_close(&self->gpu);
}

/* Puts one fault of CREATEDEVICE in force. */
static int plan_device(const char *what)
{
	char plan[256];

	snprintf(plan, sizeof(plan), "[[fault]]\ncommand = 'CREATEDEVICE'\n%s\n", what);
	return dxg_fault_plan(plan);
}

static int create_device(const struct dxg_gpu *gpu, __u32 *device)
{
	return dxg_create_device(gpu->fd, gpu->adapter, device);
}

static long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

TEST_F(fault, refused_plan)
{
	EXPECT_ERRNO(EINVAL, dxg_fault_plan("[[fault]]\ndo = 'nonsense'\n"));
	EXPECT_ERRNO(EINVAL, dxg_fault_plan("[[fault]]\nchannel = 99\ndo = 'hold'\n"));
	EXPECT_ERRNO(EINVAL, dxg_fault_plan("\xff"));
	/* The plan before stays in force, which is none. */
	EXPECT_EQ(0, dxg_faults_done());
	EXPECT_OK(dxg_fault_plan(""));
}

/* The host is late, and the call takes that long and succeeds. */
FIXTURE(late)
{
	struct dxg_gpu gpu;
};

FIXTURE_VARIANT(late)
{
	const char *what;
};

FIXTURE_VARIANT_ADD(late, message) { .what = "do = 'delay'\ndelay_ms = 500" };
FIXTURE_VARIANT_ADD(late, answer) { .what = "do = 'delay-answer'\ndelay_ms = 500" };

FIXTURE_SETUP(late)
{
	if (dxg_faults_done() < 0)
		SKIP(return, "the host has no port for faults");
	DXG_GPU_SETUP(&self->gpu, false);
}

FIXTURE_TEARDOWN(late)
{
	dxg_fault_plan("");
	dxg_gpu_close(&self->gpu);
}

TEST_F(late, takes_time)
{
	long begin;
	__u32 device;

	ASSERT_OK(plan_device(variant->what));
	begin = now_ms();
	EXPECT_OK(create_device(&self->gpu, &device));
	EXPECT_LE(LATE_MS, now_ms() - begin);
	EXPECT_EQ(1, dxg_faults_done());
	EXPECT_OK(dxg_fault_plan(""));
	EXPECT_EQ(0, dxg_faults_done());
	EXPECT_EQ(0, dxg_device_state(self->gpu.fd, device));
	EXPECT_OK(dxg_destroy_device(self->gpu.fd, device));
}

/* The answer says that there is no device, or is none that the driver can take. */
TEST_F(fault, failed_answers)
{
	static const char *const plans[] = {
		"do = 'status'\nstatus = 0xC0000001",
		"do = 'truncate'\nlength = 0",
		"do = 'overwrite'\noffset = 0\nbytes = [0, 0, 0, 0]",
	};
	__u32 device;

	for (int i = 0; i < ARRAY_SIZE(plans); i++) {
		ASSERT_OK(plan_device(plans[i]));
		EXPECT_GT(0, create_device(&self->gpu, &device)) TH_LOG("%s", plans[i]);
		EXPECT_EQ(1, dxg_faults_done()) TH_LOG("%s", plans[i]);
	}
}

/* What is more than the driver needs, and what it has already, changes nothing. */
TEST_F(fault, surplus)
{
	static const char *const plans[] = {
		"do = 'extend'\nlength = 100",
		"do = 'answer-twice'",
	};
	__u32 device;

	for (int i = 0; i < ARRAY_SIZE(plans); i++) {
		ASSERT_OK(plan_device(plans[i]));
		ASSERT_OK(create_device(&self->gpu, &device));
		EXPECT_EQ(1, dxg_faults_done()) TH_LOG("%s", plans[i]);
		ASSERT_OK(dxg_fault_plan(""));
		EXPECT_EQ(0, dxg_device_state(self->gpu.fd, device));
		EXPECT_OK(dxg_destroy_device(self->gpu.fd, device));
	}
}

TEST_F(fault, chosen_by_number)
{
	__u32 device[6];
	int failed = 0;

	ASSERT_OK(plan_device("every = 3\ndo = 'status'"));
	for (int i = 0; i < ARRAY_SIZE(device); i++) {
		if (create_device(&self->gpu, &device[i])) {
			EXPECT_EQ(2, i % 3);
			failed++;
		}
	}
	EXPECT_EQ(2, failed);
	EXPECT_EQ(2, dxg_faults_done());
}

/* A call that cannot end as long as the plan is in force, and ends well with it */
struct stuck_call {
	struct dxg_gpu gpu;
	__u32 device;
	int result;
};

FIXTURE(stuck)
{
	struct stuck_call call;
};

FIXTURE_VARIANT(stuck)
{
	const char *plan;
};

FIXTURE_VARIANT_ADD(stuck, ring) { .plan = "[[fault]]\ndo = 'stall-ring'\n" };
FIXTURE_VARIANT_ADD(stuck, interrupts) { .plan = "[[fault]]\ndo = 'no-interrupts'\n" };

FIXTURE_SETUP(stuck)
{
	if (dxg_faults_done() < 0)
		SKIP(return, "the host has no port for faults");
	DXG_GPU_SETUP(&self->call.gpu, false);
}

FIXTURE_TEARDOWN(stuck)
{
	dxg_fault_plan("");
	dxg_gpu_close(&self->call.gpu);
}

static void *call_in_thread(void *data)
{
	struct stuck_call *call = data;

	call->result = create_device(&call->gpu, &call->device);
	return NULL;
}

TEST_F(stuck, until_the_plan_ends)
{
	pthread_t thread;

	ASSERT_OK(dxg_fault_plan(variant->plan));
	ASSERT_OK(pthread_create(&thread, NULL, call_in_thread, &self->call));
	EXPECT_TRUE(dxg_faults_reach(1));
	dxg_sleep_ms(LATE_MS);
	EXPECT_EQ(EBUSY, pthread_tryjoin_np(thread, NULL));
	EXPECT_OK(dxg_fault_plan(""));
	ASSERT_OK(pthread_join(thread, NULL));
	EXPECT_OK(self->call.result);
	EXPECT_EQ(0, dxg_device_state(self->call.gpu.fd, self->call.device));
}

/* Messages that nobody asked for: of events that were never there, or are over */
TEST_F(fault, unasked)
{
	__u32 device;

	ASSERT_OK(dxg_fault_plan("[[fault]]\ndo = 'guest-event'\nid = 0x123456789\n"
				 "[[fault]]\ndo = 'guest-data'\nid = 0\n"));
	EXPECT_EQ(2, dxg_faults_done());
	ASSERT_OK(dxg_fault_plan("[[fault]]\nevery = 1\ndo = 'guest-event'\n"));
	for (int i = 0; i < 20; i++) {
		ASSERT_OK(create_device(&self->gpu, &device));
		EXPECT_OK(dxg_destroy_device(self->gpu.fd, device));
	}
	EXPECT_LE(20, dxg_faults_done());
	EXPECT_EQ(0, dxg_device_state(self->gpu.fd, self->gpu.device));
}

/*
 * A program whose request the host has not answered is killed; what the request made
 * goes with it, however late the answer comes. If none ever comes, the host may still
 * read the request: the program's process stays on the host until the channel is closed.
 */
FIXTURE(unanswered)
{
	struct dxg_gpu gpu;
	int objects;
};

FIXTURE_VARIANT(unanswered)
{
	const char *what;
	/* What of the plan is done when its end is what makes the host go on */
	int made;
};

FIXTURE_VARIANT_ADD(unanswered, hold) { .what = "do = 'hold'" };
FIXTURE_VARIANT_ADD(unanswered, hold_answer) { .what = "do = 'hold-answer'", .made = 1 };
FIXTURE_VARIANT_ADD(unanswered, delay) { .what = "do = 'delay'\ndelay_ms = 600000" };
FIXTURE_VARIANT_ADD(unanswered, delay_answer) {
	.what = "do = 'delay-answer'\ndelay_ms = 600000", .made = 1
};

FIXTURE_SETUP(unanswered)
{
	if (dxg_faults_done() < 0)
		SKIP(return, "the host has no port for faults");
	DXG_GPU_SETUP(&self->gpu, false);
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(unanswered)
{
	dxg_fault_plan("");
	dxg_gpu_close(&self->gpu);
}

TEST_F(unanswered, killed)
{
	struct dxg_gpu gpu;
	int status;
	__u32 device;
	pid_t child;

	/* The child's own process and device come first. */
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(self->gpu.fd);
		if (dxg_gpu_open(&gpu, false) || plan_device(variant->what))
			_exit(1);
		create_device(&gpu, &device);
		_exit(2);
	}
	EXPECT_TRUE(dxg_faults_reach(1));
	EXPECT_EQ(self->objects + 1 + variant->made, dxg_host_objects());
	EXPECT_EQ(0, waitpid(child, &status, WNOHANG));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(SIGKILL, status);
	/* The host goes on for others meanwhile, and afterwards. */
	EXPECT_EQ(0, dxg_device_state(self->gpu.fd, self->gpu.device));
	EXPECT_OK(dxg_fault_plan(""));
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
	EXPECT_OK(create_device(&self->gpu, &device));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
