/* SPDX-License-Identifier: MIT */
/*
 * app/log.c - what an app tells people while it starts, stops and fails
 *
 *     ^C stopping 4 services (deadline 25.0 s; press Ctrl-C again to force)
 *       0.00  http     draining: 37 active, 981 idle closed
 *       4.10  http     STOPPED  drained 37, cut 0
 *       4.10  db-pool  stopping
 *      14.10  db-pool  did not stop in 10.0 s -> cancelling
 *
 * The numbers are seconds since the start, or the stop, began.  A line is made
 * on the stack and written at once; where stderr does not take it without
 * waiting it is lost, because nothing that people do with our output may keep
 * us from ending.
 */
#include <belay/error.h>
#include <belay/inspect.h>
#include <belay/loop.h>

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "base/assert.h"

enum {
    ATOMIC_BYTES = 4096 /* a pipe that takes anything takes so many */
};

void bl__app_write(const char *text, size_t length) {
    while (length > 0) {
        struct pollfd can = { .fd = STDERR_FILENO, .events = POLLOUT };
        if (poll(&can, 1, 0) != 1 || (can.revents & POLLOUT) == 0) return;
        size_t part = length < ATOMIC_BYTES ? length : ATOMIC_BYTES;
        ssize_t moved = write(STDERR_FILENO, text, part);
        if (moved <= 0) return;
        text += moved;
        length -= (size_t)moved;
    }
}

static void log_line(bl_app *app, char *line, size_t length) {
    if (length >= BL__APP_LINE - 1) length = BL__APP_LINE - 2;
    if (app->options.log != NULL) {
        line[length] = '\0';
        app->options.log(line, app->options.log_context);
        return;
    }
    line[length] = '\n';
    bl__app_write(line, length + 1);
}

/* Whether anybody reads lines. */
static bool log_is_heard(const bl_app *app) {
    if (app->options.is_silent) return false;
    return app->options.log != NULL || app->is_run;
}

void bl__app_log(bl_app *app, const char *format, ...) {
    char line[BL__APP_LINE];
    if (!log_is_heard(app)) return;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (length >= 0) log_line(app, line, (size_t)length);
}

static int log_name_width(const bl_app *app) {
    size_t widest = 0;
    for (uint32_t i = 0; i < app->count; i++) {
        size_t width = strlen(bl_service_name(&app->units[i]->service));
        if (width > widest) widest = width;
    }
    return (int)widest;
}

void bl__app_log_unit(bl_app *app, const struct bl__unit *unit,
                      const char *format, ...) {
    char line[BL__APP_LINE];
    if (!log_is_heard(app)) return;
    double seconds = (double)(bl_now() - app->began) / 1e9;
    int length = snprintf(line, sizeof line, "%6.2f  %-*s  ", seconds,
                          log_name_width(app), bl_service_name(&unit->service));
    BL__ASSERT(length > 0);
    va_list args;
    va_start(args, format);
    int more =
        vsnprintf(line + length, sizeof line - (size_t)length, format, args);
    va_end(args);
    if (more >= 0) log_line(app, line, (size_t)(length + more));
}

/* ---- changes ------------------------------------------------------------- */

/* What the service's last error says. */
static const char *log_error_text(const struct bl__unit *unit, int rc) {
    const bl_error *error;
    int stored = bl_service_result(&unit->service, &error);
    if (stored == rc && error != NULL && bl_error_message(error)[0] != '\0') {
        return bl_error_message(error);
    }
    return bl_strerror(rc);
}

/* The text that the service has set for people, after a gap; "" if none. */
static const char *log_health_text(const bl_service_info *info, char *buffer,
                                   size_t bytes) {
    bool has_text = info->health_text[0] != '\0';
    snprintf(buffer, bytes, "%s%s", has_text ? "  " : "", info->health_text);
    return buffer;
}

struct stuck {
    const struct bl__unit *unit;
    size_t depth;
    bool is_inside;
    bool was_found;
    bl_task_view view;
};

