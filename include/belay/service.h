/* SPDX-License-Identifier: MIT */
/*
 * belay/service.h - a thing with start() and stop(), and an event between them
 *
 * A service is one structured body.  It says that it is ready, waits on an
 * event that means "stop now", cleans up on its own stack and returns:
 *
 *     static int run(bl_service *self, void *arg) {
 *         struct printer *printer = arg;
 *         ...
 *         int rc = bl_service_ready(self, printer);
 *         if (rc == 0) rc = bl_event_wait(bl_service_stopping(self));
 *         ...
 *         return rc;
 *     }
 *
 * bl_service_start runs it in a task of its own and returns when it is ready.
 * bl_service_stop raises the event, cancels the body if that was not enough,
 * and in the end says who is stuck.  Nothing is polled.
 *
 *     NEW --> STARTING --> RUNNING --> STOPPING --> STOPPED --> (STARTING)
 *               |  ^          |            |
 *               |  +-BACKOFF<-+            |
 *               v     v       v            v
 *             FAILED, STOPPED           FAILED  --> (STARTING)
 *
 * A service belongs to the group that it was started in, as any task: it ends
 * before the group does.  How it fails is told once: a start that fails returns
 * the error, a stop does, and what fails while nobody asked is an error of the
 * group.
 *
 * Calls are for the loop's own thread.  To ask for a stop from a signal handler
 * or another thread: bl_thread_service_request_stop in thread.h.
 */
#ifndef BELAY_SERVICE_H
#define BELAY_SERVICE_H

#include <belay/base.h>
#include <belay/error.h>
#include <belay/group.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/scope.h>
#include <belay/supervise.h>
#include <belay/sync.h>
#include <belay/thread.h>

BL_BEGIN_DECLS

typedef struct bl_service bl_service;
typedef struct bl_reload bl_reload;

/*
 * The body of a service.  To return before it was ready, or before it was told
 * to stop, is a failure, 0 included, unless the service is a oneshot.
 */
typedef int bl_service_fn(bl_service *self, void *arg);

typedef enum bl_service_state {
    BL_SERVICE_NEW = 0,
    BL_SERVICE_STARTING, /* the body runs, and is not ready yet */
    BL_SERVICE_RUNNING,
    BL_SERVICE_STOPPING,
    BL_SERVICE_STOPPED, /* ended as it was meant to */
    BL_SERVICE_FAILED,  /* and is not begun again by itself */
    BL_SERVICE_BACKOFF  /* failed, and waits to be begun again */
} bl_service_state;

/* What it does within its state. */
typedef enum bl_service_phase {
    BL_PHASE_NONE = 0,
    BL_PHASE_RELOADING,   /* RUNNING: a new configuration is prepared */
    BL_PHASE_DRAIN_DELAY, /* STOPPING: not ready, but still serving */
    BL_PHASE_DRAINING,    /* STOPPING: the event is raised */
    BL_PHASE_CANCELLING   /* STOPPING, or a start that ran out of time */
} bl_service_phase;

typedef enum bl_service_health {
    BL_HEALTH_OK = 0,
    BL_HEALTH_DEGRADED,
    BL_HEALTH_FAILING
} bl_service_health;

/* Why a service went from one state to another. */
typedef enum bl_service_cause {
    BL_WHY_STARTED = 0, /* somebody called start */
    BL_WHY_READY,       /* the body said so */
    BL_WHY_STOPPED,     /* somebody called stop */
    BL_WHY_REQUESTED,   /* a signal handler or another thread asked for it */
    BL_WHY_CANCELLED,   /* the group or the caller of start was cancelled */
    BL_WHY_RETURNED,    /* the body returned >= 0 */
    BL_WHY_ERROR,       /* the body returned an error */
    BL_WHY_TIMEOUT,     /* a start or a stop was out of time */
    BL_WHY_RESTART,     /* the delay of a restart is over, or was skipped */
    BL_WHY_LIMIT        /* too many restarts */
} bl_service_cause;

