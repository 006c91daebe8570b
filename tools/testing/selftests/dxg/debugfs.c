// SPDX-License-Identifier: GPL-2.0
/* What the driver shows in debugfs: adapters, requests under way, and memory that is lent */
#include <stdio.h>
#include <sys/mount.h>

#include "dxg_compute.h"
#include "dxg_memory.h"
#include "dxg_harness.h"

#define DEBUGFS	"/sys/kernel/debug"
#define SHOWN	DEBUGFS "/dxgkrnl/"

FIXTURE(debugfs)
{
	struct dxg_gpu gpu;
	char luid[32];
};

FIXTURE_SETUP(debugfs)
{
	if (access(SHOWN, F_OK))
		mount("debugfs", DEBUGFS, "debugfs", 0, NULL);
	if (access(SHOWN "adapters", R_OK))
		SKIP(return, "no debugfs");
	DXG_GPU_SETUP(&self->gpu, false);
	snprintf(self->luid, sizeof(self->luid), "%08x:%08x", self->gpu.luid.b, self->gpu.luid.a);
}

FIXTURE_TEARDOWN(debugfs)
{
	dxg_gpu_close(&self->gpu);
}

/* How many lines of a file have all of the texts, up to NULL; the last of them is kept. */
static int lines_with(const char *file, char *line, size_t size, const char *const *texts)
{
	FILE *stream = fopen(file, "re");
	char buffer[256];
	int lines = 0;

	while (stream && fgets(buffer, sizeof(buffer), stream)) {
		int i = 0;

		while (texts[i] && strstr(buffer, texts[i]))
			i++;
		if (texts[i])
			continue;
		lines++;
		snprintf(line, size, "%s", buffer);
	}
	if (stream)
		fclose(stream);
	return stream ? lines : -1;
}

#define LINES(file, line, ...)							\
	lines_with(SHOWN file, line, sizeof(line), (const char *[]) { __VA_ARGS__, NULL })

TEST_F(debugfs, adapters)
{
	struct dxg_list list;
	char line[256];

	ASSERT_EQ(0, dxg_list(self->gpu.fd, &list));
	EXPECT_EQ(list.count, LINES("adapters", line, ":", " active version "));
	EXPECT_EQ(1, LINES("adapters", line, self->luid, " active "));
	EXPECT_EQ(1, LINES("adapters", line, "global active"));
	EXPECT_EQ(0, dxg_list_close(self->gpu.fd, &list));
}

/* Memory of the program is there as long as the host has it. */
TEST_F(debugfs, lent)
{
	char pid[32], line[256];
	__u32 allocation;

	snprintf(pid, sizeof(pid), "pid %d ", getpid());
	EXPECT_EQ(0, LINES("lent", line, pid));
	ASSERT_EQ(0, dxg_create_over(&self->gpu, dxg_memory(20 * DXG_PAGE), 20 * DXG_PAGE, false,
				     &allocation));
	EXPECT_EQ(1, LINES("lent", line, pid, " 80 KiB ", self->luid, " used"));
	EXPECT_EQ(0, dxg_destroy_allocation(self->gpu.fd, self->gpu.device, allocation));
	EXPECT_EQ(0, LINES("lent", line, pid));
}

static int close_adapter(void *data)
{
	struct dxg_gpu *gpu = data;

	return dxg_close_adapter(gpu->fd, gpu->adapter);
}

struct looking {
	struct dxg_gpu *gpu;
	int seen;
	char line[256];
};

/* One closes the adapter, which flushes the device, and the other one looks at that. */
static int close_and_look(void *data, unsigned int index)
{
	struct looking *looking = data;
	char pid[32];

	if (!index)
		return close_adapter(looking->gpu);
	snprintf(pid, sizeof(pid), " pid %d age ", getpid());
	for (int i = 0; i < DXG_TIMEOUT_MS && looking->seen <= 0; i++) {
		looking->seen = LINES("requests", looking->line, " FLUSHDEVICE process 0x", pid);
		dxg_sleep_ms(1);
	}
	return looking->seen != 1;
}

/* A request is there as long as the host does not answer: here as long as the GPU is busy. */
TEST_F(debugfs, requests)
{
	struct looking looking = { .gpu = &self->gpu };
	struct dxg_worker worker;
	unsigned int age = ~0U;
	const char *text;

	ASSERT_EQ(0, dxg_make_worker(&self->gpu, &worker));
	DXG_ADD(&worker, gpu_word, GPU_BUSY, 2000000, 0);
	ASSERT_EQ(0, dxg_worker_signal(&worker));
	EXPECT_EQ(0, dxg_together(2, close_and_look, &looking)) TH_LOG("%s", looking.line);
	text = strstr(looking.line, " age ");
	ASSERT_NE(NULL, text);
	if (sscanf(text, " age %u ms", &age) != 1)
		age = ~0U;
	EXPECT_GT((unsigned int)DXG_TIMEOUT_MS, age);
	EXPECT_EQ(0, LINES("requests", looking.line, " FLUSHDEVICE "));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
