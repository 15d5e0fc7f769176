/* SPDX-License-Identifier: MIT */
/*
 * app/conduct.c - the conductor: who is started and stopped next
 *
 * Observers of the services only note what has happened, and wake one task, the
 * conductor.  It looks at all units and does whatever has become possible:
 *
 *     a unit that wants to be up, and is not alive, is started once all that
 *     it depends on is satisfied;
 *     a unit that is not to be up, or is a victim, is stopped once nothing
 *     that depends on it is alive;
 *     a unit that waits to begin again is held until its victims have ended
 *     and what it requires is ready.
 *
 * So parallel start and reverse stop are no procedures that can be interrupted
 * half-way, but what comes of three rules, whatever has just failed.
 *
 * What a failure means is decided in the observer, before anybody else runs.
 *
 * Invariants:
 *   phase >= STOPPING -> no unit wants to be up;
 *   phase == ENDED <-> has_ended is set, and then no unit is alive.
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <belay/scope.h>
#include <belay/task.h>
#include <belay/thread.h>

#include "app/app.h"
#include "base/assert.h"
#include "base/list.h"
#include "svc/service.h"

/* ---- what units are ------------------------------------------------------ */

static bool state_is_alive(bl_service_state state) {
    return state == BL_SERVICE_STARTING || state == BL_SERVICE_RUNNING ||
           state == BL_SERVICE_STOPPING || state == BL_SERVICE_BACKOFF;
}

bool bl__unit_is_alive(const struct bl__unit *unit) {
    return unit->is_starting || state_is_alive(unit->service._state);
}

bool bl__unit_is_satisfied(const struct bl__unit *unit) {
    return bl_service_is_ready(&unit->service) || unit->is_done;
}

size_t bl__app_alive_count(const bl_app *app) {
    size_t alive = 0;
    for (uint32_t i = 0; i < app->count; i++) {
        if (bl__unit_is_alive(app->units[i])) alive++;
    }
    return alive;
}

/* ---- the end of an app --------------------------------------------------- */

bool bl_app_begin_stop(bl_app *app) {
    if (app == NULL || app->stop_was_asked) return false;
    app->stop_was_asked = true;
    if (app->phase == BL__APP_IDLE) return true; /* remembered */
    if (app->phase >= BL__APP_STOPPING) return false;

    app->phase = BL__APP_STOPPING;
    bl__app_forget_sockets(app); /* from now on who is last closes */
    app->began = bl_now();
    app->began_real = bl_now_real();
    app->stop_at = bl_ns_add(app->began, app->options.stop_deadline);
    bl__monitor_expect_stop(
        app, bl_ns_add(app->began_real, app->options.stop_deadline));
    for (uint32_t i = 0; i < app->count; i++)
        app->units[i]->wants_up = false;
    bl__manager_phase(app);
    bl_event_set(&app->changed);
    return true;
}

void bl_app_force_stop(bl_app *app, bl_ns grace) {
    if (app == NULL) return;
    bl_app_begin_stop(app);
    if (app->phase != BL__APP_STOPPING) return;
    bl_ns end = bl_ns_add(bl_now(), grace);
    app->is_forced = true;
    if (end < app->stop_at) app->stop_at = end;
    for (uint32_t i = app->count; i-- > 0;)
        bl__service_cancel(&app->units[i]->service, end);
    bl_event_set(&app->changed);
}

void bl__app_on_request(struct bl__requests *requests) {
    bl_app_begin_stop(bl__container_of(requests, bl_app, requests));
}

void bl_thread_app_request_stop(bl_app *app) {
    if (app == NULL) return;
    bl__requests_ask(&app->requests);
}

bool bl__app_is_called_off(bl_app *app) {
    if (bl__requests_take(&app->requests)) app->stop_was_asked = true;
    return app->stop_was_asked;
}

/* The app cannot go on: `rc` is why, with the current error. */
static void app_fail(bl_app *app, int rc, const bl_error *error) {
    if (app->rc == 0) {
        app->rc = rc;
        app->error = bl_error_ref(error);
    }
    bl_app_begin_stop(app);
}

/* ---- failures ------------------------------------------------------------ */

static void unit_take_down(struct bl__unit *unit);
static void unit_try_stop(struct bl__unit *unit);
static bool unit_may_start(const struct bl__unit *unit);
static bool unit_deps_are_satisfied(const struct bl__unit *unit);