/* What a change is about. */
typedef enum bl_service_subject {
    BL_CHANGE_STATE = 0,
    BL_CHANGE_PHASE,
    BL_CHANGE_READINESS, /* while it runs; it begins RUNNING, and ready */
    BL_CHANGE_HEALTH,
    BL_CHANGE_EXTENDED, /* the start deadline has moved */
    BL_CHANGE_RELOADED, /* a reload was committed or refused */
    BL_CHANGE_RETURNED  /* a body that had been given up came back */
} bl_service_subject;

/*
 * One change of a service.  Of BL_CHANGE_STATE the last 16 are kept; for all
 * others `from` and `to` are both the state it was in.
 */
typedef struct bl_service_change {
    bl_ns when;
    bl_service_subject subject;
    bl_service_state from;
    bl_service_state to;
    bl_service_cause cause;
    int rc;               /* the error behind it, or 0 */
    uint64_t incarnation; /* counts the starts of the body, from 1 */
} bl_service_change;

/*
 * Told of each change right after it, in the order in which they happen.  It
 * must not wait.  It may call what does not wait, also to change the service:
 * it is told of that when it has returned.
 */
typedef void bl_service_observer_fn(bl_service *service,
                                    const bl_service_change *change,
                                    void *context);

/* Somebody who is told of changes; kept in place by its owner meanwhile. */
typedef struct bl_service_observer {
    bl_link _link;
    bl_service *_service;
    bl_service_observer_fn *_fn;
    void *_context;
} bl_service_observer;

enum {
    BL__SERVICE_HISTORY = 16,
    BL__SERVICE_NAME = 32,
    BL__SERVICE_TEXT = 96,
    BL__SERVICE_RELOAD = 160
};

/*
 * A reload in two phases, on its caller's stack.
 */
struct bl_reload {
    const void *config;   /* what bl_reload_prepare was given */
    void *token;          /* for `prepare` to set, and its other half to use */
    bl_service *_service; /* NULL once it was decided */
    uint64_t _incarnation;
    char _restarts[BL__SERVICE_RELOAD]; /* settings, with ", " between */
};

/* Everything there is to know about a service, at one moment. */
typedef struct bl_service_info {
    const char *name;
    bl_service_state state;
    bl_service_phase phase;
    bl_service_health health;
    const char *health_text; /* borrowed; "" if there is none */
    bool is_ready;
    bool is_alive;           /* false: its heartbeat is late */
    bool is_abandoned;       /* it was given up, and its body still runs */
    bl_ns since;             /* when it came into this state */
    bl_ns deadline;          /* of the start, the phase, or the delay */
    uint64_t incarnation;    /* starts of the body so far */
    uint32_t failures;       /* since it last went well for long enough */
    uint64_t generation;     /* of the configuration: reloads committed */
    int reload_rc;           /* of the last reload, or 0 */
    const char *reload_text; /* borrowed; why it was refused, or what waits for
                                a restart; "" */
} bl_service_info;

/*
 * What a service can be told when it is made.  Zero means default.
 *
 * `prepare`, `commit` and `discard` are the service's side of a reload:
 * `prepare` makes reload->token from reload->config, may wait, and may fail,
 * in which case nothing has changed; then exactly one of the other two is
 * called, which cannot fail and must not wait.  Where `prepare` only looks,
 * there is nothing to throw away, and `discard` may be NULL.
 */
typedef struct bl_service_options {
    size_t size;             /* sizeof(bl_service_options) */
    const char *name;        /* copied, up to 31 bytes; default "service" */
    size_t stack_bytes;      /* of its task; default: the loop's */
    bool is_oneshot;         /* to return 0 is to have done its work */
    bool is_daemon;          /* does not keep its group open; cancelled last */
    bool is_contained;       /* a failure is not an error of the group */
    bool stops_from_outside; /* other threads or signal handlers may ask: a loop
                                where all else waits is in no deadlock */
    bl_ns start_timeout;     /* until it is ready; default 30 s */
    bl_ns start_max;         /* with all extensions; default 5 min */
    bl_ns drain_delay;       /* not ready, but still serving; default 0 */
    bl_ns stop_timeout; /* from the event to the cancellation; default 10 s */
    bl_ns cancel_grace; /* from the cancellation to giving up; default 2 s */
    bl_ns heartbeat;    /* longest time between beats; default: has none */
    const bl_restart_policy *restart; /* copied; default: never */
    int (*prepare)(bl_service *self, bl_reload *reload);
    void (*commit)(bl_service *self, bl_reload *reload);
    void (*discard)(bl_service *self, bl_reload *reload);
} bl_service_options;

