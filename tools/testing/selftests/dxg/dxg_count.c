// SPDX-License-Identifier: GPL-2.0
/* How many objects there are, see dxg_count.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "dxg_count.h"
#include "kselftest.h"

static void read_driver(struct dxg_count *count)
{
	int fd = open(DXG_DRIVER_OBJECTS, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, count->driver, sizeof(count->driver) - 1);

	if (length < 0)
		ksft_exit_fail_msg("%s: %s\n", DXG_DRIVER_OBJECTS, strerror(errno));
	count->driver[length] = '\0';
	close(fd);
}

void dxg_count_take(struct dxg_count *count)
{
	count->host = dxg_host_objects_settled();
	read_driver(count);
}

bool dxg_count_is_more(const struct dxg_count *before)
{
	struct dxg_count now;

	dxg_count_take(&now);
	return now.host > before->host && strcmp(now.driver, before->driver);
}

/* The lines that differ; they are the same ones, in the same order. */
static void print_driver(const char *was, const char *is)
{
	while (*was && *is) {
		int was_length = strcspn(was, "\n"), is_length = strcspn(is, "\n");

		if (was_length != is_length || strncmp(was, is, was_length))
			ksft_print_msg("driver: %.*s before, %.*s now\n", was_length, was,
				       is_length, is);
		was += was_length + !!was[was_length];
		is += is_length + !!is[is_length];
	}
}

static bool returns(const struct dxg_count *before, bool host)
{
	struct dxg_count now;

	for (int i = 0; i < DXG_TIMEOUT_MS / 10; i++) {
		now.host = host ? dxg_host_objects() : before->host;
		read_driver(&now);
		if (now.host == before->host && !strcmp(now.driver, before->driver))
			return true;
		dxg_sleep_ms(10);
	}
	if (now.host != before->host)
		ksft_print_msg("host: %d before, %d now\n", before->host, now.host);
	print_driver(before->driver, now.driver);
	return false;
}

bool dxg_count_returns(const struct dxg_count *before)
{
	return returns(before, true);
}

bool dxg_count_driver_returns(const struct dxg_count *before)
{
	return returns(before, false);
}

void dxg_require_counts(void)
{
	const char *missing = NULL;

	if (access(DXG_DRIVER_OBJECTS, R_OK))
		missing = DXG_DRIVER_OBJECTS;
	else if (dxg_host_objects() < 0)
		missing = "port of the host that counts";
	if (missing) {
		ksft_print_header();
		ksft_exit_skip("no %s\n", missing);
	}
}
