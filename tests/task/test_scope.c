/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_scope.c - entering and leaving scopes, and who catches a
 * cancellation
 *
 * The table of scope exits: which scope turns BL_ECANCELED into something
 * else, when several are cancelled, expired or shielded; misuse of the order;
 * tokens.  Deadlines have a file of their own, and so have shields.
 *
 *     Legs: valgrind sweep threads
 */
#include <belay/test.h>

#include <signal.h>
#include <string.h>

#include "support/host.h"
#include "support/kids.h"

static bl_event never;

/* ---- leaving a scope: what rc becomes ----------------------------------- */

TEST(exit_returns_zero_and_positive_results_as_they_are) {
    bl_scope scope;
    bl_scope_enter(&scope);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    bl_scope_enter(&scope);
    CHECK_EQ(bl_scope_exit(&scope, 1), 1);
    bl_scope_enter(&scope);
    CHECK_EQ(bl_scope_exit(&scope, INT_MAX), INT_MAX);
}

TEST(exit_returns_errors_as_they_are) {
    static const int codes[] = { BL_EIO, BL_EGROUP, BL_ETIMEDOUT,
                                 BL_ESTRAYCANCEL, INT_MIN };
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        bl_scope scope;
        bl_scope_enter(&scope);
        CHECK_EQ(bl_scope_exit(&scope, codes[i]), codes[i]);
    }
}

TEST(a_result_survives_the_cancellation_of_its_scope) {
    bl_scope scope;
    bl_scope_enter(&scope);
    CHECK(bl_scope_cancel(&scope, NULL));
    CHECK_EQ(bl_scope_exit(&scope, 12), 12);
    CHECK(bl_scope_is_cancelled(&scope));
    CHECK(!bl_scope_is_caught(&scope));
}

TEST(an_error_survives_the_cancellation_of_its_scope) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&scope, BL_EIO), BL_EIO);
    CHECK(!bl_scope_is_caught(&scope));
}

TEST(the_cancelled_scope_turns_canceled_into_success) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, "test");
    int rc = bl_sleep(1);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK(bl_scope_is_caught(&scope));
    CHECK(bl_scope_is_cancelled(&scope));
    CHECK(!bl_scope_is_expired(&scope));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_EXPLICIT);
}

TEST(canceled_leaves_a_scope_that_was_not_cancelled_unchanged) {
    bl_scope scope;
    bl_scope_enter(&scope);
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ECANCELED);
    CHECK(!bl_scope_is_caught(&scope));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_NONE);
}

TEST(leaving_the_scope_ends_its_cancellation) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK(bl_is_cancelled());
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK(!bl_is_cancelled());
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(a_scope_can_be_entered_again_and_starts_anew) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, 0);
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ETIMEDOUT);
    bl_scope_enter(&scope);
    CHECK(!bl_scope_is_cancelled(&scope));
    CHECK(!bl_scope_is_expired(&scope));
    CHECK(!bl_scope_is_caught(&scope));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_NONE);
    CHECK_EQ(bl_sleep(1), 0);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

