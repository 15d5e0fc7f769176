/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_error.c - one error: made, added to, shared, let go
 *
 *     Legs: threads valgrind
 */
#include <belay/test.h>

#include <pthread.h>

#include "base/site.h"
#include "base/trees.h"

/* ---- making ------------------------------------------------------------- */

TEST(a_leaf_knows_what_it_was_told) {
    bl_error *error = leaf_saying(BL_EIO, "short write: %d of %d", 3, 9);
    CHECK_EQ(bl_error_code(error), BL_EIO);
    CHECK_STR(bl_error_message(error), "short write: 3 of 9");
    CHECK_STR(bl_error_origin(error), "f.c:12");
    CHECK_STR(bl_error_task(error), "main/conn-7");
    bl_error_unref(error);
}

TEST(a_leaf_keeps_copies_of_texts_that_may_go_away) {
    char function[] = "worker";
    char task[] = "main/worker";
    bl_error *error = bl__error_new_bare(-5, function, "f.c:1", task);
    memset(function, 'x', sizeof function - 1);
    memset(task, 'x', sizeof task - 1);
    CHECK_STR(bl_error_task(error), "main/worker");
    char text[200];
    bl_error_format(error, text, sizeof text);
    CHECK_CONTAINS(text, "at worker() f.c:1\n");
    bl_error_unref(error);
}

TEST(a_leaf_that_was_told_nothing_has_empty_texts) {
    bl_error *error = bl__error_new_bare(BL_EPIPE, NULL, NULL, NULL);
    CHECK_EQ(bl_error_code(error), BL_EPIPE);
    CHECK_STR(bl_error_message(error), "");
    CHECK_STR(bl_error_origin(error), "");
    CHECK_STR(bl_error_task(error), "");
    bl_error_unref(error);
}

TEST(a_leaf_is_a_tree_of_itself) {
    bl_error *error = leaf(BL_EIO);
    CHECK_EQ(bl_error_count(error), 0);
    CHECK_EQ(bl_error_child(error, 0), NULL);
    CHECK_EQ(bl_error_leaf_count(error), 1);
    CHECK_EQ(bl_error_first(error), error);
    CHECK_EQ(bl_error_collapse(error), error);
    CHECK(bl_error_match(error, BL_EIO));
    CHECK(!bl_error_match(error, BL_EPIPE));
    bl_error_unref(error);
}

TEST(no_error_answers_every_question) {
    CHECK_EQ(bl_error_code(NULL), 0);
    CHECK_STR(bl_error_message(NULL), "");
    CHECK_STR(bl_error_origin(NULL), "");
    CHECK_STR(bl_error_task(NULL), "");
    CHECK_EQ(bl_error_count(NULL), 0);
    CHECK_EQ(bl_error_child(NULL, 0), NULL);
    CHECK_EQ(bl_error_leaf_count(NULL), 0);
    CHECK(!bl_error_match(NULL, 0));
    CHECK_EQ(bl_error_first(NULL), NULL);
    CHECK_EQ(bl_error_collapse(NULL), NULL);
    CHECK_EQ(bl_error_ref(NULL), NULL);
    bl_error_unref(NULL);
}

