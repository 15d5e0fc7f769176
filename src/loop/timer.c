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
 */
#include <belay/loop.h>

#include "base/assert.h"
#include "base/list.h"
#include "loop/loop.h"

enum {
    TIES_MAX = 64
};

void bl_timer_init(bl_timer *timer, bl_callback *fn, void *context) {
    *timer = (bl_timer){ ._fn = fn, ._context = context };
    bl__list_init(&timer->_link);
}

void bl_timer_start(bl_loop *loop, bl_timer *timer, bl_ns due) {
    BL__ASSERT(loop != NULL);
    BL__ASSERT(timer->_fn != NULL);
    if (timer->_index != 0) bl__heap_remove(&timer->_loop->timers, timer);

    timer->_loop = loop;
    timer->_due = due;
    timer->_order = ++loop->timer_order;
    bl__heap_insert(&loop->timers, timer);
    BL__ASSERT(timer->_index != 0);
}

void bl_timer_stop(bl_timer *timer) {
    if (timer->_index == 0) return;
    bl__heap_remove(&timer->_loop->timers, timer);
    BL__ASSERT(timer->_index == 0);
}

bl_ns bl__timers_next(const bl_loop *loop) {
    bl_timer *first = bl__heap_first(&loop->timers);
    return first != NULL ? first->_due : BL_FOREVER;
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

void bl__timers_fire(bl_loop *loop) {
    uint64_t order_last = loop->timer_order;
    for (;;) {
        bl_timer *timer = bl__heap_first(&loop->timers);
        if (timer == NULL || timer->_due > loop->now) break;
        if (BL__UNLIKELY(timer->_order > order_last)) {
            bl__heap_set_aside(&loop->timers, timer);
            continue;
        }
        if (loop->options.choose != NULL) {
            timer = choose_among_ties(loop, timer, order_last);
        }
        bl__heap_remove(&loop->timers, timer);
        timer->_fn(timer->_context);
    }
    bl__heap_take_back(&loop->timers);
}

bl_ns bl_ns_add(bl_ns a, bl_ns b) {
    bl_ns sum;
    if (!__builtin_add_overflow(a, b, &sum)) return sum;
    return b > 0 ? INT64_MAX : INT64_MIN;
}
