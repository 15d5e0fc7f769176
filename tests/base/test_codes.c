/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_codes.c - every code has a name and a sentence
 */
#include <belay/test.h>

#include <errno.h>
#include <string.h>

static const struct {
    int code;
    const char *name;
} named[] = {
#define NAMED(code) \
    { code, #code }
    NAMED(BL_EPERM),        NAMED(BL_EINTERRUPTED),   NAMED(BL_EIO),
    NAMED(BL_EBADF),        NAMED(BL_EAGAIN),         NAMED(BL_ENOMEM),
    NAMED(BL_EBUSY),        NAMED(BL_EINVAL),         NAMED(BL_EMFILE),
    NAMED(BL_EPIPE),        NAMED(BL_EDEADLK),        NAMED(BL_EALREADY),
    NAMED(BL_EOVERFLOW),    NAMED(BL_EOWNERDEAD),     NAMED(BL_ESHUTDOWN),
    NAMED(BL_ETIMEDOUT),    NAMED(BL_ECANCELED),      NAMED(BL_ECONNRESET),
    NAMED(BL_ECONNREFUSED), NAMED(BL_ENOTSUP),        NAMED(BL_EGROUP),
    NAMED(BL_ESTRAYCANCEL), NAMED(BL_ECLOSING),       NAMED(BL_ECLOSED),
    NAMED(BL_ENOTSTARTED),  NAMED(BL_ENOLOOP),        NAMED(BL_ENOTASK),
    NAMED(BL_ETHREAD),      NAMED(BL_ENOTDONE),       NAMED(BL_EMISUSE),
    NAMED(BL_EDEADLOCK),    NAMED(BL_EBROKEN),        NAMED(BL_EPROTO),
    NAMED(BL_EMSGSIZE),     NAMED(BL_EADDRINUSE),     NAMED(BL_EDNS_NONAME),
    NAMED(BL_EDNS_NODATA),  NAMED(BL_EDNS_SERVER),    NAMED(BL_EDNS_REFUSED),
    NAMED(BL_EDNS_TIMEOUT), NAMED(BL_EDNS_MALFORMED),
};

#define NAMED_COUNT (sizeof named / sizeof named[0])

TEST(a_code_of_the_headers_is_called_what_it_is_called_there) {
    for (size_t i = 0; i < NAMED_COUNT; i++) {
        CHECK_STR(bl_error_name(named[i].code), named[i].name);
    }
}

TEST(own_codes_are_out_of_reach_of_the_system) {
    for (size_t i = 0; i < NAMED_COUNT; i++) {
        CHECK_LT(named[i].code, 0);
        bool is_own = named[i].code < -4095;
        CHECK_EQ(is_own, named[i].code <= BL_EGROUP);
    }
    CHECK_EQ(BL_EGROUP, -10001);
}

/* Of glibc; elsewhere there is nothing to compare with. */
extern const char *strerrorname_np(int number) __attribute__((weak));

TEST(codes_of_the_system_have_the_name_that_the_system_gives_them) {
    if (strerrorname_np == NULL) bl_test_skip("no strerrorname_np here");
    int seen = 0;
    for (int number = 1; number < 4096; number++) {
        const char *expected = strerrorname_np(number);
        const char *name = bl_error_name(-number);
        if (expected == NULL) {
            CHECK_STR(name, "BL_E?");
            continue;
        }
        BL_TEST_INFO("errno %d, %s", number, expected);
        seen++;
        if (strncmp(name, "BL_", 3) != 0) CHECK_STR(name, expected);
        CHECK_NE(strcmp(name, "BL_E?"), 0);
    }
    CHECK_GT(seen, 100);
}

TEST(a_code_that_nobody_knows_has_a_stand_in) {
    CHECK_STR(bl_error_name(-20001), "BL_E?");
    CHECK_STR(bl_error_name(0), "BL_E?");
    CHECK_STR(bl_error_name(INT_MIN), "BL_E?");
    CHECK_STR(bl_strerror(-20001), "an error that Belay does not know");
    CHECK_STR(bl_strerror(INT_MIN), "an error that Belay does not know");
}

TEST(a_success_is_no_error) {
    CHECK_STR(bl_strerror(0), "no error");
    CHECK_STR(bl_strerror(17), "no error");
}

static void check_sentence(int code) {
    const char *text = bl_strerror(code);
    size_t length = strlen(text);
    BL_TEST_INFO("%d %s: %s", code, bl_error_name(code), text);
    CHECK_GT(length, 5);
    CHECK_LT(length, 60);
    for (size_t i = 0; i < length; i++)
        CHECK_GE(text[i], ' ');
    /* It stands behind "NAME (code): ", so it begins small and has no end. */
    CHECK_NE(text[length - 1], '.');
}

TEST(every_code_has_a_sentence_for_people) {
    for (size_t i = 0; i < NAMED_COUNT; i++)
        check_sentence(named[i].code);
    for (int number = 1; number < 140; number++)
        check_sentence(-number);
}

TEST(sentences_of_different_codes_differ) {
    for (size_t i = 0; i < NAMED_COUNT; i++) {
        for (size_t j = 0; j < i; j++) {
            if (named[i].code == named[j].code) continue;
            CHECK_NE(
                strcmp(bl_strerror(named[i].code), bl_strerror(named[j].code)),
                0);
        }
    }
}