/* How often something has failed; shared with supervised tasks. */
struct bl__restarts {
    bl_restart_policy policy;
    uint64_t name_hash;
    bl_ns good_since; /* since when it has gone well; BL_FOREVER: it does not */
    uint32_t failures;
    uint32_t next;  /* where the next restart is noted */
    uint32_t noted; /* how many of `times` count */
    bl_ns times[BL_RESTARTS_MAX];
};

/* How somebody is asked from outside of the loop; shared with apps. */
struct bl__requests {
    void (*_on_arrival)(struct bl__requests *requests);
    bl_waitq _arrivals; /* who waits for a request that is on its way */
    bl_loop *_home;     /* where they go; these three have atomic access */
    int _state;         /* how far one has come */
    int _askers;        /* who are in the middle of asking */
    bl_post _post;
};

/*
 * A service.  A place: not moved after bl_service_init; every field belongs to
 * the library.
 */
struct bl_service {
    bl_service_fn *_run;
    void *_arg;
    bl_service_options _options;
    char _name[BL__SERVICE_NAME];
    bl_loop *_loop;
    bl_task *_keeper;    /* the task that runs the body, or is about to */
    bl_scope *_body;     /* around the body while it runs, on its stack */
    bl_waitq _starters;  /* who waits for it to be ready */
    bl_waitq _enders;    /* who waits for its end */
    bl_event _stopping;  /* raised once per incarnation */
    bl_event _go;        /* ends the delay before a restart */
    bl_link _until_stop; /* scopes that a stop cancels */
    bl_timer _timer;     /* of start, delay or phase: never two at once */
    bl_ns _deadline;     /* when it fires; BL_FOREVER: it is not armed */
    bl_ns _drain_end;    /* of the phases of a stop */
    bl_ns _graceful_end;
    bl_ns _final_end;
    bl_service_state _state;
    bl_service_phase _phase;
    bl_service_health _health;
    bl_service_cause _stop_cause;
    bool _is_initialised;
    bool _is_ready;
    bool _was_ready;     /* bl_service_ready was called in this incarnation */
    bool _has_run;       /* it was ready since somebody started it */
    bool _is_stop_asked; /* so it is not begun again */
    bool _is_late;       /* the start deadline has passed */
    bool _is_abandoned;
    bool _is_held;         /* not begun again for now */
    bool _is_telling;      /* observers are being told right now */
    uint64_t _start_count; /* by callers */
    uint64_t _incarnation;
    bl_ns _since; /* in this state */
    bl_ns _began; /* this incarnation */
    bl_ns _last_beat;
    void *_value;
    int _rc; /* the stored result */
    bl_error *_error;
    struct bl__restarts _restarts;
    bl_link _observers;
    bl_link *_told_next;     /* while observers are told: who is next */
    uint32_t _history_count; /* of all transitions ever */
    uint32_t _untold_first;
    uint32_t _untold_count;
    bl_service_change _history[BL__SERVICE_HISTORY];
    bl_service_change _untold[BL__SERVICE_HISTORY];
    uint64_t _generation;
    int _reload_rc;
    char _reload_text[BL__SERVICE_RELOAD];
    char _health_text[BL__SERVICE_TEXT];
    struct bl__requests _requests; /* to stop */
};

/* ---- the owner's side --------------------------------------------------- */

/*
 * Makes a service that runs `run(service, arg)`.  With or without a loop;
 * allocates nothing.  NULL options: all defaults.
 *
 * Returns 0; the caller ends it with bl_service_done.
 *
 * Errors:
 *   BL_EINVAL  service or run is NULL, or an option is out of its range, such
 *              as a `prepare` without a `commit`; the current error says which
 */
