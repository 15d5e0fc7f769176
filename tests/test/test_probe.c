/* SPDX-License-Identifier: MIT */
/*
 * test/test_probe.c - waiting for moments inside the code under test
 *
 * Legs: threads
 */
#define BELAY_PROBES 1

#include <pthread.h>

#include "test/subrun.h"

static int serve(void *arg) {
    int *count = arg;
    for (int i = 0; i < *count; i++) {
        int rc = bl_sleep(SEC(1));
        if (rc < 0) return rc;
        BL_PROBE("served");
    }
    BL_PROBE("closed");
    return 0;
}

TEST(a_probe_is_waited_for_by_its_count) {
    int three = 3;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, serve, &three));
    TAKES(SEC(2)) t_wait_probe("served", 2, SEC(5));
    CHECK_EQ(t_probe_count("served"), 2);
    CHECK_EQ(t_probe_count("closed"), 0);
    TAKES(SEC(1)) t_wait_probe("closed", 1, SEC(5));
    TAKES(0) t_wait_probe("served", 3, SEC(5));
    CHECK_OK(bl_group_exit(&group, 0));
}

TEST(each_test_counts_from_nothing) {
    CHECK_EQ(t_probe_count("served"), 0);
    t_wait_probe("never", 0, 0);
}

TEST(names_are_compared_as_text) {
    char name[] = "served";
    BL_PROBE("served");
    CHECK_EQ(t_probe_count(name), 1);
}

static void *pass_elsewhere(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++)
        BL_PROBE("elsewhere");
    return NULL;
}

TEST(probes_of_other_threads_count, .no_loop = true) {
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, pass_elsewhere, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    CHECK_EQ(t_probe_count("elsewhere"), 4000);
}

TEST(a_probe_that_was_not_passed_is_shown, .no_loop = true) {
    struct subrun run = subrun_run(SPECIMEN("times"), "probe", NULL);
    CHECK_EQ(run.status, 1);
    CHECK_CONTAINS(run.output,
                   "t_wait_probe(\"accepted\", 3, SEC(1)): it did not come\n"
                   "      probes that were passed:\n"
                   "        opened, 1 times\n"
                   "        accepted, 2 times\n");
    CHECK_EQ(subrun_count(&run, "it went on"), 0);
    subrun_done(&run);
}

TEST(without_probes_their_flag_is_named, .no_loop = true) {
    struct subrun run =
        subrun_run(SPECIMEN("times"), "probe_without_any", NULL);
    CHECK_CONTAINS(run.output, "compiled with BELAY_PROBES=1?\n");
    subrun_done(&run);
}
