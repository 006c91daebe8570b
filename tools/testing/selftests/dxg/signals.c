// SPDX-License-Identifier: GPL-2.0
/* Signals: ordinary ones change nothing, a deadly one leaves a driver that works. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

#include "dxg_utils.h"
#include "dxg_harness.h"

FIXTURE(signals)
{
	int fd;
	struct winluid luid;
};

FIXTURE_SETUP(signals)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_first_luid(self->fd, &self->luid));
}

FIXTURE_TEARDOWN(signals)
{
	close(self->fd);
}

static atomic_int alarms;

static void count_alarm(int signal)
{
	alarms++;
}

/* The wait for the host is not the program's business: no EINTR. */
TEST_F(signals, ordinary)
{
	const struct sigaction action = { .sa_handler = count_alarm };
	const struct itimerval often = { { 0, 5000 }, { 0, 5000 } }, never = {};
	__u32 handle = 0;

	ASSERT_EQ(0, dxg_open_adapter(self->fd, self->luid, &handle));
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 0; i < 200 || (alarms < 20 && i < 20000); i++) {
		struct d3dkmt_adaptertype type;
		int fd;

		ASSERT_EQ(0, dxg_query(self->fd, handle, QAI_ADAPTERTYPE, &type, sizeof(type)));
		/* Creating the process object waits for the host too. */
		if (i % 20)
			continue;
		close(self->fd);
		fd = dxg_open();
		ASSERT_LE(0, fd);
		self->fd = fd;
		handle = 0;
		ASSERT_EQ(0, dxg_open_adapter(self->fd, self->luid, &handle));
	}
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &never, NULL));
	EXPECT_LE(20, atomic_load(&alarms));
}

/* Lives until it is killed, in the middle of something. */
static void query_for_ever(struct winluid luid)
{
	struct d3dkmt_adaptertype type;
	__u32 handle = 0;
	int fd = dxg_open();

	if (fd < 0 || dxg_open_adapter(fd, luid, &handle))
		return;
	while (!dxg_query(fd, handle, QAI_ADAPTERTYPE, &type, sizeof(type)))
		;
}

static void enumerate_for_ever(struct winluid luid)
{
	struct dxg_list list;
	int fd = dxg_open();

	if (fd < 0)
		return;
	/* Handles stay open for the driver to clean up. */
	while (!dxg_list(fd, &list))
		;
}

static void open_for_ever(struct winluid luid)
{
	__u32 handle = 0;
	int fd;

	for (;;) {
		fd = dxg_open();
		if (fd < 0 || dxg_open_adapter(fd, luid, &handle))
			return;
		close(fd);
	}
}

static void *query_thread(void *luid)
{
	query_for_ever(*(struct winluid *)luid);
	return NULL;
}

static void threads_for_ever(struct winluid luid)
{
	pthread_t threads[3];

	for (int i = 0; i < ARRAY_SIZE(threads); i++) {
		if (pthread_create(&threads[i], NULL, query_thread, &luid))
			return;
	}
	query_for_ever(luid);
}

FIXTURE(kill)
{
	int fd;
	struct winluid luid;
};

FIXTURE_VARIANT(kill)
{
	void (*victim)(struct winluid luid);
};

FIXTURE_VARIANT_ADD(kill, query) { .victim = query_for_ever };
FIXTURE_VARIANT_ADD(kill, enumerate) { .victim = enumerate_for_ever };
FIXTURE_VARIANT_ADD(kill, open) { .victim = open_for_ever };
FIXTURE_VARIANT_ADD(kill, threads) { .victim = threads_for_ever };

FIXTURE_SETUP(kill)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, dxg_first_luid(self->fd, &self->luid));
	ASSERT_TRUE(dxg_wait_unbound(self->fd, self->luid));
}

FIXTURE_TEARDOWN(kill)
{
	close(self->fd);
}

TEST_F(kill, leaves_nothing)
{
	struct d3dkmt_adaptertype type = {};
	__u32 handle = 0;

	for (int round = 0; round < 6; round++) {
		int status;
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child) {
			close(self->fd);
			variant->victim(self->luid);
			_exit(1);
		}
		/* Another moment each time */
		dxg_sleep_ms(3 + 7 * round);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		/* Had a call failed, the victim would have ended by itself. */
		EXPECT_EQ(SIGKILL, status);
	}
	EXPECT_TRUE(dxg_wait_unbound(self->fd, self->luid));
	ASSERT_EQ(0, dxg_open_adapter(self->fd, self->luid, &handle));
	EXPECT_EQ(0, dxg_query(self->fd, handle, QAI_ADAPTERTYPE, &type, sizeof(type)));
	EXPECT_EQ(0, dxg_close_adapter(self->fd, handle));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
