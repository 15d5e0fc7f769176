/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_payload.c - bytes that a command line names
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belay/test.h>

#include "cli/payload.h"

static void check_payload(const char *text, const char *expected,
                          size_t expected_bytes) {
    unsigned char *bytes = NULL;
    size_t count = 0;
    const char *wrong = payload_read(text, &bytes, &count);
    if (wrong != NULL) bl_test_fail("'%s' %s", text, wrong);
    CHECK_MEM(bytes, count, expected, expected_bytes);
    free(bytes);
}

TEST(text_stands_for_itself) {
    check_payload("", "", 0);
    check_payload("hello", "hello", 5);
    check_payload("\xc3\xa4", "\xc3\xa4", 2);
}

TEST(escapes_stand_for_bytes) {
    check_payload("PING\\r\\n", "PING\r\n", 6);
    check_payload("\\t\\0\\\\\\x00\\xfF", "\t\0\\\0\xff", 5);
}

PARAM(const char *, bad, "\\", "\\q", "\\x", "\\x1", "\\xg0", "a\\");

TEST(what_is_no_escape_is_refused, (bad)) {
    unsigned char *bytes = NULL;
    size_t count = 0;
    CHECK(payload_read(bad, &bytes, &count) != NULL);
    CHECK(bytes == NULL);
}

TEST(a_file_is_read_to_its_end, (t_tmpdir)) {
    char name[512];
    enum {
        BYTES = 10000
    };
    char *content = malloc(BYTES);
    REQUIRE(content != NULL);
    for (int i = 0; i < BYTES; i++)
        content[i] = (char)(i * 7);
    snprintf(name, sizeof(name), "@%s/payload", t_tmpdir);
    FILE *file = fopen(name + 1, "wb");
    REQUIRE(file != NULL);
    CHECK_EQ(fwrite(content, 1, BYTES, file), (size_t)BYTES);
    CHECK_EQ(fclose(file), 0);
    check_payload(name, content, BYTES);
    free(content);
}

TEST(a_file_that_is_not_there_is_refused) {
    unsigned char *bytes = NULL;
    size_t count = 0;
    CHECK_STR(payload_read("@/no/such/file", &bytes, &count),
              "No such file or directory");
    CHECK(payload_read("@/", &bytes, &count) != NULL); /* a folder */
}

TEST(the_pattern_is_lines_of_letters) {
    unsigned char *bytes = payload_pattern(200);
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < 200; i++)
        CHECK_EQ(bytes[i] == '\n', i % 64 == 63);
    CHECK(memcmp(bytes, bytes + 64, 64) != 0);
    free(bytes);
    bytes = payload_pattern(0);
    CHECK(bytes != NULL);
    free(bytes);
}
