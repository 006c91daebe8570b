/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of the program that the GPU uses, and memory of the GPU that the program
 * sees: made in one line each, and what the kernel says about it.
 *
 * Each function that calls the driver returns what the ioctl returned, or the
 * negative errno.
 */
#ifndef DXG_MEMORY_H
#define DXG_MEMORY_H

#include "dxg_objects.h"

#define DXG_MIB		(1024ul * 1024)
#define DXG_PIN_LIMIT	"/sys/module/dxgkrnl/parameters/max_pinned_mib"

/* An allocation that consists of @bytes of memory from @memory on */
int dxg_create_over(const struct dxg_gpu *gpu, const void *memory, size_t bytes, bool read_only,
		    __u32 *allocation);

int dxg_lock(const struct dxg_gpu *gpu, __u32 allocation, char **data);
int dxg_unlock(const struct dxg_gpu *gpu, __u32 allocation);

/* Anonymous memory that nobody has touched; ends the program if there is none. */
char *dxg_memory(size_t bytes);

/* The number behind a name at the start of a line of a file; -1 if there is none */
long dxg_number_of(const char *path, const char *name);

/* KiB of this process that are pinned (VmPin) */
long dxg_pinned(void);
/* A number that an open file tells about itself; -1 if it does not */
long dxg_fdinfo(int fd, const char *name);

/*
 * How many pages of the machine are pinned, whoever did it; -1 if the kernel does not
 * count them. And whether it comes back to that: false after DXG_TIMEOUT_MS.
 */
long dxg_pins(void);
bool dxg_pins_return(long before);

/* The frame of a page of this process; 0 if the kernel does not tell. */
__u64 dxg_frame(const void *address);

/* MiB that the machine has, and that are free for programs */
long dxg_total(void);
long dxg_available(void);

/* Whether this is a kernel that checks everything, and so is slow. */
bool dxg_slow_kernel(void);

/* Writes to a file of the kernel's: whether it took that. */
bool dxg_write_file(const char *path, const char *text);

/* Sets the limit of pinned memory: false if it cannot be set. 0 is the default. */
bool dxg_limit_pins(unsigned long mib);

#endif /* DXG_MEMORY_H */
