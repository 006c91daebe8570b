// SPDX-License-Identifier: GPL-2.0
/* WaitForSynchronizationObjectFromCpu: threads that block, and events. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "dxg_sync.h"
#include "dxg_harness.h"

FIXTURE(wait_cpu)
{
	struct dxg_gpu gpu;
	struct dxg_monitored fence[2];
	__u32 objects[2];
	__u64 values[2];
};

FIXTURE_VARIANT(wait_cpu)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(wait_cpu, render) { .compute = false };
FIXTURE_VARIANT_ADD(wait_cpu, compute) { .compute = true };

FIXTURE_SETUP(wait_cpu)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	for (int i = 0; i < 2; i++) {
		ASSERT_OK(dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0,
					       &self->fence[i]));
		self->objects[i] = self->fence[i].handle;
		self->values[i] = 10 + i;
	}
}

FIXTURE_TEARDOWN(wait_cpu)
{
	dxg_gpu_close(&self->gpu);
}

#define WAIT(args)	dxg_ioctl(self->gpu.fd, LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU, args)

/* For both fences */
#define BOTH									\
	{									\
		.device.v = self->gpu.device,					\
		.object_count = 2,						\
		.objects = (uintptr_t)self->objects,				\
		.fence_values = (uintptr_t)self->values,			\
	}

/* A thread that waits, and whether it still does */
struct waiter {
	int fd;
	struct d3dkmt_waitforsynchronizationobjectfromcpu args;
	/* Its number, once it runs */
	atomic_int id;
	atomic_int result;
	pthread_t thread;
};

#define WAITING		1000

static void *wait_in_thread(void *data)
{
	struct waiter *waiter = data;

	waiter->id = syscall(SYS_gettid);
	waiter->result = dxg_ioctl(waiter->fd, LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU,
				   &waiter->args);
	return NULL;
}

/* Whether the thread sleeps, and signals can wake it: not while it sends a message. */
static bool is_asleep(const struct waiter *waiter)
{
	char path[64], text[128] = {}, *state;
	FILE *stream;

	if (!waiter->id)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", waiter->id);
	stream = fopen(path, "r");
	if (!stream)
		return false;
	state = fgets(text, sizeof(text), stream) ? strrchr(text, ')') : NULL;
	fclose(stream);
	return state && state[1] && state[2] == 'S';
}

/*
 * Starts the thread, and makes sure that it has got to the host and does not come back by
 * itself. It is never joined: in a program of 32 bits that takes a system call which bare
 * kernels leave out.
 */
static bool start(struct waiter *waiter)
{
	waiter->result = WAITING;
	if (pthread_create(&waiter->thread, NULL, wait_in_thread, waiter) ||
	    pthread_detach(waiter->thread))
		return false;
	while (waiter->result == WAITING && !is_asleep(waiter))
		dxg_sleep_ms(1);
	/* What is over already, and should not be, has a moment to say so. */
	dxg_sleep_ms(20);
	return waiter->result == WAITING;
}

/* What the wait returns, WAITING if it does not. */
static int end(struct waiter *waiter)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10 && waiter->result == WAITING; i++)
		dxg_sleep_ms(10);
	return waiter->result;
}

TEST_F(wait_cpu, reached_already)
{
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, self->fence[0].handle, 10));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, self->fence[0].handle, 0));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, self->fence[1].handle, 0));
}

TEST_F(wait_cpu, blocks)
{
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };

	waiter.args.object_count = 1;
	ASSERT_TRUE(start(&waiter));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 9));
	dxg_sleep_ms(50);
	EXPECT_EQ(WAITING, waiter.result);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	EXPECT_EQ(0, end(&waiter));
}

TEST_F(wait_cpu, by_the_gpu)
{
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };
	__u32 context;

	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &context));
	ASSERT_TRUE(start(&waiter));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, context, self->fence[1].handle, 11));
	ASSERT_EQ(0, dxg_signal_gpu(self->gpu.fd, context, self->fence[0].handle, 10));
	EXPECT_EQ(0, end(&waiter));
}

TEST_F(wait_cpu, all)
{
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };

	ASSERT_TRUE(start(&waiter));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 11));
	dxg_sleep_ms(50);
	EXPECT_EQ(WAITING, waiter.result);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	EXPECT_EQ(0, end(&waiter));
}

TEST_F(wait_cpu, any)
{
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };

	waiter.args.flags.wait_any = 1;
	ASSERT_TRUE(start(&waiter));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 11));
	EXPECT_EQ(0, end(&waiter));
	EXPECT_EQ(0, *self->fence[0].value);
}

