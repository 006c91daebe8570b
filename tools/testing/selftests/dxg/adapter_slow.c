// SPDX-License-Identifier: GPL-2.0
/*
 * Adapters that come late, and that come back. Needs root and a host that lets its guest
 * ask for all that (gpupv-host --removal-port --fault-port).
 */
#include <time.h>

#include "dxg_fault_plan.h"
#include "dxg_objects.h"
#include "dxg_removal.h"
#include "dxg_watch.h"
#include "dxg_harness.h"

/* Longer than any time after which a driver may think that an adapter never starts */
#define LONG_MS		32000

/* A process that finds an adapter does not wait for another one: far less than that. */
#define SHORT_MS	5000

FIXTURE(slow_start)
{
	char function[32];
};

FIXTURE_SETUP(slow_start)
{
	int result = dxg_fault_plan("");

	if (result == -ENODEV)
		SKIP(return, "the host has no fault port, or this is not root");
	ASSERT_EQ(0, result);
	ASSERT_TRUE(dxg_adapters_complete());
	ASSERT_TRUE(dxg_function_find(DXG_PCI_COMPUTE, self->function, sizeof(self->function)));
}

FIXTURE_TEARDOWN(slow_start)
{
	EXPECT_OK(dxg_fault_plan(""));
	EXPECT_TRUE(dxg_adapters_complete());
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Whether so many adapters are there, which whoever asks hears without waiting. */
static bool sees(unsigned int wanted)
{
	long begin = now_ms();
	unsigned int active = dxg_adapters_active();
	long took = now_ms() - begin;

	if (active != wanted || took >= SHORT_MS)
		ksft_print_msg("%u adapters after %ld ms\n", active, took);
	return active == wanted && took < SHORT_MS;
}

/*
 * An adapter is added that the host does not start: those who use the other one do not
 * notice. When it answers, the adapter is there.
 */
TEST_F_TIMEOUT(slow_start, added_adapter, 300)
{
	ASSERT_OK(dxg_function_drive("unbind", self->function));
	ASSERT_OK(dxg_fault_plan("[[fault]]\ncommand = \"OPENADAPTER\"\ndo = \"hold\"\n"));
	ASSERT_OK(dxg_function_drive("bind", self->function));
	ASSERT_TRUE(dxg_faults_reach(1));
	EXPECT_TRUE(sees(1));
	dxg_sleep_ms(LONG_MS);
	EXPECT_TRUE(sees(1));
}

/* Whether so many messages of a kind were sent since dxg_watch_begin(), or will have been soon. */
static bool sent_soon(unsigned int wanted, unsigned int command)
{
	for (int i = 0; i < SHORT_MS / 50; i++) {
		if (dxg_watch_count(command, NULL) >= wanted)
			return true;
		dxg_sleep_ms(50);
	}
	return false;
}

/*
 * The function goes while the host has not answered: nobody waits for the answer. When it
 * comes, the host is told that the adapter it has opened is used no more.
 */
TEST_F_TIMEOUT(slow_start, added_adapter_goes, 300)
{
	bool watched = dxg_watch_begin();
	long begin;

	ASSERT_OK(dxg_function_drive("unbind", self->function));
	ASSERT_OK(dxg_fault_plan("[[fault]]\ncommand = \"OPENADAPTER\"\ndo = \"hold-answer\"\n"));
	ASSERT_OK(dxg_function_drive("bind", self->function));
	ASSERT_TRUE(dxg_faults_reach(1));
	begin = now_ms();
	EXPECT_OK(dxg_function_drive("unbind", self->function));
	EXPECT_LE(now_ms() - begin, SHORT_MS);
	ASSERT_OK(dxg_fault_plan(""));
	/* Once for the adapter that was there, once for this one */
	EXPECT_TRUE(!watched || sent_soon(2, DXG_MSG_CLOSEADAPTER));
	ASSERT_OK(dxg_function_drive("bind", self->function));
}

/* The same with the channel that everything needs. */
TEST_F_TIMEOUT(slow_start, global_channel, 300)
{
	ASSERT_OK(dxg_fault_plan("[[fault]]\ncommand = \"SETIOSPACEREGION\"\ndo = \"hold\"\n"));
	ASSERT_OK(dxg_removal_ask(DXG_RESCIND + DXG_CHANNEL_GLOBAL));
	dxg_sleep_ms(500);
	ASSERT_OK(dxg_removal_ask(DXG_OFFER + DXG_CHANNEL_GLOBAL));
	ASSERT_TRUE(dxg_faults_reach(1));
	dxg_sleep_ms(LONG_MS);
}

/* A channel that the host takes away and offers again: no more is needed. */
TEST_F(slow_start, channel_offered_again)
{
	for (int i = 0; i < 3; i++) {
		int channel = i % 2 ? DXG_CHANNEL_RENDER : DXG_CHANNEL_COMPUTE;

		ASSERT_OK(dxg_removal_ask(DXG_RESCIND + channel));
		ASSERT_OK(dxg_removal_ask(DXG_OFFER + channel));
		dxg_sleep_ms(200);
		ASSERT_TRUE(dxg_adapters_complete());
	}
}

/* A packet whose length cannot be costs the adapter, and nothing else. */
TEST_F(slow_start, impossible_packet)
{
	struct d3dkmt_adaptertype type;
	struct dxg_gpu gpu;

	if (dxg_asynchronous())
		SKIP(return, "all messages are on the global channel");
	ASSERT_OK(dxg_gpu_open(&gpu, true));
	ASSERT_OK(dxg_fault_plan("[[fault]]\nchannel = 1\ndo = \"bad-length\"\n"
				 "offset8 = 2\nlength8 = 8191\n"));
	EXPECT_ERRNO(ENODEV, dxg_query(gpu.fd, gpu.adapter, QAI_ADAPTERTYPE, &type, sizeof(type)));
	EXPECT_LE(1, dxg_faults_done());
	/* The other adapter goes on. */
	EXPECT_TRUE(sees(1));
	ASSERT_OK(dxg_fault_plan(""));
	ASSERT_OK(dxg_function_drive("unbind", self->function));
	ASSERT_OK(dxg_function_drive("bind", self->function));
	dxg_gpu_close(&gpu);
}

DXG_REQUIRE_DEVICE

TEST_HARNESS_MAIN