/* Whether the failure of `edge->to` pulls `edge->from` down. */
static bool edge_pulls_down(const struct bl__edge *edge) {
    return edge->is_hard && edge->on_fail == BL_DEP_RESTART_WITH;
}

/* All that has to end before `unit` begins again become victims. */
static void take_others_down(struct bl__unit *unit) {
    bl_app *app = unit->app;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (edge->to == unit && edge_pulls_down(edge))
            unit_take_down(edge->from);
    }
    for (uint32_t i = 0; i < app->count; i++) {
        struct bl__unit *other = app->units[i];
        if (other == unit || other->together != unit->together) continue;
        unit_take_down(other);
    }
}

/* What waits for its restart is down already: it is only held. */
static void unit_take_down(struct bl__unit *unit) {
    if (!bl__unit_is_alive(unit)) return;
    if (unit->service._state == BL_SERVICE_BACKOFF) return;
    if (!unit->is_victim) {
        unit->is_victim = true;
        take_others_down(unit);
    }
    unit_try_stop(unit); /* before it does anything without the other */
}

/* Whether somebody wants the whole app to end if `unit` fails. */
static bool unit_ends_the_app(const struct bl__unit *unit) {
    const bl_app *app = unit->app;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (edge->to != unit || !edge->is_hard) continue;
        if (edge->on_fail == BL_DEP_SHUTDOWN) return true;
    }
    return false;
}

/* What requires a unit that has failed for good cannot be up either; ends the
 * app if it cannot do without one of them. */
static void unit_block_dependents(struct bl__unit *unit, int rc,
                                  const bl_error *error) {
    bl_app *app = unit->app;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        struct bl__unit *from = edge->from;
        if (edge->to != unit || !edge->is_hard || from->is_blocked) continue;
        bool is_running = from->service._state == BL_SERVICE_RUNNING;
        if (edge->on_fail == BL_DEP_KEEP && is_running) continue;
        from->is_blocked = true;
        from->wants_up = false;
        if (!from->is_optional) app_fail(app, rc, error);
        unit_block_dependents(from, rc, error);
    }
}

static void unit_failed_for_good(struct bl__unit *unit, int rc,
                                 const bl_error *error) {
    bl_app *app = unit->app;
    bool is_abandoned = unit->service._is_abandoned;
    if (is_abandoned) app->was_abandoned = true;
    if (unit->is_victim && !is_abandoned) return; /* it is begun again */
    unit->wants_up = false;
    if (app->phase == BL__APP_STOPPING && is_abandoned) return;
    if (!unit->is_optional || unit_ends_the_app(unit)) {
        app_fail(app, rc, error);
    }
    take_others_down(unit);
    unit_block_dependents(unit, rc, error);
}

/* ---- observing ----------------------------------------------------------- */

/* Tells those who depend on `unit` that it is there, or no longer. */
static void unit_tell_edges(struct bl__unit *unit) {
    bool is_satisfied = bl__unit_is_satisfied(unit);
    if (is_satisfied == unit->was_satisfied) return;
    unit->was_satisfied = is_satisfied;
    bl_app *app = unit->app;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (edge->to != unit) continue;
        bl_event_clear(is_satisfied ? &edge->lost : &edge->back);
        bl_event_set(is_satisfied ? &edge->back : &edge->lost);
    }
}

/* Whether something that `unit` requires will never be there again. */
static bool unit_is_hopeless(const struct bl__unit *unit) {
    const bl_app *app = unit->app;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (edge->from != unit || !edge->is_hard) continue;
        const struct bl__unit *to = edge->to;
        bool has_failed = to->service._state == BL_SERVICE_FAILED;
        if (!to->wants_up && (to->is_blocked || has_failed)) return true;
    }
    return false;
}

static void unit_on_backoff(struct bl__unit *unit,
                            const bl_service_change *change) {
    const bl_error *error = unit->service._error;
    bool is_hopeless = unit_is_hopeless(unit);
    unit->is_victim = false; /* it went down by itself */
    bl__service_hold(&unit->service);
    if (is_hopeless || (unit_ends_the_app(unit) && change->rc < 0)) {
        unit->is_blocked = is_hopeless;
        unit_failed_for_good(unit, change->rc, error);
    } else {
        take_others_down(unit);
    }
}