TEST_F(wait_cpu, event)
{
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = BOTH;
	int event = dxg_event();

	args.async_event = event;
	ASSERT_EQ(0, WAIT(&args));
	EXPECT_TRUE(dxg_event_silent(event));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 100));
	EXPECT_TRUE(dxg_event_silent(event));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 100));
	EXPECT_EQ(1, dxg_event_count(event));
	/* Once for each wait */
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 200));
	EXPECT_TRUE(dxg_event_silent(event));
}

TEST_F(wait_cpu, event_any)
{
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = BOTH;
	int event = dxg_event();

	args.async_event = event;
	args.flags.wait_any = 1;
	ASSERT_EQ(0, WAIT(&args));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 11));
	EXPECT_EQ(1, dxg_event_count(event));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	EXPECT_TRUE(dxg_event_silent(event));
}

/* Many events of many waits: each of them, once */
TEST_F(wait_cpu, events)
{
	enum { MANY = 100 };
	int shared = dxg_event(), own[MANY];
	__u64 count = 0;

	for (int i = 0; i < MANY; i++) {
		own[i] = dxg_event();
		ASSERT_OK(dxg_wait_event(&self->gpu, self->fence[0].handle, i + 1, own[i]));
		ASSERT_OK(dxg_wait_event(&self->gpu, self->fence[0].handle, i + 1, shared));
	}
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, MANY / 2));
	for (int i = 0; i < MANY / 2; i++) {
		EXPECT_EQ(1, dxg_event_count(own[i]));
		close(own[i]);
	}
	while (count < MANY / 2) {
		__u64 more = dxg_event_count(shared);

		ASSERT_NE(0, more);
		count += more;
	}
	EXPECT_EQ(MANY / 2, count);
	for (int i = MANY / 2; i < MANY; i += 10)
		EXPECT_EQ(-1, read(own[i], &count, sizeof(count)));
	/* The rest never happens. */
}

/* The driver has its own hold on the event. */
TEST_F(wait_cpu, event_closed)
{
	int event = dxg_event(), copy = dup(event);

	ASSERT_EQ(0, dxg_wait_event(&self->gpu, self->fence[0].handle, 1, event));
	close(event);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 1));
	EXPECT_EQ(1, dxg_event_count(copy));
}

TEST_F(wait_cpu, event_wrong)
{
	const __u64 wrong[] = { self->gpu.fd, 1000, -1, 1ULL << 31 };
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = BOTH;
	struct dxg_monitored shared;
	int descriptor;

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		args.async_event = wrong[i];
		EXPECT_ERRNO(EBADF, WAIT(&args));
	}
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, DXG_SHARED, &shared));
	ASSERT_EQ(0, dxg_share(self->gpu.fd, shared.handle, &descriptor));
	args.async_event = descriptor;
	EXPECT_ERRNO(EPROTOTYPE, WAIT(&args));
}

/* A descriptor is in the lower half; the upper one does not count. */
TEST_F(wait_cpu, event_upper_half)
{
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = BOTH;
	int event = dxg_event();

	args.object_count = 1;
	args.async_event = event | 0x1234567800000000;
	ASSERT_EQ(0, WAIT(&args));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	EXPECT_EQ(1, dxg_event_count(event));
}

/* 0 means none, although there may be a descriptor 0: the call blocks. */
TEST_F(wait_cpu, event_zero)
{
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };
	int event = dxg_event();

	ASSERT_EQ(0, dup2(event, 0));
	ASSERT_TRUE(start(&waiter));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 11));
	EXPECT_EQ(0, end(&waiter));
	EXPECT_TRUE(dxg_event_silent(event));
}

/* A wait that the host refuses leaves no event that could fire. */
TEST_F(wait_cpu, bad_object)
{
	__u32 context, stale = self->fence[1].handle;
	int event = dxg_event();

	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &context));
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, stale));
	const __u32 wrong[] = { 0, self->gpu.device, context, stale, DXG_NO_HANDLE, ~0U };

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		/* These are answered even by a host which answers no signals. */
		EXPECT_ERRNO(EINVAL, dxg_wait_cpu(&self->gpu, wrong[i], 0));
		EXPECT_ERRNO(EINVAL, dxg_wait_event(&self->gpu, wrong[i], 0, event));
	}
	EXPECT_TRUE(dxg_event_silent(event));
}

