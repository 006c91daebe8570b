// SPDX-License-Identifier: GPL-2.0
/*
 * An adapter is lost while a process has objects of every kind on it: all calls say
 * so, what takes things away still works, and nobody is left waiting. For hosts that
 * let their guest ask for it (gpupv-host --removal-port), and root.
 */
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>

#include "dxg_count.h"
#include "dxg_removal.h"
#include "dxg_sync_calls.h"
#include "dxg_harness.h"

enum loss { CHANNEL, FUNCTION, EVERYTHING };

/* What a process has that loses its adapter */
struct loser {
	enum loss how;
	bool compute;
	struct dxg_sync_scene scene;
	char function[32];
	bool unbound;
	/* Goes on with what it is doing while we look */
	pthread_t thread;
	int result;
	/* What it was doing */
	const char *call;
};

FIXTURE(loss)
{
	struct loser loser;
};

FIXTURE_VARIANT(loss)
{
	enum loss how;
	bool compute;
};

/* The host takes the adapter's channel back. */
FIXTURE_VARIANT_ADD(loss, channel) { .how = CHANNEL };
FIXTURE_VARIANT_ADD(loss, channel_compute) { .how = CHANNEL, .compute = true };
/* Its PCI function goes. */
FIXTURE_VARIANT_ADD(loss, function) { .how = FUNCTION };
FIXTURE_VARIANT_ADD(loss, function_compute) { .how = FUNCTION, .compute = true };
/* The channel goes that everything needs. */
FIXTURE_VARIANT_ADD(loss, everything) { .how = EVERYTHING };

#define SCENE		(&loser->scene.scene)
#define CALL(request, args)	dxg_ioctl(SCENE->gpu.fd, request, args)

static int channel_of(const struct loser *loser)
{
	return loser->compute ? DXG_CHANNEL_COMPUTE : DXG_CHANNEL_RENDER;
}

FIXTURE_SETUP(loss)
{
	struct loser *loser = &self->loser;

	ASSERT_TRUE(dxg_adapters_complete());
	loser->how = variant->how;
	loser->compute = variant->compute;
	ASSERT_EQ(0, dxg_sync_scene_open(&loser->scene, loser->compute));
	ASSERT_TRUE(dxg_function_find(loser->compute ? DXG_PCI_COMPUTE : DXG_PCI_RENDER,
				      loser->function, sizeof(loser->function)));
}

FIXTURE_TEARDOWN(loss)
{
	struct loser *loser = &self->loser;

	dxg_sync_scene_close(&loser->scene);
	switch (loser->how) {
	case CHANNEL:
		ASSERT_EQ(0, dxg_removal_ask(DXG_OFFER + channel_of(loser)));
		ASSERT_EQ(0, dxg_functions_rebind());
		break;
	case FUNCTION:
		if (loser->unbound)
			ASSERT_OK(dxg_function_drive("bind", loser->function));
		break;
	case EVERYTHING:
		ASSERT_EQ(0, dxg_removal_ask(DXG_OFFER + DXG_CHANNEL_GLOBAL));
		break;
	}
	EXPECT_TRUE(dxg_adapters_complete());
}

/* Lets it happen, and waits until the driver knows. */
static int lose(struct loser *loser)
{
	int result = -EINVAL, before = dxg_host_objects();

	switch (loser->how) {
	case CHANNEL:
		result = dxg_removal_ask(DXG_RESCIND + channel_of(loser));
		break;
	case FUNCTION:
		result = dxg_function_drive("unbind", loser->function);
		loser->unbound = !result;
		break;
	case EVERYTHING:
		result = dxg_removal_ask(DXG_RESCIND + DXG_CHANNEL_GLOBAL);
		break;
	}
	for (int i = 0; !result && i < DXG_TIMEOUT_MS / 10; i++) {
		struct d3dkmt_adaptertype type;

		result = dxg_query(SCENE->gpu.fd, SCENE->gpu.adapter, QAI_ADAPTERTYPE, &type,
				   sizeof(type));
		/* The host may say so before the driver has heard of it. */
		if (result == -ENODEV && loser->how == EVERYTHING &&
		    dxg_can_read(loser->scene.fence.value))
			result = 0;
		/* Until it has, it knows the state of devices by itself. */
		if (result == -ENODEV &&
		    dxg_device_state(SCENE->gpu.fd, SCENE->gpu.device) >= 0)
			result = 0;
		/* The host is told by a worker. */
		if (result == -ENODEV && loser->how == FUNCTION && before > 0 &&
		    dxg_host_objects() == before)
			result = 0;
		if (!result)
			dxg_sleep_ms(10);
	}
	return result;
}

#define ASSERT_LOST()	ASSERT_EQ(-ENODEV, lose(loser))

