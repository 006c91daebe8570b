// SPDX-License-Identifier: GPL-2.0
/*
 * Request numbers: everything which is not exactly one of the 65 is ENOTTY. User
 * libraries probe that way.
 */
#include <linux/ioctl.h>

#include "dxg_utils.h"
#include "dxg_harness.h"

static const unsigned int known[] = {
	LX_DXOPENADAPTERFROMLUID, LX_DXCREATEDEVICE, LX_DXCREATECONTEXTVIRTUAL,
	LX_DXDESTROYCONTEXT, LX_DXCREATEALLOCATION, LX_DXCREATEPAGINGQUEUE,
	LX_DXRESERVEGPUVIRTUALADDRESS, LX_DXQUERYADAPTERINFO, LX_DXQUERYVIDEOMEMORYINFO,
	LX_DXMAKERESIDENT, LX_DXMAPGPUVIRTUALADDRESS, LX_DXESCAPE, LX_DXGETDEVICESTATE,
	LX_DXSUBMITCOMMAND, LX_DXCREATESYNCHRONIZATIONOBJECT, LX_DXSIGNALSYNCHRONIZATIONOBJECT,
	LX_DXWAITFORSYNCHRONIZATIONOBJECT, LX_DXDESTROYALLOCATION2, LX_DXENUMADAPTERS2,
	LX_DXCLOSEADAPTER, LX_DXCHANGEVIDEOMEMORYRESERVATION, LX_DXCREATEHWQUEUE,
	LX_DXDESTROYDEVICE, LX_DXDESTROYHWQUEUE, LX_DXDESTROYPAGINGQUEUE,
	LX_DXDESTROYSYNCHRONIZATIONOBJECT, LX_DXEVICT, LX_DXFLUSHHEAPTRANSITIONS,
	LX_DXFREEGPUVIRTUALADDRESS, LX_DXGETCONTEXTINPROCESSSCHEDULINGPRIORITY,
	LX_DXGETCONTEXTSCHEDULINGPRIORITY, LX_DXINVALIDATECACHE, LX_DXLOCK2,
	LX_DXMARKDEVICEASERROR, LX_DXOFFERALLOCATIONS, LX_DXQUERYALLOCATIONRESIDENCY,
	LX_DXRECLAIMALLOCATIONS2, LX_DXSETALLOCATIONPRIORITY,
	LX_DXSETCONTEXTINPROCESSSCHEDULINGPRIORITY, LX_DXSETCONTEXTSCHEDULINGPRIORITY,
	LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMCPU, LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU,
	LX_DXSIGNALSYNCHRONIZATIONOBJECTFROMGPU2, LX_DXSUBMITCOMMANDTOHWQUEUE,
	LX_DXSUBMITSIGNALSYNCOBJECTSTOHWQUEUE, LX_DXSUBMITWAITFORSYNCOBJECTSTOHWQUEUE,
	LX_DXUNLOCK2, LX_DXUPDATEALLOCPROPERTY, LX_DXUPDATEGPUVIRTUALADDRESS,
	LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMCPU, LX_DXWAITFORSYNCHRONIZATIONOBJECTFROMGPU,
	LX_DXGETALLOCATIONPRIORITY, LX_DXQUERYCLOCKCALIBRATION, LX_DXENUMADAPTERS3,
	LX_DXSHAREOBJECTS, LX_DXOPENSYNCOBJECTFROMNTHANDLE2, LX_DXQUERYRESOURCEINFOFROMNTHANDLE,
	LX_DXOPENRESOURCEFROMNTHANDLE, LX_DXQUERYSTATISTICS, LX_DXSHAREOBJECTWITHHOST,
	LX_DXCREATESYNCFILE, LX_DXWAITSYNCFILE, LX_DXOPENSYNCOBJECTFROMSYNCFILE,
	LX_DXENUMPROCESSES, LX_ISFEATUREENABLED,
};

