// SPDX-License-Identifier: GPL-2.0
/* Descriptors of every kind: open, closed, of others, on their way to others. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"
#include "../dxg_sync.h"

int fuzz_keep(int descriptor)
{
	int kept = fcntl(descriptor, F_DUPFD_CLOEXEC, FUZZ_FD_FLOOR);

	if (kept < 0)
		return descriptor;
	close(descriptor);
	return kept;
}

static bool is_ours(int descriptor)
{
	return descriptor < 3 || descriptor >= FUZZ_FD_FLOOR;
}

int fuzz_descriptor(struct fuzz_thread *thread, enum fuzz_file kind)
{
	struct fuzz_random *random = &thread->random;
	const int *files;
	__u32 start;

	if (fuzz_is_odd(thread)) {
		if (fuzz_one_in(random, 3))
			return fuzz_one_in(random, 2) ? -1 : (int)fuzz_boundary(thread);
		kind = fuzz_below(random, FUZZ_FILES);
	}
	files = thread->space->file[kind];
	start = fuzz_below(random, FUZZ_SLOTS);
	for (__u32 i = 0; i < FUZZ_SLOTS; i++) {
		if (files[(start + i) % FUZZ_SLOTS] >= 0)
			return files[(start + i) % FUZZ_SLOTS];
	}
	return -1;
}

void fuzz_add_descriptor(struct fuzz_thread *thread, enum fuzz_file kind, int descriptor)
{
	int *files = thread->space->file[kind];
	__u32 start = fuzz_below(&thread->random, FUZZ_SLOTS), place = start;
	int old;

	if (is_ours(descriptor))
		return;
	for (__u32 i = 0; i < FUZZ_SLOTS; i++) {
		if (files[(start + i) % FUZZ_SLOTS] < 0) {
			place = (start + i) % FUZZ_SLOTS;
			break;
		}
	}
	old = files[place];
	files[place] = descriptor;
	if (old >= 0 && old != descriptor)
		close(old);
}

/* Something that is no file of the driver's */
static int open_other(struct fuzz_thread *thread)
{
	int ends[2];

	switch (fuzz_below(&thread->random, 8)) {
	case 0:
		if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
			return -1;
		close(ends[0]);
		return ends[1];
	case 1:
		return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	case 2:
		return memfd_create("other", MFD_CLOEXEC);
	case 3:
		return epoll_create1(EPOLL_CLOEXEC);
	case 4:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case 5:
		return open(DXG_PATH, O_PATH | O_CLOEXEC);
	case 6:
		return syscall(SYS_pidfd_open, getpid(), 0);
	default:
		return open("/dev/zero", O_RDWR | O_CLOEXEC);
	}
}

/* A fence of another driver, where the kernel has one for tests */
static void open_foreign_fence(struct fuzz_thread *thread)
{
	struct fuzz_space *space = thread->space;

	if (space->timeline < 0) {
		space->timeline = dxg_sw_timeline();
		if (space->timeline >= 0)
			space->timeline = fuzz_keep(space->timeline);
	}
	if (space->timeline < 0)
		return;
	if (fuzz_one_in(&thread->random, 3))
		dxg_sw_advance(space->timeline, 1);
	else
		fuzz_add_descriptor(thread, FUZZ_FILE_SYNC,
				    dxg_sw_fence(space->timeline,
						 1 + fuzz_below(&thread->random, 8)));
}

