/* SPDX-License-Identifier: MIT */
/*
 * belay/app.h - services that depend on each other, and the life of a daemon
 *
 *     int main(void) {
 *         struct shop shop = { 0 };
 *         bl_app *app = bl_app_new(NULL);
 *         bl_app_add(app, "db", db_run, &shop, NULL);
 *         bl_app_add(app, "web", web_run, &shop, NULL);
 *         bl_app_requires(app, "web", "db", BL_DEP_RESTART_WITH);
 *         int status = bl_app_run(app);
 *         bl_app_free(app);
 *         return status;
 *     }
 *
 * An app is a set of services (service.h) and a graph between them.  It starts
 * each as soon as what it requires is ready, stops them in the reverse order
 * within one deadline, and begins again together what has to be.
 *
 * bl_app_run is all that a main needs: signals, the service manager, reloads,
 * the exit code.  Programs that have a loop already, and tests, use
 * bl_app_start and bl_app_stop instead.
 *
 * What is wrong with the building of an app (no memory, two services of one
 * name) is remembered, and said by bl_app_check, bl_app_start and bl_app_run:
 * the calls that build take no notice of a NULL or broken app.
 *
 * Calls are for the loop's own thread, or for before it runs.
 */
#ifndef BELAY_APP_H
#define BELAY_APP_H

#include <belay/base.h>
#include <belay/loop.h>
#include <belay/net.h>
#include <belay/notify.h>
#include <belay/serve.h>
#include <belay/service.h>
#include <belay/sync.h>

BL_BEGIN_DECLS

typedef struct bl_app bl_app;

/* What becomes of a service when one that it requires has failed. */
typedef enum bl_dep_fail {
    BL_DEP_RESTART_WITH = 0, /* is stopped before the other begins again, and
                                started after it */
    BL_DEP_KEEP,             /* goes on; bl_app_dep_lost and _back tell it */
    BL_DEP_SHUTDOWN          /* the whole app stops */
} bl_dep_fail;

/*
 * What an app can be told.  Zero means default.
 */
typedef struct bl_app_options {
    size_t size;          /* sizeof(bl_app_options) */
    const char *name;     /* for reports; copied, up to 31 bytes; "app" */
    uint32_t start_width; /* services that start at once; default: no limit */
    bl_ns stop_deadline;  /* for all services together; default 25 s */

    /* Told each line that people should see, without its line end; it must
     * not wait.  Default: bl_app_run writes them to stderr, and drops what
     * stderr does not take at once; bl_app_start says nothing. */
    void (*log)(const char *line, void *context);
    void *log_context;
    bool is_silent; /* no lines at all */

    /* Makes a new configuration for a reload, and frees it afterwards.  `load`
     * may wait, and may fail: then nothing has changed.  Default: services are
     * reloaded with NULL, and know where theirs is. */
    int (*load)(bl_app *app, void **config, void *context);
    void (*unload)(void *config, void *context);
    void *load_context;

    /* For bl_app_run. */
    const bl_loop_options *loop; /* copied; `signals` is not looked at */
    int ready_fd;                /* see bl_notify_options */
    bl_ns force_grace; /* from the second signal to the exit; default 2 s */
} bl_app_options;

/* What an app says about itself. */
typedef struct bl_app_info {
    const char *name;
    size_t services;
    size_t ready;            /* of them; a oneshot that has done its work is */
    bool is_ready;           /* all that are not optional are */
    bool is_stopping;        /* or has ended */
    bool has_ended;          /* no service runs any more */
    bool was_abandoned;      /* one ignored its cancellation and was given up */
    uint64_t generation;     /* reloads that were committed */
    int reload_rc;           /* of the last reload, or 0 */
    const char *reload_text; /* borrowed; why it was rejected, or the settings
                                that wait for a restart; "" */
} bl_app_info;

/* ---- building ------------------------------------------------------------ */

/*
 * Makes an app without services; `options` may be NULL.  It needs no loop.
 *
 * Returns it, for the caller to free with bl_app_free, or NULL if there was no
 * memory.  Options that are out of range are remembered as an error.
 */
BL_API
bl_app *bl_app_new(const bl_app_options *options);

/*
 * Frees an app that does not run, with its services.  NULL is allowed.
 *
 * An app that runs ends the process with a report.
 */
BL_API
void bl_app_free(bl_app *app);

/*
 * Adds a service that runs `run(service, arg)`.  `options` may be NULL; their
 * `name` and `is_contained` are not looked at.
 *
 * Returns it, which is the app's, or NULL if it could not be made: the error
 * is remembered.
 */
BL_API
bl_service *bl_app_add(bl_app *app, const char *name, bl_service_fn *run,
                       void *arg, const bl_service_options *options);

/*
 * Says that the service called `name` needs the one called `dependency`: it is
 * started when that is ready, and stopped before.  Either may be added later.
 */
BL_API
void bl_app_requires(bl_app *app, const char *name, const char *dependency,
                     bl_dep_fail on_fail);

/*
 * Says that the service called `name` is started after `other` and stopped
 * before it, if there is one of that name; it does not need it.
 */