TEST_F(wait_cpu, bad_device)
{
	const __u32 wrong[] = { 0, self->fence[0].handle, DXG_NO_HANDLE, ~0U };
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = BOTH;

	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		args.device.v = wrong[i];
		EXPECT_ERRNO(EINVAL, WAIT(&args));
	}
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	args.device.v = self->gpu.device;
	EXPECT_ERRNO(EINVAL, WAIT(&args));
}

TEST_F(wait_cpu, counts)
{
	/* Each object takes a handle and a value. */
	__u32 most = dxg_message_room(56) / 12;
	__u32 *objects = calloc(most + 1, sizeof(*objects));
	__u64 *values = calloc(most + 1, sizeof(*values));
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = {
		.device.v = self->gpu.device,
		.object_count = most,
		.objects = (uintptr_t)objects,
		.fence_values = (uintptr_t)values,
	};
	const __u32 wrong[] = { 0, most + 1, 131073, 0x20000001, 0x40000001, ~0U };

	ASSERT_TRUE(objects && values);
	for (__u32 i = 0; i <= most; i++)
		objects[i] = self->fence[i % 2].handle;
	EXPECT_OK(WAIT(&args));
	for (int i = 0; i < ARRAY_SIZE(wrong); i++) {
		args.object_count = wrong[i];
		EXPECT_ERRNO(EINVAL, WAIT(&args));
	}
	free(objects);
	free(values);
}

TEST_F(wait_cpu, faults)
{
	struct d3dkmt_waitforsynchronizationobjectfromcpu args = BOTH;

	args.objects = (uintptr_t)dxg_unmapped();
	EXPECT_ERRNO(EFAULT, WAIT(&args));
	args.objects = (uintptr_t)dxg_guarded(sizeof(self->objects) - 1, 0);
	EXPECT_ERRNO(EFAULT, WAIT(&args));
	args.objects = (uintptr_t)self->objects;
	args.fence_values = (uintptr_t)dxg_guarded(sizeof(self->values) - 1, 0);
	EXPECT_ERRNO(EFAULT, WAIT(&args));
	args.fence_values = 0;
	args.async_event = dxg_event();
	EXPECT_ERRNO(EFAULT, WAIT(&args));
}

static atomic_int alarms;

static void count_alarm(int signal)
{
	alarms++;
}

TEST_F(wait_cpu, signal_interrupts)
{
	const struct sigaction action = { .sa_handler = count_alarm };
	/* Again and again, as one may come before the wait. */
	const struct itimerval often = {
		.it_value.tv_usec = 50000,
		.it_interval.tv_usec = 50000,
	};
	const struct itimerval never = {};

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 1; i <= 5; i++) {
		EXPECT_ERRNO(EINTR, dxg_wait_cpu(&self->gpu, self->fence[0].handle, 10));
		EXPECT_LE(i, atomic_load(&alarms));
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	/* None of these waits is left over. */
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, self->fence[0].handle, 10));
}

/* With SA_RESTART the program sees nothing of the signal, and of the second wait. */
TEST_F(wait_cpu, signal_restarts)
{
	const struct sigaction action = { .sa_handler = count_alarm, .sa_flags = SA_RESTART };
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_TRUE(start(&waiter));
	for (int i = 1; i <= 5; i++) {
		ASSERT_EQ(0, pthread_kill(waiter.thread, SIGUSR1));
		for (int tries = 0; tries < 1000 && alarms < i; tries++)
			dxg_sleep_ms(1);
		ASSERT_EQ(i, atomic_load(&alarms));
	}
	dxg_sleep_ms(20);
	EXPECT_EQ(WAITING, waiter.result);
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 10));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 11));
	EXPECT_EQ(0, end(&waiter));
}

static void wait_for_ever(unsigned int threads)
{
	struct waiter waiters[8];
	struct dxg_monitored fence;
	struct dxg_gpu gpu;
	__u64 never = ~0ULL;

	if (dxg_gpu_open(&gpu, false) || dxg_create_monitored(gpu.fd, gpu.device, 0, 0, &fence))
		return;
	for (int i = 0; i < threads; i++) {
		waiters[i] = (struct waiter) {
			.fd = gpu.fd,
			.args = {
				.device.v = gpu.device,
				.object_count = 1,
				.objects = (uintptr_t)&fence.handle,
				.fence_values = (uintptr_t)&never,
			},
		};
		if (pthread_create(&waiters[i].thread, NULL, wait_in_thread, &waiters[i]))
			return;
	}
	dxg_wait_cpu(&gpu, fence.handle, never);
}

