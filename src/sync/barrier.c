/* SPDX-License-Identifier: MIT */
/*
 * sync/barrier.c - a place where a fixed number of tasks wait for one another
 *
 * The line itself is the count of who has arrived.  The task that completes
 * the round does not wait: it hands out the places, from the front of the line,
 * and takes the last.  A place is thus given at the moment of the trip and to
 * those alone who take part in it; a task that was cancelled while the barrier
 * was filling leaves no hole, and none that has its place can lose it.
 *
 * Invariants:
 *   fewer tasks wait than the barrier has parties;
 *   nobody waits at a broken barrier.
 */
#include <belay/sync.h>

#include "base/assert.h"
#include "sync/object.h"

/* Lets everybody in line go on, and returns the place of the one who came. */
static int barrier_trip(bl_barrier *barrier) {
    int place = 0;
    bl_waiter *first;
    while ((first = bl_waitq_first(&barrier->_waiters)) != NULL) {
        bl_waitq_serve(first, place++);
    }
    BL__ASSERT((size_t)place == barrier->_parties - 1);
    return place;
}

int bl_barrier_wait(bl_barrier *barrier) {
    if (barrier == NULL) return BL_EINVAL;
    if (barrier->_parties == 0) return BL_EINVAL;
    int rc = bl__object_enter(&barrier->_loop);
    if (rc < 0) return rc;
    if (barrier->_is_broken) return BL_EBROKEN;

    size_t others_count = bl__object_waiting(&barrier->_waiters);
    BL__ASSERT(others_count < barrier->_parties);
    if (others_count == barrier->_parties - 1) return barrier_trip(barrier);

    bl_waiter waiter;
    return bl_waitq_wait(&barrier->_waiters, &waiter, "barrier", barrier);
}

static void barrier_send_away(bl_barrier *barrier) {
    bl__object_check_thread(&barrier->_waiters, barrier->_loop, "barrier");
    bl_waitq_serve_all(&barrier->_waiters, BL_EBROKEN);
    BL__ASSERT(bl__object_waiting(&barrier->_waiters) == 0);
}

void bl_barrier_reset(bl_barrier *barrier) {
    BL__ASSERT(barrier != NULL);
    barrier->_is_broken = false;
    barrier_send_away(barrier);
}

void bl_barrier_abort(bl_barrier *barrier) {
    BL__ASSERT(barrier != NULL);
    barrier->_is_broken = true;
    barrier_send_away(barrier);
}

size_t bl_barrier_waiting(const bl_barrier *barrier) {
    BL__ASSERT(barrier != NULL);
    return bl__object_waiting(&barrier->_waiters);
}

bool bl_barrier_is_broken(const bl_barrier *barrier) {
    BL__ASSERT(barrier != NULL);
    return barrier->_is_broken;
}

int bl_barrier_init(bl_barrier *barrier, size_t parties) {
    if (barrier == NULL) return BL_EINVAL;
    if (parties == 0) return BL_EINVAL;
    if (parties > INT_MAX) return BL_EINVAL;

    *barrier = (bl_barrier){ ._parties = parties };
    return 0;
}
