/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_start.c - bl_start: a child that says when it is ready
 *
 * Until bl_started the child belongs to the caller: its scopes bind it, its
 * failure is the caller's result and not the group's.  From then on it is an
 * ordinary child.  Each way in which the two sides can end, cancel each other,
 * or come too late.
 *
 *     Legs: sweep threads
 */
#include <belay/test.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* A child that starts, and what becomes of it. */
struct starter {
    bl_ns before;   /* sleeps so long before bl_started */
    bool is_silent; /* never calls it */
    int rc;         /* what it returns in the end */
    bl_ns after;    /* sleeps so long after bl_started */
    void *value;
    int started_rc; /* what bl_started returned */
    int wait_rc;    /* what the sleep before or after returned */
    bool has_run;
    bool has_ended;
    bl_ns cleanup; /* on cancellation: shielded */
};

static int starts(void *arg) {
    struct starter *starter = arg;
    starter->has_run = true;
    int rc = starter->before == 0 ? 0 : bl_sleep(starter->before);
    if (rc == 0 && !starter->is_silent) {
        starter->started_rc = bl_started(starter->value);
        rc = starter->after == 0 ? 0 : bl_sleep(starter->after);
    }
    starter->wait_rc = rc;
    if (rc < 0 && starter->cleanup > 0) {
        BL_SHIELD(BL_SEC(10)) {
            BL_IGNORE(bl_sleep(starter->cleanup)); /* only time counts */
        }
    }
    starter->has_ended = true;
    return rc < 0 ? rc : starter->rc;
}

/* ---- ready --------------------------------------------------------------- */

TEST(start_returns_when_the_child_is_ready) {
    bl_group group = { 0 };
    int target;
    void *value = NULL;
    bl_ns start = bl_now();
    struct starter child = { .before = BL_MS(5),
                             .after = BL_MS(20),
                             .value = &target };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_start(&group, starts, &child, &value), 0);
    CHECK(value == &target);
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK(!child.has_ended);
    CHECK_EQ(bl_group_alive_count(&group), 1);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(bl_now() - start, BL_MS(25));
}

TEST(a_child_that_is_ready_at_once_starts_at_once) {
    bl_group group = { 0 };
    struct starter child = { .after = BL_MS(1) };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_start(&group, starts, &child, NULL), 0);
    CHECK_EQ(child.started_rc, 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_child_that_ends_right_after_it_was_ready_has_started) {
    bl_group group = { 0 };
    int target;
    void *value = NULL;
    struct starter child = { .value = &target };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_start(&group, starts, &child, &value), 0);
    CHECK(value == &target);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_child_that_fails_right_after_it_was_ready_fails_the_group) {
    bl_group group = { 0 };
    struct starter child = { .rc = BL_EIO };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_start(&group, starts, &child, NULL), 0);
    CHECK_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK_EQ(group_code(0), BL_EIO);
}

TEST(a_started_child_is_an_ordinary_child) {
    bl_group group = { 0 };
    struct starter child = { .after = HOUR };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_start(&group, starts, &child, NULL), 0);
    CHECK_EQ(bl_group_alive_count(&group), 1);
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(child.wait_rc, BL_ECANCELED);
}

TEST(several_starts_one_after_the_other) {
    bl_group group = { 0 };
    struct starter children[3] = { { .before = BL_MS(1), .after = HOUR },
                                   { .before = BL_MS(1), .after = HOUR },
                                   { .before = BL_MS(1), .after = HOUR } };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(bl_start(&group, starts, &children[i], NULL), 0);
    }
    CHECK_EQ(bl_now() - start, BL_MS(3));
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- not ready ----------------------------------------------------------- */

TEST(a_child_that_fails_before_it_is_ready_fails_the_start_alone) {
    bl_group group = { 0 };
    struct starter child = { .before = BL_MS(1),
                             .is_silent = true,
                             .rc = BL_EIO };
    struct kid other = { .delay = BL_MS(5) };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &other));
    CHECK_ERR(bl_start(&group, starts, &child, NULL), BL_EIO); /* unwrapped */
    CHECK(!bl_group_is_cancelled(&group));
    CHECK_EQ(bl_group_error_count(&group), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(other.has_finished);
}

static int raises(void *arg) {
    return BL_ERR(BL_EIO, "port %d is taken", (int)NUMBER(arg));
}

TEST(the_error_of_a_failed_start_is_the_caller_s_current_error) {
    BL_GROUP_SCOPED(group);
    CHECK_ERR(bl_start(&group, raises, ARG(80), NULL), BL_EIO);
    const bl_error *error = bl_error_current(BL_EIO);
    REQUIRE(error != NULL);
    CHECK_STR(bl_error_message(error), "port 80 is taken");
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_child_that_returns_without_being_ready_did_not_start) {
    bl_group group = { 0 };
    int target;
    void *value = &target;
    struct starter child = { .is_silent = true, .rc = 5 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_start(&group, starts, &child, &value), BL_ENOTSTARTED);
    CHECK(value == &target); /* written on success only */
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_child_that_returns_a_stray_cancel_fails_the_start) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(bl_start(&group, kid_returns, ARG(BL_ECANCELED), NULL),
              BL_ESTRAYCANCEL);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- the caller is cancelled --------------------------------------------- */

