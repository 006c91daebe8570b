// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that end with everything alive: by exit, by exec, by a signal, in the
 * middle of a call. The host must have forgotten all of it soon after.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "dxg_memory.h"
#include "dxg_sync_calls.h"
#include "dxg_harness.h"

/* Fewer on a kernel that watches everything */
#define ROUNDS	dxg_rounds(10)

FIXTURE(lifetime)
{
	struct dxg_gpu gpu;
	int objects;
};

FIXTURE_VARIANT(lifetime)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(lifetime, render) { .compute = false };
FIXTURE_VARIANT_ADD(lifetime, compute) { .compute = true };

FIXTURE_SETUP(lifetime)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(lifetime)
{
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
	/* Nobody was hurt. */
	EXPECT_EQ(0, dxg_device_state(self->gpu.fd, self->gpu.device));
	dxg_gpu_close(&self->gpu);
}

static void lock(const struct dxg_scene *scene)
{
	struct d3dkmt_lock2 args = {
		.device.v = scene->gpu.device,
		.allocation.v = scene->handle[DXG_ALLOCATION],
	};

	dxg_ioctl(scene->gpu.fd, LX_DXLOCK2, &args);
}

/* A scene that is used: memory mapped, work queued */
static int busy_scene(struct dxg_scene *scene, bool compute)
{
	int result = dxg_scene_open(scene, compute);

	if (result)
		return result;
	lock(scene);
	for_each_call(call, scene) {
		unsigned char args[DXG_ARGUMENT_MAX];

		if (call->destroys || call->request == LX_DXMARKDEVICEASERROR)
			continue;
		call->fill(scene, args);
		dxg_ioctl(scene->gpu.fd, call->request, args);
	}
	return 0;
}

static int exit_busy(void *data)
{
	struct dxg_scene scene;

	return busy_scene(&scene, *(bool *)data);
}

TEST_F(lifetime, exit)
{
	bool compute = variant->compute;

	for (int i = 0; i < ROUNDS; i++)
		EXPECT_OK(dxg_in_child(exit_busy, &compute));
}

/* What the program saw of the host's memory goes soon after the file. */
static bool vanishes(const void *address)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (!dxg_can_read(address))
			return true;
		dxg_sleep_ms(10);
	}
	return false;
}

static int close_busy(void *data)
{
	struct dxg_scene scene;
	int result = busy_scene(&scene, *(bool *)data);

	if (result)
		return result;
	dxg_scene_close(&scene);
	/* The process goes on. */
	if (!vanishes(scene.paging_value))
		return 100;
	return busy_scene(&scene, *(bool *)data);
}

TEST_F(lifetime, close)
{
	bool compute = variant->compute;

	for (int i = 0; i < ROUNDS; i++)
		EXPECT_OK(dxg_in_child(close_busy, &compute));
}

static void destroy_for_ever(struct dxg_scene *scene);

/* What other threads do with a file that is closed */
struct user {
	struct dxg_scene *scene;
	struct dxg_monitored fence;
	atomic_bool done;
};

static void *call_in_user(void *data)
{
	struct user *user = data;

	destroy_for_ever(user->scene);
	return NULL;
}

static void *wait_in_user(void *data)
{
	struct user *user = data;

	dxg_wait_cpu(&user->scene->gpu, user->fence.handle, ~0ULL);
	user->done = true;
	return NULL;
}

static void nothing(int signal)
{
}

static int close_in_use(void *data)
{
	const struct sigaction action = { .sa_handler = nothing };
	struct dxg_scene scene;
	struct user user = { .scene = &scene };
	pthread_t callers[2], waiter;
	int result = dxg_scene_open(&scene, *(bool *)data) ?:
		     dxg_create_monitored(scene.gpu.fd, scene.gpu.device, 0, 0, &user.fence);

	if (result || sigaction(SIGUSR1, &action, NULL) ||
	    pthread_create(&waiter, NULL, wait_in_user, &user))
		return 100;
	for (int i = 0; i < 2; i++) {
		if (pthread_create(&callers[i], NULL, call_in_user, &user))
			return 101;
	}
	dxg_sleep_ms(50);
	close(scene.gpu.fd);
	for (int i = 0; i < 2; i++)
		pthread_join(callers[i], NULL);
	/* The call that goes on has the file, and so everything is still there. */
	if (user.done || !dxg_can_read(scene.paging_value))
		return 102;
	while (!user.done) {
		pthread_kill(waiter, SIGUSR1);
		dxg_sleep_ms(10);
	}
	pthread_join(waiter, NULL);
	if (!vanishes(scene.paging_value))
		return 103;
	return busy_scene(&scene, *(bool *)data);
}

/* A file that is closed while other threads are in calls goes with the last of these. */
TEST_F(lifetime, close_in_use)
{
	bool compute = variant->compute;

	for (int i = 0; i < ROUNDS; i++)
		EXPECT_OK(dxg_in_child(close_in_use, &compute));
}

