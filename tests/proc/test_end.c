/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_end.c - how processes end, and that nobody is left
 *
 * A marker (support/programs.h) tells when the last of a tree has ended.  Where
 * a grace has to pass, it is a short one; where none may pass, it is an hour,
 * and the test would time out.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"
#include "support/programs.h"

#define REAL .clock = T_CLOCK_REAL

/* Says who is there, after the script is ready. */
static bl_process *starts_marked(const char *script, struct marker *marker,
                                 bl_process_options options) {
    marker_open(marker, &options);
    bl_process *process = start_script(script, &options);
    REQUIRE_EQ(strcmp(read_line_of(process), "ready"), 0);
    return process;
}

static bl_process_options patient(void) {
    bl_process_options options = program_options();
    options.grace = HOUR;
    return options;
}

static bl_process_options hasty(void) {
    bl_process_options options = program_options();
    options.grace = BL_MS(30);
    return options;
}

/* ---- the orphan scenarios ------------------------------------------------ */

/* The leader exits on TERM; a child in its group ignores it. */
TEST(a_child_that_ignores_the_signal_its_leader_obeys_is_killed, REAL) {
    struct marker marker;
    bl_process *process =
        starts_marked("(trap '' TERM; echo ready; exec sleep 1000) & "
                      "trap 'exit 0' TERM; wait",
                      &marker, hasty());
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

/* A grandchild has gone to a session of its own. */
TEST(a_grandchild_in_its_own_session_is_asked_to_stop, REAL) {
    struct marker marker;
    bl_process *process = starts_marked(
        "setsid sh -c 'echo ready; exec sleep 1000' & exec sleep 1000", &marker,
        patient());
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

/* It ignores TERM. */
TEST(a_program_that_ignores_the_signal_is_killed, REAL) {
    struct marker marker;
    bl_process *process =
        starts_marked("trap '' TERM; echo ready; while :; do sleep 1000; done",
                      &marker, hasty());
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

/* It exits at once. */
TEST(a_program_that_exits_at_once_is_put_away, REAL) {
    struct marker marker;
    bl_process *process =
        starts_marked("echo ready; exit 1", &marker, patient());
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK_EQ(status.code, 1);
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

/* And worse: whoever double-forks and ignores everything. */
TEST(a_daemon_that_ignores_the_signal_is_killed, REAL) {
    struct marker marker;
    bl_process *process = starts_marked(
        "(setsid sh -c 'trap \"\" TERM HUP INT; echo ready; sleep 1000; sleep "
        "1000' &) ; exec sleep 1000",
        &marker, hasty());
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

TEST(what_a_program_leaves_behind_is_ended, REAL) {
    struct marker marker;
    bl_process *process = starts_marked(
        "setsid sleep 1000 & sleep 1000 & echo ready", &marker, patient());
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK(bl_process_status_is_ok(&status));
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

TEST(a_whole_forest_is_killed, REAL) {
    struct marker marker;
    bl_process *process = starts_marked(
        "for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'trap \"\" TERM; "
        "for j in 1 2 3; do setsid sleep 1000 & done; sleep 1000; sleep 1000' "
        "& done; echo ready; exec sleep 1000",
        &marker, hasty());
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

/* ---- who is stopped ------------------------------------------------------ */

TEST(a_stopped_program_is_continued_to_stop, REAL) {
    struct marker marker;
    bl_process *process =
        starts_marked("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; "
                      "done",
                      &marker, patient());
    CHECK_OK(bl_process_signal(process, SIGSTOP));
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

TEST(a_stopped_orphan_is_continued_to_stop, REAL) {
    struct marker marker;
    bl_process *process = starts_marked(
        "setsid sh -c 'echo ready; kill -STOP $$' & exec sleep 1000", &marker,
        patient());
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

TEST(a_stopped_program_is_killed_without_grace, REAL) {
    struct marker marker;
    bl_process_options options = patient();
    options.grace = BL_PROCESS_NO_GRACE;
    bl_process *process = starts_marked(
        "trap '' TERM; echo ready; exec sleep 1000", &marker, options);
    CHECK_OK(bl_process_signal(process, SIGSTOP));
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

/* ---- less than the tree -------------------------------------------------- */

PARAM(bl_process_reach, lesser, BL_PROCESS_GROUP, BL_PROCESS_ALONE);

TEST(a_program_without_a_shim_ends_too, (lesser), REAL) {
    struct marker marker;
    bl_process_options options = patient();
    options.reach = lesser;
    bl_process *process =
        starts_marked("echo ready; exec sleep 1000", &marker, options);
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

TEST(a_program_without_a_shim_is_killed_too, (lesser), REAL) {
    struct marker marker;
    bl_process_options options = hasty();
    options.reach = lesser;
    bl_process *process = starts_marked(
        "trap '' TERM; echo ready; exec sleep 1000", &marker, options);
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

/* The members are children of the program no more, but still of its group. */
TEST(what_a_group_leaves_behind_is_killed, REAL, .tags = "native") {
    struct marker marker;
    bl_process_options options = patient();
    options.reach = BL_PROCESS_GROUP;
    bl_process *process = starts_marked(
        "(trap '' TERM; exec sleep 1000) & echo ready", &marker, options);
    CHECK_OK(bl_process_wait(process, NULL));
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
    reap_adopted();
}

/* ---- waiting ------------------------------------------------------------- */

TEST(a_cancelled_wait_leaves_the_program_running, REAL) {
    struct marker marker;
    bl_process *process =
        starts_marked("echo ready; read line; exit 4", &marker,
                      (bl_process_options){ .size = sizeof(bl_process_options),
                                            .in = { .kind = BL_STDIO_PIPE },
                                            .out = { .kind = BL_STDIO_PIPE } });
    CHECK_ERR(bl_wait_for(bl_process_wait(process, NULL), BL_MS(1)),
              BL_ETIMEDOUT);
    CHECK_ERR(bl_process_try_wait(process, NULL), BL_EAGAIN);
    CHECK_OK(bl_process_signal(process, 0));
    bl_process_close_in(process);
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK_EQ(status.code, 4);
    CHECK_OK(bl_process_try_wait(process, NULL));
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
}

struct waits {
    bl_process *process;
    bl_process_status status;
    int rc;
};

static int waits_for_it(void *arg) {
    struct waits *waits = arg;
    waits->rc = bl_process_wait(waits->process, &waits->status);
    return 0;
}

TEST(several_may_wait, REAL) {
    bl_process_options options = patient();
    options.in.kind = BL_STDIO_PIPE;
    bl_process *process = start_script("read line; exit 9", &options);
    struct waits waits[3];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        waits[i] = (struct waits){ .process = process, .rc = 1 };
        REQUIRE_OK(bl_spawn(&group, waits_for_it, &waits[i]));
    }
    t_settle();
    bl_process_close_in(process);
    REQUIRE_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 3; i++) {
        CHECK_OK(waits[i].rc);
        CHECK_EQ(waits[i].status.code, 9);
    }
    CHECK_OK(bl_process_close(process));
}

TEST(a_process_can_be_one_of_several_things, REAL) {
    bl_process_options options = patient();
    options.in.kind = BL_STDIO_PIPE;
    bl_process *process = start_script("read line; exit 6", &options);
    bl_process_status status = { 0 };
    bl_branch branches[] = { bl_on_process(process, &status),
                             bl_on_sleep(BL_MS(1)) };
    CHECK_EQ(bl_select(branches, 2), 1);
    bl_process_close_in(process);
    CHECK_EQ(bl_select(branches, 1), 0);
    CHECK_EQ(branches[0].rc, 0);
    CHECK_EQ(status.code, 6);
    status.code = 0;
    CHECK_EQ(bl_select(branches, 2), 0); /* at once */
    CHECK_EQ(status.code, 6);
    CHECK_OK(bl_process_close(process));
    bl_branch none = bl_on_process(NULL, NULL);
    CHECK_ERR(bl_select(&none, 1), BL_EINVAL);
}

/* ---- cancellation -------------------------------------------------------- */

struct owner {
    struct marker marker;
    int wait_rc;
    int close_rc;
    bool is_running;
};

static int owns_a_process(void *arg) {
    struct owner *owner = arg;
    bl_process *process = starts_marked(
        "trap 'exit 0' TERM; echo ready; while :; do sleep 0.01; done",
        &owner->marker, patient());
    owner->is_running = true;
    owner->wait_rc = bl_process_wait(process, NULL);
    owner->close_rc = bl_process_close(process);
    return owner->wait_rc;
}

TEST(an_owner_that_is_cancelled_ends_its_process, REAL) {
    struct owner owner = { 0 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, owns_a_process, &owner));
    REQUIRE_EVENTUALLY(owner.is_running, BL_SEC(20));
    bl_group_cancel(&group);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(owner.wait_rc, BL_ECANCELED);
    CHECK_OK(owner.close_rc);
    CHECK(marker_ends(&owner.marker));
}

static int closes_by_force(void *arg) {
    struct owner *owner = arg;
    bl_process_options options = patient();
    options.fds = &owner->marker.passed;
    options.fd_count = 1;
    const char *argv[] = { "sh", "-c",
                           "trap '' TERM; echo ready; exec sleep 1000", NULL };
    bl_process *process;
    char line[10];
    int rc = bl_process_spawn(argv, &options, &process);
    if (rc < 0) return rc;
    bl_ssize bytes = bl_stream_read(bl_process_out(process), line, sizeof line);
    if (bytes < 0) return (int)bytes;
    bl_loop_cancel(bl_loop_running(), true);
    owner->close_rc = bl_process_close(process);
    return 0;
}

TEST(a_forced_cancellation_kills_and_does_not_wait, REAL) {
    struct owner owner = { 0 };
    bl_process_options options = program_options();
    bl_loop_options loop = { .size = sizeof loop };
    marker_open(&owner.marker, &options);
    CHECK_OK(run_elsewhere(closes_by_force, &owner, &loop));
    CHECK(owner.close_rc == BL_ECANCELED || owner.close_rc == 0);
    CHECK(marker_ends(&owner.marker));
}

/* ---- who cannot be killed ------------------------------------------------ */

/* A shim that is stopped kills nobody, as if the kernel held them. */
static pid_t stop_shim_of(pid_t program) {
    char path[64];
    int shim = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)program);
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    if (fscanf(file, "%*d %*s %*c %d", &shim) != 1) shim = 0;
    fclose(file);
    if (shim > 1 && kill(shim, SIGSTOP) < 0) return 0;
    return shim;
}

/* It takes the two seconds that are given to the kernel. */
TEST(who_does_not_die_is_named_and_not_waited_for_ever, REAL,
     .tags = "bulky native") {
    struct marker marker;
    char text[40];
    bl_process *process =
        starts_marked("echo ready; exec sleep 1000", &marker, hasty());
    pid_t program = bl_process_pid(process);
    pid_t shim = stop_shim_of(program);
    REQUIRE_GT(shim, 1);
    snprintf(text, sizeof text, " %d sleep (S)", (int)program);
    CHECK_ERR(bl_process_close(process), BL_EBUSY);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_EBUSY)), text);
    CHECK_EQ(kill(shim, SIGCONT), 0);
    CHECK(marker_ends(&marker));
    REQUIRE_EVENTUALLY(kill(shim, 0) < 0, BL_SEC(20)); /* reaped and freed */
}

TEST(an_abort_sends_away_who_waits, REAL) {
    struct waits waits = { .rc = 1 };
    waits.process = start_script("exec sleep 1000", NULL);
    pid_t shim = stop_shim_of(bl_process_pid(waits.process));
    REQUIRE_GT(shim, 1);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, waits_for_it, &waits));
    t_settle();
    bl_process_abort(waits.process);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waits.rc, BL_ECLOSED);
    CHECK_EQ(kill(shim, SIGCONT), 0);
    REQUIRE_EVENTUALLY(kill(shim, 0) < 0, BL_SEC(20)); /* reaped and freed */
}

static int closes_by_force_what_does_not_die(void *arg) {
    struct owner *owner = arg;
    const char *argv[] = { "sleep", "1000", NULL };
    bl_process *process;
    int rc = bl_process_spawn(argv, NULL, &process);
    if (rc < 0) return rc;
    pid_t shim = stop_shim_of(bl_process_pid(process));
    bl_loop_cancel(bl_loop_running(), true);
    owner->close_rc = bl_process_close(process);
    return kill(shim, SIGCONT);
}

static int runs_and_closes_by_force(void *arg) {
    BL_IGNORE(bl_run(closes_by_force_what_does_not_die, arg) < 0);
    return 0;
}

TEST(by_force_nobody_is_waited_for, REAL) {
    struct owner *owner = shared_memory(sizeof *owner);
    CHECK_EQ(in_child(runs_and_closes_by_force, owner), 0);
    CHECK_ERR(owner->close_rc, BL_ECANCELED);
    reap_adopted();
}

/* ---- without waiting ----------------------------------------------------- */

PARAM(bl_process_reach, reach, BL_PROCESS_TREE, BL_PROCESS_GROUP,
      BL_PROCESS_ALONE);

TEST(an_abort_kills_at_once, (reach), REAL) {
    struct marker marker;
    bl_process_options options = patient();
    options.reach = reach;
    bl_process *process = starts_marked(
        "trap '' TERM; echo ready; exec sleep 1000", &marker, options);
    bl_process_abort(process);
    CHECK(marker_ends(&marker));
}

TEST(an_abort_of_what_has_ended_puts_it_away, (reach), REAL) {
    bl_process_options options = patient();
    options.reach = reach;
    bl_process *process = start_script("exit 0", &options);
    CHECK_OK(bl_process_wait(process, NULL));
    bl_process_abort(process);
}

/* ---- if we are killed ---------------------------------------------------- */

static int starts_and_waits(void *arg) {
    struct marker *marker = arg;
    bl_process_options options = patient();
    options.fds = &marker->passed;
    options.fd_count = 1;
    const char *argv[] = {
        "sh", "-c",
        "trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1000; sleep 1000' & "
        "echo ready; sleep 1000; sleep 1000",
        NULL
    };
    bl_process *process;
    char line[10];
    if (bl_process_spawn(argv, &options, &process) < 0) return 1;
    if (bl_stream_read(bl_process_out(process), line, sizeof line) <= 0) {
        return 1;
    }
    return kill(getpid(), SIGKILL);
}

static int runs_and_is_killed(void *arg) {
    return bl_run(starts_and_waits, arg) == 0 ? 0 : 1;
}

TEST(if_we_are_killed_nobody_is_left, REAL) {
    bl_process_options options = program_options();
    struct marker marker;
    marker_open(&marker, &options);
    int status = in_child(runs_and_is_killed, &marker);
    CHECK(WIFSIGNALED(status));
    CHECK(marker_ends(&marker));
    reap_adopted();
}

/* Nobody's children are reaped but ours, and nobody else reaps ours. */
TEST(other_children_are_left_alone, REAL) {
    int status = 0;
    pid_t other = fork();
    if (other == 0) _exit(11);
    REQUIRE_GT(other, 0);
    bl_process *process = start_script("exit 12", NULL);
    bl_process_status seen;
    CHECK_OK(bl_process_wait(process, &seen));
    CHECK_EQ(waitpid(-1, &status, 0), other);
    CHECK_EQ(WEXITSTATUS(status), 11);
    CHECK_EQ(waitpid(-1, &status, WNOHANG), -1); /* the shim is not seen */
    CHECK_EQ(seen.code, 12);
    CHECK_OK(bl_process_close(process));
}

TEST(with_children_ignored_a_shim_still_knows, REAL) {
    REQUIRE(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    bl_process_status status;
    bl_process *process = start_script("exit 12", NULL);
    CHECK_OK(bl_process_wait(process, &status));
    CHECK_EQ(status.code, 12);
    CHECK(!status.is_unknown);
    CHECK_OK(bl_process_close(process));

    bl_process_options options = program_options();
    options.reach = BL_PROCESS_ALONE;
    process = start_script("exit 12", &options);
    CHECK_OK(bl_process_wait(process, &status));
    CHECK(status.is_unknown);
    CHECK(!bl_process_status_is_ok(&status));
    CHECK_OK(bl_process_close(process));
    CHECK(signal(SIGCHLD, SIG_DFL) == SIG_IGN);
}
