/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_slot.c - the current error of a task, and clauses that deal
 * with it
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <stdlib.h>

#include "base/trees.h"
#include "task/task.h"

/* ---- raising and passing on --------------------------------------------- */

static int parse(int line) {
    return BL_ERR(BL_EIO, "line %d is broken", line);
}

static int load(void) {
    BL_TRY(parse(7));
    return 0;
}

/* Returns the text of the current error, valid until the next call. */
static const char *current_text(int code) {
    static char text[4000];
    CHECK_LT(bl_error_format(bl_error_current(code), text, sizeof text),
             sizeof text);
    return text;
}

TEST(an_error_that_is_raised_is_current) {
    CHECK_ERR(parse(7), BL_EIO);
    const bl_error *error = bl_error_current(BL_EIO);
    REQUIRE(error != NULL);
    CHECK_EQ(bl_error_code(error), BL_EIO);
    CHECK_STR(bl_error_message(error), "line 7 is broken");
    CHECK_CONTAINS(bl_error_origin(error), "test_slot.c:");
    CHECK(strlen(bl_error_task(error)) > 0);
}

TEST(an_error_shows_the_way_it_came) {
    CHECK_ERR(load(), BL_EIO);
    CHECK_CONTAINS(current_text(BL_EIO), "   at parse() ");
    CHECK_CONTAINS(current_text(BL_EIO), "\n   through load() ");
}

static void check_report(int code, const char *text) {
    char *printed = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&printed, &length);
    REQUIRE(file != NULL);
    bl_error_report(code, file);
    REQUIRE_EQ(fclose(file), 0);
    CHECK_STR(printed, text);
    free(printed);
}

TEST(a_code_can_be_told_with_and_without_an_object) {
    CHECK_ERR(load(), BL_EIO);
    CHECK_STR(bl_error_text(BL_EIO), "line 7 is broken");
    check_report(BL_EIO, current_text(BL_EIO));
    CHECK_STR(bl_error_text(BL_EPIPE), bl_strerror(BL_EPIPE));
    bl_error_handled();
    CHECK_STR(bl_error_text(BL_EIO), "input or output failed");
    check_report(BL_EIO, "BL_EIO (-5): input or output failed\n");
    CHECK_ERR(BL_ERR(BL_EIO, "%s", ""), BL_EIO); /* says nothing */
    CHECK_STR(bl_error_text(BL_EIO), "input or output failed");
}

TEST(a_stale_error_is_not_blamed) {
    CHECK_ERR(parse(7), BL_EIO);
    CHECK_EQ(bl_error_current(BL_EPIPE), NULL);
    CHECK_ERR(BL_TRACE(BL_EPIPE), BL_EPIPE);
    bl_error_note(BL_EPIPE, "not mine");
    bl_error *other = leaf(BL_EBUSY);
    bl_error_suppress(BL_EPIPE, other);
    bl_error_unref(other);
    CHECK_EQ(strstr(current_text(BL_EIO), "through"), NULL);
    CHECK_EQ(strstr(current_text(BL_EIO), "not mine"), NULL);
    CHECK_EQ(strstr(current_text(BL_EIO), "suppressed"), NULL);
}

TEST(an_empty_slot_takes_no_frames_or_notes) {
    CHECK_ERR(BL_TRACE(BL_EIO), BL_EIO);
    bl_error_note(BL_EIO, "nothing to note");
    CHECK_EQ(bl_error_current(BL_EIO), NULL);
    CHECK_EQ(bl_error_current(0), NULL);
}

TEST(a_later_error_replaces_an_earlier_one) {
    CHECK_ERR(parse(7), BL_EIO);
    CHECK_ERR(BL_ERR(BL_EPIPE, "later"), BL_EPIPE);
    CHECK_EQ(bl_error_current(BL_EIO), NULL);
    CHECK_STR(bl_error_message(bl_error_current(BL_EPIPE)), "later");
}

TEST(a_message_may_quote_the_error_that_it_replaces) {
    CHECK_ERR(parse(7), BL_EIO);
    int rc = BL_ERR(BL_EPIPE, "gave up: %s",
                    bl_error_message(bl_error_current(BL_EIO)));
    CHECK_STR(bl_error_message(bl_error_current(rc)),
              "gave up: line 7 is broken");
}

