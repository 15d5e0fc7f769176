/* SPDX-License-Identifier: MIT */
/*
 * app/manager.c - what the service manager is told, and its watchdog
 *
 *     all required are ready   READY=1, STATUS
 *     readiness changes        STATUS
 *     a reload                 RELOADING=1, then READY=1 and how it went
 *     the stop begins          STOPPING=1, STATUS
 *     something ends in it     EXTEND_TIMEOUT_USEC: draining makes progress
 *     the watchdog's half      WATCHDOG=1, from a timer of the loop itself
 *
 * What the manager does not take at once is tried again by a timer, and for a
 * moment at the very end, when there is no loop any more.  Nothing of this can
 * fail the app: a manager that is gone is a line in the log.
 */
#include <belay/error.h>
#include <belay/loop.h>

#include <poll.h>
#include <stdio.h>

#include "app/app.h"
#include "base/assert.h"

static const bl_ns manager_flush_pause = BL_MS(100);
static const bl_ns manager_last_patience = BL_MS(500);
static const bl_ns manager_extend_spare = BL_SEC(1);

/* Sends the notice if there is a manager, and sees to it that it gets there. */
static void manager_tell(bl_app *app, const bl_notice *notice) {
    if (app->notify == NULL) return;
    int rc = bl_notify_send(app->notify, notice);
    if (rc == BL_EAGAIN && bl_loop_running() != NULL) {
        bl_timer_start(bl_loop_running(), &app->flush,
                       bl_ns_add(bl_now(), manager_flush_pause));
    }
    bl_error_handled();
}

static void manager_on_flush(void *context) {
    bl_app *app = context;
    if (bl_notify_flush(app->notify) != BL_EAGAIN) return;
    bl_timer_start(bl_loop_running(), &app->flush,
                   bl_ns_add(bl_now(), manager_flush_pause));
}

/* ---- the watchdog -------------------------------------------------------- */

static bool manager_all_are_alive(bl_app *app) {
    for (uint32_t i = 0; i < app->count; i++) {
        bl_service_info info;
        bl_service_get_info(&app->units[i]->service, &info);
        if (!info.is_alive) return false;
    }
    return true;
}

static void manager_on_watchdog(void *context) {
    bl_app *app = context;
    if (manager_all_are_alive(app)) {
        manager_tell(
            app, &(bl_notice){ .size = sizeof(bl_notice), .is_alive = true });
    }
    bl_timer_start(bl_loop_running(), &app->watchdog,
                   bl_ns_add(bl_now(), app->watchdog_interval / 2));
}

/* ---- opened and closed --------------------------------------------------- */

void bl__manager_open(bl_app *app) {
    bl_notify_options options = { .size = sizeof options,
                                  .ready_fd = app->options.ready_fd };
    int rc = bl_notify_open(&options, &app->notify);
    if (rc < 0) {
        bl__app_log(app, "the service manager is not told: %s",
                    bl_error_text(rc));
        app->notify = NULL;
        return;
    }
    app->watchdog_interval = bl_notify_watchdog(app->notify);
}

/* How it ended is said last, and mostly amid much else.  A socket does not tell
 * when that of the manager has room again. */
static void manager_flush_last(bl_notify *notify) {
    bl_ns end = bl_ns_add(bl_now_real(), manager_last_patience);
    while (bl_notify_flush(notify) == BL_EAGAIN && bl_now_real() < end)
        poll(NULL, 0, 1);
}

void bl__manager_close(bl_app *app) {
    bl_timer_stop(&app->flush);
    bl_timer_stop(&app->watchdog);
    if (app->notify != NULL) manager_flush_last(app->notify);
    bl_notify_close(app->notify);
    app->notify = NULL;
}

/* ---- what it is told ----------------------------------------------------- */

static const char *manager_status(bl_app *app, char *buffer, size_t bytes) {
    static const char *const words[] = { "idle", "starting", "running",
                                         "stopping", "stopped" };
    bl_app_info info;
    bl_app_get_info(app, &info);
    app->status_ready = (int)info.ready;
    snprintf(buffer, bytes, "%s, %zu/%zu services ready", words[app->phase],
             info.ready, info.services);
    return buffer;
}

void bl__manager_phase(bl_app *app) {
    char text[BL__APP_TEXT];
    if (app->notify == NULL) return;
    bl_notice notice = { .size = sizeof notice };
    notice.status = manager_status(app, text, sizeof text);
    notice.is_ready = app->phase == BL__APP_UP;
    notice.is_stopping = app->phase == BL__APP_STOPPING;
    if (app->phase == BL__APP_ENDED && app->rc < 0 && app->rc > -4096) {
        notice.error = app->rc;
    }
    if (app->phase == BL__APP_ENDED && app->rc < 0) {
        snprintf(text, sizeof text, "failed: %s",
                 app->error != NULL ? bl_error_message(app->error)
                                    : bl_strerror(app->rc));
    }
    manager_tell(app, &notice);
}

void bl__manager_change(struct bl__unit *unit,
                        const bl_service_change *change) {
    bl_app *app = unit->app;
    char text[BL__APP_TEXT];
    if (app->notify == NULL) return;
    bl_notice notice = { .size = sizeof notice };
    bl_app_info info;
    bl_app_get_info(app, &info);
    if (change->subject == BL_CHANGE_EXTENDED) {
        bl_service_info service;
        bl_service_get_info(&unit->service, &service);
        notice.extend = service.deadline - bl_now();
    }
    bool is_going_on = bl__app_alive_count(app) > 0;
    if (app->phase == BL__APP_STOPPING && is_going_on &&
        app->stop_at > bl_now()) {
        notice.extend = app->stop_at - bl_now() + manager_extend_spare;
    }
    if ((int)info.ready != app->status_ready) {
        notice.status = manager_status(app, text, sizeof text);
    }
    if (notice.extend > 0 || notice.status != NULL) manager_tell(app, &notice);
}

void bl__manager_reload(bl_app *app, bool is_over) {
    char text[BL__APP_TEXT + 64];
    if (is_over && app->reload_rc < 0) {
        snprintf(text, sizeof text, "reload rejected: %s", app->reload_text);
    } else if (app->reload_text[0] != '\0') {
        snprintf(text, sizeof text,
                 "reloaded, generation %llu; needs a "
                 "restart: %s",
                 (unsigned long long)app->generation, app->reload_text);
    } else {
        snprintf(text, sizeof text, "reloaded, generation %llu",
                 (unsigned long long)app->generation);
    }
    if (is_over) bl__app_log(app, "%s", text);
    bl_notice notice = { .size = sizeof notice, .is_reloading = !is_over };
    notice.is_ready = is_over && app->phase == BL__APP_UP;
    notice.status = is_over ? text : NULL;
    if (app->phase == BL__APP_UP) manager_tell(app, &notice);
}

void bl__manager_watch(bl_app *app) {
    bl_timer_init(&app->flush, manager_on_flush, app);
    bl_timer_init(&app->watchdog, manager_on_watchdog, app);
    if (app->notify == NULL || app->watchdog_interval <= 0) return;
    manager_on_watchdog(app);
}
