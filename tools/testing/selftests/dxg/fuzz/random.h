/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers that follow from a seed. */
#ifndef DXG_FUZZ_RANDOM_H
#define DXG_FUZZ_RANDOM_H

#include <linux/types.h>
#include <stdbool.h>

struct fuzz_random {
	__u64 state;
};

static inline __u64 fuzz_next(struct fuzz_random *random)
{
	__u64 word = random->state += 0x9e3779b97f4a7c15ULL;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9ULL;
	word = (word ^ word >> 27) * 0x94d049bb133111ebULL;
	return word ^ word >> 31;
}

/* A number from 0 to @limit - 1 */
static inline __u32 fuzz_below(struct fuzz_random *random, __u32 limit)
{
	return (__u32)(fuzz_next(random) >> 32) % limit;
}

static inline bool fuzz_one_in(struct fuzz_random *random, __u32 limit)
{
	return !fuzz_below(random, limit);
}

/* A stream that follows from a seed and the place in which it is used */
static inline struct fuzz_random fuzz_stream(__u64 seed, __u64 first, __u64 second)
{
	struct fuzz_random random = { .state = seed };

	random.state = fuzz_next(&random) + first;
	random.state = fuzz_next(&random) + second;
	return random;
}

#endif /* DXG_FUZZ_RANDOM_H */
