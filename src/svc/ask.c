/* SPDX-License-Identifier: MIT */
/*
 * svc/ask.c - what a service says about itself
 */
#include <belay/loop.h>

#include "base/assert.h"
#include "svc/service.h"

bl_service_state bl_service_state_of(const bl_service *service) {
    BL__ASSERT(bl__service_check(service) == 0);
    return service->_state;
}

const char *bl_service_state_name(bl_service_state state) {
    static const char *const names[] = {
        [BL_SERVICE_NEW] = "new",         [BL_SERVICE_STARTING] = "starting",
        [BL_SERVICE_RUNNING] = "running", [BL_SERVICE_STOPPING] = "stopping",
        [BL_SERVICE_STOPPED] = "stopped", [BL_SERVICE_FAILED] = "failed",
        [BL_SERVICE_BACKOFF] = "backoff",
    };
    size_t index = (size_t)state;
    return index < sizeof names / sizeof names[0] ? names[index] : "?";
}

const char *bl_service_name(const bl_service *service) {
    BL__ASSERT(bl__service_check(service) == 0);
    return service->_name;
}

void *bl_service_arg(const bl_service *service) {
    BL__ASSERT(bl__service_check(service) == 0);
    return service->_arg;
}

bool bl_service_is_ready(const bl_service *service) {
    BL__ASSERT(bl__service_check(service) == 0);
    return service->_is_ready;
}

/* Only who runs and has a heartbeat can be late with it. */
static bool is_alive(const bl_service *service) {
    bl_ns longest = service->_options.heartbeat;
    if (longest == 0) return true;
    if (service->_state != BL_SERVICE_RUNNING) return true;
    return bl_now() - service->_last_beat <= longest;
}

void bl_service_get_info(const bl_service *service, bl_service_info *info) {
    BL__ASSERT(bl__service_check(service) == 0);
    *info = (bl_service_info){
        .name = service->_name,
        .state = service->_state,
        .phase = service->_phase,
        .health = service->_health,
        .health_text = service->_health_text,
        .is_ready = service->_is_ready,
        .is_alive = is_alive(service),
        .is_abandoned = service->_is_abandoned,
        .since = service->_since,
        .deadline = service->_deadline,
        .incarnation = service->_incarnation,
        .failures = service->_restarts.failures,
        .generation = service->_generation,
        .reload_rc = service->_reload_rc,
        .reload_text = service->_reload_text,
    };
}

int bl_service_result(const bl_service *service, const bl_error **error) {
    BL__ASSERT(bl__service_check(service) == 0);
    if (error != NULL) *error = service->_error;
    return service->_rc;
}
