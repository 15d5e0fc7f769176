/* SPDX-License-Identifier: MIT */
/*
 * loop/loop.h - the inside of a loop
 *
 * The loop knows callbacks: timers, watches, calls, posts of other threads.
 * Tasks are a client of it, which embeds a struct bl_loop and is asked through
 * struct bl__client.  One iteration is bl__loop_iterate.
 *
 * Words.  *Pins* are reasons why something outside will wake the loop: thread
 * jobs, open handles, shared futures.  *Expectations* are weaker: what may come
 * from other threads, or never, such as an item of a channel.  *Quiet* means
 * that an iteration would find nothing but ready tasks, so that they may go on
 * without one.
 */
#ifndef BL__LOOP_LOOP_H
#define BL__LOOP_LOOP_H

#include <pthread.h>
#include <stdatomic.h>

#include <belay/loop.h>
#include <belay/thread.h>

#include "base/assert.h"
#include "loop/heap.h"
#include "loop/spin.h"
#include "loop/watch.h"
#include "sys/driver.h"
#include "sys/seam.h"

/* What the loop asks of the tasks it carries. */
struct bl__client {
    bool (*has_ready)(const bl_loop *loop);
    void (*run_ready)(bl_loop *loop);
    /* Whether anybody waits for quiet; wakes them, true if there were any. */
    bool (*has_settlers)(const bl_loop *loop);
    bool (*settle)(bl_loop *loop);
    /* Nothing can wake anybody: true if something was done about it. */
    bool (*deadlock)(bl_loop *loop);
    /* `count` is 1 for the first termination signal, 2 for the second; SIGQUIT
     * comes with 0. */
    void (*signal)(bl_loop *loop, int number, unsigned count);
    /* The time has come that the client had put into review_due. */
    void (*review)(bl_loop *loop);
};

struct bl_loop {
    const struct bl__client *client;
    struct bl__heap timers;
    bl_ns now; /* of the clock, as last read in this iteration */
    bl_clock_kind clock;
    bl_ns virtual_now;
    bl_ns review_due; /* set by the client; no timer: nobody waits for it */
    uint64_t resumes; /* of tasks; counted by the client */
    uint64_t resume_limit; /* then an iteration is due */
    uint64_t timer_order;
    bl_ns sweep_now; /* the time and order up to which timers are fired */
    uint64_t sweep_order;
    bool is_sweeping; /* not all of them have been */

    struct bl__fd_table fds;
    const struct bl__driver_ops *driver_ops; /* NULL before the first watch */
    struct bl__driver *driver;
    int wake_fd;
    bl_watch wake_watch;
    bl_link calls; /* of bl_call_soon */

    _Atomic(struct bl__post *) posts; /* newest first */
    atomic_bool is_woken;   /* by a thread, and has not looked for posts yet */
    atomic_bool is_looking; /* at is_woken all the time: see spin.c */
    struct bl__spin spin;
    atomic_uint pins;
    uint32_t expectations; /* of what may come from outside, or never */
    atomic_uint posters;   /* threads that hold on to the loop right now */
    pthread_mutex_t handle_mutex;
    bl_link handles;
    uint64_t op_count;     /* operations that the driver carries */
    struct bl__pool *pool; /* of bl_to_thread; NULL before the first job */

    bl_loop_options options;
    struct bl__sys_seam seam;
    uint64_t iterations;
    uint64_t polls;
    uint64_t resumes_last; /* when the limit was last set */
    bl_ns credit_now;      /* likewise */
    unsigned fork_generation;
    bool is_running;
    bool is_finished; /* the client has nothing left to wait for */
    bool is_stepped;  /* by a host, which may wake it by means of its own */
    bool owns_signals;
};

/* The loop that runs on this thread. */
extern __thread bl_loop *bl__loop_current
    __attribute__((tls_model("initial-exec")));

/* Prepares and empties the embedded part; the client owns the memory. */
int bl__loop_init(bl_loop *loop, const bl_loop_options *options,
                  const struct bl__client *client);
void bl__loop_done(bl_loop *loop);

/* One iteration; blocks for at most `wait_max`. */
void bl__loop_iterate(bl_loop *loop, bl_ns wait_max);

/*
 * Whether another batch of ready tasks may run before the next iteration:
 * nobody has posted, and the limit is not reached, which a call queued by
 * bl_call_soon brings down.
 */
static BL__INLINE bool bl__loop_is_quiet(const bl_loop *loop) {
    if (loop->resumes >= loop->resume_limit) return false;
    return !atomic_load_explicit(&loop->is_woken, memory_order_relaxed);
}

/* Reads the clock. */
bl_ns bl__loop_now(const bl_loop *loop);

/* Opens the driver, if it is not open. */
int bl__loop_open_driver(bl_loop *loop);

/* Asks the seam; 0 without one. */
static inline uint32_t bl__loop_choose(bl_loop *loop, bl_choice kind,
                                       uint32_t count) {
    if (loop->options.choose == NULL || count < 2) return 0;
    return loop->options.choose(loop->options.seam_context, kind, count, NULL) %
           count;
}

/* From here to bl__seam_leave the system calls of this thread are the loop's.
 */
void bl__seam_enter(bl_loop *loop);
void bl__seam_leave(void);

/* Whether a fork has left this loop behind in a child. */
bool bl__loop_is_forked(const bl_loop *loop);

/* Whether anything but a ready task could make the loop go on. */
bool bl__loop_can_be_woken(const bl_loop *loop);

/* timer.c */
void bl__timers_fire(bl_loop *loop);
bl_ns bl__timers_next(const bl_loop *loop);

/* wake.c: calls from other threads */
void bl__wake(bl_loop *loop);
void bl__wake_drain(bl_loop *loop);
void bl__post(bl_loop *loop, struct bl__post *post);
/* Makes the calls; true if there were any. */
bool bl__posts_run(bl_loop *loop);
void bl__handles_done(bl_loop *loop);

/*
 * Calls `fn` for each open handle with the place that opened it, until it
 * returns false.  No handle can be opened or closed meanwhile.
 */
bool bl__handles_each(bl_loop *loop,
                      bool (*fn)(const bl_handle *handle, const void *opener,
                                 void *context),
                      void *context);

/* signal.c */
int bl__signals_install(bl_loop *loop);
void bl__signals_restore(bl_loop *loop);
/* In a forked child: the handlers are those of a loop it does not have. */
void bl__signals_forget(void);
void bl__signals_deliver(bl_loop *loop);

/* op.c: operations on files.  From here to bl__ops_leave the loop of this
 * thread takes them. */
void bl__ops_enter(void);
void bl__ops_leave(void);
/* Calls `finished` of those that are; true if there was one. */
bool bl__ops_finish(bl_loop *loop);

/* offload.c: bl_to_thread's pool */
uint64_t bl__pool_jobs(const bl_loop *loop);
void bl__pool_done(bl_loop *loop);

#endif
