// SPDX-License-Identifier: GPL-2.0
/*
 * One process object per thread group: what fork, exec, several descriptors and a
 * passed descriptor see of it.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "dxg_utils.h"
#include "dxg_harness.h"

struct own {
	int fd;
	struct winluid luid;
	__u32 handle;
};

FIXTURE(process)
{
	struct own own;
};

FIXTURE_SETUP(process)
{
	self->own.fd = dxg_open();
	ASSERT_LE(0, self->own.fd);
	ASSERT_EQ(0, dxg_first_luid(self->own.fd, &self->own.luid));
	ASSERT_EQ(0, dxg_open_adapter(self->own.fd, self->own.luid, &self->own.handle));
}

FIXTURE_TEARDOWN(process)
{
	close(self->own.fd);
}

/* Whether the fixture's handle works with a descriptor. */
static int use(int fd, __u32 handle)
{
	struct d3dkmt_adaptertype type;

	return dxg_query(fd, handle, QAI_ADAPTERTYPE, &type, sizeof(type));
}

/* Every ioctl is ENOTTY, so that a library notices that it was forked. */
static int all_refused(void *data)
{
	const struct own *self = data;
	__u32 handle = 0, count = 0;
	__u64 processes = 0;
	struct d3dkmt_queryvideomemoryinfo memory = { .adapter.v = self->handle };
	struct d3dkmt_isfeatureenabled feature = { .adapter.v = self->handle };
	const int results[] = {
		dxg_open_adapter(self->fd, self->luid, &handle),
		dxg_close_adapter(self->fd, self->handle),
		dxg_close_adapter(self->fd, 0),
		dxg_enum2(self->fd, NULL, &count),
		dxg_enum3(self->fd, 0, NULL, &count),
		use(self->fd, self->handle),
		dxg_ioctl(self->fd, LX_DXQUERYVIDEOMEMORYINFO, &memory),
		dxg_ioctl(self->fd, LX_ISFEATUREENABLED, &feature),
		dxg_processes(self->fd, self->luid, NULL, &processes),
		/* Before the argument is looked at */
		dxg_ioctl(self->fd, LX_DXENUMADAPTERS2, NULL),
	};

	for (int i = 0; i < ARRAY_SIZE(results); i++) {
		if (results[i] != -ENOTTY)
			return 100 + i;
	}
	return 0;
}

/* A child which opens again has handles of its own. */
static int open_again(void *data)
{
	const struct own *self = data;
	__u32 handle = 0;
	int fd = dxg_open();

	if (fd < 0)
		return fd;
	/* The parent's number means nothing here. */
	if (use(fd, self->handle) != -EINVAL)
		return 100;
	if (dxg_open_adapter(fd, self->luid, &handle) || handle != DXG_HANDLE_FIRST)
		return 101;
	if (use(fd, handle) || dxg_bound(fd, self->luid, getpid()) != 1)
		return 102;
	/* And the inherited descriptor stays the parent's. */
	return all_refused(data) ?: dxg_close_adapter(fd, handle);
}

TEST_F(process, fork)
{
	EXPECT_EQ(0, dxg_in_child(all_refused, &self->own));
	EXPECT_EQ(0, use(self->own.fd, self->own.handle));
	EXPECT_EQ(0, dxg_close_adapter(self->own.fd, self->own.handle));
}

TEST_F(process, fork_and_open)
{
	EXPECT_EQ(0, dxg_in_child(open_again, &self->own));
	EXPECT_EQ(0, use(self->own.fd, self->own.handle));
}

static int close_inherited(void *data)
{
	const struct own *self = data;

	return close(self->fd) ? errno : 0;
}

TEST_F(process, fork_and_close)
{
	EXPECT_EQ(0, dxg_in_child(close_inherited, &self->own));
	EXPECT_EQ(0, use(self->own.fd, self->own.handle));
}

static int all_refused_in_clone(void *data)
{
	_exit(all_refused(data));
}

/* Sharing the memory is not being the same process. */
TEST_F(process, clone_vm)
{
	enum { STACK = 65536 };
	char *stack = dxg_guarded(STACK, 0);
	int status;
	pid_t child = clone(all_refused_in_clone, stack + STACK, CLONE_VM | SIGCHLD, &self->own);

	ASSERT_LT(0, child);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, use(self->own.fd, self->own.handle));
}

