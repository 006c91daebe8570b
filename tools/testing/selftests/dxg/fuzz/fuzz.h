/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of fuzz_ioctl share. A run consists of rounds: the supervisor starts
 * some processes with some threads each, lets them make random calls, kills some of
 * them at random and all of them at the end of the round, and looks at what is left.
 *
 * Each step of a thread draws from a stream of its own, which follows from the seed, the
 * round, the process, the thread and the number of the step: what a step does depends on
 * earlier ones only by the objects that there are.
 */
#ifndef DXG_FUZZ_H
#define DXG_FUZZ_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <misc/d3dkmthk.h>

#include "kselftest.h"
#include "random.h"

#define FUZZ_PROCESSES		6
#define FUZZ_THREADS		4
/* Handles of one kind that a process remembers, and handles of what it has destroyed */
#define FUZZ_SLOTS		16
#define FUZZ_DEAD		64
#define FUZZ_CALLS		65
/* Numbers of errors, with 0 for success */
#define FUZZ_ERRNOS		134

/* Descriptors from here on are those of the fuzzer itself, which no step may close. */
#define FUZZ_FD_FLOOR		512
/* What a process that was executed finds open: the shared memory and a pair of sockets */
#define FUZZ_FD_SHARED		1000
#define FUZZ_FD_SEND		1001
#define FUZZ_FD_RECEIVE		1002

#define FUZZ_PAGE		4096u

/* One of the elements of an array */
#define FUZZ_ONE_OF(random, array)	((array)[fuzz_below(random, ARRAY_SIZE(array))])

/* Kinds of handles */
enum fuzz_kind {
	FUZZ_ADAPTER,
	FUZZ_DEVICE,
	FUZZ_CONTEXT,
	FUZZ_HW_QUEUE,
	FUZZ_PAGING_QUEUE,
	FUZZ_ALLOCATION,
	FUZZ_RESOURCE,
	FUZZ_SYNC,
	FUZZ_KINDS,
};

/* Kinds of descriptors */
enum fuzz_file {
	FUZZ_FILE_DXG,
	FUZZ_FILE_SHARED,
	FUZZ_FILE_SYNC,
	FUZZ_FILE_EVENT,
	FUZZ_FILE_OTHER,
	FUZZ_FILES,
};

/* How a process differs from an ordinary one */
#define FUZZ_COMPAT		0x01	/* it is a program of 32 bits */
#define FUZZ_TIGHT		0x02	/* its memory is limited by a control group */
#define FUZZ_FEW_FILES		0x04	/* it may open few files */
#define FUZZ_LOCK_ALL		0x08	/* all of its memory is locked */
#define FUZZ_NAMESPACE		0x10	/* it is in a namespace of process numbers */
#define FUZZ_NOBODY		0x20	/* it runs as an ordinary user */
#define FUZZ_FLAGS		6

/* Objects that belong together, such as a device and its contexts, have the same group. */
struct fuzz_slot {
	__u32 handle;
	__u32 group;
};

/* What the processes of a round know of one of them. Written and read without locks. */
struct fuzz_process {
	__s32 pid;
	__u32 flags;
	__u32 threads;
	__u32 children;
	/* How many processes of the round there were in this place */
	__u32 started;
	__u32 reserved;
	struct fuzz_slot slot[FUZZ_KINDS][FUZZ_SLOTS];
	__u32 dead[FUZZ_DEAD];
	__u32 next_dead;
	/* Addresses of the GPU and values of fences that calls have returned */
	__aligned_u64 gpu_va[FUZZ_SLOTS];
};

/* The same for programs of 64 and of 32 bits */
struct fuzz_shared {
	__aligned_u64 seed;
	__u32 round;
	/* Only one process with one thread, and nothing that depends on time */
	__u32 single;
	__u32 verbose;
	/* Steps of a thread; 0: until it is killed */
	__u32 steps;
	__u32 processes;
	/* Whether the kernel can be asked for faults */
	__u32 faults;
	/* What was done so far, by all processes of all rounds */
	__u32 count[FUZZ_CALLS][FUZZ_ERRNOS];
	/* Calls that were answered with a status of the host which is no failure */
	__u32 pending;
	__u32 calls_made;
	__u32 actions;
	__u32 faults_done;
	/* Steps that ended because the fuzzer itself touched memory that was not there */
	__u32 stumbles;
	struct fuzz_process process[FUZZ_PROCESSES];
};

