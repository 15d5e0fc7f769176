/* SPDX-License-Identifier: MIT */
/*
 * belay/loop.h - the event loop: running it, and the callbacks beneath tasks
 *
 * One loop runs per thread.  bl_run makes a loop, runs one task as the root of
 * a tree, and closes the loop; nothing else makes one by surprise.
 *
 * Hosts with a loop of their own (a GUI, an interpreter) open a loop, start a
 * root or use the callbacks alone, and step it.  Timers, watches and calls are
 * structs that the host embeds; the library never allocates for them.
 *
 * Order of one iteration: run the tasks that were ready at its start, first
 * come first served; harvest I/O; fire timers that are due; run what other
 * threads posted.
 */
#ifndef BELAY_LOOP_H
#define BELAY_LOOP_H

#include <stdio.h>

#include <belay/base.h>

BL_BEGIN_DECLS

/* A callback of the loop.  It must not wait. */
typedef void bl_callback(void *context);

/* Which order a seam is asked to choose; every order that is free is one. */
typedef enum bl_choice {
    BL_CHOICE_READY,  /* which ready task runs next */
    BL_CHOICE_TIMER,  /* which of the timers due at one instant fires */
    BL_CHOICE_IO,     /* which of the descriptors reported together is served */
    BL_CHOICE_SELECT, /* which of the ready branches of a select commits */
    BL_CHOICE_OFFLOAD, /* which of the finished thread jobs is delivered */
    BL_CHOICE_SIZE     /* how many of the bytes one call moves; 0: all */
} bl_choice;

/* Which clock a loop lives by. */
typedef enum bl_clock_kind {
    BL_CLOCK_REAL = 0, /* CLOCK_MONOTONIC */
    BL_CLOCK_VIRTUAL,  /* starts at 0; jumps to the next timer when idle */
    BL_CLOCK_MANUAL    /* starts at 0; moves by bl_loop_advance alone */
} bl_clock_kind;

typedef enum bl_signal_mode {
    BL_SIGNALS_DEFAULT = 0, /* bl_run: as BL_SIGNALS_ROOT; others: host */
    BL_SIGNALS_HOST,        /* install nothing */
    BL_SIGNALS_ROOT /* SIGINT, SIGTERM cancel the root; SIGQUIT prints tasks */
} bl_signal_mode;

/*
 * What a loop can be told when it is made.  Zero means default.
 *
 * The last group are the seams that tests use; each is NULL in production.
 */
typedef struct bl_loop_options {
    size_t size; /* sizeof(bl_loop_options) */
    bl_driver_kind driver;
    bl_clock_kind clock;
    bl_signal_mode signals;
    size_t stack_bytes;         /* of a task; default 64 KiB */
    uint32_t stacks_cached_max; /* idle stacks kept warm; default 1024 */
    uint32_t threads_max;       /* of bl_to_thread; default 4 x CPUs, <= 32 */
    uint32_t fairness_budget;   /* waits that need not wait; default 128 */
    bl_ns spin_ns_max;          /* looking before blocking, where it pays;
                                   default 50 us, or BELAY_SPIN_NS; <= 1 s;
                                   negative: never */
    bool is_quiet;              /* no deadlock or misuse reports to stderr */
    bool has_no_deadlock_check; /* the host wakes tasks by means of its own */
    void (*before_block)(void *context); /* e.g. release a global lock */
    void (*after_block)(void *context);  /* e.g. take it again */
    void *block_context;
    /* A monotonic clock of the host, for loops that are stepped. */
    bl_ns (*now)(void *context);
    void *now_context;

    /* Returns which of `count` things that are free to come in any order comes
     * now, from 0.  `ids` are the tasks' for BL_CHOICE_READY, else NULL. */
    uint32_t (*choose)(void *context, bl_choice kind, uint32_t count,
                       const uint64_t *ids);
    /* Called at the start of each checkpoint; true cancels the task there. */
    bool (*on_checkpoint)(void *context, uint64_t task_id, const char *site);
    /* Called before each system call of input or output; fd is -1 if there is
     * none yet, and `bytes` 0 where no part can be moved.  Returns 0: it is
     * made; less: it fails with this code; more: it moves that much at most. */
    bl_ssize (*on_io)(void *context, bl_io_call call, int fd, size_t bytes);
    void *seam_context;
} bl_loop_options;

