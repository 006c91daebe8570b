// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that share synchronization objects: descriptors that travel several at a
 * time, and the end of each who takes part, in every order.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "dxg_sync.h"
#include "dxg_harness.h"

#define OBJECTS		16

/* What a process is told to do; it answers with a result. */
struct order {
	enum { SIGNAL, WAIT, EVENT, EVENT_COUNT } what;
	__u64 value;
};

/* Another process, and the way to it */
struct actor {
	pid_t pid;
	int socket;
};

/* Sends or takes a byte and so many descriptors: false if it did not work. */
static bool pass(int socket, int *descriptors, unsigned int count, bool send)
{
	char control[CMSG_SPACE(OBJECTS * sizeof(int))] = {};
	char byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(count * sizeof(int)),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	const size_t length = CMSG_LEN(count * sizeof(int));

	if (send) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = length;
		memcpy(CMSG_DATA(header), descriptors, count * sizeof(int));
		return sendmsg(socket, &message, 0) == 1;
	}
	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1)
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_len != length)
		return false;
	memcpy(descriptors, CMSG_DATA(header), count * sizeof(int));
	return true;
}

/* Does what it is told to a fence until nobody is there to tell. */
static int act(const struct dxg_gpu *gpu, const struct dxg_monitored *fence, int socket)
{
	struct order order;
	int event = dxg_event();

	while (read(socket, &order, sizeof(order)) == sizeof(order)) {
		int result;

		switch (order.what) {
		case SIGNAL:
			result = dxg_signal_cpu(gpu, fence->handle, order.value);
			break;
		case WAIT:
			result = dxg_wait_cpu(gpu, fence->handle, order.value);
			break;
		case EVENT:
			result = dxg_wait_event(gpu, fence->handle, order.value, event);
			break;
		default:
			result = dxg_event_count(event);
			break;
		}
		if (write(socket, &result, sizeof(result)) != sizeof(result))
			return 1;
	}
	return 0;
}

/* Makes a shared fence and two descriptors of it, or opens that of another process. */
static int actor_main(bool compute, bool creator, int socket)
{
	struct dxg_monitored fence;
	struct dxg_gpu gpu;
	int descriptor[2];

	if (dxg_gpu_open(&gpu, compute))
		return 1;
	if (creator) {
		if (dxg_create_monitored(gpu.fd, gpu.device, 0, DXG_SHARED, &fence) ||
		    dxg_share(gpu.fd, fence.handle, &descriptor[0]) ||
		    dxg_share(gpu.fd, fence.handle, &descriptor[1]) ||
		    !pass(socket, descriptor, 2, true))
			return 1;
		close(descriptor[0]);
		close(descriptor[1]);
	} else {
		int result;

		if (!pass(socket, descriptor, 1, false))
			return 1;
		result = dxg_open_shared(&gpu, descriptor[0], DXG_SHARED, &fence);
		close(descriptor[0]);
		if (result || write(socket, &result, sizeof(result)) != sizeof(result))
			return 1;
	}
	return act(&gpu, &fence, socket);
}

static bool tell(const struct actor *actor, int what, __u64 value)
{
	struct order order = { .what = what, .value = value };

	return write(actor->socket, &order, sizeof(order)) == sizeof(order);
}

#define NO_ANSWER	1000

static int answer_within(const struct actor *actor, int ms)
{
	struct pollfd one = { .fd = actor->socket, .events = POLLIN };
	int result;

	if (poll(&one, 1, ms) != 1 ||
	    read(actor->socket, &result, sizeof(result)) != sizeof(result))
		return NO_ANSWER;
	return result;
}

static int answer(const struct actor *actor)
{
	return answer_within(actor, 2 * DXG_TIMEOUT_MS);
}

enum { CREATOR, WAITER, SIGNALLER, ROLES };

FIXTURE(processes)
{
	struct dxg_gpu gpu;
	int before;
};

FIXTURE_VARIANT(processes)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(processes, render) { .compute = false };
FIXTURE_VARIANT_ADD(processes, compute) { .compute = true };