TEST(entering_does_not_read_the_memory_it_is_given) {
    bl_scope scope;
    memset(&scope, 0xAA, sizeof(scope));
    bl_scope_enter(&scope);
    CHECK(!bl_scope_is_cancelled(&scope));
    CHECK_EQ(bl_sleep(1), 0);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

TEST(a_scope_is_not_cancelled_until_somebody_cancels_it) {
    bl_scope scope;
    bl_scope_enter(&scope);
    CHECK(!bl_scope_is_cancelled(&scope));
    CHECK(!bl_is_cancelled());
    CHECK_EQ(bl_scope_deadline(&scope), BL_FOREVER);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

/* ---- nested scopes: the outermost cancelled one catches ------------------ */

/*
 * Enters as many scopes as `mask` has digits, outermost first; cancels those
 * whose bit is set; returns the level that caught, or -1 for none.
 */
static int level_that_catches(unsigned mask, int levels) {
    bl_scope scopes[8];
    for (int i = 0; i < levels; i++)
        bl_scope_enter(&scopes[i]);
    for (int i = 0; i < levels; i++) {
        if (mask & (1u << i)) bl_scope_cancel(&scopes[i], NULL);
    }
    int rc = bl_checkpoint();
    CHECK_ERR(rc, mask == 0 ? 0 : BL_ECANCELED);
    int level = -1;
    for (int i = levels - 1; i >= 0; i--) {
        rc = bl_scope_exit(&scopes[i], rc);
        if (!bl_scope_is_caught(&scopes[i])) continue;
        CHECK_EQ(level, -1);
        level = i;
    }
    CHECK_EQ(rc, 0);
    return level;
}

static int lowest_bit(unsigned mask) {
    return mask == 0 ? -1 : __builtin_ctz(mask);
}

TEST(of_two_nested_scopes_the_outermost_cancelled_one_catches) {
    for (unsigned mask = 0; mask < 4; mask++) {
        CHECK_EQ(level_that_catches(mask, 2), lowest_bit(mask));
    }
}

TEST(of_five_nested_scopes_the_outermost_cancelled_one_catches) {
    for (unsigned mask = 0; mask < 32; mask++) {
        CHECK_EQ(level_that_catches(mask, 5), lowest_bit(mask));
    }
}

TEST(an_inner_cancellation_leaves_the_outer_scope_usable) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    bl_scope_cancel(&inner, NULL);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&inner, BL_ECANCELED), 0);
    CHECK_EQ(bl_sleep(1), 0);
    CHECK_EQ(bl_scope_exit(&outer, 0), 0);
    CHECK(!bl_scope_is_cancelled(&outer));
}

TEST(an_outer_cancellation_passes_through_a_live_inner_scope) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    bl_scope_cancel(&outer, NULL);
    int rc = bl_sleep(1);
    CHECK_ERR(bl_scope_exit(&inner, rc), BL_ECANCELED);
    CHECK(!bl_scope_is_cancelled(&inner));
    CHECK(!bl_scope_is_caught(&inner));
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
    CHECK(bl_scope_is_caught(&outer));
}

TEST(inner_cancelled_first_then_outer_the_outer_catches) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    bl_scope_cancel(&inner, NULL);
    int rc = bl_sleep(1);
    bl_scope_cancel(&outer, NULL);
    CHECK_ERR(bl_scope_exit(&inner, rc), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
    CHECK(!bl_scope_is_caught(&inner));
    CHECK(bl_scope_is_caught(&outer));
}

TEST(a_body_that_swallows_canceled_sees_it_again_outside) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    bl_scope_cancel(&outer, NULL);
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&inner, 0), 0); /* swallowed */
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
}

TEST(a_scope_entered_inside_a_cancelled_one_is_cancelled_at_entry) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_cancel(&outer, NULL);
    bl_scope_enter(&inner);
    CHECK(bl_is_cancelled());
    CHECK(!bl_scope_is_cancelled(&inner));
    CHECK_ERR(bl_sleep(1), BL_ECANCELED);
    CHECK_ERR(bl_scope_exit(&inner, BL_ECANCELED), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
}

TEST(a_hundred_nested_scopes_pass_a_cancellation_to_the_outermost) {
    enum {
        LEVELS = 100
    };
    bl_scope *scopes = bl_alloc(LEVELS * sizeof(*scopes));
    REQUIRE(scopes != NULL);
    for (int i = 0; i < LEVELS; i++)
        bl_scope_enter(&scopes[i]);
    bl_scope_cancel(&scopes[0], NULL);
    int rc = bl_sleep(1);
    for (int i = LEVELS - 1; i > 0; i--) {
        rc = bl_scope_exit(&scopes[i], rc);
        CHECK_ERR(rc, BL_ECANCELED);
    }
    CHECK_EQ(bl_scope_exit(&scopes[0], rc), 0);
    bl_free(scopes);
}

/* ---- cancelling ---------------------------------------------------------- */

