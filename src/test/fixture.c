/* SPDX-License-Identifier: MIT */
/*
 * test/fixture.c - fixtures are tasks that are parked in YIELD
 *
 * Set-up and tear-down are one function on one stack, so groups, scopes and
 * cleanup attributes may span the YIELD.  The root spawns one fixture at a
 * time and waits until it stands; after the body it wakes them in reverse
 * order, one at a time, and waits for each to end.
 *
 *     NEW -> STANDING (parked in YIELD) -> ENDED
 *       \_________________________________/
 *                 set-up failed
 *
 * All live in one group under a shield: what cancels the test leaves them
 * alone.  The group's host is a task that does nothing else, the keeper, since
 * the root itself must stay outside the shield to be reached by a deadlock.
 * Each fixture has a group of its own around its code (its *guard*): errors of
 * its tasks end there, and cancelling it ends the fixture alone.
 */
#include "test/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/stage.h"
#include "test/unwind.h"

enum {
    NEEDS_MAX = 64
};

enum fixture_state {
    FIXTURE_NEW,
    FIXTURE_STANDING,
    FIXTURE_ENDED
};

struct bl__fixture_run {
    struct bl__fixtures *all;
    const struct bl__fixture *fixture;
    const void *value; /* what YIELD gave, or the value of a PARAM */
    void *slot;        /* where YIELD puts it */
    bl_task *task;
    bl_group guard;
    bl_park park; /* in YIELD */
    bl_timer limit;
    bl_call alarm;
    int yield_count;
    bool is_guarded; /* the guard is open */
    enum fixture_state state;
};

/* Inherited by whatever a fixture spawns. */
static const bl_local owner_key;

const char *bl__fixture_name(const struct bl__fixture_run *run) {
    return run->fixture->name;
}

struct bl__fixture_run *bl__fixture_owner(void) {
    return bl_local_get(&owner_key);
}

void bl__fixture_cancel(struct bl__fixture_run *run) {
    if (run->is_guarded) bl_group_cancel_because(&run->guard, "its test");
}

void bl__fixtures_cancel_current(struct bl__fixtures *all) {
    if (all->current != NULL) bl__fixture_cancel(all->current);
}

/* Pointers to the values of `needs`, in order. */
static const void *const *collect(const struct bl__fixtures *all,
                                  struct bl__fixture *const *needs,
                                  size_t count, const void **values) {
    for (size_t i = 1; i <= count; i++) {
        size_t at = bl__case_find(all->test_case, needs[i]);
        values[i - 1] = all->runs[at].value;
    }
    return values + count; /* the thunks count from the end */
}

void bl__fixtures_call_body(const struct bl__fixtures *all) {
    const void *values[NEEDS_MAX];
    const struct bl__test *test = all->test_case->test;
    test->body(collect(all, test->needs, test->need_count, values));
}

/* ---- the task of a fixture ---------------------------------------------- */

static void call_code(void *arg) {
    struct bl__fixture_run *run = arg;
    const void *values[NEEDS_MAX];
    const struct bl__fixture *fixture = run->fixture;
    fixture->body(
        run, run->slot,
        collect(run->all, fixture->needs, fixture->need_count, values));
}

static void report_end(struct bl__fixture_run *run, bool has_returned, int rc) {
    char tree[2048];
    if (rc == BL_EGROUP) {
        const bl_error *error = bl_error_current(rc);
        bl_error_format(error, tree, sizeof tree);
        bl__record_trouble(BL_TEST_BROKEN, "fixture '%s': a task of it failed",
                           run->fixture->name);
        bl__record_note(tree);
    }
    bl_error_handled();
    if (has_returned && run->yield_count == 0) {
        bl__record_trouble(
            BL_TEST_BROKEN, "fixture '%s' at %s:%d ended without a YIELD",
            run->fixture->name, bl__test_short_path(run->fixture->file),
            run->fixture->line);
    }
}