/* A mapping of the host's memory in this process */
struct fuzz_mapping {
	__u64 address;
	__u64 length;
};

#define FUZZ_MAPPINGS		16
#define FUZZ_BLOCKS		32
#define FUZZ_BLOCK		0x10000u
/* Pages of a thread that appear only some time after they are touched */
#define FUZZ_SLOW_PAGES		4

/* What the threads of a process share */
struct fuzz_space {
	int file[FUZZ_FILES][FUZZ_SLOTS];
	struct fuzz_mapping mapping[FUZZ_MAPPINGS];
	/* Memory whose nature changes, for arguments and for the GPU */
	unsigned char *blocks;
	/* Memory that userfaultfd fills from its shadow; NULL where there is no such thing */
	unsigned char *slow;
	unsigned char *shadow;
	int userfault;
	/* Both ends of a pipe per thread, to store without faults */
	int pipe[FUZZ_THREADS][2];
	int timeline;
};

/* Room for what pointers of arguments lead to */
#define FUZZ_SCRATCH		0x20000u
#define FUZZ_ARENA		0x40000u

struct fuzz_thread {
	struct fuzz_shared *shared;
	struct fuzz_process *process;
	struct fuzz_space *space;
	unsigned int index;
	unsigned int number;
	/* Which of the streams of this thread: another one after a fork */
	unsigned int stream;
	/* Read by the one who interrupts steps that take long */
	unsigned int step;
	struct fuzz_random random;
	/* One in so many values of this step is not plausible; 0: all are. */
	unsigned int odd;
	__u32 group;
	/* Memory of this thread alone, writable and only readable, with nothing behind it */
	unsigned char *arena;
	unsigned char *arena_readonly;
	size_t used;
	__u64 last_place;
	unsigned char *scratch;
	/* What asks for faults of this thread's calls, or negative */
	int nth;
	bool armed;
	bool in_child;
	pthread_t id;
	sigjmp_buf recover;
	bool guarded;
};

/* calls.c: what arguments consist of */
enum fuzz_what {
	FUZZ_HANDLE,		/* limit: kind */
	FUZZ_MAYBE_HANDLE,	/* the same or, mostly, 0 */
	FUZZ_NEW,		/* limit: kind of the handle that comes back */
	FUZZ_INLINE,		/* limit: kind, for an array within the argument */
	FUZZ_COUNT,		/* limit: how many there may be */
	FUZZ_BITS,		/* limit: the bits that have a meaning */
	FUZZ_ENUM,		/* limit: the last number that has a meaning */
	FUZZ_NUMBER,		/* mostly 0 */
	FUZZ_VALUE,		/* of a fence */
	FUZZ_ADDRESS,		/* of the GPU, mostly 0 */
	FUZZ_NEW_ADDRESS,	/* of the GPU that comes back */
	FUZZ_NEW_MAPPING,	/* of the program that comes back */
	FUZZ_SIZE,		/* limit: unit */
	FUZZ_LUID,
	FUZZ_DESCRIPTOR,	/* limit: kind */
	FUZZ_HANDLES,		/* pointer; limit: kind */
	FUZZ_VALUES,		/* pointer to values of fences */
	FUZZ_BYTES,		/* pointer; limit: bytes of an element */
};

struct fuzz_field {
	unsigned short offset;
	unsigned short size;
	unsigned int what;
	unsigned int limit;
	/* Where the number of elements is in the argument, for arrays */
	unsigned short count;
};

struct fuzz_call {
	const char *name;
	unsigned int request;
	/* How often it is made, compared with others */
	unsigned int weight;
	const struct fuzz_field *field;
	unsigned int fields;
	/* Gives a plausible argument what no single field says */
	void (*shape)(struct fuzz_thread *thread, void *args);
	/* Takes from the argument of a call that worked what no single field says */
	void (*harvest)(struct fuzz_thread *thread, const void *args);
	/* Whether the first handle names nothing any more */
	bool destroys;
};

extern const struct fuzz_call fuzz_calls[FUZZ_CALLS];