TEST(the_first_cancel_returns_true_and_the_second_false) {
    bl_scope scope;
    bl_scope_enter(&scope);
    CHECK(bl_scope_cancel(&scope, "one"));
    CHECK(!bl_scope_cancel(&scope, "two"));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(cancelling_twice_delivers_as_one) {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK_EQ(bl_sleep(1), 0);
}

TEST(a_later_deadline_does_not_replace_an_explicit_cause) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    bl_scope_cancel(&scope, NULL);
    bl_scope shield;
    bl_scope_enter_shield(&shield, BL_SEC(1));
    CHECK_EQ(bl_sleep(BL_MS(5)), 0);
    CHECK_EQ(bl_scope_exit(&shield, 0), 0);
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_EXPLICIT);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(a_later_cancel_does_not_replace_the_deadline_as_cause) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, BL_MS(1));
    CHECK_ERR(bl_sleep(BL_SEC(1)), BL_ECANCELED);
    CHECK(!bl_scope_cancel(&scope, "too late"));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_DEADLINE);
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ETIMEDOUT);
}

TEST(another_task_can_cancel_the_scope_of_a_waiting_one) {
    bl_scope scope;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    CHECK_OK(bl_spawn(&group, kid_cancels, &scope));
    int rc = bl_event_wait(&never);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(!bl_group_is_cancelled(&group));
}

static void cancel_it(void *scope) {
    bl_scope_cancel(scope, "from a callback");
}

TEST(a_loop_callback_can_cancel_a_scope) {
    bl_scope scope;
    bl_call call = { 0 };
    bl_scope_enter(&scope);
    bl_call_soon(bl_loop_running(), &call, cancel_it, &scope);
    int rc = bl_event_wait(&never);
    CHECK_ERR(rc, BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&scope, rc), 0);
}

TEST(a_scope_of_one_task_does_not_bind_another) {
    bl_group group = { 0 };
    struct kid kid = { .delay = BL_MS(5) };
    bl_scope scope;
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK(kid.has_finished);
}

/* ---- options ------------------------------------------------------------- */

TEST(enter_with_null_options_is_a_plain_scope) {
    bl_scope scope;
    REQUIRE_OK(bl_scope_enter_with(&scope, NULL));
    CHECK_EQ(bl_scope_deadline(&scope), BL_FOREVER);
    bl_scope_cancel(&scope, NULL);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

TEST(enter_with_refuses_what_it_cannot_mean) {
    bl_scope scope;
    bl_scope_options no_size = { .size = 0 };
    bl_scope_options no_kind = { .size = sizeof(no_kind),
                                 .kind = (bl_scope_kind)77 };
    CHECK_ERR(bl_scope_enter_with(NULL, NULL), BL_EINVAL);
    CHECK_ERR(bl_scope_enter_with(&scope, &no_size), BL_EINVAL);
    CHECK_ERR(bl_scope_enter_with(&scope, &no_kind), BL_EINVAL);
    CHECK_EQ(bl_sleep(1), 0); /* nothing was entered */
}

TEST(enter_with_refuses_a_timed_kind_without_a_deadline) {
    static const bl_scope_kind kinds[] = { BL_SCOPE_FAIL, BL_SCOPE_MOVE_ON,
                                           BL_SCOPE_SHIELD };
    for (size_t i = 0; i < 3; i++) {
        bl_scope scope;
        bl_scope_options options = { .size = sizeof(options),
                                     .kind = kinds[i] };
        CHECK_ERR(bl_scope_enter_with(&scope, &options), BL_EINVAL);
    }
}

TEST(enter_with_takes_an_absolute_deadline) {
    bl_scope scope;
    bl_scope_options options = { .size = sizeof(options),
                                 .kind = BL_SCOPE_FAIL,
                                 .has_deadline = true,
                                 .deadline = bl_now() + BL_MS(3) };
    REQUIRE_OK(bl_scope_enter_with(&scope, &options));
    CHECK_EQ(bl_scope_deadline(&scope), options.deadline);
    CHECK_ERR(bl_sleep(BL_SEC(1)), BL_ECANCELED);
    CHECK_EQ(bl_now(), options.deadline);
    CHECK_ERR(bl_scope_exit(&scope, BL_ECANCELED), BL_ETIMEDOUT);
}

static void enter_with_without_a_loop(void *arg) {
    bl_scope scope;
    (void)arg;
    CHECK_ERR(bl_scope_enter_with(&scope, NULL), BL_ENOLOOP);
}

TEST(enter_with_needs_a_loop) {
    on_thread(enter_with_without_a_loop, NULL);
}

static void enter_with_in_a_callback(void *arg) {
    bl_scope scope;
    CHECK_ERR(bl_scope_enter_with(&scope, NULL), BL_ENOTASK);
    bl_event_set(arg);
}

TEST(enter_with_needs_a_task) {
    bl_event done = BL_EVENT_INIT;
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, enter_with_in_a_callback, &done);
    CHECK_EQ(bl_event_wait(&done), 0);
}

