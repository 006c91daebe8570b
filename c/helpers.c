// SPDX-License-Identifier: GPL-2.0
/*
 * C inlines and macros that Rust cannot call, as functions. In tree this is
 * rust/helpers/dxgkrnl.c.
 */

#include <linux/completion.h>
#include <linux/dma-fence.h>
#include <linux/fs.h>
#include <linux/hyperv.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/pid.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "helpers.h"

unsigned long dxgkrnl_helper_spin_lock_irqsave(struct spinlock *lock)
	__acquires(lock)
{
	unsigned long flags;

	spin_lock_irqsave(lock, flags);
	return flags;
}

bool dxgkrnl_helper_spin_trylock_irqsave(struct spinlock *lock, unsigned long *flags)
{
	unsigned long saved;
	bool locked = spin_trylock_irqsave(lock, saved);

	*flags = saved;
	return locked;
}

void dxgkrnl_helper_spin_unlock_irqrestore(struct spinlock *lock, unsigned long flags)
	__releases(lock)
{
	spin_unlock_irqrestore(lock, flags);
}

/* The task counts neither as busy nor as hung while it waits. */
void dxgkrnl_helper_wait_for_completion_idle(struct completion *completion)
{
	wait_for_completion_state(completion, TASK_IDLE);
}

/* As wait_event_*_timeout(): 0 after the timeout, -ERESTARTSYS after a fatal signal. */
long dxgkrnl_helper_wait_change(struct wait_queue_head *head, const unsigned int *counter,
				unsigned int old, long timeout, bool killable)
{
	if (killable)
		return wait_event_killable_timeout(*head, READ_ONCE(*counter) != old, timeout);
	return wait_event_idle_timeout(*head, READ_ONCE(*counter) != old, timeout);
}

void dxgkrnl_helper_wake_all(struct wait_queue_head *head)
{
	wake_up_all(head);
}

struct workqueue_struct *dxgkrnl_helper_alloc_workqueue(const char *name, bool reclaim)
{
	return alloc_workqueue("%s", WQ_UNBOUND | (reclaim ? WQ_MEM_RECLAIM : 0), 0, name);
}

struct workqueue_struct *dxgkrnl_helper_alloc_ordered_workqueue(const char *name)
{
	return alloc_ordered_workqueue("%s", 0, name);
}

struct pid *dxgkrnl_helper_current_tgid(void)
{
	return task_tgid(current);
}

struct pid *dxgkrnl_helper_get_pid(struct pid *pid)
{
	return get_pid(pid);
}

int dxgkrnl_helper_pid_nr(struct pid *pid)
{
	return pid_nr(pid);
}

struct pid_namespace *dxgkrnl_helper_ns_of_pid(struct pid *pid)
{
	return ns_of_pid(pid);
}

/* @buf has TASK_COMM_LEN bytes. */
void dxgkrnl_helper_current_comm(char *buf)
{
	strscpy_pad(buf, current->comm, TASK_COMM_LEN);
}

void dxgkrnl_helper_set_pending_send_size(struct vmbus_channel *channel, u32 size)
{
	set_channel_pending_send_size(channel, size);
	/*
	 * The host publishes its read index and then reads the pending size;
	 * the guest stores the size and then reads the read index. The barrier
	 * ensures that at least one side sees the other.
	 */
	virt_mb();
}

bool dxgkrnl_helper_fatal_signal_pending(void)
{
	return fatal_signal_pending(current);
}

/* Inline functions where modules cannot be unloaded */
void dxgkrnl_helper_module_get(void)
{
	__module_get(THIS_MODULE);
}

void dxgkrnl_helper_module_put(void)
{
	module_put(THIS_MODULE);
}

void dxgkrnl_helper_cond_resched(void)
{
	cond_resched();
}

unsigned long dxgkrnl_helper_total_ram_pages(void)
{
	return totalram_pages();
}

unsigned long dxgkrnl_helper_page_to_pfn(struct page *page)
{
	return page_to_pfn(page);
}

void dxgkrnl_helper_count_pinned(struct mm_struct *mm, unsigned long pages, bool pinned)
{
	if (pinned)
		atomic64_add(pages, &mm->pinned_vm);
	else
		atomic64_sub(pages, &mm->pinned_vm);
}

/* Returns whether @vma maps the file of @page for a program that may write the file. */
static bool dxgkrnl_is_file_writable(struct vm_area_struct *vma, struct page *page)
{
	struct address_space *mapping = folio_mapping(page_folio(page));

	/* A private mapping does not prove the right to write the file. */
	return vma && (vma->vm_flags & VM_SHARED) && (vma->vm_flags & VM_MAYWRITE) &&
	       vma->vm_file && mapping && vma->vm_file->f_mapping == mapping;
}

