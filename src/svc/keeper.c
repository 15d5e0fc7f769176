/* SPDX-License-Identifier: MIT */
/*
 * svc/keeper.c - the task that runs the body, and decides what follows
 *
 * One task keeps a service from its start to its end, through any number of
 * incarnations.  The body runs on the keeper's stack in a scope of its own,
 * which is what a stop cancels; when it has returned, what it returned and the
 * state that it returned in decide:
 *
 *     state      returned             becomes
 *     STARTING   >= 0                 failure ENOTREADY; of a oneshot STOPPED
 *     STARTING   out of time          failure ETIMEDOUT
 *     RUNNING    >= 0                 failure EEXITED; of a oneshot STOPPED
 *     either     an error             failure with that error
 *     either     outside cancelled    STOPPED, unless it is an error
 *     STOPPING   >= 0, or cancelled   STOPPED
 *     STOPPING   an error             FAILED
 *
 * and a failure becomes BACKOFF or FAILED, as the restart policy says.
 *
 * Who waits for the service is served in the moment of the last transition, so
 * the service may be gone as soon as somebody runs.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/scope.h>
#include <belay/task.h>

#include "base/assert.h"
#include "base/site.h"
#include "svc/restart.h"
#include "svc/service.h"

/* What becomes of a service whose body has returned. */
struct ending {
    bl_service_state to; /* STOPPED, FAILED, or BACKOFF after `delay` */
    bl_service_cause cause;
    int rc;     /* for who waits for the end, and the stored result */
    int starts; /* for who waits for it to be ready */
    bl_ns delay;
};

/* ---- results ------------------------------------------------------------- */

void bl__service_store(bl_service *service, int rc, const bl_error *error) {
    bl_error *old = service->_error;
    service->_rc = rc;
    service->_error = bl_error_ref(error);
    bl_error_unref(old);
}

void bl__service_serve(bl_service *service, bl_waitq *line, int rc) {
    bl_waiter *first;
    while ((first = bl_waitq_first(line)) != NULL) {
        struct bl__service_wait *wait = first->data;
        wait->is_served = true;
        wait->rc = rc;
        wait->value = service->_value;
        if (rc < 0 && rc == service->_rc) {
            wait->error = bl_error_ref(service->_error);
        }
        bl_waitq_serve(first, 0);
    }
}

/* ---- the body ------------------------------------------------------------ */

void bl__service_begin(bl_service *service, bl_service_cause cause) {
    service->_incarnation++;
    service->_is_ready = false;
    service->_was_ready = false;
    service->_is_late = false;
    service->_health = BL_HEALTH_OK;
    service->_health_text[0] = '\0';
    service->_value = NULL;
    service->_began = bl_now();
    bl_event_clear(&service->_stopping);
    bl__service_arm(
        service, bl_ns_add(service->_began, service->_options.start_timeout));
    bl__service_enter(service, BL_SERVICE_STARTING, cause, 0);
}

/* A start that was called off before its turn came has nothing to clean up. */
static bool body_is_wanted(const bl_service *service) {
    if (service->_is_stop_asked) return false;
    if (service->_is_late) return false;
    return !bl_is_cancelled();
}

/* Returns what the body returned; BL_ECANCELED only if outside is cancelled. */
static int body_run(bl_service *service) {
    bl_scope scope;
    if (!body_is_wanted(service)) return bl_is_cancelled() ? BL_ECANCELED : 0;

    bl_scope_enter(&scope);
    service->_body = &scope;
    int rc = service->_run(service, service->_arg);
    service->_body = NULL;
    bl__service_cancel_until_stop(service); /* a reload, by somebody else */
    rc = bl_scope_exit(&scope, rc);
    if (rc == BL_ECANCELED && !bl_is_cancelled()) {
        rc = BL_ERR(BL_ESTRAYCANCEL,
                    "the body of service \"%s\" returned "
                    "BL_ECANCELED, and nobody had cancelled "
                    "it",
                    service->_name);
    }
    return rc;
}

