/* SPDX-License-Identifier: MIT */
/*
 * app/app.c - building an app
 *
 * The first error of building is remembered with its text, and every later
 * call does nothing, so that a main reads as a list.  Edges keep names until
 * bl_app_check turns them into units: what is required may be added later.
 */
#include "app/app.h"

#include <belay/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "svc/service.h"

static const bl_ns stop_deadline_default = BL_SEC(25);
static const bl_ns force_grace_default = BL_SEC(2);

void bl__app_blame(bl_app *app, int rc, const char *format, ...) {
    if (app->build_rc < 0) return;
    va_list args;
    va_start(args, format);
    vsnprintf(app->build_text, sizeof app->build_text, format, args);
    va_end(args);
    app->build_rc = rc;
}

/* ---- the app itself ------------------------------------------------------ */

/* Returns what is wrong with the options, for people, or NULL. */
static const char *app_options_fault(const bl_app_options *options) {
    if (options->size < sizeof *options) {
        return "size is not sizeof(bl_app_options)";
    }
    if (options->stop_deadline < 0) return "stop_deadline is negative";
    if (options->force_grace < 0) return "force_grace is negative";
    if (options->ready_fd < 0) return "ready_fd is negative";
    if ((options->load != NULL) != (options->unload != NULL)) {
        return "load and unload are there together, or neither is";
    }
    const bl_loop_options *loop = options->loop;
    if (loop == NULL || loop->size == sizeof *loop) return NULL;
    return "loop->size is not sizeof(bl_loop_options)";
}

static void app_set_options(bl_app *app, const bl_app_options *options) {
    static const bl_app_options none = { .size = sizeof none };
    if (options == NULL) options = &none;
    const char *fault = app_options_fault(options);
    if (fault == NULL) {
        app->options = *options;
    } else {
        app->options = none;
        bl__app_blame(app, BL_EINVAL, "options of the app: %s", fault);
    }
    const char *name = app->options.name != NULL ? app->options.name : "app";
    snprintf(app->name, sizeof app->name, "%s", name);
    app->options.name = app->name;
    if (app->options.stop_deadline == 0) {
        app->options.stop_deadline = stop_deadline_default;
    }
    if (app->options.force_grace == 0) {
        app->options.force_grace = force_grace_default;
    }
    app->loop_options = (bl_loop_options){ .size = sizeof(bl_loop_options) };
    if (app->options.loop != NULL) app->loop_options = *app->options.loop;
    app->options.loop = &app->loop_options;
}

bl_app *bl_app_new(const bl_app_options *options) {
    bl_app *app = bl__alloc_zeroed(1, sizeof *app);
    if (app == NULL) return NULL;
    app_set_options(app, options);
    bl__requests_init(&app->requests, bl__app_on_request);
    bl_event_init(&app->changed);
    bl_event_init(&app->came_up);
    bl_event_init(&app->has_ended);
    app->status_ready = -1;
    return app;
}

void bl_app_free(bl_app *app) {
    if (app == NULL) return;
    for (uint32_t i = 0; i < app->count; i++) {
        bl_service_done(&app->units[i]->service);
        bl__free(app->units[i]);
    }
    bl__free(app->units);
    while (app->edges != NULL) {
        struct bl__edge *edge = app->edges;
        app->edges = edge->next;
        bl__free(edge);
    }
    bl__app_forget_sockets(app);
    bl_error_unref(app->error);
    bl__free(app);
}

/* ---- services ------------------------------------------------------------ */

static bool app_is_building(const bl_app *app) {
    if (app == NULL || app->build_rc < 0) return false;
    return app->phase == BL__APP_IDLE;
}

static int app_make_room(bl_app *app) {
    if (app->count < app->capacity) return 0;
    uint32_t capacity = app->capacity > 0 ? 2 * app->capacity : 8;
    struct bl__unit **units =
        bl_realloc(app->units, capacity * sizeof(struct bl__unit *));
    if (units == NULL) return BL_ENOMEM;
    app->units = units;
    app->capacity = capacity;
    return 0;
}

static int app_unit_new(bl_app *app, const char *name, bl_service_fn *run,
                        void *arg, const bl_service_options *options,
                        struct bl__unit **made) {
    static const bl_service_options none = { .size = sizeof none };
    bl_service_options chosen = options != NULL ? *options : none;
    chosen.name = name;
    chosen.is_contained = true; /* the app decides what a failure means */
    struct bl__unit *unit = bl__alloc_zeroed(1, sizeof *unit);
    if (unit == NULL) return BL_ENOMEM;
    int rc = bl_service_init(&unit->service, run, arg, &chosen);
    if (rc < 0) {
        bl__free(unit);
        return rc;
    }
    unit->app = app;
    unit->together = app->count;
    *made = unit;
    return 0;
}