TEST(a_message_may_be_of_any_length) {
    CHECK_ERR(BL_ERR(BL_EIO, "%5000d", 1), BL_EIO);
    CHECK_EQ(strlen(bl_error_message(bl_error_current(BL_EIO))), 1023);
    bl_error_note(BL_EIO, "%5000d", 2);
    const char *text = strstr(current_text(BL_EIO), "note: ");
    REQUIRE(text != NULL);
    CHECK_EQ(strlen(text), 6 + 1023 + 1);
}

TEST(a_success_cannot_be_raised) {
    CHECK_ERR(parse(7), BL_EIO);
    CHECK_EQ(BL_ERR(0, "all is well"), 0);
    CHECK_EQ(BL_ERR(17, "all is well"), 17);
    CHECK(bl_error_current(BL_EIO) != NULL);
}

TEST(taking_an_error_empties_the_slot) {
    CHECK_ERR(parse(7), BL_EIO);
    bl_error *error = bl_error_take(BL_EIO);
    CHECK_STR(bl_error_message(error), "line 7 is broken");
    CHECK_EQ(bl_error_current(BL_EIO), NULL);
    bl_error_unref(error);
}

TEST(taking_an_error_that_was_never_raised_makes_one) {
    CHECK_ERR(parse(7), BL_EIO);
    bl_error *error = bl_error_take(BL_EPIPE);
    CHECK_EQ(bl_error_code(error), BL_EPIPE);
    CHECK_STR(bl_error_message(error), "");
    CHECK_STR(bl_error_origin(error), "");
    CHECK(strlen(bl_error_task(error)) > 0);
    CHECK(bl_error_current(BL_EIO) != NULL);
    bl_error_unref(error);
}

TEST(an_error_that_was_handled_is_gone) {
    CHECK_ERR(parse(7), BL_EIO);
    bl_error_handled();
    CHECK_EQ(bl_error_current(BL_EIO), NULL);
    bl_error_handled();
}

TEST(an_error_that_was_kept_does_not_change_on_the_way) {
    CHECK_ERR(parse(7), BL_EIO);
    bl_error *kept = bl_error_ref(bl_error_current(BL_EIO));
    CHECK_ERR(BL_TRACE(BL_EIO), BL_EIO);
    bl_error_note(BL_EIO, "on the way");
    CHECK_CONTAINS(current_text(BL_EIO), "through ");
    CHECK_CONTAINS(current_text(BL_EIO), "on the way");
    char text[300];
    bl_error_format(kept, text, sizeof text);
    CHECK_EQ(strstr(text, "through"), NULL);
    CHECK_EQ(strstr(text, "on the way"), NULL);
    bl_error_unref(kept);
}

static int clean_up(void) {
    return BL_ERR(BL_EPIPE, "the goodbye was not sent");
}

TEST(an_error_of_a_clean_up_is_suppressed_by_the_first) {
    int rc = parse(7);
    bl_error *first = bl_error_take(rc);
    int later = clean_up();
    bl_error *other = bl_error_take(later);
    bl_error **slot = bl__error_slot();
    *slot = first;
    bl_error_suppress(rc, other);
    bl_error_suppress(rc, NULL);
    bl_error_suppress(rc, bl_error_current(rc)); /* itself */
    bl_error_unref(other);
    CHECK_CONTAINS(current_text(rc), "line 7 is broken");
    CHECK_CONTAINS(current_text(rc), "suppressed:\n"
                                     "   └─ 1. BL_EPIPE (-32): the goodbye");
    CHECK_EQ(strstr(current_text(rc), "2. "), NULL);
}

/* ---- whose slot --------------------------------------------------------- */

static int fail_and_wait(void *arg) {
    const int *number = arg;
    int rc = BL_ERR(BL_EIO, "task %d", *number);
    BL_IGNORE(bl_sleep(BL_MS(*number)));
    char expected[16];
    snprintf(expected, sizeof expected, "task %d", *number);
    CHECK_STR(bl_error_message(bl_error_current(rc)), expected);
    return 0;
}

TEST(each_task_has_a_slot_of_its_own) {
    static int numbers[3] = { 1, 2, 3 };
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_ERR(BL_ERR(BL_EIO, "the host"), BL_EIO);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(bl_spawn(&group, fail_and_wait, &numbers[i]));
    }
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_STR(bl_error_message(bl_error_current(BL_EIO)), "the host");
}