/* Looks for the innermost task of the service that does not end. */
static bool log_visit_stuck(const bl_task_view *view, void *context) {
    struct stuck *stuck = context;
    if (view->task == stuck->unit->service._keeper) {
        stuck->is_inside = true;
        stuck->depth = view->depth;
    } else if (!stuck->is_inside) {
        return true;
    } else if (view->depth <= stuck->depth) {
        return false;
    }
    stuck->view = *view;
    stuck->was_found = true;
    return true;
}

static void log_abandoned(struct bl__unit *unit) {
    struct stuck stuck = { .unit = unit };
    bl_inspect_tasks(unit->service._loop, log_visit_stuck, &stuck);
    if (!stuck.was_found) {
        bl__app_log_unit(unit->app, unit, "ABANDONED");
        return;
    }
    const bl_task_view *view = &stuck.view;
    bl__app_log_unit(unit->app, unit,
                     "ABANDONED: task #%llu \"%s\" ignores cancellation, %s %s "
                     "in %s (%s)",
                     (unsigned long long)view->id, view->name, view->state,
                     view->waits_for, view->call, view->called_at);
}

static void log_state(struct bl__unit *unit, const bl_service_change *change,
                      const bl_service_info *info) {
    bl_app *app = unit->app;
    char text[BL__APP_TEXT];
    bool is_stop = app->phase >= BL__APP_STOPPING;
    switch (change->to) {
    case BL_SERVICE_RUNNING:
        bl__app_log_unit(app, unit, "RUNNING%s",
                         log_health_text(info, text, sizeof text));
        break;
    case BL_SERVICE_STOPPING: bl__app_log_unit(app, unit, "stopping"); break;
    case BL_SERVICE_STOPPED:
        if (change->from == BL_SERVICE_NEW) break;
        bl__app_log_unit(app, unit, "STOPPED%s",
                         log_health_text(info, text, sizeof text));
        break;
    case BL_SERVICE_BACKOFF:
        bl__app_log_unit(app, unit, "failed: %s; begins again in %.2f s",
                         log_error_text(unit, change->rc),
                         (double)(info->deadline - change->when) / 1e9);
        break;
    case BL_SERVICE_FAILED:
        if (info->is_abandoned) {
            log_abandoned(unit);
        } else {
            bl__app_log_unit(app, unit, "FAILED: %s",
                             log_error_text(unit, change->rc));
        }
        break;
    default:
        if (!is_stop && change->cause == BL_WHY_RESTART) {
            bl__app_log_unit(app, unit, "begins again");
        }
        break;
    }
}

static void log_phase(struct bl__unit *unit, const bl_service_info *info) {
    bl_app *app = unit->app;
    double late = (double)(bl_now() - info->since) / 1e9;
    if (info->phase == BL_PHASE_DRAIN_DELAY) {
        bl__app_log_unit(app, unit, "not ready, still serving for %.1f s",
                         (double)(info->deadline - bl_now()) / 1e9);
    }
    if (info->phase != BL_PHASE_CANCELLING) return;
    bool is_start = info->state == BL_SERVICE_STARTING;
    bl__app_log_unit(app, unit, "did not %s in %.1f s -> cancelling",
                     is_start ? "start" : "stop", late);
}

void bl__app_log_change(struct bl__unit *unit,
                        const bl_service_change *change) {
    bl_service_info info;
    if (!log_is_heard(unit->app)) return;
    bl_service_get_info(&unit->service, &info);
    switch (change->subject) {
    case BL_CHANGE_STATE: log_state(unit, change, &info); break;
    case BL_CHANGE_PHASE: log_phase(unit, &info); break;
    case BL_CHANGE_READINESS:
        if (change->to != BL_SERVICE_RUNNING) break;
        bl__app_log_unit(unit->app, unit,
                         info.is_ready ? "ready" : "not ready");
        break;
    case BL_CHANGE_HEALTH:
        if (info.health_text[0] == '\0') break;
        bl__app_log_unit(unit->app, unit, "%s", info.health_text);
        break;
    case BL_CHANGE_RETURNED:
        bl__app_log_unit(unit->app, unit, "came back after all");
        break;
    default: break;
    }
}
