// SPDX-License-Identifier: GPL-2.0
/*
 * Handles that name nothing, something else, something gone, or something of another
 * process: refused by each ioctl that looks them up, with nothing changed.
 */
#include "dxg_calls.h"
#include "dxg_sync.h"
#include "dxg_harness.h"

FIXTURE(handles)
{
	struct dxg_scene scene;
	unsigned char valid[DXG_ARGUMENT_MAX];
	unsigned char args[DXG_ARGUMENT_MAX];
	int objects;
};

FIXTURE_VARIANT(handles)
{
	bool compute;
};

FIXTURE_VARIANT_ADD(handles, render) { .compute = false };
FIXTURE_VARIANT_ADD(handles, compute) { .compute = true };

FIXTURE_SETUP(handles)
{
	int opened = dxg_scene_open(&self->scene, variant->compute);

	if (opened == -ENODEV)
		SKIP(return, "no such adapter");
	ASSERT_EQ(0, opened);
	self->objects = dxg_host_objects_settled();
}

FIXTURE_TEARDOWN(handles)
{
	EXPECT_EQ(self->objects, dxg_host_objects());
	dxg_scene_close(&self->scene);
}

/* Whether a handle can stand in this place after all */
static bool is_welcome(const struct dxg_scene *scene, const struct dxg_call *call,
		       const struct dxg_call_handle *place, __u32 handle)
{
	if (handle == scene->handle[place->kind])
		return true;
	return call->request == LX_DXRESERVEGPUVIRTUALADDRESS &&
	       handle == scene->handle[DXG_PAGING_QUEUE];
}

#define for_each_place(call, place)							\
	for (const struct dxg_call_handle *place = (call)->handle;			\
	     place < (call)->handle + ARRAY_SIZE((call)->handle) && place->kind; place++)

/* The call with one of its handles replaced: refused, and the argument as it was. */
#define EXPECT_NO_OBJECT(call, place, number, what) do {				\
	__u32 __number = (number);							\
	int __result;									\
											\
	memcpy(self->args, self->valid, sizeof(self->args));				\
	memcpy(self->args + (place)->offset, &__number, sizeof(__number));		\
	__result = dxg_ioctl(self->scene.gpu.fd, (call)->request, self->args);		\
	EXPECT_EQ(-EINVAL, __result)							\
		TH_LOG("%s with %s %#x", (call)->name, what, __number);			\
	memcpy(self->args + (place)->offset, self->valid + (place)->offset,		\
	       sizeof(__number));							\
	EXPECT_EQ(0, memcmp(self->args, self->valid, sizeof(self->args)))		\
		TH_LOG("%s has changed its argument", (call)->name);			\
} while (0)

TEST_F(handles, of_nothing)
{
	for_each_call(call, &self->scene) {
		for_each_place(call, place) {
			__u32 good = self->scene.handle[place->kind];
			const __u32 bad[] = {
				0, 1, 0x3f, 0xffffffff, DXG_NO_HANDLE,
				/* The next slots, and the ones a table has first */
				0x40000000 + 900 * DXG_HANDLE_STEP,
				0x40000000 + 1023 * DXG_HANDLE_STEP,
				0x40000000 + 1024 * DXG_HANDLE_STEP,
				DXG_HANDLE_FIRST + 900 * DXG_HANDLE_STEP,
				DXG_HANDLE_FIRST + 1024 * DXG_HANDLE_STEP,
				/* The right slot in another generation, and in none */
				good ^ 0xc0000000, good & 0x3fffffff,
				/* The right slot as another instance: all 32 bits count. */
				good ^ 1, good ^ 2, good ^ 0x20, good | 0x3f,
			};

			call->fill(&self->scene, self->valid);
			for (int i = 0; i < ARRAY_SIZE(bad); i++) {
				/* No resource at all is none to destroy, and no mistake. */
				if (bad[i] || place->kind != DXG_RESOURCE)
					EXPECT_NO_OBJECT(call, place, bad[i], "handle");
			}
		}
	}
}