BL_API
void bl_app_after(bl_app *app, const char *name, const char *other);

/*
 * Says that the app can do without the service called `name`: its failure ends
 * nothing but what requires it, and nobody waits for it to be ready.
 *
 * The service has to be there already, unlike in bl_app_requires: otherwise the
 * app remembers BL_ENOENT, and bl_app_check, bl_app_start and bl_app_run fail.
 */
BL_API
void bl_app_set_optional(bl_app *app, const char *name);

/*
 * Says that two services begin again together: when one fails, both are
 * stopped and started.  Pairs that share a service make one set.
 *
 * Both have to be there already, as for bl_app_set_optional.
 */
BL_API
void bl_app_restart_together(bl_app *app, const char *name, const char *other);

/*
 * Looks for what is wrong with the app: errors of its building, names that no
 * service has, circles.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ENOMEM   there was no memory, also if app is NULL
 *   BL_EINVAL   an argument or an option was out of range
 *   BL_EEXIST   two services have one name
 *   BL_ENOENT   a service requires one that is not there; the current error
 *               names it, and the name that is nearest
 *   BL_EDEADLK  services require each other in a circle; the current error
 *               shows it: "a -> b -> a"
 */
BL_MAY_FAIL
int bl_app_check(bl_app *app);

/*
 * Returns the service called `name`, or NULL.
 */
BL_API
bl_service *bl_app_find(bl_app *app, const char *name);

/*
 * Returns service number `index` in an order in which they could be started
 * one after the other; NULL past the end, or before bl_app_check was well.
 */
BL_API
bl_service *bl_app_at(bl_app *app, size_t index);

/*
 * Returns the event that is set as long as `dependency` of the service called
 * `name` is not ready, after it was; NULL if it requires no such service.
 */
BL_API
bl_event *bl_app_dep_lost(bl_app *app, const char *name,
                          const char *dependency);

/*
 * Returns the event that is set as long as it is ready; likewise.
 */
BL_API
bl_event *bl_app_dep_back(bl_app *app, const char *name,
                          const char *dependency);

/* ---- the whole life of a daemon ------------------------------------------ */

/*
 * Runs the app in a loop of its own, from its start to its end.
 *
 *   SIGTERM, SIGINT  stop the services in order; a second one (not the echo of
 *                    the first within 250 ms) cancels all at once, and
 *                    `force_grace` later or with the third the process exits
 *   SIGHUP           reloads; during the start it is kept for later
 *   SIGQUIT          prints the tasks, also of a loop that is blocked
 *   SIGPIPE          is ignored
 *
 * The service manager is told by bl_notify, and its watchdog is fed by the
 * loop as long as every service with a heartbeat is alive.  After a
 * bl_app_begin_stop nothing is started.
 *
 * Call it on the main thread, before there are others.
 *
 * Returns the exit status of the process: 0 if all stopped as they should; 1
 * if a service failed or the app could not start; 124 if the stop took longer
 * than its deadline; 128 and the number of the signal if a second one had
 * forced it.  Where tasks are left that ignore their cancellation, the process
 * exits with that status instead.  A forced SIGINT ends the process by SIGINT,
 * so that a shell sees it.
 */
BL_API
int bl_app_run(bl_app *app);

/*
 * Listens at `address`, or with the socket that the service manager has passed
 * by `name`: bl_activation_listen for services of an app that bl_app_run runs.
 *
 * A TCP socket that was opened once is kept by the app until its stop begins:
 * a service that is begun again listens with it again, and who waits in its
 * queue meanwhile is not reset.
 *
 * Returns 1 if the manager gave it, 0 if it was opened; the caller closes
 * `*listener`.
 *
 * Errors:
 *   BL_EINVAL      an argument is NULL
 *   BL_EADDRINUSE  somebody else listens there; the current error says where,
 *                  and who, as far as that can be seen
 *   BL_EPROTO      the manager gave something that does not listen
 *
 * Any other code is one of bl_activation_listen's.
 */
BL_MAY_FAIL
int bl_app_listen(bl_app *app, const char *name, const bl_addr *address,
                  const bl_listen_options *options, bl_listener **listener);

/*
 * Returns what tells the service manager, for more than the app says by itself;
 * NULL outside bl_app_run.
 */
BL_API
bl_notify *bl_app_notify(bl_app *app);

/* ---- parts of it, for loops that are there ------------------------------- */

/*
 * Starts all services as children of `group` and waits until all that are not
 * optional are ready.
 *
 * Whoever starts the app owns the start: if the caller is cancelled, the
 * services are stopped, and have ended when this returns.  An app is started
 * once.
 *
 * Returns 0; the caller stops it with bl_app_stop before it leaves the group.
 *
 * Errors:
 *   BL_ECANCELED  the caller was cancelled, or the app was stopped meanwhile;
 *                 nothing runs
 *   BL_EALREADY   it was started before; unchanged
 *   BL_EINVAL     group is NULL, or one of bl_app_check's
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is one of bl_app_check's, or the error of the service that
 * failed to start; those that had been started were stopped in reverse.
 */
