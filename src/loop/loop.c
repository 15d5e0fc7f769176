/* SPDX-License-Identifier: MIT */
/*
 * loop/loop.c - one iteration, and when to block
 *
 * An iteration runs what is ready, harvests descriptors, fires timers, and
 * makes the calls that others have queued, in this order, so that I/O which
 * arrives together with a deadline wins.
 *
 * Ready tasks do not wait for the kernel to be asked: between two looks at
 * descriptors and timers a few tasks may pass (the *credit*), as many as fit
 * into about 20 us by the speed of the last ones.  With a virtual clock, or
 * with a seam, every iteration looks.
 *
 * When nothing is ready the loop blocks, after it has made sure, in this
 * order: that nobody waits for quiet; that, with a virtual clock, time cannot
 * simply move on; that somebody can wake it at all.
 */
#include "loop/loop.h"

#include <belay/error.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"

enum {
    READY_MAX = BL__HARD_OR(4, 256),
    CREDIT_MAX = 64,
    CREDIT_NS = 20 * 1000,
    CREDIT_UNBOUNDED = 1 << 16,
    QUIESCENCE_RETRY_NS = 1000 * 1000,
    FOREIGN_IDLE_NS = 10 * 1000 * 1000
};

__thread bl_loop *bl__loop_current;

static unsigned fork_generation;
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

/* ---- time -------------------------------------------------------------- */

static bl_ns clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (bl_ns)now.tv_sec * 1000000000 + now.tv_nsec;
}

bl_ns bl__loop_now(const bl_loop *loop) {
    if (BL__UNLIKELY(loop->clock != BL_CLOCK_REAL)) return loop->virtual_now;
    if (BL__UNLIKELY(loop->options.now != NULL)) {
        return loop->options.now(loop->options.now_context);
    }
    return clock_now();
}

bl_ns bl_now(void) {
    bl_loop *loop = bl__loop_current;
    return loop != NULL ? bl__loop_now(loop) : clock_now();
}

/*
 * Beside a virtual clock, clock_gettime may be one that tells virtual time
 * too, put there by the linker for a test; so the system is asked itself.
 */
bl_ns bl_now_real(void) {
    const bl_loop *loop = bl__loop_current;
    struct timespec now;
    if (loop == NULL || loop->clock == BL_CLOCK_REAL) return clock_now();
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    return (bl_ns)now.tv_sec * 1000000000 + now.tv_nsec;
}

int bl_loop_advance(bl_loop *loop, bl_ns duration) {
    if (loop == NULL) return BL_EINVAL;
    if (duration < 0) return BL_EINVAL;
    if (loop->clock != BL_CLOCK_MANUAL) return BL_EMISUSE;
    loop->virtual_now = bl_ns_add(loop->virtual_now, duration);
    return 0;
}

/* ---- making and unmaking ----------------------------------------------- */

/* In the child: what the parent's loop owns is not ours to touch. */
static void after_fork_in_child(void) {
    fork_generation++;
    bl__loop_current = NULL;
    bl__signals_forget();
    bl__sys_seam = NULL;
    bl__ops_leave();
}

static void watch_forks(void) {
    pthread_atfork(NULL, NULL, after_fork_in_child);
}

bool bl__loop_is_forked(const bl_loop *loop) {
    return loop->fork_generation != fork_generation;
}

static int check_options(const bl_loop_options *options) {
    if (options->size == 0) return BL_EINVAL;
    if (options->size > sizeof *options) return BL_EINVAL;
    if ((unsigned)options->driver > BL_DRIVER_URING) return BL_EINVAL;
    if ((unsigned)options->clock > BL_CLOCK_MANUAL) return BL_EINVAL;
    if ((unsigned)options->signals > BL_SIGNALS_ROOT) return BL_EINVAL;
    if (options->now != NULL && options->clock != BL_CLOCK_REAL) {
        return BL_EINVAL;
    }
    return options->spin_ns_max > BL_SEC(1) ? BL_EINVAL : 0;
}

#if BL__HARD
static uint32_t choose_hard(void *context, bl_choice kind, uint32_t count,
                            const uint64_t *ids) {
    (void)context;
    (void)kind;
    (void)ids;
    return bl__hard_random(count);
}
#endif

/* In hard mode somebody sits in the seam where nobody else does. */
static void harden(bl_loop *loop) {
    bl__hard_start();
#if BL__HARD
    if (loop->options.choose != NULL || bl__hard_is_soft()) return;
    loop->options.choose = choose_hard;
#else
    (void)loop;
#endif
}