TEST_F(handles, of_another_kind)
{
	for_each_call(call, &self->scene) {
		for_each_place(call, place) {
			call->fill(&self->scene, self->valid);
			for (enum dxg_kind kind = DXG_NONE + 1; kind < DXG_KINDS; kind++) {
				__u32 handle = self->scene.handle[kind];

				if (handle && !is_welcome(&self->scene, call, place, handle))
					EXPECT_NO_OBJECT(call, place, handle, "another kind");
			}
		}
	}
}

/* The number that a shared object has for all processes names nothing in one of them. */
TEST_F(handles, number_for_all_processes)
{
	struct d3dkmt_createsynchronizationobject2 args = {
		.device.v = self->scene.gpu.device,
		.info.type = _D3DDDI_MONITORED_FENCE,
		.info.flags = { .shared = 1, .nt_security_sharing = 1 },
	};
	int fd = self->scene.gpu.fd;

	ASSERT_EQ(0, dxg_ioctl(fd, LX_DXCREATESYNCHRONIZATIONOBJECT, &args));
	/* Windows marks such a number as another instance. */
	for (__u32 instance = 1; instance < 0x40; instance++) {
		struct d3dkmt_destroysynchronizationobject destroy = {
			.sync_object.v = args.sync_object.v | instance,
		};

		EXPECT_ERRNO(EINVAL, dxg_ioctl(fd, LX_DXDESTROYSYNCHRONIZATIONOBJECT, &destroy));
	}
	EXPECT_NE(0, args.info.shared_handle.v);
	if (args.info.shared_handle.v & 0x3f) {
		struct d3dkmt_destroysynchronizationobject destroy = {
			.sync_object = args.info.shared_handle,
		};

		EXPECT_ERRNO(EINVAL, dxg_ioctl(fd, LX_DXDESTROYSYNCHRONIZATIONOBJECT, &destroy));
	}
	EXPECT_EQ(0, dxg_device_state(fd, self->scene.gpu.device));
	EXPECT_EQ(0, dxg_destroy_sync(fd, args.sync_object.v));
}

/* What every number of a process looks like, whoever has picked it */
TEST_F(handles, look)
{
	for (enum dxg_kind kind = DXG_NONE + 1; kind < DXG_KINDS; kind++) {
		__u32 handle = self->scene.handle[kind];

		/* Not all adapters have all kinds. */
		if (!handle)
			continue;
		EXPECT_EQ(0, handle & 0x3f);
		EXPECT_NE(0, handle >> 30);
	}
}

/* No number names an adapter and an object, however many adapters are open. */
TEST_F(handles, of_adapters)
{
	enum { MANY = 200 };
	int fd = self->scene.gpu.fd;
	__u32 adapters[MANY];

	for (int i = 0; i < MANY; i++) {
		struct d3dkmt_adaptertype type;

		adapters[i] = 0;
		ASSERT_OK(dxg_open_adapter(fd, self->scene.gpu.luid, &adapters[i]));
		EXPECT_LE(DXG_HANDLE_FIRST, adapters[i]);
		EXPECT_OK(dxg_query(fd, adapters[i], QAI_ADAPTERTYPE, &type, sizeof(type)));
		for (enum dxg_kind kind = DXG_NONE + 1; kind < DXG_KINDS; kind++)
			EXPECT_NE(adapters[i], self->scene.handle[kind]);
	}
	for (enum dxg_kind kind = DXG_ADAPTER + 1; kind < DXG_KINDS; kind++) {
		struct d3dkmt_adaptertype type;

		EXPECT_ERRNO(EINVAL, dxg_query(fd, self->scene.handle[kind], QAI_ADAPTERTYPE, &type,
					       sizeof(type)));
	}
	for (int i = 0; i < MANY; i++)
		EXPECT_OK(dxg_close_adapter(fd, adapters[i]));
}

