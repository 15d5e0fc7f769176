/* SPDX-License-Identifier: MIT */
/*
 * svc/stuck.c - who is inside a service, and who does not leave
 *
 * The tasks of a service are its keeper and all below it in the tree of the
 * loop.  The walk goes through parents first, so they stand in one row: from
 * the keeper to the first task that is no deeper.
 */
#include <belay/inspect.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/task.h>

#include "svc/service.h"

enum {
    INSIDERS_SHOWN_MAX = 10
};

struct insiders {
    const bl_service *service;
    const bl_task *sought;
    bool was_found;
    bool is_inside; /* the walk is among the service's tasks */
    bool is_shown;
    size_t depth; /* of the keeper */
    size_t count;
};

static void insider_show(const bl_task_view *view) {
    bl_report("  task \"%s\" #%llu waits for %s, in %s at %s; spawned at %s",
              view->name, (unsigned long long)view->id, view->waits_for,
              view->call, view->called_at, view->spawned_at);
}

static bool insider_visit(const bl_task_view *view, void *context) {
    struct insiders *insiders = context;
    if (view->task == insiders->service->_keeper) {
        insiders->is_inside = true;
        insiders->depth = view->depth;
    } else if (!insiders->is_inside) {
        return true;
    } else if (view->depth <= insiders->depth) {
        return false;
    }
    insiders->count++;
    if (insiders->is_shown && insiders->count <= INSIDERS_SHOWN_MAX)
        insider_show(view);
    insiders->was_found = view->task == insiders->sought;
    return !insiders->was_found;
}

bool bl__service_is_inside(const bl_service *service) {
    const bl_task *task = bl_task_current();
    if (service->_keeper == NULL || task == NULL) return false;
    struct insiders insiders = { .service = service, .sought = task };
    bl_inspect_tasks(service->_loop, insider_visit, &insiders);
    return insiders.was_found;
}

void bl__service_report_stuck(const bl_service *service) {
    struct insiders insiders = { .service = service, .is_shown = true };
    bl_report("service \"%s\" was cancelled, and is given up; still there:",
              service->_name);
    bl_inspect_tasks(service->_loop, insider_visit, &insiders);
    if (insiders.count > INSIDERS_SHOWN_MAX) {
        bl_report("  and %zu more tasks", insiders.count - INSIDERS_SHOWN_MAX);
    }
}