/* shapes.c: arguments that need more than one field */
void fuzz_shape_allocations(struct fuzz_thread *thread, void *args);
void fuzz_harvest_allocations(struct fuzz_thread *thread, const void *args);
void fuzz_shape_open_resource(struct fuzz_thread *thread, void *args);
void fuzz_harvest_open_resource(struct fuzz_thread *thread, const void *args);
void fuzz_shape_sync(struct fuzz_thread *thread, void *args);
void fuzz_harvest_sync(struct fuzz_thread *thread, const void *args);
void fuzz_shape_update(struct fuzz_thread *thread, void *args);
void fuzz_shape_escape(struct fuzz_thread *thread, void *args);
void fuzz_shape_destroy(struct fuzz_thread *thread, void *args);
void fuzz_shape_offer(struct fuzz_thread *thread, void *args);
void fuzz_shape_event(struct fuzz_thread *thread, void *args);
void fuzz_shape_share(struct fuzz_thread *thread, void *args);
void fuzz_shape_statistics(struct fuzz_thread *thread, void *args);
void fuzz_harvest_adapters2(struct fuzz_thread *thread, const void *args);
void fuzz_harvest_adapters3(struct fuzz_thread *thread, const void *args);
void fuzz_harvest_share(struct fuzz_thread *thread, const void *args);
void fuzz_harvest_sync_file(struct fuzz_thread *thread, const void *args);

/* arguments.c: draws arguments, makes calls */
void fuzz_fill(struct fuzz_thread *thread, const struct fuzz_call *call, unsigned char *args);
bool fuzz_is_odd(struct fuzz_thread *thread);
__u64 fuzz_boundary(struct fuzz_thread *thread);
void fuzz_make_call(struct fuzz_thread *thread);

/* handles.c: remembers handles, addresses and LUIDs */
__u32 fuzz_handle(struct fuzz_thread *thread, enum fuzz_kind kind);
void fuzz_add_handle(struct fuzz_thread *thread, enum fuzz_kind kind, __u32 handle);
void fuzz_drop_handle(struct fuzz_thread *thread, __u32 handle);
__u64 fuzz_gpu_va(struct fuzz_thread *thread);
void fuzz_add_gpu_va(struct fuzz_thread *thread, __u64 address);
struct winluid fuzz_luid(struct fuzz_thread *thread);
/* Makes one object of each kind. */
void fuzz_make_scene(struct fuzz_thread *thread);

/* memory.c: where arguments lie */
bool fuzz_space_open(struct fuzz_space *space);
bool fuzz_arena_open(struct fuzz_thread *thread);
/* Puts data somewhere where a call can, or cannot, reach them. */
__u64 fuzz_place(struct fuzz_thread *thread, const void *data, size_t length);
__u64 fuzz_place_argument(struct fuzz_thread *thread, const void *data, size_t length);
/* Page-aligned memory for the GPU */
__u64 fuzz_memory(struct fuzz_thread *thread, size_t length);
void fuzz_add_mapping(struct fuzz_thread *thread, __u64 address, __u64 length);
void fuzz_change_memory(struct fuzz_thread *thread);

/* files.c: descriptors of every kind */
int fuzz_descriptor(struct fuzz_thread *thread, enum fuzz_file kind);
void fuzz_add_descriptor(struct fuzz_thread *thread, enum fuzz_file kind, int descriptor);
void fuzz_files_open(struct fuzz_thread *thread);
void fuzz_use_file(struct fuzz_thread *thread);
void fuzz_send(struct fuzz_thread *thread);
void fuzz_receive(struct fuzz_thread *thread);
/* Moves a descriptor to where no step closes it. */
int fuzz_keep(int descriptor);

/* actions.c: what threads do besides calls */
void fuzz_act(struct fuzz_thread *thread);

/* process.c: the process of a round, in the one that was made for it; never returns. */
void fuzz_run_process(struct fuzz_shared *shared, unsigned int index, unsigned int stream)
	__attribute__((noreturn));
/* Goes on in this process, which was forked, with this thread alone. */
void fuzz_run_child(struct fuzz_thread *thread) __attribute__((noreturn));
/* Executes the program of 64 or 32 bits, which goes on as the same process of the round. */
void fuzz_execute(unsigned int index, unsigned int stream, bool compat);

#endif /* DXG_FUZZ_H */