/* ---- what follows -------------------------------------------------------- */

static struct ending ending_stopped(bl_service_cause cause, int starts) {
    return (struct ending){ .to = BL_SERVICE_STOPPED,
                            .cause = cause,
                            .starts = starts };
}

static struct ending ending_of_stop(bl_service *service, int rc) {
    if (rc >= 0 || rc == BL_ECANCELED) {
        return ending_stopped(service->_stop_cause, BL_ECANCELED);
    }
    bl__with_object(rc);
    return (struct ending){
        .to = BL_SERVICE_FAILED, .cause = BL_WHY_ERROR, .rc = rc, .starts = rc
    };
}

/* Says why the body should not have returned.  Returns the failure's code. */
static int failure_of(bl_service *service, int rc, bl_service_cause *cause) {
    if (service->_is_late) {
        *cause = BL_WHY_TIMEOUT;
        bl_error *other = rc < 0 ? bl_error_take(rc) : NULL;
        BL_ERR(BL_ETIMEDOUT, "service \"%s\" was not ready within %.3f s",
               service->_name, (double)(bl_now() - service->_began) / 1e9);
        bl_error_suppress(BL_ETIMEDOUT, other);
        bl_error_unref(other);
        return BL_ETIMEDOUT;
    }
    if (rc < 0) {
        *cause = BL_WHY_ERROR;
        return bl__with_object(rc);
    }
    *cause = BL_WHY_RETURNED;
    if (service->_state == BL_SERVICE_STARTING) {
        return BL_ERR(BL_ENOTREADY,
                      "service \"%s\" returned %d before it was "
                      "ready",
                      service->_name, rc);
    }
    return BL_ERR(BL_EEXITED,
                  "service \"%s\" returned %d without having been "
                  "told to stop",
                  service->_name, rc);
}

/* Asks the policy about an end that has `rc`, and may change `ending`. */
static void ask_policy(bl_service *service, int rc, struct ending *ending) {
    if (bl_is_cancelled()) return;
    enum bl__verdict verdict =
        bl__restarts_after(&service->_restarts, rc, &ending->delay);
    if (verdict == BL__RESTART) ending->to = BL_SERVICE_BACKOFF;
    if (verdict == BL__GIVE_UP) {
        bl__restarts_note_limit(&service->_restarts, rc);
        ending->cause = BL_WHY_LIMIT;
    }
}

static struct ending ending_of_failure(bl_service *service, int rc) {
    struct ending ending = { .to = BL_SERVICE_FAILED };
    ending.rc = failure_of(service, rc, &ending.cause);
    ending.starts = ending.rc;
    ask_policy(service, ending.rc, &ending);
    return ending;
}

static struct ending ending_of(bl_service *service, int rc) {
    if (service->_state == BL_SERVICE_STOPPING) {
        return ending_of_stop(service, rc);
    }
    bool is_error = rc < 0 && rc != BL_ECANCELED;
    if (!is_error && bl_is_cancelled()) {
        return ending_stopped(BL_WHY_CANCELLED, BL_ECANCELED);
    }
    bool is_done = rc >= 0 && service->_options.is_oneshot;
    if (is_done && !service->_is_late) {
        struct ending ending = ending_stopped(BL_WHY_RETURNED, 0);
        ask_policy(service, rc, &ending);
        return ending;
    }
    return ending_of_failure(service, rc);
}

/* ---- between two incarnations -------------------------------------------- */

void bl__service_hold(bl_service *service) {
    service->_is_held = true;
}

void bl__service_release(bl_service *service) {
    if (!service->_is_held) return;
    service->_is_held = false;
    bool is_due = service->_deadline == BL_FOREVER; /* the delay is over */
    if (service->_state == BL_SERVICE_BACKOFF && is_due) {
        bl_event_set(&service->_go);
    }
}

