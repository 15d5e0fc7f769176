/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_error_text.c - how errors look
 */
#include <belay/test.h>

#include <stdlib.h>

#include "base/trees.h"

/* Returns the whole text of `error`, valid until the next call. */
static const char *text_of(const bl_error *error) {
    static char text[1 << 17];
    size_t length = bl_error_format(error, text, sizeof text);
    REQUIRE_LT(length, sizeof text);
    CHECK_EQ(strlen(text), length);
    return text;
}

/* Compares the text, then lets the error go. */
static void check_text(bl_error *error, const char *expected) {
    CHECK_STR(text_of(error), expected);
    bl_error_unref(error);
}

/* ---- a leaf ------------------------------------------------------------- */

TEST(a_leaf_says_what_where_and_who) {
    check_text(leaf_saying(BL_ECONNREFUSED, "cannot reach %s", "10.0.0.7"),
               "BL_ECONNREFUSED (-111): cannot reach 10.0.0.7\n"
               "   at parse() f.c:12\n"
               "   in task main/conn-7\n");
}

TEST(a_leaf_without_a_message_has_the_sentence_of_its_code) {
    check_text(leaf(BL_ECLOSING),
               "BL_ECLOSING (-10003): the group is being cancelled\n");
}

TEST(a_code_that_only_the_system_names_has_its_name) {
    check_text(leaf(-ENOTCONN),
               "ENOTCONN (-107): the socket is not connected\n");
}

TEST(a_code_of_the_program_is_shown_as_a_number) {
    check_text(leaf_saying(-20001, "bad magic"), "BL_E? (-20001): bad magic\n"
                                                 "   at parse() f.c:12\n"
                                                 "   in task main/conn-7\n");
}

TEST(a_site_with_a_call_shows_it) {
    check_text(bl__error_new_bare(BL_ETIMEDOUT, "main",
                                  "bl_sleep(BL_SEC(1))\0f.c:40", NULL),
               "BL_ETIMEDOUT (-110): the time ran out\n"
               "   from bl_sleep(BL_SEC(1)) at f.c:40\n");
}

TEST(a_function_or_a_place_alone_is_shown_alone) {
    check_text(bl__error_new_bare(BL_EIO, "parse", NULL, NULL),
               "BL_EIO (-5): input or output failed\n"
               "   at parse()\n");
    check_text(bl__error_new_bare(BL_EIO, NULL, "f.c:12", NULL),
               "BL_EIO (-5): input or output failed\n"
               "   at f.c:12\n");
}

TEST(frames_and_notes_follow_the_origin) {
    bl_error *error = leaf_saying(BL_EIO, "short write");
    bl__error_add_note(&error, "attempt 3 of 3");
    bl__error_add_frame(&error, "load_user", "user.c:40");
    bl__error_add_frame(&error, "serve", "server.c:120");
    check_text(error, "BL_EIO (-5): short write\n"
                      "   at parse() f.c:12\n"
                      "   through load_user() user.c:40\n"
                      "   through serve() server.c:120\n"
                      "   in task main/conn-7\n"
                      "   note: attempt 3 of 3\n");
}

/* Returns how often `part` is in `text`. */
static size_t times(const char *text, const char *part) {
    size_t count = 0;
    while ((text = strstr(text, part)) != NULL) {
        count++;
        text += strlen(part);
    }
    return count;
}

TEST(frames_that_were_not_kept_are_counted) {
    bl_error *error = leaf(BL_EIO);
    for (int i = 0; i < 32; i++)
        bl__error_add_frame(&error, "f", "f.c:1");
    CHECK_EQ(times(text_of(error), "   through f() f.c:1\n"), 32);
    CHECK_EQ(times(text_of(error), "more function"), 0);

    bl__error_add_frame(&error, "f", "f.c:1");
    CHECK_EQ(times(text_of(error), "   through f() f.c:1\n"), 32);
    CHECK_EQ(times(text_of(error), "   through 1 more function\n"), 1);

    for (int i = 0; i < 7; i++)
        bl__error_add_frame(&error, "g", "g.c:1");
    CHECK_EQ(times(text_of(error), "   through f() f.c:1\n"), 25);
    CHECK_CONTAINS(text_of(error), "   through f() f.c:1\n"
                                   "   through 8 more functions\n"
                                   "   through f() f.c:1\n");
    bl_error_unref(error);
}