static void unit_on_state(struct bl__unit *unit,
                          const bl_service_change *change) {
    bl_app *app = unit->app;
    switch (change->to) {
    case BL_SERVICE_STARTING:
        /* Between the decision and the start something may have gone. */
        if (!unit_deps_are_satisfied(unit)) unit->is_victim = true;
        unit_try_stop(unit);
        break;
    case BL_SERVICE_BACKOFF: unit_on_backoff(unit, change); break;
    case BL_SERVICE_FAILED:
        unit_failed_for_good(unit, change->rc, unit->service._error);
        break;
    case BL_SERVICE_STOPPED:
        unit->is_done = change->cause == BL_WHY_RETURNED;
        if (change->cause == BL_WHY_CANCELLED) bl_app_begin_stop(app);
        /* Stopped by somebody else, or done: it is not started again. */
        if (!unit->is_victim) unit->wants_up = false;
        break;
    default: break;
    }
}

static void unit_on_change(bl_service *service, const bl_service_change *change,
                           void *context) {
    struct bl__unit *unit = context;
    bl_app *app = unit->app;
    BL__ASSERT(service == &unit->service);
    bl__app_log_change(unit, change);
    if (change->subject == BL_CHANGE_STATE) unit_on_state(unit, change);
    unit_tell_edges(unit);
    bl__manager_change(unit, change);
    bl_event_set(&app->changed);
}

/* ---- the three rules ----------------------------------------------------- */

/* Whether all that `unit` depends on lets it run. */
static bool unit_deps_are_satisfied(const struct bl__unit *unit) {
    const bl_app *app = unit->app;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (edge->from != unit || edge->to == NULL) continue;
        bool is_leaving = edge->to->is_victim;
        if (bl__unit_is_satisfied(edge->to) && !is_leaving) continue;
        /* What is only an order does not wait for what will not come. */
        if (edge->is_hard || edge->to->wants_up) return false;
    }
    return true;
}

/* Whether something that has to end before `unit` is still alive. */
static bool unit_is_needed(const struct bl__unit *unit) {
    const bl_app *app = unit->app;
    bool is_stop = !unit->wants_up;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (edge->to != unit || !bl__unit_is_alive(edge->from)) continue;
        if (!is_stop && !edge_pulls_down(edge)) continue;
        if (edge->from->is_victim || !edge->from->wants_up) return true;
    }
    return false;
}

/* Whether a unit that begins again together with this one is on its way
 * down. */
static bool unit_others_are_ending(const struct bl__unit *unit) {
    const bl_app *app = unit->app;
    for (uint32_t i = 0; i < app->count; i++) {
        const struct bl__unit *other = app->units[i];
        if (other == unit || other->together != unit->together) continue;
        if (other->is_victim && bl__unit_is_alive(other)) return true;
    }
    return false;
}

static void unit_not_started(struct bl__unit *unit, int rc) {
    if (rc >= 0 || rc == BL_ECANCELED || rc == BL_ESTATE) return;
    if (unit->service._state == BL_SERVICE_FAILED) return; /* was observed */
    bl__app_log_unit(unit->app, unit, "cannot start: %s", bl_error_text(rc));
    unit_failed_for_good(unit, rc, bl_error_current(rc));
}

static int unit_starter(void *arg) {
    struct bl__unit *unit = arg;
    bl_app *app = unit->app;
    int rc = BL_ECANCELED; /* what it requires may be gone meanwhile */
    if (unit_may_start(unit)) {
        rc = bl_service_start(&unit->service, app->group, NULL);
    }
    unit->is_starting = false;
    unit_not_started(unit, rc);
    bl_error_handled(); /* it is the app's now */
    bl_event_set(&app->changed);
    return rc == BL_ECANCELED && bl_is_cancelled() ? rc : 0;
}

static bool unit_may_start(const struct bl__unit *unit) {
    if (!unit->wants_up || unit->is_victim || unit->is_done) return false;
    if (unit_is_needed(unit)) return false; /* it failed before its victims */
    return unit_deps_are_satisfied(unit) && !unit_others_are_ending(unit);
}

/* Units that are being started right now; what waits for its restart, perhaps
 * for one that has no room to start, takes none. */
static uint32_t app_starting_count(const bl_app *app) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < app->count; i++) {
        const struct bl__unit *unit = app->units[i];
        bl_service_state state = unit->service._state;
        bool is_begun = unit->is_starting || state == BL_SERVICE_STARTING;
        if (is_begun && state != BL_SERVICE_BACKOFF) count++;
    }
    return count;
}

