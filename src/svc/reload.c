/* SPDX-License-Identifier: MIT */
/*
 * svc/reload.c - a new configuration in two phases, for all services or none
 *
 * Preparing may wait and fail, and changes nothing that counts.  Committing and
 * discarding do neither, so once all have prepared nothing can go wrong any
 * more.  A stop, or a crash, between the two is the one thing that can come
 * between: a reload knows the incarnation that it was prepared by, and what is
 * committed to another one is discarded.
 *
 * Invariant: reload->_service is set exactly while something is prepared and
 * neither committed nor discarded.
 */
#include <belay/error.h>
#include <belay/task.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "svc/service.h"

/* Keeps what became of the reload, and tells it. */
static void reload_note(bl_service *service, int rc, const char *text) {
    service->_reload_rc = rc;
    snprintf(service->_reload_text, sizeof service->_reload_text, "%s", text);
    bl__service_tell(service, BL_CHANGE_RELOADED, rc);
}

/* Throws away what was prepared, if the service made anything. */
static void reload_throw_away(bl_service *service, bl_reload *reload) {
    if (service->_options.discard == NULL) return;
    service->_options.discard(service, reload);
}

static bool reload_is_current(const bl_reload *reload,
                              const bl_service *service) {
    return service->_state == BL_SERVICE_RUNNING &&
           service->_incarnation == reload->_incarnation;
}

/* The stop of the service, and its crash, end the waiting of `prepare`. */
static int prepare_call(bl_reload *reload, bl_service *service) {
    struct bl__until_stop block = { .link = { NULL, NULL } };
    int rc = 0;
    if (!bl__until_stop_next(&block, service, &rc)) return rc;
    rc = service->_options.prepare(service, reload);
    bool was_called_off = rc == BL_ECANCELED;
    bl__until_stop_next(&block, service, &rc);
    return was_called_off && rc == 0 ? BL_ESHUTDOWN : rc;
}

static void prepare_failed(bl_service *service, int rc) {
    if (rc == BL_ECANCELED || rc == BL_ESHUTDOWN) return;
    reload_note(service, rc, bl_error_text(rc));
}

static int prepare(bl_reload *reload, bl_service *service) {
    bl__service_enter_phase(service, BL_PHASE_RELOADING);
    int rc = prepare_call(reload, service);
    bool is_current = reload_is_current(reload, service);
    if (is_current) bl__service_enter_phase(service, BL_PHASE_NONE);
    if (rc >= 0 && !is_current) {
        reload_throw_away(service, reload);
        rc = BL_ESHUTDOWN;
    }
    if (rc < 0) {
        prepare_failed(service, rc);
        return rc;
    }
    reload->_service = service;
    return 0;
}

int bl_reload_prepare(bl_reload *reload, bl_service *service,
                      const void *config) {
    if (reload == NULL) return BL_EINVAL;
    int rc = bl__service_check(service);
    if (rc < 0) return rc;
    *reload =
        (bl_reload){ .config = config, ._incarnation = service->_incarnation };
    if (service->_options.prepare == NULL) return BL_ENOTSUP;
    rc = bl_checkpoint();
    if (rc < 0) return rc;
    if (service->_state != BL_SERVICE_RUNNING) return BL_ESTATE;
    if (service->_phase != BL_PHASE_NONE) return BL_ESTATE;
    reload->_incarnation = service->_incarnation;
    return prepare(reload, service);
}

bool bl_reload_commit(bl_reload *reload) {
    bl_service *service = reload->_service;
    if (service == NULL) return false;
    if (!reload_is_current(reload, service)) {
        bl_reload_discard(reload);
        return false;
    }
    reload->_service = NULL;
    service->_options.commit(service, reload);
    service->_generation++;
    reload_note(service, 0, reload->_restarts);
    return true;
}

void bl_reload_discard(bl_reload *reload) {
    bl_service *service = reload->_service;
    if (service == NULL) return;
    reload->_service = NULL;
    reload_throw_away(service, reload);
}

int bl_service_reload(bl_service *service, const void *config) {
    bl_reload reload;
    int rc = bl_reload_prepare(&reload, service, config);
    if (rc < 0) return rc;
    bool is_committed = bl_reload_commit(&reload);
    BL__ASSERT(is_committed); /* nothing could happen in between */
    return 0;
}

void bl_reload_needs_restart(bl_reload *reload, const char *setting) {
    size_t used = strlen(reload->_restarts);
    snprintf(reload->_restarts + used, sizeof reload->_restarts - used, "%s%s",
             used > 0 ? ", " : "", setting);
}
