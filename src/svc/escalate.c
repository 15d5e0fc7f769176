/* SPDX-License-Identifier: MIT */
/*
 * svc/escalate.c - deadlines: of a start, and of the phases of a stop
 *
 *     begin      drain_end        graceful_end        final_end
 *       |DRAIN_DELAY |     DRAINING     |   CANCELLING    | given up
 *       | not ready  | the event is up  | body cancelled  | reported
 *
 * All is done by one timer of the loop, so no task is needed for it, nothing is
 * allocated, and nothing depends on who asked for the stop and whether he still
 * waits.  Who asks again can bring the end forward.
 *
 * A task that ignores its cancellation cannot be ended in C: at the end the
 * service says so, with the places where its tasks wait, and those who wait for
 * it go on.
 *
 * Invariant: drain_end <= graceful_end <= final_end.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/scope.h>

#include "base/assert.h"
#include "base/list.h"
#include "svc/service.h"

static bl_ns earlier(bl_ns a, bl_ns b) {
    return a < b ? a : b;
}

static bl_ns later(bl_ns a, bl_ns b) {
    return a > b ? a : b;
}

void bl__service_arm(bl_service *service, bl_ns due) {
    bl_timer_stop(&service->_timer);
    service->_deadline = due;
    if (due == BL_FOREVER) return;
    bl_timer_start(service->_loop, &service->_timer, due);
}

void bl__service_disarm(bl_service *service) {
    bl_timer_stop(&service->_timer);
    service->_deadline = BL_FOREVER;
}

static void body_cancel(bl_service *service, const char *reason) {
    if (service->_body != NULL) bl_scope_cancel(service->_body, reason);
}

/* ---- phases -------------------------------------------------------------- */

/* Asserts the invariant, wherever an end has been moved. */
static void stop_assert(const bl_service *service) {
    BL__ASSERT(service->_drain_end <= service->_graceful_end);
    BL__ASSERT(service->_graceful_end <= service->_final_end);
}

static void phase_drain(bl_service *service) {
    stop_assert(service);
    bl__service_arm(service, service->_graceful_end);
    bl__service_enter_phase(service, BL_PHASE_DRAINING);
    bl__service_raise_stop(service);
}

static void phase_cancel(bl_service *service, const char *reason) {
    stop_assert(service);
    bl__service_arm(service, service->_final_end);
    bl__service_enter_phase(service, BL_PHASE_CANCELLING);
    bl__service_raise_stop(service);
    body_cancel(service, reason);
}

/* The last step: nobody waits any longer for a body that does not end. */
static void give_up(bl_service *service, const char *what) {
    bl__service_disarm(service);
    bl__service_report_stuck(service);
    BL_ERR(BL_ETIMEDOUT, "service \"%s\" %s, and ignored its cancellation",
           service->_name, what);
    bl_error *error = bl_error_take(BL_ETIMEDOUT);
    bl__service_store(service, BL_ETIMEDOUT, error);
    bl_error_unref(error);
    service->_is_abandoned = true;
    bl__service_lose_readiness(service);
    bl__service_enter(service, BL_SERVICE_FAILED, BL_WHY_TIMEOUT, BL_ETIMEDOUT);
    bl__service_serve(service, &service->_starters, BL_ETIMEDOUT);
    bl__service_serve(service, &service->_enders, BL_ETIMEDOUT);
}

/* ---- the start ----------------------------------------------------------- */

static void start_is_late(bl_service *service) {
    service->_is_late = true;
    bl_ns grace = service->_options.cancel_grace;
    bl__service_arm(service, bl_ns_add(bl_now(), grace));
    bl__service_enter_phase(service, BL_PHASE_CANCELLING);
    body_cancel(service, "the service was not ready in time");
}

/* ---- the stop ------------------------------------------------------------ */

/*
 * Brings the end forward.  A part of what is left is kept for the time after
 * the cancellation, in which the body still can clean up.
 */
static void stop_shorten(bl_service *service, bl_ns deadline) {
    if (deadline >= service->_final_end) return;
    bl_ns now = bl_now();
    bl_ns left = deadline > now ? deadline - now : 0;
    bl_ns reserve = earlier(service->_options.cancel_grace, left / 3);
    bl_ns latest = bl_ns_add(now, left - reserve);
    service->_graceful_end = earlier(service->_graceful_end, latest);
    service->_drain_end = earlier(service->_drain_end, service->_graceful_end);
    if (left < BL__SERVICE_TICK) left = BL__SERVICE_TICK;
    service->_final_end = earlier(service->_final_end, bl_ns_add(now, left));
}

static void stop_plan(bl_service *service) {
    const bl_service_options *options = &service->_options;
    bl_ns now = bl_now();
    service->_drain_end = bl_ns_add(now, options->drain_delay);
    service->_graceful_end =
        bl_ns_add(service->_drain_end, options->stop_timeout);
    service->_final_end =
        bl_ns_add(service->_graceful_end, options->cancel_grace);
}

