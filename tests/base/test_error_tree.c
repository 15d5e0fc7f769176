/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_error_tree.c - trees of errors: collected, asked, searched,
 * split
 *
 *     Legs: valgrind
 */
#include <belay/test.h>

#include "base/trees.h"

/* ---- collecting --------------------------------------------------------- */

TEST(a_group_keeps_its_errors_in_the_order_in_which_they_happened) {
    bl_error *error = TREE(leaf(-5), leaf(-6), leaf(-7), leaf(-8), leaf(-9));
    CHECK_EQ(bl_error_code(error), BL_EGROUP);
    CHECK_STR(shape(error), "(5 6 7 8 9)");
    CHECK_EQ(bl_error_count(error), 5);
    CHECK_EQ(bl_error_child(error, 5), NULL);
    CHECK_EQ(bl_error_code(bl_error_first(error)), -5);
    CHECK_STR(bl_error_origin(error), "server.c:30");
    CHECK_STR(bl_error_task(error), "main/server");
    CHECK_STR(bl_error_message(error), "");
    bl_error_unref(error);
}

TEST(a_tree_of_one_is_a_tree) {
    bl_error *error = TREE(leaf(-5));
    CHECK_EQ(bl_error_code(error), BL_EGROUP);
    CHECK_STR(shape(error), "(5)");
    CHECK_EQ(bl_error_leaf_count(error), 1);
    CHECK_EQ(bl_error_collapse(error), bl_error_child(error, 0));
    bl_error_unref(error);
}

TEST(a_tree_counts_and_finds_the_leaves_of_all_levels) {
    bl_error *error =
        TREE(TREE(TREE(leaf(-5)), leaf(-6)), leaf(-7), TREE(leaf(-8)));
    CHECK_STR(shape(error), "(((5) 6) 7 (8))");
    CHECK_EQ(bl_error_count(error), 3);
    CHECK_EQ(bl_error_leaf_count(error), 4);
    CHECK_EQ(bl_error_code(bl_error_first(error)), -5);
    CHECK_EQ(bl_error_collapse(error), error);
    for (int code = -8; code <= -5; code++)
        CHECK(bl_error_match(error, code));
    CHECK(!bl_error_match(error, -9));
    CHECK(!bl_error_match(error, BL_EGROUP)); /* no leaf has it */
    for (size_t i = 0; i < 4; i++) {
        CHECK_EQ(bl_error_code(bl__error_leaf(error, i)), -5 - (int)i);
    }
    CHECK_EQ(bl__error_leaf(error, 4), NULL);
    bl_error_unref(error);
}

TEST(collapse_goes_through_any_number_of_groups_of_one) {
    bl_error *error = nest(leaf(-5), 9);
    CHECK_EQ(bl_error_code(bl_error_collapse(error)), -5);
    CHECK_EQ(bl_error_collapse(error), bl_error_first(error));
    bl_error_unref(error);
}

TEST(a_group_without_errors_has_nothing_to_clear) {
    struct bl__errors errors = { 0 };
    bl__errors_clear(&errors);
    CHECK_EQ(errors._count, 0);
}

TEST(clearing_gives_all_references_back) {
    struct bl__errors errors = { 0 };
    bl_error *kept = leaf(-5);
    for (int i = 0; i < 100; i++)
        bl__errors_append(&errors, bl_error_ref(kept));
    CHECK_EQ(errors._count, 100);
    bl__errors_clear(&errors);
    CHECK_EQ(errors._count, 0);
    CHECK_EQ(errors._items, NULL);
    CHECK(bl__error_has_one_owner(kept));
    bl_error_unref(kept);
}

TEST(what_was_reserved_is_there) {
    struct bl__errors errors = { 0 };
    CHECK(bl__errors_reserve(&errors, 3));
    CHECK_EQ(errors._capacity, 3);
    CHECK(bl__errors_reserve(&errors, 2));
    CHECK_EQ(errors._capacity, 3);
    bl__errors_append(&errors, leaf(-5));
    CHECK(bl__errors_reserve(&errors, 9));
    CHECK_EQ(errors._capacity, 9);
    CHECK_EQ(bl_error_code(errors._items[0]), -5);
    bl__errors_clear(&errors);
}

