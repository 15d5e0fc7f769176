/* SPDX-License-Identifier: MIT */
/*
 * app/run.c - bl_app_run: the whole life of a daemon
 *
 * The root of the loop starts the app, waits for its end, and leaves a status
 * behind.  Signals come from the monitor's thread as calls on the loop.  What
 * has been given up keeps the loop from being closed; then the process ends
 * right there.
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/loop.h>
#include <belay/task.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/assert.h"
#include "base/site.h"

enum {
    STATUS_FAILED = 1,
    STATUS_SIGNAL = 128
};

/* ---- what the monitor has heard ------------------------------------------ */

void bl__run_on_stop(bl_app *app, int number, int level) {
    if (level == 1) {
        bool is_typed = number == SIGINT; /* there is a terminal */
        bl__app_log(app, "%s stopping %zu services (deadline %.1f s; %s)",
                    is_typed ? "^C" : "SIGTERM:", bl__app_alive_count(app),
                    (double)app->options.stop_deadline / 1e9,
                    is_typed ? "press Ctrl-C again to force"
                             : "a second one forces");
        bl_app_begin_stop(app);
        return;
    }
    app->forced_signal = number;
    bl__app_log(app, "forced: cancelling %zu services (%.1f s until the exit)",
                bl__app_alive_count(app),
                (double)app->options.force_grace / 1e9);
    bl_app_force_stop(app, app->options.force_grace);
}

void bl__run_on_hangup(bl_app *app) {
    if (app->phase >= BL__APP_STOPPING) return;
    bl_event_set(&app->hangup);
}

/* A daemon: one reload after the other; those asked for meanwhile are one. */
static int run_reloader(void *arg) {
    bl_app *app = arg;
    bl_task_set_name("reloader");
    for (;;) {
        bl__site_forget(); /* a call of `load` or `prepare` */
        int rc = bl_event_wait(&app->hangup);
        if (rc == 0) rc = bl_event_wait(&app->came_up); /* kept until then */
        if (rc < 0) return rc;
        bl_event_clear(&app->hangup);
        rc = bl__app_renew(app);
        if (rc == BL_ECANCELED && bl_is_cancelled()) return rc;
        bl_error_handled(); /* the log and the status have it */
    }
}

/* ---- the root ------------------------------------------------------------ */

static int run_status(const bl_app *app) {
    if (app->forced_signal > 0) return STATUS_SIGNAL + app->forced_signal;
    if (app->rc < 0) return STATUS_FAILED;
    return app->was_abandoned ? BL__APP_LATE : 0;
}

static const char *run_error_text(const bl_error *error, int rc) {
    bool has_text = error != NULL && bl_error_message(error)[0] != '\0';
    return has_text ? bl_error_message(error) : bl_strerror(rc);
}

/* From the start to the end of the services, in their group. */
static int run_services(bl_app *app, bl_group *group) {
    int rc = bl_spawn_daemon(group, run_reloader, app);
    if (rc < 0) return rc;
    bl__manager_watch(app);
    rc = bl_app_start(app, group);
    if (app->phase == BL__APP_IDLE) return rc; /* it could not even begin */
    if (rc == 0) rc = bl_app_wait(app);
    bl_error_handled(); /* the app keeps it */
    bl_ns lasted = bl_now() - app->began;
    if (app->was_abandoned) {
        bl__monitor_exit(app, run_status(app), app->began_real);
    }
    if (app->rc < 0) {
        bl__app_log(app, "%s failed: %s", app->name,
                    run_error_text(app->error, app->rc));
    } else {
        bl__app_log(app, "stopped in %.2f s", (double)lasted / 1e9);
    }
    return 0;
}

static int run_root(void *arg) {
    bl_app *app = arg;
    bl_group group = { 0 };
    int rc = bl__monitor_open(app);
    if (rc < 0) return rc;
    rc = bl_group_enter(&group);
    if (rc == 0) {
        rc = run_services(app, &group);
        rc = bl_group_exit(&group, rc);
    }
    bl__monitor_close(app);
    return rc;
}

/* ---- around the loop ----------------------------------------------------- */

static int run_open_inheritance(bl_app *app) {
    bl__manager_open(app);
    int rc = bl_activation_open(&app->activation);
    if (rc < 0) bl__manager_close(app);
    return rc;
}

static int run_loop(bl_app *app) {
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    struct sigaction before;
    bl_loop_options options = app->loop_options;
    options.signals = BL_SIGNALS_HOST;
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, &before);
    int rc = bl_run_with(run_root, app, &options);
    bl__manager_close(app);
    bl_activation_close(app->activation);
    app->activation = NULL;
    bl__monitor_release_signals();
    sigaction(SIGPIPE, &before, NULL);
    return rc;
}

int bl_app_run(bl_app *app) {
    int rc = bl_app_check(app);
    if (app == NULL) {
        static const char text[] = "cannot start: there was no memory\n";
        bl__app_write(text, sizeof text - 1);
        return STATUS_FAILED;
    }
    app->is_run = true;
    app->began = app->began_real = bl_now_real();
    if (rc == 0 && app->phase != BL__APP_IDLE) rc = BL_EALREADY;
    if (rc == 0 && bl__app_is_called_off(app)) {
        app->phase = BL__APP_ENDED;
        return 0;
    }
    bl_event_init(&app->hangup);
    if (rc == 0) rc = run_open_inheritance(app);
    if (rc == 0) rc = run_loop(app);
    if (rc < 0) {
        bl__app_log(app, "%s cannot start: %s", app->name, bl_error_text(rc));
        bl_error_handled();
        return STATUS_FAILED;
    }
    int status = run_status(app);
    if (status == STATUS_SIGNAL + SIGINT) {
        bl__monitor_exit(app, status, app->began_real);
    }
    return status;
}
