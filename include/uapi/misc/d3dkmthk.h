/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * User interface of /dev/dxg: the Direct3D kernel-mode thunk calls of a
 * paravirtualized GPU (GPU-PV).
 *
 * Rules of this file:
 *
 * - Every structure has the same layout for 32-bit and 64-bit callers: user
 *   pointers are 64-bit integers, 64-bit members are aligned to 8 bytes and
 *   padding is written out. The two clock structures are packed, because the
 *   host's are.
 * - Reserved and padding members should be 0.
 * - The description of a structure which an ioctl takes is the ioctl's name;
 *   "in" members are read, "out" members are written.
 * - Names are those the D3DKMT user libraries know. The leading underscore of
 *   the enumerators keeps this file usable next to the Windows headers, which
 *   define the same names without it.
 * - Bit-fields count from the least significant bit. GPU-PV exists on
 *   little-endian machines only.
 *
 * All in one file, because programs copy it: it needs only linux/types.h and
 * linux/ioctl.h.
 */
#ifndef _UAPI_MISC_D3DKMTHK_H
#define _UAPI_MISC_D3DKMTHK_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define D3DKMT_ADAPTERS_MAX			64
#define D3DKMT_CREATEALLOCATION_MAX		1024
#define D3DKMT_MAKERESIDENT_ALLOC_MAX		(1024 * 10)
#define D3DDDI_MAX_BROADCAST_CONTEXT		64
#define D3DDDI_MAX_OBJECT_SIGNALED		32
#define D3DDDI_MAX_OBJECT_WAITED_ON		32
#define D3DDDI_MAX_WRITTEN_PRIMARIES		16
#define D3DDDI_MAXTESTBUFFERSIZE		4096
#define D3DDDI_MAXTESTBUFFERPRIVATEDRIVERDATASIZE 1024

/*
 * Basic types
 */

/**
 * struct d3dkmthandle - Name of an object within one process
 * @instance: 0 in handles made by the guest
 * @index: slot in a handle table of the process
 * @unique: generation of the slot, 1 to 3
 * @v: the handle as a number; 0 means "no handle"
 *
 * Programs treat @v as opaque. Adapters have a number space of their own: the
 * same number may also name an object of another kind.
 */
struct d3dkmthandle {
	union {
		struct {
			__u32 instance	: 6;
			__u32 index	: 24;
			__u32 unique	: 2;
		};
		__u32 v;
	};
};

/**
 * struct ntstatus - Status of the Windows host
 * @code: number within the facility
 * @facility: the part of Windows which made the status
 * @customer: set when not defined by Microsoft
 * @severity: 0 success, 1 information, 2 warning, 3 error
 * @v: the status as a number, negative for warnings and errors
 *
 * An ioctl returns a status which is not negative unchanged (0x103 is
 * "pending"); negative ones are turned into an errno.
 */
struct ntstatus {
	union {
		struct {
			__u32 code	: 16;
			__u32 facility	: 13;
			__u32 customer	: 1;
			__u32 severity	: 2;
		};
		__s32 v;
	};
};

/**
 * struct winluid - Locally unique identifier of an adapter
 * @a: low half
 * @b: high half
 */
struct winluid {
	__u32 a;
	__u32 b;
};

/*
 * Adapters
 */

/**
 * struct d3dkmt_openadapterfromluid - LX_DXOPENADAPTERFROMLUID
 * @adapter_luid: in: the adapter to open
 * @adapter_handle: out: a new handle, to be closed with LX_DXCLOSEADAPTER
 */
struct d3dkmt_openadapterfromluid {
	struct winluid		adapter_luid;
	struct d3dkmthandle	adapter_handle;
};

/**
 * struct d3dkmt_closeadapter - LX_DXCLOSEADAPTER
 * @adapter_handle: in: the handle to close; 0 is accepted and does nothing
 *
 * Closing the last handle of an adapter destroys all devices which the
 * process made on it.
 */
struct d3dkmt_closeadapter {
	struct d3dkmthandle	adapter_handle;
};

/**
 * struct d3dkmt_adapterinfo - One entry of an adapter list
 * @adapter_handle: a new handle, to be closed with LX_DXCLOSEADAPTER
 * @adapter_luid: identifier of the adapter
 * @num_sources: always 0
 * @present_move_regions_preferred: always 0
 */
struct d3dkmt_adapterinfo {
	struct d3dkmthandle	adapter_handle;
	struct winluid		adapter_luid;
	__u32			num_sources;
	__u32			present_move_regions_preferred;
};

/**
 * struct d3dkmt_enumadapters2 - LX_DXENUMADAPTERS2
 * @num_adapters: in: room in @adapters, at most D3DKMT_ADAPTERS_MAX; out:
 *	entries written, or the number of known adapters if @adapters is null
 * @reserved: reserved
 * @adapters: pointer to an array of struct d3dkmt_adapterinfo, or null
 *
 * Compute-only adapters are counted, but not listed.
 */
struct d3dkmt_enumadapters2 {
	__u32			num_adapters;
	__u32			reserved;
	__aligned_u64		adapters;
};

/**
 * struct d3dkmt_enumadapters_filter - What LX_DXENUMADAPTERS3 lists
 * @include_compute_only: list compute-only adapters too
 * @include_display_only: ignored
 * @reserved: reserved
 * @value: all bits
 */
struct d3dkmt_enumadapters_filter {
	union {
		struct {
			__u64 include_compute_only	: 1;
			__u64 include_display_only	: 1;
			__u64 reserved			: 62;
		};
		__aligned_u64	value;
	};
};

/**
 * struct d3dkmt_enumadapters3 - LX_DXENUMADAPTERS3
 * @filter: in: kinds of adapters to list
 * @adapter_count: in: room in @adapters, at most 65535; out: entries written,
 *	or the number of known adapters if there is no room at all
 * @reserved: reserved
 * @adapters: pointer to an array of struct d3dkmt_adapterinfo, or null
 */
struct d3dkmt_enumadapters3 {
	struct d3dkmt_enumadapters_filter filter;
	__u32			adapter_count;
	__u32			reserved;
	__aligned_u64		adapters;
};

/**
 * enum kmtqueryadapterinfotype - Queries the driver looks at
 * @_KMTQAITYPE_UMDRIVERPRIVATE: data of the vendor's user-mode driver
 * @_KMTQAITYPE_ADAPTERTYPE: a struct d3dkmt_adaptertype
 * @_KMTQAITYPE_ADAPTERTYPE_RENDER: the same for the rendering part
 *
 * Every other number is a query too: it is passed on to the host.
 */
enum kmtqueryadapterinfotype {
	_KMTQAITYPE_UMDRIVERPRIVATE	= 0,
	_KMTQAITYPE_ADAPTERTYPE		= 15,
	_KMTQAITYPE_ADAPTERTYPE_RENDER	= 57,
};

/**
 * struct d3dkmt_adaptertype - Answer to the two adapter type queries
 * @render_supported: has a render engine
 * @display_supported: always 0 in a virtual machine
 * @software_device: not hardware
 * @post_device: always 0 in a virtual machine
 * @hybrid_discrete: the discrete one of two adapters
 * @hybrid_integrated: the integrated one of two adapters
 * @indirect_display_device: always 0 in a virtual machine
 * @paravirtualized: always 1 in a virtual machine
 * @acg_supported: always 0 in a virtual machine
 * @support_set_timings_from_vidpn: always 0 in a virtual machine
 * @detachable: may be detached while in use
 * @compute_only: no graphics
 * @prototype: hardware not for sale
 * @reserved: reserved
 * @value: all bits
 */
