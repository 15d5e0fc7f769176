/* SPDX-License-Identifier: MIT */
/*
 * app/app.h - the inside of an app, shared by its files
 *
 *     app.c       building: services, edges, errors that are remembered
 *     graph.c     names to units, circles, the order
 *     conduct.c   who is started and stopped next: the conductor
 *     renew.c     a new configuration for all, or for none
 *     health.c    what an app says about itself
 *     log.c       lines for people
 *     manager.c   what the service manager is told, and its watchdog
 *     monitor.c   the thread that hears signals, whatever the loop does
 *     run.c       bl_app_run
 *     listen.c    sockets that outlive the services that listen
 *     serving.c   a server as the body of a service
 *
 * The words.  A *unit* is a service with its place in the graph.  An *edge*
 * leads from a unit to one that it depends on.  A unit is *alive* while there
 * is something of it that has to end: it is being started, runs, stops, or
 * waits for its restart.  It is *satisfied* if whoever requires it may run: it
 * is ready, or a oneshot that has done its work.  A *victim* is stopped because
 * another unit begins again, and will be started after it.
 */
#ifndef BL__APP_APP_H
#define BL__APP_APP_H

#include <belay/app.h>

struct bl__unit;
struct bl__monitor;
struct bl__socket;

struct bl__edge {
    struct bl__edge *next; /* of the app */
    struct bl__unit *from;
    struct bl__unit *to; /* NULL: only `after`, and there is none */
    bool is_hard;
    bl_dep_fail on_fail;
    bl_event lost; /* it was satisfied, and is not */
    bl_event back; /* it is satisfied */
    char names[];  /* of both, each ended by NUL */
};

struct bl__unit {
    bl_service service;
    bl_service_observer observer;
    bl_app *app;
    uint32_t together; /* units with the same number begin again together */
    uint32_t rank;     /* its place in the order */
    uint8_t mark;      /* of a walk through the graph */
    bool is_optional;
    bool wants_up;
    bool is_starting; /* a task is in bl_service_start for it */
    bool is_victim;
    bool is_done;       /* a oneshot that has done its work */
    bool was_satisfied; /* when the edges were told last */
    bool is_blocked;    /* what it requires has failed for good */
};

/* The life of an app; it only goes down. */
enum bl__app_phase {
    BL__APP_IDLE,
    BL__APP_STARTING,
    BL__APP_UP,
    BL__APP_STOPPING,
    BL__APP_ENDED
};

enum {
    BL__APP_LATE = 124, /* the exit status of a stop that took too long */
    BL__APP_NAME = 32,
    BL__APP_TEXT = 256,
    BL__APP_LINE = 512
};

struct bl_app {
    bl_app_options options;
    bl_loop_options loop_options;
    char name[BL__APP_NAME];

    /* The graph. */
    struct bl__unit **units; /* in the order of adding; then of starting */
    uint32_t count;
    uint32_t capacity;
    struct bl__edge *edges;
    bool is_resolved; /* names have become units */
    int build_rc;     /* the first error of building */
    char build_text[BL__APP_TEXT];

    /* The conductor. */
    enum bl__app_phase phase;
    bl_group *group;  /* where services are started */
    bl_event changed; /* something has, since the conductor looked */
    bl_event came_up; /* or ended */
    bl_event has_ended;
    bool stop_was_asked;          /* before the start, too */
    struct bl__requests requests; /* to stop, from outside */
    bool is_forced;
    bool has_done_all; /* there was nothing left to run */
    bool was_abandoned;
    bool is_reloading;
    int rc; /* the first failure, and its object */
    bl_error *error;
    bl_ns began;      /* the start, and then the stop */
    bl_ns began_real; /* the same, by real time */
    bl_ns stop_at;

    /* The last reload. */
    uint64_t generation;
    int reload_rc;
    char reload_text[BL__APP_TEXT];

    /* bl_app_run alone. */
    bool is_run;
    bl_notify *notify;
    bl_activation *activation;
    struct bl__monitor *monitor;
    bl_timer flush; /* tries again what the manager did not take */
    bl_timer watchdog;
    bl_ns watchdog_interval;
    int status_ready; /* services ready, as the manager was told; -1: never */
    struct bl__socket *sockets; /* that are kept for the next incarnation */
    bl_event hangup;            /* a reload was asked for */
    int forced_signal; /* what asked for a stop more than once; 0: none */
};

/* app.c: remembers the first error of building */
BL__PRINTF(3, 4)
void bl__app_blame(bl_app *app, int rc, const char *format, ...);

/* graph.c */
int bl__graph_resolve(bl_app *app);
struct bl__unit *bl__graph_find(const bl_app *app, const char *name);
struct bl__edge *bl__graph_edge(const bl_app *app, const char *name,
                                const char *dependency);

/* conduct.c */
bool bl__unit_is_alive(const struct bl__unit *unit);
bool bl__unit_is_satisfied(const struct bl__unit *unit);
size_t bl__app_alive_count(const bl_app *app);
void bl__app_on_request(struct bl__requests *requests);
/* Whether it is not to start at all. */
bool bl__app_is_called_off(bl_app *app);

/* renew.c: loads a configuration, and reloads with it */
int bl__app_renew(bl_app *app);

/* log.c */
BL__PRINTF(2, 3) void bl__app_log(bl_app *app, const char *format, ...);
BL__PRINTF(3, 4)
void bl__app_log_unit(bl_app *app, const struct bl__unit *unit,
                      const char *format, ...);
void bl__app_log_change(struct bl__unit *unit, const bl_service_change *change);
/* Writes to stderr what it takes at once. */
void bl__app_write(const char *text, size_t length);

/* manager.c: each does nothing without a manager */
void bl__manager_open(bl_app *app);
void bl__manager_close(bl_app *app);
/* On the loop: from now on the watchdog is fed. */
void bl__manager_watch(bl_app *app);
void bl__manager_phase(bl_app *app);
void bl__manager_change(struct bl__unit *unit, const bl_service_change *change);
void bl__manager_reload(bl_app *app, bool is_over);

/* monitor.c */
int bl__monitor_open(bl_app *app);
void bl__monitor_close(bl_app *app);
/* Closed, it still keeps late signals from ending the process, until this. */
void bl__monitor_release_signals(void);
/* Has the monitor end the process as too late if it is still there at the real
 * time `when`. */
void bl__monitor_expect_stop(bl_app *app, bl_ns when);
/* Ends the process: by SIGINT if `status` says so, and else with it. */
__attribute__((noreturn)) void bl__monitor_exit(bl_app *app, int status,
                                                bl_ns began);

/* listen.c: closes the sockets that are kept */
void bl__app_forget_sockets(bl_app *app);

/* run.c: on the loop, what the monitor has heard */
void bl__run_on_stop(bl_app *app, int number, int level);
void bl__run_on_hangup(bl_app *app);
void bl__run_dump(bl_app *app);

#endif