/* Requests of the first versions, which no driver implements any more. */
static const unsigned int retired[] = {
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x03, 96),	/* CreateContext */
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x17, 40),	/* CreateHwContext */
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x1a, 4),	/* DestroyHwContext */
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x23, 24),	/* GetSharedResourceAdapterLuid */
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x28, 72),	/* OpenResource */
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x29, 72),	/* OpenSynchronizationObject */
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x2b, 32),	/* QueryResourceInfo */
	_IOC(_IOC_READ | _IOC_WRITE, 0x47, 0x2d, 368),	/* Render */
};

static bool is_known(unsigned int nr)
{
	for (int i = 0; i < ARRAY_SIZE(known); i++) {
		if (_IOC_NR(known[i]) == nr)
			return true;
	}
	return false;
}

FIXTURE(dispatch)
{
	int fd;
	/* Room for any argument, so that a wrong answer is not EFAULT. */
	unsigned char argument[1 << _IOC_SIZEBITS];
};

FIXTURE_SETUP(dispatch)
{
	self->fd = dxg_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(dispatch)
{
	close(self->fd);
}

/* Stops at the first wrong answer: more of them say no more. */
#define ASSERT_NOTTY(request) do {						\
	unsigned int __request = (request);					\
										\
	ASSERT_EQ(-ENOTTY, dxg_ioctl(self->fd, __request, self->argument))	\
		TH_LOG("request %#x", __request);				\
} while (0)

TEST_F(dispatch, numbers_not_used)
{
	const unsigned int sizes[] = { 0, 4, 8, 24, 64, 808 };

	ASSERT_EQ(65, ARRAY_SIZE(known));
	for (unsigned int nr = 0; nr <= 0xff; nr++) {
		if (is_known(nr))
			continue;
		for (int i = 0; i < ARRAY_SIZE(sizes); i++)
			ASSERT_NOTTY(_IOC(_IOC_READ | _IOC_WRITE, 0x47, nr, sizes[i]));
		ASSERT_NOTTY(_IO(0x47, nr));
		/* Nothing is read before the number is known. */
		ASSERT_EQ(-ENOTTY, dxg_ioctl(self->fd, _IO(0x47, nr), NULL));
	}
}

TEST_F(dispatch, numbers_retired)
{
	for (int i = 0; i < ARRAY_SIZE(retired); i++)
		ASSERT_NOTTY(retired[i]);
}

TEST_F(dispatch, wrong_size)
{
	for (int i = 0; i < ARRAY_SIZE(known); i++) {
		unsigned int size = _IOC_SIZE(known[i]);
		unsigned int bare = known[i] & ~(_IOC_SIZEMASK << _IOC_SIZESHIFT);

		ASSERT_NOTTY(bare);
		ASSERT_NOTTY(bare | (size - 4) << _IOC_SIZESHIFT);
		ASSERT_NOTTY(bare | (size + 4) << _IOC_SIZESHIFT);
		ASSERT_NOTTY(bare | (size + 1) << _IOC_SIZESHIFT);
		ASSERT_NOTTY(bare | _IOC_SIZEMASK << _IOC_SIZESHIFT);
	}
}

TEST_F(dispatch, wrong_direction)
{
	for (int i = 0; i < ARRAY_SIZE(known); i++) {
		unsigned int bare = known[i] & ~(_IOC_DIRMASK << _IOC_DIRSHIFT);

		ASSERT_NOTTY(bare | _IOC_NONE << _IOC_DIRSHIFT);
		ASSERT_NOTTY(bare | _IOC_READ << _IOC_DIRSHIFT);
		ASSERT_NOTTY(bare | _IOC_WRITE << _IOC_DIRSHIFT);
	}
}

TEST_F(dispatch, wrong_magic)
{
	const unsigned int magics[] = { 0x00, 0x46, 0x48, 0x67, 0xb8 };

	for (int i = 0; i < ARRAY_SIZE(known); i++) {
		unsigned int bare = known[i] & ~(_IOC_TYPEMASK << _IOC_TYPESHIFT);

		for (int j = 0; j < ARRAY_SIZE(magics); j++)
			ASSERT_NOTTY(bare | magics[j] << _IOC_TYPESHIFT);
	}
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