TEST(outside_a_task_the_slot_is_the_threads, .no_loop = true) {
    CHECK_ERR(parse(7), BL_EIO);
    REQUIRE(bl_error_current(BL_EIO) != NULL);
    CHECK_STR(bl_error_task(bl_error_current(BL_EIO)), "");
    CHECK_ERR(BL_TRACE(BL_EIO), BL_EIO);
    bl_error_handled();
    CHECK_EQ(bl_error_current(BL_EIO), NULL);
}

static int fail_in_a_child(void *arg) {
    (void)arg;
    BL_TRY(load());
    return 0;
}

TEST(the_error_of_a_child_reaches_the_host_as_a_tree) {
    bl_group group = { 0 };
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, fail_in_a_child, NULL));
    int rc = bl_group_exit(&group, 0);
    CHECK_ERR(rc, BL_EGROUP);
    const bl_error *error = bl_error_current(rc);
    CHECK_STR(shape(error), "(5)");
    const bl_error *first = bl_error_first(error);
    CHECK_STR(bl_error_message(first), "line 7 is broken");
    CHECK_CONTAINS(bl_error_task(first), "fail_in_a_child");
    CHECK_CONTAINS(current_text(rc), "through fail_in_a_child() ");
}

/* ---- clauses ------------------------------------------------------------ */

/* What a clause saw, and what it is to do. */
struct clause {
    char seen[64]; /* shapes, one after the other */
    int rc;
    const char *message; /* raised with `rc`, if not NULL */
    int order;
};

static int order;

static int handle(const bl_error *match, void *context) {
    struct clause *clause = context;
    snprintf(clause->seen + strlen(clause->seen), 31, "%.30s", shape(match));
    clause->order = ++order;
    CHECK_EQ(bl_error_current(bl_error_code(match)), NULL);
    if (clause->message == NULL) return clause->rc;
    return BL_ERR(clause->rc, "%s", clause->message);
}

/* Makes `error` the current one. */
static int raise_tree(bl_error *error) {
    bl_error **slot = bl__error_slot();
    bl_error_unref(*slot);
    *slot = error;
    return bl_error_code(error);
}

static const char *current_shape(int code) {
    return shape(bl_error_current(code));
}

TEST(leaves_go_to_the_clause_with_their_code) {
    struct clause five = { .rc = 0 };
    struct clause six = { .rc = 0 };
    const bl_error_clause clauses[] = {
        { -6, handle, &six },
        { -5, handle, &five },
    };
    int rc = raise_tree(TREE(leaf(-5), TREE(leaf(-6), leaf(-5)), leaf(-6)));
    CHECK_EQ(bl_error_handle(rc, clauses, 2), 0);
    CHECK_STR(six.seen, "((6) 6)");
    CHECK_STR(five.seen, "(5 (5))");
    CHECK_EQ(six.order, 1); /* as they are listed */
    CHECK_EQ(five.order, 2);
    CHECK_EQ(bl_error_current(BL_EGROUP), NULL);
}

TEST(what_no_clause_takes_stays_current) {
    struct clause five = { .rc = 0 };
    const bl_error_clause clauses[] = { { -5, handle, &five } };
    int rc = raise_tree(TREE(leaf(-5), TREE(leaf(-6), leaf(-5)), leaf(-7)));
    CHECK_ERR(bl_error_handle(rc, clauses, 1), BL_EGROUP);
    CHECK_STR(five.seen, "(5 (5))");
    CHECK_STR(current_shape(BL_EGROUP), "((6) 7)");
    CHECK_STR(bl_error_origin(bl_error_current(BL_EGROUP)), "server.c:30");
}

TEST(an_error_that_nobody_takes_is_untouched) {
    struct clause five = { .rc = 0 };
    const bl_error_clause clauses[] = { { -5, handle, &five } };
    bl_error *error = TREE(leaf(-6));
    int rc = raise_tree(error);
    CHECK_ERR(bl_error_handle(rc, clauses, 1), BL_EGROUP);
    CHECK_EQ(bl_error_current(BL_EGROUP), error);
    CHECK_STR(five.seen, "");

    CHECK_ERR(parse(7), BL_EIO);
    const bl_error_clause other[] = { { BL_EPIPE, handle, &five } };
    CHECK_ERR(bl_error_handle(BL_EIO, other, 1), BL_EIO);
    CHECK_STR(bl_error_message(bl_error_current(BL_EIO)), "line 7 is broken");
    CHECK_STR(five.seen, "");
}