TEST(a_cancelled_caller_cancels_the_child_that_is_not_ready) {
    bl_group group = { 0 };
    bl_scope scope;
    bl_ns start = bl_now();
    struct starter child = { .before = HOUR };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_timeout(&scope, BL_MS(5));
    int rc = bl_start(&group, starts, &child, NULL);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK(child.has_ended); /* the call waited for it */
    CHECK_EQ(bl_now() - start, BL_MS(5));
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    CHECK(!bl_group_is_cancelled(&group));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_cancelled_start_waits_for_the_child_s_clean_up) {
    bl_group group = { 0 };
    bl_scope scope;
    bl_ns start = bl_now();
    struct starter child = { .before = HOUR, .cleanup = BL_MS(10) };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_timeout(&scope, BL_MS(5));
    int rc = bl_start(&group, starts, &child, NULL);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - start, BL_MS(15));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int ignores_cancellation_and_starts(void *arg) {
    struct starter *starter = arg;
    starter->wait_rc = bl_sleep(HOUR);
    starter->started_rc = bl_started(NULL); /* too late: no effect */
    int rc = bl_sleep(HOUR);
    starter->has_ended = true;
    return rc;
}

TEST(being_ready_in_a_start_that_is_cancelled_has_no_effect) {
    bl_group group = { 0 };
    bl_scope scope;
    struct starter child = { .rc = 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_move_on(&scope, BL_MS(5));
    int rc = bl_start(&group, ignores_cancellation_and_starts, &child, NULL);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK(child.has_ended);
    CHECK_EQ(child.started_rc, 0);
    CHECK_EQ(bl_group_alive_count(&group), 0); /* it did not move over */
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK(!bl_group_is_cancelled(&group));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_child_that_fails_in_a_cancelled_start_fails_the_start_alone) {
    bl_group group = { 0 };
    bl_scope scope;
    struct kid child = { .delay = HOUR, .cleanup_rc = BL_EPIPE };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_timeout(&scope, BL_MS(5));
    int rc = bl_start(&group, kid_run, &child, NULL);
    CHECK_ERR(rc, BL_EPIPE);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_EPIPE);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

TEST(a_deadline_of_the_caller_no_longer_binds_a_started_child) {
    bl_group group = { 0 };
    bl_scope scope;
    struct starter child = { .before = BL_MS(1), .after = BL_MS(50) };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter_move_on(&scope, BL_MS(5));
    CHECK_EQ(bl_start(&group, starts, &child, NULL), 0);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(HOUR)), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(child.wait_rc, 0); /* slept to the end */
}

static int starts_then_cancels(void *arg) {
    CHECK_EQ(bl_started(NULL), 0); /* wakes the caller ... */
    bl_scope_cancel(arg, NULL);    /* ... and cancels it, in one turn */
    return bl_sleep(BL_MS(1));
}

TEST(a_start_that_was_ready_is_not_undone_by_a_cancel_of_the_same_turn) {
    bl_group group = { 0 };
    bl_scope scope;
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    CHECK_EQ(bl_start(&group, starts_then_cancels, &scope, NULL), 0);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

static int cancels_then_starts(void *arg) {
    bl_scope_cancel(arg, NULL);
    CHECK_EQ(bl_started(NULL), 0); /* already cancelled: ignored */
    return bl_sleep(BL_MS(1));
}

TEST(a_start_that_was_cancelled_in_the_same_turn_before_ready_is_canceled) {
    bl_group group = { 0 };
    bl_scope scope;
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    int rc = bl_start(&group, cancels_then_starts, &scope, NULL);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
}

/* ---- the group ends while a start is pending ----------------------------- */

struct outsider {
    bl_group *group;
    struct starter *child;
    int rc;
};

static int starts_into(void *arg) {
    struct outsider *outsider = arg;
    outsider->rc = bl_start(outsider->group, starts, outsider->child, NULL);
    return outsider->rc < 0 && outsider->rc != BL_ECANCELED ? 0 : outsider->rc;
}

TEST(a_pending_start_keeps_the_group_open) {
    bl_group mine = { 0 }, theirs = { 0 };
    struct starter child = { .before = BL_MS(10), .after = BL_MS(10) };
    struct outsider outsider = { &theirs, &child, 99 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&mine));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&mine, starts_into, &outsider));
    settle();
    CHECK_EQ(bl_group_exit(&theirs, 0), 0);
    CHECK_EQ(bl_now() - start, BL_MS(20)); /* started, then waited for */
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_EQ(outsider.rc, 0);
}

TEST(a_group_is_closed_once_its_pending_start_has_failed, .tags = "order") {
    bl_group mine = { 0 }, theirs = { 0 };
    struct starter child = { .before = BL_MS(10),
                             .is_silent = true,
                             .rc = BL_EIO };
    struct outsider outsider = { &theirs, &child, 99 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&mine));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&mine, starts_into, &outsider));
    settle();
    CHECK_EQ(bl_group_exit(&theirs, 0), 0);
    CHECK_EQ(bl_now() - start, BL_MS(10));
    CHECK_ERR(outsider.rc, BL_EIO);
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
}

