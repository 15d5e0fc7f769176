/* SPDX-License-Identifier: MIT */
/*
 * svc/service.c - start, stop, wait: the owner's side of a service
 *
 * The work is done by the keeper and the timer; here are those who wait for
 * it.  A wait is a place in one of two lines, with room on the waiter's stack
 * for all that it is to be told, since the service may be gone, or begun again,
 * before the waiter runs.
 *
 * The task that began a start owns it: if it is cancelled, so is the start, and
 * the task stays until nothing of it is left.  All others may come and go.
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/loop.h>
#include <belay/task.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "svc/restart.h"
#include "svc/service.h"

static const bl_ns start_timeout_default = BL_SEC(30);
static const bl_ns start_max_default = BL_SEC(300);
static const bl_ns stop_timeout_default = BL_SEC(10);
static const bl_ns cancel_grace_default = BL_SEC(2);

/* ---- made and unmade ----------------------------------------------------- */

/* Returns what is wrong with the options, for people, or NULL. */
static const char *options_fault(const bl_service_options *options) {
    if (options->size < sizeof *options) {
        return "size is not sizeof(bl_service_options)";
    }
    if (options->start_timeout < 0) return "start_timeout is negative";
    if (options->start_max < 0) return "start_max is negative";
    if (options->drain_delay < 0) return "drain_delay is negative";
    if (options->stop_timeout < 0) return "stop_timeout is negative";
    if (options->cancel_grace < 0) return "cancel_grace is negative";
    if (options->heartbeat < 0) return "heartbeat is negative";
    if (options->prepare != NULL && options->commit == NULL) {
        return "there is a prepare without a commit";
    }
    bool decides = options->commit != NULL || options->discard != NULL;
    if (options->prepare == NULL && decides) {
        return "there is a commit or a discard without a prepare";
    }
    if (options->restart == NULL) return NULL;
    if (bl_restart_check(options->restart, NULL) == 0) return NULL;
    return "restart is no policy that bl_restart_check accepts";
}

static void options_complete(bl_service_options *options) {
    bl__default_ns(&options->start_timeout, start_timeout_default);
    bl__default_ns(&options->start_max, start_max_default);
    bl__default_ns(&options->stop_timeout, stop_timeout_default);
    bl__default_ns(&options->cancel_grace, cancel_grace_default);
    options->name = NULL; /* the copy is used */
    options->restart = NULL;
}

int bl_service_init(bl_service *service, bl_service_fn *run, void *arg,
                    const bl_service_options *options) {
    static const bl_service_options none = { .size = sizeof none };
    if (service == NULL || run == NULL) return BL_EINVAL;
    if (options == NULL) options = &none;
    const char *fault = options_fault(options);
    if (fault != NULL) return BL_ERR(BL_EINVAL, "%s", fault);

    *service = (bl_service){ ._run = run,
                             ._arg = arg,
                             ._options = *options,
                             ._deadline = BL_FOREVER,
                             ._is_initialised = true };
    const char *name = options->name != NULL ? options->name : "service";
    snprintf(service->_name, sizeof service->_name, "%s", name);
    bl__restarts_init(&service->_restarts, options->restart, service->_name);
    options_complete(&service->_options);
    bl_waitq_init(&service->_starters);
    bl_waitq_init(&service->_enders);
    bl__requests_init(&service->_requests, bl__service_on_request);
    bl_event_init(&service->_stopping);
    bl_event_init(&service->_go);
    bl__list_init(&service->_until_stop);
    bl__list_init(&service->_observers);
    bl_timer_init(&service->_timer, bl__service_on_timer, service);
    return 0;
}

void bl_service_done(bl_service *service) {
    if (service == NULL) return;
    if (!service->_is_initialised) return;
    if (service->_keeper != NULL) {
        BL__MISUSE("service \"%s\" is done while it is %s", service->_name,
                   bl_service_state_name(service->_state));
    }
    bl_error_unref(service->_error);
    service->_error = NULL;
    service->_is_initialised = false;
}

/* ---- waits --------------------------------------------------------------- */

/* Returns 0 once served, or BL_ECANCELED if the caller was cancelled. */
static int wait_in(bl_waitq *line, struct bl__service_wait *wait,
                   const char *what, const bl_service *service) {
    wait->waiter.data = wait;
    int rc = bl_waitq_wait(line, &wait->waiter, what, service);
    return wait->is_served ? 0 : rc;
}

static int wait_result(struct bl__service_wait *wait) {
    if (wait->error != NULL) bl_error_restore(wait->error);
    return wait->rc;
}

static bool has_ended(const bl_service *service) {
    return service->_state == BL_SERVICE_STOPPED ||
           service->_state == BL_SERVICE_FAILED;
}

/* The stored result, with its object as the current error. */
static int end_result(const bl_service *service) {
    if (service->_error != NULL) {
        bl_error_restore(bl_error_ref(service->_error));
    }
    return service->_rc;
}

