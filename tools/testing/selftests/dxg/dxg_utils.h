/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the tests of /dev/dxg share: the ioctls as functions, memory with a hole
 * behind it, and the machine's own view of its adapters.
 *
 * Each function that calls the driver returns what the ioctl returned, or the
 * negative errno.
 */
#ifndef DXG_UTILS_H
#define DXG_UTILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <misc/d3dkmthk.h>

#define DXG_PATH		"/dev/dxg"

/*
 * How many milliseconds tests wait for what must happen: only a test that fails waits so
 * long. More than a machine with other things to do lets a guest wait.
 */
#define DXG_TIMEOUT_MS		60000

/*
 * How often a test repeats what may go well by chance: @full times when that is what
 * the run is for (DXG_SOAK in the environment), else a fifth of it and at least twice.
 */
int dxg_rounds(int full);

#define DXG_PCI_RENDER		0x008e
#define DXG_PCI_COMPUTE		0x008a

/* Filters of EnumAdapters3 */
#define DXG_FILTER_NONE		0
#define DXG_FILTER_COMPUTE	1

/*
 * Numbers of adapter handles: slot in the middle, generation on top. The driver gives out
 * the last slots there are, and the host the first ones for everything else.
 */
#define DXG_HANDLE_FIRST	0x7fc00000u
#define DXG_HANDLE_STEP		0x40u
#define DXG_HANDLE_SLOT		0x3fffffc0u

/* A LUID which no adapter has: real ones come from random GUIDs */
#define DXG_NO_LUID		((struct winluid){ .a = 0, .b = 0 })

/* Type numbers of QueryAdapterInfo, of which the driver interprets two */
enum {
	QAI_UMDRIVERPRIVATE		= 0,
	QAI_UMDRIVERNAME		= 1,
	QAI_GETSEGMENTSIZE		= 3,
	QAI_ADAPTERADDRESS		= 6,
	QAI_ADAPTERREGISTRYINFO		= 8,
	QAI_CHECKDRIVERUPDATESTATUS	= 11,
	QAI_DRIVERVERSION		= 13,
	QAI_ADAPTERTYPE			= 15,
	QAI_UMD_DRIVER_VERSION		= 18,
	QAI_NODEMETADATA		= 25,
	QAI_PHYSICALADAPTERCOUNT	= 30,
	QAI_PHYSICALADAPTERDEVICEIDS	= 31,
	QAI_QUERYREGISTRY		= 48,
	QAI_KMD_DRIVER_VERSION		= 49,
	QAI_ADAPTERTYPE_RENDER		= 57,
	QAI_DRIVER_DESCRIPTION		= 65,
	QAI_UNKNOWN			= 0x7fffff00,
};

/* A list of adapters, each with an open handle */
struct dxg_list {
	unsigned int count;
	struct d3dkmt_adapterinfo adapter[D3DKMT_ADAPTERS_MAX];
};

/* Opens the device as the user libraries do. */
int dxg_open(void);

/* Ends the program as skipped when the machine has no virtual GPU. */
void dxg_require_device(void);

/* The one way to the driver: notes what each ioctl has answered, see below. */
int dxg_ioctl(int fd, unsigned int request, void *argument);

/*
 * From here on the results of dxg_ioctl() are noted, also those in children; at the
 * end of the program a comment of the TAP output lists them: "# coverage:", and for
 * each pair the hexadecimal number of the ioctl, ':' and the errno (0: success).
 */
void dxg_coverage_start(void);
void dxg_coverage_record(unsigned int request, int result);

int dxg_open_adapter(int fd, struct winluid luid, __u32 *handle);
int dxg_close_adapter(int fd, __u32 handle);
int dxg_enum2(int fd, void *adapters, __u32 *count);
int dxg_enum3(int fd, __u64 filter, void *adapters, __u32 *count);
int dxg_query(int fd, __u32 adapter, __u32 type, void *data, __u32 size);
int dxg_processes(int fd, struct winluid luid, void *pids, __u64 *count);

/* Opens every adapter there is. */
int dxg_list(int fd, struct dxg_list *list);
int dxg_list_close(int fd, const struct dxg_list *list);

/* The LUID of the first adapter; leaves no handle open. */
int dxg_first_luid(int fd, struct winluid *luid);

/*
 * Whether process @pid holds a handle of the adapter; negative for an error.
 * The tests find leaked handles with it: a process stays bound to an adapter
 * until its last handle is closed.
 */
int dxg_bound(int fd, struct winluid luid, pid_t pid);

/* Waits until nobody holds a handle of the adapter; false after DXG_TIMEOUT_MS. */
bool dxg_wait_unbound(int fd, struct winluid luid);

static inline bool dxg_luid_equal(struct winluid x, struct winluid y)
{
	return x.a == y.a && x.b == y.b;
}

/*
 * Memory of @size bytes whose end is the end of mapped memory: an access behind
 * it faults. Filled with @fill.
 */
void *dxg_guarded(size_t size, unsigned char fill);

/* A copy of @data which cannot be written, at the end of mapped memory. */
void *dxg_readonly(const void *data, size_t size);

/* An address where nothing is mapped. */
void *dxg_unmapped(void);

/* Whether all of @size bytes are @fill. */
bool dxg_filled(const void *data, size_t size, unsigned char fill);

/* Number of GPU-PV functions on the PCI bus with this device id. */
int dxg_pci_functions(unsigned int device);

/* Whether a virtual GPU on the VMBus has this LUID; negative without VMBus. */
int dxg_vmbus_has_luid(struct winluid luid);

/*
 * Runs @function in a child; returns its result as an errno number (0 for
 * success), or 255 if the child did not end by itself.
 */
int dxg_in_child(int (*function)(void *data), void *data);

void dxg_sleep_ms(unsigned int ms);

/*
 * What a call returns. One statement each, unlike those of the harness, whose
 * second half would end up behind a loop or a condition without braces.
 */
#define EXPECT_ERRNO(expected, call)	({ EXPECT_EQ(-(expected), call); })
#define EXPECT_OK(call)			({ EXPECT_EQ(0, call); })
#define ASSERT_OK(call)			({ ASSERT_EQ(0, call); })

/* Goes before TEST_HARNESS_MAIN in programs that need the device. */
#define DXG_REQUIRE_DEVICE						\
	static void __attribute__((constructor)) require_device(void)	\
	{								\
		dxg_require_device();					\
		dxg_coverage_start();					\
	}

#endif /* DXG_UTILS_H */