/* What a loop says about itself. */
typedef struct bl_loop_info {
    const char *driver; /* "epoll" or "io_uring"; "none" before first I/O */
    const char *guard;  /* "madvise", "mprotect", "canary" */
    const char *clock;  /* "real", "virtual", "manual", "host" */
    size_t stack_bytes;
    uint64_t tasks_alive;
    uint64_t tasks_spawned;
    uint64_t resumes;    /* switches into a task */
    uint64_t iterations; /* of the loop */
    uint64_t polls;      /* of the kernel */
    uint64_t spins;      /* waits that began with looking, awake */
    uint64_t spins_paid; /* ... of which what was waited for came meanwhile */
    uint64_t timers_armed;
    uint64_t watches; /* descriptors being waited for */
    uint64_t thread_jobs;
    uint64_t handles; /* live handles of other threads */
    uint64_t stacks_mapped;
    uint64_t stacks_cached;
} bl_loop_info;

/*
 * Runs `fn(arg)` as the root task of a new loop and closes the loop.
 *
 * SIGINT and SIGTERM cancel the root; a second one goes through shields, a
 * third has its default effect.  SIGQUIT prints the task tree.  Handlers are
 * installed on the main thread only, only where the default stood, and are
 * restored if still ours.
 *
 * Returns what fn returned; if that was an error, its object is the calling
 * thread's current error.
 *
 * Errors:
 *   BL_EINVAL        fn is NULL; nothing ran
 *   BL_EALREADY      a loop runs on this thread already; nothing ran
 *   BL_ENOMEM        no memory for the loop or its first stack; nothing ran
 *   BL_EMFILE        no descriptor left for the loop; nothing ran
 *   BL_EINTERRUPTED  the root ended cancelled, and a signal had asked for it
 *   BL_EDEADLOCK     the root ended cancelled, because nothing could wake it
 *   BL_ECANCELED     the root ended cancelled for another cause
 */
BL_MAY_FAIL
int bl_run(bl_task_fn *fn, void *arg);

/*
 * Runs like bl_run, with a loop made as `options` say; NULL: all defaults.
 *
 * Errors:
 *   BL_EINVAL  an option is out of its range; nothing ran
 */
BL_MAY_FAIL
int bl_run_with(bl_task_fn *fn, void *arg, const bl_loop_options *options);

/*
 * Returns the loop that runs on this thread, or NULL.
 *
 * Inside a task, and inside a loop callback, it is the loop that runs it.
 */
BL_API
bl_loop *bl_loop_running(void);

/*
 * Opens a loop without running it.  Cheap: the kernel's ring or epoll set is
 * made by the first descriptor that is watched.
 *
 * Returns 0, and the caller closes `*loop` with bl_loop_close.
 *
 * Errors:
 *   BL_EINVAL  loop is NULL or an option is out of range; nothing was written
 *   BL_ENOMEM  there was no memory; nothing was written
 *   BL_EMFILE  there was no descriptor left; nothing was written
 */
BL_MAY_FAIL
int bl_loop_open(const bl_loop_options *options, bl_loop **loop);

/*
 * Closes the loop, gives back stacks, descriptors and idle threads.
 *
 * A thread job that still runs is waited for.  The root task must have ended;
 * a loop closed with a live task ends the process with a report.  NULL is
 * allowed.
 */
BL_API
void bl_loop_close(bl_loop *loop);

