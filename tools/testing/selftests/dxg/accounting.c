// SPDX-License-Identifier: GPL-2.0
/* Memory that the driver has because of a program counts as that of its cgroup. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "dxg_memory.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

/* Each of them takes at least so many bytes: the wait, its names, and places in tables. */
#define WAITS		1500
#define WAIT_BYTES	150

FIXTURE(cgroup)
{
	struct dxg_gpu gpu;
	struct dxg_monitored fence;
	char root[32];
	char group[48];
	char stat[64];
};

FIXTURE_SETUP(cgroup)
{
	char path[64], pid[16];

	strcpy(self->root, "/tmp/dxg_cgroupXXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->root));
	if (mount("none", self->root, "cgroup2", 0, NULL))
		SKIP(return, "no cgroups of version 2");
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", self->root);
	if (!dxg_write_file(path, "+memory"))
		SKIP(return, "no memory controller");
	snprintf(self->group, sizeof(self->group), "%s/dxg", self->root);
	ASSERT_EQ(0, mkdir(self->group, 0700));
	snprintf(path, sizeof(path), "%s/cgroup.procs", self->group);
	snprintf(pid, sizeof(pid), "%d", getpid());
	ASSERT_TRUE(dxg_write_file(path, pid));
	snprintf(self->stat, sizeof(self->stat), "%s/memory.stat", self->group);
	DXG_GPU_SETUP(&self->gpu, false);
	ASSERT_EQ(0, dxg_create_monitored(self->gpu.fd, self->gpu.device, 0, 0, &self->fence));
}

FIXTURE_TEARDOWN(cgroup)
{
	char path[64], pid[16];

	dxg_gpu_close(&self->gpu);
	/* The group goes when nobody is in it. */
	snprintf(path, sizeof(path), "%s/cgroup.procs", self->root);
	snprintf(pid, sizeof(pid), "%d", getpid());
	dxg_write_file(path, pid);
	rmdir(self->group);
	umount2(self->root, MNT_DETACH);
	rmdir(self->root);
}

/* Kernel memory of the group; it is counted with a delay of seconds. */
static long kernel_memory(const char *stat)
{
	return dxg_number_of(stat, "kernel");
}

TEST_F(cgroup, waits)
{
	const long bytes = (long)WAITS * WAIT_BYTES;
	long before = kernel_memory(self->stat), now = 0;
	int event = dxg_event();

	ASSERT_LE(0, before);
	for (int i = 1; i <= WAITS; i++)
		ASSERT_OK(dxg_wait_event(&self->gpu, self->fence.handle, i, event));
	for (int i = 0; i < DXG_TIMEOUT_MS / 100 && now - before < bytes; i++) {
		dxg_sleep_ms(100);
		now = kernel_memory(self->stat);
	}
	TH_LOG("%ld bytes for a wait", (now - before) / WAITS);
	EXPECT_LE(bytes, now - before);
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