/* The first steps of each call that may wait for `service`. */
static int enter_call(bl_service *service) {
    int rc = bl__service_check(service);
    if (rc < 0) return rc;
    bl_loop *loop = bl_loop_running();
    if (loop == NULL) return BL_ENOLOOP;
    if (bl_task_current() == NULL) return BL_ENOTASK;
    if (service->_loop != NULL && service->_loop != loop) return BL_ETHREAD;
    service->_loop = loop;
    return bl__service_is_inside(service) ? BL_EDEADLK : 0;
}

/* ---- start --------------------------------------------------------------- */

/*
 * The owner of a start was cancelled: so is the start, and it is waited for.
 * Between the cancellation and this call others ran, so it may be over, and
 * even begun again by somebody else.
 */
static int start_call_off(bl_service *service, struct bl__service_wait *wait,
                          uint64_t start) {
    if (service->_start_count != start) return BL_ECANCELED;
    if (has_ended(service)) {
        int rc = end_result(service);
        return rc < 0 ? rc : BL_ECANCELED;
    }
    bl__service_stop_for(service, BL_WHY_CANCELLED, BL_FOREVER);
    BL_IGNORE(bl_waitq_wait_shielded(&service->_starters, &wait->waiter,
                                     "service start", service));
    BL__ASSERT(wait->is_served);
    if (wait->rc < 0 && wait->rc != BL_ECANCELED) return wait_result(wait);
    return BL_ECANCELED;
}

static int start_wait(bl_service *service, bool is_owner, void **value) {
    struct bl__service_wait wait = { .is_served = false };
    uint64_t start = service->_start_count;
    int rc = wait_in(&service->_starters, &wait, "service start", service);
    if (rc < 0) return is_owner ? start_call_off(service, &wait, start) : rc;
    rc = wait_result(&wait);
    if (rc >= 0 && value != NULL) *value = wait.value;
    return rc;
}

static int keeper_spawn(bl_service *service, bl_group *group) {
    bl_spawn_options options = {
        .size = sizeof options,
        .name = service->_name,
        .stack_bytes = service->_options.stack_bytes,
        .is_daemon = service->_options.is_daemon,
    };
    return bl_spawn_with(group, bl__service_keep, service, &options,
                         &service->_keeper);
}

static int start_begin(bl_service *service, bl_group *group, void **value) {
    if (service->_keeper != NULL) return BL_EBUSY;
    bool was_asked = bl__requests_take(&service->_requests);
    if (was_asked && service->_state == BL_SERVICE_NEW) {
        bl__service_stop_for(service, BL_WHY_REQUESTED, BL_FOREVER);
        return BL_ECANCELED;
    }
    int rc = keeper_spawn(service, group);
    if (rc < 0) return rc;

    if (service->_state == BL_SERVICE_FAILED) {
        bl__restarts_forget(&service->_restarts);
    }
    if (service->_options.stops_from_outside) bl_loop_expect(service->_loop);
    service->_has_run = false;
    service->_is_stop_asked = false;
    service->_start_count++;
    bl__service_begin(service, BL_WHY_STARTED);
    return start_wait(service, true, value);
}

int bl_service_start(bl_service *service, bl_group *group, void **value) {
    if (group == NULL) return BL_EINVAL;
    int rc = enter_call(service);
    bool is_running = bl__service_check(service) == 0 &&
                      service->_state == BL_SERVICE_RUNNING;
    if (rc == BL_EDEADLK && is_running) rc = 0; /* it need not wait */
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;

    switch (service->_state) {
    case BL_SERVICE_RUNNING:
        if (value != NULL) *value = service->_value;
        return 1;
    case BL_SERVICE_STOPPING: return BL_ESTATE;
    case BL_SERVICE_BACKOFF:
        if (service->_is_stop_asked) return BL_ESTATE;
        bl_event_set(&service->_go);
        return start_wait(service, false, value);
    case BL_SERVICE_STARTING: return start_wait(service, false, value);
    default: return start_begin(service, group, value);
    }
}

/* ---- stop and wait ------------------------------------------------------- */

/* In line before anybody else runs: who is not would have to hear of an error
 * by the group, and as a cancellation. */
static int end_wait(bl_service *service) {
    if (has_ended(service)) {
        int rc = bl_checkpoint();
        return rc < 0 ? rc : end_result(service);
    }
    struct bl__service_wait wait = { .is_served = false };
    int rc = wait_in(&service->_enders, &wait, "service end", service);
    return rc < 0 ? rc : wait_result(&wait);
}

int bl_service_stop(bl_service *service) {
    int rc = enter_call(service);
    if (rc < 0) return rc;
    bl__service_stop_for(service, BL_WHY_STOPPED, BL_FOREVER);
    return end_wait(service);
}

bool bl_service_begin_stop(bl_service *service, bl_ns deadline) {
    BL__ASSERT(bl__service_check(service) == 0);
    return bl__service_stop_for(service, BL_WHY_STOPPED, deadline);
}

int bl_service_wait(bl_service *service) {
    int rc = enter_call(service);
    if (rc < 0) return rc;
    if (service->_state == BL_SERVICE_NEW) return BL_ESTATE;
    return end_wait(service);
}