TEST(a_message_is_cut_at_1023_bytes) {
    char text[3000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    bl_error *error = leaf_saying(-5, "%s", text);
    CHECK_EQ(strlen(bl_error_message(error)), 1023);
    bl_error_unref(error);
    text[1023] = '\0';
    error = leaf_saying(-5, "%s", text);
    CHECK_STR(bl_error_message(error), text);
    bl_error_unref(error);
}

TEST(a_message_is_not_cut_inside_a_character) {
    char text[3000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text + 1020, "\xf0\x9f\xa7\x97", 4); /* the last byte is too many */
    bl_error *error = leaf_saying(-5, "%s", text);
    CHECK_EQ(strlen(bl_error_message(error)), 1020);
    bl_error_unref(error);
    memcpy(text + 1019, "\xf0\x9f\xa7\x97", 4); /* it just fits */
    error = leaf_saying(-5, "%s", text);
    CHECK_EQ(strlen(bl_error_message(error)), 1023);
    bl_error_unref(error);
}

TEST(a_cut_goes_before_a_character_that_is_not_whole) {
    CHECK_EQ(bl__utf8_cut("", 0), 0);
    CHECK_EQ(bl__utf8_cut("abc", 3), 3);
    CHECK_EQ(bl__utf8_cut("a\xc3\xa4", 3), 3);
    CHECK_EQ(bl__utf8_cut("a\xc3", 2), 1);
    CHECK_EQ(bl__utf8_cut("a\xe2\x94", 3), 1);
    CHECK_EQ(bl__utf8_cut("a\xe2\x94\x82", 4), 4);
    CHECK_EQ(bl__utf8_cut("a\xf0\x9f\xa7", 4), 1);
    CHECK_EQ(bl__utf8_cut("\x80\x80\x80\x80", 4), 4); /* no text anyway */
}

TEST(a_site_has_a_place_and_may_have_a_call) {
    CHECK_STR(bl__site_place("bl_sleep(1)\0f.c:40"), "f.c:40");
    CHECK_STR(bl__site_call("bl_sleep(1)\0f.c:40"), "bl_sleep(1)");
    CHECK_STR(bl__site_place("worker\0f.c:40"), "f.c:40");
    CHECK_STR(bl__site_place("src/f.c:40"), "src/f.c:40");
    CHECK_STR(bl__site_call("src/f.c:40"), "");
    CHECK_STR(bl__site_place(NULL), "");
    CHECK_STR(bl__site_call(NULL), "");
    CHECK_STR(bl__site_place(""), "");
    CHECK_STR(bl__site_call(""), "");
    CHECK_STR(bl__site_place("f(x ? 1 : 2)\0f.c:4"), "f.c:4");
    CHECK_STR(bl__site_place("40\0f.c:4"), "f.c:4");
    CHECK_STR(bl__site_place(":\0f.c:4"), "f.c:4");
}

/* ---- what is added on the way up ---------------------------------------- */

static const struct bl__frame *frame(const bl_error *error, uint32_t index) {
    return bl__error_frame(error, index);
}

TEST(frames_are_kept_in_the_order_of_the_way) {
    bl_error *error = leaf(-5);
    bl__error_add_frame(&error, "load", "g.c:1");
    bl__error_add_frame(&error, "serve", "h.c:2");
    REQUIRE_EQ(error->trail->frame_count, 2);
    CHECK_STR(frame(error, 0)->function, "load");
    CHECK_STR(frame(error, 1)->function, "serve");
    CHECK_STR(frame(error, 1)->site, "h.c:2");
    bl_error_unref(error);
}

static const char *const numbers[] = {
    "0",  "1",  "2",  "3",  "4",  "5",  "6",  "7",  "8",  "9",
    "10", "11", "12", "13", "14", "15", "16", "17", "18", "19",
    "20", "21", "22", "23", "24", "25", "26", "27", "28", "29",
    "30", "31", "32", "33", "34", "35", "36", "37", "38", "39",
};

TEST(of_many_frames_the_first_16_and_the_last_16_are_kept) {
    bl_error *error = leaf(-5);
    for (uint32_t i = 0; i < 40; i++) {
        bl__error_add_frame(&error, numbers[i], "f.c:1");
        CHECK_EQ(error->trail->frame_count, i + 1);
        CHECK_LE(error->trail->frame_capacity, 32);
        uint32_t kept = i < 16 ? i : 15;
        CHECK_STR(frame(error, kept)->function, numbers[kept]);
    }
    for (uint32_t i = 0; i < 16; i++) {
        CHECK_STR(frame(error, i)->function, numbers[i]);
    }
    for (uint32_t i = 24; i < 40; i++) {
        CHECK_STR(frame(error, i)->function, numbers[i]);
    }
    bl_error_unref(error);
}

TEST(an_error_that_somebody_keeps_does_not_change) {
    bl_error *error = leaf_saying(BL_EIO, "short write");
    bl__error_add_frame(&error, "load", "g.c:1");
    bl__error_add_note(&error, "first");
    bl_error *kept = bl_error_ref(error);
    char before[300];
    bl_error_format(kept, before, sizeof before);

    bl_error *other = leaf(BL_EPIPE);
    bl__error_add_frame(&error, "serve", "h.c:2");
    bl__error_add_note(&error, "second");
    bl__error_add_suppressed(&error, other);
    bl_error_unref(other);

    CHECK_NE(error, kept);
    char after[300];
    bl_error_format(kept, after, sizeof after);
    CHECK_STR(after, before);
    bl_error_format(error, after, sizeof after);
    CHECK_STR(after,
              "BL_EIO (-5): short write\n"
              "   at parse() f.c:12\n"
              "   through load() g.c:1\n"
              "   through serve() h.c:2\n"
              "   in task main/conn-7\n"
              "   note: first\n"
              "   note: second\n"
              "   suppressed:\n"
              "   └─ 1. BL_EPIPE (-32): nobody reads at the other end\n");
    bl_error_unref(kept);
    bl_error_unref(error);
}

TEST(an_error_with_one_owner_changes_in_place) {
    bl_error *error = leaf(-5);
    bl_error *before = error;
    bl__error_add_frame(&error, "load", "g.c:1");
    bl__error_add_note(&error, "note");
    CHECK_EQ(error, before);
    bl_error_unref(error);
}

TEST(a_copy_of_a_tree_has_the_same_children) {
    bl_error *error = TREE(leaf(-5), TREE(leaf(-6), leaf(-7)));
    bl_error *kept = bl_error_ref(error);
    bl__error_add_note(&error, "on its way");
    REQUIRE_NE(error, kept);
    CHECK_STR(shape(error), "(5 (6 7))");
    CHECK_EQ(bl_error_child(error, 1), bl_error_child(kept, 1));
    CHECK_STR(bl_error_origin(error), "server.c:30");
    CHECK_STR(bl_error_task(error), "main/server");
    CHECK_EQ(bl_error_leaf_count(error), 3);
    CHECK_EQ(kept->trail, NULL);
    bl_error_unref(kept);
    bl_error_unref(error);
}

TEST(an_error_does_not_suppress_itself) {
    bl_error *error = leaf(-5);
    bl__error_add_suppressed(&error, error);
    CHECK_EQ(error->trail, NULL);
    bl_error_unref(error); /* a circle would leak */
}

TEST(an_error_may_suppress_a_part_of_itself) {
    bl_error *error = TREE(leaf(-5), leaf(-6));
    bl__error_add_suppressed(&error, bl_error_first(error));
    bl_error_unref(error);
}

TEST(a_suppressed_error_lives_as_long_as_the_one_it_hangs_on) {
    bl_error *error = leaf(-5);
    bl_error *other = leaf_saying(-6, "the goodbye");
    bl__error_add_suppressed(&error, other);
    bl_error_unref(other);
    char text[300];
    bl_error_format(error, text, sizeof text);
    CHECK_CONTAINS(text, "the goodbye");
    bl_error_unref(error);
}

TEST(letting_go_of_a_long_chain_needs_no_stack) {
    bl_error *error = leaf(-5);
    for (int i = 0; i < 100000; i++) {
        bl_error *outer = leaf(-6);
        bl__error_add_suppressed(&outer, error);
        bl_error_unref(error);
        error = outer;
    }
    char text[4000];
    CHECK_LT(bl_error_format(error, text, sizeof text), sizeof text);
    CHECK_CONTAINS(text, "suppressed: 1 error, nested deeper than is drawn");
    bl_error_unref(error);
}

static void *keep_and_let_go(void *arg) {
    bl_error *error = arg;
    for (int i = 0; i < 20000; i++) {
        bl_error *mine = bl_error_ref(error);
        if (bl_error_code(mine) != BL_EGROUP) return NULL;
        bl_error_unref(mine);
    }
    bl_error_unref(error);
    return arg;
}

TEST(references_are_counted_across_threads) {
    bl_error *error = TREE(leaf(-5), leaf(-6));
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        REQUIRE_EQ(pthread_create(&threads[i], NULL, keep_and_let_go,
                                  bl_error_ref(error)),
                   0);
    }
    bl_error_unref(error); /* whoever is last frees it */
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        REQUIRE_EQ(pthread_join(threads[i], &result), 0);
        CHECK(result != NULL);
    }
}