int bl__loop_init(bl_loop *loop, const bl_loop_options *options,
                  const struct bl__client *client) {
    memset(loop, 0, sizeof *loop);
    if (options != NULL) {
        int rc = check_options(options);
        if (rc < 0) return rc;
        memcpy(&loop->options, options, options->size);
    }
    harden(loop);
    loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->wake_fd < 0) return -errno;

    pthread_once(&fork_once, watch_forks);
    loop->fork_generation = fork_generation;
    loop->client = client;
    loop->review_due = BL_FOREVER;
    loop->clock = loop->options.clock;
    bl__spin_init(&loop->spin, loop->options.spin_ns_max,
                  loop->clock == BL_CLOCK_REAL && loop->options.now == NULL);
    bl__heap_init(&loop->timers);
    bl__list_init(&loop->calls);
    bl__list_init(&loop->handles);
    pthread_mutex_init(&loop->handle_mutex, NULL);
    loop->now = bl__loop_now(loop);
    loop->credit_now = loop->now;
    return 0;
}

/* Calls that were never made count as taken back. */
static void calls_forget(bl_loop *loop) {
    while (!bl__list_is_empty(&loop->calls)) {
        bl_link *first = bl__list_first(&loop->calls);
        bl_call_cancel(bl__container_of(first, bl_call, _link));
    }
}

void bl__loop_done(bl_loop *loop) {
    BL__ASSERT(!loop->is_running);
    if (!bl__loop_is_forked(loop)) {
        bl__pool_done(loop);
        bl__handles_done(loop);
        BL_IGNORE(bl__posts_run(loop)); /* all are made now */
        bl_watch_stop(&loop->wake_watch);
        if (loop->driver != NULL) loop->driver_ops->close(loop->driver);
    }
    calls_forget(loop);
    bl__fd_table_done(loop);
    bl__heap_done(&loop->timers);
    pthread_mutex_destroy(&loop->handle_mutex);
    close(loop->wake_fd);
}

void bl__seam_enter(bl_loop *loop) {
    const bl_loop_options *options = &loop->options;
    if (options->on_io == NULL) return;
    loop->seam = (struct bl__sys_seam){
        .on_io = options->on_io,
        .context = options->seam_context,
        .loop = loop,
        .report_again = bl__fd_table_report_again,
    };
    bl__sys_seam = &loop->seam;
}

void bl__seam_leave(void) {
    bl__sys_seam = NULL;
}

/* ---- the driver -------------------------------------------------------- */

/* The descriptor was read, or will be, by bl__posts_run. */
static void on_wake(void *context, unsigned events) {
    (void)context;
    (void)events;
}

int bl__loop_open_driver(bl_loop *loop) {
    if (BL__LIKELY(loop->driver != NULL)) return 0;
    int rc =
        bl__driver_open(loop->options.driver, &loop->driver_ops, &loop->driver);
    if (rc < 0) return rc;

    bl_watch_init(&loop->wake_watch, loop->wake_fd, on_wake, loop);
    bl__watch_set_internal(&loop->wake_watch);
    rc = bl_watch_start(loop, &loop->wake_watch, BL_READABLE | BL_EDGE);
    if (rc < 0) {
        loop->driver_ops->close(loop->driver);
        loop->driver = NULL;
    }
    return rc;
}

int bl_loop_fd(bl_loop *loop) {
    if (loop == NULL) return BL_EINVAL;
    int rc = bl__loop_open_driver(loop);
    if (rc < 0) return rc;
    return loop->driver_ops->fd(loop->driver);
}

/* Before the first watch there is just the wake-up descriptor to wait for. */
static int wait_for_wake(bl_loop *loop, bl_ns timeout) {
    if (timeout == 0) return 0;
    struct pollfd wake = { .fd = loop->wake_fd, .events = POLLIN };
    struct timespec limit = {
        .tv_sec = (time_t)(timeout / 1000000000),
        .tv_nsec = (long)(timeout % 1000000000),
    };
    int count = ppoll(&wake, 1, timeout == BL_FOREVER ? NULL : &limit, NULL);
    if (count < 0) return -errno;
    if (count > 0) {
        /* The poll is level-triggered: empty it, whoever had written. */
        uint64_t value;
        BL_IGNORE(read(loop->wake_fd, &value, sizeof value) < 0);
        atomic_store(&loop->is_woken, true);
    }
    return 0;
}

/*
 * Spins in front of a wait until `*until`, if that is likely to pay.  True if
 * the wait is over; otherwise what is left of its timeout is less.
 */
static bool spin(bl_loop *loop, bl_ns *timeout, struct bl__ready *ready,
                 int *count) {
    bl_ns began = loop->now;
    bl_ns span = bl__spin_begin(&loop->spin, began);
    if (span == 0) return false;
    bool is_short = *timeout <= span;
    if (is_short) span = *timeout;
    if (bl__spin_look(loop, span, ready, READY_MAX, count)) return true;
    if (is_short) return true; /* what it waited for is the time */
    bl__spin_miss(&loop->spin, loop->now);
    if (*timeout == BL_FOREVER) return false;
    *timeout -= loop->now - began;
    return *timeout <= 0;
}