/* ---- questions ----------------------------------------------------------- */

TEST(is_cancelled_follows_the_innermost_scope) {
    bl_scope outer, inner;
    CHECK(!bl_is_cancelled());
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    bl_scope_cancel(&inner, NULL);
    CHECK(bl_is_cancelled());
    CHECK_EQ(bl_scope_exit(&inner, BL_ECANCELED), 0);
    CHECK(!bl_is_cancelled());
    bl_scope_cancel(&outer, NULL);
    CHECK(bl_is_cancelled());
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
    CHECK(!bl_is_cancelled());
}

static void ask_outside(void *arg) {
    (void)arg;
    CHECK(!bl_is_cancelled());
    CHECK_EQ(bl_effective_deadline(), BL_FOREVER);
    CHECK(bl_task_current() == NULL);
    CHECK(bl_loop_running() == NULL);
}

TEST(questions_have_an_answer_outside_a_task) {
    on_thread(ask_outside, NULL);
}

/* ---- broken contracts end the process ------------------------------------ */

TEST(leaving_scopes_out_of_order_crashes, .signal = SIGABRT) {
    bl_scope outer, inner;
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    bl_scope_exit(&outer, 0);
}

TEST(entering_the_innermost_scope_again_crashes, .signal = SIGABRT,
     .output = "is entered already") {
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_enter(&scope);
}

TEST(leaving_a_scope_twice_crashes, .signal = SIGABRT) {
    bl_scope scope;
    bl_scope_enter(&scope);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
    bl_scope_exit(&scope, 0);
}

static int leaves_a_scope_of_another(void *arg) {
    return bl_scope_exit(arg, 0);
}

TEST(leaving_a_scope_of_another_task_crashes, .signal = SIGABRT) {
    bl_scope scope;
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    CHECK_OK(bl_spawn(&group, leaves_a_scope_of_another, &scope));
    CHECK_OK(bl_sleep(1));
}

static int forgets_a_scope(void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter(&scope);
    return 0;
}

TEST(a_task_that_returns_with_an_open_scope_crashes, .signal = SIGABRT,
     .output = "returned with an open scope, entered at ") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, forgets_a_scope, NULL));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(leaving_a_group_with_an_inner_scope_open_crashes, .signal = SIGABRT) {
    bl_group group = { 0 };
    bl_scope scope;
    REQUIRE_OK(bl_group_enter(&group));
    bl_scope_enter(&scope);
    BL_IGNORE(bl_group_exit(&group, 0)); /* never returns */
}

__attribute__((noinline)) static void enters_and_returns(void) {
    bl_scope scope;
    bl_scope_enter(&scope);
}

TEST(leaving_a_scope_whose_inner_one_was_in_a_function_that_is_over_crashes,
     .signal = SIGABRT, .output = "entered at (a function that has returned)") {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    enters_and_returns();
    BL_IGNORE(bl_group_exit(&group, 0)); /* never returns */
}

static void enter_without_a_loop(void *arg) {
    bl_scope scope;
    (void)arg;
    bl_scope_enter(&scope);
}

TEST(entering_a_scope_outside_a_task_crashes, .signal = SIGABRT) {
    on_thread(enter_without_a_loop, NULL);
}