static void open_one(struct fuzz_thread *thread)
{
	switch (fuzz_below(&thread->random, 8)) {
	case 0 ... 1:
		fuzz_add_descriptor(thread, FUZZ_FILE_DXG, open(DXG_PATH, O_RDWR | O_CLOEXEC));
		break;
	case 2 ... 3:
		fuzz_add_descriptor(thread, FUZZ_FILE_EVENT,
				    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		break;
	case 4 ... 5:
		open_foreign_fence(thread);
		break;
	default:
		fuzz_add_descriptor(thread, FUZZ_FILE_OTHER, open_other(thread));
	}
}

void fuzz_files_open(struct fuzz_thread *thread)
{
	for (int i = 0; i < 4; i++) {
		fuzz_add_descriptor(thread, FUZZ_FILE_EVENT,
				    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
		fuzz_add_descriptor(thread, FUZZ_FILE_OTHER, open_other(thread));
	}
	fuzz_add_descriptor(thread, FUZZ_FILE_DXG, dxg_open());
}

/* What the kernel tells of a file, which asks the driver */
static void read_fdinfo(int descriptor)
{
	char path[64], text[1024];
	int file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", descriptor);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	while (read(file, text, sizeof(text)) > 0)
		;
	close(file);
}

static void use_sync_file(struct fuzz_thread *thread, int descriptor)
{
	struct sync_fence_info fence[4];
	struct sync_file_info info = {
		.num_fences = 4,
		.sync_fence_info = (uintptr_t)fence,
	};
	int other = fuzz_descriptor(thread, FUZZ_FILE_SYNC);

	if (fuzz_one_in(&thread->random, 2))
		ioctl(descriptor, SYNC_IOC_FILE_INFO, &info);
	else
		fuzz_add_descriptor(thread, FUZZ_FILE_SYNC, dxg_file_merge(descriptor, other));
}

static void try_to_map(struct fuzz_thread *thread, int descriptor)
{
	void *memory = mmap(NULL, FUZZ_PAGE, fuzz_below(&thread->random, 8),
			    fuzz_one_in(&thread->random, 2) ? MAP_SHARED : MAP_PRIVATE, descriptor,
			    (off_t)fuzz_below(&thread->random, 4) * FUZZ_PAGE);

	if (memory != MAP_FAILED)
		munmap(memory, FUZZ_PAGE);
}

static void watch(struct fuzz_thread *thread, int descriptor)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	struct pollfd ready = { .fd = descriptor, .events = POLLIN | POLLOUT };

	poll(&ready, 1, fuzz_below(&thread->random, 4));
	epoll_ctl(fuzz_descriptor(thread, FUZZ_FILE_OTHER), EPOLL_CTL_ADD, descriptor, &event);
}

static void close_one(struct fuzz_thread *thread, enum fuzz_file kind)
{
	int *file = &thread->space->file[kind][fuzz_below(&thread->random, FUZZ_SLOTS)];
	int descriptor = *file;

	*file = -1;
	if (descriptor >= 0 && !is_ours(descriptor))
		close(descriptor);
}

void fuzz_use_file(struct fuzz_thread *thread)
{
	struct fuzz_random *random = &thread->random;
	enum fuzz_file kind = fuzz_below(random, FUZZ_FILES);
	int descriptor = fuzz_descriptor(thread, kind);
	__u64 word = 1;

	switch (fuzz_below(random, 12)) {
	case 0 ... 3:
		open_one(thread);
		break;
	case 4:
		close_one(thread, kind);
		break;
	case 5:
		fuzz_add_descriptor(thread, kind, fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
		break;
	case 6:
		read_fdinfo(descriptor);
		break;
	case 7:
		use_sync_file(thread, descriptor);
		break;
	case 8:
		try_to_map(thread, descriptor);
		break;
	case 9:
		watch(thread, descriptor);
		break;
	case 10:
		if (read(descriptor, &word, sizeof(word)) < 0 &&
		    write(descriptor, &word, sizeof(word)) < 0)
			lseek(descriptor, 1, SEEK_SET);
		break;
	default:
		fcntl(descriptor, F_SETFL, fuzz_one_in(random, 2) ? O_NONBLOCK : O_ASYNC);
		if (ftruncate(descriptor, FUZZ_PAGE))
			fcntl(descriptor, F_SETFD, FD_CLOEXEC);
	}
}

/* Room for a message that carries a descriptor */
union control {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr header;
};

void fuzz_send(struct fuzz_thread *thread)
{
	unsigned char kind = fuzz_below(&thread->random, FUZZ_FILES);
	int descriptor = fuzz_descriptor(thread, kind);
	struct iovec data = { .iov_base = &kind, .iov_len = 1 };
	union control control = {};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.header), &descriptor, sizeof(int));
	sendmsg(FUZZ_FD_SEND, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void fuzz_receive(struct fuzz_thread *thread)
{
	unsigned char kind = 0;
	struct iovec data = { .iov_base = &kind, .iov_len = 1 };
	union control control = {};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int descriptor;

	if (recvmsg(FUZZ_FD_RECEIVE, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1 ||
	    control.header.cmsg_type != SCM_RIGHTS)
		return;
	memcpy(&descriptor, CMSG_DATA(&control.header), sizeof(int));
	fuzz_add_descriptor(thread, kind % FUZZ_FILES, descriptor);
}