/* What a call answers that has nothing to do with the adapter itself */
static int expected_result(unsigned int request, enum loss how)
{
	switch (request) {
	/* It looks for an adapter by its LUID, and that is none any more. */
	case LX_DXQUERYSTATISTICS:
		return how == FUNCTION ? -EINVAL : -ENODEV;
	/* Not the last one: the driver counts by itself. */
	case LX_DXUNLOCK2:
		return 0;
	/* The global channel carries it, and the host knows the objects no more. */
	case LX_DXSHAREOBJECTWITHHOST:
		return how == EVERYTHING ? -ENODEV : -EINVAL;
	default:
		return -ENODEV;
	}
}

TEST_F(loss, every_call)
{
	struct loser *loser = &self->loser;
	struct d3dkmt_queryvideomemoryinfo memory = { .adapter.v = SCENE->gpu.adapter };
	struct d3dkmt_isfeatureenabled feature = { .adapter.v = SCENE->gpu.adapter };
	struct d3dkmt_lock2 lock = {
		.device.v = SCENE->gpu.device,
		.allocation.v = SCENE->handle[DXG_ALLOCATION],
	};
	struct d3dkmt_unlock2 unlock = { .device = lock.device, .allocation = lock.allocation };
	unsigned char args[DXG_ARGUMENT_MAX];

	/* There is one more than is taken back. */
	ASSERT_EQ(0, CALL(LX_DXLOCK2, &lock));
	ASSERT_LOST();
	/* One that is not mapped yet */
	lock.allocation.v = loser->scene.member;
	EXPECT_ERRNO(ENODEV, CALL(LX_DXLOCK2, &lock));
	for_each_call(call, SCENE) {
		/* A lock beside one that is there was ever only counted. */
		if (call->destroys || call->request == LX_DXLOCK2)
			continue;
		call->fill(SCENE, args);
		EXPECT_EQ(expected_result(call->request, loser->how), CALL(call->request, args))
			TH_LOG("%s", call->name);
	}
	for_each_sync_call(call, &loser->scene) {
		if (call->destroys)
			continue;
		call->fill(SCENE, args);
		EXPECT_EQ(expected_result(call->request, loser->how), CALL(call->request, args))
			TH_LOG("%s", call->name);
	}
	/* The last one */
	EXPECT_ERRNO(ENODEV, CALL(LX_DXUNLOCK2, &unlock));
	EXPECT_ERRNO(ENODEV, CALL(LX_DXQUERYVIDEOMEMORYINFO, &memory));
	EXPECT_ERRNO(ENODEV, CALL(LX_ISFEATUREENABLED, &feature));
}

static int destroy_in_turn(struct dxg_sync_scene *scene, const struct dxg_call *calls,
			   unsigned int count, enum dxg_kind kind)
{
	unsigned char args[DXG_ARGUMENT_MAX];

	for (unsigned int i = 0; i < count; i++) {
		if (calls[i].destroys != kind)
			continue;
		calls[i].fill(&scene->scene, args);
		return dxg_ioctl(scene->scene.gpu.fd, calls[i].request, args);
	}
	return -ENOENT;
}

TEST_F(loss, every_end)
{
	struct loser *loser = &self->loser;

	/* What hangs on something goes before it. */
	const enum dxg_kind kinds[] = {
		DXG_HW_QUEUE, DXG_CONTEXT, DXG_PAGING_QUEUE, DXG_ALLOCATION, DXG_RESOURCE,
		DXG_DEVICE,
	};
	struct winluid luid = SCENE->gpu.luid;
	__u32 opened = 0;

	ASSERT_LOST();
	EXPECT_EQ(0, destroy_in_turn(&loser->scene, dxg_sync_calls, dxg_sync_calls_count,
				     DXG_SYNC_OBJECT));
	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!SCENE->handle[kinds[i]])
			continue;
		EXPECT_EQ(0, destroy_in_turn(&loser->scene, dxg_calls, dxg_calls_count, kinds[i]))
			TH_LOG("kind %d", kinds[i]);
		/* And then it is gone. */
		EXPECT_EQ(-EINVAL, destroy_in_turn(&loser->scene, dxg_calls, dxg_calls_count,
						   kinds[i]));
	}
	EXPECT_OK(dxg_close_adapter(SCENE->gpu.fd, SCENE->gpu.adapter));
	EXPECT_ERRNO(EINVAL, dxg_open_adapter(SCENE->gpu.fd, luid, &opened));
}

static bool vanishes(const void *address)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		if (!dxg_can_read(address))
			return true;
		dxg_sleep_ms(10);
	}
	return false;
}

