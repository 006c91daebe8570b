// SPDX-License-Identifier: GPL-2.0
/* Messages to the host, see dxg_watch.h. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "dxg_memory.h"
#include "dxg_watch.h"

#define TRACING		"/sys/kernel/tracing"
#define TRACE		TRACING "/trace"
#define SEND		"dxgkrnl_send"
#define ENABLE		TRACING "/events/dxgkrnl/" SEND "/enable"

bool dxg_watch_begin(void)
{
	int trace;

	if (access(TRACE, W_OK))
		mount("tracefs", TRACING, "tracefs", 0, NULL);
	/* Whoever opens it like this empties it. */
	trace = open(TRACE, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (trace < 0)
		return false;
	close(trace);
	return dxg_write_file(ENABLE, "1");
}

unsigned int dxg_watch_count(unsigned int command, struct dxg_sent *last)
{
	FILE *trace = fopen(TRACE, "re");
	unsigned int count = 0;
	char line[512];

	if (!trace)
		return 0;
	while (fgets(line, sizeof(line), trace)) {
		const char *event = strstr(line, SEND ": ");
		unsigned int number, process;
		struct dxg_sent sent = {};

		/* Older drivers say nothing of channels. */
		if (!event || sscanf(event, SEND ": command=%u process=%x length=%u channel=%u",
				     &number, &process, &sent.length, &sent.channel) < 3)
			continue;
		if (number != command)
			continue;
		count++;
		if (last)
			*last = sent;
	}
	fclose(trace);
	return count;
}