/* The parent goes first: the child holds its descriptor, and can still start anew. */
static int outlive(void *data)
{
	struct own *self = data;
	int ends[2], result = 0;
	pid_t child;

	/* The process in the middle, with an object of its own */
	self->fd = dxg_open();
	if (self->fd < 0)
		return self->fd;
	self->handle = 0;
	if (dxg_open_adapter(self->fd, self->luid, &self->handle) || pipe(ends))
		return 110;
	child = fork();
	if (child < 0)
		return 111;
	if (!child) {
		char byte;

		close(ends[1]);
		/* Ends when the parent has ended. */
		if (read(ends[0], &byte, 1))
			_exit(112);
		result = all_refused(self) ?: open_again(self);
		close(self->fd);
		_exit(abs(result));
	}
	return 0;
}

TEST_F(process, parent_ends_first)
{
	int status = -1;
	pid_t child;

	/* Become the one to whom an orphan reports. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	ASSERT_EQ(0, dxg_close_adapter(self->own.fd, self->own.handle));
	ASSERT_EQ(0, dxg_in_child(outlive, &self->own));
	child = wait(&status);
	ASSERT_LT(0, child);
	EXPECT_EQ(0, status);
	EXPECT_TRUE(dxg_wait_unbound(self->own.fd, self->own.luid));
}

/* Runs dxg_probe in place of this process. */
static int exec_probe(void *data)
{
	const struct own *parent = data;
	char program[512], fd_text[16], handle_text[16];
	__u32 handle = 0;
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 16);
	int fd = open(DXG_PATH, O_RDONLY);

	if (length < 0 || fd < 0 || dxg_open_adapter(fd, parent->luid, &handle))
		return 120;
	program[length] = '\0';
	snprintf(strrchr(program, '/'), 16, "/dxg_probe");
	snprintf(fd_text, sizeof(fd_text), "%d", fd);
	snprintf(handle_text, sizeof(handle_text), "%u", handle);
	execl(program, program, "close", fd_text, handle_text, NULL);
	return 121;
}

TEST_F(process, exec_keeps_handles)
{
	EXPECT_EQ(0, dxg_in_child(exec_probe, &self->own));
	EXPECT_EQ(1, dxg_bound(self->own.fd, self->own.luid, getpid()));
}

TEST_F(process, two_descriptors)
{
	__u32 other = 0;
	int fd = dxg_open();

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, use(fd, self->own.handle));
	ASSERT_EQ(0, dxg_open_adapter(fd, self->own.luid, &other));
	EXPECT_EQ(0, use(self->own.fd, other));
	/* The object lives until the last of them is closed. */
	close(self->own.fd);
	self->own.fd = fd;
	EXPECT_EQ(0, use(fd, self->own.handle));
	EXPECT_EQ(0, dxg_close_adapter(fd, self->own.handle));
	EXPECT_EQ(0, dxg_close_adapter(fd, other));
}

TEST_F(process, last_close_forgets)
{
	for (int i = 0; i < 5; i++) {
		__u32 stale = self->own.handle;

		close(self->own.fd);
		self->own.fd = dxg_open();
		ASSERT_LE(0, self->own.fd);
		EXPECT_ERRNO(EINVAL, use(self->own.fd, stale));
		ASSERT_EQ(0, dxg_open_adapter(self->own.fd, self->own.luid, &self->own.handle));
		EXPECT_EQ(DXG_HANDLE_FIRST, self->own.handle);
	}
}

static bool send_descriptor(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = "", byte = 0;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == 1;
}

static int receive_descriptor(int socket)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/*
 * A descriptor sent by a process that was not a parent: the receiver cannot use it,
 * and is the one in which the owner's object is torn down when it closes last.
 */
TEST_F(process, passed_descriptor)
{
	struct own mine = self->own;
	int sockets[2], status;
	pid_t child;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		__u32 handle = 0;
		int fd = dxg_open();

		close(self->own.fd);
		if (fd < 0 || dxg_open_adapter(fd, self->own.luid, &handle))
			_exit(1);
		/* Ends, and leaves the descriptor to the receiver. */
		_exit(!send_descriptor(sockets[0], fd));
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	mine.fd = receive_descriptor(sockets[1]);
	ASSERT_LE(0, mine.fd);
	EXPECT_EQ(0, all_refused(&mine));
	EXPECT_EQ(0, close(mine.fd));
	/* Nothing of ours went away with it. */
	EXPECT_EQ(0, use(self->own.fd, self->own.handle));
	ASSERT_EQ(0, dxg_close_adapter(self->own.fd, self->own.handle));
	EXPECT_TRUE(dxg_wait_unbound(self->own.fd, self->own.luid));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
