/* SPDX-License-Identifier: MIT */
/*
 * loop/signal.c - SIGINT, SIGTERM and SIGQUIT for the loop that asked
 *
 * The handler counts and wakes the loop; the loop acts in its own time: the
 * first termination signal cancels the root, the second goes through shields.
 * The third restores the default and raises the signal again right in the
 * handler, since it comes when the loop is stuck.
 *
 * Signals are taken on the main thread only, and only where the default stood.
 * A loop is a fallback among those who watch signals (sys/signals.h): what the
 * program subscribes to with <belay/signal.h> comes to the loop no more, for as
 * long as it does.  A forked child, which has left the loop, has no handlers.
 */
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/loop.h"
#include "sys/signals.h"

enum {
    KIND_COUNT = 3,
    TERMINATIONS_MAX = 2
};

static const int numbers[KIND_COUNT] = { SIGINT, SIGTERM, SIGQUIT };

static _Atomic(bl_loop *) owner;
static struct bl__signal_watcher owner_watcher;
static atomic_uint termination_count; /* seen by the handler */
static atomic_int termination_number; /* the last of them */
static atomic_uint quit_count;
static unsigned terminations_delivered;
static unsigned quits_delivered;

static void die_of(int number) {
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigaction(number, &action, NULL);
    raise(number); /* takes effect when the handler returns */
}

static void on_signal(struct bl__signal_watcher *watcher, int number,
                      const siginfo_t *info) {
    (void)watcher;
    (void)info;
    if (number == SIGQUIT) {
        atomic_fetch_add(&quit_count, 1);
    } else {
        atomic_store(&termination_number, number);
        unsigned before = atomic_fetch_add(&termination_count, 1);
        if (before >= TERMINATIONS_MAX) die_of(number);
    }
    bl_loop *loop = atomic_load(&owner);
    if (loop != NULL) bl__wake(loop);
}

static bool is_main_thread(void) {
    return getpid() == (pid_t)syscall(SYS_gettid);
}

int bl__signals_install(bl_loop *loop) {
    if (!is_main_thread()) return 0;
    bl_loop *expected = NULL;
    if (!atomic_compare_exchange_strong(&owner, &expected, loop)) return 0;

    atomic_store(&termination_count, 0);
    atomic_store(&quit_count, 0);
    terminations_delivered = 0;
    quits_delivered = 0;
    uint64_t set = 0;
    for (int i = 0; i < KIND_COUNT; i++) {
        if (bl__signal_is_default(numbers[i])) {
            set |= bl__signal_bit(numbers[i]);
        }
    }
    owner_watcher.on_signal = on_signal;
    owner_watcher.is_fallback = true;
    int rc = bl__signals_watch(&owner_watcher, set);
    BL__ASSERT(rc == 0); /* anybody may handle these three */
    loop->owns_signals = true;
    return 0;
}

void bl__signals_restore(bl_loop *loop) {
    if (!loop->owns_signals) return;
    loop->owns_signals = false;
    bl__signals_unwatch(&owner_watcher);
    BL__ASSERT(atomic_load(&owner) == loop);
    atomic_store(&owner, NULL);
}

void bl__signals_forget(void) {
    atomic_store(&owner, NULL);
    bl__signals_abandon();
}

void bl__signals_deliver(bl_loop *loop) {
    unsigned quits = atomic_load_explicit(&quit_count, memory_order_relaxed);
    if (quits != quits_delivered) {
        quits_delivered = quits;
        loop->client->signal(loop, SIGQUIT, 0);
    }
    unsigned seen =
        atomic_load_explicit(&termination_count, memory_order_relaxed);
    while (terminations_delivered != seen) {
        terminations_delivered++;
        loop->client->signal(loop, atomic_load(&termination_number),
                             terminations_delivered);
    }
}