FIXTURE_SETUP(processes)
{
	DXG_GPU_SETUP(&self->gpu, variant->compute);
	self->before = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(processes)
{
	dxg_gpu_close(&self->gpu);
}

static bool start(struct actor *actors, bool compute)
{
	int descriptors[2];

	for (int role = 0; role < ROLES; role++) {
		int ends[2];

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
			return false;
		actors[role].pid = fork();
		if (!actors[role].pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			/* Those of the others end when their parent says so. */
			for (int other = 0; other < role; other++)
				close(actors[other].socket);
			close(ends[0]);
			_exit(actor_main(compute, role == CREATOR, ends[1]));
		}
		close(ends[1]);
		actors[role].socket = ends[0];
	}
	if (!pass(actors[CREATOR].socket, descriptors, 2, false))
		return false;
	for (int role = WAITER; role < ROLES; role++) {
		int *descriptor = &descriptors[role - WAITER];

		if (!pass(actors[role].socket, descriptor, 1, true) || answer(&actors[role]))
			return false;
		close(*descriptor);
	}
	return true;
}

static bool end(struct actor *actor)
{
	int status;

	if (kill(actor->pid, SIGKILL) || waitpid(actor->pid, &status, 0) != actor->pid)
		return false;
	close(actor->socket);
	return status == SIGKILL;
}

/* Whoever is left can go on with whoever else is left; who is alone goes on waiting. */
TEST_F(processes, killed_in_every_order)
{
	static const int orders[][ROLES] = {
		{ CREATOR, WAITER, SIGNALLER }, { CREATOR, SIGNALLER, WAITER },
		{ WAITER, CREATOR, SIGNALLER }, { WAITER, SIGNALLER, CREATOR },
		{ SIGNALLER, CREATOR, WAITER }, { SIGNALLER, WAITER, CREATOR },
	};

	for (int i = 0; i < ARRAY_SIZE(orders); i++) {
		struct actor actors[ROLES];
		bool alive[ROLES] = { true, true, true };
		bool blocked = false;
		__u64 value = 10;

		ASSERT_TRUE(start(actors, variant->compute));
		for (int n = 0; n < ROLES; n++) {
			const int victim = orders[i][n];
			int from = -1;

			/* Blocked, and with an event besides, when it happens */
			if (alive[WAITER] && !blocked) {
				ASSERT_TRUE(tell(&actors[WAITER], EVENT, value));
				ASSERT_EQ(0, answer(&actors[WAITER]));
				ASSERT_TRUE(tell(&actors[WAITER], WAIT, value));
			}
			blocked = true;
			dxg_sleep_ms(20);
			ASSERT_TRUE(end(&actors[victim]));
			alive[victim] = false;
			if (alive[SIGNALLER])
				from = SIGNALLER;
			else if (alive[CREATOR])
				from = CREATOR;
			if (alive[WAITER])
				EXPECT_EQ(NO_ANSWER, answer_within(&actors[WAITER], 50));
			if (from < 0)
				/* A waiter that is left now is killed next. */
				continue;
			ASSERT_TRUE(tell(&actors[from], SIGNAL, value));
			EXPECT_EQ(0, answer(&actors[from]));
			if (alive[WAITER]) {
				EXPECT_EQ(0, answer(&actors[WAITER]));
				ASSERT_TRUE(tell(&actors[WAITER], EVENT_COUNT, 0));
				EXPECT_EQ(1, answer(&actors[WAITER]));
			}
			blocked = false;
			value++;
		}
		EXPECT_TRUE(dxg_host_objects_return(self->before));
	}
}

/* The half that the other process does */
static int open_many(bool compute, int socket)
{
	struct dxg_monitored opened;
	int descriptors[OBJECTS], file[1];
	struct dxg_gpu gpu;
	__u64 value;

	if (dxg_gpu_open(&gpu, compute) || !pass(socket, descriptors, OBJECTS, false) ||
	    !pass(socket, file, 1, false))
		return 1;
	for (int i = 0; i < OBJECTS; i++) {
		if (dxg_open_shared(&gpu, descriptors[i], DXG_SHARED, &opened) ||
		    *opened.value != i || dxg_signal_cpu(&gpu, opened.handle, 100 + i))
			return 2;
	}
	/* Each of them was that which it stood for. */
	if (dxg_open_sync_file(&gpu, file[0], &value, &opened) || value != 100 ||
	    !dxg_wait_fence(opened.value, 100) || !dxg_file_signals(file[0], DXG_TIMEOUT_MS))
		return 3;
	return 0;
}

TEST_F(processes, many_descriptors)
{
	struct dxg_monitored fences[OBJECTS];
	int descriptors[OBJECTS], file[1], ends[2], status;
	pid_t child;

	DXG_SYNC_FILE_SETUP(&self->gpu);
	for (int i = 0; i < OBJECTS; i++) {
		ASSERT_OK(dxg_create_monitored(self->gpu.fd, self->gpu.device, i, DXG_SHARED,
					       &fences[i]));
		ASSERT_OK(dxg_share(self->gpu.fd, fences[i].handle, &descriptors[i]));
	}
	ASSERT_EQ(0, dxg_create_sync_file(&self->gpu, fences[0].handle, 100, file));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(open_many(variant->compute, ends[1]));
	ASSERT_TRUE(pass(ends[0], descriptors, OBJECTS, true));
	ASSERT_TRUE(pass(ends[0], file, 1, true));
	for (int i = 0; i < OBJECTS; i++) {
		close(descriptors[i]);
		EXPECT_TRUE(dxg_wait_fence(fences[i].value, 100 + i));
	}
	close(file[0]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	for (int i = 0; i < OBJECTS; i++)
		ASSERT_OK(dxg_destroy_sync(self->gpu.fd, fences[i].handle));
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

/* A child has the descriptors of its parent, and may use them when that one is gone. */
TEST_F(processes, inherited_by_an_orphan)
{
	int ends[2], result = NO_ANSWER, status;
	struct actor orphan;
	pid_t parent;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	parent = fork();
	ASSERT_LE(0, parent);
	if (!parent) {
		struct dxg_monitored fence;
		struct dxg_gpu gpu;
		int descriptor;

		if (dxg_gpu_open(&gpu, variant->compute) ||
		    dxg_create_monitored(gpu.fd, gpu.device, 7, DXG_SHARED, &fence) ||
		    dxg_share(gpu.fd, fence.handle, &descriptor))
			_exit(1);
		parent = getpid();
		if (fork())
			_exit(0);
		while (getppid() == parent)
			dxg_sleep_ms(5);
		close(gpu.fd);
		/* What the parent had on the host is gone, but for what it has shared. */
		dxg_host_objects_settled();
		result = dxg_gpu_open(&gpu, variant->compute) ?:
			dxg_open_shared(&gpu, descriptor, DXG_SHARED, &fence);
		if (!result && *fence.value != 7)
			result = -ERANGE;
		if (!result)
			result = dxg_signal_cpu(&gpu, fence.handle, 8) ?:
				dxg_wait_cpu(&gpu, fence.handle, 8);
		_exit(write(ends[1], &result, sizeof(result)) != sizeof(result));
	}
	close(ends[1]);
	ASSERT_EQ(parent, waitpid(parent, &status, 0));
	ASSERT_EQ(0, status);
	orphan.socket = ends[0];
	EXPECT_EQ(0, answer(&orphan));
	EXPECT_TRUE(dxg_host_objects_return(self->before));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
