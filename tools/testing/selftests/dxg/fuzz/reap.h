/* SPDX-License-Identifier: GPL-2.0 */
/* Ends groups of processes, or sessions of them, and sees that they end soon. */
#ifndef DXG_FUZZ_REAP_H
#define DXG_FUZZ_REAP_H

#include <stdbool.h>
#include <sys/types.h>

struct fuzz_reap {
	/* Groups that were killed, and how long the slowest of them took, in ms */
	unsigned int kills;
	unsigned int longest_ms;
	/* Groups that took too long, and whether one of them did not end at all */
	unsigned int overdue;
	bool stuck;
};

/* Makes this process the parent of whatever its descendants leave behind. */
bool fuzz_adopt(void);

/*
 * Kills a group of children and their descendants, and waits until none is left. It is too
 * long when they do not end although they do nothing: a process that computes, as on a slow
 * machine, is given its time. Says what those wait for that take too long.
 */
void fuzz_end_group(struct fuzz_reap *reap, pid_t group);

/* Collects what has ended by itself; whether nothing of the group is left */
bool fuzz_is_gone(pid_t group);

/* The same for a session, which may consist of several groups; slower */
void fuzz_end_session(struct fuzz_reap *reap, pid_t session);
bool fuzz_is_session_gone(pid_t session);

unsigned long fuzz_now_ms(void);

#endif /* DXG_FUZZ_REAP_H */