/* Blocks, unless a spin makes that unnecessary; loop->now is right, or there
 * is no spin. */
static int wait_for_kernel(bl_loop *loop, bl_ns timeout,
                           struct bl__ready *ready) {
    int count;
    if (bl__hard_interrupts()) return -EINTR;
    if (spin(loop, &timeout, ready, &count)) return count;
    if (loop->driver == NULL) return wait_for_wake(loop, timeout);
    loop->polls++;
    return loop->driver_ops->wait(loop->driver, timeout, ready, READY_MAX);
}

/* Asks the kernel; calls the watches that are ready, and those whose operation
 * is finished.  True if there was one. */
static bool poll_kernel(bl_loop *loop, bl_ns timeout) {
    struct bl__ready ready[READY_MAX];
    int count;
    bool blocks = timeout != 0;

    if (blocks && loop->options.before_block != NULL) {
        loop->options.before_block(loop->options.block_context);
    }
    if (blocks) {
        count = wait_for_kernel(loop, timeout, ready);
    } else if (loop->driver != NULL &&
               loop->driver_ops->is_pending(loop->driver)) {
        loop->polls++;
        count = loop->driver_ops->wait(loop->driver, 0, ready, READY_MAX);
    } else {
        count = 0;
    }
    if (blocks && loop->options.after_block != NULL) {
        loop->options.after_block(loop->options.block_context);
    }
    loop->now = bl__loop_now(loop);
    bool is_any_finished = loop->op_count > 0 && bl__ops_finish(loop);
    if (count <= 0) return is_any_finished;
    bl__fd_table_dispatch(loop, ready, count);
    return true;
}

/* ---- blocking ---------------------------------------------------------- */

/* At the end of time BL_FOREVER has come, but no timer need be armed. */
static bool has_due_timer(const bl_loop *loop, bl_ns now) {
    const bl_timer *first = bl__heap_first(&loop->timers);
    return first != NULL && first->_due <= now;
}

static bool has_work(const bl_loop *loop) {
    if (loop->client->has_ready(loop)) return true;
    if (!bl__list_is_empty(&loop->calls)) return true;
    if (atomic_load_explicit(&loop->is_woken, memory_order_relaxed)) {
        return true;
    }
    return has_due_timer(loop, loop->now);
}

bool bl__loop_can_be_woken(const bl_loop *loop) {
    if (loop->fds.watch_count > 0) return true;
    if (atomic_load(&loop->pins) > 0) return true;
    if (loop->expectations > 0) return true;
    if (!bl__list_is_empty(&loop->calls)) return true;
    if (loop->clock == BL_CLOCK_MANUAL) return false;
    return bl__timers_next(loop) != BL_FOREVER;
}

/* Virtual time may move to the next timer; true if it did. */
static bool jump(bl_loop *loop) {
    bl_ns next = bl__timers_next(loop);
    if (next == BL_FOREVER) return false;
    BL__ASSERT(next >= loop->virtual_now);
    loop->virtual_now = next;
    loop->now = next;
    return true;
}

/*
 * What a virtual clock does when nothing is ready: never jump over work that
 * is done outside; jump at once where nothing can be on its way; otherwise
 * give the outside a moment of real time first.
 */
static void idle_virtual(bl_loop *loop) {
    if (atomic_load(&loop->pins) > 0) {
        poll_kernel(loop, BL_FOREVER);
        return;
    }
    if (loop->fds.watch_count > 0 || loop->expectations > 0) {
        if (!bl__fd_table_is_quiescent(loop)) {
            poll_kernel(loop, QUIESCENCE_RETRY_NS);
            return;
        }
        bool is_foreign =
            loop->expectations > 0 || bl__fd_table_has_foreign(loop);
        bool has_timer = bl__timers_next(loop) != BL_FOREVER;
        if (is_foreign && !has_timer) {
            poll_kernel(loop, BL_FOREVER);
            return;
        }
        if (is_foreign && poll_kernel(loop, FOREIGN_IDLE_NS)) return;
        if (has_work(loop)) return;
        if (!has_timer && !loop->client->deadlock(loop)) {
            poll_kernel(loop, BL_FOREVER);
            return;
        }
    }
    jump(loop);
}

/* Whether nothing can wake anybody, and that is ours to find out. */
static bool is_deadlocked(const bl_loop *loop) {
    if (loop->is_stepped || loop->options.has_no_deadlock_check) return false;
    return !bl__loop_can_be_woken(loop);
}

/* What has to be known before blocking: is it quiet, at this very moment? */
static bool must_look_first(const bl_loop *loop) {
    if (loop->clock != BL_CLOCK_REAL) return true;
    if (loop->client->has_settlers(loop)) return true;
    return is_deadlocked(loop);
}

