/* SPDX-License-Identifier: MIT */
/*
 * app/renew.c - a new configuration for all services, or for none
 *
 * First every service that can be reloaded prepares, one after the other in
 * the order of their dependencies; nothing has changed yet.  If one fails, or
 * the app begins to stop, what was prepared is discarded, the last first, and
 * the old configuration stays completely.  Otherwise all commit in order,
 * which neither waits nor fails.
 */
#include <belay/error.h>
#include <belay/park.h>
#include <belay/task.h>

#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/alloc.h"
#include "base/assert.h"

static bool renew_is_able(const struct bl__unit *unit) {
    return unit->service._options.prepare != NULL &&
           unit->service._state == BL_SERVICE_RUNNING;
}

/* Prepares all; `reloads` has room for each.  A service that fails or stops
 * meanwhile gets the new configuration when it is started again. */
static int renew_prepare_all(bl_app *app, bl_reload *reloads,
                             const void *config, uint32_t *count) {
    for (uint32_t i = 0; i < app->count; i++) {
        struct bl__unit *unit = app->units[i];
        if (!renew_is_able(unit)) continue;
        int rc = bl_reload_prepare(&reloads[*count], &unit->service, config);
        if (rc == 0) ++*count;
        if (app->phase != BL__APP_UP) return BL_ECANCELED;
        if (rc == 0 || rc == BL_ESTATE || rc == BL_ESHUTDOWN) continue;
        if (rc == BL_ECANCELED) return rc;
        snprintf(app->reload_text, sizeof app->reload_text, "%s: %s",
                 bl_service_name(&unit->service), bl_error_text(rc));
        return rc;
    }
    return 0;
}

/* Adds the names of settings that count only after a restart. */
static void renew_note_restarts(bl_app *app, const bl_service *service) {
    bl_service_info info;
    bl_service_get_info(service, &info);
    if (info.reload_text[0] == '\0') return;
    size_t used = strlen(app->reload_text);
    snprintf(app->reload_text + used, sizeof app->reload_text - used,
             "%s%s: %s", used > 0 ? "; " : "", info.name, info.reload_text);
}

static void renew_commit_all(bl_app *app, bl_reload *reloads, uint32_t count) {
    app->reload_text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const bl_service *service = reloads[i]._service;
        if (bl_reload_commit(&reloads[i])) renew_note_restarts(app, service);
    }
    app->generation++;
}

static int renew_all(bl_app *app, bl_reload *reloads, const void *config) {
    uint32_t count = 0;
    int rc = renew_prepare_all(app, reloads, config, &count);
    if (rc < 0) {
        while (count > 0)
            bl_reload_discard(&reloads[--count]);
    } else {
        renew_commit_all(app, reloads, count);
    }
    return rc;
}

/* Between the first and the last word to the service manager. */
static int renew_with(bl_app *app, const void *config) {
    bl_reload *reloads = bl__alloc_zeroed(app->count + 1, sizeof *reloads);
    if (reloads == NULL) {
        snprintf(app->reload_text, sizeof app->reload_text, "%s",
                 bl_strerror(BL_ENOMEM));
        return BL_ENOMEM;
    }
    int rc = renew_all(app, reloads, config);
    bl__free(reloads);
    return rc;
}

static int renew_begin(bl_app *app) {
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    if (app->phase != BL__APP_UP || app->is_reloading) return BL_ESTATE;
    app->is_reloading = true;
    bl__manager_reload(app, false);
    return 0;
}

static void renew_end(bl_app *app, int rc) {
    app->is_reloading = false;
    if (rc != BL_ECANCELED) app->reload_rc = rc;
    bl__manager_reload(app, true);
}

int bl_app_reload(bl_app *app, const void *config) {
    if (app == NULL) return BL_ENOMEM;
    int rc = renew_begin(app);
    if (rc < 0) return rc;
    rc = renew_with(app, config);
    renew_end(app, rc);
    return rc;
}

int bl__app_renew(bl_app *app) {
    void *config = NULL;
    const bl_app_options *options = &app->options;
    int rc = renew_begin(app);
    if (rc < 0) return rc;
    if (options->load != NULL) {
        rc = options->load(app, &config, options->load_context);
    }
    if (rc < 0) {
        snprintf(app->reload_text, sizeof app->reload_text, "%s",
                 bl_error_text(rc));
    } else {
        rc = renew_with(app, config);
        if (options->load != NULL) {
            options->unload(config, options->load_context);
        }
    }
    renew_end(app, rc);
    return rc;
}
