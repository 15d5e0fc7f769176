/* SPDX-License-Identifier: MIT */
/*
 * test/child/fixture.c - fixtures are tasks that are parked in YIELD
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
#include "test/child/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "test/child/clock.h"
#include "test/child/stage.h"
#include "test/child/unwind.h"
#include "test/host.h"
#include "test/run/anchor.h"

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
    const struct bl__test_case *home; /* for which it was set up */
    void *slot;                       /* where YIELD puts its value */
    bl_task *task;
    bl_group guard;
    bl_park park; /* in YIELD */
    bl_timer limit;
    bl_call alarm;
    int yield_count;
    bool is_guarded; /* the guard is open */
    bool is_blamed;  /* why it was cancelled is recorded */
    bool is_spoilt;  /* it was cancelled before its YIELD */
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
        values[i - 1] = all->values[at];
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
    struct bl__fixture_run *run = context;
    if (run->fixture->options.scope != BL_TEST_SCOPE_TEST) {
        run->all->has_died = true;
    }
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
    run->is_spoilt = bl_is_cancelled();
    if (run->is_spoilt && !run->is_blamed) {
        bl__record_trouble(BL_TEST_BROKEN,
                           "fixture '%s' was cancelled before its YIELD",
                           run->fixture->name);
    }
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
        if (bl__clock_settle_manual() && run->state >= state) break;
        if (bl__clock_step_manual()) continue;
        int rc = bl_waitq_wait(&all->line, &waiter, what, run);
        if (rc != BL_ECANCELED) continue;
        is_exposed = false;
        bl__test_record->is_deadlock = true;
        bl__record_trouble(BL_TEST_TIMEOUT,
                           "DEADLOCK in the %s of fixture '%s': every task "
                           "waits, and nothing can wake one",
                           what, run->fixture->name);
        run->is_blamed = true;
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
    run->is_blamed = true;
    bl__fixture_cancel(run);
}

static void arm(struct bl__fixture_run *run, bl_ns limit) {
    if (limit <= 0) return;
    bl_timer_start(bl_loop_running(), &run->limit, bl_ns_add(bl_now(), limit));
}

static bool spawn(struct bl__fixtures *all, struct bl__fixture_run *run) {
    const bl_spawn_options options = { .size = sizeof options,
                                       .name = run->fixture->name };
    int rc =
        bl_spawn_with(&all->group, fixture_main, run, &options, &run->task);
    if (rc == 0) return true;
    bl__record_trouble(BL_TEST_BROKEN, "fixture '%s' cannot be spawned: %s",
                       run->fixture->name, bl_error_name(rc));
    run->state = FIXTURE_ENDED;
    return false;
}

