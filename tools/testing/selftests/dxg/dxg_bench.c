// SPDX-License-Identifier: GPL-2.0
/* What benchmarks share, see dxg_bench.h. */
#include <stdlib.h>
#include <time.h>

#include "dxg_bench.h"
#include "kselftest.h"

double dxg_bench_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec * 1e-3;
}

static double *grown(double *numbers, unsigned int count)
{
	numbers = realloc(numbers, count * sizeof(*numbers));
	if (!numbers)
		ksft_exit_fail_msg("no memory for samples\n");
	return numbers;
}

void dxg_series_add(struct dxg_series *series, double sample, double reference)
{
	if (series->count == series->room) {
		series->room = series->room ? 2 * series->room : 256;
		series->samples = grown(series->samples, series->room);
		series->references = grown(series->references, series->room);
		series->costs = grown(series->costs, series->room);
	}
	series->samples[series->count] = sample;
	series->references[series->count] = reference;
	series->costs[series->count++] = sample / reference;
}

static int compare(const void *x, const void *y)
{
	double a = *(const double *)x, b = *(const double *)y;

	return (a > b) - (a < b);
}

/* Sorts the numbers, and takes the one below which that part of them lies. */
static double quantile(double *numbers, unsigned int count, double part)
{
	if (!count)
		ksft_exit_fail_msg("nothing was measured\n");
	qsort(numbers, count, sizeof(*numbers), compare);
	return numbers[(unsigned int)(part * (count - 1) + 0.5)];
}

void dxg_series_end_turn(struct dxg_series *series)
{
	double *start = series->costs + series->turn_start;

	series->turns = grown(series->turns, series->turn_count + 1);
	series->turns[series->turn_count++] =
		quantile(start, series->count - series->turn_start, 0.5);
	series->turn_start = series->count;
}

double dxg_series_median(struct dxg_series *series)
{
	return quantile(series->samples, series->count, 0.5);
}

/* How far the turns are apart, as a part of what they are about */
static double spread_of(struct dxg_series *series)
{
	double low = quantile(series->turns, series->turn_count, 0);
	double high = quantile(series->turns, series->turn_count, 1);

	return (high - low) / (high + low);
}

bool dxg_bench_report(const char *title, const char *condition, struct dxg_series *series,
		      unsigned int count, double limit)
{
	double base = quantile(series[0].costs, series[0].count, 0.5);
	double highest = 0, noise = 0;

	ksft_print_msg("%s\n", title);
	ksft_print_msg("%10s %7s %10s %20s %6s %14s %6s\n", condition, "samples", "median us",
		       "quartiles", "cost", "turns +-", "ratio");
	for (unsigned int i = 0; i < count; i++) {
		struct dxg_series *one = &series[i];
		double cost = quantile(one->costs, one->count, 0.5);
		double spread = spread_of(one);

		ksft_print_msg("%10s %7u %10.1f %9.1f..%9.1f %6.2f %5u %6.1f %% %6.2f\n",
			       one->name, one->count, quantile(one->samples, one->count, 0.5),
			       quantile(one->samples, one->count, 0.25),
			       quantile(one->samples, one->count, 0.75), cost, one->turn_count,
			       100 * spread, cost / base);
		highest = cost / base > highest ? cost / base : highest;
		noise = spread > noise ? spread : noise;
	}
	ksft_print_msg("no ratio may be above %.2f, and %.2f for the noise\n", limit, noise);
	if (noise > DXG_BENCH_NOISE)
		ksft_print_msg("the machine is too busy to tell\n");
	return noise <= DXG_BENCH_NOISE && highest <= limit + noise;
}

bool dxg_bench_report_bounds(const char *title, struct dxg_series *series, unsigned int count)
{
	bool good = true;

	ksft_print_msg("%s\n", title);
	ksft_print_msg("%20s %7s %10s %22s %10s %14s %6s %6s\n", "what", "samples", "median us",
		       "quartiles", "bound us", "turns +-", "ratio", "limit");
	for (unsigned int i = 0; i < count; i++) {
		struct dxg_series *one = &series[i];
		double ratio = quantile(one->costs, one->count, 0.5);
		double noise = spread_of(one);

		ksft_print_msg("%20s %7u %10.1f %10.1f..%10.1f %10.1f %5u %6.1f %% %6.2f %6.2f\n",
			       one->name, one->count, quantile(one->samples, one->count, 0.5),
			       quantile(one->samples, one->count, 0.25),
			       quantile(one->samples, one->count, 0.75),
			       quantile(one->references, one->count, 0.5), one->turn_count,
			       100 * noise, ratio, one->limit);
		good &= !one->limit || ratio <= one->limit * (1 + noise);
	}
	return good;
}

/* What an escape without data has, there */
#define ESCAPE_BYTES	55

int dxg_bench_round_trip(const struct dxg_gpu *gpu, unsigned int bytes)
{
	static _Thread_local char data[DXG_MESSAGE_MAX];
	struct d3dkmt_escape args = {
		.adapter.v = gpu->adapter,
		.priv_drv_data = (uintptr_t)data,
		.priv_drv_data_size = bytes > ESCAPE_BYTES ? (bytes - ESCAPE_BYTES) / 2 : 0,
	};

	return dxg_ioctl(gpu->fd, LX_DXESCAPE, &args);
}

void dxg_bench_open(struct dxg_gpu *gpu)
{
	dxg_require_device();
	if (dxg_gpu_open(gpu, false))
		DXG_BENCH_MUST(dxg_gpu_open(gpu, true));
}