TEST(the_first_clause_with_a_code_takes_all_of_it) {
    struct clause first = { .rc = 0 };
    struct clause second = { .rc = 0 };
    const bl_error_clause clauses[] = {
        { -5, handle, &first },
        { -5, handle, &second },
    };
    int rc = raise_tree(TREE(leaf(-5), leaf(-5)));
    CHECK_EQ(bl_error_handle(rc, clauses, 2), 0);
    CHECK_STR(first.seen, "(5 5)");
    CHECK_STR(second.seen, "");
}

TEST(a_leaf_can_be_handled) {
    struct clause five = { .rc = 3 }; /* not negative: dealt with */
    const bl_error_clause clauses[] = { { BL_EIO, handle, &five } };
    CHECK_ERR(parse(7), BL_EIO);
    CHECK_EQ(bl_error_handle(BL_EIO, clauses, 1), 0);
    CHECK_STR(five.seen, "5");
    CHECK_EQ(bl_error_current(BL_EIO), NULL);
}

TEST(a_bare_code_can_be_handled) {
    struct clause five = { .rc = 0 };
    const bl_error_clause clauses[] = { { BL_EIO, handle, &five } };
    CHECK_ERR(BL_ERR(BL_EPIPE, "stale"), BL_EPIPE);
    CHECK_EQ(bl_error_handle(BL_EIO, clauses, 1), 0);
    CHECK_STR(five.seen, "5");
}

TEST(what_a_clause_returns_takes_the_place_of_its_part) {
    struct clause five = { .rc = -8, .message = "no better" };
    const bl_error_clause clauses[] = { { -5, handle, &five } };
    int rc = raise_tree(TREE(leaf(-5), leaf(-6)));
    CHECK_ERR(bl_error_handle(rc, clauses, 1), BL_EGROUP);
    CHECK_STR(current_shape(BL_EGROUP), "(8 (6))");
    const bl_error *first = bl_error_first(bl_error_current(BL_EGROUP));
    CHECK_STR(bl_error_message(first), "no better");
}

TEST(a_bare_code_of_a_clause_is_kept_too) {
    struct clause five = { .rc = -8 };
    struct clause six = { .rc = -9 };
    const bl_error_clause clauses[] = {
        { -5, handle, &five },
        { -6, handle, &six },
    };
    int rc = raise_tree(TREE(leaf(-5), leaf(-6)));
    CHECK_ERR(bl_error_handle(rc, clauses, 2), BL_EGROUP);
    CHECK_STR(current_shape(BL_EGROUP), "(8 9)");
}

TEST(what_is_left_of_a_leaf_is_a_group) {
    struct clause five = { .rc = -8 };
    const bl_error_clause clauses[] = { { BL_EIO, handle, &five } };
    CHECK_ERR(parse(7), BL_EIO);
    CHECK_ERR(bl_error_handle(BL_EIO, clauses, 1), BL_EGROUP);
    CHECK_STR(current_shape(BL_EGROUP), "(8)");
}

TEST(a_clause_can_pass_its_part_on) {
    struct clause group = { .rc = BL_EGROUP };
    struct clause own = { .rc = -6 };
    const bl_error_clause clauses[] = {
        { -5, handle, &group }, /* the code of its part */
        { -6, handle, &own },   /* its own code */
    };
    int rc = raise_tree(TREE(leaf(-5), TREE(leaf(-6)), leaf(-7)));
    CHECK_ERR(bl_error_handle(rc, clauses, 2), BL_EGROUP);
    CHECK_STR(current_shape(BL_EGROUP), "((5) ((6)) (7))");

    rc = raise_tree(TREE(leaf(-5), leaf(-5)));
    CHECK_ERR(bl_error_handle(rc, clauses, 2), BL_EGROUP);
    CHECK_STR(current_shape(BL_EGROUP), "(5 5)"); /* no group around it */
}

TEST(a_clause_that_fails_anew_with_its_own_code_has_failed) {
    struct clause five = { .rc = BL_EIO, .message = "failed again" };
    const bl_error_clause clauses[] = { { BL_EIO, handle, &five } };
    CHECK_ERR(parse(7), BL_EIO);
    CHECK_ERR(bl_error_handle(BL_EIO, clauses, 1), BL_EGROUP);
    const bl_error *first = bl_error_first(bl_error_current(BL_EGROUP));
    CHECK_STR(bl_error_message(first), "failed again");
}

