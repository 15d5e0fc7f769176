/* SPDX-License-Identifier: MIT */
/*
 * svc/change.c - transitions: recorded, and told to whoever observes
 *
 * Observers may change the service they are told about.  So changes go through
 * a line: the first call tells until the line is empty, and a change made by an
 * observer is told after the one that it answers, to all in the same order.
 *
 * Invariant: the line is empty whenever no observer is being told.
 */
#include <belay/error.h>
#include <belay/loop.h>

#include "base/assert.h"
#include "base/list.h"
#include "svc/service.h"

static void change_tell_one(bl_service *service,
                            const bl_service_change *change) {
    bl_link *link = service->_observers._next;
    while (link != &service->_observers) {
        bl_service_observer *observer =
            bl__container_of(link, bl_service_observer, _link);
        service->_told_next = link->_next;
        observer->_fn(service, change, observer->_context);
        link = service->_told_next;
    }
    service->_told_next = NULL;
}

static void change_tell(bl_service *service, const bl_service_change *change) {
    if (bl__list_is_empty(&service->_observers)) return;
    if (service->_untold_count == BL__SERVICE_HISTORY) {
        BL__MISUSE("an observer of service \"%s\" answers changes with changes "
                   "without end",
                   service->_name);
    }
    uint32_t place = (service->_untold_first + service->_untold_count++) %
                     BL__SERVICE_HISTORY;
    service->_untold[place] = *change;
    if (service->_is_telling) return;

    service->_is_telling = true;
    while (service->_untold_count > 0) {
        bl_service_change next = service->_untold[service->_untold_first];
        service->_untold_first =
            (service->_untold_first + 1) % BL__SERVICE_HISTORY;
        service->_untold_count--;
        change_tell_one(service, &next);
    }
    service->_is_telling = false;
}

void bl__service_enter(bl_service *service, bl_service_state to,
                       bl_service_cause cause, int rc) {
    bl_service_change change = {
        .when = bl_now(),
        .subject = BL_CHANGE_STATE,
        .from = service->_state,
        .to = to,
        .cause = cause,
        .rc = rc,
        .incarnation = service->_incarnation,
    };
    BL__ASSERT(change.from != change.to);
    service->_history[service->_history_count++ % BL__SERVICE_HISTORY] = change;
    service->_state = to;
    service->_phase = BL_PHASE_NONE;
    service->_since = change.when;
    change_tell(service, &change);
}

void bl__service_tell(bl_service *service, bl_service_subject subject, int rc) {
    bl_service_change change = {
        .when = bl_now(),
        .subject = subject,
        .from = service->_state,
        .to = service->_state,
        .rc = rc,
        .incarnation = service->_incarnation,
    };
    change_tell(service, &change);
}

void bl__service_enter_phase(bl_service *service, bl_service_phase phase) {
    if (service->_phase == phase) return;
    service->_phase = phase;
    bl__service_tell(service, BL_CHANGE_PHASE, 0);
}

void bl_service_observe(bl_service *service, bl_service_observer *observer,
                        bl_service_observer_fn *fn, void *context) {
    BL__ASSERT(bl__service_check(service) == 0);
    BL__ASSERT(fn != NULL);
    *observer = (bl_service_observer){ ._service = service,
                                       ._fn = fn,
                                       ._context = context };
    bl__list_append(&service->_observers, &observer->_link);
}

void bl_service_unobserve(bl_service_observer *observer) {
    bl_service *service = observer->_service;
    if (service == NULL) return;
    if (service->_told_next == &observer->_link) {
        service->_told_next = observer->_link._next;
    }
    bl__list_remove(&observer->_link);
    observer->_service = NULL;
}

size_t bl_service_history(const bl_service *service, bl_service_change *changes,
                          size_t count) {
    size_t kept = service->_history_count;
    if (kept > BL__SERVICE_HISTORY) kept = BL__SERVICE_HISTORY;
    if (count > kept) count = kept;
    for (size_t i = 0; i < count; i++) {
        size_t number = service->_history_count - count + i;
        changes[i] = service->_history[number % BL__SERVICE_HISTORY];
    }
    return count;
}