static uint32_t frames_of(const bl_error *error) {
    return error->trail != NULL ? error->trail->frame_count : 0;
}

static bl_error *leaf_with_frame(int code) {
    bl_error *error = leaf(code);
    bl__error_add_frame(&error, "load", "g.c:1");
    return error;
}

TEST(frames_are_kept_for_the_first_256_leaves_of_a_group) {
    struct bl__errors errors = { 0 };
    for (int i = 0; i < 260; i++) {
        bl_error *error = leaf_with_frame(-5);
        if (i >= 258) bl__error_add_note(&error, "kept");
        bl__errors_append(&errors, error);
    }
    bl_error *error = bl__error_new_group(&errors, NULL, NULL);
    for (size_t i = 0; i < 260; i++) {
        CHECK_EQ(frames_of(bl_error_child(error, i)), i < 256);
    }
    char text[100];
    const bl_error *last = bl_error_child(error, 259);
    bl_error_format(last, text, sizeof text);
    CHECK_CONTAINS(text, "note: kept");
    bl_error_unref(error);
}

TEST(a_subtree_that_comes_late_loses_its_frames_too) {
    struct bl__errors errors = { 0 };
    for (int i = 0; i < 256; i++)
        bl__errors_append(&errors, leaf(-5));
    bl_error *kept = leaf_with_frame(-6);
    bl__errors_append(&errors,
                      TREE(leaf_with_frame(-7), TREE(leaf_with_frame(-8)),
                           bl_error_ref(kept)));
    bl_error *error = bl__error_new_group(&errors, NULL, NULL);
    const bl_error *late = bl_error_child(error, 256);
    CHECK_STR(shape(late), "(7 (8) 6)");
    CHECK_EQ(frames_of(bl__error_leaf(late, 0)), 0);
    CHECK_EQ(frames_of(bl__error_leaf(late, 1)), 0);
    CHECK_EQ(frames_of(kept), 1); /* somebody else looks at it */
    bl_error_unref(error);
    bl_error_unref(kept);
}

/* ---- collecting without memory ------------------------------------------ */

TEST(lost_errors_are_children_by_their_code) {
    struct bl__errors errors = { 0 };
    bl__errors_append(&errors, leaf(-5));
    errors._lost_count = 2;
    errors._lost_codes[0] = -20001;
    errors._lost_codes[1] = -7;
    bl_error *error = bl__error_new_group(&errors, GROUP_SITE, "main");
    CHECK_EQ(errors._lost_count, 0);
    CHECK_STR(shape(error), "(5 20001 7)");
    CHECK_EQ(bl_error_leaf_count(error), 3);
    CHECK(bl_error_match(error, -20001));
    CHECK(bl_error_match(error, -7));
    CHECK(!bl_error_match(error, BL_ENOMEM));

    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split(error, -7, &match, &rest));
    CHECK_STR(shape(match), "(7)");
    CHECK_STR(shape(rest), "(5 20001)");
    bl_error_unref(match);
    bl_error_unref(rest);

    char text[600];
    bl_error_format(error, text, sizeof text);
    CHECK_CONTAINS(text, "├─ 2. BL_E? (-20001): ");
    CHECK_CONTAINS(text, "└─ 3. E2BIG (-7): ");
    CHECK_CONTAINS(text, "there was no memory for the details");
    bl_error_unref(error);
}

TEST(of_lost_errors_beyond_four_the_number_is_known) {
    struct bl__errors errors = { ._lost_count = 6,
                                 ._lost_codes = { -5, -6, -7, -8 } };
    bl_error *error = bl__error_new_group(&errors, NULL, NULL);
    CHECK_STR(shape(error), "(5 6 7 8 12 12)");
    CHECK_EQ(bl_error_leaf_count(error), 6);
    CHECK_EQ(bl_error_code(bl_error_first(error)), -5);
    CHECK(bl_error_match(error, -8));
    CHECK(bl_error_match(error, BL_ENOMEM)); /* what the others died of */
    bl_error_unref(error);
}