bl_service *bl_app_add(bl_app *app, const char *name, bl_service_fn *run,
                       void *arg, const bl_service_options *options) {
    struct bl__unit *unit = NULL;
    if (!app_is_building(app)) return NULL;
    if (name == NULL || name[0] == '\0' || strlen(name) >= BL__SERVICE_NAME) {
        bl__app_blame(app, BL_EINVAL, "a service needs a name of 1 to %d bytes",
                      BL__SERVICE_NAME - 1);
        return NULL;
    }
    if (bl__graph_find(app, name) != NULL) {
        bl__app_blame(app, BL_EEXIST, "two services are called \"%s\"", name);
        return NULL;
    }
    if (run == NULL) {
        bl__app_blame(app, BL_EINVAL, "service \"%s\" has no function to run",
                      name);
        return NULL;
    }
    int rc = app_make_room(app);
    if (rc == 0) rc = app_unit_new(app, name, run, arg, options, &unit);
    if (rc < 0) {
        bl__app_blame(app, rc, "service \"%s\": %s", name, bl_error_text(rc));
        return NULL;
    }
    app->units[app->count++] = unit;
    app->is_resolved = false;
    return &unit->service;
}

bl_service *bl_app_find(bl_app *app, const char *name) {
    if (app == NULL || name == NULL) return NULL;
    struct bl__unit *unit = bl__graph_find(app, name);
    return unit != NULL ? &unit->service : NULL;
}

bl_service *bl_app_at(bl_app *app, size_t index) {
    if (app == NULL || !app->is_resolved) return NULL;
    return index < app->count ? &app->units[index]->service : NULL;
}

/* ---- edges --------------------------------------------------------------- */

static struct bl__edge *app_edge_add(bl_app *app, const char *name,
                                     const char *other) {
    if (!app_is_building(app)) return NULL;
    if (name == NULL || other == NULL) {
        bl__app_blame(app, BL_EINVAL, "a dependency needs two names");
        return NULL;
    }
    size_t bytes = strlen(name) + 1;
    size_t other_bytes = strlen(other) + 1;
    struct bl__edge *edge =
        bl__alloc_zeroed(1, sizeof *edge + bytes + other_bytes);
    if (edge == NULL) {
        bl__app_blame(app, BL_ENOMEM, "%s", bl_strerror(BL_ENOMEM));
        return NULL;
    }
    memcpy(edge->names, name, bytes);
    memcpy(edge->names + bytes, other, other_bytes);
    bl_event_init(&edge->lost);
    bl_event_init(&edge->back);
    edge->next = app->edges;
    app->edges = edge;
    app->is_resolved = false;
    return edge;
}

void bl_app_requires(bl_app *app, const char *name, const char *dependency,
                     bl_dep_fail on_fail) {
    struct bl__edge *edge = app_edge_add(app, name, dependency);
    if (edge == NULL) return;
    edge->is_hard = true;
    edge->on_fail = on_fail;
    if (on_fail > BL_DEP_SHUTDOWN) {
        bl__app_blame(app, BL_EINVAL, "\"%s\" requires \"%s\" in no known way",
                      name, dependency);
    }
}

void bl_app_after(bl_app *app, const char *name, const char *other) {
    app_edge_add(app, name, other);
}

/* A unit that has to be there already. */
static struct bl__unit *app_unit_named(bl_app *app, const char *name) {
    if (!app_is_building(app)) return NULL;
    struct bl__unit *unit = name != NULL ? bl__graph_find(app, name) : NULL;
    if (unit == NULL) {
        bl__app_blame(app, BL_ENOENT, "no service is called \"%s\" yet",
                      name != NULL ? name : "");
    }
    return unit;
}

void bl_app_set_optional(bl_app *app, const char *name) {
    struct bl__unit *unit = app_unit_named(app, name);
    if (unit != NULL) unit->is_optional = true;
}

void bl_app_restart_together(bl_app *app, const char *name, const char *other) {
    struct bl__unit *unit = app_unit_named(app, name);
    struct bl__unit *second = app_unit_named(app, other);
    if (unit == NULL || second == NULL) return;
    uint32_t joined = second->together;
    for (uint32_t i = 0; i < app->count; i++) {
        if (app->units[i]->together == joined) {
            app->units[i]->together = unit->together;
        }
    }
}

bl_event *bl_app_dep_lost(bl_app *app, const char *name,
                          const char *dependency) {
    struct bl__edge *edge = bl__graph_edge(app, name, dependency);
    return edge != NULL ? &edge->lost : NULL;
}

bl_event *bl_app_dep_back(bl_app *app, const char *name,
                          const char *dependency) {
    struct bl__edge *edge = bl__graph_edge(app, name, dependency);
    return edge != NULL ? &edge->back : NULL;
}

int bl_app_check(bl_app *app) {
    if (app == NULL) return BL_ENOMEM;
    if (app->build_rc < 0) {
        return BL_ERR(app->build_rc, "%s", app->build_text);
    }
    return app->is_resolved ? 0 : bl__graph_resolve(app);
}