/* The pages of the host are nobody's now; what was in them is not to be had. */
TEST_F(loss, mappings)
{
	struct loser *loser = &self->loser;
	struct d3dkmt_lock2 lock = {
		.device.v = SCENE->gpu.device,
		.allocation.v = SCENE->handle[DXG_ALLOCATION],
	};
	dxg_fence fence = loser->scene.fence.value;
	int go[2], ready[2], status;
	pid_t child;
	char byte;

	ASSERT_EQ(0, CALL(LX_DXLOCK2, &lock));
	ASSERT_TRUE(dxg_can_read(fence));
	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, pipe(ready));
	/* A child has all of it, and looks for it when we have lost it. */
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		bool had = dxg_can_read(fence) && dxg_can_read((void *)(uintptr_t)lock.data);

		close(go[1]);
		if (!had || write(ready[1], "", 1) != 1 || read(go[0], &byte, 1))
			_exit(1);
		_exit(!vanishes(fence) || !vanishes(loser->scene.shared.value) ||
		      !vanishes(SCENE->paging_value) ||
		      !vanishes((void *)(uintptr_t)lock.data));
	}
	close(go[0]);
	close(ready[1]);
	EXPECT_EQ(1, read(ready[0], &byte, 1));
	close(ready[0]);
	ASSERT_LOST();
	close(go[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	/* One after the other, after the adapter itself. */
	EXPECT_TRUE(vanishes(fence));
	EXPECT_TRUE(vanishes(loser->scene.shared.value));
	EXPECT_TRUE(vanishes(SCENE->paging_value));
	EXPECT_TRUE(vanishes((void *)(uintptr_t)lock.data));
}

static void *wait_for_ever(void *data)
{
	struct loser *loser = data;

	loser->result = dxg_wait_cpu(&SCENE->gpu, loser->scene.fence.handle, ~0ULL);
	return NULL;
}

TEST_F(loss, waits_end)
{
	struct loser *loser = &self->loser;
	struct sync_file_info info = {};
	struct pollfd file = { .fd = loser->scene.sync_file, .events = POLLIN };
	int event = dxg_event();

	ASSERT_EQ(0, dxg_wait_event(&SCENE->gpu, loser->scene.fence.handle, ~0ULL, event));
	ASSERT_EQ(0, pthread_create(&loser->thread, NULL, wait_for_ever, loser));
	dxg_sleep_ms(50);
	ASSERT_LOST();
	ASSERT_EQ(0, pthread_join(loser->thread, NULL));
	EXPECT_EQ(-ENODEV, loser->result);
	/* A fence that was given out signals, and says that it is not because of the GPU. */
	EXPECT_EQ(1, poll(&file, 1, DXG_TIMEOUT_MS));
	ASSERT_EQ(0, ioctl(loser->scene.sync_file, SYNC_IOC_FILE_INFO, &info));
	EXPECT_GT(0, info.status);
}

static void *use_for_ever(void *data)
{
	struct loser *loser = data;
	unsigned char args[DXG_ARGUMENT_MAX];

	for (;;) {
		for_each_sync_call(call, &loser->scene) {
			/* They make too many files, or say something else in the end. */
			if (call->destroys || call->request == LX_DXSHAREOBJECTS ||
			    call->request == LX_DXCREATESYNCFILE ||
			    expected_result(call->request, loser->how) != -ENODEV)
				continue;
			call->fill(SCENE, args);
			loser->call = call->name;
			loser->result = dxg_ioctl(SCENE->gpu.fd, call->request, args);
			/* The host may refuse before the driver has heard why. */
			if (loser->result == -ENODEV ||
			    (loser->result < 0 && loser->how == FUNCTION))
				return NULL;
		}
	}
}

/* In the middle of everything */
TEST_F(loss, in_use)
{
	struct loser *loser = &self->loser;

	ASSERT_EQ(0, pthread_create(&loser->thread, NULL, use_for_ever, loser));
	dxg_sleep_ms(50);
	ASSERT_LOST();
	ASSERT_EQ(0, pthread_join(loser->thread, NULL));
	EXPECT_EQ(-ENODEV, loser->result)
		TH_LOG("%s", loser->call);
}

/* A process that does nothing about it leaves nothing either. */
static int lose_and_exit(void *data)
{
	struct loser *parent = data;
	struct loser child = { .how = parent->how, .compute = parent->compute };
	int result = dxg_sync_scene_open(&child.scene, child.compute);

	memcpy(child.function, parent->function, sizeof(child.function));
	return result ?: (lose(&child) == -ENODEV ? 0 : 1);
}

TEST_F(loss, exit)
{
	struct loser *loser = &self->loser;
	struct dxg_count before;

	dxg_count_take(&before);
	loser->unbound = true;
	EXPECT_EQ(0, dxg_in_child(lose_and_exit, loser));
	/* Ours are still there, and so is what the driver had before. */
	EXPECT_TRUE(dxg_count_driver_returns(&before));
}

static void __attribute__((constructor)) require_removal(void)
{
	if (access("/dev/port", W_OK) || access(DXG_PCI_DRIVER, X_OK) || !dxg_adapters_complete()) {
		ksft_print_header();
		ksft_exit_skip("needs root, two adapters and a host that removes them\n");
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
