/* SPDX-License-Identifier: MIT */
/*
 * support/cast.c - services of an app for tests; see cast.h
 */
#include "support/cast.h"

#include "support/kids.h"

/* Until it is told to stop, or crashes. */
static int part_live(struct part *part) {
    bl_event never = BL_EVENT_INIT;
    bl_event *stop = bl_service_stopping(part->service);
    bl_branch branches[] = {
        bl_on_event(&part->crash),
        bl_on_event(part->ignores_stop ? &never : stop),
    };
    int which = bl_select(branches, 2);
    if (which == 0) bl_event_clear(&part->crash);
    if (which < 0) return which;
    if (which == 0) return part->crash_rc;
    int rc = part->stop_time > 0 ? bl_sleep(part->stop_time) : 0;
    return rc < 0 ? rc : part->stop_rc;
}

static int part_act(struct part *part) {
    int rc = part->start_time > 0 ? bl_sleep(part->start_time) : 0;
    if (rc < 0) return rc;
    bool fails = part->failures == 0 || part->runs <= part->failures;
    if (part->start_rc < 0 && fails) {
        return BL_ERR(part->start_rc, "%s has no luck", part->name);
    }
    note("+%s", part->name);
    rc = bl_service_ready(part->service, part);
    return rc < 0 ? rc : part_live(part);
}

static int part_run(bl_service *self, void *arg) {
    struct part *part = arg;
    part->service = self;
    part->runs++;
    part->is_inside = true;
    int rc = part_act(part);
    if (part->ignores_cancel) {
        BL_SHIELD(BL_SHIELD_FOREVER) {
            BL_IGNORE(bl_event_wait(&part->release)); /* that is the point */
        }
    }
    note("-%s", part->name);
    part->is_inside = false;
    return rc;
}

static struct part *part_of(bl_service *service) {
    return service->_arg;
}

static int part_prepare(bl_service *self, bl_reload *reload) {
    struct part *part = part_of(self);
    part->prepared++;
    int rc = part->prepare_time > 0 ? bl_sleep(part->prepare_time) : 0;
    if (rc < 0) return rc;
    if (part->needs_restart != NULL) {
        bl_reload_needs_restart(reload, part->needs_restart);
    }
    if (part->prepare_rc == 0) return 0;
    return BL_ERR(part->prepare_rc, "line 12: no such thing");
}

static void part_commit(bl_service *self, bl_reload *reload) {
    struct part *part = part_of(self);
    part->committed++;
    part->config = reload->config;
    note("commit:%s", part->name);
}

static void part_discard(bl_service *self, bl_reload *reload) {
    (void)reload;
    part_of(self)->discarded++;
}

void cast_add(bl_app *app, struct part *part, const char *name,
              const bl_service_options *options) {
    bl_service_options own = { .size = sizeof own };
    if (options != NULL) own = *options;
    own.prepare = part_prepare;
    own.commit = part_commit;
    own.discard = part_discard;
    part->name = name;
    bl_event_init(&part->crash);
    bl_event_init(&part->release);
    part->service = bl_app_add(app, name, part_run, part, &own);
}

void cast_add_restarted(bl_app *app, struct part *part, const char *name) {
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE,
                                 .has_no_jitter = true };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    cast_add(app, part, name, &options);
}

void cast_crash(struct part *part, int rc) {
    part->crash_rc = rc;
    bl_event_set(&part->crash);
}

bl_service_state cast_state(const struct part *part) {
    return bl_service_state_of(part->service);
}