/* ---- without memory ----------------------------------------------------- */

TEST(a_thin_leaf_has_any_code) {
    static const int codes[] = { -1,     BL_ECANCELED, BL_EBROKEN, -4096,
                                 -20001, -1000000,     0,          7 };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        bl_error *error = bl__thin_leaf(codes[i]);
        CHECK_EQ(bl_error_code(error), codes[i]);
        CHECK_EQ(bl_error_count(error), 0);
        CHECK_EQ(bl_error_leaf_count(error), 1);
        CHECK_EQ(bl_error_first(error), error);
        CHECK(bl_error_match(error, codes[i]));
        CHECK_STR(bl_error_message(error), "");
        CHECK_STR(bl_error_origin(error), "");
        CHECK_STR(bl_error_task(error), "");
        CHECK_EQ(bl_error_ref(error), error);
        bl_error_unref(error);
        bl_error_unref(error); /* it owns nothing */
    }
}

TEST(a_thin_leaf_gathers_frames_once_there_is_memory) {
    bl_error *error = bl__thin_leaf(BL_EIO);
    bl__error_add_frame(&error, "load", "g.c:1");
    CHECK_EQ(bl_error_code(error), BL_EIO);
    REQUIRE(!bl__error_is_thin(error));
    CHECK_EQ(error->trail->frame_count, 1);
    bl_error_unref(error);
}

