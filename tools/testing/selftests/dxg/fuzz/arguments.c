// SPDX-License-Identifier: GPL-2.0
/* Draws the arguments of calls from what the table says of them, and makes the calls. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"

/* Room for any argument */
#define ARGUMENT_MAX	1024

bool fuzz_is_odd(struct fuzz_thread *thread)
{
	return thread->odd && fuzz_one_in(&thread->random, thread->odd);
}

__u64 fuzz_boundary(struct fuzz_thread *thread)
{
	static const __u64 boundary[] = {
		0, 1, 2, 3, 7, 8, 63, 64, 65, 255, 256, 4095, 4096, 4097, 0x7fff, 0x8000, 0xffff,
		0x10000, 0x10001, 0xfffff, 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff,
		0x100000000, 0x100000001, 0xffffffffff, 0x7fffffffffff, 0x800000000000,
		0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff,
	};
	struct fuzz_random *random = &thread->random;

	if (fuzz_one_in(random, 3))
		return fuzz_next(random) >> fuzz_below(random, 64);
	return FUZZ_ONE_OF(random, boundary);
}

static __u64 draw_count(struct fuzz_thread *thread, __u32 limit)
{
	static const __u32 bytes[] = { 4, 8, 16, 24, 32, 64, 256, 1024, 4096 };
	struct fuzz_random *random = &thread->random;

	if (fuzz_is_odd(thread)) {
		switch (fuzz_below(random, 6)) {
		case 0:
			return 0;
		case 1:
			return limit;
		case 2:
			return limit + 1;
		default:
			return fuzz_boundary(thread);
		}
	}
	/* Of bytes there are none, mostly, and of other things one. */
	if (limit >= 0x10000) {
		if (fuzz_one_in(random, 2))
			return 0;
		return FUZZ_ONE_OF(random, bytes);
	}
	return fuzz_below(random, 4) ? 1 : 1 + fuzz_below(random, limit < 6 ? limit : 6);
}

/* How many elements fit into the scratch memory, of those that the argument claims */
static __u32 elements(const struct fuzz_field *field, const unsigned char *args, __u32 size)
{
	__u32 count;

	memcpy(&count, args + field->count, sizeof(count));
	return count < FUZZ_SCRATCH / size ? count : FUZZ_SCRATCH / size;
}

static __u64 draw_value(struct fuzz_thread *thread)
{
	return fuzz_is_odd(thread) ? fuzz_boundary(thread) : fuzz_below(&thread->random, 6);
}

/* How many handles of an array are drawn; the others are what was there before. */
#define HANDLES_DRAWN	64

static __u64 draw_handles(struct fuzz_thread *thread, const struct fuzz_field *field,
			  const unsigned char *args)
{
	__u32 count = elements(field, args, sizeof(__u32));
	__u32 *handles = (__u32 *)thread->scratch;

	for (__u32 i = 0; i < count && i < HANDLES_DRAWN; i++)
		handles[i] = fuzz_handle(thread, field->limit);
	return fuzz_place(thread, handles, count * sizeof(__u32));
}

static __u64 draw_values(struct fuzz_thread *thread, const struct fuzz_field *field,
			 const unsigned char *args)
{
	__u32 count = elements(field, args, sizeof(__u64));
	__u64 *values = (__u64 *)thread->scratch;

	for (__u32 i = 0; i < count && i < HANDLES_DRAWN; i++)
		values[i] = draw_value(thread);
	return fuzz_place(thread, values, count * sizeof(__u64));
}

static __u64 draw_bytes(struct fuzz_thread *thread, const struct fuzz_field *field,
			const unsigned char *args)
{
	__u32 length = elements(field, args, field->limit) * field->limit;
	__u32 *words = (__u32 *)thread->scratch;

	/* Much of what is read that way is 0. */
	memset(words, 0, length < 256 ? length : 256);
	for (__u32 i = 0; fuzz_is_odd(thread) && i < length / 4 && i < HANDLES_DRAWN; i++)
		words[i] = fuzz_boundary(thread);
	return fuzz_place(thread, words, length);
}

