/* SPDX-License-Identifier: MIT */
/*
 * app/monitor.c - the thread that hears signals, whatever the loop does
 *
 * A loop that is blocked hears nothing, and that is when signals matter most.
 * So a thread with a small loop of its own subscribes to them.  It counts, it
 * tells the app's loop by a post, and it does itself what cannot wait for that
 * loop: ending the process, and printing the tasks.
 *
 *     level 1  the first SIGTERM or SIGINT      the app stops
 *     level 2  another, and not its echo        the app cancels everything
 *     level 3  a third                          the process ends
 *
 * The app's loop prints its tasks itself, between two of them.  If it has not
 * begun to within half a second it is blocked, and the monitor prints: it sends
 * the loop's thread a signal whose handler takes down the stack that it has
 * interrupted, and stays until the printing is over, so that what is read
 * stands still.  A thread that stands still may have any lock, so whatever is
 * done meanwhile takes none.
 *
 * Invariant: what both threads use is atomic, or posted; when the process is to
 * end is decided by the monitor alone.
 */
#include <belay/error.h>
#include <belay/inspect.h>
#include <belay/loop.h>
#include <belay/scope.h>
#include <belay/select.h>
#include <belay/signal.h>
#include <belay/task.h>
#include <belay/thread.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "app/app.h"
#include "base/alloc.h"
#include "base/assert.h"

enum {
    DUMP_BYTES = 1024 * 1024,
    REPORT_SECONDS_MAX = 5,
    LOG_SECONDS_MAX = 2,
    FREEZE_TRIES = 200,
    FROZEN_FRAMES = 32,
    FRAME_BYTES = 400
};

static const bl_ns monitor_echo_window = BL_MS(250);
static const bl_ns monitor_dump_patience = BL_MS(500);
static const bl_ns monitor_names_patience = BL_SEC(1);
static const bl_ns monitor_names_look = BL_MS(5); /* and once more */
static const bl_ns monitor_end_spare =
    BL_SEC(1); /* for a loop that does its best */

struct bl__monitor {
    bl_app *app;
    pthread_t thread;
    sem_t opened;
    int open_rc;

    /* The app's side, and what it is told. */
    bl_loop *loop;
    pid_t loop_thread;
    bl_post to_app;
    atomic_bool is_app_told;
    atomic_int level;
    atomic_int number;
    atomic_bool hangup;
    atomic_bool dump;
    int level_done; /* the app's */

    /* The monitor's side, and what it is told. */
    bl_loop *own;
    bl_event poked;
    bl_post to_monitor;
    atomic_bool is_poked;
    atomic_bool is_over;
    atomic_bool is_dumped;
    _Atomic bl_ns stop_end; /* when the stop is to be over; the app's word */
    bl_ns end_at;           /* when the process is to be over, and how */
    int end_status;
    bl_ns dump_by;  /* a dump waits for names until then; or BL_FOREVER */
    bl_ns first_at; /* the first signal, and which */
    int first_number;
    char *text; /* for a dump */
};

/* ---- the end of the process ---------------------------------------------- */

static volatile sig_atomic_t monitor_last_status;

static void monitor_on_alarm(int number) {
    (void)number;
    _exit(monitor_last_status);
}

/*
 * What is still to be said needs others, such as the program's log, which may
 * want a lock that the blocked thread has.  So it has a moment, and no more.
 */