static void unit_try_start(struct bl__unit *unit) {
    bl_app *app = unit->app;
    uint32_t width = app->options.start_width;
    if (bl__unit_is_alive(unit) || !unit_may_start(unit)) return;
    if (width > 0 && app_starting_count(app) >= width) return;

    unit->is_starting = true;
    bl_spawn_options options = { .size = sizeof options, .name = "starter" };
    int rc = bl_spawn_with(app->group, unit_starter, unit, &options, NULL);
    if (rc == 0) return;
    unit->is_starting = false;
    unit_not_started(unit, rc);
    bl_error_handled();
}

static void unit_try_stop(struct bl__unit *unit) {
    bl_app *app = unit->app;
    if (unit->wants_up && !unit->is_victim) return;
    if (!state_is_alive(unit->service._state)) {
        if (!unit->is_starting) unit->is_victim = false;
        return;
    }
    /* What is not up yet, or is down, is of no use to anybody. */
    bool is_up = unit->service._state == BL_SERVICE_RUNNING;
    if (is_up && !app->is_forced && unit_is_needed(unit)) return;
    bl_ns deadline = app->phase == BL__APP_STOPPING ? app->stop_at : BL_FOREVER;
    bl_service_begin_stop(&unit->service, deadline);
    if (app->is_forced) bl__service_cancel(&unit->service, app->stop_at);
}

static void unit_try_release(struct bl__unit *unit) {
    if (unit->service._state != BL_SERVICE_BACKOFF) return;
    bool must_wait = unit_is_needed(unit) || unit_others_are_ending(unit) ||
                     !unit_deps_are_satisfied(unit);
    if (must_wait) {
        bl__service_hold(&unit->service);
    } else {
        bl__service_release(&unit->service);
    }
}

/* ---- the conductor ------------------------------------------------------- */

static bool app_is_up(const bl_app *app) {
    for (uint32_t i = 0; i < app->count; i++) {
        const struct bl__unit *unit = app->units[i];
        if (unit->is_optional || !unit->wants_up) continue;
        if (!bl__unit_is_satisfied(unit)) return false;
    }
    return true;
}

static bool app_wants_anything(const bl_app *app) {
    for (uint32_t i = 0; i < app->count; i++) {
        if (app->units[i]->wants_up && !app->units[i]->is_done) return true;
    }
    return false;
}

static void app_look_at_phase(bl_app *app) {
    if (app->phase == BL__APP_STARTING && app_is_up(app)) {
        app->phase = BL__APP_UP;
        bl_event_set(&app->came_up);
        bl__app_log(app, "%s is ready after %.2f s", app->name,
                    (double)(bl_now() - app->began) / 1e9);
        bl__manager_phase(app);
    }
    if (bl__app_alive_count(app) > 0) return;
    if (app->phase < BL__APP_STOPPING && !app_wants_anything(app)) {
        app->has_done_all = true;
        bl_app_begin_stop(app); /* every service has done its work */
    }
    if (app->phase != BL__APP_STOPPING) return;
    bl__requests_close(&app->requests); /* from here on it may be freed */
    app->phase = BL__APP_ENDED;
    bl__manager_phase(app);
    bl_event_set(&app->came_up);
    bl_event_set(&app->has_ended);
}

static void app_look(bl_app *app) {
    for (uint32_t i = 0; i < app->count; i++)
        unit_try_release(app->units[i]);
    for (uint32_t i = app->count; i-- > 0;)
        unit_try_stop(app->units[i]);
    for (uint32_t i = 0; i < app->count; i++)
        unit_try_start(app->units[i]);
    app_look_at_phase(app);
}

static int app_conduct_on(bl_app *app) {
    while (app->phase != BL__APP_ENDED) {
        int rc = bl_event_wait(&app->changed);
        if (rc < 0) return rc;
        bl_event_clear(&app->changed);
        app_look(app);
    }
    return 0;
}

/*
 * A daemon: it is there as long as there is something to conduct.  Cancelled,
 * it sees to it that all the others come to their end, which has a deadline.
 */
