/* SPDX-License-Identifier: MIT */
/*
 * sync/event.c - a flag that tasks wait for
 *
 * Setting it serves everybody who is in line at that moment.  To be served is
 * final: whoever was in line goes on even if the event is cleared before it
 * runs, and even if it is cancelled meanwhile.
 *
 * Invariant: while the event is set, nobody waits.
 */
#include <belay/sync.h>

#include "base/assert.h"
#include "sync/object.h"

int bl_event_wait(bl_event *event) {
    if (event == NULL) return BL_EINVAL;
    int rc = bl__object_enter(&event->_loop);
    if (rc < 0) return rc;
    if (event->_is_set) return 0;

    bl_waiter waiter;
    return bl_waitq_wait(&event->_waiters, &waiter, "event", event);
}

void bl_event_set(bl_event *event) {
    BL__ASSERT(event != NULL);
    bl__object_check_thread(&event->_waiters, event->_loop, "event");
    event->_is_set = true;
    bl_waitq_serve_all(&event->_waiters, 0);
    BL__ASSERT(bl__object_waiting(&event->_waiters) == 0);
}

void bl_event_clear(bl_event *event) {
    BL__ASSERT(event != NULL);
    event->_is_set = false;
}

bool bl_event_is_set(const bl_event *event) {
    BL__ASSERT(event != NULL);
    return event->_is_set;
}

void bl_event_init(bl_event *event) {
    BL__ASSERT(event != NULL);
    *event = (bl_event)BL_EVENT_INIT;
}
