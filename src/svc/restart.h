/* SPDX-License-Identifier: MIT */
/*
 * svc/restart.h - a restart policy at work
 *
 * `struct bl__restarts` is in <belay/service.h>, since a service has one in
 * itself.  Whoever keeps one says when it begins to go well and how it ended,
 * and is told what to do.
 */
#ifndef BL__SVC_RESTART_H
#define BL__SVC_RESTART_H

#include <belay/service.h>

/* Options: zero means default. */
static inline void bl__default_ns(bl_ns *value, bl_ns standard) {
    if (*value == 0) *value = standard;
}

/* Makes sure that the current error is an object with code `rc`, which can be
 * noted on and kept.  Returns `rc`. */
int bl__with_object(int rc);

/* What is to be done after an end. */
enum bl__verdict {
    BL__END,     /* the policy has nothing to say about it */
    BL__RESTART, /* after a delay */
    BL__GIVE_UP  /* there were too many restarts */
};

/* Copies `policy`, which is valid or NULL, with the defaults filled in. */
void bl__restarts_init(struct bl__restarts *restarts,
                       const bl_restart_policy *policy, const char *name);

/* Forgets all failures: somebody has decided to try again. */
void bl__restarts_forget(struct bl__restarts *restarts);

/* It goes well from now on. */
void bl__restarts_good(struct bl__restarts *restarts);

/* It does not go well any more; if it did for long enough, all is forgotten. */
void bl__restarts_bad(struct bl__restarts *restarts);

/*
 * It has ended with `rc`.  For BL__RESTART, `*delay` is how long to wait, and
 * the policy's `on_restart` has been told.
 */
enum bl__verdict bl__restarts_after(struct bl__restarts *restarts, int rc,
                                    bl_ns *delay);

/* Notes on the current error, which has code `rc`, that it was given up. */
void bl__restarts_note_limit(const struct bl__restarts *restarts, int rc);

#endif