BL_MAY_FAIL
int bl_service_init(bl_service *service, bl_service_fn *run, void *arg,
                    const bl_service_options *options);

/*
 * Ends the use of a service that does not run; one that does ends the process
 * with a report.  NULL, and one that was never initialised but zeroed, are
 * allowed.
 */
BL_API
void bl_service_done(bl_service *service);

/*
 * Starts the service as a child of `group` and waits until it is ready.
 *
 * `*value` (may be NULL) is what bl_service_ready was given.  Whoever starts it
 * owns the start: if the caller is cancelled, the start is, and has ended when
 * this returns.  A start that is in progress is joined, and a delay before a
 * restart cut short: there a cancelled caller only ceases to wait, and `group`
 * is not used.
 *
 * Where the policy begins a failed start again, this goes on to wait: it
 * returns when the service is ready, or has been given up.
 *
 * Returns 0 once it is ready; 1 if it was already running.
 *
 * Errors:
 *   BL_ENOTREADY  the body returned >= 0 before it was ready; nothing runs
 *   BL_ETIMEDOUT  the start was out of time; nothing runs, unless the body
 *                 ignored its cancellation too: see bl_service_info
 *   BL_ECANCELED  the caller was cancelled, or the service stopped meanwhile,
 *                 or a stop had been requested before; nothing runs
 *   BL_ESTATE     it is stopping; unchanged
 *   BL_EBUSY      the body was given up, and still runs; unchanged
 *   BL_EDEADLK    the caller is a task of the service itself; unchanged
 *   BL_EINVAL     service or group is NULL, or the service is not initialised
 *   BL_ETHREAD    it belongs to another loop; unchanged
 *   BL_ENOLOOP    no loop runs on this thread; unchanged
 *   BL_ENOTASK    called from a loop callback; unchanged
 *
 * Any other code is the body's own, or one of bl_spawn's.
 */
BL_MAY_WAIT
int bl_service_start(bl_service *service, bl_group *group, void **value);

/*
 * Stops the service and waits for its end.
 *
 *     [drain_delay] -> the event; stop_timeout -> cancelled; cancel_grace
 *                   -> given up, with a report of the tasks that are stuck
 *
 * A service that was never started becomes STOPPED, and can be started later.
 * A start in progress is cancelled, a delay before a restart ends at once, and
 * a stop in progress is joined.  Of a service that has ended, the result is
 * returned at once.  A cancelled caller only ceases to wait: the stop goes on.
 *
 * Returns 0 if it stopped as it should.
 *
 * Errors:
 *   BL_ETIMEDOUT  it ignored its cancellation and was given up; the body still
 *                 runs
 *   BL_ECANCELED  the caller was cancelled; the stop goes on
 *   BL_EDEADLK    the caller is a task of the service itself; nothing is
 *                 stopped: see bl_service_begin_stop
 *   BL_EINVAL     service is NULL or not initialised
 *   BL_ETHREAD    it belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is the error that the service failed with.
 */
BL_MAY_WAIT
int bl_service_stop(bl_service *service);

/*
 * Begins to stop the service as bl_service_stop does, without waiting for it.
 *
 * The whole has to be over by the absolute time `deadline`, if that is sooner
 * than its own options say: a third at most of what is left is kept for the
 * time after the cancellation.  For a stop in progress the deadline can be
 * brought forward, never put off.  BL_FOREVER: its options alone count.
 *
 * May be called from inside the service, and from a loop callback.  Allocates
 * nothing.
 *
 * Returns whether this call began the stop.
 */
BL_API
bool bl_service_begin_stop(bl_service *service, bl_ns deadline);

/*
 * Waits for the end of the service, stopped by somebody else or by itself.
 *
 * Returns and fails as bl_service_stop does.
 *
 * Errors:
 *   BL_EDEADLK  the caller is a task of the service itself
 *   BL_ESTATE   it was never started
 */
BL_MAY_WAIT
int bl_service_wait(bl_service *service);

