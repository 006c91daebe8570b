/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sizes that callers of 64 and of 32 bits must agree on: those of the arguments, which
 * are part of the numbers of the ioctls, and of what arguments point to. The programs
 * that are built both ways include it.
 */
#ifndef DXG_LAYOUT_H
#define DXG_LAYOUT_H

#include <misc/d3dkmthk.h>

#define DXG_SIZE(type, bytes)	_Static_assert(sizeof(struct type) == (bytes), #type)

DXG_SIZE(d3dddi_destroypagingqueue, 4);
DXG_SIZE(d3dddi_makeresident, 48);
DXG_SIZE(d3dddi_mapgpuvirtualaddress, 104);
DXG_SIZE(d3dddi_reservegpuvirtualaddress, 72);
DXG_SIZE(d3dddi_updateallocproperty, 40);
DXG_SIZE(d3dkmt_changevideomemoryreservation, 32);
DXG_SIZE(d3dkmt_closeadapter, 4);
DXG_SIZE(d3dkmt_createallocation, 72);
DXG_SIZE(d3dkmt_createcontextvirtual, 40);
DXG_SIZE(d3dkmt_createdevice, 64);
DXG_SIZE(d3dkmt_createhwqueue, 48);
DXG_SIZE(d3dkmt_createpagingqueue, 32);
DXG_SIZE(d3dkmt_createsyncfile, 24);
DXG_SIZE(d3dkmt_createsynchronizationobject2, 96);
DXG_SIZE(d3dkmt_destroyallocation2, 24);
DXG_SIZE(d3dkmt_destroycontext, 4);
DXG_SIZE(d3dkmt_destroydevice, 4);
DXG_SIZE(d3dkmt_destroyhwqueue, 4);
DXG_SIZE(d3dkmt_destroysynchronizationobject, 4);
DXG_SIZE(d3dkmt_enumadapters2, 16);
DXG_SIZE(d3dkmt_enumadapters3, 24);
DXG_SIZE(d3dkmt_enumprocesses, 24);
DXG_SIZE(d3dkmt_escape, 32);
DXG_SIZE(d3dkmt_evict, 32);
DXG_SIZE(d3dkmt_flushheaptransitions, 4);
DXG_SIZE(d3dkmt_freegpuvirtualaddress, 24);
DXG_SIZE(d3dkmt_getallocationpriority, 32);
DXG_SIZE(d3dkmt_getcontextinprocessschedulingpriority, 8);
DXG_SIZE(d3dkmt_getcontextschedulingpriority, 8);
DXG_SIZE(d3dkmt_getdevicestate, 56);
DXG_SIZE(d3dkmt_invalidatecache, 24);
DXG_SIZE(d3dkmt_isfeatureenabled, 12);
DXG_SIZE(d3dkmt_lock2, 24);
DXG_SIZE(d3dkmt_markdeviceaserror, 8);
DXG_SIZE(d3dkmt_offerallocations, 40);
DXG_SIZE(d3dkmt_openadapterfromluid, 12);
DXG_SIZE(d3dkmt_openresourcefromnthandle, 104);
DXG_SIZE(d3dkmt_opensyncobjectfromnthandle2, 88);
DXG_SIZE(d3dkmt_opensyncobjectfromsyncfile, 40);
DXG_SIZE(d3dkmt_queryadapterinfo, 24);
DXG_SIZE(d3dkmt_queryallocationresidency, 32);
DXG_SIZE(d3dkmt_queryclockcalibration, 40);
DXG_SIZE(d3dkmt_queryresourceinfofromnthandle, 40);
DXG_SIZE(d3dkmt_querystatistics, 808);
DXG_SIZE(d3dkmt_queryvideomemoryinfo, 56);
DXG_SIZE(d3dkmt_reclaimallocations2, 40);
DXG_SIZE(d3dkmt_setallocationpriority, 32);
DXG_SIZE(d3dkmt_setcontextinprocessschedulingpriority, 8);
DXG_SIZE(d3dkmt_setcontextschedulingpriority, 8);
DXG_SIZE(d3dkmt_shareobjects, 40);
DXG_SIZE(d3dkmt_shareobjectwithhost, 24);
DXG_SIZE(d3dkmt_signalsynchronizationobject2, 464);
DXG_SIZE(d3dkmt_signalsynchronizationobjectfromcpu, 32);
DXG_SIZE(d3dkmt_signalsynchronizationobjectfromgpu, 80);
DXG_SIZE(d3dkmt_signalsynchronizationobjectfromgpu2, 96);
DXG_SIZE(d3dkmt_submitcommand, 384);
DXG_SIZE(d3dkmt_submitcommandtohwqueue, 56);
DXG_SIZE(d3dkmt_submitsignalsyncobjectstohwqueue, 40);
DXG_SIZE(d3dkmt_submitwaitforsyncobjectstohwqueue, 24);
DXG_SIZE(d3dkmt_unlock2, 8);
DXG_SIZE(d3dkmt_updategpuvirtualaddress, 56);
DXG_SIZE(d3dkmt_waitforsynchronizationobject2, 200);
DXG_SIZE(d3dkmt_waitforsynchronizationobjectfromcpu, 40);
DXG_SIZE(d3dkmt_waitforsynchronizationobjectfromgpu, 80);
DXG_SIZE(d3dkmt_waitsyncfile, 16);

DXG_SIZE(d3dkmt_adapterinfo, 20);
DXG_SIZE(d3dddi_allocationinfo2, 96);
DXG_SIZE(d3dddi_openallocationinfo2, 80);
DXG_SIZE(d3dddi_updategpuvirtualaddress_operation, 64);
DXG_SIZE(d3dddi_buildtestcommandbuffer, 112);
DXG_SIZE(d3dkmt_createstandardallocation, 24);
DXG_SIZE(d3dddi_synchronizationobjectinfo2, 80);

#endif /* DXG_LAYOUT_H */