static __u64 draw_luid(struct fuzz_thread *thread)
{
	struct winluid luid = fuzz_luid(thread);

	return luid.a | (__u64)luid.b << 32;
}

static __u64 draw(struct fuzz_thread *thread, const struct fuzz_field *field,
		  const unsigned char *args)
{
	struct fuzz_random *random = &thread->random;

	switch (field->what) {
	case FUZZ_HANDLE:
		return fuzz_handle(thread, field->limit);
	case FUZZ_MAYBE_HANDLE:
		return fuzz_below(random, 5) ? 0 : fuzz_handle(thread, field->limit);
	case FUZZ_COUNT:
		return draw_count(thread, field->limit);
	case FUZZ_BITS:
		if (fuzz_is_odd(thread))
			return fuzz_boundary(thread);
		return fuzz_below(random, 3) ? 0 : fuzz_next(random) & field->limit;
	case FUZZ_ENUM:
		if (fuzz_is_odd(thread))
			return fuzz_boundary(thread);
		return fuzz_below(random, field->limit + 1);
	case FUZZ_VALUE:
		return draw_value(thread);
	case FUZZ_ADDRESS:
		if (field->limit || fuzz_one_in(random, 4))
			return fuzz_gpu_va(thread);
		return fuzz_is_odd(thread) ? fuzz_boundary(thread) : 0;
	case FUZZ_SIZE:
		if (fuzz_is_odd(thread))
			return fuzz_boundary(thread);
		return (__u64)field->limit * (1 + fuzz_below(random, 4));
	case FUZZ_LUID:
		return draw_luid(thread);
	case FUZZ_DESCRIPTOR:
		if (fuzz_one_in(random, 6))
			return 0;
		return (__s64)fuzz_descriptor(thread, field->limit);
	case FUZZ_HANDLES:
		return draw_handles(thread, field, args);
	case FUZZ_VALUES:
		return draw_values(thread, field, args);
	case FUZZ_BYTES:
		return draw_bytes(thread, field, args);
	default:
		return fuzz_is_odd(thread) ? fuzz_boundary(thread) : 0;
	}
}

static void draw_inline(struct fuzz_thread *thread, const struct fuzz_field *field,
			unsigned char *args)
{
	__u32 count = elements(field, args, sizeof(__u32));

	for (__u32 i = 0; i < count && i < field->size / sizeof(__u32); i++) {
		__u32 handle = fuzz_handle(thread, field->limit);

		memcpy(args + field->offset + i * sizeof(handle), &handle, sizeof(handle));
	}
}

/* Overwrites some words of an argument, reserved ones too. */
static void scribble(struct fuzz_thread *thread, unsigned char *args, size_t size)
{
	for (__u32 i = 1 + fuzz_below(&thread->random, 3); i; i--) {
		__u32 word = fuzz_boundary(thread);

		memcpy(args + fuzz_below(&thread->random, size / 4) * 4, &word, sizeof(word));
	}
}

void fuzz_fill(struct fuzz_thread *thread, const struct fuzz_call *call, unsigned char *args)
{
	size_t size = _IOC_SIZE(call->request);

	memset(args, 0, size);
	for (unsigned int i = 0; i < call->fields; i++) {
		const struct fuzz_field *field = &call->field[i];
		__u64 value;

		if (field->what == FUZZ_INLINE) {
			draw_inline(thread, field, args);
			continue;
		}
		value = draw(thread, field, args);
		memcpy(args + field->offset, &value, field->size);
	}
	if (call->shape && !fuzz_is_odd(thread))
		call->shape(thread, args);
	if (thread->odd && fuzz_one_in(&thread->random, 8))
		scribble(thread, args, size);
}

static const struct fuzz_call *draw_call(struct fuzz_thread *thread)
{
	static unsigned int total;
	unsigned int i, left;

	if (!total) {
		unsigned int sum = 0;

		for (i = 0; i < FUZZ_CALLS; i++)
			sum += fuzz_calls[i].weight;
		total = sum;
	}
	left = fuzz_below(&thread->random, total);
	for (i = 0; left >= fuzz_calls[i].weight; i++)
		left -= fuzz_calls[i].weight;
	return &fuzz_calls[i];
}