TEST(want_of_memory_never_costs_a_code_of_a_group, .sweep = T_OOM) {
    bl_error *error = TREE(leaf(-5), TREE(leaf(-6), leaf(-7)));
    CHECK_ALWAYS(bl_error_code(error) == BL_EGROUP);
    CHECK_ALWAYS(bl_error_leaf_count(error) == 3);
    for (int code = -7; code <= -5; code++) {
        CHECK_ALWAYS(bl_error_match(error, code));
    }
    char text[1000];
    CHECK_ALWAYS(bl_error_format(error, text, sizeof text) < sizeof text);
    CHECK_ALWAYS(strstr(text, "3 errors") != NULL);
    bl_error_unref(error);
}

TEST(want_of_memory_while_a_group_grows_is_counted, .sweep = T_OOM) {
    struct bl__errors errors = { 0 };
    for (int i = 0; i < 100; i++)
        bl__errors_append(&errors, leaf(-5));
    CHECK_ALWAYS(errors._count + errors._lost_count == 100);
    bl_error *error = bl__error_new_group(&errors, GROUP_SITE, "main");
    CHECK_ALWAYS(bl_error_leaf_count(error) == 100);
    CHECK_ALWAYS(bl_error_count(error) == 100);
    bl_error_unref(error);
}

/* ---- splitting ---------------------------------------------------------- */

/* Splits and compares the shapes of both parts, "" for NULL. */
static void check_split(bl_error *error, int code, const char *match_shape,
                        const char *rest_shape) {
    BL_TEST_INFO("%s split by %d", shape(error), -code);
    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split(error, code, &match, &rest));
    CHECK_STR(shape(match), match_shape);
    CHECK_STR(shape(rest), rest_shape);
    /* A part that equals the whole is the whole. */
    CHECK_EQ(match == error, rest == NULL);
    CHECK_EQ(rest == error, match == NULL);
    bl_error_unref(match);
    bl_error_unref(rest);
    bl_error_unref(error);
}

TEST(a_leaf_is_split_into_itself_and_nothing) {
    check_split(leaf(-5), -5, "5", "");
    check_split(leaf(-5), -6, "", "5");
}

TEST(a_tree_is_split_by_code) {
    check_split(TREE(leaf(-5), leaf(-6), leaf(-5)), -5, "(5 5)", "(6)");
    check_split(TREE(leaf(-5), leaf(-6), leaf(-5)), -6, "(6)", "(5 5)");
    check_split(TREE(leaf(-5), leaf(-6)), -7, "", "(5 6)");
    check_split(TREE(leaf(-5), leaf(-5)), -5, "(5 5)", "");
}

TEST(both_parts_keep_the_nesting) {
    check_split(
        TREE(leaf(-5), TREE(leaf(-6), TREE(leaf(-5), leaf(-7))), leaf(-8)), -5,
        "(5 ((5)))", "((6 (7)) 8)");
}

TEST(groups_that_would_be_empty_vanish) {
    check_split(TREE(TREE(leaf(-5), leaf(-5)), TREE(leaf(-6))), -5, "((5 5))",
                "((6))");
    check_split(TREE(TREE(TREE(leaf(-5)))), -5, "(((5)))", "");
}

TEST(groups_of_one_stay) {
    check_split(TREE(TREE(leaf(-5)), leaf(-6)), -5, "((5))", "(6)");
    check_split(TREE(TREE(TREE(leaf(-5)), leaf(-6))), -6, "((6))", "(((5)))");
}

TEST(a_subtree_that_goes_into_one_part_is_shared) {
    bl_error *error = TREE(TREE(leaf(-5), leaf(-5)), leaf(-6));
    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split(error, -5, &match, &rest));
    CHECK_EQ(bl_error_child(match, 0), bl_error_child(error, 0));
    CHECK_EQ(bl_error_child(rest, 0), bl_error_child(error, 1));
    bl_error_unref(match);
    bl_error_unref(rest);
    bl_error_unref(error);
}

