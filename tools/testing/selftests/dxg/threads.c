// SPDX-License-Identifier: GPL-2.0
/* Threads that use one process object at once. */
#include <pthread.h>
#include <stdatomic.h>

#include "dxg_objects.h"
#include "dxg_harness.h"

#define THREADS	4
#define ROUNDS_MAX	40
#define ROUNDS		dxg_rounds(ROUNDS_MAX)

/* What the threads of a test share, what they make and what they find. */
struct race {
	int fd;
	struct winluid luid;
	pthread_barrier_t barrier;
	__u32 handle;
	atomic_int next;
	int fds[THREADS];
	int results[THREADS];
};

FIXTURE(threads)
{
	struct race race;
};

FIXTURE_SETUP(threads)
{
	self->race.fd = dxg_open();
	ASSERT_LE(0, self->race.fd);
	ASSERT_EQ(0, dxg_first_luid(self->race.fd, &self->race.luid));
	ASSERT_EQ(0, pthread_barrier_init(&self->race.barrier, NULL, THREADS));
}

FIXTURE_TEARDOWN(threads)
{
	pthread_barrier_destroy(&self->race.barrier);
	close(self->race.fd);
}

/* Runs a function in all threads and returns how many of them failed. */
static int run(struct race *self, void *(*function)(void *))
{
	pthread_t threads[THREADS];
	int failed = 0;

	self->next = 0;
	for (int i = 0; i < THREADS; i++) {
		if (pthread_create(&threads[i], NULL, function, self))
			ksft_exit_fail_msg("pthread_create\n");
	}
	for (int i = 0; i < THREADS; i++) {
		void *result;

		pthread_join(threads[i], &result);
		failed += result != NULL;
	}
	return failed;
}

/* One of everything; no thread may disturb another one. */
static int use_everything(int fd, struct winluid luid)
{
	struct d3dkmt_queryvideomemoryinfo memory = {};
	struct d3dkmt_adaptertype type = {};
	struct dxg_list list;
	__u32 handle = 0;
	int result;

	result = dxg_open_adapter(fd, luid, &handle);
	if (result)
		return result;
	memory.adapter.v = handle;
	return	dxg_query(fd, handle, QAI_ADAPTERTYPE, &type, sizeof(type)) ?:
		dxg_ioctl(fd, LX_DXQUERYVIDEOMEMORYINFO, &memory) ?:
		dxg_list(fd, &list) ?:
		dxg_list_close(fd, &list) ?:
		dxg_bound(fd, luid, getpid()) - 1 ?:
		dxg_close_adapter(fd, handle);
}

static void *share_descriptor(void *data)
{
	struct race *self = data;

	for (int i = 0; i < ROUNDS; i++) {
		if (use_everything(self->fd, self->luid))
			return self;
	}
	return NULL;
}

TEST_F(threads, share_descriptor)
{
	EXPECT_EQ(0, run(&self->race, share_descriptor));
	EXPECT_EQ(0, dxg_bound(self->race.fd, self->race.luid, getpid()));
}

static void *own_descriptor(void *data)
{
	struct race *self = data;

	for (int i = 0; i < ROUNDS; i++) {
		int fd = dxg_open();

		if (fd < 0 || use_everything(fd, self->luid))
			return self;
		close(fd);
	}
	return NULL;
}

TEST_F(threads, own_descriptor)
{
	EXPECT_EQ(0, run(&self->race, own_descriptor));
	/* Again, with a process object that comes and goes. */
	close(self->race.fd);
	self->race.fd = -1;
	EXPECT_EQ(0, run(&self->race, own_descriptor));
}

static void *open_first(void *data)
{
	struct race *self = data;
	int me = self->next++;

	pthread_barrier_wait(&self->barrier);
	self->fds[me] = dxg_open();
	return self->fds[me] < 0 ? self : NULL;
}

/* Threads that open at the same moment get one process object, not one each. */
TEST_F(threads, race_first_open)
{
	for (int i = 0; i < 10; i++) {
		__u32 handle = 0;

		close(self->race.fd);
		ASSERT_EQ(0, run(&self->race, open_first));
		ASSERT_EQ(0, dxg_open_adapter(self->race.fds[0], self->race.luid, &handle));
		EXPECT_EQ(DXG_HANDLE_FIRST, handle);
		/* A handle of one is a handle of all, with one number. */
		for (int j = 1; j < THREADS; j++) {
			struct d3dkmt_adaptertype type;
			__u32 other = 0;

			EXPECT_EQ(0, dxg_query(self->race.fds[j], handle, QAI_ADAPTERTYPE, &type,
					       sizeof(type)));
			EXPECT_EQ(0, dxg_open_adapter(self->race.fds[j], self->race.luid, &other));
			EXPECT_EQ(handle + j * DXG_HANDLE_STEP, other);
			close(self->race.fds[j]);
		}
		self->race.fd = self->race.fds[0];
	}
}

