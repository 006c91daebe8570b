/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What benchmarks share: samples, their order, and a table.
 *
 * A benchmark measures the same thing under several conditions, in turns, so that
 * whatever else the machine does meets all of them. With each sample comes a
 * reference: something that does not depend on the condition, done right before. What
 * is compared is the cost: the sample divided by the reference, as a machine that is
 * busy makes both slower.
 *
 * Two questions can be asked: whether something costs the same under all conditions,
 * the first of which is what the others are compared with; and how far it is from its
 * lower bound, which then is the reference.
 */
#ifndef DXG_BENCH_H
#define DXG_BENCH_H

#include "dxg_objects.h"

/* Turns that are further apart say nothing. */
#define DXG_BENCH_NOISE		0.15

/* What was measured under one condition, in turns */
struct dxg_series {
	/* The condition, as the table calls it */
	const char *name;
	/* The most times its lower bound that it may cost; 0: whatever it costs */
	double limit;
	/* In microseconds */
	double *samples;
	double *references;
	/* In references */
	double *costs;
	unsigned int count;
	unsigned int room;
	/* The median cost of each turn */
	double *turns;
	unsigned int turn_count;
	/* Where the last turn begins */
	unsigned int turn_start;
};

/* Now, in microseconds */
double dxg_bench_now(void);

void dxg_series_add(struct dxg_series *series, double sample, double reference);
void dxg_series_end_turn(struct dxg_series *series);
/* The median sample, in microseconds */
double dxg_series_median(struct dxg_series *series);

/*
 * Prints medians and quartiles, how far the turns of each series are apart, and the
 * ratios of the costs to that of the first series. Returns whether no ratio is above
 * @limit by more than the turns of one and the same condition differ, and these not
 * by more than DXG_BENCH_NOISE.
 */
bool dxg_bench_report(const char *title, const char *condition, struct dxg_series *series,
		      unsigned int count, double limit);

/*
 * Prints medians and quartiles, the lower bounds, and how many times its bound each
 * thing costs. Returns whether none is above its limit by more than its turns differ.
 */
bool dxg_bench_report_bounds(const char *title, struct dxg_series *series, unsigned int count);

/*
 * The lower bound of a call: the cheapest that brings a message to the host on the
 * same channel, and the answer back. It is an escape, of which the host hands back
 * what it gets; both together have @bytes bytes, or a few more where these are few.
 */
int dxg_bench_round_trip(const struct dxg_gpu *gpu, unsigned int bytes);

/* What must work for there to be something to measure */
#define DXG_BENCH_MUST(call) do {						\
	int __result = (call);							\
										\
	if (__result)								\
		ksft_exit_fail_msg("%s: %d\n", #call, __result);		\
} while (0)

/* The render adapter, or else the one for computing */
void dxg_bench_open(struct dxg_gpu *gpu);

#endif /* DXG_BENCH_H */
