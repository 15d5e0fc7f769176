/* SPDX-License-Identifier: MIT */
/*
 * loop/timer.c - timers of a loop
 *
 * A timer fires when the loop's clock shows its time or later, so never early.
 * Timers that are due at one iteration fire in the order of their times; of
 * equal times the one armed first fires first, unless a test's seam chooses.
 *
 * A timer that is armed by a callback for a time that has already passed fires
 * in the next iteration: firing goes up to the order of arming that the
 * iteration began with, so it always ends.  Such a timer may stand in front of
 * those that are still to fire, and is set aside until they have.
 *
 * By the real clock an iteration fires a few hundred timers at most, and the
 * next goes on where it stopped, with the same time and order: one *sweep* may
 * take several iterations.  So a crowd of timers does not keep descriptors
 * waiting, and the tasks that it wakes run while they are in the caches; with
 * all of 100,000 at once, each would be fetched twice.
 */
#include <belay/loop.h>

#include "base/assert.h"
#include "base/list.h"
#include "loop/loop.h"

enum {
    TIES_MAX = 64,
    GATHERED_MAX = 64,
    FIRED_MAX = 256
};

void bl_timer_init(bl_timer *timer, bl_callback *fn, void *context) {
    *timer = (bl_timer){ ._fn = fn, ._context = context };
    bl__list_init(&timer->_link);
}

void bl_timer_start(bl_loop *loop, bl_timer *timer, bl_ns due) {
    BL__ASSERT(loop != NULL);
    BL__ASSERT(timer->_fn != NULL);
    if (BL__UNLIKELY(timer->_index != 0)) {
        bl__heap_remove(&timer->_loop->timers, timer);
    }
    timer->_loop = loop;
    timer->_due = due;
    timer->_order = ++loop->timer_order;
    bl__heap_insert(&loop->timers, timer);
}

void bl_timer_stop(bl_timer *timer) {
    if (timer->_index == 0) return;
    bl__heap_remove(&timer->_loop->timers, timer);
}

bl_ns bl__timers_next(const bl_loop *loop) {
    return bl__heap_first_due(&loop->timers);
}

/*
 * With a seam, any of the timers due at the same instant may be next, except
 * for those armed after `order_last`.
 */
static bl_timer *choose_among_ties(bl_loop *loop, bl_timer *first,
                                   uint64_t order_last) {
    bl_timer *ties[TIES_MAX];
    uint32_t count = 0;
    while (first != NULL && count < TIES_MAX) {
        ties[count++] = first;
        bl__heap_remove(&loop->timers, first);
        first = bl__heap_first(&loop->timers);
        if (first == NULL || first->_due != ties[0]->_due) break;
        if (first->_order > order_last) break;
    }
    uint32_t chosen = bl__loop_choose(loop, BL_CHOICE_TIMER, count);
    for (uint32_t i = 0; i < count; i++) {
        bl__heap_insert(&loop->timers, ties[i]);
    }
    return ties[chosen];
}

/* One by one, so that each time the seam is asked about all that are left. */
static void fire_chosen(bl_loop *loop) {
    bl_timer *timer;
    while ((timer = bl__heap_first(&loop->timers)) != NULL) {
        if (timer->_due > loop->sweep_now) break;
        if (timer->_order > loop->sweep_order) {
            bl__heap_set_aside(&loop->timers, timer);
            continue;
        }
        timer = choose_among_ties(loop, timer, loop->sweep_order);
        bl__heap_remove(&loop->timers, timer);
        timer->_fn(timer->_context);
    }
}

/* Fires at most about `max`; true if those were all. */
static bool fire_gathered(bl_loop *loop, uint32_t max) {
    uint32_t fired_count = 0;
    while (fired_count < max) {
        /* While nothing was armed meanwhile, nothing can be too new. */
        bool is_settled = loop->timer_order == loop->sweep_order;
        uint64_t order_max = is_settled ? UINT64_MAX : loop->sweep_order;
        if (!bl__heap_gather(&loop->timers, loop->sweep_now, order_max,
                             GATHERED_MAX)) {
            return true;
        }
        bl_timer *timer;
        while ((timer = bl__heap_take_due(&loop->timers)) != NULL) {
            timer->_fn(timer->_context);
            fired_count++;
        }
    }
    return false;
}

void bl__timers_fire(bl_loop *loop) {
    if (!loop->is_sweeping) {
        loop->sweep_now = loop->now;
        loop->sweep_order = loop->timer_order;
    }
    loop->is_sweeping = false;
    if (BL__UNLIKELY(loop->options.choose != NULL)) {
        fire_chosen(loop);
    } else {
        bool has_limit = loop->clock == BL_CLOCK_REAL;
        loop->is_sweeping =
            !fire_gathered(loop, has_limit ? FIRED_MAX : UINT32_MAX);
    }
    bl__heap_take_back(&loop->timers);
}

bl_ns bl_ns_add(bl_ns a, bl_ns b) {
    bl_ns sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}