/* Waits for the end of the delay.  Returns whether it is to be begun again. */
static bool backoff(bl_service *service, struct ending *ending) {
    if (ending->rc >= 0) {
        bl__service_serve(service, &service->_starters, 0);
    }
    bl_error_handled();
    bl_event_clear(&service->_go);
    bl__service_arm(service, bl_ns_add(bl_now(), ending->delay));
    bl__service_enter(service, BL_SERVICE_BACKOFF, ending->cause, ending->rc);
    bl__requests_open(&service->_requests, service->_loop);
    bl__site_forget();
    int rc = bl_event_wait(&service->_go);
    while (rc == 0 && service->_is_held && !service->_is_stop_asked) {
        bl_event_clear(&service->_go);
        rc = bl_event_wait(&service->_go);
    }
    bl__service_disarm(service);
    if (rc == 0 && !service->_is_stop_asked) return true;

    bl__requests_close(&service->_requests);
    bl_service_cause cause =
        service->_is_stop_asked ? service->_stop_cause : BL_WHY_CANCELLED;
    *ending = ending_stopped(cause, BL_ECANCELED);
    bl__service_store(service, 0, NULL);
    return false;
}

/* ---- the end ------------------------------------------------------------- */

static void keeper_forget(bl_service *service) {
    bl_task *keeper = service->_keeper;
    service->_keeper = NULL;
    if (service->_options.stops_from_outside) bl_loop_unexpect(service->_loop);
    bl_task_unref(keeper);
}

/* What a keeper returns that has nothing to tell its group. */
static int keeper_leave(void) {
    bl_error_handled();
    return bl_is_cancelled() ? BL_ECANCELED : 0;
}

/* Adds an error that came after the one that is stored. */
static void store_suppressed(bl_service *service, int rc) {
    bl_error *late = bl_error_take(rc);
    bl_error_restore(service->_error);
    bl_error_suppress(service->_rc, late);
    service->_error = bl_error_take(service->_rc);
    bl_error_unref(late);
}

/* The body of a service that was given up has come back after all. */
static int keeper_come_back(bl_service *service, int rc) {
    bl__requests_close(&service->_requests);
    if (rc < 0 && rc != BL_ECANCELED) store_suppressed(service, rc);
    service->_is_abandoned = false;
    keeper_forget(service);
    bl__service_tell(service, BL_CHANGE_RETURNED, 0);
    return keeper_leave();
}

/*
 * The last transition.  Returns what the group is told: nothing that somebody
 * else has been told already.
 */
static int keeper_end(bl_service *service, const struct ending *ending) {
    bool is_heard = service->_options.is_contained || !service->_has_run ||
                    bl_waitq_first(&service->_starters) != NULL ||
                    bl_waitq_first(&service->_enders) != NULL;
    keeper_forget(service);
    bl__service_enter(service, ending->to, ending->cause, ending->rc);
    bl__service_serve(service, &service->_starters, ending->starts);
    bl__service_serve(service, &service->_enders, ending->rc);
    if (ending->rc < 0 && !is_heard) return ending->rc;
    return keeper_leave();
}

/* The body has returned, and the service is still in its state. */
static struct ending keeper_conclude(bl_service *service, int rc) {
    bl__service_disarm(service); /* the body was in time */
    bl__requests_close(&service->_requests);
    bl__service_disarm(service); /* a request that was on its way */
    struct ending ending = ending_of(service, rc);
    bl__service_lose_readiness(service);
    bl__service_store(service, ending.rc, bl_error_current(ending.rc));
    return ending;
}

int bl__service_keep(void *arg) {
    bl_service *service = arg;
    for (;;) {
        bl__requests_open(&service->_requests, service->_loop);
        int rc = body_run(service);
        if (service->_is_abandoned) return keeper_come_back(service, rc);

        struct ending ending = keeper_conclude(service, rc);
        bool is_over = ending.to != BL_SERVICE_BACKOFF;
        if (is_over || !backoff(service, &ending)) {
            return keeper_end(service, &ending);
        }
        bl__service_begin(service, BL_WHY_RESTART);
    }
}