TEST(entering_a_timeout_outside_a_task_crashes, .signal = SIGABRT) {
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, enter_without_a_loop, NULL);
    BL_IGNORE(bl_sleep(1)); /* never returns */
}

/* The crash report names both scopes: where each was entered. */
static int crash_out_of_order(void *arg) {
    bl_scope outer, inner;
    (void)arg;
    bl_scope_enter(&outer);
    bl_scope_enter(&inner);
    bl_scope_exit(&outer, 0);
    return 0;
}

static int run_crash(void *arg) {
    return bl_run(crash_out_of_order, arg);
}

TEST(the_crash_report_names_both_sites) {
    capture_stderr();
    int status = in_child(run_crash, NULL);
    const char *text = captured_stderr();
    CHECK_EQ(status & 0x7f, SIGABRT);
    const char *first = strstr(text, "test_scope.c:");
    CHECK(first != NULL);
    CHECK(first != NULL && strstr(first + 1, "test_scope.c:") != NULL);
}

/* ---- tokens -------------------------------------------------------------- */

static bl_scope_options with_token(bl_token *token) {
    return (bl_scope_options){ .size = sizeof(bl_scope_options),
                               .token = token };
}

TEST(a_token_cancels_the_scope_entered_with_it) {
    bl_token *token = NULL;
    bl_scope scope;
    REQUIRE_OK(bl_token_new(&token));
    bl_scope_options options = with_token(token);
    REQUIRE_OK(bl_scope_enter_with(&scope, &options));
    CHECK(!bl_token_is_cancelled(token));
    CHECK_EQ(bl_sleep(1), 0);
    bl_token_cancel(token, "enough");
    CHECK(bl_token_is_cancelled(token));
    CHECK(bl_scope_is_cancelled(&scope));
    CHECK_EQ(bl_scope_cause(&scope), BL_CAUSE_EXPLICIT);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
    CHECK(bl_scope_is_caught(&scope));
    bl_token_unref(token);
}

TEST(a_token_cancelled_before_cancels_at_entry) {
    bl_token *token = NULL;
    bl_scope scope;
    REQUIRE_OK(bl_token_new(&token));
    bl_token_cancel(token, NULL);
    bl_scope_options options = with_token(token);
    REQUIRE_OK(bl_scope_enter_with(&scope, &options));
    CHECK(bl_scope_is_cancelled(&scope));
    CHECK(bl_is_cancelled());
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(1)), 0);
    bl_token_unref(token);
}

TEST(a_token_may_be_cancelled_after_its_scope_is_gone) {
    bl_token *token = NULL;
    REQUIRE_OK(bl_token_new(&token));
    {
        bl_scope scope;
        bl_scope_options options = with_token(token);
        REQUIRE_OK(bl_scope_enter_with(&scope, &options));
        CHECK_EQ(bl_scope_exit(&scope, 0), 0);
        memset(&scope, 0x55, sizeof(scope));
    }
    bl_token_cancel(token, NULL);
    CHECK_EQ(bl_sleep(1), 0);
    bl_token_unref(token);
}

TEST(a_scope_keeps_its_token_alive) {
    bl_token *token = NULL;
    bl_scope scope;
    REQUIRE_OK(bl_token_new(&token));
    bl_scope_options options = with_token(token);
    REQUIRE_OK(bl_scope_enter_with(&scope, &options));
    bl_token *mine = bl_token_ref(token);
    CHECK(mine == token);
    bl_token_unref(mine);
    bl_token_unref(token);
    CHECK_EQ(bl_scope_exit(&scope, 0), 0);
}

static int waits_with_token(void *arg) {
    bl_scope scope;
    bl_scope_options options = with_token(arg);
    int rc = bl_scope_enter_with(&scope, &options);
    if (rc < 0) return rc;
    rc = bl_event_wait(&never);
    rc = bl_scope_exit(&scope, rc);
    note("%d", rc);
    return rc;
}