static int exec_busy(void *data)
{
	struct dxg_scene scene;
	int result = busy_scene(&scene, *(bool *)data);

	if (result)
		return result;
	/* The descriptor closes, the memory of the old program is gone. */
	execl("/bin/true", "true", NULL);
	return 99;
}

TEST_F(lifetime, exec)
{
	bool compute = variant->compute;

	for (int i = 0; i < ROUNDS; i++)
		EXPECT_OK(dxg_in_child(exec_busy, &compute));
}

/* Whatever a process does for ever, until it is killed */
static void wait_for_ever(struct dxg_scene *scene)
{
	pause();
}

static void call_for_ever(struct dxg_scene *scene)
{
	for (;;) {
		for_each_call(call, scene) {
			unsigned char args[DXG_ARGUMENT_MAX];

			if (call->destroys)
				continue;
			call->fill(scene, args);
			if (dxg_ioctl(scene->gpu.fd, call->request, args) == -ENOTTY)
				return;
		}
	}
}

/* On which adapter the victim is */
static bool on_compute;

static void sync_for_ever(struct dxg_scene *scene)
{
	struct dxg_sync_scene sync;

	if (dxg_sync_scene_open(&sync, on_compute))
		return;
	for (;;) {
		for_each_sync_call(call, &sync) {
			unsigned char args[DXG_ARGUMENT_MAX];

			if (call->destroys)
				continue;
			call->fill(&sync.scene, args);
			dxg_ioctl(sync.scene.gpu.fd, call->request, args);
		}
	}
}

static void create_for_ever(struct dxg_scene *scene)
{
	__u32 device, handle, member;
	int fd = scene->gpu.fd;

	while (!dxg_create_device(fd, scene->gpu.adapter, &device) &&
	       !dxg_create_context(fd, device, &handle) &&
	       !dxg_create_allocation(fd, device, 8, &handle) &&
	       !dxg_create_resource(fd, device, 1, &handle, &member) &&
	       !dxg_create_fence(fd, device, &handle))
		;
}

static void destroy_for_ever(struct dxg_scene *scene)
{
	struct dxg_paging_queue queue;
	int fd = scene->gpu.fd;
	__u32 device, handle;

	while (!dxg_create_device(fd, scene->gpu.adapter, &device) &&
	       !dxg_create_paging_queue(fd, device, &queue) &&
	       !dxg_create_allocation(fd, device, 8, &handle) &&
	       !dxg_make_resident(fd, &queue, &handle, 1) &&
	       !dxg_destroy_allocation(fd, device, handle) &&
	       !dxg_destroy_device(fd, device))
		;
}

static int call_in_thread(void *data, unsigned int index)
{
	if (index % 2)
		create_for_ever(data);
	else
		call_for_ever(data);
	return 0;
}

static void threads_for_ever(struct dxg_scene *scene)
{
	dxg_together(4, call_in_thread, scene);
}

FIXTURE(killed)
{
	struct dxg_gpu gpu;
	int objects;
};

FIXTURE_VARIANT(killed)
{
	bool compute;
	void (*victim)(struct dxg_scene *scene);
};

FIXTURE_VARIANT_ADD(killed, waiting) { .victim = wait_for_ever };
FIXTURE_VARIANT_ADD(killed, waiting_compute) { .compute = true, .victim = wait_for_ever };
FIXTURE_VARIANT_ADD(killed, calling) { .victim = call_for_ever };
FIXTURE_VARIANT_ADD(killed, synchronizing) { .victim = sync_for_ever };
FIXTURE_VARIANT_ADD(killed, synchronizing_compute) { .compute = true, .victim = sync_for_ever };
FIXTURE_VARIANT_ADD(killed, creating) { .victim = create_for_ever };
FIXTURE_VARIANT_ADD(killed, creating_compute) { .compute = true, .victim = create_for_ever };
FIXTURE_VARIANT_ADD(killed, destroying) { .victim = destroy_for_ever };
FIXTURE_VARIANT_ADD(killed, threads) { .victim = threads_for_ever };

FIXTURE_SETUP(killed)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(killed)
{
	dxg_gpu_close(&self->gpu);
}

TEST_F(killed, leaves_nothing)
{
	for (int round = 0; round < ROUNDS; round++) {
		int ready[2], status;
		char byte;
		pid_t child;

		ASSERT_EQ(0, pipe(ready));
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			struct dxg_scene scene;

			close(self->gpu.fd);
			on_compute = variant->compute;
			if (dxg_scene_open(&scene, variant->compute) ||
			    write(ready[1], "", 1) != 1)
				_exit(1);
			lock(&scene);
			variant->victim(&scene);
			_exit(2);
		}
		close(ready[1]);
		EXPECT_EQ(1, read(ready[0], &byte, 1));
		close(ready[0]);
		/* Another moment each time */
		dxg_sleep_ms(5 + 17 * round);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		/* Had a call failed, the victim would have ended by itself. */
		EXPECT_EQ(SIGKILL, status);
	}
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
	EXPECT_EQ(0, dxg_device_state(self->gpu.fd, self->gpu.device));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
