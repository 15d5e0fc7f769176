/* SPDX-License-Identifier: MIT */
/*
 * specimens/snapshots.c - checks against what was kept
 *
 * tests/test/test_snapshot.c writes the folder of snapshots: WHERE names the
 * source that the checks seem to stand in.
 */
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

/* What a check in a file elsewhere would have as its place. */
static bool check_in(const char *name, const void *bytes, size_t count) {
    static char file[500];
    static struct bl__test_place place = { .macro = "CHECK_SNAPSHOT",
                                           .left = "name",
                                           .file = file };
    const char *where = getenv("WHERE");
    REQUIRE_NE(where, NULL);
    snprintf(file, sizeof file, "%s", where);
    return bl__test_snapshot(&place, name, bytes, count);
}

PARAM(const char *, word, "one", "two");

TEST(words, (word)) {
    char text[100];
    char name[100];
    const char *say = getenv("SAY");
    snprintf(text, sizeof text, "first\nsecond %s\n%s\n", word,
             say != NULL ? say : "third");
    snprintf(name, sizeof name, "words[%s].txt", word);
    CHECK(check_in(name, text, strlen(text)));
}

TEST(binary) {
    const char bytes[] = { 0, 1, 2, 3, getenv("SAY") != NULL ? 5 : 4 };
    check_in("binary", bytes, sizeof bytes);
}

TEST(empty) {
    check_in("empty", NULL, 0);
}

TEST(swept, .sweep = T_CANCEL) {
    const char *text = bl_sleep(1) < 0 ? "cancelled" : "slept";
    check_in("swept", text, strlen(text));
}

TEST(bad_names) {
    CHECK(!check_in("", "x", 1));
    CHECK(!check_in("../x", "x", 1));
    CHECK(!check_in("a/b", "x", 1));
    CHECK(!check_in(".x", "x", 1));
}