TEST(cancelling_the_group_does_not_reach_a_child_that_is_not_ready) {
    bl_group mine = { 0 }, theirs = { 0 };
    struct starter child = { .before = BL_MS(10), .after = HOUR };
    struct outsider outsider = { &theirs, &child, 99 };
    bl_ns start = bl_now();
    REQUIRE_OK(bl_group_enter(&mine));
    REQUIRE_OK(bl_group_enter(&theirs));
    CHECK_OK(bl_spawn(&mine, starts_into, &outsider));
    settle();
    bl_group_cancel(&theirs);
    CHECK_EQ(bl_group_exit(&theirs, 0), 0);
    /* It lived under its caller's scopes until it was ready, and then under
     * those of the group, which are cancelled. */
    CHECK_EQ(bl_now() - start, BL_MS(10));
    CHECK_ERR(child.wait_rc, BL_ECANCELED);
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_EQ(outsider.rc, 0);
}

/* ---- misuse -------------------------------------------------------------- */

static int starts_twice(void *arg) {
    int *second = arg;
    CHECK_EQ(bl_started(NULL), 0);
    *second = bl_started(NULL);
    return 0;
}

TEST(being_ready_twice_is_refused) {
    bl_group group = { 0 };
    int second = 0;
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_start(&group, starts_twice, &second, NULL), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(second, BL_EALREADY);
}

static int says_ready(void *arg) {
    *(int *)arg = bl_started(NULL);
    return 0;
}

TEST(being_ready_without_a_start_is_misuse) {
    bl_group group = { 0 };
    int rc = 0;
    CHECK_ERR(bl_started(NULL), BL_EMISUSE);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, says_ready, &rc));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(rc, BL_EMISUSE);
}

static void ready_without_a_task(void *arg) {
    (void)arg;
    CHECK_ERR(bl_started(NULL), BL_ENOTASK);
}

TEST(being_ready_outside_a_task_is_refused) {
    on_thread(ready_without_a_task, NULL);
}

TEST(starting_is_refused_like_spawning) {
    bl_group group = { 0 };
    struct starter child = { .rc = 0 };
    CHECK_ERR(bl_start(NULL, starts, &child, NULL), BL_EINVAL);
    CHECK_ERR(bl_start(&group, NULL, NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_start(&group, starts, &child, NULL), BL_EMISUSE);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_ERR(bl_start(&group, starts, &child, NULL), BL_ECLOSED);
    CHECK(!child.has_run);
}

TEST(starting_in_a_cancelled_group_is_refused_by_a_stranger, .tags = "order") {
    bl_group mine = { 0 }, theirs = { 0 };
    struct starter child = { .rc = 0 };
    struct outsider outsider = { &theirs, &child, 99 };
    REQUIRE_OK(bl_group_enter(&mine));
    REQUIRE_OK(bl_group_enter(&theirs));
    bl_group_cancel(&theirs);
    CHECK_OK(bl_spawn(&mine, starts_into, &outsider));
    CHECK_EQ(bl_group_exit(&theirs, bl_sleep(1)), 0);
    CHECK_EQ(bl_group_exit(&mine, 0), 0);
    CHECK_ERR(outsider.rc, BL_ECLOSING);
    CHECK(!child.has_run);
}

static int has_a_group_of_its_own(void *arg) {
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, kid_run, arg);
        if (rc == 0) rc = bl_started(NULL);
        if (rc == 0) rc = bl_event_wait(&never);
    }
    return rc;
}

TEST(a_started_child_brings_its_own_children_along) {
    bl_group group = { 0 };
    bl_scope scope;
    struct kid grandchild = { .delay = HOUR };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    CHECK_EQ(bl_start(&group, has_a_group_of_its_own, &grandchild, NULL), 0);
    bl_scope_cancel(&scope, NULL); /* of the caller: no longer theirs */
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
    CHECK_EQ(bl_sleep(BL_MS(1)), 0);
    CHECK(grandchild.has_started);
    CHECK(!grandchild.was_cancelled);
    bl_group_cancel(&group);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(grandchild.was_cancelled);
}

TEST(composite_of_start_and_stop, .sweep = T_CANCEL | T_OOM) {
    struct starter child = { .before = BL_MS(1), .after = HOUR };
    struct starter failing = { .before = BL_MS(1),
                               .is_silent = true,
                               .rc = BL_EIO };
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_start(group, starts, &child, NULL);
        if (rc < 0) continue;
        int second = bl_start(group, starts, &failing, NULL);
        CHECK_ALWAYS(second < 0);
        bl_group_cancel(group);
    }
    CHECK_ALWAYS(rc == 0 || rc == BL_ECANCELED || rc == BL_EGROUP);
    CHECK_ALWAYS(child.has_run == child.has_ended);
}