static int fixture_main(void *arg) {
    struct bl__fixture_run *run = arg;
    if (bl_local_set(&owner_key, run) < 0 || bl_group_enter(&run->guard) < 0) {
        bl__host_die("no memory for a fixture");
    }
    run->is_guarded = true;
    bool has_returned = bl__unwind_catch(call_code, run);
    int rc = bl_group_exit(&run->guard, 0);
    run->is_guarded = false;
    report_end(run, has_returned, rc);

    run->state = FIXTURE_ENDED;
    bl_waitq_serve_all(&run->all->line, 0);
    return 0;
}

/* ---- YIELD -------------------------------------------------------------- */

static void on_alarm(void *context) {
    (void)context;
    bl__stage_stop();
}

/*
 * A group that spans the YIELD was cancelled.  The fixture stays parked.  If
 * it was a task of the group that has just failed, the test need not go on; a
 * test may also cancel the group on purpose.
 */
static bl_abort yield_abort(bl_park *park) {
    struct bl__fixture_run *run =
        (struct bl__fixture_run *)((char *)park -
                                   offsetof(struct bl__fixture_run, park));
    const bl_task *by = bl_task_current();
    if (by != NULL && bl_task_is_done(by)) {
        bl_call_soon(bl_loop_running(), &run->alarm, on_alarm, run);
    }
    return BL_PENDING;
}

bl_test_outcome bl__fixture_yield(struct bl__fixture_run *run) {
    if (bl_task_current() != run->task) {
        bl__record_trouble(BL_TEST_BROKEN,
                           "fixture '%s': YIELD in another task than its own",
                           run->fixture->name);
        return bl__test_record->outcome;
    }
    if (run->yield_count++ > 0) {
        bl__record_trouble(BL_TEST_BROKEN, "fixture '%s': YIELD a second time",
                           run->fixture->name);
        return bl__test_record->outcome;
    }
    bl_timer_stop(&run->limit);
    run->value = run->slot;
    run->state = FIXTURE_STANDING;
    bl_waitq_serve_all(&run->all->line, 0);

    bl_park_init(&run->park, "YIELD", run, yield_abort);
    BL_IGNORE(bl_park_wait(&run->park)); /* never cancelled */
    return bl__test_record->outcome;
}

/* ---- what the root does -------------------------------------------------- */

/* Hosts the group of all fixtures, under a shield. */
static int keeper_main(void *arg) {
    struct bl__fixtures *all = arg;
    bl_scope shield;
    bl_waiter waiter;
    bl_scope_enter_shield(&shield, BL_SHIELD_FOREVER);
    int rc = bl_group_enter(&all->group);
    if (rc < 0) return bl_scope_exit(&shield, rc);
    all->is_open = true;
    bl_waitq_serve_all(&all->line, 0);
    while (!all->is_dismissed) {
        BL_IGNORE(
            bl_waitq_wait_shielded(&all->line, &waiter, "the tear-down", all));
    }
    BL_IGNORE(bl_group_exit(&all->group, 0)); /* fixtures always return 0 */
    return bl_scope_exit(&shield, 0);
}

/*
 * Waits until the current fixture has come so far.  If the root is cancelled
 * meanwhile, by a deadlock, that fixture is to blame: it is cancelled, and
 * waited for.
 */
static void wait_until(struct bl__fixtures *all, enum fixture_state state,
                       const char *what) {
    struct bl__fixture_run *run = all->current;
    bl_waiter waiter;
    bool is_exposed = !bl_is_cancelled();
    while (run->state < state && is_exposed) {
        int rc = bl_waitq_wait(&all->line, &waiter, what, run);
        if (rc != BL_ECANCELED) continue;
        is_exposed = false;
        bl__test_record->is_deadlock = true;
        bl__record_trouble(BL_TEST_TIMEOUT,
                           "DEADLOCK in the %s of fixture '%s': every task "
                           "waits, and nothing can wake one",
                           what, run->fixture->name);
        bl__fixture_cancel(run);
    }
    while (run->state < state) {
        BL_IGNORE(bl_waitq_wait_shielded(&all->line, &waiter, what, run));
    }
}