TEST(one_token_cancels_scopes_of_many_tasks) {
    bl_token *token = NULL;
    bl_group group = { 0 };
    REQUIRE_OK(bl_token_new(&token));
    REQUIRE_OK(bl_group_enter(&group));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bl_spawn(&group, waits_with_token, token));
    }
    settle();
    bl_token_cancel(token, NULL);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_STR(notes(), "0 0 0");
    CHECK(!bl_group_is_cancelled(&group));
    bl_token_unref(token);
}

TEST(one_token_serves_two_nested_scopes_and_the_outer_catches) {
    bl_token *token = NULL;
    bl_scope outer, inner;
    REQUIRE_OK(bl_token_new(&token));
    bl_scope_options options = with_token(token);
    REQUIRE_OK(bl_scope_enter_with(&outer, &options));
    REQUIRE_OK(bl_scope_enter_with(&inner, &options));
    bl_token_cancel(token, NULL);
    CHECK_ERR(bl_scope_exit(&inner, bl_sleep(1)), BL_ECANCELED);
    CHECK_EQ(bl_scope_exit(&outer, BL_ECANCELED), 0);
    bl_token_unref(token);
}

TEST(cancelling_a_token_twice_is_as_once) {
    bl_token *token = NULL;
    bl_scope scope;
    REQUIRE_OK(bl_token_new(&token));
    bl_scope_options options = with_token(token);
    bl_token_cancel(token, "one");
    bl_token_cancel(token, "two");
    REQUIRE_OK(bl_scope_enter_with(&scope, &options));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    CHECK_EQ(bl_sleep(1), 0);
    bl_token_unref(token);
}

TEST(a_token_and_a_deadline_the_first_one_is_the_cause) {
    bl_token *token = NULL;
    bl_scope scope;
    REQUIRE_OK(bl_token_new(&token));
    bl_scope_options options = with_token(token);
    options.kind = BL_SCOPE_FAIL;
    options.has_deadline = true;
    options.deadline = bl_now() + BL_MS(1);
    REQUIRE_OK(bl_scope_enter_with(&scope, &options));
    bl_token_cancel(token, NULL);
    CHECK_EQ(bl_scope_exit(&scope, bl_sleep(BL_SEC(1))), 0);
    REQUIRE_OK(bl_scope_enter_with(&scope, &options));
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
    bl_token_unref(token);
}

static void token_without_a_loop(void *arg) {
    bl_token *token = arg;
    CHECK_ERR(bl_token_new(&token), BL_ENOLOOP);
    CHECK(token == arg); /* nothing was written */
}

TEST(a_token_needs_a_loop_and_a_place) {
    int place = 0;
    on_thread(token_without_a_loop, &place);
    CHECK_ERR(bl_token_new(NULL), BL_EINVAL);
    bl_token_unref(NULL);
}

static int enters_with_a_foreign_token(void *arg) {
    bl_scope scope;
    bl_scope_options options = with_token(arg);
    CHECK_ERR(bl_scope_enter_with(&scope, &options), BL_ETHREAD);
    return bl_sleep(1);
}

TEST(a_token_of_another_loop_is_refused) {
    bl_token *token = NULL;
    REQUIRE_OK(bl_token_new(&token));
    CHECK_EQ(run_elsewhere(enters_with_a_foreign_token, token, NULL), 0);
    bl_token_unref(token);
}

TEST(composite_of_nested_scopes_and_a_token, .sweep = T_CANCEL | T_OOM) {
    bl_token *token = NULL;
    if (bl_token_new(&token) < 0) return;
    bl_scope outer, inner;
    bl_scope_options options = with_token(token);
    bl_scope_enter_move_on(&outer, BL_SEC(1));
    int rc = bl_scope_enter_with(&inner, &options);
    if (rc == 0) {
        rc = bl_sleep(BL_MS(1));
        bl_token_cancel(token, NULL);
        if (rc == 0) rc = bl_sleep(BL_MS(1));
        rc = bl_scope_exit(&inner, rc);
    }
    rc = bl_scope_exit(&outer, rc);
    CHECK_ALWAYS(rc == 0 || rc == BL_ECANCELED);
    bl_token_unref(token);
}