static void *close_one(void *data)
{
	struct race *self = data;
	int me = self->next++;

	pthread_barrier_wait(&self->barrier);
	self->results[me] = dxg_close_adapter(self->fd, self->handle);
	return NULL;
}

/* A handle is closed once, however many try. */
TEST_F(threads, race_close)
{
	for (int i = 0; i < ROUNDS; i++) {
		int closed = 0;

		self->race.handle = 0;
		ASSERT_EQ(0, dxg_open_adapter(self->race.fd, self->race.luid, &self->race.handle));
		ASSERT_EQ(0, run(&self->race, close_one));
		for (int j = 0; j < THREADS; j++) {
			EXPECT_TRUE(!self->race.results[j] || self->race.results[j] == -EINVAL);
			closed += !self->race.results[j];
		}
		ASSERT_EQ(1, closed);
		ASSERT_EQ(0, dxg_bound(self->race.fd, self->race.luid, getpid()));
	}
}

static void *query_or_close(void *data)
{
	struct race *self = data;
	int me = self->next++;

	pthread_barrier_wait(&self->barrier);
	if (!me)
		return dxg_close_adapter(self->fd, self->handle) ? self : NULL;
	for (;;) {
		struct d3dkmt_adaptertype type;
		int result = dxg_query(self->fd, self->handle, QAI_ADAPTERTYPE, &type,
				       sizeof(type));

		/* Works until the moment of the close, and then never again. */
		if (result)
			return result == -EINVAL ? NULL : self;
	}
}

TEST_F(threads, race_close_with_query)
{
	for (int i = 0; i < ROUNDS; i++) {
		self->race.handle = 0;
		ASSERT_EQ(0, dxg_open_adapter(self->race.fd, self->race.luid, &self->race.handle));
		ASSERT_EQ(0, run(&self->race, query_or_close));
	}
}

#define LEFT_DEVICES	4

/* Two that leave devices behind with which they close the adapter: that takes a while. */
static void *close_with_devices(void *data)
{
	struct race *self = data;
	int me = self->next++;

	pthread_barrier_wait(&self->barrier);
	for (int i = 0; i < ROUNDS && me < 2; i++) {
		__u32 adapter = 0, device[LEFT_DEVICES];

		if (dxg_open_adapter(self->fd, self->luid, &adapter))
			return self;
		for (int j = 0; j < LEFT_DEVICES; j++) {
			if (dxg_create_device(self->fd, adapter, &device[j]))
				return self;
		}
		/* Nobody takes them away from who has the adapter open. */
		for (int j = 0; j < LEFT_DEVICES; j++) {
			if (dxg_device_state(self->fd, device[j]))
				return self;
		}
		if (dxg_close_adapter(self->fd, adapter))
			return self;
		/* So that it is not always the other one who has it open */
		dxg_sleep_ms(i * (me + 1) % 7);
	}
	return NULL;
}

TEST_F(threads, race_close_with_device)
{
	EXPECT_EQ(0, run(&self->race, close_with_devices));
	EXPECT_EQ(0, dxg_bound(self->race.fd, self->race.luid, getpid()));
}

static void *open_many(void *data)
{
	struct race *self = data;
	__u32 handles[ROUNDS_MAX];

	pthread_barrier_wait(&self->barrier);
	for (int i = 0; i < ROUNDS; i++) {
		handles[i] = 0;
		if (dxg_open_adapter(self->fd, self->luid, &handles[i]))
			return self;
	}
	/* A number given to two threads could not be closed by both. */
	for (int i = 0; i < ROUNDS; i++) {
		if (dxg_close_adapter(self->fd, handles[i]))
			return self;
	}
	return NULL;
}

TEST_F(threads, open_together)
{
	EXPECT_EQ(0, run(&self->race, open_many));
	EXPECT_EQ(0, dxg_bound(self->race.fd, self->race.luid, getpid()));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
