/* SPDX-License-Identifier: MIT */
/*
 * test/test_list.c - telling what there is, instead of running it
 */
#include "test/subrun.h"

#define CATALOG SPECIMEN("catalog")

TEST(names_of_all_but_the_hidden, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--list", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.output, "test_echo.c::echoes[1]\n"
                          "test_echo.c::echoes[7]\n"
                          "test_echo.c::closes\n"
                          "test_pool.c::lends\n"
                          "test_pool.c::loses\n"
                          "test_pool.c::keeps\n"
                          "test_timers.c::fires\n"
                          "test_timers.c::is_late\n"
                          "test_timers.c::is_left_out\n");
    subrun_done(&run);
}

TEST(names_of_those_that_are_selected, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--list", "-k",
                                         "net and not slow or .demo", NULL);
    CHECK_STR(run.output, "test_echo.c::closes\ntest_pool.c::demonstrates\n");
    subrun_done(&run);
    run = subrun_run_apart(CATALOG, "--list", "test_pool.c", "*[7]", NULL);
    CHECK_STR(run.output, "test_echo.c::echoes[7]\n"
                          "test_pool.c::lends\n"
                          "test_pool.c::loses\n"
                          "test_pool.c::keeps\n");
    subrun_done(&run);
}

TEST(json_has_places_tags_and_reasons, .no_loop = true) {
    struct subrun run =
        subrun_run_apart(CATALOG, "--list=json", "echoes[7]", "is_*", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.output,
              "{\"version\":1,\"program\":\"" CATALOG "\",\"tests\":[\n"
              "{\"id\":\"test_echo.c::echoes[7]\",\"file\":\"test_echo.c\","
              "\"test\":\"echoes\",\"path\":\"catalog/test_echo.c\","
              "\"line\":15,\"tags\":[\"net\",\"slow\"],\"fixtures\":"
              "[\"chunk\",\"guard\",\"port\",\"server\"],\"skip\":null,"
              "\"xfail\":null},\n"
              "{\"id\":\"test_timers.c::is_late\",\"file\":\"test_timers.c\","
              "\"test\":\"is_late\",\"path\":\"catalog/test_timers.c\","
              "\"line\":5,\"tags\":[],\"fixtures\":[],\"skip\":null,"
              "\"xfail\":\"#12 \\\"late\\\"\"},\n"
              "{\"id\":\"test_timers.c::is_left_out\",\"file\":"
              "\"test_timers.c\",\"test\":\"is_left_out\",\"path\":"
              "\"catalog/test_timers.c\",\"line\":9,\"tags\":[],"
              "\"fixtures\":[],\"skip\":\"no clock # here\",\"xfail\":null}\n"
              "]}\n");
    subrun_done(&run);
}

TEST(json_of_nothing_is_empty, .no_loop = true) {
    struct subrun run =
        subrun_run_apart(CATALOG, "--list=json", "-k", "nothing", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_CONTAINS(run.output, "\"tests\":[\n]}\n");
    subrun_done(&run);
}

TEST(fixtures_with_scope_place_and_needs, .no_loop = true) {
    struct subrun run = subrun_run_apart(CATALOG, "--fixtures", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.output,
              "chunk                    values   catalog/test_echo.c:1  2 of "
              "them\n"
              "port                     test     catalog/test_echo.c:3\n"
              "server                   test     catalog/test_echo.c:7  needs "
              "port, chunk\n"
              "guard                    test     catalog/test_echo.c:11  "
              "autouse\n");
    subrun_done(&run);
}

TEST(a_plan_goes_up_and_down, .no_loop = true) {
    struct subrun run =
        subrun_run_apart(CATALOG, "--setup-plan", "echoes[7]", "fires", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.output, "test_echo.c::echoes[7]\n"
                          "    value     chunk\n"
                          "    set up    guard\n"
                          "    set up    port\n"
                          "    set up    server\n"
                          "    run       echoes\n"
                          "    tear down server\n"
                          "    tear down port\n"
                          "    tear down guard\n"
                          "test_timers.c::fires\n"
                          "    run       fires\n");
    subrun_done(&run);
}

TEST(a_program_without_tests_lists_nothing, .no_loop = true) {
    struct subrun run = subrun_run_apart(SPECIMEN("nothing"), "--list", NULL);
    CHECK_EQ(run.status, 0);
    CHECK_STR(run.output, "");
    subrun_done(&run);
}
