// SPDX-License-Identifier: GPL-2.0
/* Where arguments lie: memory that is there, is not, comes late, changes, or is the host's. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuzz.h"

#define BLOCKS_SIZE	((size_t)FUZZ_BLOCKS * FUZZ_BLOCK)
#define SLOW_SIZE	((size_t)FUZZ_THREADS * FUZZ_SLOW_PAGES * FUZZ_PAGE)

/* Fills the slow pages when they are touched, each after a while. */
static void *fill_slow_pages(void *data)
{
	static const int delay[] = { 0, 0, 1, 1, 5, 20, 50, 1000 };
	struct fuzz_space *space = data;
	struct fuzz_random random = { .state = (uintptr_t)space };

	for (;;) {
		struct pollfd ready = { .fd = space->userfault, .events = POLLIN };
		struct uffdio_copy copy = { .len = FUZZ_PAGE };
		struct uffd_msg message;
		size_t offset;

		poll(&ready, 1, -1);
		if (read(space->userfault, &message, sizeof(message)) != sizeof(message))
			continue;
		if (message.event != UFFD_EVENT_PAGEFAULT)
			continue;
		poll(NULL, 0, FUZZ_ONE_OF(&random, delay));
		copy.dst = message.arg.pagefault.address & ~(__u64)(FUZZ_PAGE - 1);
		offset = copy.dst - (uintptr_t)space->slow;
		copy.src = (uintptr_t)space->shadow + offset;
		ioctl(space->userfault, UFFDIO_COPY, &copy);
	}
	return NULL;
}

/* Makes the slow pages wait for that thread; without userfaultfd they are ordinary ones. */
static void open_slow_pages(struct fuzz_space *space)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (uintptr_t)space->slow, .len = SLOW_SIZE },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int descriptor = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	pthread_t thread;

	if (descriptor < 0)
		return;
	space->userfault = fuzz_keep(descriptor);
	if (ioctl(space->userfault, UFFDIO_API, &api) ||
	    ioctl(space->userfault, UFFDIO_REGISTER, &range) ||
	    pthread_create(&thread, NULL, fill_slow_pages, space))
		close(space->userfault);
}