BL_MAY_WAIT
int bl_app_start(bl_app *app, bl_group *group);

/*
 * Begins to stop all services, each after those that require it, in time for
 * the deadline.  Never waits.  Idempotent.
 *
 * Before the start it is remembered: nothing will run.
 *
 * Returns whether this call began the stop.
 */
BL_API
bool bl_app_begin_stop(bl_app *app);

/*
 * Cancels all services at once, in no order, and gives them up `grace` later.
 */
BL_API
void bl_app_force_stop(bl_app *app, bl_ns grace);

/*
 * Stops all services as bl_app_begin_stop does, and waits for the end.  A
 * cancelled caller only ceases to wait.
 *
 * Returns 0 if all stopped as they should.
 *
 * Errors:
 *   BL_ETIMEDOUT  one ignored its cancellation and was given up; it still runs
 *   BL_ECANCELED  the caller was cancelled; the stop goes on
 *   BL_ENOMEM     app is NULL
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is the first error of a service that the app cannot do
 * without.
 */
BL_MAY_WAIT
int bl_app_stop(bl_app *app);

/*
 * Waits for the end of the app, stopped by somebody else, by a failure, or
 * because every service has done its work.
 *
 * Returns and fails as bl_app_stop does.
 *
 * Errors:
 *   BL_ENOMEM  app is NULL
 */
BL_MAY_WAIT
int bl_app_wait(bl_app *app);

/*
 * Stops the service called `name` and those that require it, and starts them
 * again.  Never waits; it is not counted as a restart after a failure.
 *
 * Returns 0: it has begun.
 *
 * Errors:
 *   BL_ENOENT  there is no such service
 *   BL_ESTATE  the app does not run, or is stopping
 */
BL_MAY_FAIL
int bl_app_restart(bl_app *app, const char *name);

/*
 * Reloads all services that can, in two phases: either all get `config`, in
 * the order of their dependencies, or none does and the old one stays
 * completely.
 *
 * Returns 0; bl_app_info says which settings wait for a restart.
 *
 * Errors:
 *   BL_ESTATE     the app is not up, or is being reloaded; unchanged
 *   BL_ECANCELED  the caller was cancelled, or the app is stopping; unchanged
 *   BL_ENOLOOP    no loop runs on this thread; unchanged
 *   BL_ENOTASK    called from a loop callback; unchanged
 *   BL_ENOMEM     app is NULL, or there was no memory; unchanged
 *
 * Any other code is that of the service whose `prepare` failed.
 */
BL_MAY_WAIT
int bl_app_reload(bl_app *app, const void *config);

/* ---- how it is ----------------------------------------------------------- */

/*
 * Fills `*info`.  Its texts are valid until the app changes.
 */
BL_API
void bl_app_get_info(const bl_app *app, bl_app_info *info);

/*
 * Returns whether the app should get work: every service that is not optional
 * is ready, and it is not stopping.
 */
BL_API
bool bl_app_is_ready(const bl_app *app);

/*
 * Writes a line for the app and one for each service into `buffer`, cut to
 * `bytes`, ended by NUL: name, state, readiness, health, failures.
 *
 * Returns the length of the whole text.
 */
BL_API
size_t bl_app_format_health(const bl_app *app, char *buffer, size_t bytes);

/* ---- a server as a service ----------------------------------------------- */

/*
 * Serves connections from `listener` as the body of a service: says that the
 * service is ready, serves until it is told to stop, and drains.
 *
 * It is bl_serve, with the service's event for `stop`; for `grace` the default
 * is the service's own stop_timeout, after which what is left is cancelled.
 * What became of the connections is the service's health text: "drained 118,
 * cut 2 (10.0.0.7:5312 4096 B unsent)".  The listener is the server's.
 *
 * Returns 0 once it was stopped and every connection has ended.
 *
 * Errors:
 *   BL_ECANCELED  the service was cancelled; every connection has ended
 *   BL_EINVAL     an argument is NULL or an option out of range; the listener
 *                 is still the caller's
 *   BL_ESTATE     self is not starting; likewise
 *   BL_EALREADY   the service was ready before; likewise
 *
 * Any other code is one of bl_serve's.
 */
BL_MAY_WAIT
int bl_service_serve(bl_service *self, bl_listener *listener,
                     bl_serve_fn *handler, const bl_serve_options *options);

#ifndef BL_NO_SITES
#    define bl_app_start(...) \
        BL__AT("bl_app_start(" #__VA_ARGS__ ")", bl_app_start(__VA_ARGS__))
#    define bl_app_stop(...) \
        BL__AT("bl_app_stop(" #__VA_ARGS__ ")", bl_app_stop(__VA_ARGS__))
#    define bl_app_wait(...) \
        BL__AT("bl_app_wait(" #__VA_ARGS__ ")", bl_app_wait(__VA_ARGS__))
#    define bl_app_reload(...) \
        BL__AT("bl_app_reload(" #__VA_ARGS__ ")", bl_app_reload(__VA_ARGS__))
#    define bl_service_serve(...)                    \
        BL__AT("bl_service_serve(" #__VA_ARGS__ ")", \
               bl_service_serve(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