/* A number that is nearly that of the call */
static unsigned int draw_request(struct fuzz_thread *thread, const struct fuzz_call *call)
{
	unsigned int request = call->request;

	if (!thread->odd || fuzz_below(&thread->random, 50))
		return request;
	return request ^ 1u << fuzz_below(&thread->random, 32);
}

/* Takes what a call that worked has returned. */
static void harvest(struct fuzz_thread *thread, const struct fuzz_call *call,
		    const unsigned char *args)
{
	for (unsigned int i = 0; i < call->fields; i++) {
		const struct fuzz_field *field = &call->field[i];
		__u64 value = 0;

		memcpy(&value, args + field->offset, field->size < 8 ? field->size : 8);
		if (field->what == FUZZ_NEW)
			fuzz_add_handle(thread, field->limit, value);
		else if (field->what == FUZZ_NEW_ADDRESS)
			fuzz_add_gpu_va(thread, value);
		else if (field->what == FUZZ_NEW_MAPPING)
			fuzz_add_mapping(thread, value, FUZZ_PAGE);
		else if (!i && call->destroys)
			fuzz_drop_handle(thread, value);
	}
	if (call->harvest)
		call->harvest(thread, args);
}

/* The next allocation, or copy from or to the program, but some is the one that fails. */
static void arm(struct fuzz_thread *thread, unsigned int n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	/* Asking copies too, so that it may be what fails. */
	for (int i = 0; i < 3 && pwrite(thread->nth, text, length, 0) != length; i++)
		;
	thread->armed = n;
}

static void disarm(struct fuzz_thread *thread)
{
	char text[16] = "";

	if (pread(thread->nth, text, sizeof(text) - 1, 0) > 0 && text[0] == '0')
		__atomic_fetch_add(&thread->shared->faults_done, 1, __ATOMIC_RELAXED);
	arm(thread, 0);
}

static void count(struct fuzz_thread *thread, const struct fuzz_call *call, int result)
{
	unsigned int error = result < 0 ? -result : 0;

	if (result > 0)
		__atomic_fetch_add(&thread->shared->pending, 1, __ATOMIC_RELAXED);
	if (error < FUZZ_ERRNOS)
		__atomic_fetch_add(&thread->shared->count[call - fuzz_calls][error], 1,
				   __ATOMIC_RELAXED);
	__atomic_fetch_add(&thread->shared->calls_made, 1, __ATOMIC_RELAXED);
}

void fuzz_make_call(struct fuzz_thread *thread)
{
	struct fuzz_random *random = &thread->random;
	const struct fuzz_call *call = draw_call(thread);
	size_t size = _IOC_SIZE(call->request);
	__aligned_u64 room[ARGUMENT_MAX / sizeof(__u64)];
	unsigned char *args = (unsigned char *)room;
	unsigned int request;
	int descriptor, result;
	__u64 place;

	thread->odd = fuzz_one_in(random, 2) ? 0 : 3 + fuzz_below(random, 10);
	thread->group = 0;
	thread->used = 0;
	thread->last_place = 0;
	request = draw_request(thread, call);
	descriptor = fuzz_descriptor(thread, FUZZ_FILE_DXG);
	fuzz_fill(thread, call, args);
	place = fuzz_place_argument(thread, args, size);
	if (thread->nth >= 0 && fuzz_one_in(random, 16))
		arm(thread, 1 + fuzz_below(random, 60));
	result = ioctl(descriptor, request, (void *)(uintptr_t)place);
	if (result < 0)
		result = -errno;
	if (thread->armed)
		disarm(thread);
	count(thread, call, result);
	if (thread->shared->verbose)
		dprintf(STDOUT_FILENO, "# %u.%u step %u: %s = %d\n", thread->index, thread->number,
			thread->step, call->name, result);
	if (result < 0 || request != call->request)
		return;
	memcpy(args, (const void *)(uintptr_t)place, size);
	harvest(thread, call, args);
}
