/* SPDX-License-Identifier: MIT */
/*
 * sys/signals.c - who is told of a signal
 *
 * Watchers are in a list that the handler walks without a lock, whatever thread
 * it interrupted.  The mutex is for those who change the list.  Who takes a
 * watcher out waits until every handler that may still see it has returned;
 * handlers are short, and never wait.
 *
 * Invariants:
 *   a signal has our handler exactly while it has a watcher, unless the program
 *   put another in its place;
 *   a watcher is in the list before its handlers are installed, and until its
 *   signals have their originals back: none falls in between.
 */
#include "sys/signals.h"

#include <belay/error.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "base/assert.h"

static pthread_mutex_t signal_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct bl__signal_watcher *) signal_watchers;
static atomic_uint signal_handler_count; /* threads that are in it now */

/* By the number of the signal; guarded by the mutex. */
static struct signal_slot {
    struct sigaction original;
    unsigned watcher_count;
} signal_slots[BL__SIGNAL_LAST + 1];

/* ---- the handler ------------------------------------------------------- */

static void signal_tell(int number, const siginfo_t *info) {
    struct bl__signal_watcher *fallback = NULL;
    bool is_heard = false;
    struct bl__signal_watcher *watcher = atomic_load(&signal_watchers);
    for (; watcher != NULL; watcher = atomic_load(&watcher->_next)) {
        if ((watcher->_set & bl__signal_bit(number)) == 0) continue;
        if (watcher->is_fallback) {
            fallback = watcher;
            continue;
        }
        watcher->on_signal(watcher, number, info);
        is_heard = true;
    }
    if (is_heard || fallback == NULL) return;
    fallback->on_signal(fallback, number, info);
}

static void signal_handle(int number, siginfo_t *info, void *context) {
    int saved_errno = errno;
    (void)context;
    atomic_fetch_add(&signal_handler_count, 1);
    signal_tell(number, info);
    atomic_fetch_sub(&signal_handler_count, 1);
    errno = saved_errno;
}

static bool signal_is_ours(const struct sigaction *action) {
    return (action->sa_flags & SA_SIGINFO) &&
           action->sa_sigaction == signal_handle;
}

/* ---- installing and restoring ------------------------------------------ */

static int signal_install(int number) {
    struct sigaction action = { .sa_sigaction = signal_handle };
    if (signal_slots[number].watcher_count++ > 0) return 0;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, &signal_slots[number].original) == 0) {
        return 0;
    }
    signal_slots[number].watcher_count = 0;
    return BL_EINVAL;
}

/* Puts the original back where the handler is still ours. */
static void signal_restore(int number) {
    struct sigaction current;
    BL__ASSERT(signal_slots[number].watcher_count > 0);
    if (--signal_slots[number].watcher_count > 0) return;
    if (sigaction(number, NULL, &current) < 0) return;
    if (!signal_is_ours(&current)) return;
    sigaction(number, &signal_slots[number].original, NULL);
}

static void signal_restore_below(uint64_t set, int end) {
    for (int number = 1; number < end; number++) {
        if (set & bl__signal_bit(number)) signal_restore(number);
    }
}

/* ---- the list ---------------------------------------------------------- */

static void signal_unlink(struct bl__signal_watcher *watcher) {
    _Atomic(struct bl__signal_watcher *) *place = &signal_watchers;
    while (atomic_load(place) != watcher) {
        BL__ASSERT(atomic_load(place) != NULL);
        place = &atomic_load(place)->_next;
    }
    atomic_store(place, atomic_load(&watcher->_next));
}

/* Whoever saw the watcher in the list has counted itself before. */
static void signal_wait_for_handlers(void) {
    while (atomic_load(&signal_handler_count) > 0)
        sched_yield();
}

int bl__signals_watch(struct bl__signal_watcher *watcher, uint64_t set) {
    int rc = 0;
    int number = 1;
    pthread_mutex_lock(&signal_mutex);
    watcher->_set = set;
    atomic_store(&watcher->_next, atomic_load(&signal_watchers));
    atomic_store(&signal_watchers, watcher);
    for (; number <= BL__SIGNAL_LAST; number++) {
        if ((set & bl__signal_bit(number)) == 0) continue;
        rc = signal_install(number);
        if (rc < 0) break;
    }
    if (rc < 0) {
        signal_restore_below(set, number);
        signal_unlink(watcher);
    }
    pthread_mutex_unlock(&signal_mutex);
    if (rc < 0) signal_wait_for_handlers();
    return rc;
}

void bl__signals_unwatch(struct bl__signal_watcher *watcher) {
    pthread_mutex_lock(&signal_mutex);
    signal_restore_below(watcher->_set, BL__SIGNAL_LAST + 1);
    signal_unlink(watcher);
    pthread_mutex_unlock(&signal_mutex);
    signal_wait_for_handlers();
}

/* ---- questions --------------------------------------------------------- */

static bool signal_original_is(int number, void (*disposition)(int)) {
    struct sigaction action;
    pthread_mutex_lock(&signal_mutex);
    bool is_known = sigaction(number, NULL, &action) == 0;
    bool is_watched = signal_slots[number].watcher_count > 0;
    if (is_watched && signal_is_ours(&action)) {
        action = signal_slots[number].original;
    }
    pthread_mutex_unlock(&signal_mutex);
    if (!is_known) return false;
    return (action.sa_flags & SA_SIGINFO) == 0 &&
           action.sa_handler == disposition;
}

bool bl__signal_is_default(int number) {
    return signal_original_is(number, SIG_DFL);
}

bool bl__signal_is_ignored(int number) {
    return signal_original_is(number, SIG_IGN);
}

uint64_t bl__signals_ignored(void) {
    uint64_t set = 0;
    pthread_mutex_lock(&signal_mutex);
    for (int number = 1; number <= BL__SIGNAL_LAST; number++) {
        const struct sigaction *original = &signal_slots[number].original;
        if (signal_slots[number].watcher_count == 0) continue;
        if (original->sa_flags & SA_SIGINFO) continue;
        if (original->sa_handler != SIG_IGN) continue;
        set |= bl__signal_bit(number);
    }
    pthread_mutex_unlock(&signal_mutex);
    return set;
}

/* Whoever held the mutex or was in the handler is not in this process. */
void bl__signals_abandon(void) {
    pthread_mutex_init(&signal_mutex, NULL);
    atomic_store(&signal_handler_count, 0);
    atomic_store(&signal_watchers, NULL);
    for (int number = 1; number <= BL__SIGNAL_LAST; number++) {
        if (signal_slots[number].watcher_count == 0) continue;
        signal_slots[number].watcher_count = 1;
        signal_restore(number);
    }
}