/* ---- the body's side ---------------------------------------------------- */

/*
 * Says that the service can serve, and hands `value` to those who started it.
 *
 * If a stop was asked for meanwhile it is accepted without effect.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EALREADY  it was ready before; no effect
 *   BL_ESTATE    no body of the service runs; no effect
 *   BL_EINVAL    self is NULL or not initialised
 */
BL_MAY_FAIL
int bl_service_ready(bl_service *self, void *value);

/*
 * Returns the event that means "stop now": for bl_event_wait, bl_select, and
 * wherever an event is taken.  It is the service's: nobody else sets it.
 */
BL_API
bl_event *bl_service_stopping(bl_service *self);

/*
 * Calls `fn(arg)` in a scope that is cancelled when the service is told to
 * stop.  The function form of BL_UNTIL_STOP.
 *
 * Returns what fn returned; 0 if it returned BL_ECANCELED because of the stop.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_EINVAL     self or fn is NULL, or self not initialised; fn was not
 *                 called
 *   BL_ENOLOOP    no loop runs on this thread; fn was not called
 *   BL_ENOTASK    called from a loop callback; fn was not called
 */
BL_MAY_WAIT
int bl_service_until_stop(bl_service *self, bl_task_fn *fn, void *arg);

/*
 * Moves the start deadline to `more` from now, if that is later, within
 * start_max from the beginning of the start.
 *
 * Returns 0, and 1 if start_max has cut it.
 *
 * Errors:
 *   BL_ESTATE  the service is not starting, or its start is out of time;
 *              unchanged
 *   BL_EINVAL  self is NULL or not initialised, or more is negative; unchanged
 */
BL_MAY_FAIL
int bl_service_extend(bl_service *self, bl_ns more);

/*
 * Says whether a running service is ready right now; in any other state it has
 * no effect.
 */
BL_API
void bl_service_set_ready(bl_service *self, bool is_ready);

/*
 * Says how the service is.  `text` (may be NULL) is for people; copied, up to
 * 95 bytes.  A new incarnation begins healthy.
 */
BL_API
void bl_service_set_health(bl_service *self, bl_service_health health,
                           const char *text);

/*
 * Says that the service is alive, for one with a heartbeat.
 */
BL_API
void bl_service_beat(bl_service *self);

/* ---- asking ------------------------------------------------------------- */

/*
 * Returns the state of the service.
 */
BL_API
bl_service_state bl_service_state_of(const bl_service *service);

/*
 * Returns the name of `state` in lower case, such as "running"; "?" if it is
 * none.
 */
BL_API
const char *bl_service_state_name(bl_service_state state);

/*
 * Returns the name of the service, borrowed.
 */
BL_API
const char *bl_service_name(const bl_service *service);

/*
 * Returns what the service was made with for its body.
 */
BL_API
void *bl_service_arg(const bl_service *service);

/*
 * Returns whether the service is running and ready.
 */
BL_API
bool bl_service_is_ready(const bl_service *service);

/*
 * Fills `*info`.  Its texts are valid until the service changes.
 */
BL_API
void bl_service_get_info(const bl_service *service, bl_service_info *info);

/*
 * Returns the result of the last start that has ended: 0, or the first error
 * that was not a cancellation; 0 while there is none.
 *
 * `*error` (may be NULL) is its object, borrowed, or NULL; errors that came
 * after the first are suppressed ones of it.
 */
BL_API
int bl_service_result(const bl_service *service, const bl_error **error);

/*
 * Copies the last transitions, the oldest first, at most `count`, of which 16
 * are kept.
 *
 * Returns how many were written.
 */
BL_API
size_t bl_service_history(const bl_service *service, bl_service_change *changes,
                          size_t count);

/*
 * Has `fn(service, change, context)` called after each change.  Allocates
 * nothing.
 */
BL_API
void bl_service_observe(bl_service *service, bl_service_observer *observer,
                        bl_service_observer_fn *fn, void *context);

/*
 * Ends that.  Idempotent.  An observer may take itself out while it is told.
 */
