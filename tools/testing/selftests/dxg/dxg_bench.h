/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What benchmarks share: samples, their order, and a table.
 *
 * A benchmark measures the same thing under several conditions, in turns, so that
 * whatever else the machine does meets all of them. With each sample comes a
 * reference: something that does not depend on the condition, done right before. What
 * is compared is the cost: the sample divided by the reference, as a machine that is
 * busy makes both slower. The first condition is the one that the others are compared
 * with.
 */
#ifndef DXG_BENCH_H
#define DXG_BENCH_H

#include <stdbool.h>

/* Turns that are further apart say nothing. */
#define DXG_BENCH_NOISE		0.15

/* What was measured under one condition, in turns */
struct dxg_series {
	/* The condition, as the table calls it */
	const char *name;
	/* In microseconds */
	double *samples;
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

/*
 * Prints medians and quartiles, how far the turns of each series are apart, and the
 * ratios of the costs to that of the first series. Returns whether no ratio is above
 * @limit by more than the turns of one and the same condition differ, and these not
 * by more than DXG_BENCH_NOISE.
 */
bool dxg_bench_report(const char *title, const char *condition, struct dxg_series *series,
		      unsigned int count, double limit);

#endif /* DXG_BENCH_H */