static bool set_up(struct bl__fixtures *all, struct bl__fixture_run *run) {
    if (!spawn(all, run)) return false;
    all->current = run;
    arm(run, run->fixture->options.setup_timeout);
    wait_until(all, FIXTURE_STANDING, "set-up");
    bl_timer_stop(&run->limit);
    all->current = NULL;
    return run->state == FIXTURE_STANDING && !run->is_spoilt;
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

/* ---- those that stand ---------------------------------------------------- */

static void add(struct bl__fixtures *all, struct bl__fixture_run *run) {
    if (all->stand_count == all->stand_capacity) {
        all->stand_capacity = all->stand_capacity * 2 + 8;
        all->stands = bl__host_resize(all->stands, all->stand_capacity *
                                                       sizeof all->stands[0]);
    }
    all->stands[all->stand_count++] = run;
}

/* Tears down the one at `index`, and forgets it. */
static void remove_at(struct bl__fixtures *all, size_t index) {
    struct bl__fixture_run *run = all->stands[index];
    tear_down(all, run);
    all->stand_count--;
    memmove(&all->stands[index], &all->stands[index + 1],
            (all->stand_count - index) * sizeof all->stands[0]);
    free(run->slot);
    free(run);
}

static bool is_planned(const struct bl__test_case *test_case,
                       const struct bl__fixture *fixture) {
    for (size_t i = 0; i < test_case->fixture_count; i++) {
        if (test_case->fixtures[i] == fixture) return true;
    }
    return false;
}

/* Whether each PARAM that it needs has the value with which it was set up. */
static bool has_same_params(const struct bl__fixture_run *run,
                            const struct bl__test_case *test_case) {
    const struct bl__test_case *home = run->home;
    for (size_t i = 0; i < home->fixture_count; i++) {
        if (home->fixtures[i]->body != NULL) continue;
        if (!bl__fixture_needs(run->fixture, home->fixtures[i])) continue;
        size_t at = bl__case_find(test_case, home->fixtures[i]);
        if (home->values[i] != test_case->values[at]) return false;
    }
    return true;
}

static bool is_foreign(const struct bl__fixture_run *run,
                       const struct bl__test_case *test_case) {
    if (run->fixture->options.scope == BL_TEST_SCOPE_MODULE &&
        strcmp(run->home->test->file, test_case->test->file) != 0) {
        return true;
    }
    return is_planned(test_case, run->fixture) &&
           !has_same_params(run, test_case);
}

/* Whether the one at `index` does not fit, or needs one that does not. */
static bool must_go(const struct bl__fixtures *all, size_t index) {
    const struct bl__fixture_run *run = all->stands[index];
    if (is_foreign(run, all->test_case)) return true;
    for (size_t i = 0; i < index; i++) {
        if (bl__fixture_needs(run->fixture, all->stands[i]->fixture) &&
            must_go(all, i)) {
            return true;
        }
    }
    return false;
}

void bl__fixtures_retire(struct bl__fixtures *all) {
    for (size_t i = all->stand_count; i-- > 0;) {
        if (must_go(all, i)) remove_at(all, i);
    }
}

static struct bl__fixture_run *find_standing(const struct bl__fixtures *all,
                                             const struct bl__fixture *one) {
    for (size_t i = 0; i < all->stand_count; i++) {
        if (all->stands[i]->fixture == one) return all->stands[i];
    }
    return NULL;
}

/* ---- what the root asks for ---------------------------------------------- */

static void open_group(struct bl__fixtures *all, bl_group *owner) {
    const bl_spawn_options options = { .size = sizeof options,
                                       .name = "fixtures" };
    bl_waiter waiter;
    if (all->is_open) return;
    int rc = bl_spawn_with(owner, keeper_main, all, &options, NULL);
    if (rc < 0) bl__host_die("the fixtures cannot be hosted");
    while (!all->is_open) {
        BL_IGNORE(
            bl_waitq_wait_shielded(&all->line, &waiter, "the fixtures", all));
    }
}

static struct bl__fixture_run *make(struct bl__fixtures *all,
                                    const struct bl__fixture *fixture) {
    struct bl__fixture_run *run = bl__host_alloc(sizeof *run);
    run->all = all;
    run->fixture = fixture;
    run->home = all->test_case;
    run->slot = bl__host_alloc(fixture->value_bytes);
    bl_timer_init(&run->limit, on_limit, run);
    return run;
}

bool bl__fixtures_set_up(struct bl__fixtures *all, bl_group *owner,
                         bl_test_scope narrowest) {
    const struct bl__test_case *test_case = all->test_case;
    for (size_t i = 0; i < test_case->fixture_count; i++) {
        struct bl__fixture *fixture = test_case->fixtures[i];
        if (fixture->options.scope < narrowest || all->values[i] != NULL) {
            continue;
        }
        struct bl__fixture_run *run = find_standing(all, fixture);
        if (run == NULL) {
            open_group(all, owner);
            run = make(all, fixture);
            add(all, run);
            if (!set_up(all, run)) return false;
        }
        all->values[i] = run->slot;
    }
    return true;
}

void bl__fixtures_tear_down(struct bl__fixtures *all, bl_test_scope widest) {
    for (size_t i = all->stand_count; i-- > 0;) {
        const struct bl__fixture_run *run = all->stands[i];
        bool is_failed = run->state != FIXTURE_STANDING || run->is_spoilt;
        if (is_failed || run->fixture->options.scope <= widest) {
            remove_at(all, i);
        }
    }
}

struct search {
    const struct bl__fixtures *all;
    bool has_found;
};

static bool is_child_of_fixture(const bl_task_view *view, void *context) {
    struct search *search = context;
    for (size_t i = 0; i < search->all->stand_count; i++) {
        const struct bl__fixture_run *run = search->all->stands[i];
        if (view->parent_id == bl_task_id(run->task)) search->has_found = true;
    }
    return !search->has_found;
}

bool bl__fixtures_have_tasks(const struct bl__fixtures *all) {
    struct search search = { .all = all };
    if (all->stand_count == 0) return false;
    bl_inspect_tasks(bl_loop_running(), is_child_of_fixture, &search);
    return search.has_found;
}

void bl__fixtures_close(struct bl__fixtures *all) {
    all->is_dismissed = true;
    bl_waitq_serve_all(&all->line, 0);
}

/* ---- beginning and end --------------------------------------------------- */

void bl__fixtures_init(struct bl__fixtures *all) {
    *all = (struct bl__fixtures){ .test_case = NULL };
    bl_waitq_init(&all->line);
}

void bl__fixtures_begin(struct bl__fixtures *all,
                        const struct bl__test_case *test_case) {
    size_t count = test_case->fixture_count;
    all->test_case = test_case;
    all->values = bl__host_resize(all->values, count * sizeof all->values[0]);
    for (size_t i = 0; i < count; i++) {
        const struct bl__fixture *fixture = test_case->fixtures[i];
        all->values[i] = test_case->values[i];
        if (all->values[i] == NULL) all->values[i] = bl__anchor_value(fixture);
    }
}

void bl__fixtures_done(struct bl__fixtures *all) {
    free(all->stands);
    free(all->values);
}