struct d3dkmt_adaptertype {
	union {
		struct {
			__u32 render_supported			: 1;
			__u32 display_supported			: 1;
			__u32 software_device			: 1;
			__u32 post_device			: 1;
			__u32 hybrid_discrete			: 1;
			__u32 hybrid_integrated			: 1;
			__u32 indirect_display_device		: 1;
			__u32 paravirtualized			: 1;
			__u32 acg_supported			: 1;
			__u32 support_set_timings_from_vidpn	: 1;
			__u32 detachable			: 1;
			__u32 compute_only			: 1;
			__u32 prototype				: 1;
			__u32 reserved				: 19;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_queryadapterinfo - LX_DXQUERYADAPTERINFO
 * @adapter: in: an adapter
 * @type: in: the query, see enum kmtqueryadapterinfotype
 * @private_data: pointer to the data of the query, read and written
 * @private_data_size: in: its size in bytes, not 0
 * @pad: padding
 */
struct d3dkmt_queryadapterinfo {
	struct d3dkmthandle	adapter;
	__u32			type;
	__aligned_u64		private_data;
	__u32			private_data_size;
	__u32			pad;
};

/**
 * enum d3dkmt_memory_segment_group - Kinds of video memory
 * @_D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL: memory of the GPU
 * @_D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL: system memory the GPU can use
 */
enum d3dkmt_memory_segment_group {
	_D3DKMT_MEMORY_SEGMENT_GROUP_LOCAL	= 0,
	_D3DKMT_MEMORY_SEGMENT_GROUP_NON_LOCAL	= 1,
};

/**
 * struct d3dkmt_queryvideomemoryinfo - LX_DXQUERYVIDEOMEMORYINFO
 * @process: in: 0, the caller itself
 * @adapter: in: an adapter
 * @memory_segment_group: in: one of enum d3dkmt_memory_segment_group
 * @budget: out: bytes the process should stay below
 * @current_usage: out: bytes in use
 * @current_reservation: out: bytes reserved
 * @available_for_reservation: out: bytes which could be reserved
 * @physical_adapter_index: in: which GPU of a linked adapter
 * @pad: padding
 */
struct d3dkmt_queryvideomemoryinfo {
	__aligned_u64		process;
	struct d3dkmthandle	adapter;
	__u32			memory_segment_group;
	__aligned_u64		budget;
	__aligned_u64		current_usage;
	__aligned_u64		current_reservation;
	__aligned_u64		available_for_reservation;
	__u32			physical_adapter_index;
	__u32			pad;
};

/**
 * struct d3dkmt_changevideomemoryreservation - LX_DXCHANGEVIDEOMEMORYRESERVATION
 * @process: in: 0, the caller itself
 * @adapter: in: an adapter
 * @memory_segment_group: in: one of enum d3dkmt_memory_segment_group
 * @reservation: in: bytes to reserve
 * @physical_adapter_index: in: which GPU of a linked adapter
 * @pad: padding
 */
struct d3dkmt_changevideomemoryreservation {
	__aligned_u64		process;
	struct d3dkmthandle	adapter;
	__u32			memory_segment_group;
	__aligned_u64		reservation;
	__u32			physical_adapter_index;
	__u32			pad;
};

/**
 * struct d3dkmt_flushheaptransitions - LX_DXFLUSHHEAPTRANSITIONS
 * @adapter: in: an adapter
 */
struct d3dkmt_flushheaptransitions {
	struct d3dkmthandle	adapter;
};

/**
 * struct dxgk_gpuclockdata_flags - Flags of struct dxgk_gpuclockdata
 * @context_management_processor: the counter is that of the processor which
 *	manages contexts
 * @reserved: reserved
 * @value: all bits
 */
struct dxgk_gpuclockdata_flags {
	union {
		struct {
			__u32 context_management_processor	: 1;
			__u32 reserved				: 31;
		};
		__u32 value;
	};
};

/**
 * struct dxgk_gpuclockdata - GPU and CPU clock read at the same moment
 * @gpu_frequency: counts of the GPU clock per second
 * @gpu_clock_counter: GPU clock
 * @cpu_clock_counter: CPU clock of the host
 * @flags: flags
 */
struct dxgk_gpuclockdata {
	__u64				gpu_frequency;
	__u64				gpu_clock_counter;
	__u64				cpu_clock_counter;
	struct dxgk_gpuclockdata_flags	flags;
} __attribute__((__packed__));

/**
 * struct d3dkmt_queryclockcalibration - LX_DXQUERYCLOCKCALIBRATION
 * @adapter: in: an adapter
 * @node_ordinal: in: engine
 * @physical_adapter_index: in: which GPU of a linked adapter
 * @clock_data: out: the clocks
 */
struct d3dkmt_queryclockcalibration {
	struct d3dkmthandle		adapter;
	__u32				node_ordinal;
	__u32				physical_adapter_index;
	struct dxgk_gpuclockdata	clock_data;
} __attribute__((__packed__));

/**
 * enum dxgk_feature_id - Features which LX_ISFEATUREENABLED knows by name
 * @_DXGK_FEATURE_HWSCH: scheduling by the hardware
 * @_DXGK_FEATURE_PAGE_BASED_MEMORY_MANAGER: memory managed by page
 * @_DXGK_FEATURE_KERNEL_MODE_TESTING: tests in kernel mode
 * @_DXGK_FEATURE_MAX: end of the list; the driver does not check
 */
enum dxgk_feature_id {
	_DXGK_FEATURE_HWSCH			= 0,
	_DXGK_FEATURE_PAGE_BASED_MEMORY_MANAGER	= 32,
	_DXGK_FEATURE_KERNEL_MODE_TESTING	= 33,
	_DXGK_FEATURE_MAX			= 34,
};

/**
 * struct dxgk_isfeatureenabled_result - State of a feature
 * @version: version of the feature
 * @enabled: in use
 * @known_feature: the host knows the feature
 * @supported_by_driver: the host's driver can do it
 * @supported_on_config: this machine can do it
 * @reserved: reserved
 * @value: all bits
 */
struct dxgk_isfeatureenabled_result {
	__u16 version;
	union {
		struct {
			__u16 enabled			: 1;
			__u16 known_feature		: 1;
			__u16 supported_by_driver	: 1;
			__u16 supported_on_config	: 1;
			__u16 reserved			: 12;
		};
		__u16 value;
	};
};

/**
 * struct d3dkmt_isfeatureenabled - LX_ISFEATUREENABLED
 * @adapter: in: an adapter
 * @feature_id: in: one of enum dxgk_feature_id, or a newer one
 * @result: out: the answer of the host
 */
struct d3dkmt_isfeatureenabled {
	struct d3dkmthandle			adapter;
	__u32					feature_id;
	struct dxgk_isfeatureenabled_result	result;
};

/**
 * enum d3dkmt_querystatistics_type - What LX_DXQUERYSTATISTICS reports on
 * @_D3DKMT_QUERYSTATISTICS_ADAPTER: the adapter
 * @_D3DKMT_QUERYSTATISTICS_PROCESS: the process
 * @_D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER: the process on the adapter
 * @_D3DKMT_QUERYSTATISTICS_SEGMENT: one memory segment
 * @_D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT: the process in one segment
 * @_D3DKMT_QUERYSTATISTICS_NODE: one engine
 * @_D3DKMT_QUERYSTATISTICS_PROCESS_NODE: the process on one engine
 * @_D3DKMT_QUERYSTATISTICS_VIDPNSOURCE: one display source
 * @_D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE: the process on one source
 * @_D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP: the process in one kind of
 *	memory
 * @_D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER: one GPU of a linked adapter
 */
enum d3dkmt_querystatistics_type {
	_D3DKMT_QUERYSTATISTICS_ADAPTER			= 0,
	_D3DKMT_QUERYSTATISTICS_PROCESS			= 1,
	_D3DKMT_QUERYSTATISTICS_PROCESS_ADAPTER		= 2,
	_D3DKMT_QUERYSTATISTICS_SEGMENT			= 3,
	_D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT		= 4,
	_D3DKMT_QUERYSTATISTICS_NODE			= 5,
	_D3DKMT_QUERYSTATISTICS_PROCESS_NODE		= 6,
	_D3DKMT_QUERYSTATISTICS_VIDPNSOURCE		= 7,
	_D3DKMT_QUERYSTATISTICS_PROCESS_VIDPNSOURCE	= 8,
	_D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT_GROUP	= 9,
	_D3DKMT_QUERYSTATISTICS_PHYSICAL_ADAPTER	= 10,
};

/**
 * struct d3dkmt_querystatistics_result - Statistics as the host wrote them
 * @size: bytes, their meaning depends on the type
 */
struct d3dkmt_querystatistics_result {
	__u8	size[776];
};

/**
 * struct d3dkmt_querystatistics - LX_DXQUERYSTATISTICS
 * @type: in: one of enum d3dkmt_querystatistics_type
 * @adapter_luid: in: the adapter; no handle is needed
 * @pad: padding
 * @process: in: a process id, or 0 for the caller
 * @result: out: statistics
 * @size: the whole structure as bytes
 */
struct d3dkmt_querystatistics {
	union {
		struct {
			__u32					type;
			struct winluid				adapter_luid;
			__u32					pad;
			__aligned_u64				process;
			struct d3dkmt_querystatistics_result	result;
		};
		__u8	size[808];
	};
};

/**
 * struct d3dkmt_enumprocesses - LX_DXENUMPROCESSES
 * @adapter_luid: in: the adapter; no handle is needed
 * @buffer: pointer to an array of __u32, filled with process ids as seen in
 *	the pid namespace of the caller
 * @buffer_count: in: room in @buffer; out: number of processes found
 */
struct d3dkmt_enumprocesses {
	struct winluid		adapter_luid;
	__aligned_u64		buffer;
	__aligned_u64		buffer_count;
};

/*
 * Escapes: data of the vendor's drivers
 */

/**
 * enum d3dkmt_escapetype - Receiver of an escape
 * @_D3DKMT_ESCAPE_DRIVERPRIVATE: the vendor's driver
 * @_D3DKMT_ESCAPE_VIDMM: memory manager
 * @_D3DKMT_ESCAPE_VIDSCH: scheduler
 * @_D3DKMT_ESCAPE_DEVICE: device
 * @_D3DKMT_ESCAPE_DRT_TEST: tests
 *
 * Every other number is passed on to the host too.
 */
enum d3dkmt_escapetype {
	_D3DKMT_ESCAPE_DRIVERPRIVATE	= 0,
	_D3DKMT_ESCAPE_VIDMM		= 1,
	_D3DKMT_ESCAPE_VIDSCH		= 3,
	_D3DKMT_ESCAPE_DEVICE		= 4,
	_D3DKMT_ESCAPE_DRT_TEST		= 8,
};

/**
 * enum d3dddi_knownescapetype - First word of a driver-known escape
 * @_D3DDDI_DRIVERESCAPETYPE_TRANSLATEALLOCATIONHANDLE: host's number of an
 *	allocation, which equals the guest's
 * @_D3DDDI_DRIVERESCAPETYPE_TRANSLATERESOURCEHANDLE: the same for a resource
 * @_D3DDDI_DRIVERESCAPETYPE_CPUEVENTUSAGE: use of a CPU event
 * @_D3DDDI_DRIVERESCAPETYPE_BUILDTESTCOMMANDBUFFER: a command for tests, in a
 *	struct d3dddi_buildtestcommandbuffer
 */
enum d3dddi_knownescapetype {
	_D3DDDI_DRIVERESCAPETYPE_TRANSLATEALLOCATIONHANDLE	= 0,
	_D3DDDI_DRIVERESCAPETYPE_TRANSLATERESOURCEHANDLE	= 1,
	_D3DDDI_DRIVERESCAPETYPE_CPUEVENTUSAGE			= 2,
	_D3DDDI_DRIVERESCAPETYPE_BUILDTESTCOMMANDBUFFER		= 3,
};

/**
 * struct d3dddi_escapeflags - Flags of struct d3dkmt_escape
 * @hardware_access: touches the hardware
 * @device_status_query: asks for the state of the device
 * @change_frame_latency: changes the frame latency
 * @no_adapter_synchronization: does not wait for the adapter
 * @reserved: reserved
 * @virtual_machine_data: carries data of a virtual machine
 * @driver_known_escape: the data starts with one of
 *	enum d3dddi_knownescapetype
 * @driver_common_escape: common to all vendors
 * @reserved2: reserved
 * @value: all bits
 */
struct d3dddi_escapeflags {
	union {
		struct {
			__u32 hardware_access			: 1;
			__u32 device_status_query		: 1;
			__u32 change_frame_latency		: 1;
			__u32 no_adapter_synchronization	: 1;
			__u32 reserved				: 1;
			__u32 virtual_machine_data		: 1;
			__u32 driver_known_escape		: 1;
			__u32 driver_common_escape		: 1;
			__u32 reserved2				: 24;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_escape - LX_DXESCAPE
 * @adapter: in: an adapter
 * @device: in: a device, or 0
 * @type: in: one of enum d3dkmt_escapetype
 * @flags: in: flags
 * @priv_drv_data: pointer to the data, read and written
 * @priv_drv_data_size: in: its size in bytes, may be 0
 * @context: in: a context, or 0
 */
struct d3dkmt_escape {
	struct d3dkmthandle		adapter;
	struct d3dkmthandle		device;
	__u32				type;
	struct d3dddi_escapeflags	flags;
	__aligned_u64			priv_drv_data;
	__u32				priv_drv_data_size;
	struct d3dkmthandle		context;
};

/**
 * struct d3dddi_translate_allocation_handle - Data of the translate escapes
 * @escape_type: one of enum d3dddi_knownescapetype
 * @allocation: the allocation or resource
 */
struct d3dddi_translate_allocation_handle {
	__u32			escape_type;
	struct d3dkmthandle	allocation;
};

/**
 * struct d3dddi_testcommand - Command of the build-test-command-buffer escape
 * @buffer: bytes for the host
 */
struct d3dddi_testcommand {
	__u8	buffer[72];
};

/**
 * struct d3dddi_buildtestcommandbuffer - Data of that escape
 * @escape_type: _D3DDDI_DRIVERESCAPETYPE_BUILDTESTCOMMANDBUFFER
 * @device: a device
 * @context: a context
 * @flags: flags for the host
 * @command: the command
 * @dma_buffer: pointer to room for the command buffer
 * @dma_buffer_priv_data: pointer to room for its private data
 * @dma_buffer_size: in: room, at most D3DDDI_MAXTESTBUFFERSIZE; out: size
 * @dma_buffer_priv_data_size: in: room, at most
 *	D3DDDI_MAXTESTBUFFERPRIVATEDRIVERDATASIZE; out: size
 */
struct d3dddi_buildtestcommandbuffer {
	__u32				escape_type;
	struct d3dkmthandle		device;
	struct d3dkmthandle		context;
	__u32				flags;
	struct d3dddi_testcommand	command;
	__aligned_u64			dma_buffer;
	__aligned_u64			dma_buffer_priv_data;
	__u32				dma_buffer_size;
	__u32				dma_buffer_priv_data_size;
};

/*
 * Devices
 */

/**
 * struct d3dddi_allocationlist - Entry of a legacy allocation list
 * @allocation: an allocation
 * @write_operation: the GPU writes to it
 * @do_not_retire_instance: keep the renamed instance
 * @offer_priority: priority when offered
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_allocationlist {
	struct d3dkmthandle	allocation;
	union {
		struct {
			__u32 write_operation		: 1;
			__u32 do_not_retire_instance	: 1;
			__u32 offer_priority		: 3;
			__u32 reserved			: 27;
		};
		__u32 value;
	};
};

/**
 * struct d3dddi_patchlocationlist - Entry of a legacy patch location list
 * @allocation_index: index in the allocation list
 * @slot_id: slot
 * @reserved: reserved
 * @value: slot and reserved bits
 * @driver_id: number for the vendor's driver
 * @allocation_offset: offset in the allocation
 * @patch_offset: offset in the command buffer
 * @split_offset: where the command buffer may be split
 */
struct d3dddi_patchlocationlist {
	__u32	allocation_index;
	union {
		struct {
			__u32 slot_id	: 24;
			__u32 reserved	: 8;
		};
		__u32 value;
	};
	__u32	driver_id;
	__u32	allocation_offset;
	__u32	patch_offset;
	__u32	split_offset;
};

/**
 * struct d3dkmt_createdeviceflags - Flags of struct d3dkmt_createdevice
 * @legacy_mode: behave as for a display driver of the old model
 * @request_vSync: synchronise with the vertical blank
 * @disable_gpu_timeout: no time limit for commands
 * @gdi_device: used by GDI
 * @reserved: reserved
 */
struct d3dkmt_createdeviceflags {
	__u32 legacy_mode		: 1;
	__u32 request_vSync		: 1;
	__u32 disable_gpu_timeout	: 1;
	__u32 gdi_device		: 1;
	__u32 reserved			: 28;
};

/**
 * struct d3dkmt_createdevice - LX_DXCREATEDEVICE
 * @adapter: in: an adapter
 * @reserved3: reserved
 * @flags: in: flags
 * @device: out: the new device
 * @command_buffer: not used
 * @command_buffer_size: not used
 * @reserved: reserved
 * @allocation_list: not used
 * @allocation_list_size: not used
 * @reserved1: reserved
 * @patch_location_list: not used
 * @patch_location_list_size: not used
 * @reserved2: reserved
 */
struct d3dkmt_createdevice {
	struct d3dkmthandle		adapter;
	__u32				reserved3;
	struct d3dkmt_createdeviceflags	flags;
	struct d3dkmthandle		device;
	__aligned_u64			command_buffer;
	__u32				command_buffer_size;
	__u32				reserved;
	__aligned_u64			allocation_list;
	__u32				allocation_list_size;
	__u32				reserved1;
	__aligned_u64			patch_location_list;
	__u32				patch_location_list_size;
	__u32				reserved2;
};

/**
 * struct d3dkmt_destroydevice - LX_DXDESTROYDEVICE
 * @device: in: the device; everything made with it goes too
 */
struct d3dkmt_destroydevice {
	struct d3dkmthandle	device;
};

/**
 * enum d3dkmt_devicestate_type - What LX_DXGETDEVICESTATE asks for
 * @_D3DKMT_DEVICESTATE_EXECUTION: whether commands are executed
 * @_D3DKMT_DEVICESTATE_PRESENT: presentation
 * @_D3DKMT_DEVICESTATE_RESET: what a reset did
 * @_D3DKMT_DEVICESTATE_PRESENT_DWM: presentation by the desktop
 * @_D3DKMT_DEVICESTATE_PAGE_FAULT: the page fault which stopped the device
 * @_D3DKMT_DEVICESTATE_PRESENT_QUEUE: presentation queue
 */
enum d3dkmt_devicestate_type {
	_D3DKMT_DEVICESTATE_EXECUTION		= 1,
	_D3DKMT_DEVICESTATE_PRESENT		= 2,
	_D3DKMT_DEVICESTATE_RESET		= 3,
	_D3DKMT_DEVICESTATE_PRESENT_DWM		= 4,
	_D3DKMT_DEVICESTATE_PAGE_FAULT		= 5,
	_D3DKMT_DEVICESTATE_PRESENT_QUEUE	= 6,
};

/**
 * enum d3dkmt_deviceexecution_state - Whether a device executes commands
 * @_D3DKMT_DEVICEEXECUTION_ACTIVE: it does
 * @_D3DKMT_DEVICEEXECUTION_RESET: lost by a reset
 * @_D3DKMT_DEVICEEXECUTION_HUNG: it made the GPU hang
 * @_D3DKMT_DEVICEEXECUTION_STOPPED: the adapter was stopped
 * @_D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY: out of memory
 * @_D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT: bad memory access
 * @_D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT: page fault of the GPU
 */
enum d3dkmt_deviceexecution_state {
	_D3DKMT_DEVICEEXECUTION_ACTIVE			= 1,
	_D3DKMT_DEVICEEXECUTION_RESET			= 2,
	_D3DKMT_DEVICEEXECUTION_HUNG			= 3,
	_D3DKMT_DEVICEEXECUTION_STOPPED			= 4,
	_D3DKMT_DEVICEEXECUTION_ERROR_OUTOFMEMORY	= 5,
	_D3DKMT_DEVICEEXECUTION_ERROR_DMAFAULT		= 6,
	_D3DKMT_DEVICEEXECUTION_ERROR_DMAPAGEFAULT	= 7,
};

/**
 * enum dxgk_render_pipeline_stage - Where in the pipeline a fault happened
 * @_DXGK_RENDER_PIPELINE_STAGE_UNKNOWN: not known
 * @_DXGK_RENDER_PIPELINE_STAGE_INPUT_ASSEMBLER: input assembler
 * @_DXGK_RENDER_PIPELINE_STAGE_VERTEX_SHADER: vertex shader
 * @_DXGK_RENDER_PIPELINE_STAGE_GEOMETRY_SHADER: geometry shader
 * @_DXGK_RENDER_PIPELINE_STAGE_STREAM_OUTPUT: stream output
 * @_DXGK_RENDER_PIPELINE_STAGE_RASTERIZER: rasterizer
 * @_DXGK_RENDER_PIPELINE_STAGE_PIXEL_SHADER: pixel shader
 * @_DXGK_RENDER_PIPELINE_STAGE_OUTPUT_MERGER: output merger
 */
enum dxgk_render_pipeline_stage {
	_DXGK_RENDER_PIPELINE_STAGE_UNKNOWN		= 0,
	_DXGK_RENDER_PIPELINE_STAGE_INPUT_ASSEMBLER	= 1,
	_DXGK_RENDER_PIPELINE_STAGE_VERTEX_SHADER	= 2,
	_DXGK_RENDER_PIPELINE_STAGE_GEOMETRY_SHADER	= 3,
	_DXGK_RENDER_PIPELINE_STAGE_STREAM_OUTPUT	= 4,
	_DXGK_RENDER_PIPELINE_STAGE_RASTERIZER		= 5,
	_DXGK_RENDER_PIPELINE_STAGE_PIXEL_SHADER	= 6,
	_DXGK_RENDER_PIPELINE_STAGE_OUTPUT_MERGER	= 7,
};

/**
 * enum dxgk_page_fault_flags - Bits which describe a GPU page fault
 * @_DXGK_PAGE_FAULT_WRITE: the access was a write
 * @_DXGK_PAGE_FAULT_FENCE_INVALID: the faulting operation is not known
 * @_DXGK_PAGE_FAULT_ADAPTER_RESET_REQUIRED: the adapter must be reset
 * @_DXGK_PAGE_FAULT_ENGINE_RESET_REQUIRED: the engine must be reset
 * @_DXGK_PAGE_FAULT_FATAL_HARDWARE_ERROR: the hardware is lost
 * @_DXGK_PAGE_FAULT_IOMMU: reported by the IOMMU
 * @_DXGK_PAGE_FAULT_HW_CONTEXT_VALID: the hardware context is known
 * @_DXGK_PAGE_FAULT_PROCESS_HANDLE_VALID: the process is known
 */
enum dxgk_page_fault_flags {
	_DXGK_PAGE_FAULT_WRITE			= 0x1,
	_DXGK_PAGE_FAULT_FENCE_INVALID		= 0x2,
	_DXGK_PAGE_FAULT_ADAPTER_RESET_REQUIRED	= 0x4,
	_DXGK_PAGE_FAULT_ENGINE_RESET_REQUIRED	= 0x8,
	_DXGK_PAGE_FAULT_FATAL_HARDWARE_ERROR	= 0x10,
	_DXGK_PAGE_FAULT_IOMMU			= 0x20,
	_DXGK_PAGE_FAULT_HW_CONTEXT_VALID	= 0x40,
	_DXGK_PAGE_FAULT_PROCESS_HANDLE_VALID	= 0x80,
};

/**
 * enum dxgk_general_error_code - Faults common to all GPUs
 * @_DXGK_GENERAL_ERROR_PAGE_FAULT: page fault
 * @_DXGK_GENERAL_ERROR_INVALID_INSTRUCTION: invalid instruction
 */
enum dxgk_general_error_code {
	_DXGK_GENERAL_ERROR_PAGE_FAULT		= 0,
	_DXGK_GENERAL_ERROR_INVALID_INSTRUCTION	= 1,
};

/**
 * struct dxgk_fault_error_code - Reason of a fault
 * @is_device_specific_code: which of the two codes is meant
 * @general_error_code: one of enum dxgk_general_error_code
 * @is_device_specific_code_reserved_bit: the same bit as
 *	@is_device_specific_code
 * @device_specific_code: number of the vendor
 */
struct dxgk_fault_error_code {
	union {
		struct {
			__u32 is_device_specific_code			: 1;
			__u32 general_error_code			: 31;
		};
		struct {
			__u32 is_device_specific_code_reserved_bit	: 1;
			__u32 device_specific_code			: 31;
		};
	};
};

/**
 * struct d3dkmt_devicereset_state - What a reset did
 * @desktop_switched: the desktop was switched
 * @reserved: reserved
 * @value: all bits
 */
struct d3dkmt_devicereset_state {
	union {
		struct {
			__u32 desktop_switched	: 1;
			__u32 reserved		: 31;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_devicepagefault_state - The page fault which stopped a device
 * @faulted_primitive_api_sequence_number: the drawing call
 * @faulted_pipeline_stage: one of enum dxgk_render_pipeline_stage
 * @faulted_bind_table_entry: the entry of the binding table
 * @page_fault_flags: bits of enum dxgk_page_fault_flags
 * @fault_error_code: reason
 * @faulted_virtual_address: GPU virtual address
 */
struct d3dkmt_devicepagefault_state {
	__aligned_u64			faulted_primitive_api_sequence_number;
	__u32				faulted_pipeline_stage;
	__u32				faulted_bind_table_entry;
	__u32				page_fault_flags;
	struct dxgk_fault_error_code	fault_error_code;
	__aligned_u64			faulted_virtual_address;
};

/**
 * struct d3dkmt_getdevicestate - LX_DXGETDEVICESTATE
 * @device: in: a device
 * @state_type: in: one of enum d3dkmt_devicestate_type
 * @execution_state: out: one of enum d3dkmt_deviceexecution_state
 * @reset_state: out: what a reset did
 * @page_fault_state: out: the page fault
 * @alignment: room for states of later versions
 */
struct d3dkmt_getdevicestate {
	struct d3dkmthandle	device;
	__u32			state_type;
	union {
		__u32					execution_state;
		struct d3dkmt_devicereset_state		reset_state;
		struct d3dkmt_devicepagefault_state	page_fault_state;
		__u8					alignment[48];
	};
};

/**
 * enum d3dkmt_device_error_reason - Why a program gives a device up
 * @_D3DKMT_DEVICE_ERROR_REASON_GENERIC: no special reason
 * @_D3DKMT_DEVICE_ERROR_REASON_DRIVER_ERROR: error in the user-mode driver
 */
enum d3dkmt_device_error_reason {
	_D3DKMT_DEVICE_ERROR_REASON_GENERIC		= 0x80000000,
	_D3DKMT_DEVICE_ERROR_REASON_DRIVER_ERROR	= 0x80000006,
};

/**
 * struct d3dkmt_markdeviceaserror - LX_DXMARKDEVICEASERROR
 * @device: in: a device
 * @reason: in: one of enum d3dkmt_device_error_reason
 */
struct d3dkmt_markdeviceaserror {
	struct d3dkmthandle	device;
	__u32			reason;
};

/*
 * Contexts and hardware queues
 */

/**
 * enum d3dkmt_clienthint - The API a context is made for
 * @_D3DKMT_CLIENTHNT_UNKNOWN: not told
 * @_D3DKMT_CLIENTHINT_OPENGL: OpenGL
 * @_D3DKMT_CLIENTHINT_CDD: the display driver of the Windows desktop
 * @_D3DKMT_CLIENTHINT_DX7: DirectX 7
 * @_D3DKMT_CLIENTHINT_DX8: DirectX 8
 * @_D3DKMT_CLIENTHINT_DX9: DirectX 9
 * @_D3DKMT_CLIENTHINT_DX10: DirectX 10
 */
enum d3dkmt_clienthint {
	_D3DKMT_CLIENTHNT_UNKNOWN	= 0,
	_D3DKMT_CLIENTHINT_OPENGL	= 1,
	_D3DKMT_CLIENTHINT_CDD		= 2,
	_D3DKMT_CLIENTHINT_DX7		= 7,
	_D3DKMT_CLIENTHINT_DX8		= 8,
	_D3DKMT_CLIENTHINT_DX9		= 9,
	_D3DKMT_CLIENTHINT_DX10		= 10,
};

/**
 * struct d3dddi_createcontextflags - Flags of a context
 * @null_rendering: commands do nothing
 * @initial_data: used to fill allocations when they are made
 * @disable_gpu_timeout: no time limit for commands
 * @synchronization_only: used for waits and signals only
 * @hw_queue_supported: hardware queues will be made on it
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_createcontextflags {
	union {
		struct {
			__u32 null_rendering		: 1;
			__u32 initial_data		: 1;
			__u32 disable_gpu_timeout	: 1;
			__u32 synchronization_only	: 1;
			__u32 hw_queue_supported	: 1;
			__u32 reserved			: 27;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_createcontextvirtual - LX_DXCREATECONTEXTVIRTUAL
 * @device: in: a device
 * @node_ordinal: in: engine
 * @engine_affinity: in: mask of the GPUs of a linked adapter
 * @flags: in: flags
 * @priv_drv_data: pointer to data of the vendor's driver, read and written
 * @priv_drv_data_size: in: its size in bytes
 * @client_hint: in: one of enum d3dkmt_clienthint
 * @context: out: the new context
 * @pad: padding
 */
struct d3dkmt_createcontextvirtual {
	struct d3dkmthandle			device;
	__u32					node_ordinal;
	__u32					engine_affinity;
	struct d3dddi_createcontextflags	flags;
	__aligned_u64				priv_drv_data;
	__u32					priv_drv_data_size;
	__u32					client_hint;
	struct d3dkmthandle			context;
	__u32					pad;
};

/**
 * struct d3dkmt_destroycontext - LX_DXDESTROYCONTEXT
 * @context: in: the context; its hardware queues go too
 */
struct d3dkmt_destroycontext {
	struct d3dkmthandle	context;
};

/**
 * struct d3dkmt_setcontextschedulingpriority - LX_DXSETCONTEXTSCHEDULINGPRIORITY
 * @context: in: a context
 * @priority: in: its priority
 */
struct d3dkmt_setcontextschedulingpriority {
	struct d3dkmthandle	context;
	__s32			priority;
};

/**
 * struct d3dkmt_setcontextinprocessschedulingpriority - LX_DXSETCONTEXTINPROCESSSCHEDULINGPRIORITY
 * @context: in: a context
 * @priority: in: its priority among the contexts of the process
 */
struct d3dkmt_setcontextinprocessschedulingpriority {
	struct d3dkmthandle	context;
	__s32			priority;
};

/**
 * struct d3dkmt_getcontextschedulingpriority - LX_DXGETCONTEXTSCHEDULINGPRIORITY
 * @context: in: a context
 * @priority: out: its priority
 */
struct d3dkmt_getcontextschedulingpriority {
	struct d3dkmthandle	context;
	__s32			priority;
};

/**
 * struct d3dkmt_getcontextinprocessschedulingpriority - LX_DXGETCONTEXTINPROCESSSCHEDULINGPRIORITY
 * @context: in: a context
 * @priority: out: its priority among the contexts of the process
 */
struct d3dkmt_getcontextinprocessschedulingpriority {
	struct d3dkmthandle	context;
	__s32			priority;
};

/**
 * struct d3dkmt_submitcommandflags - Flags of struct d3dkmt_submitcommand
 * @null_rendering: the commands do nothing
 * @present_redirected: the commands present to a redirected surface
 * @reserved: reserved
 */
struct d3dkmt_submitcommandflags {
	__u32 null_rendering		: 1;
	__u32 present_redirected	: 1;
	__u32 reserved			: 30;
};

/**
 * struct d3dkmt_submitcommand - LX_DXSUBMITCOMMAND
 * @command_buffer: in: GPU virtual address of the commands
 * @command_length: in: their size in bytes
 * @flags: in: flags
 * @present_history_token: in: token of a presentation
 * @broadcast_context_count: in: contexts to submit to, at least 1
 * @broadcast_context: in: the contexts
 * @reserved: reserved
 * @priv_drv_data: pointer to data of the vendor's driver
 * @priv_drv_data_size: in: its size in bytes
 * @num_primaries: in: entries of @written_primaries
 * @written_primaries: in: primary surfaces the commands write to
 * @num_history_buffers: in: entries of @history_buffer_array
 * @reserved1: reserved
 * @history_buffer_array: pointer to an array of struct d3dkmthandle
 */
struct d3dkmt_submitcommand {
	__aligned_u64				command_buffer;
	__u32					command_length;
	struct d3dkmt_submitcommandflags	flags;
	__aligned_u64				present_history_token;
	__u32					broadcast_context_count;
	struct d3dkmthandle	broadcast_context[D3DDDI_MAX_BROADCAST_CONTEXT];
	__u32					reserved;
	__aligned_u64				priv_drv_data;
	__u32					priv_drv_data_size;
	__u32					num_primaries;
	struct d3dkmthandle	written_primaries[D3DDDI_MAX_WRITTEN_PRIMARIES];
	__u32					num_history_buffers;
	__u32					reserved1;
	__aligned_u64				history_buffer_array;
};

/**
 * struct d3dddi_createhwqueueflags - Flags of struct d3dkmt_createhwqueue
 * @disable_gpu_timeout: no time limit for commands
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_createhwqueueflags {
	union {
		struct {
			__u32 disable_gpu_timeout	: 1;
			__u32 reserved			: 31;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_createhwqueue - LX_DXCREATEHWQUEUE
 * @context: in: a context made with hw_queue_supported
 * @flags: in: flags
 * @priv_drv_data_size: in: size of @priv_drv_data in bytes
 * @reserved: reserved
 * @priv_drv_data: pointer to data of the vendor's driver, read and written
 * @queue: out: the new queue
 * @queue_progress_fence: out: the fence which follows its progress
 * @queue_progress_fence_cpu_va: out: address of the fence value, read-only
 * @queue_progress_fence_gpu_va: out: GPU virtual address of the fence value
 */
struct d3dkmt_createhwqueue {
	struct d3dkmthandle			context;
	struct d3dddi_createhwqueueflags	flags;
	__u32					priv_drv_data_size;
	__u32					reserved;
	__aligned_u64				priv_drv_data;
	struct d3dkmthandle			queue;
	struct d3dkmthandle			queue_progress_fence;
	__aligned_u64				queue_progress_fence_cpu_va;
	__aligned_u64				queue_progress_fence_gpu_va;
};

/**
 * struct d3dkmt_destroyhwqueue - LX_DXDESTROYHWQUEUE
 * @queue: in: the queue
 */
struct d3dkmt_destroyhwqueue {
	struct d3dkmthandle	queue;
};

/**
 * struct d3dkmt_submitcommandtohwqueue - LX_DXSUBMITCOMMANDTOHWQUEUE
 * @hwqueue: in: a hardware queue
 * @reserved: reserved
 * @hwqueue_progress_fence_id: in: value of the progress fence when done
 * @command_buffer: in: GPU virtual address of the commands
 * @command_length: in: their size in bytes
 * @priv_drv_data_size: in: size of @priv_drv_data in bytes
 * @priv_drv_data: pointer to data of the vendor's driver
 * @num_primaries: in: entries of @written_primaries
 * @reserved1: reserved
 * @written_primaries: pointer to an array of struct d3dkmthandle
 */
struct d3dkmt_submitcommandtohwqueue {
	struct d3dkmthandle	hwqueue;
	__u32			reserved;
	__aligned_u64		hwqueue_progress_fence_id;
	__aligned_u64		command_buffer;
	__u32			command_length;
	__u32			priv_drv_data_size;
	__aligned_u64		priv_drv_data;
	__u32			num_primaries;
	__u32			reserved1;
	__aligned_u64		written_primaries;
};

/**
 * struct d3dkmt_submitwaitforsyncobjectstohwqueue - LX_DXSUBMITWAITFORSYNCOBJECTSTOHWQUEUE
 * @hwqueue: in: the hardware queue which waits
 * @object_count: in: objects, 1 to D3DDDI_MAX_OBJECT_WAITED_ON
 * @objects: pointer to an array of struct d3dkmthandle
 * @fence_values: pointer to an array of __u64
 */
struct d3dkmt_submitwaitforsyncobjectstohwqueue {
	struct d3dkmthandle	hwqueue;
	__u32			object_count;
	__aligned_u64		objects;
	__aligned_u64		fence_values;
};

/*
 * Paging queues, residency and GPU virtual addresses
 */

/**
 * enum d3dddi_pagingqueue_priority - Priority of a paging queue
 * @_D3DDDI_PAGINGQUEUE_PRIORITY_BELOW_NORMAL: below normal
 * @_D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL: normal
 * @_D3DDDI_PAGINGQUEUE_PRIORITY_ABOVE_NORMAL: above normal
 */
enum d3dddi_pagingqueue_priority {
	_D3DDDI_PAGINGQUEUE_PRIORITY_BELOW_NORMAL	= -1,
	_D3DDDI_PAGINGQUEUE_PRIORITY_NORMAL		= 0,
	_D3DDDI_PAGINGQUEUE_PRIORITY_ABOVE_NORMAL	= 1,
};

/**
 * struct d3dkmt_createpagingqueue - LX_DXCREATEPAGINGQUEUE
 * @device: in: a device
 * @priority: in: one of enum d3dddi_pagingqueue_priority
 * @paging_queue: out: the new queue
 * @sync_object: out: the fence of the queue
 * @fence_cpu_virtual_address: out: address of the fence value, read-only
 * @physical_adapter_index: in: which GPU of a linked adapter
 * @pad: padding
 */
struct d3dkmt_createpagingqueue {
	struct d3dkmthandle	device;
	__s32			priority;
	struct d3dkmthandle	paging_queue;
	struct d3dkmthandle	sync_object;
	__aligned_u64		fence_cpu_virtual_address;
	__u32			physical_adapter_index;
	__u32			pad;
};

/**
 * struct d3dddi_destroypagingqueue - LX_DXDESTROYPAGINGQUEUE
 * @paging_queue: in: the queue
 */
struct d3dddi_destroypagingqueue {
	struct d3dkmthandle	paging_queue;
};

/**
 * struct d3dddi_makeresident_flags - Flags of struct d3dddi_makeresident
 * @cant_trim_further: the program has nothing left to give up
 * @must_succeed: fail the device rather than the call
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_makeresident_flags {
	union {
		struct {
			__u32 cant_trim_further	: 1;
			__u32 must_succeed	: 1;
			__u32 reserved		: 30;
		};
		__u32 value;
	};
};

/**
 * struct d3dddi_makeresident - LX_DXMAKERESIDENT
 * @paging_queue: in: a paging queue
 * @alloc_count: in: entries, 1 to D3DKMT_MAKERESIDENT_ALLOC_MAX
 * @allocation_list: pointer to an array of struct d3dkmthandle
 * @priority_list: not used
 * @flags: in: flags
 * @pad: padding
 * @paging_fence_value: out: value of the queue's fence when resident
 * @num_bytes_to_trim: out: bytes the process is over its budget
 */
struct d3dddi_makeresident {
	struct d3dkmthandle			paging_queue;
	__u32					alloc_count;
	__aligned_u64				allocation_list;
	__aligned_u64				priority_list;
	struct d3dddi_makeresident_flags	flags;
	__u32					pad;
	__aligned_u64				paging_fence_value;
	__aligned_u64				num_bytes_to_trim;
};

/**
 * struct d3dddi_evict_flags - Flags of struct d3dkmt_evict
 * @evict_only_if_necessary: leave it in place while there is room
 * @not_written_to: the contents equal those in system memory
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_evict_flags {
	union {
		struct {
			__u32 evict_only_if_necessary	: 1;
			__u32 not_written_to		: 1;
			__u32 reserved			: 30;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_evict - LX_DXEVICT
 * @device: in: a device
 * @alloc_count: in: entries, 1 to D3DKMT_MAKERESIDENT_ALLOC_MAX
 * @allocations: pointer to an array of struct d3dkmthandle
 * @flags: in: flags
 * @reserved: reserved
 * @num_bytes_to_trim: out: bytes the process is over its budget
 */
struct d3dkmt_evict {
	struct d3dkmthandle		device;
	__u32				alloc_count;
	__aligned_u64			allocations;
	struct d3dddi_evict_flags	flags;
	__u32				reserved;
	__aligned_u64			num_bytes_to_trim;
};

/**
 * struct d3dddigpuva_protection_type - What the GPU may do with a range
 * @write: write
 * @execute: execute
 * @zero: reads give 0, writes are dropped
 * @no_access: nothing
 * @system_use_only: for the host only
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddigpuva_protection_type {
	union {
		struct {
			__u64 write		: 1;
			__u64 execute		: 1;
			__u64 zero		: 1;
			__u64 no_access		: 1;
			__u64 system_use_only	: 1;
			__u64 reserved		: 59;
		};
		__aligned_u64	value;
	};
};

/**
 * enum d3dddigpuva_reservation_type - What an unmapped reserved range does
 * @_D3DDDIGPUVA_RESERVE_NO_ACCESS: accesses fault
 * @_D3DDDIGPUVA_RESERVE_ZERO: reads give 0, writes are dropped
 * @_D3DDDIGPUVA_RESERVE_NO_COMMIT: no page tables are made
 */
enum d3dddigpuva_reservation_type {
	_D3DDDIGPUVA_RESERVE_NO_ACCESS	= 0,
	_D3DDDIGPUVA_RESERVE_ZERO	= 1,
	_D3DDDIGPUVA_RESERVE_NO_COMMIT	= 2,
};

/**
 * struct d3dddi_reservegpuvirtualaddress - LX_DXRESERVEGPUVIRTUALADDRESS
 * @adapter: in: an adapter, or a paging queue
 * @pad: padding
 * @base_address: in: wanted address, or 0
 * @minimum_address: in: lowest address, when @base_address is 0
 * @maximum_address: in: highest address, when @base_address is 0
 * @size: in: bytes
 * @reservation_type: in: one of enum d3dddigpuva_reservation_type
 * @pad1: padding
 * @driver_protection: in: protection bits of the vendor
 * @virtual_address: out: the reserved GPU virtual address
 * @paging_fence_value: out: value of the queue's fence when done
 */
struct d3dddi_reservegpuvirtualaddress {
	struct d3dkmthandle	adapter;
	__u32			pad;
	__aligned_u64		base_address;
	__aligned_u64		minimum_address;
	__aligned_u64		maximum_address;
	__aligned_u64		size;
	__u32			reservation_type;
	__u32			pad1;
	__aligned_u64		driver_protection;
	__aligned_u64		virtual_address;
	__aligned_u64		paging_fence_value;
};

/**
 * struct d3dkmt_freegpuvirtualaddress - LX_DXFREEGPUVIRTUALADDRESS
 * @adapter: in: an adapter
 * @reserved: reserved
 * @base_address: in: start of the range
 * @size: in: bytes
 */
struct d3dkmt_freegpuvirtualaddress {
	struct d3dkmthandle	adapter;
	__u32			reserved;
	__aligned_u64		base_address;
	__aligned_u64		size;
};

/**
 * struct d3dddi_mapgpuvirtualaddress - LX_DXMAPGPUVIRTUALADDRESS
 * @paging_queue: in: a paging queue
 * @pad: padding
 * @base_address: in: wanted address, or 0
 * @minimum_address: in: lowest address, when @base_address is 0
 * @maximum_address: in: highest address, when @base_address is 0
 * @allocation: in: what to map
 * @pad1: padding
 * @offset_in_pages: in: first 4 KiB page of the allocation
 * @size_in_pages: in: number of 4 KiB pages
 * @protection: in: what the GPU may do
 * @driver_protection: in: protection bits of the vendor
 * @reserved0: reserved
 * @pad2: padding
 * @reserved1: reserved
 * @virtual_address: out: GPU virtual address of the mapping
 * @paging_fence_value: out: value of the queue's fence when mapped
 */
struct d3dddi_mapgpuvirtualaddress {
	struct d3dkmthandle			paging_queue;
	__u32					pad;
	__aligned_u64				base_address;
	__aligned_u64				minimum_address;
	__aligned_u64				maximum_address;
	struct d3dkmthandle			allocation;
	__u32					pad1;
	__aligned_u64				offset_in_pages;
	__aligned_u64				size_in_pages;
	struct d3dddigpuva_protection_type	protection;
	__aligned_u64				driver_protection;
	__u32					reserved0;
	__u32					pad2;
	__aligned_u64				reserved1;
	__aligned_u64				virtual_address;
	__aligned_u64				paging_fence_value;
};

/**
 * enum d3dddi_updategpuvirtualaddress_operation_type - Kinds of operations
 * @_D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP: map an allocation
 * @_D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP: unmap a range
 * @_D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY: map a range as another one is
 * @_D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT: map with a protection
 */
enum d3dddi_updategpuvirtualaddress_operation_type {
	_D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP		= 0,
	_D3DDDI_UPDATEGPUVIRTUALADDRESS_UNMAP		= 1,
	_D3DDDI_UPDATEGPUVIRTUALADDRESS_COPY		= 2,
	_D3DDDI_UPDATEGPUVIRTUALADDRESS_MAP_PROTECT	= 3,
};

/**
 * struct d3dddi_updategpuvirtualaddress_operation - One change of a mapping
 * @operation: one of enum d3dddi_updategpuvirtualaddress_operation_type
 * @pad: padding
 * @map: operands of a map operation
 * @map.base_address: GPU virtual address
 * @map.size: bytes
 * @map.allocation: what to map
 * @map.pad: padding
 * @map.allocation_offset: first byte of the allocation
 * @map.allocation_size: bytes of the allocation
 * @map_protect: operands of a map-protect operation
 * @map_protect.base_address: GPU virtual address
 * @map_protect.size: bytes
 * @map_protect.allocation: what to map
 * @map_protect.pad: padding
 * @map_protect.allocation_offset: first byte of the allocation
 * @map_protect.allocation_size: bytes of the allocation
 * @map_protect.protection: what the GPU may do
 * @map_protect.driver_protection: protection bits of the vendor
 * @unmap: operands of an unmap operation
 * @unmap.base_address: GPU virtual address
 * @unmap.size: bytes
 * @unmap.protection: what accesses to the range do from now on
 * @copy: operands of a copy operation
 * @copy.source_address: GPU virtual address of the mapping to copy
 * @copy.size: bytes
 * @copy.dest_address: GPU virtual address of the new mapping
 */
struct d3dddi_updategpuvirtualaddress_operation {
	__u32	operation;
	__u32	pad;
	union {
		struct {
			__aligned_u64		base_address;
			__aligned_u64		size;
			struct d3dkmthandle	allocation;
			__u32			pad;
			__aligned_u64		allocation_offset;
			__aligned_u64		allocation_size;
		} map;
		struct {
			__aligned_u64		base_address;
			__aligned_u64		size;
			struct d3dkmthandle	allocation;
			__u32			pad;
			__aligned_u64		allocation_offset;
			__aligned_u64		allocation_size;
			struct d3dddigpuva_protection_type protection;
			__aligned_u64		driver_protection;
		} map_protect;
		struct {
			__aligned_u64		base_address;
			__aligned_u64		size;
			struct d3dddigpuva_protection_type protection;
		} unmap;
		struct {
			__aligned_u64		source_address;
			__aligned_u64		size;
			__aligned_u64		dest_address;
		} copy;
	};
};

/**
 * struct d3dkmt_updategpuvirtualaddress - LX_DXUPDATEGPUVIRTUALADDRESS
 * @device: in: a device
 * @context: in: the context the changes are ordered with
 * @fence_object: in: a monitored fence
 * @num_operations: in: entries of @operations
 * @operations: pointer to an array of
 *	struct d3dddi_updategpuvirtualaddress_operation
 * @reserved0: reserved
 * @reserved1: reserved
 * @reserved2: reserved
 * @fence_value: in: value of the fence to wait for; the next one is signalled
 * @flags: flags
 * @flags.do_not_wait: do not wait for @fence_value
 * @flags.reserved: reserved
 * @flags.value: all bits
 * @reserved3: reserved
 */
struct d3dkmt_updategpuvirtualaddress {
	struct d3dkmthandle	device;
	struct d3dkmthandle	context;
	struct d3dkmthandle	fence_object;
	__u32			num_operations;
	__aligned_u64		operations;
	__u32			reserved0;
	__u32			reserved1;
	__aligned_u64		reserved2;
	__aligned_u64		fence_value;
	union {
		struct {
			__u32 do_not_wait	: 1;
			__u32 reserved		: 31;
		};
		__u32 value;
	} flags;
	__u32			reserved3;
};

/**
 * struct d3dddi_updateallocproperty_flags - Flags of an allocation property
 * @accessed_physically: the GPU uses physical addresses
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_updateallocproperty_flags {
	union {
		struct {
			__u32 accessed_physically	: 1;
			__u32 reserved			: 31;
		};
		__u32 value;
	};
};

/**
 * struct d3dddi_segmentpreference - Memory segments in order of preference
 * @segment_id0: first segment, counted from 1; 0 is none
 * @direction0: from which end of the first segment
 * @segment_id1: second segment
 * @direction1: from which end of the second segment
 * @segment_id2: third segment
 * @direction2: from which end of the third segment
 * @segment_id3: fourth segment
 * @direction3: from which end of the fourth segment
 * @segment_id4: fifth segment
 * @direction4: from which end of the fifth segment
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_segmentpreference {
	union {
		struct {
			__u32 segment_id0	: 5;
			__u32 direction0	: 1;
			__u32 segment_id1	: 5;
			__u32 direction1	: 1;
			__u32 segment_id2	: 5;
			__u32 direction2	: 1;
			__u32 segment_id3	: 5;
			__u32 direction3	: 1;
			__u32 segment_id4	: 5;
			__u32 direction4	: 1;
			__u32 reserved		: 2;
		};
		__u32 value;
	};
};

/**
 * struct d3dddi_updateallocproperty - LX_DXUPDATEALLOCPROPERTY
 * @paging_queue: in: a paging queue
 * @allocation: in: an allocation
 * @supported_segment_set: in: mask of the segments it may be in
 * @preferred_segment: in: the order of preference
 * @flags: in: flags
 * @pad: padding
 * @paging_fence_value: out: value of the queue's fence when done
 * @set_accessed_physically: change accessed_physically of @flags
 * @set_supported_segmentSet: change @supported_segment_set
 * @set_preferred_segment: change @preferred_segment
 * @reserved: reserved
 * @property_mask_value: the last four as one number
 * @pad1: padding
 */
struct d3dddi_updateallocproperty {
	struct d3dkmthandle			paging_queue;
	struct d3dkmthandle			allocation;
	__u32					supported_segment_set;
	struct d3dddi_segmentpreference		preferred_segment;
	struct d3dddi_updateallocproperty_flags	flags;
	__u32					pad;
	__aligned_u64				paging_fence_value;
	union {
		struct {
			__u32 set_accessed_physically	: 1;
			__u32 set_supported_segmentSet	: 1;
			__u32 set_preferred_segment	: 1;
			__u32 reserved			: 29;
		};
		__u32 property_mask_value;
	};
	__u32					pad1;
};

/**
 * enum d3dkmt_offer_priority - How readily offered memory is taken
 * @_D3DKMT_OFFER_PRIORITY_LOW: first
 * @_D3DKMT_OFFER_PRIORITY_NORMAL: normally
 * @_D3DKMT_OFFER_PRIORITY_HIGH: last
 * @_D3DKMT_OFFER_PRIORITY_AUTO: as the host thinks best
 */
enum d3dkmt_offer_priority {
	_D3DKMT_OFFER_PRIORITY_LOW	= 1,
	_D3DKMT_OFFER_PRIORITY_NORMAL	= 2,
	_D3DKMT_OFFER_PRIORITY_HIGH	= 3,
	_D3DKMT_OFFER_PRIORITY_AUTO	= 4,
};

/**
 * struct d3dkmt_offer_flags - Flags of struct d3dkmt_offerallocations
 * @offer_immediately: do not wait for the GPU
 * @allow_decommit: the memory itself may be given back
 * @reserved: reserved
 * @value: all bits
 */
struct d3dkmt_offer_flags {
	union {
		struct {
			__u32 offer_immediately	: 1;
			__u32 allow_decommit	: 1;
			__u32 reserved		: 30;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_offerallocations - LX_DXOFFERALLOCATIONS
 * @device: in: a device
 * @reserved: reserved
 * @resources: pointer to an array of struct d3dkmthandle, or null
 * @allocations: pointer to an array of struct d3dkmthandle, or null; exactly
 *	one of the two pointers is given
 * @allocation_count: in: entries, 1 to D3DKMT_MAKERESIDENT_ALLOC_MAX
 * @priority: in: one of enum d3dkmt_offer_priority
 * @flags: in: flags
 * @reserved1: reserved
 */
struct d3dkmt_offerallocations {
	struct d3dkmthandle		device;
	__u32				reserved;
	__aligned_u64			resources;
	__aligned_u64			allocations;
	__u32				allocation_count;
	__u32				priority;
	struct d3dkmt_offer_flags	flags;
	__u32				reserved1;
};

/**
 * enum d3dddi_reclaim_result - What became of offered memory
 * @_D3DDDI_RECLAIM_RESULT_OK: the contents are still there
 * @_D3DDDI_RECLAIM_RESULT_DISCARDED: the contents are lost
 * @_D3DDDI_RECLAIM_RESULT_NOT_COMMITTED: the memory itself is lost
 */
enum d3dddi_reclaim_result {
	_D3DDDI_RECLAIM_RESULT_OK		= 0,
	_D3DDDI_RECLAIM_RESULT_DISCARDED	= 1,
	_D3DDDI_RECLAIM_RESULT_NOT_COMMITTED	= 2,
};

/**
 * struct d3dkmt_reclaimallocations2 - LX_DXRECLAIMALLOCATIONS2
 * @paging_queue: in: a paging queue
 * @allocation_count: in: entries, 1 to D3DKMT_MAKERESIDENT_ALLOC_MAX
 * @resources: pointer to an array of struct d3dkmthandle, or null
 * @allocations: pointer to an array of struct d3dkmthandle, or null; exactly
 *	one of the two pointers is given
 * @discarded: older name of @results
 * @results: pointer to an array of __u32, filled with values of
 *	enum d3dddi_reclaim_result, or null
 * @paging_fence_value: out: value of the queue's fence when done
 */
struct d3dkmt_reclaimallocations2 {
	struct d3dkmthandle	paging_queue;
	__u32			allocation_count;
	__aligned_u64		resources;
	__aligned_u64		allocations;
	union {
		__aligned_u64	discarded;
		__aligned_u64	results;
	};
	__aligned_u64		paging_fence_value;
};

/*
 * Allocations and resources
 */

/**
 * enum d3dddiformat - Pixel formats the driver itself uses
 * @_D3DDDIFMT_UNKNOWN: plain bytes
 */
enum d3dddiformat {
	_D3DDDIFMT_UNKNOWN	= 0,
};

/**
 * struct d3dddi_rational - A fraction
 * @numerator: numerator
 * @denominator: denominator
 */
struct d3dddi_rational {
	__u32	numerator;
	__u32	denominator;
};

/**
 * enum d3dkmdt_standardallocationtype - Kinds of standard surfaces
 * @_D3DKMDT_STANDARDALLOCATION_SHAREDPRIMARYSURFACE: shared primary surface
 * @_D3DKMDT_STANDARDALLOCATION_SHADOWSURFACE: shadow surface
 * @_D3DKMDT_STANDARDALLOCATION_STAGINGSURFACE: staging surface
 * @_D3DKMDT_STANDARDALLOCATION_GDISURFACE: GDI surface
 */
enum d3dkmdt_standardallocationtype {
	_D3DKMDT_STANDARDALLOCATION_SHAREDPRIMARYSURFACE	= 1,
	_D3DKMDT_STANDARDALLOCATION_SHADOWSURFACE		= 2,
	_D3DKMDT_STANDARDALLOCATION_STAGINGSURFACE		= 3,
	_D3DKMDT_STANDARDALLOCATION_GDISURFACE			= 4,
};

/**
 * enum d3dkmdt_gdisurfacetype - Kinds of GDI surfaces
 * @_D3DKMDT_GDISURFACE_INVALID: none
 * @_D3DKMDT_GDISURFACE_TEXTURE: texture
 * @_D3DKMDT_GDISURFACE_STAGING_CPUVISIBLE: staging, the CPU can see it
 * @_D3DKMDT_GDISURFACE_STAGING: staging
 * @_D3DKMDT_GDISURFACE_LOOKUPTABLE: look-up table
 * @_D3DKMDT_GDISURFACE_EXISTINGSYSMEM: memory which exists already
 * @_D3DKMDT_GDISURFACE_TEXTURE_CPUVISIBLE: texture, the CPU can see it
 * @_D3DKMDT_GDISURFACE_TEXTURE_CROSSADAPTER: texture for several adapters
 * @_D3DKMDT_GDISURFACE_TEXTURE_CPUVISIBLE_CROSSADAPTER: the same, the CPU can
 *	see it
 */
enum d3dkmdt_gdisurfacetype {
	_D3DKMDT_GDISURFACE_INVALID				= 0,
	_D3DKMDT_GDISURFACE_TEXTURE				= 1,
	_D3DKMDT_GDISURFACE_STAGING_CPUVISIBLE			= 2,
	_D3DKMDT_GDISURFACE_STAGING				= 3,
	_D3DKMDT_GDISURFACE_LOOKUPTABLE				= 4,
	_D3DKMDT_GDISURFACE_EXISTINGSYSMEM			= 5,
	_D3DKMDT_GDISURFACE_TEXTURE_CPUVISIBLE			= 6,
	_D3DKMDT_GDISURFACE_TEXTURE_CROSSADAPTER		= 7,
	_D3DKMDT_GDISURFACE_TEXTURE_CPUVISIBLE_CROSSADAPTER	= 8,
};

/**
 * struct d3dkmdt_gdisurfacedata - A GDI surface
 * @width: pixels per line
 * @height: lines
 * @format: one of enum d3dddiformat
 * @type: one of enum d3dkmdt_gdisurfacetype
 * @flags: flags
 * @pitch: bytes per line
 */
struct d3dkmdt_gdisurfacedata {
	__u32	width;
	__u32	height;
	__u32	format;
	__u32	type;
	__u32	flags;
	__u32	pitch;
};

/**
 * struct d3dkmdt_stagingsurfacedata - A staging surface
 * @width: pixels per line
 * @height: lines
 * @pitch: bytes per line
 */
struct d3dkmdt_stagingsurfacedata {
	__u32	width;
	__u32	height;
	__u32	pitch;
};

/**
 * struct d3dkmdt_sharedprimarysurfacedata - A shared primary surface
 * @width: pixels per line
 * @height: lines
 * @format: one of enum d3dddiformat
 * @refresh_rate: pictures per second
 * @vidpn_source_id: display source
 */
struct d3dkmdt_sharedprimarysurfacedata {
	__u32			width;
	__u32			height;
	__u32			format;
	struct d3dddi_rational	refresh_rate;
	__u32			vidpn_source_id;
};

/**
 * struct d3dkmdt_shadowsurfacedata - A shadow surface
 * @width: pixels per line
 * @height: lines
 * @format: one of enum d3dddiformat
 * @pitch: bytes per line
 */
struct d3dkmdt_shadowsurfacedata {
	__u32	width;
	__u32	height;
	__u32	format;
	__u32	pitch;
};

/**
 * enum d3dkmt_standardallocationtype - Allocations which need no vendor data
 * @_D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP: memory of the caller
 * @_D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER: for several adapters
 */
enum d3dkmt_standardallocationtype {
	_D3DKMT_STANDARDALLOCATIONTYPE_EXISTINGHEAP	= 1,
	_D3DKMT_STANDARDALLOCATIONTYPE_CROSSADAPTER	= 2,
};

/**
 * struct d3dkmt_standardallocation_existingheap - Size of the heap
 * @size: bytes, a multiple of the page size
 */
struct d3dkmt_standardallocation_existingheap {
	__aligned_u64	size;
};

/**
 * struct d3dkmt_createstandardallocationflags - No flag is defined
 * @reserved: reserved
 * @value: all bits
 */
struct d3dkmt_createstandardallocationflags {
	union {
		struct {
			__u32 reserved	: 32;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_createstandardallocation - A standard allocation
 * @type: one of enum d3dkmt_standardallocationtype
 * @reserved: reserved
 * @existing_heap_data: size of the heap, for both types
 * @flags: flags
 * @reserved1: reserved
 */
struct d3dkmt_createstandardallocation {
	__u32						type;
	__u32						reserved;
	struct d3dkmt_standardallocation_existingheap	existing_heap_data;
	struct d3dkmt_createstandardallocationflags	flags;
	__u32						reserved1;
};

/**
 * struct d3dddi_allocationinfo2 - One allocation to create
 * @allocation: out: the new allocation
 * @pad: padding
 * @sysmem: pointer to memory of the caller which backs it, page aligned, or
 *	null
 * @priv_drv_data: pointer to data of the vendor's driver, read and written
 * @priv_drv_data_size: in: its size in bytes
 * @vidpn_source_id: in: display source
 * @flags: flags
 * @flags.primary: a primary surface
 * @flags.stereo: a stereo surface
 * @flags.override_priority: @priority is given
 * @flags.reserved: reserved
 * @flags.value: all bits
 * @pad1: padding
 * @gpu_virtual_address: not written
 * @priority: in: priority
 * @unused: room of @priority
 * @reserved: reserved
 */
struct d3dddi_allocationinfo2 {
	struct d3dkmthandle	allocation;
	__u32			pad;
	__aligned_u64		sysmem;
	__aligned_u64		priv_drv_data;
	__u32			priv_drv_data_size;
	__u32			vidpn_source_id;
	union {
		struct {
			__u32 primary		: 1;
			__u32 stereo		: 1;
			__u32 override_priority	: 1;
			__u32 reserved		: 29;
		};
		__u32 value;
	} flags;
	__u32			pad1;
	__aligned_u64		gpu_virtual_address;
	union {
		__u32		priority;
		__aligned_u64	unused;
	};
	__aligned_u64		reserved[5];
};

/**
 * struct d3dkmt_createallocationflags - Flags of struct d3dkmt_createallocation
 * @create_resource: make a resource which holds the allocations
 * @create_shared: other processes may open the resource
 * @non_secure: anyone may open the resource
 * @create_protected: not supported in a virtual machine
 * @restrict_shared_access: only some may open the resource
 * @existing_sysmem: backed by memory of the caller
 * @nt_security_sharing: shared by file descriptor
 * @read_only: the GPU only reads the memory of the caller
 * @create_write_combined: mapped write-combining
 * @create_cached: mapped cached
 * @swap_chain_back_buffer: back buffer of a swap chain
 * @cross_adapter: shared between adapters
 * @open_cross_adapter: opened on another adapter
 * @partial_shared_creation: first part of a shared resource
 * @zeroed: already filled with 0
 * @write_watch: writes are tracked
 * @standard_allocation: described by struct d3dkmt_createstandardallocation
 * @existing_section: not supported in a virtual machine
 * @reserved: reserved
 * @value: all bits
 */
struct d3dkmt_createallocationflags {
	union {
		struct {
			__u32 create_resource		: 1;
			__u32 create_shared		: 1;
			__u32 non_secure		: 1;
			__u32 create_protected		: 1;
			__u32 restrict_shared_access	: 1;
			__u32 existing_sysmem		: 1;
			__u32 nt_security_sharing	: 1;
			__u32 read_only			: 1;
			__u32 create_write_combined	: 1;
			__u32 create_cached		: 1;
			__u32 swap_chain_back_buffer	: 1;
			__u32 cross_adapter		: 1;
			__u32 open_cross_adapter	: 1;
			__u32 partial_shared_creation	: 1;
			__u32 zeroed			: 1;
			__u32 write_watch		: 1;
			__u32 standard_allocation	: 1;
			__u32 existing_section		: 1;
			__u32 reserved			: 14;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_createallocation - LX_DXCREATEALLOCATION
 * @device: in: a device
 * @resource: in: a resource to add to, or 0; out: the new resource, with
 *	create_resource
 * @global_share: not used
 * @reserved: reserved
 * @private_runtime_data: pointer to data of the runtime, kept for importers
 * @private_runtime_data_size: in: its size in bytes
 * @reserved1: reserved
 * @standard_allocation: pointer to a struct d3dkmt_createstandardallocation,
 *	with the flag of that name
 * @priv_drv_data: pointer to data of the vendor's driver for the resource
 * @priv_drv_data_size: in: its size in bytes
 * @alloc_count: in: entries, 1 to D3DKMT_CREATEALLOCATION_MAX
 * @allocation_info: pointer to an array of struct d3dddi_allocationinfo2
 * @flags: in: flags
 * @reserved2: reserved
 * @private_runtime_resource_handle: in: number the runtime knows it by
 */
struct d3dkmt_createallocation {
	struct d3dkmthandle			device;
	struct d3dkmthandle			resource;
	struct d3dkmthandle			global_share;
	__u32					reserved;
	__aligned_u64				private_runtime_data;
	__u32					private_runtime_data_size;
	__u32					reserved1;
	union {
		__aligned_u64			standard_allocation;
		__aligned_u64			priv_drv_data;
	};
	__u32					priv_drv_data_size;
	__u32					alloc_count;
	__aligned_u64				allocation_info;
	struct d3dkmt_createallocationflags	flags;
	__u32					reserved2;
	__aligned_u64				private_runtime_resource_handle;
};

/**
 * struct d3dddicb_destroyallocation2flags - How to destroy allocations
 * @assume_not_in_use: the GPU has finished with them
 * @synchronous_destroy: return when they are gone
 * @reserved: reserved
 * @system_use_only: for the host only
 * @value: all bits
 */
struct d3dddicb_destroyallocation2flags {
	union {
		struct {
			__u32 assume_not_in_use		: 1;
			__u32 synchronous_destroy	: 1;
			__u32 reserved			: 29;
			__u32 system_use_only		: 1;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_destroyallocation2 - LX_DXDESTROYALLOCATION2
 * @device: in: a device
 * @resource: in: a resource to destroy with its allocations, or 0
 * @allocations: pointer to an array of struct d3dkmthandle
 * @alloc_count: in: entries; 0 when @resource is given
 * @flags: in: flags
 */
struct d3dkmt_destroyallocation2 {
	struct d3dkmthandle			device;
	struct d3dkmthandle			resource;
	__aligned_u64				allocations;
	__u32					alloc_count;
	struct d3dddicb_destroyallocation2flags	flags;
};

/**
 * struct d3dddicb_lock2flags - No flag is defined
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddicb_lock2flags {
	union {
		struct {
			__u32 reserved	: 32;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_lock2 - LX_DXLOCK2
 * @device: in: a device
 * @allocation: in: an allocation
 * @flags: in: flags
 * @reserved: reserved
 * @data: out: address of its memory in the process
 */
struct d3dkmt_lock2 {
	struct d3dkmthandle		device;
	struct d3dkmthandle		allocation;
	struct d3dddicb_lock2flags	flags;
	__u32				reserved;
	__aligned_u64			data;
};

/**
 * struct d3dkmt_unlock2 - LX_DXUNLOCK2
 * @device: in: a device
 * @allocation: in: an allocation locked before
 */
struct d3dkmt_unlock2 {
	struct d3dkmthandle	device;
	struct d3dkmthandle	allocation;
};

/**
 * struct d3dkmt_invalidatecache - LX_DXINVALIDATECACHE
 * @device: in: a device
 * @allocation: in: an allocation
 * @offset: in: first byte
 * @length: in: bytes
 */
struct d3dkmt_invalidatecache {
	struct d3dkmthandle	device;
	struct d3dkmthandle	allocation;
	__aligned_u64		offset;
	__aligned_u64		length;
};

/**
 * enum d3dkmt_allocationresidencystatus - Where an allocation is
 * @_D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY: GPU memory
 * @_D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY: system memory the
 *	GPU can use
 * @_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT: the GPU cannot use it now
 */
enum d3dkmt_allocationresidencystatus {
	_D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINGPUMEMORY		= 1,
	_D3DKMT_ALLOCATIONRESIDENCYSTATUS_RESIDENTINSHAREDMEMORY	= 2,
	_D3DKMT_ALLOCATIONRESIDENCYSTATUS_NOTRESIDENT			= 3,
};

/**
 * struct d3dkmt_queryallocationresidency - LX_DXQUERYALLOCATIONRESIDENCY
 * @device: in: a device
 * @resource: in: a resource, or 0
 * @allocations: pointer to an array of struct d3dkmthandle
 * @allocation_count: in: entries; 0 when @resource is given
 * @reserved: reserved
 * @residency_status: pointer to an array of __u32, filled with values of
 *	enum d3dkmt_allocationresidencystatus; one value for a resource
 */
struct d3dkmt_queryallocationresidency {
	struct d3dkmthandle	device;
	struct d3dkmthandle	resource;
	__aligned_u64		allocations;
	__u32			allocation_count;
	__u32			reserved;
	__aligned_u64		residency_status;
};

/**
 * struct d3dkmt_setallocationpriority - LX_DXSETALLOCATIONPRIORITY
 * @device: in: a device
 * @resource: in: a resource, or 0
 * @allocation_list: pointer to an array of struct d3dkmthandle
 * @allocation_count: in: entries; 0 when @resource is given
 * @reserved: reserved
 * @priorities: pointer to an array of __u32; one value for a resource
 */
struct d3dkmt_setallocationpriority {
	struct d3dkmthandle	device;
	struct d3dkmthandle	resource;
	__aligned_u64		allocation_list;
	__u32			allocation_count;
	__u32			reserved;
	__aligned_u64		priorities;
};

/**
 * struct d3dkmt_getallocationpriority - LX_DXGETALLOCATIONPRIORITY
 * @device: in: a device
 * @resource: in: a resource, or 0
 * @allocation_list: pointer to an array of struct d3dkmthandle
 * @allocation_count: in: entries; 0 when @resource is given
 * @reserved: reserved
 * @priorities: pointer to an array of __u32 to fill; one value for a resource
 */
struct d3dkmt_getallocationpriority {
	struct d3dkmthandle	device;
	struct d3dkmthandle	resource;
	__aligned_u64		allocation_list;
	__u32			allocation_count;
	__u32			reserved;
	__aligned_u64		priorities;
};

/*
 * Synchronization objects
 */

/**
 * enum d3dddi_synchronizationobject_type - Kinds of synchronization objects
 * @_D3DDDI_SYNCHRONIZATION_MUTEX: mutex
 * @_D3DDDI_SEMAPHORE: semaphore
 * @_D3DDDI_FENCE: fence whose value only the GPU sees
 * @_D3DDDI_CPU_NOTIFICATION: signals an eventfd
 * @_D3DDDI_MONITORED_FENCE: fence with a value in memory
 * @_D3DDDI_PERIODIC_MONITORED_FENCE: signalled once per picture
 * @_D3DDDI_SYNCHRONIZATION_TYPE_LIMIT: end of the list
 */
enum d3dddi_synchronizationobject_type {
	_D3DDDI_SYNCHRONIZATION_MUTEX		= 1,
	_D3DDDI_SEMAPHORE			= 2,
	_D3DDDI_FENCE				= 3,
	_D3DDDI_CPU_NOTIFICATION		= 4,
	_D3DDDI_MONITORED_FENCE			= 5,
	_D3DDDI_PERIODIC_MONITORED_FENCE	= 6,
	_D3DDDI_SYNCHRONIZATION_TYPE_LIMIT	= 7,
};

/**
 * struct d3dddi_synchronizationobject_flags - Flags of such an object
 * @shared: other processes may open it; needs @nt_security_sharing
 * @nt_security_sharing: shared by file descriptor
 * @cross_adapter: used by several adapters
 * @top_of_pipeline: signalled when the commands before it have started
 * @no_signal: this handle cannot signal
 * @no_wait: this handle cannot wait
 * @no_signal_max_value_on_tdr: do not signal when the GPU is reset
 * @no_gpu_access: not mapped for the GPU
 * @reserved: reserved; the highest bit is used by the host
 * @value: all bits
 */
struct d3dddi_synchronizationobject_flags {
	union {
		struct {
			__u32 shared				: 1;
			__u32 nt_security_sharing		: 1;
			__u32 cross_adapter			: 1;
			__u32 top_of_pipeline			: 1;
			__u32 no_signal				: 1;
			__u32 no_wait				: 1;
			__u32 no_signal_max_value_on_tdr	: 1;
			__u32 no_gpu_access			: 1;
			__u32 reserved				: 23;
		};
		__u32 value;
	};
};

/**
 * struct d3dddi_synchronizationobjectinfo2 - Description of such an object
 * @type: in: one of enum d3dddi_synchronizationobject_type
 * @flags: in: flags
 * @synchronization_mutex: a mutex
 * @synchronization_mutex.initial_state: in: not 0 when taken at first
 * @semaphore: a semaphore
 * @semaphore.max_count: in: highest count
 * @semaphore.initial_count: in: first count
 * @fence: a fence
 * @fence.fence_value: in: first value
 * @cpu_notification: a CPU notification
 * @cpu_notification.event: in: an eventfd
 * @monitored_fence: a monitored fence
 * @monitored_fence.initial_fence_value: in: first value
 * @monitored_fence.fence_cpu_virtual_address: out: address of the value
 * @monitored_fence.fence_gpu_virtual_address: out: its GPU virtual address
 * @monitored_fence.engine_affinity: in: mask of the GPUs of a linked adapter
 * @monitored_fence.pad: padding
 * @periodic_monitored_fence: a periodic monitored fence
 * @periodic_monitored_fence.adapter: in: an adapter
 * @periodic_monitored_fence.vidpn_target_id: in: display target
 * @periodic_monitored_fence.time: in: time within the period
 * @periodic_monitored_fence.fence_cpu_virtual_address: out: address of the
 *	value
 * @periodic_monitored_fence.fence_gpu_virtual_address: out: its GPU virtual
 *	address
 * @periodic_monitored_fence.engine_affinity: in: mask of the GPUs of a linked
 *	adapter
 * @periodic_monitored_fence.pad: padding
 * @reserved: room for later types
 * @reserved.reserved: reserved
 * @shared_handle: out: number of a shared object, the same in all processes
 * @pad: padding
 */
struct d3dddi_synchronizationobjectinfo2 {
	__u32						type;
	struct d3dddi_synchronizationobject_flags	flags;
	union {
		struct {
			__u32			initial_state;
		} synchronization_mutex;
		struct {
			__u32			max_count;
			__u32			initial_count;
		} semaphore;
		struct {
			__aligned_u64		fence_value;
		} fence;
		struct {
			__aligned_u64		event;
		} cpu_notification;
		struct {
			__aligned_u64		initial_fence_value;
			__aligned_u64		fence_cpu_virtual_address;
			__aligned_u64		fence_gpu_virtual_address;
			__u32			engine_affinity;
			__u32			pad;
		} monitored_fence;
		struct {
			struct d3dkmthandle	adapter;
			__u32			vidpn_target_id;
			__aligned_u64		time;
			__aligned_u64		fence_cpu_virtual_address;
			__aligned_u64		fence_gpu_virtual_address;
			__u32			engine_affinity;
			__u32			pad;
		} periodic_monitored_fence;
		struct {
			__aligned_u64		reserved[8];
		} reserved;
	};
	struct d3dkmthandle				shared_handle;
	__u32						pad;
};

/**
 * struct d3dkmt_createsynchronizationobject2 - LX_DXCREATESYNCHRONIZATIONOBJECT
 * @device: in: a device
 * @reserved: reserved
 * @info: in and out: description
 * @sync_object: out: the new object
 * @reserved1: reserved
 */
struct d3dkmt_createsynchronizationobject2 {
	struct d3dkmthandle				device;
	__u32						reserved;
	struct d3dddi_synchronizationobjectinfo2	info;
	struct d3dkmthandle				sync_object;
	__u32						reserved1;
};

/**
 * struct d3dkmt_destroysynchronizationobject - LX_DXDESTROYSYNCHRONIZATIONOBJECT
 * @sync_object: in: the object
 */
struct d3dkmt_destroysynchronizationobject {
	struct d3dkmthandle	sync_object;
};

/**
 * struct d3dddicb_signalflags - How to signal
 * @signal_at_submission: when the command is submitted, not when it is done
 * @enqueue_cpu_event: signal an eventfd instead of objects
 * @allow_fence_rewind: the value may become smaller
 * @reserved: reserved
 * @DXGK_SIGNAL_FLAG_INTERNAL0: for the host only
 * @value: all bits
 */
struct d3dddicb_signalflags {
	union {
		struct {
			__u32 signal_at_submission		: 1;
			__u32 enqueue_cpu_event			: 1;
			__u32 allow_fence_rewind		: 1;
			__u32 reserved				: 28;
			__u32 DXGK_SIGNAL_FLAG_INTERNAL0	: 1;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_signalsynchronizationobject2 - LX_DXSIGNALSYNCHRONIZATIONOBJECT
 * @context: in: the first context which signals
 * @object_count: in: entries of @object_array
 * @object_array: in: the objects
 * @flags: in: flags
 * @context_count: in: entries of @contexts
 * @contexts: in: more contexts which signal
 * @fence: the value of a fence
 * @fence.fence_value: in: value
 * @cpu_event_handle: in: an eventfd, with enqueue_cpu_event
 * @reserved: room for later types
 */
struct d3dkmt_signalsynchronizationobject2 {
	struct d3dkmthandle		context;
	__u32				object_count;
	struct d3dkmthandle	object_array[D3DDDI_MAX_OBJECT_SIGNALED];
	struct d3dddicb_signalflags	flags;
	__u32				context_count;
	struct d3dkmthandle	contexts[D3DDDI_MAX_BROADCAST_CONTEXT];
	union {
		struct {
			__aligned_u64	fence_value;
		} fence;
		__aligned_u64		cpu_event_handle;
		__aligned_u64		reserved[8];
	};
};

/**
 * struct d3dkmt_signalsynchronizationobjectfromcpu - LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMCPU
 * @device: in: a device
 * @object_count: in: objects, 1 to D3DDDI_MAX_OBJECT_SIGNALED
 * @objects: pointer to an array of struct d3dkmthandle
 * @fence_values: pointer to an array of __u64
 * @flags: in: flags
 * @pad: padding
 */
struct d3dkmt_signalsynchronizationobjectfromcpu {
	struct d3dkmthandle		device;
	__u32				object_count;
	__aligned_u64			objects;
	__aligned_u64			fence_values;
	struct d3dddicb_signalflags	flags;
	__u32				pad;
};

/**
 * struct d3dkmt_signalsynchronizationobjectfromgpu - LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU
 * @context: in: the context which signals
 * @object_count: in: number of objects
 * @objects: pointer to an array of struct d3dkmthandle
 * @monitored_fence_values: pointer to an array of __u64
 * @reserved: room for later types
 */
struct d3dkmt_signalsynchronizationobjectfromgpu {
	struct d3dkmthandle	context;
	__u32			object_count;
	__aligned_u64		objects;
	union {
		__aligned_u64	monitored_fence_values;
		__aligned_u64	reserved[8];
	};
};

/**
 * struct d3dkmt_signalsynchronizationobjectfromgpu2 - LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2
 * @object_count: in: number of objects; 0 with enqueue_cpu_event
 * @reserved1: reserved
 * @objects: pointer to an array of struct d3dkmthandle
 * @flags: in: flags
 * @context_count: in: number of contexts
 * @contexts: pointer to an array of struct d3dkmthandle
 * @fence_value: in: value of a fence
 * @cpu_event_handle: in: an eventfd, with enqueue_cpu_event
 * @monitored_fence_values: pointer to an array of __u64
 * @reserved: room for later types
 */
struct d3dkmt_signalsynchronizationobjectfromgpu2 {
	__u32				object_count;
	__u32				reserved1;
	__aligned_u64			objects;
	struct d3dddicb_signalflags	flags;
	__u32				context_count;
	__aligned_u64			contexts;
	union {
		__aligned_u64		fence_value;
		__aligned_u64		cpu_event_handle;
		__aligned_u64		monitored_fence_values;
		__aligned_u64		reserved[8];
	};
};

/**
 * struct d3dkmt_submitsignalsyncobjectstohwqueue - LX_DXSUBMITSIGNALSYNCOBJECTSTOHWQUEUE
 * @flags: in: flags
 * @hwqueue_count: in: queues, 1 to D3DDDI_MAX_BROADCAST_CONTEXT
 * @hwqueues: pointer to an array of struct d3dkmthandle
 * @object_count: in: objects, 1 to D3DDDI_MAX_OBJECT_SIGNALED
 * @reserved: reserved
 * @objects: pointer to an array of struct d3dkmthandle
 * @fence_values: pointer to an array of __u64
 */
struct d3dkmt_submitsignalsyncobjectstohwqueue {
	struct d3dddicb_signalflags	flags;
	__u32				hwqueue_count;
	__aligned_u64			hwqueues;
	__u32				object_count;
	__u32				reserved;
	__aligned_u64			objects;
	__aligned_u64			fence_values;
};

/**
 * struct d3dkmt_waitforsynchronizationobject2 - LX_DXWAITFORSYNCHRONIZATIONOBJECT
 * @context: in: the context which waits
 * @object_count: in: entries of @object_array, at least 1
 * @object_array: in: the objects
 * @fence: the value of a fence
 * @fence.fence_value: in: value
 * @reserved: room for later types
 */
struct d3dkmt_waitforsynchronizationobject2 {
	struct d3dkmthandle	context;
	__u32			object_count;
	struct d3dkmthandle	object_array[D3DDDI_MAX_OBJECT_WAITED_ON];
	union {
		struct {
			__aligned_u64	fence_value;
		} fence;
		__aligned_u64		reserved[8];
	};
};

/**
 * struct d3dddi_waitforsynchronizationobjectfromcpu_flags - How to wait
 * @wait_any: for one of the objects, not for all
 * @reserved: reserved
 * @value: all bits
 */
struct d3dddi_waitforsynchronizationobjectfromcpu_flags {
	union {
		struct {
			__u32 wait_any	: 1;
			__u32 reserved	: 31;
		};
		__u32 value;
	};
};

/**
 * struct d3dkmt_waitforsynchronizationobjectfromcpu - LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU
 * @device: in: a device
 * @object_count: in: number of objects
 * @objects: pointer to an array of struct d3dkmthandle
 * @fence_values: pointer to an array of __u64
 * @async_event: in: an eventfd to signal instead of waiting, or 0
 * @flags: in: flags
 * @pad: padding
 */
struct d3dkmt_waitforsynchronizationobjectfromcpu {
	struct d3dkmthandle	device;
	__u32			object_count;
	__aligned_u64		objects;
	__aligned_u64		fence_values;
	__aligned_u64		async_event;
	struct d3dddi_waitforsynchronizationobjectfromcpu_flags flags;
	__u32			pad;
};

/**
 * struct d3dkmt_waitforsynchronizationobjectfromgpu - LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMGPU
 * @context: in: the context which waits
 * @object_count: in: objects, 1 to D3DDDI_MAX_OBJECT_WAITED_ON
 * @objects: pointer to an array of struct d3dkmthandle
 * @monitored_fence_values: pointer to an array of __u64, for monitored fences
 * @fence_value: in: value, for other objects
 * @reserved: room for later types
 */
struct d3dkmt_waitforsynchronizationobjectfromgpu {
	struct d3dkmthandle	context;
	__u32			object_count;
	__aligned_u64		objects;
	union {
		__aligned_u64	monitored_fence_values;
		__aligned_u64	fence_value;
		__aligned_u64	reserved[8];
	};
};

/*
 * Sharing between processes and with the host
 */

/**
 * struct d3dkmt_shareobjects - LX_DXSHAREOBJECTS
 * @object_count: in: 1
 * @reserved: reserved
 * @objects: pointer to a struct d3dkmthandle, a shared resource or
 *	synchronization object
 * @object_attr: not used
 * @desired_access: not used
 * @reserved1: reserved
 * @shared_handle: pointer to a __u64, filled with a new file descriptor
 */
struct d3dkmt_shareobjects {
	__u32			object_count;
	__u32			reserved;
	__aligned_u64		objects;
	__aligned_u64		object_attr;
	__u32			desired_access;
	__u32			reserved1;
	__aligned_u64		shared_handle;
};

/**
 * struct d3dkmt_opensyncobjectfromnthandle2 - LX_DXOPENSYNCOBJECTFROMNTHANDLE2
 * @nt_handle: in: a file descriptor made by LX_DXSHAREOBJECTS
 * @device: in: a device
 * @flags: in: flags
 * @sync_object: out: the new object
 * @reserved1: reserved
 * @monitored_fence: a monitored fence
 * @monitored_fence.fence_value_cpu_va: out: address of the value
 * @monitored_fence.fence_value_gpu_va: out: its GPU virtual address
 * @monitored_fence.engine_affinity: in: mask of the GPUs of a linked adapter
 * @monitored_fence.pad: padding
 * @reserved: room for later types
 */
struct d3dkmt_opensyncobjectfromnthandle2 {
	__aligned_u64					nt_handle;
	struct d3dkmthandle				device;
	struct d3dddi_synchronizationobject_flags	flags;
	struct d3dkmthandle				sync_object;
	__u32						reserved1;
	union {
		struct {
			__aligned_u64	fence_value_cpu_va;
			__aligned_u64	fence_value_gpu_va;
			__u32		engine_affinity;
			__u32		pad;
		} monitored_fence;
		__aligned_u64		reserved[8];
	};
};

/**
 * struct d3dkmt_queryresourceinfofromnthandle - LX_DXQUERYRESOURCEINFOFROMNTHANDLE
 * @device: in: a device
 * @reserved: reserved
 * @nt_handle: in: a file descriptor made by LX_DXSHAREOBJECTS
 * @private_runtime_data: not used
 * @private_runtime_data_size: out: bytes of runtime data
 * @total_priv_drv_data_size: out: bytes of vendor data of all allocations
 * @resource_priv_drv_data_size: out: bytes of vendor data of the resource
 * @allocation_count: out: number of allocations
 */
struct d3dkmt_queryresourceinfofromnthandle {
	struct d3dkmthandle	device;
	__u32			reserved;
	__aligned_u64		nt_handle;
	__aligned_u64		private_runtime_data;
	__u32			private_runtime_data_size;
	__u32			total_priv_drv_data_size;
	__u32			resource_priv_drv_data_size;
	__u32			allocation_count;
};

/**
 * struct d3dddi_openallocationinfo2 - One allocation of an opened resource
 * @allocation: the new allocation
 * @pad: padding
 * @priv_drv_data: pointer to its vendor data
 * @priv_drv_data_size: size of that in bytes
 * @pad1: padding
 * @gpu_va: always 0
 * @reserved: always 0
 */
struct d3dddi_openallocationinfo2 {
	struct d3dkmthandle	allocation;
	__u32			pad;
	__aligned_u64		priv_drv_data;
	__u32			priv_drv_data_size;
	__u32			pad1;
	__aligned_u64		gpu_va;
	__aligned_u64		reserved[6];
};

/**
 * struct d3dkmt_openresourcefromnthandle - LX_DXOPENRESOURCEFROMNTHANDLE
 * @device: in: a device
 * @reserved: reserved
 * @nt_handle: in: a file descriptor made by LX_DXSHAREOBJECTS
 * @allocation_count: in: the number of allocations of the resource
 * @reserved1: reserved
 * @open_alloc_info: pointer to an array of struct d3dddi_openallocationinfo2
 *	to fill
 * @private_runtime_data_size: in: room in @private_runtime_data
 * @reserved2: reserved
 * @private_runtime_data: pointer to room for the runtime data
 * @resource_priv_drv_data_size: in: room in @resource_priv_drv_data
 * @reserved3: reserved
 * @resource_priv_drv_data: pointer to room for vendor data of the resource
 * @total_priv_drv_data_size: in: room in @total_priv_drv_data; out: bytes used
 * @pad: padding
 * @total_priv_drv_data: pointer to room for vendor data of the allocations
 * @resource: out: the new resource
 * @keyed_mutex: not used
 * @keyed_mutex_private_data: not used
 * @keyed_mutex_private_data_size: not used
 * @sync_object: not used
 */
struct d3dkmt_openresourcefromnthandle {
	struct d3dkmthandle	device;
	__u32			reserved;
	__aligned_u64		nt_handle;
	__u32			allocation_count;
	__u32			reserved1;
	__aligned_u64		open_alloc_info;
	__u32			private_runtime_data_size;
	__u32			reserved2;
	__aligned_u64		private_runtime_data;
	__u32			resource_priv_drv_data_size;
	__u32			reserved3;
	__aligned_u64		resource_priv_drv_data;
	__u32			total_priv_drv_data_size;
	__u32			pad;
	__aligned_u64		total_priv_drv_data;
	struct d3dkmthandle	resource;
	struct d3dkmthandle	keyed_mutex;
	__aligned_u64		keyed_mutex_private_data;
	__u32			keyed_mutex_private_data_size;
	struct d3dkmthandle	sync_object;
};

/**
 * struct d3dkmt_shareobjectwithhost - LX_DXSHAREOBJECTWITHHOST
 * @device_handle: in: a device
 * @object_handle: in: a resource or synchronization object
 * @reserved: reserved
 * @object_vail_nt_handle: out: the object's NT handle on the host
 */
struct d3dkmt_shareobjectwithhost {
	struct d3dkmthandle	device_handle;
	struct d3dkmthandle	object_handle;
	__aligned_u64		reserved;
	__aligned_u64		object_vail_nt_handle;
};

/**
 * struct d3dkmt_createsyncfile - LX_DXCREATESYNCFILE
 * @device: in: a device
 * @monitored_fence: in: a monitored fence
 * @fence_value: in: the value at which the sync file signals
 * @sync_file_handle: out: a new file descriptor
 */
struct d3dkmt_createsyncfile {
	struct d3dkmthandle	device;
	struct d3dkmthandle	monitored_fence;
	__aligned_u64		fence_value;
	__aligned_u64		sync_file_handle;
};

/**
 * struct d3dkmt_waitsyncfile - LX_DXWAITSYNCFILE
 * @sync_file_handle: in: a sync file
 * @context: in: the context which waits
 * @reserved: reserved
 */
struct d3dkmt_waitsyncfile {
	__aligned_u64		sync_file_handle;
	struct d3dkmthandle	context;
	__u32			reserved;
};

/**
 * struct d3dkmt_opensyncobjectfromsyncfile - LX_DXOPENSYNCOBJECTFROMSYNCFILE
 * @sync_file_handle: in: a sync file made from a shared monitored fence
 * @device: in: a device
 * @syncobj: out: the new object
 * @fence_value: out: the value at which the sync file signals
 * @fence_value_cpu_va: out: address of the current value
 * @fence_value_gpu_va: out: its GPU virtual address
 */
struct d3dkmt_opensyncobjectfromsyncfile {
	__aligned_u64		sync_file_handle;
	struct d3dkmthandle	device;
	struct d3dkmthandle	syncobj;
	__aligned_u64		fence_value;
	__aligned_u64		fence_value_cpu_va;
	__aligned_u64		fence_value_gpu_va;
};

/*
 * The ioctls. 0x00, 0x03, 0x17, 0x1a, 0x23, 0x28, 0x29, 0x2b and 0x2d are not
 * used and stay free: old user libraries still issue them and expect ENOTTY.
 */
#define LX_DXOPENADAPTERFROMLUID \
	_IOWR(0x47, 0x01, struct d3dkmt_openadapterfromluid)
#define LX_DXCREATEDEVICE \
	_IOWR(0x47, 0x02, struct d3dkmt_createdevice)
#define LX_DXCREATECONTEXTVIRTUAL \
	_IOWR(0x47, 0x04, struct d3dkmt_createcontextvirtual)
#define LX_DXDESTROYCONTEXT \
	_IOWR(0x47, 0x05, struct d3dkmt_destroycontext)
#define LX_DXCREATEALLOCATION \
	_IOWR(0x47, 0x06, struct d3dkmt_createallocation)
#define LX_DXCREATEPAGINGQUEUE \
	_IOWR(0x47, 0x07, struct d3dkmt_createpagingqueue)
#define LX_DXRESERVEGPUVIRTUALADDRESS \
	_IOWR(0x47, 0x08, struct d3dddi_reservegpuvirtualaddress)
#define LX_DXQUERYADAPTERINFO \
	_IOWR(0x47, 0x09, struct d3dkmt_queryadapterinfo)
#define LX_DXQUERYVIDEOMEMORYINFO \
	_IOWR(0x47, 0x0a, struct d3dkmt_queryvideomemoryinfo)
#define LX_DXMAKERESIDENT \
	_IOWR(0x47, 0x0b, struct d3dddi_makeresident)
#define LX_DXMAPGPUVIRTUALADDRESS \
	_IOWR(0x47, 0x0c, struct d3dddi_mapgpuvirtualaddress)
#define LX_DXESCAPE \
	_IOWR(0x47, 0x0d, struct d3dkmt_escape)
#define LX_DXGETDEVICESTATE \
	_IOWR(0x47, 0x0e, struct d3dkmt_getdevicestate)
#define LX_DXSUBMITCOMMAND \
	_IOWR(0x47, 0x0f, struct d3dkmt_submitcommand)
#define LX_DXCREATESYNCHRONIZATIONOBJECT \
	_IOWR(0x47, 0x10, struct d3dkmt_createsynchronizationobject2)
#define LX_DXSIGNALSYNCHRONIZATIONOBJECT \
	_IOWR(0x47, 0x11, struct d3dkmt_signalsynchronizationobject2)
#define LX_DXWAITFORSYNCHRONIZATIONOBJECT \
	_IOWR(0x47, 0x12, struct d3dkmt_waitforsynchronizationobject2)
#define LX_DXDESTROYALLOCATION2 \
	_IOWR(0x47, 0x13, struct d3dkmt_destroyallocation2)
#define LX_DXENUMADAPTERS2 \
	_IOWR(0x47, 0x14, struct d3dkmt_enumadapters2)
#define LX_DXCLOSEADAPTER \
	_IOWR(0x47, 0x15, struct d3dkmt_closeadapter)
#define LX_DXCHANGEVIDEOMEMORYRESERVATION \
	_IOWR(0x47, 0x16, struct d3dkmt_changevideomemoryreservation)
#define LX_DXCREATEHWQUEUE \
	_IOWR(0x47, 0x18, struct d3dkmt_createhwqueue)
#define LX_DXDESTROYDEVICE \
	_IOWR(0x47, 0x19, struct d3dkmt_destroydevice)
#define LX_DXDESTROYHWQUEUE \
	_IOWR(0x47, 0x1b, struct d3dkmt_destroyhwqueue)
#define LX_DXDESTROYPAGINGQUEUE \
	_IOWR(0x47, 0x1c, struct d3dddi_destroypagingqueue)
#define LX_DXDESTROYSYNCHRONIZATIONOBJECT \
	_IOWR(0x47, 0x1d, struct d3dkmt_destroysynchronizationobject)
#define LX_DXEVICT \
	_IOWR(0x47, 0x1e, struct d3dkmt_evict)
#define LX_DXFLUSHHEAPTRANSITIONS \
	_IOWR(0x47, 0x1f, struct d3dkmt_flushheaptransitions)
#define LX_DXFREEGPUVIRTUALADDRESS \
	_IOWR(0x47, 0x20, struct d3dkmt_freegpuvirtualaddress)
#define LX_DXGETCONTEXTINPROCESSSCHEDULINGPRIORITY \
	_IOWR(0x47, 0x21, struct d3dkmt_getcontextinprocessschedulingpriority)
#define LX_DXGETCONTEXTSCHEDULINGPRIORITY \
	_IOWR(0x47, 0x22, struct d3dkmt_getcontextschedulingpriority)
#define LX_DXINVALIDATECACHE \
	_IOWR(0x47, 0x24, struct d3dkmt_invalidatecache)
#define LX_DXLOCK2 \
	_IOWR(0x47, 0x25, struct d3dkmt_lock2)
#define LX_DXMARKDEVICEASERROR \
	_IOWR(0x47, 0x26, struct d3dkmt_markdeviceaserror)
#define LX_DXOFFERALLOCATIONS \
	_IOWR(0x47, 0x27, struct d3dkmt_offerallocations)
#define LX_DXQUERYALLOCATIONRESIDENCY \
	_IOWR(0x47, 0x2a, struct d3dkmt_queryallocationresidency)
#define LX_DXRECLAIMALLOCATIONS2 \
	_IOWR(0x47, 0x2c, struct d3dkmt_reclaimallocations2)
#define LX_DXSETALLOCATIONPRIORITY \
	_IOWR(0x47, 0x2e, struct d3dkmt_setallocationpriority)
#define LX_DXSETCONTEXTINPROCESSSCHEDULINGPRIORITY \
	_IOWR(0x47, 0x2f, struct d3dkmt_setcontextinprocessschedulingpriority)
#define LX_DXSETCONTEXTSCHEDULINGPRIORITY \
	_IOWR(0x47, 0x30, struct d3dkmt_setcontextschedulingpriority)
#define LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMCPU \
	_IOWR(0x47, 0x31, struct d3dkmt_signalsynchronizationobjectfromcpu)
#define LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU \
	_IOWR(0x47, 0x32, struct d3dkmt_signalsynchronizationobjectfromgpu)
#define LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2 \
	_IOWR(0x47, 0x33, struct d3dkmt_signalsynchronizationobjectfromgpu2)
#define LX_DXSUBMITCOMMANDTOHWQUEUE \
	_IOWR(0x47, 0x34, struct d3dkmt_submitcommandtohwqueue)
#define LX_DXSUBMITSIGNALSYNCOBJECTSTOHWQUEUE \
	_IOWR(0x47, 0x35, struct d3dkmt_submitsignalsyncobjectstohwqueue)
#define LX_DXSUBMITWAITFORSYNCOBJECTSTOHWQUEUE \
	_IOWR(0x47, 0x36, struct d3dkmt_submitwaitforsyncobjectstohwqueue)
#define LX_DXUNLOCK2 \
	_IOWR(0x47, 0x37, struct d3dkmt_unlock2)
#define LX_DXUPDATEALLOCPROPERTY \
	_IOWR(0x47, 0x38, struct d3dddi_updateallocproperty)
#define LX_DXUPDATEGPUVIRTUALADDRESS \
	_IOWR(0x47, 0x39, struct d3dkmt_updategpuvirtualaddress)
#define LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU \
	_IOWR(0x47, 0x3a, struct d3dkmt_waitforsynchronizationobjectfromcpu)
#define LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMGPU \
	_IOWR(0x47, 0x3b, struct d3dkmt_waitforsynchronizationobjectfromgpu)
#define LX_DXGETALLOCATIONPRIORITY \
	_IOWR(0x47, 0x3c, struct d3dkmt_getallocationpriority)
#define LX_DXQUERYCLOCKCALIBRATION \
	_IOWR(0x47, 0x3d, struct d3dkmt_queryclockcalibration)
#define LX_DXENUMADAPTERS3 \
	_IOWR(0x47, 0x3e, struct d3dkmt_enumadapters3)
#define LX_DXSHAREOBJECTS \
	_IOWR(0x47, 0x3f, struct d3dkmt_shareobjects)
#define LX_DXOPENSYNCOBJECTFROMNTHANDLE2 \
	_IOWR(0x47, 0x40, struct d3dkmt_opensyncobjectfromnthandle2)
#define LX_DXQUERYRESOURCEINFOFROMNTHANDLE \
	_IOWR(0x47, 0x41, struct d3dkmt_queryresourceinfofromnthandle)
#define LX_DXOPENRESOURCEFROMNTHANDLE \
	_IOWR(0x47, 0x42, struct d3dkmt_openresourcefromnthandle)
#define LX_DXQUERYSTATISTICS \
	_IOWR(0x47, 0x43, struct d3dkmt_querystatistics)
#define LX_DXSHAREOBJECTWITHHOST \
	_IOWR(0x47, 0x44, struct d3dkmt_shareobjectwithhost)
#define LX_DXCREATESYNCFILE \
	_IOWR(0x47, 0x45, struct d3dkmt_createsyncfile)
#define LX_DXWAITSYNCFILE \
	_IOWR(0x47, 0x46, struct d3dkmt_waitsyncfile)
#define LX_DXOPENSYNCOBJECTFROMSYNCFILE \
	_IOWR(0x47, 0x47, struct d3dkmt_opensyncobjectfromsyncfile)
#define LX_DXENUMPROCESSES \
	_IOWR(0x47, 0x48, struct d3dkmt_enumprocesses)
#define LX_ISFEATUREENABLED \
	_IOWR(0x47, 0x49, struct d3dkmt_isfeatureenabled)

#endif /* _UAPI_MISC_D3DKMTHK_H */