TEST(a_thin_tree_keeps_three_codes_and_the_number) {
    static const int codes[] = { BL_EIO, BL_ECLOSED, -32767 };
    bl_error *error = bl__thin_tree(codes, 5);
    CHECK_EQ(bl_error_code(error), BL_EGROUP);
    CHECK_STR(shape(error), "(5 10004 32767 12 12)");
    CHECK_EQ(bl_error_leaf_count(error), 5);
    CHECK_EQ(bl_error_child(error, 5), NULL);
    CHECK_EQ(bl_error_code(bl_error_first(error)), BL_EIO);
    CHECK(bl_error_match(error, BL_ECLOSED));
    CHECK(bl_error_match(error, BL_ENOMEM));
    CHECK(!bl_error_match(error, BL_EGROUP));
    CHECK_EQ(bl_error_collapse(error), error);
    bl_error_unref(error);

    error = bl__thin_tree(codes, 1);
    CHECK_EQ(bl_error_code(bl_error_collapse(error)), BL_EIO);
    CHECK(!bl_error_match(error, BL_ENOMEM));
    CHECK_EQ(bl_error_leaf_count(bl__thin_tree(codes, 100000)), 100000);
    CHECK_GE(bl_error_leaf_count(bl__thin_tree(codes, SIZE_MAX)), 32767);
}

TEST(a_thin_tree_has_a_stand_in_for_a_code_that_does_not_fit) {
    static const int codes[] = { -32768, 3, INT_MIN };
    CHECK_STR(shape(bl__thin_tree(codes, 3)), "(12 12 12)");
}

TEST(a_thin_tree_can_be_split_and_gather) {
    static const int codes[] = { -5, -6, -5 };
    bl_error *error = bl__thin_tree(codes, 3);
    bl_error *match = NULL;
    bl_error *rest = NULL;
    REQUIRE_OK(bl_error_split(error, -5, &match, &rest));
    CHECK_STR(shape(match), "(5 5)");
    CHECK_STR(shape(rest), "(6)");
    bl_error_unref(match);
    bl_error_unref(rest);
    bl__error_add_note(&error, "later");
    CHECK_STR(shape(error), "(5 6 5)");
    CHECK(!bl__error_is_thin(error));
    bl_error_unref(error);
}

TEST(want_of_memory_never_costs_a_code, .sweep = T_OOM) {
    bl_error *error = leaf_saying(BL_EIO, "short write");
    CHECK_ALWAYS(bl_error_code(error) == BL_EIO);
    bl_error *bare = leaf(BL_EPIPE);
    CHECK_ALWAYS(bl_error_code(bare) == BL_EPIPE);

    bl_error *kept = bl_error_ref(error);
    bl__error_add_frame(&error, "load", "g.c:1");
    bl__error_add_note(&error, "note");
    bl__error_add_suppressed(&error, bare);
    CHECK_ALWAYS(bl_error_code(error) == BL_EIO);
    CHECK_ALWAYS(bl_error_code(kept) == BL_EIO);

    char text[500];
    CHECK_ALWAYS(bl_error_format(error, text, sizeof text) > 0);
    CHECK_ALWAYS(strstr(text, "BL_EIO (-5)") == text);
    bl_error_unref(bare);
    bl_error_unref(kept);
    bl_error_unref(error);
}

TEST(frames_beyond_memory_are_left_out, .sweep = T_OOM) {
    bl_error *error = leaf(BL_EIO);
    for (int i = 0; i < 40; i++)
        bl__error_add_frame(&error, "f", "f.c:1");
    bl_error *shared = bl_error_ref(error);
    bl__error_add_note(&error, "one");
    bl__error_add_note(&error, "two");
    bl_error *third = bl_error_ref(error);
    bl__error_add_note(&error, "three"); /* copies the trail */
    CHECK_ALWAYS(bl_error_code(error) == BL_EIO);
    CHECK_ALWAYS(bl_error_code(third) == BL_EIO);
    bl_error_unref(third);
    bl_error_unref(shared);
    bl_error_unref(error);
}