/* Arms the timer anew for the phase that the stop is in. */
static void stop_rearm(bl_service *service) {
    stop_assert(service);
    switch (service->_phase) {
    case BL_PHASE_DRAIN_DELAY:
        bl__service_arm(service, service->_drain_end);
        break;
    case BL_PHASE_DRAINING:
        bl__service_arm(service, service->_graceful_end);
        break;
    default: bl__service_arm(service, service->_final_end); break;
    }
}

static void stop_running(bl_service *service, bl_service_cause cause,
                         bl_ns deadline) {
    stop_plan(service);
    stop_shorten(service, deadline);
    service->_is_stop_asked = true;
    service->_stop_cause = cause;
    bl__service_lose_readiness(service);
    bl__service_enter(service, BL_SERVICE_STOPPING, cause, 0);
    if (service->_options.drain_delay > 0) {
        bl__service_arm(service, service->_drain_end);
        bl__service_enter_phase(service, BL_PHASE_DRAIN_DELAY);
    } else {
        phase_drain(service);
    }
}

static void stop_starting(bl_service *service, bl_service_cause cause,
                          bl_ns deadline) {
    bl_ns now = bl_now();
    bool was_late = service->_is_late;
    bl_ns late_end = service->_deadline;
    service->_drain_end = service->_graceful_end = now;
    service->_final_end = bl_ns_add(now, service->_options.cancel_grace);
    if (was_late) {
        bl_ns end = earlier(service->_final_end, late_end);
        service->_final_end = later(end, now); /* it may have passed */
    }
    stop_shorten(service, deadline);
    service->_is_stop_asked = true;
    service->_stop_cause = cause;
    bl__service_enter(service, BL_SERVICE_STOPPING, cause, 0);
    phase_cancel(service, "the service was stopped while it started");
}

bool bl__service_stop_for(bl_service *service, bl_service_cause cause,
                          bl_ns deadline) {
    switch (service->_state) {
    case BL_SERVICE_NEW:
        bl__service_enter(service, BL_SERVICE_STOPPED, cause, 0);
        return true;
    case BL_SERVICE_STARTING:
        stop_starting(service, cause, deadline);
        return true;
    case BL_SERVICE_RUNNING:
        stop_running(service, cause, deadline);
        return true;
    case BL_SERVICE_BACKOFF:
        if (service->_is_stop_asked) return false;
        service->_is_stop_asked = true;
        service->_stop_cause = cause;
        bl_event_set(&service->_go);
        return true;
    case BL_SERVICE_STOPPING:
        if (deadline < service->_final_end) {
            stop_shorten(service, deadline);
            stop_rearm(service);
        }
        return false;
    default: return false;
    }
}

/* Its end may have passed without its timer having been called: as for a phase
 * that begins too late, a tick is left. */
void bl__service_cancel(bl_service *service, bl_ns deadline) {
    bl__service_stop_for(service, BL_WHY_STOPPED, deadline);
    if (service->_state != BL_SERVICE_STOPPING) return;
    if (service->_phase == BL_PHASE_CANCELLING) return;
    bl_ns now = bl_now();
    bl_ns end = earlier(service->_final_end,
                        bl_ns_add(now, service->_options.cancel_grace));
    service->_drain_end = service->_graceful_end = now;
    service->_final_end = later(end, bl_ns_add(now, BL__SERVICE_TICK));
    phase_cancel(service, "the service was told to end at once");
}

/* ---- the timer ----------------------------------------------------------- */

/*
 * A phase may begin long after its time: the process was stopped, or its loop
 * blocked.  That time has passed, but nobody could use it, so each phase that
 * is left still has a tick.
 */
static void stop_next_phase(bl_service *service) {
    bl_ns soonest = bl_ns_add(bl_now(), BL__SERVICE_TICK);
    switch (service->_phase) {
    case BL_PHASE_DRAIN_DELAY:
        service->_graceful_end = later(service->_graceful_end, soonest);
        service->_final_end =
            later(service->_final_end, service->_graceful_end);
        phase_drain(service);
        break;
    case BL_PHASE_DRAINING:
        service->_final_end = later(service->_final_end, soonest);
        phase_cancel(service, "the service took too long to stop");
        break;
    default: give_up(service, "did not stop in time"); break;
    }
}

void bl__service_on_timer(void *context) {
    bl_service *service = context;
    service->_deadline = BL_FOREVER;
    switch (service->_state) {
    case BL_SERVICE_STARTING:
        if (service->_is_late) {
            give_up(service, "was not ready in time");
        } else {
            start_is_late(service);
        }
        break;
    case BL_SERVICE_BACKOFF: bl_event_set(&service->_go); break;
    default:
        BL__ASSERT(service->_state == BL_SERVICE_STOPPING);
        stop_next_phase(service);
        break;
    }
}
