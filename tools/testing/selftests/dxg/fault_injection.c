// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel refuses in the middle of a call: memory, and copies from and to the
 * program. The n-th of these fails, for each n that there is: the call says so, leaves
 * nothing behind, and works when it is made again. Needs CONFIG_FAULT_INJECTION.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dxg_count.h"
#include "dxg_fault.h"
#include "dxg_memory.h"
#include "dxg_sync_calls.h"
#include "dxg_harness.h"

/* No call has so many places where it can fail. */
#define MAX_COUNT		400
#define PAGES		700

FIXTURE(faults)
{
	struct dxg_sync_scene scene;
	unsigned char args[DXG_ARGUMENT_MAX];
	bool compute;
	int nth;
	/* Objects of the host, with the scene */
	int objects;
	unsigned int injected;
};

FIXTURE_SETUP(faults)
{
	self->nth = dxg_fault_open();
	if (self->nth < 0)
		SKIP(return, "no fault injection");
	/* With hardware queues, if there is one like that */
	self->compute = dxg_sync_scene_open(&self->scene, false) == -ENODEV;
	if (self->compute)
		ASSERT_EQ(0, dxg_sync_scene_open(&self->scene, true));
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(faults)
{
	close(self->nth);
	dxg_sync_scene_close(&self->scene);
}

#define GPU	(&self->scene.scene.gpu)

/* How calls tell that there is no memory, or that the program's cannot be reached */
static bool is_told(int result)
{
	return result == -ENOMEM || result == -EFAULT;
}

/* What was made or taken away shall not be in the way of the next call. */
static bool start_over(struct dxg_sync_scene *scene, int *objects, bool compute)
{
	dxg_sync_scene_close(scene);
	if (dxg_sync_scene_open(scene, compute))
		return false;
	*objects = dxg_host_objects_settled();
	return true;
}

#define START_OVER()	ASSERT_TRUE(start_over(&self->scene, &self->objects, self->compute))

/*
 * Opening a scene takes far longer than a call with a fault. One that has worked, and has
 * neither made nor taken away anything, is made again in the same scene. If it says something
 * else there, or has no more that can fail, only what it does in a new scene counts.
 */
#define FAIL_IN(call, fill) do {						\
	bool used = false;							\
										\
	for (unsigned int n = 1; n < MAX_COUNT; n++) {				\
		bool failed;							\
		int result;							\
										\
		fill;								\
		dxg_fault_begin(self->nth, n);					\
		result = dxg_ioctl(GPU->fd, (call)->request, self->args);	\
		failed = dxg_fault_end(self->nth);				\
		if (used && !(failed && (result >= 0 || is_told(result)))) {	\
			START_OVER();						\
			used = false;						\
			n--;							\
			continue;						\
		}								\
		if (result < 0) {						\
			ASSERT_TRUE(failed && is_told(result))			\
				TH_LOG("%s, %u: %d", (call)->name, n, result);	\
			ASSERT_TRUE(dxg_host_objects_return(self->objects))	\
				TH_LOG("%s, %u", (call)->name, n);		\
		} else {							\
			used = failed && dxg_host_objects() == self->objects;	\
			if (!used)						\
				START_OVER();					\
		}								\
		if (!failed)							\
			break;							\
		ASSERT_GT(MAX_COUNT - 1, n);						\
		self->injected++;						\
	}									\
} while (0)

TEST_F_TIMEOUT(faults, calls, 600)
{
	unsigned int calls = 0;

	for_each_call(call, &self->scene.scene) {
		FAIL_IN(call, call->fill(&self->scene.scene, self->args));
		calls++;
	}
	TH_LOG("%u calls, %u faults", calls, self->injected);
	EXPECT_LT(calls, self->injected);
}

TEST_F_TIMEOUT(faults, sync_calls, 600)
{
	unsigned int calls = 0;

	for_each_sync_call(call, &self->scene) {
		FAIL_IN(call, call->fill(&self->scene.scene, self->args));
		calls++;
	}
	TH_LOG("%u calls, %u faults", calls, self->injected);
	EXPECT_LT(calls, self->injected);
}

/* Pages that were pinned are not any more, and the memory is as it was. */
TEST_F_TIMEOUT(faults, pins, 300)
{
	char *memory = dxg_memory(PAGES * DXG_PAGE);
	long pins = dxg_pins();
	__u32 allocation;

	for (unsigned int n = 1; n < MAX_COUNT; n++) {
		bool failed;
		int result;

		memset(memory, n, PAGES * DXG_PAGE);
		dxg_fault_begin(self->nth, n);
		result = dxg_create_over(GPU, memory, PAGES * DXG_PAGE, false, &allocation);
		failed = dxg_fault_end(self->nth);
		ASSERT_TRUE(!result || (failed && is_told(result))) TH_LOG("%u: %d", n, result);
		if (!result)
			EXPECT_OK(dxg_destroy_allocation(GPU->fd, GPU->device, allocation));
		ASSERT_TRUE(dxg_host_objects_return(self->objects));
		ASSERT_TRUE(dxg_pins_return(pins)) TH_LOG("%u: %d", n, result);
		ASSERT_TRUE(dxg_filled(memory, PAGES * DXG_PAGE, n));
		if (!failed)
			break;
		ASSERT_GT(MAX_COUNT - 1, n);
		self->injected++;
	}
	EXPECT_LT(3, self->injected);
	EXPECT_EQ(0, dxg_pinned());
}

/* A program that cannot open the device can do so later. */
TEST_F_TIMEOUT(faults, opening, 300)
{
	for (unsigned int n = 1; n < MAX_COUNT; n++) {
		struct winluid luid = GPU->luid;
		__u32 adapter = 0;
		bool failed;
		int fd, result;

		dxg_fault_begin(self->nth, n);
		fd = dxg_open();
		result = fd < 0 ? fd : dxg_open_adapter(fd, luid, &adapter);
		failed = dxg_fault_end(self->nth);
		/* User libraries want to hear just this of any failure to open it. */
		if (result && (fd >= 0 || result != -EBADF))
			ASSERT_TRUE(failed && is_told(result)) TH_LOG("%u: %d", n, result);
		close(fd);
		ASSERT_TRUE(dxg_host_objects_return(self->objects)) TH_LOG("%u", n);
		if (!failed)
			break;
		ASSERT_GT(MAX_COUNT - 1, n);
		self->injected++;
	}
	EXPECT_LT(3, self->injected);
}

DXG_REQUIRE_COUNTS
TEST_HARNESS_MAIN