TEST(suppressed_errors_are_a_block_of_their_own) {
    bl_error *error = leaf_saying(BL_EIO, "short write");
    bl_error *goodbye = leaf_saying(BL_EPIPE, "the goodbye was not sent");
    bl_error *group = TREE(leaf(BL_EPERM), leaf(BL_EBUSY));
    bl__error_add_suppressed(&goodbye, group);
    bl__error_add_suppressed(&error, goodbye);
    bl__error_add_suppressed(&error, group);
    bl_error_unref(goodbye);
    bl_error_unref(group);
    check_text(error, "BL_EIO (-5): short write\n"
                      "   at parse() f.c:12\n"
                      "   in task main/conn-7\n"
                      "   suppressed:\n"
                      "   ├─ 1. BL_EPIPE (-32): the goodbye was not sent\n"
                      "   │     at parse() f.c:12\n"
                      "   │     in task main/conn-7\n"
                      "   │     suppressed:\n"
                      "   │     └─ 1. BL_EGROUP (-10001): 2 errors\n"
                      "   │        │  from BL_GROUP(g) at server.c:30\n"
                      "   │        │  in task main/server\n"
                      "   │        ├─ 1. BL_EPERM (-1): not permitted\n"
                      "   │        └─ 2. BL_EBUSY (-16): somebody else is "
                      "using it\n"
                      "   └─ 2. BL_EGROUP (-10001): 2 errors\n"
                      "      │  from BL_GROUP(g) at server.c:30\n"
                      "      │  in task main/server\n"
                      "      ├─ 1. BL_EPERM (-1): not permitted\n"
                      "      └─ 2. BL_EBUSY (-16): somebody else is using "
                      "it\n");
}

TEST(an_error_without_memory_says_so) {
    static const int codes[] = { BL_EIO, BL_ECLOSED };
    check_text(bl__thin_leaf(BL_EIO),
               "BL_EIO (-5): input or output failed\n"
               "   there was no memory for the details\n");
    check_text(bl__thin_tree(codes, 2),
               "BL_EGROUP (-10001): 2 errors\n"
               "│  there was no memory for the details\n"
               "├─ 1. BL_EIO (-5): input or output failed\n"
               "│     there was no memory for the details\n"
               "└─ 2. BL_ECLOSED (-10004): the group, loop or descriptor is "
               "closed\n"
               "      there was no memory for the details\n");
}

TEST(no_error_is_said_too) {
    CHECK_STR(text_of(NULL), "no error\n");
}

/* ---- a tree ------------------------------------------------------------- */

TEST(a_tree_is_indented_numbered_and_counted) {
    bl_error *refused = leaf_saying(BL_ECONNREFUSED, "cannot reach db:5432");
    bl__error_add_frame(&refused, "load_user", "user.c:40");
    bl_error *error =
        TREE(refused, TREE(leaf(BL_EIO), leaf(BL_EPIPE)), leaf(BL_EBUSY));
    bl__error_add_frame(&error, "serve", "server.c:60");
    bl__error_add_note(&error, "while serving 3 clients");
    check_text(error, "BL_EGROUP (-10001): 4 errors\n"
                      "│  from BL_GROUP(g) at server.c:30\n"
                      "│  through serve() server.c:60\n"
                      "│  in task main/server\n"
                      "│  note: while serving 3 clients\n"
                      "├─ 1. BL_ECONNREFUSED (-111): cannot reach db:5432\n"
                      "│     at parse() f.c:12\n"
                      "│     through load_user() user.c:40\n"
                      "│     in task main/conn-7\n"
                      "├─ 2. BL_EGROUP (-10001): 2 errors\n"
                      "│  │  from BL_GROUP(g) at server.c:30\n"
                      "│  │  in task main/server\n"
                      "│  ├─ 1. BL_EIO (-5): input or output failed\n"
                      "│  └─ 2. BL_EPIPE (-32): nobody reads at the other end\n"
                      "└─ 3. BL_EBUSY (-16): somebody else is using it\n");
}