BL_API
void bl_service_unobserve(bl_service_observer *observer);

/* ---- reload ------------------------------------------------------------- */

/*
 * Has the service prepare for `config`, in the calling task.  `*reload` need
 * not be initialised.
 *
 * Returns 0; the caller ends it with bl_reload_commit or bl_reload_discard,
 * which is how several services are reloaded all or none.
 *
 * Errors:
 *   BL_ESTATE     the service is not running, or another reload is being
 *                 prepared; nothing has changed
 *   BL_ENOTSUP    it has no `prepare`; nothing has changed
 *   BL_ESHUTDOWN  it was stopped, or has failed, meanwhile; nothing has changed
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing has changed
 *   BL_EINVAL     reload or service is NULL, or it is not initialised
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is that of `prepare`; nothing has changed.
 */
BL_MAY_WAIT
int bl_reload_prepare(bl_reload *reload, bl_service *service,
                      const void *config);

/*
 * Puts what was prepared into effect.  If the service has been begun again or
 * has ended since, it is discarded instead.  Idempotent.
 *
 * Returns whether it is in effect.
 */
BL_API
bool bl_reload_commit(bl_reload *reload);

/*
 * Discards what was prepared; the old configuration stays completely.
 * Idempotent.
 */
BL_API
void bl_reload_discard(bl_reload *reload);

/*
 * Prepares and commits for one service alone.
 *
 * Returns and fails as bl_reload_prepare does.
 *
 * Errors:
 *   BL_ESTATE  the service is not running; nothing has changed
 */
BL_MAY_WAIT
int bl_service_reload(bl_service *service, const void *config);

/*
 * Notes, inside `prepare`, that `setting` differs and counts only after a
 * restart.  Those names are in `reload_text` of the info afterwards.
 */
BL_API
void bl_reload_needs_restart(bl_reload *reload, const char *setting);

/* What BL_UNTIL_STOP stands on; not called by hand. */
struct bl__until_stop {
    bl_link link; /* among the scopes that a stop cancels */
    struct bl__block block;
};
BL_API
bool bl__until_stop_next(struct bl__until_stop *block, bl_service *self,
                         int *rc);
BL_API
void bl__until_stop_leave(struct bl__until_stop *block);

#if defined(__GNUC__)
/*
 * BL_UNTIL_STOP(self, rc) { ... } runs the block in a scope that is cancelled
 * when the service is told to stop; `rc` is then 0.
 */
#    define BL__UNTIL_STOP(self, rc, id)                             \
        for (struct bl__until_stop BL__CLEANUP(bl__until_stop_leave) \
                 id = BL__ZEROED;                                    \
             (bl__at(BL__SITE("BL_UNTIL_STOP(" #self ")")),          \
              bl__until_stop_next(&id, (self), &(rc)));)
#    define BL_UNTIL_STOP(self, rc) \
        BL__UNTIL_STOP(self, rc, BL__PASTE(bl__until_stop_, __LINE__))
#endif

#ifndef BL_NO_SITES
#    define bl_service_start(...)                    \
        BL__AT("bl_service_start(" #__VA_ARGS__ ")", \
               bl_service_start(__VA_ARGS__))
#    define bl_service_stop(...)                    \
        BL__AT("bl_service_stop(" #__VA_ARGS__ ")", \
               bl_service_stop(__VA_ARGS__))
#    define bl_service_wait(...)                    \
        BL__AT("bl_service_wait(" #__VA_ARGS__ ")", \
               bl_service_wait(__VA_ARGS__))
#    define bl_service_until_stop(...)                    \
        BL__AT("bl_service_until_stop(" #__VA_ARGS__ ")", \
               bl_service_until_stop(__VA_ARGS__))
#    define bl_reload_prepare(...)                    \
        BL__AT("bl_reload_prepare(" #__VA_ARGS__ ")", \
               bl_reload_prepare(__VA_ARGS__))
#    define bl_service_reload(...)                    \
        BL__AT("bl_service_reload(" #__VA_ARGS__ ")", \
               bl_service_reload(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
