// SPDX-License-Identifier: GPL-2.0
/* The device node, and the file operations it has and has not. */
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "dxg_utils.h"
#include "dxg_harness.h"

#define MISC_MAJOR	10
#define NOBODY		65534

TEST(node)
{
	unsigned int major, minor;
	struct stat node;
	FILE *stream;

	ASSERT_EQ(0, stat(DXG_PATH, &node));
	EXPECT_TRUE(S_ISCHR(node.st_mode));
	EXPECT_EQ(0666, node.st_mode & 07777);
	EXPECT_EQ(0, node.st_uid);
	EXPECT_EQ(MISC_MAJOR, major(node.st_rdev));

	stream = fopen("/sys/class/misc/dxg/dev", "r");
	ASSERT_NE(NULL, stream);
	ASSERT_EQ(2, fscanf(stream, "%u:%u", &major, &minor));
	fclose(stream);
	EXPECT_EQ(major, major(node.st_rdev));
	EXPECT_EQ(minor, minor(node.st_rdev));
}

TEST(open_flags)
{
	const int flags[] = {
		O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_NONBLOCK, O_RDWR | O_APPEND | O_CLOEXEC,
	};

	for (int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct winluid luid;
		int fd = open(DXG_PATH, flags[i]);

		ASSERT_LE(0, fd) TH_LOG("flags %#o: %s", flags[i], strerror(errno));
		EXPECT_EQ(0, dxg_first_luid(fd, &luid)) TH_LOG("flags %#o", flags[i]);
		EXPECT_EQ(0, close(fd));
	}
}

static int open_as_nobody(void *data)
{
	struct winluid luid;
	int fd;

	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return errno;
	fd = dxg_open();
	return fd < 0 ? fd : dxg_first_luid(fd, &luid);
}

TEST(open_unprivileged)
{
	if (getuid())
		SKIP(return, "needs root to become somebody else");
	EXPECT_EQ(0, dxg_in_child(open_as_nobody, NULL));
}

FIXTURE(file)
{
	int fd;
};

FIXTURE_SETUP(file)
{
	self->fd = open(DXG_PATH, O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(file)
{
	close(self->fd);
}

TEST_F(file, no_read_write)
{
	char buffer[16] = "";

	EXPECT_EQ(-1, read(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, write(self->fd, buffer, sizeof(buffer)));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(file, no_mmap)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd, 0));
	EXPECT_EQ(ENODEV, errno);
}

TEST_F(file, no_poll)
{
	struct epoll_event event = { .events = EPOLLIN };
	int epoll = epoll_create1(0);

	ASSERT_LE(0, epoll);
	/* How epoll says that a file has no poll operation. */
	EXPECT_EQ(-1, epoll_ctl(epoll, EPOLL_CTL_ADD, self->fd, &event));
	EXPECT_EQ(EPERM, errno);
	close(epoll);
}

TEST_F(file, no_fasync)
{
	int flags = fcntl(self->fd, F_GETFL);

	/* The kernel drops the flag of a file which never sends SIGIO. */
	EXPECT_EQ(0, fcntl(self->fd, F_SETFL, flags | O_ASYNC));
	EXPECT_EQ(flags, fcntl(self->fd, F_GETFL));
}

TEST_F(file, duplicate)
{
	struct winluid luid;
	__u32 handle = 0;
	int copy = dup(self->fd);

	ASSERT_LE(0, copy);
	ASSERT_EQ(0, dxg_first_luid(copy, &luid));
	ASSERT_EQ(0, dxg_open_adapter(self->fd, luid, &handle));
	/* Only the last close is a release. */
	close(self->fd);
	self->fd = copy;
	EXPECT_EQ(0, dxg_close_adapter(copy, handle));
}

/* Opens until the limit is reached; the driver sets none of its own. */
TEST_F(file, descriptor_limit)
{
	struct rlimit limit = { .rlim_cur = 128, .rlim_max = 128 };
	struct winluid luid;
	int last = -1, fd, opened = 0;
	__u32 handle = 0;

	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	while ((fd = dxg_open()) >= 0) {
		last = fd;
		opened++;
		ASSERT_LT(opened, 128);
	}
	EXPECT_EQ(-EMFILE, fd);
	ASSERT_LT(64, opened);
	ASSERT_EQ(0, dxg_first_luid(last, &luid));
	ASSERT_EQ(0, dxg_open_adapter(self->fd, luid, &handle));
	for (fd = 3; fd <= last; fd++) {
		if (fd != self->fd)
			close(fd);
	}
	EXPECT_EQ(0, dxg_close_adapter(self->fd, handle));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
