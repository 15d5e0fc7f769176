/* SPDX-License-Identifier: MIT */
/*
 * svc/body.c - what the body of a service says, and how it learns of the stop
 *
 * Invariant: the scopes in `_until_stop` are entered, by tasks that are inside
 * them; once the event is raised they all are cancelled.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/scope.h>
#include <belay/task.h>

#include <stdio.h>

#include "base/assert.h"
#include "base/list.h"
#include "svc/restart.h"
#include "svc/service.h"

static const char until_reason[] = "the service is stopping, or has ended";

int bl__service_check(const bl_service *service) {
    if (service == NULL) return BL_EINVAL;
    return service->_is_initialised ? 0 : BL_EINVAL;
}

/* ---- ready --------------------------------------------------------------- */

static void become_ready(bl_service *service, void *value) {
    bl__service_disarm(service);
    service->_value = value;
    service->_has_run = true;
    service->_is_ready = true;
    service->_last_beat = bl_now();
    bl__restarts_good(&service->_restarts);
    bl__service_enter(service, BL_SERVICE_RUNNING, BL_WHY_READY, 0);
    bl__service_serve(service, &service->_starters, 0);
}

int bl_service_ready(bl_service *self, void *value) {
    int rc = bl__service_check(self);
    if (rc < 0) return rc;
    if (self->_body == NULL) return BL_ESTATE;
    if (self->_was_ready) return BL_EALREADY;
    self->_was_ready = true;
    bool is_wanted = self->_state == BL_SERVICE_STARTING && !self->_is_late;
    if (is_wanted) become_ready(self, value);
    return 0;
}

void bl__service_lose_readiness(bl_service *service) {
    if (!service->_is_ready) return;
    service->_is_ready = false;
    bl__restarts_bad(&service->_restarts);
}

void bl_service_set_ready(bl_service *self, bool is_ready) {
    BL__ASSERT(bl__service_check(self) == 0);
    if (self->_state != BL_SERVICE_RUNNING) return;
    if (self->_is_ready == is_ready) return;
    if (is_ready) {
        self->_is_ready = true;
        bl__restarts_good(&self->_restarts);
    } else {
        bl__service_lose_readiness(self);
    }
    bl__service_tell(self, BL_CHANGE_READINESS, 0);
}

int bl_service_extend(bl_service *self, bl_ns more) {
    int rc = bl__service_check(self);
    if (rc < 0) return rc;
    if (more < 0) return BL_EINVAL;
    if (self->_state != BL_SERVICE_STARTING) return BL_ESTATE;
    if (self->_is_late) return BL_ESTATE;

    bl_ns wanted = bl_ns_add(bl_now(), more);
    bl_ns latest = bl_ns_add(self->_began, self->_options.start_max);
    bool is_cut = wanted > latest;
    if (is_cut) wanted = latest;
    if (wanted > self->_deadline) bl__service_arm(self, wanted);
    bl__service_tell(self, BL_CHANGE_EXTENDED, 0);
    return is_cut ? 1 : 0;
}

/* ---- healthy, alive ------------------------------------------------------ */

void bl_service_set_health(bl_service *self, bl_service_health health,
                           const char *text) {
    BL__ASSERT(bl__service_check(self) == 0);
    if (text == NULL) text = "";
    self->_health = health;
    snprintf(self->_health_text, sizeof self->_health_text, "%s", text);
    bl__service_tell(self, BL_CHANGE_HEALTH, 0);
}

void bl_service_beat(bl_service *self) {
    BL__ASSERT(bl__service_check(self) == 0);
    self->_last_beat = bl_now();
}

/* ---- the stop ------------------------------------------------------------ */

bl_event *bl_service_stopping(bl_service *self) {
    BL__ASSERT(bl__service_check(self) == 0);
    return &self->_stopping;
}

void bl__service_cancel_until_stop(bl_service *service) {
    bl__list_each(link, &service->_until_stop) {
        struct bl__until_stop *block =
            bl__container_of(link, struct bl__until_stop, link);
        bl_scope_cancel(&block->block.scope, until_reason);
    }
}

void bl__service_raise_stop(bl_service *service) {
    bl_event_set(&service->_stopping);
    bl__service_cancel_until_stop(service);
}

static void until_stop_enter(struct bl__until_stop *block, bl_service *self) {
    bl__list_append(&self->_until_stop, &block->link);
    if (!bl_event_is_set(&self->_stopping)) return;
    bl_scope_cancel(&block->block.scope, until_reason);
}

bool bl__until_stop_next(struct bl__until_stop *block, bl_service *self,
                         int *rc) {
    bl__list_remove(&block->link);
    if (bl__service_check(self) < 0) {
        *rc = BL_EINVAL;
        return false;
    }
    bool is_inside =
        bl__block_next(&block->block, BL_SCOPE_MOVE_ON, rc, BL_FOREVER);
    if (is_inside) until_stop_enter(block, self);
    return is_inside;
}

void bl__until_stop_leave(struct bl__until_stop *block) {
    bl__list_remove(&block->link);
    bl__block_leave(&block->block);
}

int bl_service_until_stop(bl_service *self, bl_task_fn *fn, void *arg) {
    int rc = bl__service_check(self);
    if (rc < 0) return rc;
    if (fn == NULL) return BL_EINVAL;
    struct bl__until_stop block = { .link = { NULL, NULL } };
    if (!bl__until_stop_next(&block, self, &rc)) return rc;
    rc = fn(arg);
    bl__until_stop_next(&block, self, &rc);
    return rc;
}
