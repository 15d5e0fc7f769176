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

struct insiders {
    const bl_service *service;
    const bl_task *sought;
    bool was_found;
    bool is_inside; /* the walk is among the service's tasks */
    bool is_behind; /* and has left them */
    size_t depth;   /* of the keeper */
};

/* Whether this one is inside; called for each task of the loop, in order. */
static bool insider_check(const bl_task_view *view, void *context) {
    struct insiders *insiders = context;
    if (view->task == insiders->service->_keeper) {
        insiders->is_inside = true;
        insiders->depth = view->depth;
    } else if (insiders->is_inside && view->depth <= insiders->depth) {
        insiders->is_inside = false;
        insiders->is_behind = true;
    }
    return insiders->is_inside;
}

static bool insider_seek(const bl_task_view *view, void *context) {
    struct insiders *insiders = context;
    bool is_inside = insider_check(view, insiders);
    insiders->was_found = is_inside && view->task == insiders->sought;
    return !insiders->was_found && !insiders->is_behind;
}

bool bl__service_is_inside(const bl_service *service) {
    const bl_task *task = bl_task_current();
    if (service->_keeper == NULL || task == NULL) return false;
    struct insiders insiders = { .service = service, .sought = task };
    bl_inspect_tasks(service->_loop, insider_seek, &insiders);
    return insiders.was_found;
}

void bl__service_report_stuck(const bl_service *service) {
    struct insiders insiders = { .service = service };
    bl_report("service \"%s\" was cancelled, and is given up; still there:",
              service->_name);
    bl_inspect_report(service->_loop, insider_check, &insiders);
}
