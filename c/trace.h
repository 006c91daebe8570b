/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace points: the ioctls of user programs, and the messages to the host. They
 * replace log messages, which a user could provoke at will.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dxgkrnl

#if !defined(_DXGKRNL_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _DXGKRNL_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(dxgkrnl_ioctl,
	TP_PROTO(u32 request, long result),
	TP_ARGS(request, result),
	TP_STRUCT__entry(
		__field(u32, request)
		__field(long, result)
	),
	TP_fast_assign(
		__entry->request = request;
		__entry->result = result;
	),
	TP_printk("nr=0x%02x request=0x%08x result=%ld",
		  __entry->request & 0xff, __entry->request, __entry->result)
);

TRACE_EVENT(dxgkrnl_send,
	TP_PROTO(u32 command, u32 process, u32 length, u32 channel),
	TP_ARGS(command, process, length, channel),
	TP_STRUCT__entry(
		__field(u32, command)
		__field(u32, process)
		__field(u32, length)
		__field(u32, channel)
	),
	TP_fast_assign(
		__entry->command = command;
		__entry->process = process;
		__entry->length = length;
		__entry->channel = channel;
	),
	TP_printk("command=%u process=0x%08x length=%u channel=%u",
		  __entry->command, __entry->process, __entry->length,
		  __entry->channel)
);

TRACE_EVENT(dxgkrnl_reply,
	TP_PROTO(u32 command, u32 process, int error),
	TP_ARGS(command, process, error),
	TP_STRUCT__entry(
		__field(u32, command)
		__field(u32, process)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->command = command;
		__entry->process = process;
		__entry->error = error;
	),
	TP_printk("command=%u process=0x%08x error=%d",
		  __entry->command, __entry->process, __entry->error)
);

#endif

/* Outside of the guard: define_trace.h includes this header again. */
#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
