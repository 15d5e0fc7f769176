/* SPDX-License-Identifier: MIT */
/*
 * proc/signal.c - signals as a stream of events
 *
 * The handler of the process (sys/signals.h) tells each subscription, on
 * whatever thread the signal came to.  It is counted there, by its number, and
 * the counter of an eventfd, which the loop watches, is raised.  Whoever waits
 * is served by the loop; whoever asks takes from the counts directly, so what
 * has come is there without an iteration.
 *
 *     handler, any thread                 the loop's thread
 *     sender, order, count++  -----.
 *     write to the eventfd -> watch -> the first in line takes
 *                                  '-> bl_signals_try_wait takes
 *
 * A subscription that was forgotten when its loop ended is a leak, and nothing
 * worse: the handler touches its memory and its eventfd alone.
 *
 * Invariant: while a task waits, either no count is above 0, or the eventfd is
 * readable.
 */
#include <belay/signal.h>

#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/list.h"
#include "sys/signals.h"

/* What came with one number and was not taken; written by handlers. */
struct signal_pending {
    atomic_uint count;
    atomic_ullong sender; /* of the last: pid above, uid below */
    atomic_ullong order;  /* of the first */
};

struct bl_signals {
    struct bl__signal_watcher watcher;
    struct signal_pending pending[BL__SIGNAL_LAST + 1];
    atomic_ullong next_order;
    bl_loop *loop;
    bl_waitq line;
    bl_watch watch; /* of the eventfd */
    int wake_fd;
};

/* ---- in the handler ---------------------------------------------------- */

static unsigned long long signal_sender(int number, const siginfo_t *info) {
    bool is_known = info->si_code == SI_USER || info->si_code == SI_QUEUE ||
                    info->si_code == SI_TKILL;
    if (number == SIGCHLD && info->si_code > 0) is_known = true;
    if (!is_known) return 0;
    return (unsigned long long)(uint32_t)info->si_pid << 32 |
           (uint32_t)info->si_uid;
}

static void signals_note(struct bl__signal_watcher *watcher, int number,
                         const siginfo_t *info) {
    bl_signals *signals = bl__container_of(watcher, bl_signals, watcher);
    struct signal_pending *pending = &signals->pending[number];
    uint64_t one = 1;
    if (atomic_load(&pending->count) == 0) {
        atomic_store(&pending->order,
                     atomic_fetch_add(&signals->next_order, 1));
    }
    atomic_store(&pending->sender, signal_sender(number, info));
    atomic_fetch_add(&pending->count, 1);
    BL_IGNORE(write(signals->wake_fd, &one, sizeof one) < 0); /* is readable */
}

/* ---- taking ------------------------------------------------------------ */

/* The number that was the first to come; 0 if none has. */
static int signals_first(bl_signals *signals) {
    int first = 0;
    unsigned long long first_order = 0;
    for (int number = 1; number <= BL__SIGNAL_LAST; number++) {
        if (atomic_load(&signals->pending[number].count) == 0) continue;
        unsigned long long order = atomic_load(&signals->pending[number].order);
        if (first != 0 && order > first_order) continue;
        first = number;
        first_order = order;
    }
    return first;
}

static bool signals_take(bl_signals *signals, bl_signal_event *event) {
    int number = signals_first(signals);
    if (number == 0) return false;
    struct signal_pending *pending = &signals->pending[number];
    uint32_t count = atomic_exchange(&pending->count, 0);
    unsigned long long sender = atomic_load(&pending->sender);
    BL__ASSERT(count > 0);
    *event = (bl_signal_event){
        .number = number,
        .count = count,
        .pid = (pid_t)(sender >> 32),
        .uid = (uid_t)sender,
    };
    return true;
}

static void signals_on_wake(void *context, unsigned events) {
    bl_signals *signals = context;
    uint64_t value;
    (void)events;
    BL_IGNORE(read(signals->wake_fd, &value, sizeof value) < 0);
    for (;;) {
        bl_waiter *waiter = bl_waitq_first(&signals->line);
        if (waiter == NULL) return;
        if (!signals_take(signals, waiter->data)) return;
        bl_waitq_serve(waiter, 0);
    }
}

static int signals_check(const bl_signals *signals,
                         const bl_signal_event *event) {
    if (signals == NULL || event == NULL) return BL_EINVAL;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    return loop == signals->loop ? 0 : BL_ETHREAD;
}

int bl_signals_try_wait(bl_signals *signals, bl_signal_event *event) {
    if (signals == NULL || event == NULL) return BL_EINVAL;
    if (bl_loop_running() != signals->loop) return BL_ETHREAD;
    return signals_take(signals, event) ? 0 : BL_EAGAIN;
}

int bl_signals_wait(bl_signals *signals, bl_signal_event *event) {
    int rc = signals_check(signals, event);
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;
    if (signals_take(signals, event)) return 0;

    bl_waiter waiter = { .data = event };
    return bl_waitq_wait(&signals->line, &waiter, "signal", signals);
}