TEST(parts_keep_what_the_group_gathered_and_where_it_was) {
    bl_error *error = TREE(leaf(-5), leaf(-6));
    bl_error *other = leaf(BL_EPIPE);
    bl__error_add_frame(&error, "serve", "h.c:2");
    bl__error_add_note(&error, "on port 80");
    bl__error_add_suppressed(&error, other);
    bl_error_unref(other);
    bl_error *parts[2] = { NULL };
    REQUIRE_OK(bl_error_split(error, -5, &parts[0], &parts[1]));
    bl_error_unref(error);
    for (int i = 0; i < 2; i++) {
        char text[600];
        bl_error_format(parts[i], text, sizeof text);
        CHECK_CONTAINS(text, "BL_EGROUP (-10001): 1 error\n");
        CHECK_CONTAINS(text, "│  from BL_GROUP(g) at server.c:30\n");
        CHECK_CONTAINS(text, "│  through serve() h.c:2\n");
        CHECK_CONTAINS(text, "│  in task main/server\n");
        CHECK_CONTAINS(text, "│  note: on port 80\n");
        CHECK_CONTAINS(text, "BL_EPIPE");
    }
    /* What is added to one part is not added to the other. */
    bl__error_add_note(&parts[0], "handled");
    char text[600];
    bl_error_format(parts[1], text, sizeof text);
    CHECK_EQ(strstr(text, "handled"), NULL);
    bl_error_unref(parts[0]);
    bl_error_unref(parts[1]);
}

TEST(leaves_of_a_part_outlive_the_original) {
    bl_error *error = TREE(leaf_saying(-5, "five"), leaf_saying(-6, "six"));
    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split(error, -6, &match, &rest));
    bl_error_unref(error);
    bl_error_unref(rest);
    CHECK_STR(bl_error_message(bl_error_first(match)), "six");
    bl_error_unref(match);
}

struct asked {
    int codes[8];
    size_t count;
};

static bool is_odd(const bl_error *error, void *context) {
    struct asked *asked = context;
    asked->codes[asked->count++] = bl_error_code(error);
    return bl_error_code(error) % 2 != 0;
}

TEST(the_predicate_is_asked_once_per_leaf_in_order) {
    struct asked asked = { .count = 0 };
    bl_error *error = TREE(leaf(-5), TREE(TREE(leaf(-6)), leaf(-7)), leaf(-8));
    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split_if(error, is_odd, &asked, &match, &rest));
    CHECK_STR(shape(match), "(5 (7))");
    CHECK_STR(shape(rest), "(((6)) 8)");
    REQUIRE_EQ(asked.count, 4);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(asked.codes[i], -5 - i);
    bl_error_unref(match);
    bl_error_unref(rest);
    bl_error_unref(error);
}

TEST(a_split_without_an_argument_is_refused) {
    struct asked asked = { .count = 0 };
    bl_error *error = leaf(-5);
    bl_error *match = error;
    bl_error *rest = error;
    CHECK_ERR(bl_error_split(NULL, -5, &match, &rest), BL_EINVAL);
    CHECK_ERR(bl_error_split(error, -5, NULL, &rest), BL_EINVAL);
    CHECK_ERR(bl_error_split(error, -5, &match, NULL), BL_EINVAL);
    CHECK_ERR(bl_error_split_if(NULL, is_odd, &asked, &match, &rest),
              BL_EINVAL);
    CHECK_ERR(bl_error_split_if(error, NULL, &asked, &match, &rest), BL_EINVAL);
    CHECK_ERR(bl_error_split_if(error, is_odd, &asked, NULL, &rest), BL_EINVAL);
    CHECK_ERR(bl_error_split_if(error, is_odd, &asked, &match, NULL),
              BL_EINVAL);
    CHECK_EQ(asked.count, 0);
    CHECK_EQ(match, error); /* nothing was written */
    CHECK_EQ(rest, error);
    bl_error_unref(error);
}

TEST(a_split_without_memory_writes_nothing, .sweep = T_OOM) {
    bl_error *error = TREE(leaf(-5), TREE(TREE(leaf(-6)), leaf(-5)), leaf(-8));
    bl_error *none = bl__thin_leaf(-1);
    bl_error *match = none;
    bl_error *rest = none;
    int rc = bl_error_split(error, -5, &match, &rest);
    CHECK_EQ(rc, 0);
    if (rc < 0) {
        CHECK_ALWAYS(rc == BL_ENOMEM);
        CHECK_ALWAYS(match == none);
        CHECK_ALWAYS(rest == none);
    } else {
        CHECK_ALWAYS(bl_error_leaf_count(match) == 2);
        CHECK_ALWAYS(bl_error_leaf_count(rest) == 2);
        bl_error_unref(match);
        bl_error_unref(rest);
    }
    bl_error_unref(error);
}

