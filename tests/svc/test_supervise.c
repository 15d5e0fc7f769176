/* SPDX-License-Identifier: MIT */
/*
 * tests/svc/test_supervise.c - a plain task that is begun again
 *
 * Legs: sweep
 */
#include <belay/test.h>

#include <string.h>

/* A job that fails some times, each after a while. */
struct job {
    bl_ns takes;
    int failures; /* then it returns 7 */
    int rc;       /* what it fails with */
    int runs;
    bl_ns began[64];
    int restarts_told;
    bl_restart_view last;
};

static int job_run(void *arg) {
    struct job *job = arg;
    job->began[job->runs++ % 64] = bl_now();
    if (job->takes > 0) {
        int rc = bl_sleep(job->takes);
        if (rc < 0) return rc;
    }
    return job->runs <= job->failures ? job->rc : 7;
}

static void job_told(const bl_restart_view *view, void *context) {
    struct job *job = context;
    job->restarts_told++;
    job->last = *view;
}

static bl_restart_policy policy_of(bl_restart when) {
    return (bl_restart_policy){ .size = sizeof(bl_restart_policy),
                                .when = when,
                                .has_no_jitter = true };
}

TEST(what_fails_is_begun_again_until_it_succeeds) {
    struct job job = { .failures = 3, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    TAKES(MS(100 + 200 + 400)) {
        CHECK_EQ(bl_supervise_run(job_run, &job, &policy), 7);
    }
    CHECK_EQ(job.runs, 4);
}

TEST(without_a_policy_to_restart_the_first_result_counts) {
    struct job job = { .failures = 3, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_NEVER);
    CHECK_ERR(bl_supervise_run(job_run, &job, &policy), BL_EIO);
    CHECK_EQ(job.runs, 1);
}

TEST(what_always_runs_is_begun_again_after_success_too) {
    struct job job = { .takes = SEC(1) };
    bl_restart_policy policy = policy_of(BL_RESTART_ALWAYS);
    CHECK_ERR(bl_wait_for(bl_supervise_run(job_run, &job, &policy), SEC(60)),
              BL_ETIMEDOUT);
    CHECK_EQ(job.runs, 55); /* one each 1.1 s: success is never too often */
}

TEST(ten_good_seconds_begin_the_delays_anew) {
    struct job job = { .takes = SEC(11), .failures = 5, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    TAKES(6 * SEC(11) + 5 * MS(100)) {
        CHECK_EQ(bl_supervise_run(job_run, &job, &policy), 7);
    }
    CHECK_EQ(job.runs, 6);
}

TEST(each_delay_is_told_before_it_begins) {
    struct job job = { .failures = 2, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.on_restart = job_told;
    policy.context = &job;
    CHECK_EQ(bl_supervise_run(job_run, &job, &policy), 7);
    CHECK_EQ(job.restarts_told, 2);
    CHECK_EQ(job.last.rc, BL_EIO);
    CHECK_EQ(job.last.count, 2u);
    CHECK_EQ(job.last.delay, MS(200));
}

TEST(after_too_many_restarts_the_last_error_is_returned_with_a_note, (t_log)) {
    struct job job = { .failures = 100, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    CHECK_ERR(bl_supervise_run(job_run, &job, &policy), BL_EIO);
    CHECK_EQ(job.runs, 11);
    bl_error_print(bl_error_current(BL_EIO), stderr);
    CHECK_CONTAINS(t_log_text(t_log), "10 restarts within 300 s");
}

TEST(a_supervised_child_fails_its_group_when_it_is_given_up) {
    struct job job = { .failures = 100, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.restarts_max = 2;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_supervise(&group, job_run, &job, &policy));
    memset(&policy, 0, sizeof policy); /* it was copied */
    REQUIRE_ERR(bl_group_exit(&group, 0), BL_EGROUP);
    CHECK(bl_error_match(bl_error_current(BL_EGROUP), BL_EIO));
    CHECK_EQ(job.runs, 3);
}

TEST(a_cancelled_child_is_not_begun_again) {
    struct job job = { .takes = SEC(10) };
    bl_restart_policy policy = policy_of(BL_RESTART_ALWAYS);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_supervise(&group, job_run, &job, &policy));
    REQUIRE_OK(bl_sleep(SEC(5)));
    bl_group_cancel(&group);
    TAKES(0) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(job.runs, 1);
}

TEST(a_cancellation_ends_the_delay) {
    struct job job = { .failures = 100, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    policy.delay_min = SEC(20);
    TAKES(SEC(5)) {
        CHECK_ERR(bl_wait_for(bl_supervise_run(job_run, &job, &policy), SEC(5)),
                  BL_ETIMEDOUT);
    }
    CHECK_EQ(job.runs, 1);
}

TEST(a_cancellation_that_nobody_asked_for_is_a_failure) {
    struct job job = { .failures = 1, .rc = BL_ECANCELED };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    CHECK_EQ(bl_supervise_run(job_run, &job, &policy), 7);
    CHECK_EQ(job.runs, 2);
    policy.when = BL_RESTART_NEVER;
    job = (struct job){ .failures = 1, .rc = BL_ECANCELED };
    CHECK_ERR(bl_supervise_run(job_run, &job, &policy), BL_ESTRAYCANCEL);
}

static int run_pair(void *arg) {
    struct job *jobs = arg;
    int rc;
    BL_GROUP(pair, rc) {
        rc = bl_spawn(pair, job_run, &jobs[0]);
        if (rc == 0) rc = bl_spawn(pair, job_run, &jobs[1]);
    }
    return rc;
}

TEST(a_group_inside_is_begun_again_as_a_whole) {
    struct job jobs[2] = { { .takes = SEC(3), .rc = 0 },
                           { .takes = SEC(1), .failures = 1, .rc = BL_EIO } };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    CHECK_EQ(bl_supervise_run(run_pair, jobs, &policy), 0);
    CHECK_EQ(jobs[0].runs, 2);
    CHECK_EQ(jobs[1].runs, 2);
}

TEST(a_delay_is_no_wait_of_the_job) {
    struct job job = { .takes = MS(10), .failures = 1, .rc = BL_EIO };
    bl_restart_policy policy = policy_of(BL_RESTART_ON_FAILURE);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_supervise(&group, job_run, &job, &policy));
    REQUIRE_OK(bl_sleep(MS(1)));
    CHECK_CONTAINS(t_task_tree(), "for sleep in bl_sleep(job->takes)");
    REQUIRE_OK(bl_sleep(MS(20)));
    CHECK_EQ(job.runs, 1); /* and failed */
    CHECK(strstr(t_task_tree(), "bl_sleep(job->takes)") == NULL);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(a_supervised_child_is_named_after_its_function) {
    struct job job = { .takes = SEC(1) };
    bl_restart_policy policy = policy_of(BL_RESTART_NEVER);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_supervise(&group, job_run, &job, &policy));
    REQUIRE_OK(bl_sleep(MS(1)));
    CHECK_CONTAINS(t_task_tree(), "job_run");
    REQUIRE_OK(bl_group_exit(&group, 0));
}
