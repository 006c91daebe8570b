// SPDX-License-Identifier: GPL-2.0
/* Memory of programs and of the GPU, see dxg_memory.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dxg_memory.h"
#include "kselftest.h"

int dxg_create_over(const struct dxg_gpu *gpu, const void *memory, size_t bytes, bool read_only,
		    __u32 *allocation)
{
	struct dxg_allocation_data data = DXG_ALLOCATION_DATA(bytes);
	struct d3dddi_allocationinfo2 info = {
		.sysmem = (uintptr_t)memory,
		.priv_drv_data = (uintptr_t)&data,
		.priv_drv_data_size = sizeof(data),
	};
	struct d3dkmt_createallocation args = {
		.device.v = gpu->device,
		.alloc_count = 1,
		.allocation_info = (uintptr_t)&info,
		.flags.read_only = read_only,
	};
	int result = dxg_ioctl(gpu->fd, LX_DXCREATEALLOCATION, &args);

	*allocation = info.allocation.v;
	return result;
}

int dxg_lock(const struct dxg_gpu *gpu, __u32 allocation, char **data)
{
	struct d3dkmt_lock2 args = { .device.v = gpu->device, .allocation.v = allocation };
	int result = dxg_ioctl(gpu->fd, LX_DXLOCK2, &args);

	*data = (char *)(uintptr_t)args.data;
	return result;
}

int dxg_unlock(const struct dxg_gpu *gpu, __u32 allocation)
{
	struct d3dkmt_unlock2 args = { .device.v = gpu->device, .allocation.v = allocation };

	return dxg_ioctl(gpu->fd, LX_DXUNLOCK2, &args);
}

char *dxg_memory(size_t bytes)
{
	char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		ksft_exit_fail_msg("mmap of %zu bytes: %s\n", bytes, strerror(errno));
	return memory;
}

long dxg_number_of(const char *path, const char *name)
{
	FILE *stream = fopen(path, "r");
	size_t length = strlen(name);
	char line[256];
	long number = -1;

	while (stream && number < 0 && fgets(line, sizeof(line), stream)) {
		if (!strncmp(line, name, length) && strchr(": ", line[length]))
			sscanf(line + length + 1, "%ld", &number);
	}
	if (stream)
		fclose(stream);
	return number;
}

long dxg_pinned(void)
{
	return dxg_number_of("/proc/self/status", "VmPin");
}

long dxg_fdinfo(int fd, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return dxg_number_of(path, name);
}

long dxg_total(void)
{
	return dxg_number_of("/proc/meminfo", "MemTotal") / 1024;
}

long dxg_available(void)
{
	return dxg_number_of("/proc/meminfo", "MemAvailable") / 1024;
}

bool dxg_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = write(fd, text, strlen(text)) == strlen(text);

	close(fd);
	return written;
}

long dxg_pins(void)
{
	long acquired, released;

	/* Each processor keeps some of the count to itself for a while. */
	dxg_write_file("/proc/sys/vm/stat_refresh", "1");
	acquired = dxg_number_of("/proc/vmstat", "nr_foll_pin_acquired");
	released = dxg_number_of("/proc/vmstat", "nr_foll_pin_released");
	return acquired < 0 || released < 0 ? -1 : acquired - released;
}

bool dxg_pins_return(long before)
{
	for (int i = 0; i < DXG_TIMEOUT_MS / 100; i++) {
		if (dxg_pins() == before)
			return true;
		dxg_sleep_ms(100);
	}
	ksft_print_msg("%ld pages are pinned, not %ld\n", dxg_pins(), before);
	return false;
}

__u64 dxg_frame(const void *address)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	off_t offset = (uintptr_t)address / DXG_PAGE * sizeof(__u64);
	__u64 entry = 0;

	if (pread(fd, &entry, sizeof(entry), offset) != sizeof(entry))
		entry = 0;
	close(fd);
	/* Bit 63 says that the page is there. */
	return entry >> 63 ? entry & ((1ULL << 55) - 1) : 0;
}

bool dxg_slow_kernel(void)
{
	return !access("/sys/kernel/debug/kmemleak", F_OK);
}

bool dxg_limit_pins(unsigned long mib)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", mib);
	return dxg_write_file(DXG_PIN_LIMIT, text);
}
