// SPDX-License-Identifier: GPL-2.0
/*
 * How long it takes until what is submitted is done, and how much can be submitted.
 *
 * The lower bound is what the messages take, without anything in them, from as many
 * threads: the rest is what the driver, the host's scheduler and the wake cost.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "dxg_bench.h"
#include "dxg_compute.h"
#include "kselftest.h"

#define TURNS		6
#define LATENCIES	200
#define SUBMISSIONS	200
#define THREADS_MAX	4

/* Requests and answers of the calls in question */
#define SUBMIT_BYTES	412
#define HW_SUBMIT_BYTES	84
#define WAIT_BYTES	96

static struct dxg_series latencies[] = {
	{ .name = "submit, poll", .limit = 2 }, { .name = "submit, wait", .limit = 2 },
	{ .name = "hw queue, poll", .limit = 2.5 },
};

static const unsigned int threads[] = { 1, 2, 4 };

static struct dxg_series rates[] = {
	{ .name = "1 thread", .limit = 2 }, { .name = "2 threads", .limit = 2 },
	{ .name = "4 threads", .limit = 2 },
};

struct bench {
	struct dxg_gpu gpu;
	struct dxg_worker workers[THREADS_MAX];
	struct dxg_hw_queue hw_queue;
	__u64 hw_value;
	/* Whether threads send nothing but bare messages */
	bool bare;
	double start[THREADS_MAX], end[THREADS_MAX];
};

static void poll_fence(dxg_fence fence, __u64 value)
{
	double start = dxg_bench_now();

	while (*fence < value) {
		if (dxg_bench_now() - start > 10e6)
			ksft_exit_fail_msg("a fence has stopped before %llu\n", value);
		sched_yield();
	}
}

static void submit_and_poll(struct bench *bench)
{
	struct dxg_worker *worker = &bench->workers[0];

	DXG_BENCH_MUST(dxg_worker_signal(worker));
	poll_fence(worker->done.value, worker->rounds);
}

static void submit_and_wait(struct bench *bench)
{
	struct dxg_worker *worker = &bench->workers[0];

	DXG_BENCH_MUST(dxg_worker_signal(worker));
	DXG_BENCH_MUST(dxg_wait_cpu(&bench->gpu, worker->done.handle, worker->rounds));
}

static void hw_submit_and_poll(struct bench *bench)
{
	DXG_BENCH_MUST(dxg_submit_to_hw_queue(bench->gpu.fd, bench->hw_queue.queue,
					      ++bench->hw_value));
	poll_fence(bench->hw_queue.value, bench->hw_value);
}

static void measure_latency(struct bench *bench, struct dxg_series *series,
			    void (*once)(struct bench *bench), unsigned int bytes,
			    unsigned int more_bytes)
{
	for (int i = 0; i < LATENCIES; i++) {
		double start = dxg_bench_now(), latency;

		once(bench);
		latency = dxg_bench_now() - start;
		start = dxg_bench_now();
		DXG_BENCH_MUST(dxg_bench_round_trip(&bench->gpu, bytes));
		if (more_bytes)
			DXG_BENCH_MUST(dxg_bench_round_trip(&bench->gpu, more_bytes));
		dxg_series_add(series, latency, dxg_bench_now() - start);
	}
	dxg_series_end_turn(series);
}

static int send(void *data, unsigned int index)
{
	struct bench *bench = data;
	struct dxg_worker *worker = &bench->workers[index];
	int result = 0;

	bench->start[index] = dxg_bench_now();
	for (int i = 1; i < SUBMISSIONS && !result; i++) {
		if (bench->bare) {
			result = dxg_bench_round_trip(&bench->gpu, SUBMIT_BYTES);
		} else {
			DXG_ADD(worker, gpu_nop, GPU_NOP);
			result = dxg_worker_submit(worker);
		}
	}
	/* The last one tells when all of them are done. */
	if (!result && bench->bare)
		result = dxg_bench_round_trip(&bench->gpu, SUBMIT_BYTES);
	if (!result && !bench->bare) {
		result = dxg_worker_signal(worker);
		poll_fence(worker->done.value, worker->rounds);
	}
	bench->end[index] = dxg_bench_now();
	return result;
}

/* Microseconds for one, when @count threads submit */
static double send_together(struct bench *bench, unsigned int count, bool bare)
{
	double start, end;

	bench->bare = bare;
	DXG_BENCH_MUST(dxg_together(count, send, bench));
	start = bench->start[0];
	end = bench->end[0];
	for (unsigned int i = 1; i < count; i++) {
		start = bench->start[i] < start ? bench->start[i] : start;
		end = bench->end[i] > end ? bench->end[i] : end;
	}
	return (end - start) / (count * SUBMISSIONS);
}

static void measure_rate(struct bench *bench, struct dxg_series *series, unsigned int count)
{
	for (int i = 0; i < 4; i++) {
		double submitted = send_together(bench, count, false);

		dxg_series_add(series, submitted, send_together(bench, count, true));
	}
	dxg_series_end_turn(series);
}

int main(void)
{
	struct bench bench = {};
	unsigned int latency_count = ARRAY_SIZE(latencies);
	__u32 context;

	dxg_bench_open(&bench.gpu);
	ksft_print_header();
	ksft_set_plan(2);
	for (int i = 0; i < THREADS_MAX; i++)
		DXG_BENCH_MUST(dxg_make_worker(&bench.gpu, &bench.workers[i]));
	if (bench.gpu.hw_queues) {
		DXG_BENCH_MUST(dxg_create_hw_context(bench.gpu.fd, bench.gpu.device, &context));
		DXG_BENCH_MUST(dxg_create_hw_queue(bench.gpu.fd, context, &bench.hw_queue));
	} else {
		latency_count--;
	}
	for (int turn = 0; turn < TURNS; turn++) {
		measure_latency(&bench, &latencies[0], submit_and_poll, SUBMIT_BYTES, 0);
		measure_latency(&bench, &latencies[1], submit_and_wait, SUBMIT_BYTES, WAIT_BYTES);
		if (bench.gpu.hw_queues)
			measure_latency(&bench, &latencies[2], hw_submit_and_poll,
					HW_SUBMIT_BYTES, 0);
		for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++)
			measure_rate(&bench, &rates[i], threads[i]);
	}
	ksft_test_result(dxg_bench_report_bounds("from the submission to the fence", latencies,
						 latency_count),
			 "latency of submissions\n");
	ksft_test_result(dxg_bench_report_bounds("one submission of many", rates,
						 ARRAY_SIZE(rates)),
			 "rate of submissions\n");
	for (unsigned int i = 0; i < ARRAY_SIZE(threads); i++) {
		ksft_print_msg("%s: %.0f submissions per second\n", rates[i].name,
			       1e6 / dxg_series_median(&rates[i]));
	}
	ksft_finished();
}
