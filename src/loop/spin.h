/* SPDX-License-Identifier: MIT */
/*
 * loop/spin.h - looking for a moment before blocking
 *
 * To put a thread to sleep and to wake its CPU again takes longer than many a
 * wait.  A wait may therefore begin with a *spin*: the loop looks, without a
 * system call where that is possible, for up to `max`.
 *
 * A *wait* of the loop lasts until there is something to do: a task is ready,
 * or a thread has posted.  Reports that wake nobody, such as that there is room
 * to write again, do not end it.  A spin *pays* if its wait ends in time;
 * otherwise it is a *miss*, and the loop blocks.
 */
#ifndef BL__LOOP_SPIN_H
#define BL__LOOP_SPIN_H

#include <belay/base.h>

struct bl_loop;
struct bl__ready;

/* What a loop knows about its waits. */
struct bl__spin {
    bl_ns max;         /* of one spin; 0: never */
    bl_ns began;       /* the present wait */
    bl_ns wait_last;   /* how long the one before took */
    bl_ns rests_until; /* no spin begins before */
    unsigned misses;   /* that spins which paid have not made good */
    bool is_waiting;
    bool is_spinning; /* the present wait; neither paid nor a miss yet */
    uint64_t count;
    uint64_t paid_count;
};

/*
 * Takes over `ns_max` of bl_loop_options; where that says nothing, the
 * environment's BELAY_SPIN_NS may.  A loop without a real clock has `is_real`
 * false, and never spins.
 */
void bl__spin_init(struct bl__spin *spin, bl_ns ns_max, bool is_real);

/*
 * A wait begins, or goes on after a report that woke nobody.  Returns for how
 * long to spin before the loop blocks; 0: not at all.
 */
bl_ns bl__spin_begin(struct bl__spin *spin, bl_ns now);

/* The spin is over, and nothing has come. */
void bl__spin_miss(struct bl__spin *spin, bl_ns now);

/* There is something to do: the wait has ended. */
void bl__spin_end(struct bl__spin *spin, bl_ns now);

/*
 * Looks for something for up to `span` from loop->now, which is then the time
 * at which that ended.
 *
 * True if something was found: `*count` is what the driver's `wait` said, and 0
 * if a thread has woken the loop.
 */
bool bl__spin_look(struct bl_loop *loop, bl_ns span, struct bl__ready *ready,
                   int ready_max, int *count);

#endif
