/* SPDX-License-Identifier: MIT */
/*
 * belay/test.h - tests whose bodies are tasks, and fixtures that are tasks
 *
 * A test file includes this header, says TEST(name) { ... } and is linked with
 * belay-test, which brings main.  Each body runs as a task on a fresh loop in
 * a process of its own, by a virtual clock: an hour of sleep takes no time,
 * and a test in which nothing can happen any more fails at once.  What a test
 * leaves behind (tasks, timers, descriptors, memory, processes) fails it.
 *
 *     TEST(event_arrives_in_time) {
 *         BL_GROUP_SCOPED(group);
 *         REQUIRE_OK(bl_spawn(&group, announcer, &ready));
 *         CHECK_OK(bl_wait_for(bl_event_wait(&ready), BL_SEC(60)));
 *     }
 *
 * This header brings all of Belay and the headers of <belay/test/>, and gives
 * their long names short ones, which BL_TEST_NO_SHORT_NAMES leaves out.
 *
 * The macros are GNU C11, for gcc and clang.  In C++ this header gives the
 * functions alone, such as `bl_test_main`, and TEST says why it does not
 * compile.
 */
#ifndef BELAY_TEST_H
#define BELAY_TEST_H

#include <belay.h>
#include <belay/test/builtin.h>
#include <belay/test/check.h>
#include <belay/test/declare.h>
#include <belay/test/fixture.h>
#include <belay/test/fuzz.h>
#include <belay/test/script.h>
#include <belay/test/time.h>

#if defined(__GNUC__) && !defined(__cplusplus)
/* A fixture of the wrong type does not compile; later compilers agree. */
#    pragma GCC diagnostic error "-Wint-conversion"
#    pragma GCC diagnostic error "-Wincompatible-pointer-types"

#    ifndef BL_TEST_NO_SHORT_NAMES
#        define TEST         BL_TEST
#        define FUZZ         BL_FUZZ
#        define FIXTURE      BL_FIXTURE
#        define FIXTURE_DECL BL_FIXTURE_DECL
#        define FIXTURE_DEF  BL_FIXTURE_DEF
#        define PARAM        BL_PARAM
#        define YIELD        BL_YIELD

#        define CHECK                BL_CHECK
#        define CHECK_ALWAYS         BL_CHECK_ALWAYS
#        define CHECK_EQ             BL_CHECK_EQ
#        define CHECK_NE             BL_CHECK_NE
#        define CHECK_LT             BL_CHECK_LT
#        define CHECK_LE             BL_CHECK_LE
#        define CHECK_GT             BL_CHECK_GT
#        define CHECK_GE             BL_CHECK_GE
#        define CHECK_NEAR           BL_CHECK_NEAR
#        define CHECK_STR            BL_CHECK_STR
#        define CHECK_CONTAINS       BL_CHECK_CONTAINS
#        define CHECK_MEM            BL_CHECK_MEM
#        define CHECK_SNAPSHOT       BL_CHECK_SNAPSHOT
#        define CHECK_OK             BL_CHECK_OK
#        define CHECK_ERR            BL_CHECK_ERR
#        define CHECK_EVENTUALLY     BL_CHECK_EVENTUALLY
#        define CHECK_EVENTUALLY_EQ  BL_CHECK_EVENTUALLY_EQ
#        define CHECK_NEVER          BL_CHECK_NEVER
#        define CHECK_CHECKPOINTS    BL_CHECK_CHECKPOINTS
#        define CHECK_NO_CHECKPOINTS BL_CHECK_NO_CHECKPOINTS

#        define REQUIRE               BL_REQUIRE
#        define REQUIRE_EQ            BL_REQUIRE_EQ
#        define REQUIRE_NE            BL_REQUIRE_NE
#        define REQUIRE_LT            BL_REQUIRE_LT
#        define REQUIRE_LE            BL_REQUIRE_LE
#        define REQUIRE_GT            BL_REQUIRE_GT
#        define REQUIRE_GE            BL_REQUIRE_GE
#        define REQUIRE_NEAR          BL_REQUIRE_NEAR
#        define REQUIRE_STR           BL_REQUIRE_STR
#        define REQUIRE_CONTAINS      BL_REQUIRE_CONTAINS
#        define REQUIRE_MEM           BL_REQUIRE_MEM
#        define REQUIRE_SNAPSHOT      BL_REQUIRE_SNAPSHOT
#        define REQUIRE_OK            BL_REQUIRE_OK
#        define REQUIRE_ERR           BL_REQUIRE_ERR
#        define REQUIRE_EVENTUALLY    BL_REQUIRE_EVENTUALLY
#        define REQUIRE_EVENTUALLY_EQ BL_REQUIRE_EVENTUALLY_EQ
#        define REQUIRE_NEVER         BL_REQUIRE_NEVER

#        define WITHIN         BL_WITHIN
#        define TAKES          BL_TAKES
#        define SEQ            BL_SEQ
#        define T_INFO         BL_TEST_INFO
#        define t_fail         bl_test_fail
#        define t_skip         bl_test_skip
#        define t_settle       bl_test_settle
#        define t_advance      bl_test_advance
#        define t_injected     bl_test_is_injected
#        define t_folder       bl_test_folder
#        define t_connect      bl_test_connect
#        define t_peer         bl_test_peer
#        define t_log_text     bl_test_log_text
#        define t_log_count    bl_test_log_count
#        define t_log_clear    bl_test_log_clear
#        define t_env_set      bl_test_env_set
#        define t_rng_next     bl_test_rng_next
#        define t_rng_below    bl_test_rng_below
#        define t_rng_fill     bl_test_rng_fill
#        define t_elapsed      bl_test_elapsed
#        define t_elapsed_real bl_test_elapsed_real
#        define t_wait_probe   bl_test_wait_probe
#        define t_wait_log     bl_test_wait_log
#        define t_probe_count  bl_test_probe_count
#        define t_task_tree    bl_test_task_tree

#        define SEC BL_SEC
#        define MS  BL_MS
#        define US  BL_US

#        define T_EXPECT        BL_TEST_EXPECT
#        define T_SEND          BL_TEST_SEND
#        define T_WAIT          BL_TEST_WAIT
#        define T_EXPECT_END    BL_TEST_EXPECT_END
#        define T_END           BL_TEST_END
#        define T_PASSED        BL_TEST_PASSED
#        define T_FAILED        BL_TEST_FAILED
#        define T_TIMEOUT       BL_TEST_TIMEOUT
#        define T_SKIPPED       BL_TEST_SKIPPED
#        define T_BROKEN        BL_TEST_BROKEN
#        define T_CLOCK_VIRTUAL BL_TEST_CLOCK_VIRTUAL
#        define T_CLOCK_MANUAL  BL_TEST_CLOCK_MANUAL
#        define T_CLOCK_REAL    BL_TEST_CLOCK_REAL
#        define T_TEST          BL_TEST_SCOPE_TEST
#        define T_MODULE        BL_TEST_SCOPE_MODULE
#        define T_SESSION       BL_TEST_SCOPE_SESSION
#        define T_RUN           BL_TEST_SCOPE_RUN
#        define T_CANCEL        BL_TEST_SWEEP_CANCEL
#        define T_OOM           BL_TEST_SWEEP_OOM
#        define T_IO            BL_TEST_SWEEP_IO
#    endif
#elif defined(__cplusplus) && !defined(BL_TEST_NO_SHORT_NAMES)
#    define TEST    BL_TEST
#    define FIXTURE BL_FIXTURE
#    define PARAM   BL_PARAM
#endif

#endif