/* ---- large trees -------------------------------------------------------- */

/*
 * Each of these is instant if the work is linear, beyond any patience if it is
 * quadratic, and a crash if it recurses on the 64 KiB of a task.
 */
enum {
    LARGE = 100000
};

/* Asks, splits, prints and frees a tree of leaves with -5 and one -6. */
static void check_large(bl_error *error, size_t leaf_count) {
    CHECK_EQ(bl_error_leaf_count(error), leaf_count);
    CHECK(bl_error_match(error, -6));
    CHECK(!bl_error_match(error, -7));

    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split(error, -6, &match, &rest));
    CHECK_EQ(bl_error_leaf_count(match), 1);
    CHECK_EQ(bl_error_leaf_count(rest), leaf_count - 1);
    CHECK_EQ(bl_error_code(bl_error_collapse(match)), -6);

    char text[100];
    CHECK_LT(bl_error_format(error, text, sizeof text), 40000);
    bl_error_unref(match);
    bl_error_unref(rest);
    bl_error_unref(error);
}

TEST(a_wide_tree_is_no_trouble) {
    struct bl__errors errors = { 0 };
    for (int i = 0; i < LARGE; i++) {
        bl__errors_append(&errors, leaf(i == LARGE / 2 ? -6 : -5));
    }
    check_large(bl__error_new_group(&errors, NULL, NULL), LARGE);
}

TEST(a_deep_tree_with_a_leaf_before_each_level_is_no_trouble, .tags = "bulky") {
    bl_error *error = TREE(leaf(-6));
    for (int i = 0; i < LARGE; i++)
        error = TREE(leaf(-5), error);
    check_large(error, LARGE + 1);
}

TEST(a_deep_tree_with_a_leaf_behind_each_level_is_no_trouble, .tags = "bulky") {
    bl_error *error = TREE(leaf(-6));
    for (int i = 0; i < LARGE; i++)
        error = TREE(error, leaf(-5));
    check_large(error, LARGE + 1);
}

TEST(a_deep_tree_with_a_group_on_each_side_is_no_trouble, .tags = "bulky") {
    bl_error *error = TREE(leaf(-6));
    for (int i = 0; i < LARGE / 4; i++) {
        bl_error *side = TREE(leaf(-5), leaf(-5));
        error = i % 2 == 0 ? TREE(side, error, leaf(-5))
                           : TREE(leaf(-5), error, side);
    }
    check_large(error, LARGE / 4 * 3 + 1);
}

TEST(a_deep_tree_of_one_leaf_is_no_trouble) {
    bl_error *error = nest(leaf(-6), LARGE);
    CHECK_EQ(bl_error_code(bl_error_collapse(error)), -6);
    CHECK(bl_error_match(error, -6));
    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split(error, -6, &match, &rest));
    CHECK_EQ(match, error);
    CHECK_EQ(rest, NULL);
    bl_error_unref(match);
    bl_error_unref(error);
}

TEST(a_balanced_tree_is_no_trouble) {
    bl_error *error = TREE(leaf(-5), leaf(-6));
    size_t leaf_count = 2;
    for (int i = 0; i < 14; i++) {
        struct bl__errors errors = { 0 };
        for (size_t j = 0; j < leaf_count; j++) {
            bl__errors_append(&errors, leaf(-5));
        }
        error = TREE(bl__error_new_group(&errors, NULL, NULL), error);
        leaf_count *= 2;
    }
    check_large(error, leaf_count);
}

TEST(groups_that_fail_into_groups_are_stripped_once) {
    bl_error *many = leaf_with_frame(-5);
    for (int i = 0; i < 8; i++)
        many = TREE(many, bl_error_ref(many));
    REQUIRE_EQ(bl_error_leaf_count(many), 256);

    bl_error *error = leaf_with_frame(-6);
    for (int i = 0; i < LARGE; i++) {
        error = TREE(bl_error_ref(many), error); /* comes late every time */
    }
    CHECK_EQ(bl_error_leaf_count(error), 256 * (size_t)LARGE + 1);
    CHECK_EQ(frames_of(bl_error_first(error)), 1);
    CHECK_EQ(frames_of(bl__error_leaf(error, 256 * (size_t)LARGE)), 0);
    bl_error_unref(many);
    bl_error_unref(error);
}
