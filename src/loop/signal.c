/* SPDX-License-Identifier: MIT */
/*
 * loop/signal.c - SIGINT, SIGTERM and SIGQUIT for the loop that asked
 *
 * The handler counts and wakes the loop; the loop acts in its own time: the
 * first termination signal cancels the root, the second goes through shields.
 * The third restores the default and raises the signal again right in the
 * handler, since it comes when the loop is stuck.
 *
 * Handlers are installed on the main thread only, only where the default
 * stood, and restored only where they are still ours.  A forked child, which
 * has left the loop, has none.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/loop.h"

enum {
    KIND_COUNT = 3,
    TERMINATIONS_MAX = 2
};

static const int numbers[KIND_COUNT] = { SIGINT, SIGTERM, SIGQUIT };

static _Atomic(bl_loop *) owner;
static bool is_installed[KIND_COUNT];
static atomic_uint termination_count; /* seen by the handler */
static atomic_int termination_number; /* the last of them */
static atomic_uint quit_count;
static atomic_uint handler_count; /* threads that are in on_signal now */
static unsigned terminations_delivered;
static unsigned quits_delivered;

static void die_of(int number) {
    struct sigaction action = { .sa_handler = SIG_DFL };
    sigaction(number, &action, NULL);
    raise(number); /* takes effect when the handler returns */
}

static void on_signal(int number) {
    int saved_errno = errno;
    atomic_fetch_add(&handler_count, 1);
    if (number == SIGQUIT) {
        atomic_fetch_add(&quit_count, 1);
    } else {
        atomic_store(&termination_number, number);
        unsigned before = atomic_fetch_add(&termination_count, 1);
        if (before >= TERMINATIONS_MAX) die_of(number);
    }
    bl_loop *loop = atomic_load(&owner);
    if (loop != NULL) bl__wake(loop);
    atomic_fetch_sub(&handler_count, 1);
    errno = saved_errno;
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
    for (int i = 0; i < KIND_COUNT; i++) {
        struct sigaction current;
        is_installed[i] = false;
        if (sigaction(numbers[i], NULL, &current) < 0) continue;
        if (current.sa_flags & SA_SIGINFO) continue;
        if (current.sa_handler != SIG_DFL) continue;

        struct sigaction action = { .sa_handler = on_signal };
        action.sa_flags = SA_RESTART | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        is_installed[i] = sigaction(numbers[i], &action, NULL) == 0;
    }
    loop->owns_signals = true;
    return 0;
}

/* Puts the default back where the handler is still ours. */
static void uninstall(void) {
    for (int i = 0; i < KIND_COUNT; i++) {
        struct sigaction current;
        if (!is_installed[i]) continue;
        is_installed[i] = false;
        if (sigaction(numbers[i], NULL, &current) < 0) continue;
        if (current.sa_flags & SA_SIGINFO) continue;
        if (current.sa_handler != on_signal) continue;

        struct sigaction action = { .sa_handler = SIG_DFL };
        sigaction(numbers[i], &action, NULL);
    }
}

void bl__signals_restore(bl_loop *loop) {
    if (!loop->owns_signals) return;
    loop->owns_signals = false;
    uninstall();
    BL__ASSERT(atomic_load(&owner) == loop);
    atomic_store(&owner, NULL);
    /* The signal may have come to another thread, which has the loop still. */
    while (atomic_load(&handler_count) > 0)
        sched_yield();
}

void bl__signals_forget(void) {
    atomic_store(&owner, NULL);
    atomic_store(&handler_count, 0); /* those threads are not here */
    uninstall();
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
