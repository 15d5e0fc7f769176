/* SPDX-License-Identifier: MIT */
/*
 * task/listing.c - some tasks in a report, with their stacks
 *
 * For those that should have gone and have not.
 */
#include <belay/inspect.h>
#include <belay/park.h>

#include "task/trace.h"

enum {
    LISTED_MAX = 10
};

/* Others wait while a loop reports. */
static const bl_ns listing_names_patience = BL_MS(10);

struct listing {
    bl_inspect_fn *is_meant;
    void *context;
    size_t count;
    struct bl__fold fold;
};

static void listing_line(const char *line, void *context) {
    (void)context;
    bl_report("%s", line);
}

static void listing_row(const bl_task_view *view) {
    if (view->waits_for[0] == '\0') {
        bl_report("  task \"%s\" #%llu is %s; spawned at %s", view->name,
                  (unsigned long long)view->id, view->state, view->spawned_at);
        return;
    }
    bl_report("  task \"%s\" #%llu waits for %s, in %s at %s; spawned at %s",
              view->name, (unsigned long long)view->id, view->waits_for,
              view->call, view->called_at, view->spawned_at);
}

static bool listing_look_at(const bl_task_view *view, void *context) {
    struct listing *listing = context;
    if (!listing->is_meant(view, listing->context)) return true;
    if (listing->count++ >= LISTED_MAX) return true;
    bl__fold_next(&listing->fold, view->task);
    listing_row(view);
    return true;
}

void bl_inspect_report(const bl_loop *loop, bl_inspect_fn *is_meant,
                       void *context) {
    if (loop->options.is_quiet) return;
    struct listing listing = { .is_meant = is_meant,
                               .context = context,
                               .fold = { .line = listing_line } };
    if (loop->clock == BL_CLOCK_REAL) {
        bl_inspect_learn_names(listing_names_patience);
    }
    bl_inspect_tasks(loop, listing_look_at, &listing);
    bl__fold_end(&listing.fold);
    if (listing.count > LISTED_MAX) {
        bl_report("  and %zu more tasks", listing.count - LISTED_MAX);
    }
}
