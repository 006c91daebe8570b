/* SPDX-License-Identifier: GPL-2.0 */
/* The messages to the host, as the trace points of the driver show them. */
#ifndef DXG_WATCH_H
#define DXG_WATCH_H

#include <stdbool.h>

/* Numbers of commands */
enum {
	DXG_MSG_DESTROYALLOCATION	= 5,
	DXG_MSG_DESTROYCONTEXT		= 7,
	DXG_MSG_OPENADAPTER		= 14,
	DXG_MSG_CLOSEADAPTER		= 15,
	DXG_MSG_WAITFROMCPU		= 22,
	DXG_MSG_SIGNALSYNCOBJECT	= 26,
	DXG_MSG_GETDEVICESTATE		= 28,
	DXG_MSG_OPENRESOURCE		= 32,
	DXG_MSG_DESTROYHWQUEUE		= 51,
	DXG_MSG_OPENSYNCOBJECT		= 1002,
	DXG_MSG_DESTROYNTSHAREDOBJECT	= 1005,
};

struct dxg_sent {
	/* Bytes, headers included */
	unsigned int length;
	/* The number of the channel on the bus */
	unsigned int channel;
};

/* Begins to watch the messages of all processes; false where the kernel cannot show them. */
bool dxg_watch_begin(void);

/* How many messages with @command were sent since then, and the last of them. */
unsigned int dxg_watch_count(unsigned int command, struct dxg_sent *last);

/* For tests that are about nothing but messages */
#define DXG_WATCH_SETUP() do {							\
	if (!dxg_watch_begin())							\
		SKIP(return, "the kernel has no trace events of the driver");	\
} while (0)

/* Where messages can be watched, @expected with @command were sent. */
#define EXPECT_SENT(watched, expected, command) do {				\
	if (watched)								\
		EXPECT_EQ(expected, dxg_watch_count(command, NULL));		\
} while (0)

#endif /* DXG_WATCH_H */