/* ---- select ------------------------------------------------------------ */

static int signal_branch_check(bl_branch *branch) {
    return signals_check(branch->object, branch->data);
}

static bool signal_branch_try(bl_branch *branch) {
    branch->rc = 0;
    return signals_take(branch->object, branch->data);
}

static int signal_branch_begin(bl_branch *branch) {
    bl_signals *signals = branch->object;
    bl_branch_join(branch, &signals->line, branch->data);
    return 0;
}

bl_branch bl_on_signal(bl_signals *signals, bl_signal_event *event) {
    static const bl_branch_ops ops = { .check = signal_branch_check,
                                       .try_commit = signal_branch_try,
                                       .begin = signal_branch_begin };
    return (bl_branch){ .ops = &ops, .object = signals, .data = event };
}

/* ---- opening and closing ----------------------------------------------- */

/*
 * A handler that returns from a fault runs into it again, and abort() comes
 * back for more.  Numbers between the two kinds are the C library's.
 */
static bool signal_can_be_watched(int number) {
    switch (number) {
    case SIGKILL:
    case SIGSTOP:
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGSYS:
    case SIGABRT: return false;
    default: break;
    }
    if (number < 1 || number > BL__SIGNAL_LAST) return false;
    return number < 32 || number >= SIGRTMIN;
}

static int signals_make_set(const int *numbers, size_t count, uint64_t *set) {
    if (numbers == NULL || count == 0) return BL_EINVAL;
    *set = 0;
    for (size_t i = 0; i < count; i++) {
        if (!signal_can_be_watched(numbers[i])) {
            return BL_ERR(BL_EINVAL, "signal %d (%s) cannot be watched",
                          numbers[i], bl_signal_name(numbers[i]));
        }
        *set |= bl__signal_bit(numbers[i]);
    }
    return 0;
}

static bl_signals *signals_new(bl_loop *loop) {
    bl_signals *signals = bl_alloc(sizeof *signals);
    if (signals == NULL) return NULL;
    memset(signals, 0, sizeof *signals);
    signals->watcher.on_signal = signals_note;
    signals->loop = loop;
    bl_waitq_init(&signals->line);
    return signals;
}

int bl_signals_open(const int *numbers, size_t count, bl_signals **signals) {
    uint64_t set;
    if (signals == NULL) return BL_EINVAL;
    int rc = signals_make_set(numbers, count, &set);
    if (rc < 0) return rc;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    bl_signals *made = signals_new(loop);
    if (made == NULL) return BL_ENOMEM;

    made->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (made->wake_fd < 0) {
        rc = -errno;
        goto free_signals;
    }
    bl_watch_init(&made->watch, made->wake_fd, signals_on_wake, made);
    rc = bl_watch_start(loop, &made->watch, BL_READABLE);
    if (rc < 0) goto close_wake;
    rc = bl__signals_watch(&made->watcher, set);
    if (rc < 0) goto close_wake;
    *signals = made;
    return 0;

close_wake:
    bl_watch_close(&made->watch);
free_signals:
    bl_free(made);
    return rc;
}

void bl_signals_close(bl_signals *signals) {
    if (signals == NULL) return;
    bl__signals_unwatch(&signals->watcher);
    bl_watch_close(&signals->watch);
    bl_waitq_serve_all(&signals->line, BL_ECLOSED);
    bl_free(signals);
}

/* ---- names ------------------------------------------------------------- */

bool bl_signal_is_ignored(int number) {
    if (number < 1 || number > BL__SIGNAL_LAST) return false;
    return bl__signal_is_ignored(number);
}

static const char *const signal_names[] = {
    [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",       [SIGQUIT] = "SIGQUIT",
    [SIGILL] = "SIGILL",       [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT",
    [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",       [SIGKILL] = "SIGKILL",
    [SIGUSR1] = "SIGUSR1",     [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
    [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM",     [SIGTERM] = "SIGTERM",
    [SIGSTKFLT] = "SIGSTKFLT", [SIGCHLD] = "SIGCHLD",     [SIGCONT] = "SIGCONT",
    [SIGSTOP] = "SIGSTOP",     [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN",
    [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",       [SIGXCPU] = "SIGXCPU",
    [SIGXFSZ] = "SIGXFSZ",     [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF",
    [SIGWINCH] = "SIGWINCH",   [SIGIO] = "SIGIO",         [SIGPWR] = "SIGPWR",
    [SIGSYS] = "SIGSYS",
};

const char *bl_signal_name(int number) {
    size_t count = sizeof signal_names / sizeof signal_names[0];
    if (number < 1 || (size_t)number >= count) return "SIG?";
    return signal_names[number] != NULL ? signal_names[number] : "SIG?";
}