static void idle(bl_loop *loop, bl_ns wait_max) {
    if (must_look_first(loop)) {
        if (poll_kernel(loop, 0)) return;
        if (has_work(loop)) return;
        if (loop->client->settle(loop)) return;
        if (is_deadlocked(loop) && loop->client->deadlock(loop)) return;
    }
    if (loop->clock == BL_CLOCK_VIRTUAL && wait_max > 0) {
        idle_virtual(loop);
        return;
    }
    bl_ns timeout = BL_FOREVER;
    bl_ns next = bl__timers_next(loop);
    if (loop->review_due < next) next = loop->review_due;
    bool must_know = next != BL_FOREVER || loop->spin.max > 0;
    if (must_know && loop->clock == BL_CLOCK_REAL) {
        loop->now = bl__loop_now(loop); /* tasks have run since it was read */
    }
    if (next != BL_FOREVER && loop->clock == BL_CLOCK_REAL) {
        timeout = next > loop->now ? next - loop->now : 0;
    }
    if (timeout > wait_max) timeout = wait_max;
    poll_kernel(loop, timeout);
}

/* ---- an iteration ------------------------------------------------------ */

static void calls_run(bl_loop *loop) {
    bl_link batch;
    if (bl__list_is_empty(&loop->calls)) return;

    /* Calls queued from now on wait for the next iteration. */
    batch = loop->calls;
    batch._next->_prev = &batch;
    batch._prev->_next = &batch;
    bl__list_init(&loop->calls);
    while (!bl__list_is_empty(&batch)) {
        bl_call *call = bl__container_of(batch._next, bl_call, _link);
        bl__list_remove(&call->_link);
        call->_loop = NULL;
        call->_fn(call->_context);
    }
}

/* How many tasks may be resumed before the next look at the world. */
static uint64_t credit(const bl_loop *loop) {
    if (loop->clock != BL_CLOCK_REAL) return 0;
    if (!bl__list_is_empty(&loop->calls)) return 0;
    if (loop->options.choose != NULL) return 0;
    if (loop->options.on_checkpoint != NULL) return 0;
    if (loop->options.now != NULL) return 0;
    if (bl__heap_count(&loop->timers) == 0 && loop->fds.watch_count == 0 &&
        loop->op_count == 0) {
        return CREDIT_UNBOUNDED;
    }
    uint64_t resumes = loop->resumes - loop->resumes_last;
    bl_ns elapsed = loop->now - loop->credit_now;
    if (elapsed <= 0) return 1;
    uint64_t fitting = resumes * CREDIT_NS / (uint64_t)elapsed;
    return fitting < CREDIT_MAX ? fitting : CREDIT_MAX;
}

static void renew_credit(bl_loop *loop) {
    loop->resume_limit = loop->resumes + credit(loop);
    loop->resumes_last = loop->resumes;
    loop->credit_now = loop->now;
}

void bl__loop_iterate(bl_loop *loop, bl_ns wait_max) {
    loop->iterations++;
    loop->client->run_ready(loop);
    if (loop->owns_signals) bl__signals_deliver(loop);

    if (wait_max == 0 || loop->is_finished || has_work(loop)) {
        poll_kernel(loop, 0);
    } else {
        idle(loop, wait_max);
    }
    bl__timers_fire(loop);
    if (BL__UNLIKELY(loop->now >= loop->review_due)) {
        loop->client->review(loop);
    }
    bool were_posts = bl__posts_run(loop);
    calls_run(loop);
    if (loop->spin.is_waiting &&
        (were_posts || loop->client->has_ready(loop))) {
        bl__spin_end(&loop->spin, loop->now);
    }
    if (loop->owns_signals) bl__signals_deliver(loop);
    renew_credit(loop);
}

void bl_call_soon(bl_loop *loop, bl_call *call, bl_callback *fn,
                  void *context) {
    BL__ASSERT(fn != NULL);
    if (call->_loop != NULL) return;
    call->_fn = fn;
    call->_context = context;
    call->_loop = loop;
    bl__list_append(&loop->calls, &call->_link);
    loop->resume_limit = loop->resumes; /* no batch before it is made */
}

void bl_call_cancel(bl_call *call) {
    if (call->_loop == NULL) return;
    bl__list_remove(&call->_link);
    call->_loop = NULL;
}

/* ---- questions --------------------------------------------------------- */

bl_loop *bl_loop_running(void) {
    return bl__loop_current;
}

bool bl_loop_is_ready(const bl_loop *loop) {
    if (has_work(loop)) return true;
    return has_due_timer(loop, bl__loop_now(loop));
}

bl_ns bl_loop_next_timer(const bl_loop *loop) {
    return bl__timers_next(loop);
}