static void on_limit(void *context) {
    struct bl__fixture_run *run = context;
    bl__record_trouble(BL_TEST_BROKEN, "fixture '%s' exceeded its time limit",
                       run->fixture->name);
    bl__fixture_cancel(run);
}

static void arm(struct bl__fixture_run *run, bl_ns limit) {
    if (limit <= 0) return;
    bl_timer_start(bl_loop_running(), &run->limit, bl_ns_add(bl_now(), limit));
}

static bool set_up(struct bl__fixtures *all, struct bl__fixture_run *run) {
    const bl_spawn_options options = { .size = sizeof options,
                                       .name = run->fixture->name };
    int rc =
        bl_spawn_with(&all->group, fixture_main, run, &options, &run->task);
    if (rc < 0) {
        bl__record_trouble(BL_TEST_BROKEN, "fixture '%s' cannot be spawned: %s",
                           run->fixture->name, bl_error_name(rc));
        return false;
    }
    all->current = run;
    arm(run, run->fixture->options.setup_timeout);
    wait_until(all, FIXTURE_STANDING, "set-up");
    bl_timer_stop(&run->limit);
    all->current = NULL;
    return run->state == FIXTURE_STANDING;
}

static void tear_down(struct bl__fixtures *all, struct bl__fixture_run *run) {
    all->current = run;
    if (run->state == FIXTURE_STANDING) {
        arm(run, run->fixture->options.teardown_timeout);
        bl_park_wake(&run->park, 0);
    }
    wait_until(all, FIXTURE_ENDED, "tear-down");
    bl_timer_stop(&run->limit);
    bl_call_cancel(&run->alarm);
    bl_task_unref(run->task);
    all->current = NULL;
}

bool bl__fixtures_set_up(struct bl__fixtures *all, bl_group *owner) {
    if (!all->has_tasks) return true;
    const bl_spawn_options options = { .size = sizeof options,
                                       .name = "fixtures" };
    bl_waiter waiter;
    int rc = bl_spawn_with(owner, keeper_main, all, &options, NULL);
    if (rc < 0) bl__host_die("the fixtures cannot be hosted");
    while (!all->is_open) {
        BL_IGNORE(
            bl_waitq_wait_shielded(&all->line, &waiter, "the fixtures", all));
    }
    for (size_t i = 0; i < all->test_case->fixture_count; i++) {
        if (all->runs[i].fixture->body == NULL) continue;
        if (!set_up(all, &all->runs[i])) return false;
    }
    return true;
}

void bl__fixtures_tear_down(struct bl__fixtures *all) {
    if (!all->has_tasks) return;
    for (size_t i = all->test_case->fixture_count; i-- > 0;) {
        if (all->runs[i].task != NULL) tear_down(all, &all->runs[i]);
    }
    all->is_dismissed = true;
    bl_waitq_serve_all(&all->line, 0);
}

/* ---- beginning and end --------------------------------------------------- */

void bl__fixtures_init(struct bl__fixtures *all,
                       const struct bl__test_case *test_case) {
    size_t count = test_case->fixture_count;
    *all = (struct bl__fixtures){ .test_case = test_case };
    bl_waitq_init(&all->line);
    all->runs = bl__host_alloc(count * sizeof all->runs[0]);
    for (size_t i = 0; i < count; i++) {
        struct bl__fixture_run *run = &all->runs[i];
        run->all = all;
        run->fixture = test_case->fixtures[i];
        run->value = test_case->values[i];
        bl_timer_init(&run->limit, on_limit, run);
        if (run->fixture->body == NULL) continue;
        all->has_tasks = true;
        run->slot = bl__host_alloc(run->fixture->value_bytes);
    }
}

void bl__fixtures_done(struct bl__fixtures *all) {
    for (size_t i = 0; i < all->test_case->fixture_count; i++) {
        free(all->runs[i].slot);
    }
    free(all->runs);
}
