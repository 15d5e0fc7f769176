/* SPDX-License-Identifier: MIT */
/*
 * sys/signals.h - who is told of a signal
 *
 * The process has one handler of ours, in place for exactly the signals that
 * somebody watches.  It tells each watcher; what the signal did before is kept,
 * and put back when the last watcher leaves.
 *
 * Words.  A *watcher* is told in the handler, on whichever thread the signal
 * came to.  A *fallback* is told only of signals that nobody else watches.
 * What a signal did before the first watcher came is its *original*.
 */
#ifndef BL__SYS_SIGNALS_H
#define BL__SYS_SIGNALS_H

#include <signal.h>
#include <stdatomic.h>

#include <belay/base.h>

/* Signals have the numbers 1 to 64. */
enum {
    BL__SIGNAL_LAST = 64
};

/* A set of signals: the bit of number n is n - 1. */
static inline uint64_t bl__signal_bit(int number) {
    return (uint64_t)1 << (number - 1);
}

/*
 * One who is told, embedded by its owner, who keeps it in place until
 * bl__signals_unwatch has returned.
 *
 * `on_signal` is called in a signal handler: it may store, and write to a
 * descriptor, and little else.
 */
struct bl__signal_watcher {
    void (*on_signal)(struct bl__signal_watcher *watcher, int number,
                      const siginfo_t *info);
    bool is_fallback;
    uint64_t _set;
    _Atomic(struct bl__signal_watcher *) _next;
};

/*
 * Begins to tell `watcher` of the signals of `set`, of all or none.  From any
 * thread.  Returns 0, or BL_EINVAL if the system lets nobody handle one.
 */
int bl__signals_watch(struct bl__signal_watcher *watcher, uint64_t set);

/* Ends that; when it returns, nobody is in `on_signal` any more. */
void bl__signals_unwatch(struct bl__signal_watcher *watcher);

/* Whether the original of the signal is SIG_DFL, or SIG_IGN. */
bool bl__signal_is_default(int number);
bool bl__signal_is_ignored(int number);

/* The watched signals whose original is SIG_IGN, as a set. */
uint64_t bl__signals_ignored(void);

/* In a forked child: it has left those who watch behind. */
void bl__signals_abandon(void);

#endif