TEST(a_tree_that_suppressed_something_shows_it_before_its_children) {
    bl_error *error = TREE(leaf(BL_EIO));
    bl_error *other = leaf(BL_EPIPE);
    bl__error_add_suppressed(&error, other);
    bl_error_unref(other);
    check_text(error, "BL_EGROUP (-10001): 1 error\n"
                      "│  from BL_GROUP(g) at server.c:30\n"
                      "│  in task main/server\n"
                      "│  suppressed:\n"
                      "│  └─ 1. BL_EPIPE (-32): nobody reads at the other end\n"
                      "└─ 1. BL_EIO (-5): input or output failed\n");
}

static bl_error *group_of(size_t count) {
    struct bl__errors errors = { 0 };
    for (size_t i = 0; i < count; i++)
        bl__errors_append(&errors, leaf(BL_EIO));
    return bl__error_new_group(&errors, NULL, NULL);
}

TEST(fifty_leaves_are_shown) {
    bl_error *error = group_of(50);
    CHECK_EQ(times(text_of(error), "BL_EIO"), 50);
    CHECK_EQ(times(text_of(error), "└─ 50. BL_EIO"), 1);
    CHECK_EQ(times(text_of(error), "..."), 0);
    bl_error_unref(error);
}

TEST(leaves_beyond_fifty_are_counted) {
    bl_error *error = group_of(51);
    CHECK_EQ(times(text_of(error), "BL_EIO"), 50);
    CHECK_CONTAINS(text_of(error), "\n├─ 50. BL_EIO");
    CHECK_CONTAINS(text_of(error), "\n└─ ... 1 more error\n");
    bl_error_unref(error);

    error = group_of(10000);
    CHECK_EQ(times(text_of(error), "BL_EIO"), 50);
    CHECK_CONTAINS(text_of(error), "BL_EGROUP (-10001): 10000 errors\n");
    CHECK_CONTAINS(text_of(error), "\n└─ ... 9950 more errors\n");
    bl_error_unref(error);
}

TEST(each_group_counts_what_it_does_not_show) {
    bl_error *error =
        TREE(leaf(BL_EIO), TREE(group_of(60), leaf(BL_EIO)), group_of(3));
    CHECK_EQ(times(text_of(error), "BL_EIO"), 50);
    CHECK_CONTAINS(text_of(error), "│  │  └─ ... 11 more errors\n"
                                   "│  └─ ... 1 more error\n"
                                   "└─ ... 3 more errors\n");
    bl_error_unref(error);
}

TEST(suppressed_leaves_count_as_shown_and_are_counted) {
    bl_error *error = leaf(BL_EPIPE);
    bl_error *other = TREE(group_of(60), leaf(BL_EIO));
    bl__error_add_suppressed(&error, other);
    bl__error_add_suppressed(&error, other);
    bl_error_unref(other);
    CHECK_EQ(times(text_of(error), "BL_EIO"), 49);
    CHECK_CONTAINS(text_of(error), "   │  │  └─ ... 11 more errors\n"
                                   "   │  └─ ... 1 more error\n"
                                   "   └─ ... 61 more errors\n");
    bl_error_unref(error);
}

