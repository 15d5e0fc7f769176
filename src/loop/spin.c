/* SPDX-License-Identifier: MIT */
/*
 * loop/spin.c - looking for a moment before blocking, while that pays
 *
 * How long to spin is the question of whether to rent skis or to buy them: who
 * spins for as long as blocking costs, and then blocks, never pays more than
 * twice what somebody pays who knows the future.  That is why there is a
 * maximum, and it is about the time that an idle CPU takes to wake.
 *
 * Twice is still much where nothing ever comes in time, so a loop spins only
 * where it is likely to pay:
 *
 *   - The last wait was short: no longer than a spin and a wake-up, which on
 *     a CPU that sleeps deeply takes a few spins.  A loop that is idle, or
 *     asked now and then, never spins.
 *   - After a miss it rests: for the time of 2 spins, after one more for that
 *     of 4, and so on, up to 1,024.  A spin that pays takes one miss back.  So
 *     a loop goes on spinning if at least half of its spins pay; where none
 *     does, it spins for a thousandth of the time.
 *
 * Nothing is asked about CPUs.  A peer may be on another one although this
 * thread is held to one, and on this one although there are many; then no spin
 * pays, since the peer cannot run meanwhile, and that says it all.
 *
 * A thread that wakes the loop while it looks has only to raise the flag.  Each
 * of the two writes one variable and then reads the other's, in the one order
 * of all such operations.  So the thread sees that the loop does not look any
 * more, and writes the wake-up descriptor, or the loop sees the flag in its
 * last look; or both.
 *
 * Invariants:
 *   is_looking is false outside bl__spin_look;
 *   is_spinning -> is_waiting.
 */
#include "loop/spin.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "loop/loop.h"
#include "sys/cpu.h"

enum {
    SPIN_NS_MAX = 50 * 1000,
    SHORT_MAX = 4, /* spins */
    LATE_MAX = 2,  /* likewise */
    MISSES_MAX = 10
};

/* ---- the decision -------------------------------------------------------- */

/* Less than nothing if the environment says nothing. */
static bl_ns max_of_environment(void) {
    const char *text = getenv("BELAY_SPIN_NS");
    char *end;
    if (text == NULL || *text == '\0') return -1;
    errno = 0;
    long long ns = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || ns > BL_SEC(1)) return -1;
    return ns;
}

void bl__spin_init(struct bl__spin *spin, bl_ns ns_max, bool is_real) {
    *spin = (struct bl__spin){ .wait_last = BL_FOREVER };
    if (!is_real || ns_max < 0) return;
    spin->max = ns_max;
    if (ns_max > 0) return;
    bl_ns wish = max_of_environment();
    spin->max = wish >= 0 ? wish : SPIN_NS_MAX;
}

bl_ns bl__spin_begin(struct bl__spin *spin, bl_ns now) {
    if (spin->max == 0) return 0;
    if (!spin->is_waiting) {
        spin->is_waiting = true;
        spin->began = now;
    }
    bl_ns left = spin->max - (now - spin->began);
    if (spin->is_spinning && left <= 0) bl__spin_miss(spin, now);
    if (left <= 0) return 0;
    if (spin->is_spinning) return left;
    if (spin->wait_last > SHORT_MAX * spin->max) return 0;
    if (now < spin->rests_until) return 0;
    spin->is_spinning = true;
    spin->count++;
    return left;
}

void bl__spin_miss(struct bl__spin *spin, bl_ns now) {
    BL__ASSERT(spin->is_spinning);
    spin->is_spinning = false;
    if (spin->misses < MISSES_MAX) spin->misses++;
    spin->rests_until = bl_ns_add(now, spin->max << spin->misses);
}

void bl__spin_end(struct bl__spin *spin, bl_ns now) {
    BL__ASSERT(spin->is_waiting);
    spin->wait_last = now - spin->began;
    spin->is_waiting = false;
    if (!spin->is_spinning) return;
    /* What is found late, by a thread that did not run meanwhile, would have
     * been found sooner by one that slept. */
    if (spin->wait_last > LATE_MAX * spin->max) {
        bl__spin_miss(spin, now);
        return;
    }
    spin->is_spinning = false;
    spin->paid_count++;
    if (spin->misses > 0) spin->misses--;
}

/* ---- looking ------------------------------------------------------------- */

/* Asks the driver only if the memory that it shares with the kernel, or its
 * not having any, says that it may find something. */
static bool look_once(bl_loop *loop, struct bl__ready *ready, int ready_max,
                      int *count) {
    if (atomic_load_explicit(&loop->is_woken, memory_order_relaxed)) {
        return true;
    }
    if (loop->driver == NULL) return false;
    if (!loop->driver_ops->is_pending(loop->driver)) return false;
    loop->polls++;
    *count = loop->driver_ops->wait(loop->driver, 0, ready, ready_max);
    /* Finished operations are not counted; somebody else looks for them. */
    return *count != 0 || loop->op_count > 0;
}

bool bl__spin_look(bl_loop *loop, bl_ns span, struct bl__ready *ready,
                   int ready_max, int *count) {
    bl_ns end = bl_ns_add(loop->now, span);
    bool found;
    BL__ASSERT(!atomic_load_explicit(&loop->is_looking, memory_order_relaxed));
    *count = 0;
    atomic_store(&loop->is_looking, true);
    if (loop->driver != NULL) loop->driver_ops->commit(loop->driver);
    for (;;) {
        found = look_once(loop, ready, ready_max, count);
        loop->now = bl__loop_now(loop);
        if (found || loop->now >= end) break;
        bl__cpu_relax();
    }
    atomic_store(&loop->is_looking, false);
    return found || atomic_load(&loop->is_woken);
}