TEST(a_clause_that_was_cancelled_has_not_dealt_with_its_part) {
    struct clause five = { .rc = BL_ECANCELED };
    const bl_error_clause clauses[] = { { -5, handle, &five } };
    int rc = raise_tree(TREE(leaf(-5), leaf(-6)));
    CHECK_ERR(bl_error_handle(rc, clauses, 1), BL_EGROUP);
    CHECK_STR(current_shape(BL_EGROUP), "((5) (6))");
    CHECK(!bl_error_match(bl_error_current(BL_EGROUP), BL_ECANCELED));
}

TEST(without_clauses_nothing_is_handled) {
    struct clause five = { .rc = 0 };
    const bl_error_clause clauses[] = {
        { BL_EIO, handle, &five },
        { BL_EPIPE, NULL, NULL },
    };
    CHECK_ERR(parse(7), BL_EIO);
    CHECK_ERR(bl_error_handle(BL_EIO, NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_error_handle(BL_EIO, clauses, 2), BL_EINVAL);
    CHECK_ERR(bl_error_handle(BL_EIO, clauses, 0), BL_EIO);
    CHECK_STR(five.seen, "");
    CHECK(bl_error_current(BL_EIO) != NULL);
    CHECK_EQ(bl_error_handle(0, clauses, 1), 0);
    CHECK_EQ(bl_error_handle(5, clauses, 1), 0);
    CHECK_STR(five.seen, "");
}

/* ---- without memory ----------------------------------------------------- */

TEST(want_of_memory_never_costs_the_code, .sweep = T_OOM) {
    int rc = load();
    bl_error_note(rc, "attempt %d", 3);
    CHECK_ALWAYS(rc == BL_EIO);
    CHECK_ALWAYS(bl_error_current(rc) != NULL);
    bl_error *error = bl_error_take(rc);
    CHECK_ALWAYS(bl_error_code(error) == BL_EIO);
    bl_error *bare = bl_error_take(BL_EPIPE);
    CHECK_ALWAYS(bl_error_code(bare) == BL_EPIPE);
    bl_error_unref(bare);
    bl_error_unref(error);
}

TEST(clauses_are_called_when_there_is_memory_for_all, .sweep = T_OOM) {
    struct clause five = { .rc = -8, .message = "no better" };
    struct clause six = { .rc = 0 };
    const bl_error_clause clauses[] = {
        { -5, handle, &five },
        { -6, handle, &six },
    };
    bl_error *error = TREE(leaf(-5), leaf(-6), leaf(-7));
    int rc = bl_error_handle(raise_tree(error), clauses, 2);
    if (rc == BL_ENOMEM) {
        CHECK_ALWAYS(five.seen[0] == '\0');
        CHECK_ALWAYS(six.seen[0] == '\0');
        CHECK_ALWAYS(bl_error_current(BL_EGROUP) == error);
    } else {
        CHECK_ALWAYS(rc == BL_EGROUP);
        const bl_error *left = bl_error_current(BL_EGROUP);
        CHECK_ALWAYS(left != NULL);
        CHECK_ALWAYS(bl_error_leaf_count(left) == 2);
        CHECK_ALWAYS(bl_error_match(left, -8));
        CHECK_ALWAYS(bl_error_match(left, -7));
    }
    CHECK_ERR(rc, BL_EGROUP);
}

/* ---- taken and restored -------------------------------------------------- */

TEST(what_was_taken_can_be_made_current_again) {
    BL_IGNORE(BL_ERR(BL_EIO, "the first")); /* the code is known */
    bl_error *first = bl_error_take(BL_EIO);
    CHECK(bl_error_current(BL_EIO) == NULL);
    BL_IGNORE(BL_ERR(BL_EPIPE, "another")); /* likewise */
    CHECK_EQ(bl_error_restore(first), BL_EIO);
    CHECK(bl_error_current(BL_EPIPE) == NULL);
    CHECK_STR(bl_error_message(bl_error_current(BL_EIO)), "the first");
    CHECK_EQ(bl_error_restore(NULL), 0);
    CHECK(bl_error_current(BL_EIO) == NULL);
}