TEST(deep_levels_are_left_out_but_their_leaves_are_not) {
    bl_error *error = nest(TREE(leaf(BL_EIO), TREE(leaf(BL_EPIPE))), 100000);
    const char *text = text_of(error);
    CHECK_CONTAINS(text, "2 errors, nested deeper than is drawn\n");
    CHECK_EQ(times(text, "BL_EGROUP"), 17);
    CHECK_EQ(times(text, "├─ 1. BL_EIO"), 1);
    CHECK_EQ(times(text, "└─ 2. BL_EPIPE"), 1);
    CHECK_LT(strlen(text), 10000);
    bl_error_unref(error);
}

/* A leaf that suppressed one that suppressed one, and so on. */
static bl_error *suppressing(size_t depth) {
    bl_error *error = leaf(BL_EIO);
    while (depth-- > 0) {
        bl_error *outer = leaf(BL_EPIPE);
        bl__error_add_suppressed(&outer, error);
        bl_error_unref(error);
        error = outer;
    }
    return error;
}

TEST(the_highest_node_that_can_be_drawn_is_drawn) {
    for (size_t depth = 0; depth < 20; depth++) {
        bl_error *error = nest(suppressing(20), depth);
        CHECK_CONTAINS(text_of(error), "1 error, nested deeper than is drawn");
        bl_error_unref(error);

        error = suppressing(0);
        bl__error_add_note(&error, "last");
        bl_error *tree = nest(error, depth);
        CHECK_CONTAINS(text_of(tree), "note: last\n");
        bl_error_unref(tree);

        error = leaf(BL_EIO);
        tree = nest(suppressing(depth), 20);
        bl__error_add_suppressed(&error, tree);
        bl_error_unref(tree);
        CHECK_CONTAINS(text_of(error), "nested deeper than is drawn");
        bl_error_unref(error);
    }
}

/* ---- hostile texts ------------------------------------------------------ */

static void check_message(const char *message, const char *expected) {
    char whole[300];
    snprintf(whole, sizeof whole,
             "BL_EIO (-5): %s\n   at parse() f.c:12\n   in task main/conn-7\n",
             expected);
    check_text(leaf_saying(BL_EIO, "%s", message), whole);
}

TEST(control_characters_are_escaped) {
    check_message("a\nb\rc\td", "a\\nb\\rc\\td");
    check_message("\x1b[31mred\x7f\x01", "\\x1b[31mred\\x7f\\x01");
    check_message("\xc2\x9b"
                  "31m",
                  "\\xc2\\x9b31m"); /* one byte for ESC [ */
    check_message("no\x08\x08yes", "no\\x08\\x08yes");
}

TEST(percent_signs_are_nothing_special) {
    check_message("100%s %n %d", "100%s %n %d");
}

TEST(other_scripts_are_shown_as_they_are) {
    check_message("größer, 数, \xf0\x9f\xa7\x97",
                  "größer, 数, \xf0\x9f\xa7\x97");
    check_message("\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf",
                  "\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf");
}

