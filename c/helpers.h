/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C inlines and macros that Rust cannot call, as functions. Nothing else
 * belongs here.
 */
#ifndef _DXGKRNL_HELPERS_H
#define _DXGKRNL_HELPERS_H

#include <linux/types.h>

struct completion;
struct dma_fence;
struct inode;
struct mm_struct;
struct page;
struct pid;
struct pid_namespace;
struct spinlock;
struct vm_area_struct;
struct vmbus_channel;
struct wait_queue_head;
struct workqueue_struct;

unsigned long dxgkrnl_helper_spin_lock_irqsave(struct spinlock *lock);
bool dxgkrnl_helper_spin_trylock_irqsave(struct spinlock *lock, unsigned long *flags);
void dxgkrnl_helper_spin_unlock_irqrestore(struct spinlock *lock, unsigned long flags);

void dxgkrnl_helper_wait_for_completion_idle(struct completion *completion);
long dxgkrnl_helper_wait_change(struct wait_queue_head *head, const unsigned int *counter,
				unsigned int old, long timeout, bool killable);
void dxgkrnl_helper_wake_all(struct wait_queue_head *head);

struct workqueue_struct *dxgkrnl_helper_alloc_workqueue(const char *name, bool reclaim);
struct workqueue_struct *dxgkrnl_helper_alloc_ordered_workqueue(const char *name);

struct pid *dxgkrnl_helper_current_tgid(void);
struct pid *dxgkrnl_helper_get_pid(struct pid *pid);
int dxgkrnl_helper_pid_nr(struct pid *pid);
struct pid_namespace *dxgkrnl_helper_ns_of_pid(struct pid *pid);
void dxgkrnl_helper_current_comm(char *buf);

void dxgkrnl_helper_set_pending_send_size(struct vmbus_channel *channel, u32 size);

bool dxgkrnl_helper_fatal_signal_pending(void);
void dxgkrnl_helper_module_get(void);
void dxgkrnl_helper_module_put(void);
void dxgkrnl_helper_cond_resched(void);

unsigned long dxgkrnl_helper_max_pinned_mib(void);
unsigned long dxgkrnl_helper_total_ram_pages(void);
unsigned long dxgkrnl_helper_page_to_pfn(struct page *page);
void dxgkrnl_helper_count_pinned(struct mm_struct *mm, unsigned long pages, bool pinned);
int dxgkrnl_helper_check_writable(unsigned long start, struct page **pages, unsigned long count);
void *dxgkrnl_helper_vmap(struct page **pages, unsigned int count, bool writable);

bool dxgkrnl_helper_is_area_of(const struct inode *inode, unsigned long start, unsigned long size);
int dxgkrnl_helper_io_remap(struct vm_area_struct *vma, unsigned long pfn, bool write_combining);

#ifdef CONFIG_DXGKRNL_SYNC_FILE
void dxgkrnl_helper_dma_fence_get(struct dma_fence *fence);
bool dxgkrnl_helper_dma_fence_get_rcu(struct dma_fence *fence);
void dxgkrnl_helper_dma_fence_put(struct dma_fence *fence);
void dxgkrnl_helper_dma_fence_set_error(struct dma_fence *fence, int error);
bool dxgkrnl_helper_dma_fence_begin_signalling(void);
void dxgkrnl_helper_dma_fence_end_signalling(bool cookie);
#endif

bool dxgkrnl_helper_ratelimit(void);

#endif