static void monitor_limit_end(int status, unsigned seconds) {
    struct sigaction action = { .sa_handler = monitor_on_alarm };
    sigset_t alarms;
    sigemptyset(&action.sa_mask);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    monitor_last_status = status;
    sigaction(SIGALRM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(seconds);
}

void bl__monitor_exit(bl_app *app, int status, bl_ns began) {
    monitor_limit_end(status, LOG_SECONDS_MAX);
    bl__app_log(app, "forced exit %d after %.1f s", status,
                (double)(bl_now_real() - began) / 1e9);
    if (status == 128 + SIGINT) {
        sigset_t interrupt;
        sigemptyset(&interrupt);
        sigaddset(&interrupt, SIGINT);
        signal(SIGINT, SIG_DFL);
        pthread_sigmask(SIG_UNBLOCK, &interrupt, NULL);
        kill(getpid(), SIGINT);
    }
    _exit(status);
}

/* ---- talking to each other ----------------------------------------------- */

static void monitor_on_told(void *context) {
    struct bl__monitor *monitor = context;
    bl_app *app = monitor->app;
    atomic_store(&monitor->is_app_told, false);
    int level = atomic_load(&monitor->level);
    if (level > monitor->level_done) {
        monitor->level_done = level;
        bl__run_on_stop(app, atomic_load(&monitor->number), level);
    }
    if (atomic_exchange(&monitor->hangup, false)) bl__run_on_hangup(app);
    if (atomic_exchange(&monitor->dump, false)) bl__run_dump(app);
}

static void monitor_tell_app(struct bl__monitor *monitor) {
    if (atomic_exchange(&monitor->is_app_told, true)) return;
    bl_thread_post_pinned(monitor->loop, &monitor->to_app, monitor_on_told,
                          monitor);
}

static void monitor_on_poke(void *context) {
    struct bl__monitor *monitor = context;
    atomic_store(&monitor->is_poked, false);
    bl_event_set(&monitor->poked);
}

static void monitor_poke(struct bl__monitor *monitor) {
    if (atomic_exchange(&monitor->is_poked, true)) return;
    bl_thread_post_pinned(monitor->own, &monitor->to_monitor, monitor_on_poke,
                          monitor);
}

void bl__monitor_expect_stop(bl_app *app, bl_ns when) {
    if (app->monitor == NULL) return;
    atomic_store(&app->monitor->stop_end, when);
    monitor_poke(app->monitor);
}

/* ---- printing the tasks -------------------------------------------------- */

static atomic_bool monitor_keeps_frozen;
static atomic_bool monitor_is_frozen;

/* Where it stands; written by the handler before it says that it does. */
static const void *monitor_frozen_at[FROZEN_FRAMES];
static size_t monitor_frozen_depth;

/* Everything in it may be called in a signal handler. */
static void monitor_freeze(int number) {
    int saved = errno;
    (void)number;
    monitor_frozen_depth =
        bl_inspect_stack(NULL, monitor_frozen_at, FROZEN_FRAMES);
    atomic_store(&monitor_is_frozen, true);
    while (atomic_load(&monitor_keeps_frozen))
        poll(NULL, 0, 1);
    atomic_store(&monitor_is_frozen, false);
    errno = saved;
}

static size_t monitor_put_frozen(char *text, size_t bytes) {
    size_t at = 0;
    for (size_t i = 0; i < monitor_frozen_depth; i++) {
        char place[FRAME_BYTES];
        bl_inspect_place(monitor_frozen_at[i], place, sizeof place);
        int length = snprintf(text + at, bytes - at, "  %s %s\n",
                              i == 0 ? "in" : "<-", place);
        BL__ASSERT(length > 0 && (size_t)length < bytes - at);
        at += (size_t)length;
    }
    return at;
}

static void monitor_print(struct bl__monitor *monitor, const char *title) {
    char *text = monitor->text;
    int head =
        snprintf(text, DUMP_BYTES, "%s: %s\n", monitor->app->name, title);
    BL__ASSERT(head > 0);
    size_t at = (size_t)head;
    if (atomic_load(&monitor_is_frozen)) {
        at += monitor_put_frozen(text + at, DUMP_BYTES - at);
    }
    at += bl_inspect_format_stacks(monitor->loop, text + at, DUMP_BYTES - at);
    if (at >= DUMP_BYTES) at = DUMP_BYTES - 1;
    bl__app_write(text, at);
}

void bl__run_dump(bl_app *app) {
    struct bl__monitor *monitor = app->monitor;
    char health[BL__APP_LINE * 4];
    atomic_store(&monitor->is_dumped, true);
    size_t length = bl_app_format_health(app, health, sizeof health);
    if (length >= sizeof health) length = sizeof health - 1;
    bl__app_write(health, length);
    monitor_print(monitor, "its tasks");
    /* Once it is over the monitor has gone, and its loop with it. */
    if (!atomic_load(&monitor->is_over)) monitor_poke(monitor);
}

/* The loop is blocked: has its thread stand still, and prints its tasks. */
static void monitor_print_blocked(struct bl__monitor *monitor) {
    struct sigaction action = { .sa_handler = monitor_freeze,
                                .sa_flags = SA_RESTART | SA_ONSTACK };
    struct sigaction before;
    sigemptyset(&action.sa_mask);
    if (sigaction(SIGURG, &action, &before) < 0) return;
    atomic_store(&monitor_keeps_frozen, true);
    syscall(SYS_tgkill, getpid(), monitor->loop_thread, SIGURG);
    /* One that is deep in the system stands still all the same. */
    for (int i = 0; i < FREEZE_TRIES && !atomic_load(&monitor_is_frozen); i++)
        poll(NULL, 0, 1);
    monitor_print(monitor, "its loop is blocked by the task that is running");
    bool was_frozen = atomic_load(&monitor_is_frozen);
    atomic_store(&monitor_keeps_frozen, false);
    while (was_frozen && atomic_load(&monitor_is_frozen))
        poll(NULL, 0, 1);
    if (was_frozen) sigaction(SIGURG, &before, NULL);
}

static int dump(struct bl__monitor *monitor) {
    monitor->dump_by = BL_FOREVER;
    atomic_store(&monitor->is_dumped, false);
    atomic_store(&monitor->dump, true);
    monitor_tell_app(monitor);
    bl_ns patience_end = bl_ns_add(bl_now(), monitor_dump_patience);
    while (!atomic_load(&monitor->is_dumped) && bl_now() < patience_end) {
        bl_branch branches[] = { bl_on_event(&monitor->poked),
                                 bl_on_sleep(patience_end - bl_now()) };
        int which = bl_select(branches, 2);
        if (which < 0) return which;
        bl_event_clear(&monitor->poked);
        if (atomic_load(&monitor->is_over)) return 0;
    }
    /* Either we print, or the loop does. */
    if (atomic_exchange(&monitor->dump, false)) monitor_print_blocked(monitor);
    return 0;
}

/* ---- hearing ------------------------------------------------------------- */

static void monitor_expect_end(struct bl__monitor *monitor, bl_ns when,
                               int status) {
    when = bl_ns_add(when, monitor_end_spare);
    if (when >= monitor->end_at) return;
    bl_inspect_learn_names(0); /* should somebody be stuck */
    monitor->end_at = when;
    monitor->end_status = status;
}

static void monitor_hear_stop(struct bl__monitor *monitor, int number) {
    bl_app *app = monitor->app;
    bl_ns now = bl_now();
    int level = atomic_load(&monitor->level);
    if (level == 0) {
        monitor->first_at = now;
        monitor->first_number = number;
    }
    bool is_echo = level == 1 && number == monitor->first_number &&
                   now - monitor->first_at < monitor_echo_window;
    if (is_echo) return;
    level++;
    if (level == 1) {
        monitor_expect_end(monitor, bl_ns_add(now, app->options.stop_deadline),
                           BL__APP_LATE);
    }
    if (level == 2) {
        monitor_expect_end(monitor, bl_ns_add(now, app->options.force_grace),
                           128 + number);
    }
    if (level > 2) bl__monitor_exit(app, 128 + number, monitor->first_at);
    atomic_store(&monitor->number, number);
    atomic_store(&monitor->level, level);
    monitor_tell_app(monitor);
}

/* What was asked for before is shown by the same dump. */
static void monitor_expect_dump(struct bl__monitor *monitor) {
    if (monitor->dump_by != BL_FOREVER) return;
    monitor->dump_by = bl_ns_add(bl_now(), monitor_names_patience);
}

static void monitor_hear(struct bl__monitor *monitor, int number) {
    switch (number) {
    case SIGQUIT: monitor_expect_dump(monitor); break;
    case SIGHUP:
        atomic_store(&monitor->hangup, true);
        monitor_tell_app(monitor);
        break;
    default: monitor_hear_stop(monitor, number);
    }
}

/*
 * How long the process may go on.  A monitor that is this late was stopped, and
 * the loop with it: that has a moment to do what has become due.
 */
static bl_ns monitor_left(struct bl__monitor *monitor) {
    bl_ns stop_end = atomic_exchange(&monitor->stop_end, BL_FOREVER);
    monitor_expect_end(monitor, stop_end, BL__APP_LATE);
    if (monitor->end_at == BL_FOREVER) return BL_FOREVER;
    bl_ns left = monitor->end_at - bl_now();
    if (left > -monitor_end_spare) return left;
    monitor->end_at = bl_ns_add(bl_now(), monitor_end_spare);
    return monitor_end_spare;
}

/*
 * How long until a dump is due, or to be looked after.  Signals are heard
 * meanwhile: who presses Ctrl-C does not wait for names.
 */
static bl_ns monitor_left_to_dump(const struct bl__monitor *monitor) {
    if (monitor->dump_by == BL_FOREVER) return BL_FOREVER;
    if (bl_inspect_learn_names(0) || bl_now() >= monitor->dump_by) return 0;
    return monitor_names_look;
}

static int monitor_await(struct bl__monitor *monitor, bl_signals *signals,
                         bl_ns patience) {
    bl_signal_event event = { .number = 0 };
    bl_branch branches[] = { bl_on_event(&monitor->poked),
                             bl_on_signal(signals, &event),
                             bl_on_sleep(patience) };
    int rc = bl_select(branches, 3);
    if (rc == 0) bl_event_clear(&monitor->poked);
    if (rc == 1) monitor_hear(monitor, event.number);
    return rc;
}

static int monitor_listen(struct bl__monitor *monitor, bl_signals *signals) {
    while (!atomic_load(&monitor->is_over)) {
        bl_ns left = monitor_left(monitor);
        if (left <= 0) {
            monitor_limit_end(monitor->end_status, REPORT_SECONDS_MAX);
            monitor_print_blocked(monitor);
            bl__monitor_exit(monitor->app, monitor->end_status,
                             monitor->first_at);
        }
        bl_ns left_to_dump = monitor_left_to_dump(monitor);
        if (left_to_dump < left) left = left_to_dump;
        int rc =
            left > 0 ? monitor_await(monitor, signals, left) : dump(monitor);
        if (rc < 0) return rc;
    }
    return 0;
}

/* ---- after the end ------------------------------------------------------- */

enum {
    HEARD_COUNT = 4
};

static const int monitor_heard[HEARD_COUNT] = { SIGINT, SIGTERM, SIGHUP,
                                                SIGQUIT };

/* What is left of the monitor while the process winds up: nobody hears signals
 * any more, but what was ignored while they were heard still is. */
static struct {
    struct sigaction originals[HEARD_COUNT];
    int first_number;
    bl_ns first_at;
    bool is_held;
} monitor_late;

/* Everything in it may be called in a signal handler. */
static void monitor_on_late(int number) {
    bool asks_to_end = number == SIGINT || number == SIGTERM;
    bl_ns since = bl_now_real() - monitor_late.first_at;
    bool is_echo =
        number == monitor_late.first_number && since < monitor_echo_window;
    if (!asks_to_end || is_echo) return;
    for (int i = 0; i < HEARD_COUNT; i++) {
        if (monitor_heard[i] != number) continue;
        sigaction(number, &monitor_late.originals[i], NULL);
    }
    raise(number); /* it comes when this has returned */
}

/* Before the originals are put back, which then are not. */
static void monitor_hold_signals(const struct bl__monitor *monitor) {
    struct sigaction action = { .sa_handler = monitor_on_late,
                                .sa_flags = SA_RESTART | SA_ONSTACK };
    sigemptyset(&action.sa_mask);
    monitor_late.first_number = monitor->first_number;
    monitor_late.first_at = monitor->first_at;
    monitor_late.is_held = true;
    for (int i = 0; i < HEARD_COUNT; i++)
        sigaction(monitor_heard[i], &action, NULL);
}

void bl__monitor_release_signals(void) {
    if (!monitor_late.is_held) return;
    monitor_late.is_held = false;
    for (int i = 0; i < HEARD_COUNT; i++)
        sigaction(monitor_heard[i], &monitor_late.originals[i], NULL);
}

/* ---- the thread ---------------------------------------------------------- */

static int monitor_root(void *arg) {
    struct bl__monitor *monitor = arg;
    bl_signals *signals;
    monitor->own = bl_loop_running();
    for (int i = 0; i < HEARD_COUNT; i++)
        sigaction(monitor_heard[i], NULL, &monitor_late.originals[i]);
    int rc = bl_signals_open(monitor_heard, HEARD_COUNT, &signals);
    monitor->open_rc = rc;
    if (rc < 0) return rc;
    bl_loop_expect(monitor->own);
    sem_post(&monitor->opened);
    rc = monitor_listen(monitor, signals);
    while (atomic_load(&monitor->is_poked)) {
        BL_IGNORE(bl_yield()); /* until the post has come */
    }
    bl_loop_unexpect(monitor->own);
    monitor_hold_signals(monitor);
    bl_signals_close(signals);
    return rc;
}

static void *monitor_main(void *arg) {
    struct bl__monitor *monitor = arg;
    bl_loop_options options = { .size = sizeof options,
                                .signals = BL_SIGNALS_HOST,
                                .is_quiet = true };
    int rc = bl_run_with(monitor_root, monitor, &options);
    if (monitor->own == NULL) monitor->open_rc = rc;
    if (monitor->open_rc < 0) sem_post(&monitor->opened);
    bl_error_handled();
    return NULL;
}

/* ---- opened and closed --------------------------------------------------- */

/* Waits until the monitor listens, or cannot. */
static int monitor_start(struct bl__monitor *monitor) {
    int error = pthread_create(&monitor->thread, NULL, monitor_main, monitor);
    if (error != 0) return -error;
    while (sem_wait(&monitor->opened) < 0)
        BL__ASSERT(errno == EINTR);
    if (monitor->open_rc < 0) pthread_join(monitor->thread, NULL);
    return monitor->open_rc;
}

int bl__monitor_open(bl_app *app) {
    struct bl__monitor *monitor = bl__alloc_zeroed(1, sizeof *monitor);
    if (monitor == NULL) return BL_ENOMEM;
    monitor->app = app;
    monitor->loop = bl_loop_running();
    monitor->loop_thread = (pid_t)syscall(SYS_gettid);
    monitor->first_at = bl_now_real(); /* unless a signal comes */
    atomic_store(&monitor->stop_end, BL_FOREVER);
    monitor->end_at = BL_FOREVER;
    monitor->dump_by = BL_FOREVER;
    bl_event_init(&monitor->poked);
    sem_init(&monitor->opened, 0, 0);
    int rc = BL_ENOMEM;
    monitor->text = bl__alloc(DUMP_BYTES);
    if (monitor->text == NULL) goto free_monitor;
    rc = monitor_start(monitor);
    if (rc < 0) goto free_text;
    bl_loop_expect(monitor->loop);
    app->monitor = monitor;
    return 0;

free_text:
    bl__free(monitor->text);
free_monitor:
    sem_destroy(&monitor->opened);
    bl__free(monitor);
    return rc;
}

void bl__monitor_close(bl_app *app) {
    struct bl__monitor *monitor = app->monitor;
    if (monitor == NULL) return;
    atomic_store(&monitor->is_over, true);
    monitor_poke(monitor);
    pthread_join(monitor->thread, NULL);
    while (atomic_load(&monitor->is_app_told)) {
        BL_IGNORE(bl_yield()); /* until the post has come */
    }
    bl_loop_unexpect(monitor->loop);
    app->monitor = NULL;
    sem_destroy(&monitor->opened);
    bl__free(monitor->text);
    bl__free(monitor);
}