TEST(bytes_that_are_no_text_are_escaped) {
    check_message("a\xff"
                  "b",
                  "a\\xffb");
    check_message("\xc3", "\\xc3");          /* cut off */
    check_message("\xe2\x94", "\\xe2\\x94"); /* cut off */
    check_message("\xf0\x9f\xa7", "\\xf0\\x9f\\xa7");
    check_message("\xc0\xaf", "\\xc0\\xaf"); /* too long for a '/' */
    check_message("\xe0\x80\xaf", "\\xe0\\x80\\xaf");
    check_message("\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf");
    check_message("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* half of a pair */
    check_message("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
    check_message("\x80", "\\x80");
}

TEST(marks_that_turn_or_hide_text_are_escaped) {
    check_message("\xe2\x80\xae"
                  "cod",
                  "\\xe2\\x80\\xaecod"); /* override */
    check_message("\xe2\x81\xa6"
                  "x",
                  "\\xe2\\x81\\xa6x"); /* isolate */
    check_message("\xe2\x80\xa8"
                  "x",
                  "\\xe2\\x80\\xa8x"); /* line separator */
    check_message("\xe2\x80\x8b"
                  "x",
                  "\\xe2\\x80\\x8bx"); /* zero width */
    check_message("\xd8\x9c"
                  "x",
                  "\\xd8\\x9cx");
    check_message("\xef\xbb\xbf"
                  "x",
                  "\\xef\\xbb\\xbfx");
    check_message("\xe2\x80\x90", "\xe2\x80\x90"); /* a hyphen is harmless */
}

TEST(no_text_of_an_error_can_begin_a_line) {
    static const char evil[] = "x\n├─ 9. \x1b[2J";
    bl_error *error = bl__error_new_bare(BL_EIO, evil, "f\nf.c:1", evil);
    bl__error_add_frame(&error, evil, "g\n\0g\n.c:1");
    bl__error_add_note(&error, evil);
    const char *text = text_of(error);
    CHECK_EQ(times(text, "\n"), 5);
    CHECK_EQ(times(text, "\x1b"), 0);
    CHECK_EQ(times(text, "\\n├─ 9. \\x1b[2J"), 3);
    bl_error_unref(error);
}

/* ---- where the text goes ------------------------------------------------ */

TEST(a_small_buffer_is_filled_and_ended) {
    bl_error *error = leaf(BL_EIO);
    const char *whole = "BL_EIO (-5): input or output failed\n";
    char text[64];
    for (size_t bytes = 1; bytes <= sizeof text; bytes++) {
        memset(text, '#', sizeof text);
        CHECK_EQ(bl_error_format(error, text, bytes), strlen(whole));
        size_t length = bytes > strlen(whole) ? strlen(whole) : bytes - 1;
        CHECK_EQ(strlen(text), length);
        CHECK_EQ(strncmp(text, whole, length), 0);
        if (bytes < sizeof text) CHECK_EQ(text[bytes], '#');
    }
    bl_error_unref(error);
}

TEST(a_small_buffer_does_not_cut_a_character_in_two) {
    bl_error *error = leaf_saying(BL_EIO, "ä数");
    char text[32];
    for (size_t bytes = 14; bytes <= 20; bytes++) {
        bl_error_format(error, text, bytes);
        static const size_t lengths[] = { 13, 13, 15, 15, 15, 18, 19 };
        CHECK_EQ(strlen(text), lengths[bytes - 14]);
    }
    bl_error_unref(error);
}

TEST(without_a_buffer_the_length_is_told) {
    bl_error *error = TREE(leaf(BL_EIO));
    size_t length = strlen(text_of(error));
    char text[1] = { '#' };
    CHECK_EQ(bl_error_format(error, text, 0), length);
    CHECK_EQ(text[0], '#');
    CHECK_EQ(bl_error_format(error, NULL, 0), length);
    CHECK_EQ(bl_error_format(error, NULL, 100), length);
    bl_error_unref(error);
}

TEST(printing_writes_the_same_text) {
    bl_error *error = TREE(leaf_saying(BL_EIO, "a\nb"), group_of(60));
    char *printed = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&printed, &length);
    REQUIRE(file != NULL);
    bl_error_print(error, file);
    REQUIRE_EQ(fclose(file), 0);
    CHECK_STR(printed, text_of(error));
    free(printed);
    bl_error_unref(error);
}

TEST(an_error_can_be_shown_without_memory, .sweep = T_OOM) {
    bl_error *error = TREE(leaf_saying(BL_EIO, "short write"), leaf(BL_EPIPE));
    char text[600];
    CHECK_ALWAYS(bl_error_format(error, text, sizeof text) < sizeof text);
    CHECK_ALWAYS(strstr(text, "BL_EIO (-5): ") != NULL);
    CHECK_ALWAYS(strstr(text, "BL_EPIPE (-32): ") != NULL);
    bl_error_unref(error);
}