/* What one call has destroyed none of them finds any more. */
TEST_F(handles, of_what_is_gone)
{
	struct dxg_scene *scene = &self->scene;
	__u32 adapter = 0;

	for_each_call(destroyer, scene) {
		struct dxg_scene gone;

		if (!destroyer->destroys)
			continue;
		ASSERT_EQ(0, dxg_scene_open(&gone, variant->compute));
		destroyer->fill(&gone, self->valid);
		ASSERT_EQ(0, dxg_ioctl(gone.gpu.fd, destroyer->request, self->valid));
		for_each_call(call, &self->scene) {
			for_each_place(call, place) {
				if (place->kind != destroyer->destroys)
					continue;
				call->fill(scene, self->valid);
				EXPECT_NO_OBJECT(call, place, gone.handle[place->kind], "gone");
			}
		}
		/* Whatever is left of the other scene */
		if (destroyer->destroys != DXG_DEVICE)
			EXPECT_OK(dxg_destroy_device(scene->gpu.fd, gone.gpu.device));
		dxg_scene_close(&gone);
		/* One process: its second descriptor goes, not the object. */
		EXPECT_EQ(0, dxg_close_adapter(scene->gpu.fd, gone.gpu.adapter));
	}
	ASSERT_EQ(0, dxg_open_adapter(scene->gpu.fd, scene->gpu.luid, &adapter));
	ASSERT_EQ(0, dxg_close_adapter(scene->gpu.fd, adapter));
	for_each_call(call, &self->scene) {
		for_each_place(call, place) {
			if (place->kind != DXG_ADAPTER)
				continue;
			call->fill(scene, self->valid);
			EXPECT_NO_OBJECT(call, place, adapter, "closed adapter");
		}
	}
	self->objects = dxg_host_objects();
}

/* Hands the numbers of a scene of its own to the parent, and lives until it is told. */
static int foreign_process(bool compute, int numbers, int end)
{
	struct dxg_scene scene;
	struct dxg_gpu other;
	char byte;

	/* First what takes the slots that the parent uses too */
	if (dxg_gpu_open(&other, compute))
		return 1;
	for (int i = 0; i < 40; i++) {
		__u32 adapter = 0, device;

		if (dxg_open_adapter(other.fd, other.luid, &adapter) ||
		    dxg_create_device(other.fd, other.adapter, &device))
			return 2;
	}
	if (dxg_scene_open(&scene, compute))
		return 3;
	if (write(numbers, scene.handle, sizeof(scene.handle)) != sizeof(scene.handle))
		return 4;
	return read(end, &byte, 1) != 0;
}

TEST_F(handles, of_another_process)
{
	__u32 foreign[DXG_KINDS];
	int numbers[2], end[2], status;
	pid_t child;

	ASSERT_EQ(0, pipe(numbers));
	ASSERT_EQ(0, pipe(end));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		close(end[1]);
		close(self->scene.gpu.fd);
		_exit(foreign_process(variant->compute, numbers[1], end[0]));
	}
	close(numbers[1]);
	ASSERT_EQ(sizeof(foreign), read(numbers[0], foreign, sizeof(foreign)));
	for_each_call(call, &self->scene) {
		for_each_place(call, place) {
			call->fill(&self->scene, self->valid);
			EXPECT_NO_OBJECT(call, place, foreign[place->kind], "a foreign handle");
		}
	}
	close(end[1]);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(dxg_host_objects_return(self->objects));
}

/* A descriptor and its handles are good for nothing in a forked child. */
static int all_refused(void *data)
{
	struct dxg_scene *scene = data;
	int number = 1;

	for_each_call(call, scene) {
		unsigned char args[DXG_ARGUMENT_MAX];

		call->fill(scene, args);
		if (dxg_ioctl(scene->gpu.fd, call->request, args) != -ENOTTY ||
		    dxg_ioctl(scene->gpu.fd, call->request, NULL) != -ENOTTY)
			return number;
		number++;
	}
	return 0;
}

TEST_F(handles, in_child)
{
	EXPECT_EQ(0, dxg_in_child(all_refused, &self->scene));
	EXPECT_EQ(0, dxg_device_state(self->scene.gpu.fd, self->scene.gpu.device));
}

DXG_REQUIRE_DEVICE
TEST_HARNESS_MAIN