static void *map(size_t bytes, int protection)
{
	void *memory = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

bool fuzz_space_open(struct fuzz_space *space)
{
	for (int kind = 0; kind < FUZZ_FILES; kind++) {
		for (int i = 0; i < FUZZ_SLOTS; i++)
			space->file[kind][i] = -1;
	}
	space->timeline = -1;
	space->blocks = map(BLOCKS_SIZE, PROT_READ | PROT_WRITE);
	space->slow = map(SLOW_SIZE, PROT_READ | PROT_WRITE);
	space->shadow = map(SLOW_SIZE, PROT_READ | PROT_WRITE);
	if (!space->blocks || !space->slow || !space->shadow)
		return false;
	for (int i = 0; i < FUZZ_THREADS; i++) {
		if (pipe2(space->pipe[i], O_CLOEXEC | O_NONBLOCK))
			return false;
		space->pipe[i][0] = fuzz_keep(space->pipe[i][0]);
		space->pipe[i][1] = fuzz_keep(space->pipe[i][1]);
	}
	open_slow_pages(space);
	return true;
}

bool fuzz_arena_open(struct fuzz_thread *thread)
{
	int descriptor = memfd_create("arena", MFD_CLOEXEC);
	unsigned char *both = map(2 * (FUZZ_ARENA + FUZZ_PAGE), PROT_NONE);
	void *writable, *readonly;

	thread->scratch = map(FUZZ_SCRATCH + FUZZ_PAGE, PROT_READ | PROT_WRITE);
	if (descriptor < 0 || !both || !thread->scratch || ftruncate(descriptor, FUZZ_ARENA))
		return false;
	writable = mmap(both, FUZZ_ARENA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			descriptor, 0);
	/* Nothing is mapped behind either of them. */
	both += FUZZ_ARENA + FUZZ_PAGE;
	readonly = mmap(both, FUZZ_ARENA, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor, 0);
	close(descriptor);
	thread->arena = writable;
	thread->arena_readonly = readonly;
	return writable != MAP_FAILED && readonly != MAP_FAILED;
}

/* Copies to memory that may not be there, without a signal. */
static void store(struct fuzz_thread *thread, __u64 address, const void *data, size_t length)
{
	int *ends = thread->space->pipe[thread->number];

	length = length < FUZZ_PAGE ? length : FUZZ_PAGE;
	/* A child shares the pipe with its parent, whose bytes it would take. */
	if (thread->in_child)
		memcpy((void *)(uintptr_t)address, data, length);
	else if (write(ends[1], data, length) == length &&
		 read(ends[0], (void *)(uintptr_t)address, length) != length)
		/* What was not taken is in the way of the next one. */
		while (read(ends[0], thread->scratch + FUZZ_SCRATCH, FUZZ_PAGE) > 0)
			;
}

static unsigned char *draw_block(struct fuzz_thread *thread)
{
	return thread->space->blocks + fuzz_below(&thread->random, FUZZ_BLOCKS) * FUZZ_BLOCK;
}

static struct fuzz_mapping *draw_mapping(struct fuzz_thread *thread)
{
	return &thread->space->mapping[fuzz_below(&thread->random, FUZZ_MAPPINGS)];
}

static __u64 in_arena(struct fuzz_thread *thread, const void *data, size_t length)
{
	size_t start = thread->used;

	if (length > FUZZ_ARENA - start)
		start = 0;
	memcpy(thread->arena + start, data, length);
	thread->used = (start + length + 7) & ~(size_t)7;
	return (uintptr_t)thread->arena + start;
}

/* At the very end of what is mapped, or with some bytes too much for that */
static __u64 at_end(struct fuzz_thread *thread, const void *data, size_t length, size_t missing)
{
	unsigned char *start = thread->arena + FUZZ_ARENA - length + missing;

	memcpy(start, data, length > missing ? length - missing : 0);
	return (uintptr_t)start;
}

/* On pages that come when they are touched */
static __u64 on_slow_page(struct fuzz_thread *thread, const void *data, size_t length)
{
	struct fuzz_space *space = thread->space;
	size_t room = FUZZ_SLOW_PAGES * FUZZ_PAGE, first = thread->number * room;
	size_t offset = fuzz_below(&thread->random, FUZZ_SLOW_PAGES * FUZZ_PAGE / 8) * 8;

	if (length > room)
		return in_arena(thread, data, length);
	if (offset > room - length)
		offset = room - length;
	memcpy(space->shadow + first + offset, data, length);
	madvise(space->slow + first, room, MADV_DONTNEED);
	return (uintptr_t)space->slow + first + offset;
}

static __u64 in_block(struct fuzz_thread *thread, const void *data, size_t length)
{
	__u64 address = (uintptr_t)draw_block(thread) + fuzz_below(&thread->random, FUZZ_BLOCK);

	store(thread, address, data, length);
	return address;
}

static __u64 in_mapping(struct fuzz_thread *thread, const void *data, size_t length)
{
	struct fuzz_mapping mapping = *draw_mapping(thread);
	__u64 address;

	if (!mapping.address)
		return in_arena(thread, data, length);
	address = mapping.address + fuzz_below(&thread->random, mapping.length ?: 1) / 8 * 8;
	store(thread, address, data, length);
	return address;
}

static __u64 nowhere(struct fuzz_thread *thread)
{
	const __u64 places[] = {
		0, 1, FUZZ_PAGE - 1, 0xfffffffc, 0x7fffffffeffc, 0x7ffffffffffc, 0x800000000000,
		0xffff800000000000, 0xffff888000000000, 0xffffffff81000000, 0xffffffffff600000,
		0xfffffffffffffff0, (uintptr_t)nowhere, (uintptr_t)&places,
		(uintptr_t)thread->arena + FUZZ_ARENA,
	};

	if (fuzz_one_in(&thread->random, 6))
		return fuzz_next(&thread->random);
	return FUZZ_ONE_OF(&thread->random, places);
}

static __u64 place_oddly(struct fuzz_thread *thread, const void *data, size_t length)
{
	switch (fuzz_below(&thread->random, 6)) {
	case 0:
		return at_end(thread, data, length, 1 + fuzz_below(&thread->random, 8));
	case 1:
		return in_arena(thread, data, length) - (uintptr_t)thread->arena +
			(uintptr_t)thread->arena_readonly;
	case 2:
		return thread->last_place + fuzz_below(&thread->random, 3) * 4;
	case 3:
		return in_block(thread, data, length);
	case 4:
		return in_mapping(thread, data, length);
	default:
		return nowhere(thread);
	}
}

static __u64 place(struct fuzz_thread *thread, const void *data, size_t length)
{
	if (fuzz_is_odd(thread))
		return place_oddly(thread, data, length);
	switch (fuzz_below(&thread->random, 32)) {
	case 0:
		return on_slow_page(thread, data, length);
	case 1:
		return in_mapping(thread, data, length);
	case 2:
		return in_block(thread, data, length);
	case 3 ... 5:
		return at_end(thread, data, length, 0);
	default:
		return in_arena(thread, data, length);
	}
}

__u64 fuzz_place(struct fuzz_thread *thread, const void *data, size_t length)
{
	__u64 address = place(thread, data, length);

	thread->last_place = address;
	return address;
}

__u64 fuzz_place_argument(struct fuzz_thread *thread, const void *data, size_t length)
{
	/* One field at a time is odd enough, mostly: a call whose argument is not there ends at once. */
	if (thread->odd && fuzz_below(&thread->random, 8))
		return in_arena(thread, data, length);
	return place(thread, data, length);
}

__u64 fuzz_memory(struct fuzz_thread *thread, size_t length)
{
	switch (fuzz_below(&thread->random, 16)) {
	case 0:
		return draw_mapping(thread)->address;
	case 1:
		return (uintptr_t)thread->space->slow +
			thread->number * FUZZ_SLOW_PAGES * FUZZ_PAGE;
	case 2:
		return (uintptr_t)thread->arena;
	case 3:
		return fuzz_is_odd(thread) ? nowhere(thread) : (uintptr_t)draw_block(thread);
	default:
		return (uintptr_t)draw_block(thread);
	}
}

void fuzz_add_mapping(struct fuzz_thread *thread, __u64 address, __u64 length)
{
	address &= ~(__u64)(FUZZ_PAGE - 1);
	if (address)
		*draw_mapping(thread) = (struct fuzz_mapping){ address, length };
}

/* Maps a block anew, with another nature. */
static void renew_block(struct fuzz_thread *thread)
{
	struct fuzz_random *random = &thread->random;
	unsigned char *block = draw_block(thread);
	int protection = fuzz_below(random, 4) ? PROT_READ | PROT_WRITE : fuzz_below(random, 8);
	int flags = MAP_FIXED, descriptor = -1;

	switch (fuzz_below(random, 6)) {
	case 0:
		descriptor = memfd_create("block", MFD_CLOEXEC);
		/* Half of it, or none, is behind the end of the file. */
		if (ftruncate(descriptor, fuzz_below(random, 3) * FUZZ_BLOCK / 2))
			protection = PROT_NONE;
		flags |= fuzz_one_in(random, 2) ? MAP_SHARED : MAP_PRIVATE;
		break;
	case 1:
		descriptor = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
		protection &= ~PROT_WRITE;
		flags |= fuzz_one_in(random, 2) ? MAP_SHARED : MAP_PRIVATE;
		break;
	case 2:
		flags |= MAP_SHARED | MAP_ANONYMOUS;
		break;
	case 3:
		flags |= MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
		break;
	default:
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	}
	mmap(block, FUZZ_BLOCK, protection, flags, descriptor, 0);
	if (descriptor >= 0)
		close(descriptor);
}

static void advise(struct fuzz_thread *thread, void *start, size_t length)
{
	static const int advice[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_WILLNEED, MADV_DONTNEED, MADV_FREE, MADV_REMOVE,
		MADV_DONTFORK, MADV_DOFORK, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTDUMP,
		MADV_WIPEONFORK, MADV_KEEPONFORK, 20 /* COLD */, 21 /* PAGEOUT */,
		22 /* POPULATE_READ */, 23 /* POPULATE_WRITE */, 24 /* DONTNEED_LOCKED */,
	};

	madvise(start, length, FUZZ_ONE_OF(&thread->random, advice));
}

/* Moves a mapping elsewhere, duplicates it, or lets it grow or shrink. */
static void move(struct fuzz_thread *thread, struct fuzz_mapping *mapping, void *start,
		 size_t length)
{
	struct fuzz_random *random = &thread->random;
	size_t old = fuzz_below(random, 6) ? length : 0;
	void *moved = mremap(start, old, length << fuzz_below(random, 2), MREMAP_MAYMOVE);

	if (moved != MAP_FAILED && mapping)
		mapping->address = (uintptr_t)moved;
	else if (moved != MAP_FAILED && moved != start)
		munmap(moved, length);
}

void fuzz_change_memory(struct fuzz_thread *thread)
{
	struct fuzz_random *random = &thread->random;
	struct fuzz_mapping *mapping = fuzz_below(random, 3) ? NULL : draw_mapping(thread);
	void *start = mapping ? (void *)(uintptr_t)mapping->address : draw_block(thread);
	size_t length = mapping ? FUZZ_PAGE : FUZZ_PAGE << fuzz_below(random, 5);

	if (!start)
		return;
	switch (fuzz_below(random, 10)) {
	case 0:
		munmap(start, length);
		if (mapping)
			mapping->address = 0;
		break;
	case 1:
		mprotect(start, length, fuzz_below(random, 8));
		break;
	case 2:
	case 3:
		advise(thread, start, length);
		break;
	case 4:
		move(thread, mapping, start, length);
		break;
	case 5:
		if (fuzz_one_in(random, 2))
			mlock(start, length);
		else
			munlock(start, length);
		break;
	case 6:
		msync(start, length, fuzz_one_in(random, 2) ? MS_SYNC : MS_INVALIDATE);
		break;
	default:
		renew_block(thread);
	}
}
