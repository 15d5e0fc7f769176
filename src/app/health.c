/* SPDX-License-Identifier: MIT */
/*
 * app/health.c - what an app says about itself
 */
#include <belay/error.h>
#include <belay/loop.h>

#include <stdarg.h>
#include <stdio.h>

#include "app/app.h"
#include "base/assert.h"

bool bl_app_is_ready(const bl_app *app) {
    if (app == NULL || app->phase != BL__APP_UP) return false;
    for (uint32_t i = 0; i < app->count; i++) {
        const struct bl__unit *unit = app->units[i];
        if (unit->is_optional) continue;
        if (!bl__unit_is_satisfied(unit)) return false;
    }
    return true;
}

void bl_app_get_info(const bl_app *app, bl_app_info *info) {
    *info = (bl_app_info){
        .name = app->name,
        .services = app->count,
        .is_ready = bl_app_is_ready(app),
        .is_stopping = app->phase >= BL__APP_STOPPING,
        .has_ended = app->phase == BL__APP_ENDED,
        .was_abandoned = app->was_abandoned,
        .generation = app->generation,
        .reload_rc = app->reload_rc,
        .reload_text = app->reload_text,
    };
    for (uint32_t i = 0; i < app->count; i++) {
        if (bl__unit_is_satisfied(app->units[i])) info->ready++;
    }
}

/* ---- as text ------------------------------------------------------------- */

struct text {
    char *buffer;
    size_t bytes;
    size_t length; /* of the whole, written or not */
};

BL__PRINTF(2, 3)
static void health_put(struct text *text, const char *format, ...) {
    bool has_room = text->length < text->bytes;
    char *at = has_room ? text->buffer + text->length : NULL;
    va_list args;
    va_start(args, format);
    int more =
        vsnprintf(at, has_room ? text->bytes - text->length : 0, format, args);
    va_end(args);
    BL__ASSERT(more >= 0);
    text->length += (size_t)more;
}

static void health_put_failure(struct text *text, const struct bl__unit *unit,
                               const bl_service_info *info) {
    const bl_error *error;
    int rc = bl_service_result(&unit->service, &error);
    if (rc < 0) {
        health_put(text, "  %s: %s", bl_error_name(rc),
                   error != NULL ? bl_error_message(error) : bl_strerror(rc));
    }
    if (unit->is_blocked && info->state != BL_SERVICE_FAILED) {
        const struct bl__edge *edge = unit->app->edges;
        for (; edge != NULL; edge = edge->next) {
            if (edge->from != unit || !edge->is_hard) continue;
            if (bl__unit_is_satisfied(edge->to)) continue;
            health_put(text, "  dep:%s FAILED",
                       bl_service_name(&edge->to->service));
        }
    }
}

static void health_put_unit(struct text *text, const struct bl__unit *unit) {
    static const char *const healths[] = { "ok", "degraded", "failing" };
    bl_service_info info;
    bl_service_get_info(&unit->service, &info);
    const char *ready = bl__unit_is_satisfied(unit) ? "ready" : "not-ready";
    health_put(text, "%s %s %s health=%s incarnation=%llu failures=%u",
               info.name, bl_service_state_name(info.state), ready,
               healths[info.health], (unsigned long long)info.incarnation,
               info.failures);
    if (unit->is_optional) health_put(text, " optional");
    if (!info.is_alive) health_put(text, " heartbeat-late");
    if (info.is_abandoned) health_put(text, " abandoned");
    if (info.health_text[0] != '\0') health_put(text, "  %s", info.health_text);
    health_put_failure(text, unit, &info);
    health_put(text, "\n");
}

size_t bl_app_format_health(const bl_app *app, char *buffer, size_t bytes) {
    static const char *const phases[] = { "idle", "starting", "up", "stopping",
                                          "ended" };
    struct text text = { buffer, bytes, 0 };
    if (bytes > 0) buffer[0] = '\0';
    if (app == NULL) return 0;
    bl_app_info info;
    bl_app_get_info(app, &info);
    health_put(&text, "%s %s %s %zu/%zu ready generation=%llu", info.name,
               phases[app->phase], info.is_ready ? "ready" : "not-ready",
               info.ready, info.services, (unsigned long long)info.generation);
    if (info.reload_rc < 0) health_put(&text, "  reload rejected:");
    if (info.reload_rc >= 0 && info.reload_text[0] != '\0') {
        health_put(&text, "  needs a restart:");
    }
    if (info.reload_text[0] != '\0') health_put(&text, " %s", info.reload_text);
    health_put(&text, "\n");
    for (uint32_t i = 0; i < app->count; i++)
        health_put_unit(&text, app->units[i]);
    return text.length;
}