static int app_conduct(void *arg) {
    bl_app *app = arg;
    bl_scope scope;
    int rc = app_conduct_on(app);
    if (rc == 0) return 0;
    bl_app_begin_stop(app);
    bl_scope_enter_shield(&scope, BL_SHIELD_FOREVER);
    int last_rc = app_conduct_on(app);
    last_rc = bl_scope_exit(&scope, last_rc);
    BL__ASSERT(last_rc == 0 || last_rc == BL_ECANCELED);
    return rc;
}

/* ---- start, stop, wait --------------------------------------------------- */

static int app_result(bl_app *app) {
    if (app->error != NULL) bl_error_restore(bl_error_ref(app->error));
    if (app->rc < 0) return app->rc;
    return app->was_abandoned ? BL_ETIMEDOUT : 0;
}

static int app_begin(bl_app *app, bl_group *group) {
    app->group = group;
    app->phase = BL__APP_STARTING;
    app->began = bl_now();
    app->began_real = bl_now_real();
    for (uint32_t i = 0; i < app->count; i++) {
        struct bl__unit *unit = app->units[i];
        unit->wants_up = true;
        bl_service_observe(&unit->service, &unit->observer, unit_on_change,
                           unit);
    }
    bl_spawn_options options = { .size = sizeof options,
                                 .name = "conductor",
                                 .is_daemon = true };
    int rc = bl_spawn_with(group, app_conduct, app, &options, NULL);
    if (rc < 0) {
        app->phase = BL__APP_IDLE;
        for (uint32_t i = 0; i < app->count; i++)
            bl_service_unobserve(&app->units[i]->observer);
        return rc;
    }
    bl__requests_open(&app->requests, bl_loop_running());
    bl_event_set(&app->changed);
    return 0;
}

/* The owner of the start was cancelled: nothing of it is left behind. */
static int app_call_off(bl_app *app) {
    bl_scope scope;
    bl_app_begin_stop(app);
    bl_scope_enter_shield(&scope, BL_SHIELD_FOREVER);
    int rc = bl_event_wait(&app->has_ended);
    rc = bl_scope_exit(&scope, rc);
    BL__ASSERT(rc == 0 || rc == BL_ECANCELED);
    return BL_ECANCELED;
}

int bl_app_start(bl_app *app, bl_group *group) {
    if (app == NULL) return BL_ENOMEM;
    if (group == NULL) return BL_EINVAL;
    int rc = bl_app_check(app);
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;
    if (app->phase != BL__APP_IDLE) return BL_EALREADY;
    if (bl__app_is_called_off(app)) {
        app->phase = BL__APP_ENDED;
        bl_event_set(&app->has_ended);
        return BL_ECANCELED;
    }
    rc = app_begin(app, group);
    if (rc < 0) return rc;
    rc = bl_event_wait(&app->came_up);
    if (rc < 0) return app_call_off(app);
    if (app->phase == BL__APP_UP) return 0;
    if (app->phase == BL__APP_STOPPING) rc = bl_event_wait(&app->has_ended);
    if (rc < 0) return app_call_off(app);
    rc = app_result(app);
    if (rc == 0 && app->has_done_all) return 0; /* and has ended already */
    return rc < 0 ? rc : BL_ECANCELED;
}

int bl_app_wait(bl_app *app) {
    if (app == NULL) return BL_ENOMEM;
    if (app->phase == BL__APP_IDLE) {
        int rc = bl_checkpoint();
        return rc < 0 ? rc : app_result(app);
    }
    int rc = bl_event_wait(&app->has_ended);
    return rc < 0 ? rc : app_result(app);
}

int bl_app_stop(bl_app *app) {
    if (app == NULL) return BL_ENOMEM;
    bl_app_begin_stop(app);
    return bl_app_wait(app);
}

int bl_app_restart(bl_app *app, const char *name) {
    bl_service *service = bl_app_find(app, name);
    if (service == NULL) {
        return BL_ERR(BL_ENOENT, "there is no service \"%s\"",
                      name != NULL ? name : "");
    }
    if (app->phase != BL__APP_STARTING && app->phase != BL__APP_UP) {
        return BL_ESTATE;
    }
    struct bl__unit *unit = bl__graph_find(app, name);
    unit->wants_up = true;
    unit->is_blocked = false;
    unit->is_done = false;
    if (bl__unit_is_alive(unit)) unit->is_victim = true;
    take_others_down(unit);
    bl_event_set(&app->changed);
    return 0;
}