/*
 * Runs `fn(arg)` as the root task of `loop` until it returns.
 *
 * May be called again afterwards, also from another thread, one at a time.
 *
 * Returns and fails as bl_run does.
 *
 * Errors:
 *   BL_EINVAL    loop or fn is NULL; nothing ran
 *   BL_EALREADY  a loop runs on this thread, or this one runs; nothing ran
 *   BL_ENOMEM    no memory for the stack; nothing ran
 *   BL_ECLOSED   the loop was left behind by a fork; nothing ran
 */
BL_MAY_FAIL
int bl_loop_run(bl_loop *loop, bl_task_fn *fn, void *arg);

/*
 * Readies `fn(arg)` as the root task for a host that steps the loop.
 *
 * Returns 0; the task starts with the next bl_loop_step.
 *
 * Errors:
 *   BL_EINVAL    loop or fn is NULL; nothing was started
 *   BL_EALREADY  the loop has a root already; nothing was started
 *   BL_ENOMEM    no memory for the stack; nothing was started
 *   BL_ECLOSED   the loop was left behind by a fork; nothing was started
 */
BL_MAY_FAIL
int bl_loop_start(bl_loop *loop, bl_task_fn *fn, void *arg);

/*
 * Runs one iteration, blocking for at most `wait_max` if nothing is ready: 0
 * polls, BL_FOREVER waits for the next event.
 *
 * A signal that interrupts the blocking ends the iteration early.
 *
 * Returns 1 while the root is alive, 0 once it has returned or if there is
 * none.
 *
 * Errors:
 *   BL_EINVAL    loop is NULL or wait_max is negative; nothing was done
 *   BL_EALREADY  a loop runs on this thread; nothing was done
 *   BL_ECLOSED   the loop was left behind by a fork; nothing was done
 */
BL_MAY_FAIL
int bl_loop_step(bl_loop *loop, bl_ns wait_max);

/*
 * Collects the result of a root that has returned.
 *
 * Returns what bl_run would have returned; the loop can start another root.
 *
 * Errors:
 *   BL_EINVAL   loop is NULL
 *   BL_ENOTDONE the root is still alive
 *   BL_EMISUSE  the loop has no root
 */
BL_MAY_FAIL
int bl_loop_finish(bl_loop *loop);

/*
 * Cancels the root task of `loop`; forced, it goes through shields.  From the
 * loop's own thread, or between steps.
 */
BL_API
void bl_loop_cancel(bl_loop *loop, bool forced);

/*
 * Returns whether a step would find work without blocking.  No system call.
 */
BL_API
bool bl_loop_is_ready(const bl_loop *loop);

/*
 * Returns when the next timer is due, or BL_FOREVER.  No system call.
 */
BL_API
bl_ns bl_loop_next_timer(const bl_loop *loop);

/*
 * Returns a descriptor that becomes readable when a step would find I/O or a
 * wake-up.  It stays the loop's.
 *
 * Errors:
 *   BL_EMFILE  the kernel object could not be made
 *   BL_ENOMEM  the kernel object could not be made
 */
BL_MAY_FAIL
int bl_loop_fd(bl_loop *loop);

/*
 * Fills `*info`.
 */
BL_API
void bl_loop_get_info(const bl_loop *loop, bl_loop_info *info);

/*
 * Moves a manual clock forward by `duration` and fires what has become due at
 * the next step.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   loop is NULL or duration is negative; nothing moved
 *   BL_EMISUSE  the loop's clock is not manual; nothing moved
 */
BL_MAY_FAIL
int bl_loop_advance(bl_loop *loop, bl_ns duration);

/*
 * Returns the time of the running loop's clock; outside a loop, the time of
 * CLOCK_MONOTONIC.
 */
BL_API
bl_ns bl_now(void);

/*
 * Returns the time of CLOCK_MONOTONIC, whatever clock the running loop lives
 * by: for what watches over real time.
 */
BL_API
bl_ns bl_now_real(void);