/*
 * Returns 0 if the current program may write all of @pages, which it has pinned from @start on:
 * anonymous pages are its own copies, and pages of files are mapped there from files that it has
 * opened for writing. The program may have changed its mappings since it has pinned the pages, so
 * the pinned page decides, not the current mapping.
 */
int dxgkrnl_helper_check_writable(unsigned long start, struct page **pages, unsigned long count)
{
	struct vm_area_struct *vma = NULL;
	unsigned long i = 0;
	int ret = 0;

	while (i < count && folio_test_anon(page_folio(pages[i])))
		i++;
	if (i == count)
		return 0;
	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	for (; i < count && !ret; i++) {
		unsigned long at = start + i * PAGE_SIZE;

		if (folio_test_anon(page_folio(pages[i])))
			continue;
		if (!vma || at >= vma->vm_end)
			vma = vma_lookup(current->mm, at);
		if (!dxgkrnl_is_file_writable(vma, pages[i]))
			ret = -EFAULT;
	}
	mmap_read_unlock(current->mm);
	return ret;
}

void *dxgkrnl_helper_vmap(struct page **pages, unsigned int count, bool writable)
{
	return vmap(pages, count, VM_MAP, writable ? PAGE_KERNEL : PAGE_KERNEL_RO);
}

/* Returns whether one VMA, of a file of @inode, covers exactly @start to @start + @size. */
bool dxgkrnl_helper_is_area_of(const struct inode *inode, unsigned long start, unsigned long size)
{
	struct vm_area_struct *vma;
	bool ret;

	if (mmap_read_lock_killable(current->mm))
		return false;
	vma = vma_lookup(current->mm, start);
	ret = vma && vma->vm_start == start && vma->vm_end == start + size && vma->vm_file &&
	      file_inode(vma->vm_file) == inode;
	mmap_read_unlock(current->mm);
	return ret;
}

struct dxgkrnl_io_remap {
	struct mm_struct *mm;
	unsigned long pfn;
	pgprot_t prot;
};

static int dxgkrnl_io_remap_pte(pte_t *pte, unsigned long address, void *data)
{
	struct dxgkrnl_io_remap *remap = data;

	set_pte_at(remap->mm, address, pte, pte_mkspecial(pfn_pte(remap->pfn++, remap->prot)));
	return 0;
}

/*
 * Maps the whole of @vma, which is being set up, from @pfn on. In pieces, with a check for fatal
 * signals, as a GPU may expose all of its memory.
 */
int dxgkrnl_helper_io_remap(struct vm_area_struct *vma, unsigned long pfn, bool write_combining)
{
	struct dxgkrnl_io_remap remap = { .mm = vma->vm_mm, .pfn = pfn };
	unsigned long at, piece;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	if (write_combining)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	remap.prot = pgprot_decrypted(vma->vm_page_prot);
	for (at = vma->vm_start; at < vma->vm_end; at += piece) {
		int ret;

		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
		piece = min(vma->vm_end - at, (unsigned long)SZ_1G);
		ret = apply_to_page_range(vma->vm_mm, at, piece, dxgkrnl_io_remap_pte, &remap);
		if (ret)
			return ret;
	}
	return 0;
}

#ifdef CONFIG_DXGKRNL_SYNC_FILE
void dxgkrnl_helper_dma_fence_get(struct dma_fence *fence)
{
	dma_fence_get(fence);
}

/* Returns false if the fence has no references left. */
bool dxgkrnl_helper_dma_fence_get_rcu(struct dma_fence *fence)
{
	return dma_fence_get_rcu(fence);
}

void dxgkrnl_helper_dma_fence_put(struct dma_fence *fence)
{
	dma_fence_put(fence);
}

void dxgkrnl_helper_dma_fence_set_error(struct dma_fence *fence, int error)
{
	dma_fence_set_error(fence, error);
}

/* Returns the cookie for dxgkrnl_helper_dma_fence_end_signalling(). */
bool dxgkrnl_helper_dma_fence_begin_signalling(void)
{
	return dma_fence_begin_signalling();
}

void dxgkrnl_helper_dma_fence_end_signalling(bool cookie)
{
	dma_fence_end_signalling(cookie);
}
#endif

bool dxgkrnl_helper_ratelimit(void)
{
	static DEFINE_RATELIMIT_STATE(state, DEFAULT_RATELIMIT_INTERVAL, DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&state);
}