TEST_F(wait_cpu, kill)
{
	int before = dxg_host_objects_settled();

	for (int round = 0; round < 6; round++) {
		int status;
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child) {
			wait_for_ever(round % 3 * 4);
			_exit(1);
		}
		dxg_sleep_ms(30 * (round + 1));
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(SIGKILL, status);
	}
	EXPECT_TRUE(dxg_host_objects_return(before));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[0].handle, 1));
	EXPECT_OK(dxg_wait_cpu(&self->gpu, self->fence[0].handle, 1));
}

/* Nobody is left waiting for what cannot happen any more. */
TEST_F(wait_cpu, device_destroyed)
{
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };

	ASSERT_TRUE(start(&waiter));
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	EXPECT_EQ(-ENODEV, end(&waiter));
}

/* A reader of the event is not left waiting, whichever way the device goes; and is told once. */
TEST_F(wait_cpu, event_of_a_destroyed_device)
{
	int event = dxg_event();

	ASSERT_EQ(0, dxg_wait_event(&self->gpu, self->fence[0].handle, 10, event));
	ASSERT_EQ(0, dxg_wait_event(&self->gpu, self->fence[1].handle, 10, event));
	ASSERT_EQ(0, dxg_signal_cpu(&self->gpu, self->fence[1].handle, 10));
	EXPECT_EQ(1, dxg_event_count(event));
	EXPECT_TRUE(dxg_event_silent(event));
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	EXPECT_EQ(1, dxg_event_count(event));
	EXPECT_TRUE(dxg_event_silent(event));
}

TEST_F(wait_cpu, event_of_a_closed_adapter)
{
	int event = dxg_event();

	ASSERT_EQ(0, dxg_wait_event(&self->gpu, self->fence[0].handle, 10, event));
	EXPECT_TRUE(dxg_event_silent(event));
	ASSERT_EQ(0, dxg_close_adapter(self->gpu.fd, self->gpu.adapter));
	EXPECT_EQ(1, dxg_event_count(event));
	EXPECT_TRUE(dxg_event_silent(event));
}

/* Signals that are queued behind a wait are no different. */
TEST_F(wait_cpu, event_of_a_queued_signal)
{
	struct d3dkmt_signalsynchronizationobject2 args = { .flags.enqueue_cpu_event = 1 };
	int event = dxg_event();

	ASSERT_EQ(0, dxg_create_context(self->gpu.fd, self->gpu.device, &args.context.v));
	ASSERT_EQ(0, dxg_wait_gpu(self->gpu.fd, args.context.v, self->fence[0].handle, 10));
	args.cpu_event_handle = event;
	ASSERT_EQ(0, dxg_ioctl(self->gpu.fd, LX_DXSIGNALSYNCHRONIZATIONOBJECT, &args));
	EXPECT_TRUE(dxg_event_silent(event));
	ASSERT_EQ(0, dxg_destroy_device(self->gpu.fd, self->gpu.device));
	EXPECT_EQ(1, dxg_event_count(event));
}

struct event_elsewhere {
	int event;
	bool compute;
};

/* Leaves a wait behind. */
static int wait_and_end(void *data)
{
	const struct event_elsewhere *elsewhere = data;
	struct dxg_monitored fence;
	struct dxg_gpu gpu;
	int result = dxg_gpu_open(&gpu, elsewhere->compute);

	return result ?: dxg_create_monitored(gpu.fd, gpu.device, 0, 0, &fence) ?:
		dxg_wait_event(&gpu, fence.handle, 1, elsewhere->event);
}

TEST_F(wait_cpu, event_of_a_process_that_ends)
{
	struct event_elsewhere elsewhere = { dxg_event(), variant->compute };

	ASSERT_EQ(0, dxg_in_child(wait_and_end, &elsewhere));
	EXPECT_EQ(1, dxg_event_count(elsewhere.event));
	EXPECT_TRUE(dxg_event_silent(elsewhere.event));
}

/* The host lets go of who waits for an object that is destroyed. */
TEST_F(wait_cpu, object_destroyed)
{
	struct waiter waiter = { .fd = self->gpu.fd, .args = BOTH };

	waiter.args.object_count = 1;
	ASSERT_TRUE(start(&waiter));
	ASSERT_EQ(0, dxg_destroy_sync(self->gpu.fd, self->fence[0].handle));
	EXPECT_EQ(0, end(&waiter));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