/*
 * Returns a + b, held within the range of bl_ns.
 */
BL_API
bl_ns bl_ns_add(bl_ns a, bl_ns b);

/*
 * A timer of a loop, embedded by its owner, who keeps it in place while armed.
 */
typedef struct bl_timer {
    bl_ns _due;
    uint64_t _order; /* of arming: decides between equal times */
    bl_callback *_fn;
    void *_context;
    bl_loop *_loop;
    bl_link _link;
    uint32_t _index; /* the heap's ticket, from 1; 0 when not armed */
    uint32_t _reserved;
} bl_timer;

/*
 * Prepares a timer that will call `fn(context)` on the loop.
 */
BL_API
void bl_timer_init(bl_timer *timer, bl_callback *fn, void *context);

/*
 * Arms the timer for the absolute time `due`; armed already, it is moved.
 *
 * It fires once, never early, in order of (due, arming).  The timer must have
 * been initialised.
 */
BL_API
void bl_timer_start(bl_loop *loop, bl_timer *timer, bl_ns due);

/*
 * Disarms the timer; its callback will not be called.  Idempotent.
 */
BL_API
void bl_timer_stop(bl_timer *timer);

/*
 * A call to be made by the loop in its next iteration, embedded by its owner.
 */
typedef struct bl_call {
    bl_link _link;
    bl_callback *_fn;
    void *_context;
    bl_loop *_loop; /* not NULL while queued */
} bl_call;

/*
 * Queues `fn(context)` for the next iteration.  Queued already: no effect.
 */
BL_API
void bl_call_soon(bl_loop *loop, bl_call *call, bl_callback *fn, void *context);

/*
 * Takes the call back; it will not be made.  Idempotent.
 */
BL_API
void bl_call_cancel(bl_call *call);

/* Told that the descriptor became ready; `events` has BL_READABLE, ... */
typedef void bl_watch_fn(void *context, unsigned events);

/*
 * A persistent interest in a descriptor, embedded by its owner, who keeps it
 * in place until `bl_watch_stop` has returned.  The kernel never sees its
 * address, so it may be freed right then.
 */
typedef struct bl_watch {
    bl_watch_fn *_fn;
    void *_context;
    bl_loop *_loop; /* not NULL while started */
    void *_record;
    int _fd;
    unsigned _events;
    const void *_fetch[2]; /* what the callback will touch, or NULL */
} bl_watch;

/*
 * Prepares a watch of `fd` that will call `fn(context, events)` on the loop.
 */
BL_API
void bl_watch_init(bl_watch *watch, int fd, bl_watch_fn *fn, void *context);

/*
 * Starts to watch for `events`.  Without BL_EDGE the callback is called once
 * per iteration while a direction is ready.  Started already: the events are
 * replaced.  A hang-up or an error counts as ready in all directions asked
 * for.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  loop or watch is NULL, or events is 0 or unknown
 *   BL_EBADF   the descriptor is not open
 *   BL_EPERM   the descriptor cannot be polled (a regular file)
 *   BL_EBUSY   somebody else waits for it in the same direction
 *   BL_ENOMEM  there was no memory; the watch is not started
 *   BL_EMFILE  the loop's kernel object could not be made
 */
BL_MAY_FAIL
int bl_watch_start(bl_loop *loop, bl_watch *watch, unsigned events);

/*
 * Stops watching; the callback will not be called again.  Idempotent.
 *
 * The kernel may hold on to the open file until the next iteration; close the
 * descriptor with bl_watch_close where that matters.
 */
BL_API
void bl_watch_stop(bl_watch *watch);

/*
 * Stops watching and closes the descriptor, in an order in which the kernel
 * can neither keep the file open nor mistake a later descriptor for it.
 *
 * Returns 0, or what close() said, negated.
 */
BL_API
int bl_watch_close(bl_watch *watch);

BL_END_DECLS

#endif
