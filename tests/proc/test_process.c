/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_process.c - starting programs
 *
 * What a child became is asked of the child: scripts print it.  All run by the
 * real clock, since a child is outside.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/files.h"
#include "support/filter.h"
#include "support/host.h"
#include "support/programs.h"
#include "support/sockets.h"

#define REAL .clock = T_CLOCK_REAL

static const char *const shell_true[] = { "true", NULL };

static int count_fds(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    REQUIRE(folder != NULL);
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count;
}

/* ---- one program --------------------------------------------------------- */

PARAM(bl_process_reach, reach, BL_PROCESS_TREE, BL_PROCESS_GROUP,
      BL_PROCESS_ALONE);

TEST(a_program_runs_and_tells_how_it_ended, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    int fds = count_fds();
    bl_process *process = start_script("echo hello; exit 7", &options);
    CHECK_GT(bl_process_pid(process), 1);
    CHECK_STR(read_line_of(process), "hello");
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK_EQ(status.code, 7);
    CHECK_EQ(status.signal, 0);
    CHECK(!status.is_unknown);
    CHECK(!bl_process_status_is_ok(&status));
    CHECK_OK(bl_process_wait(process, NULL)); /* again */
    CHECK_OK(bl_process_close(process));
    CHECK_LE(count_fds(), fds + 2); /* the driver's */
}

TEST(a_signal_is_told_from_a_code, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    bl_process *process = start_script("kill -KILL $$", &options);
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK_EQ(status.code, 0);
    CHECK_EQ(status.signal, SIGKILL);
    CHECK_OK(bl_process_close(process));
}

TEST(what_it_used_is_told, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    bl_process *process = start_script("exit 0", &options);
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK(bl_process_status_is_ok(&status));
    CHECK_GT(status.usage.ru_maxrss, 0);
    CHECK_OK(bl_process_close(process));
}

TEST(arguments_come_as_they_are, REAL) {
    const char *argv[] = { "printf", "[%s]", "", "a b", "$HOME", "*", NULL };
    bl_process_result result;
    REQUIRE_OK(bl_process_run(argv, NULL, &result));
    CHECK_STR(result.out, "[][a b][$HOME][*]");
    bl_process_result_done(&result);
}

TEST(the_file_may_have_another_name_than_the_program, REAL) {
    const char *argv[] = { "another", "-c", "echo $0", NULL };
    bl_process_options options = program_options();
    options.program = "sh";
    bl_process_run_options run = { .size = sizeof run, .process = &options };
    bl_process_result result;
    REQUIRE_OK(bl_process_run(argv, &run, &result));
    CHECK_STR(result.out, "another\n");
    bl_process_result_done(&result);
}

/* ---- what cannot be executed --------------------------------------------- */

/* Nothing is left of a program that could not be started. */
static void cannot_start(const char *program, bl_process_options options,
                         int code, const char *text) {
    const char *argv[] = { program, NULL };
    bl_process *process = NULL;
    int rc = bl_process_spawn(argv, &options, &process);
    CHECK_ERR(rc, code);
    CHECK(process == NULL);
    CHECK_CONTAINS(bl_error_message(bl_error_current(rc)), text);
}

TEST(a_program_that_is_not_there_is_no_program, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    cannot_start("no-such-program", options, BL_ENOENT,
                 "cannot execute no-such-program");
    cannot_start("/no/such/program", options, BL_ENOENT,
                 "cannot execute /no/such/program");
    cannot_start("", options, BL_ENOENT, "without name");
    const char *argv[] = { "no-such-program", NULL };
    bl_process *process = NULL;
    CHECK_ERR(bl_process_spawn(argv, &options, &process), BL_ENOENT);
}

/* Whatever carries the news, it is not among those that the program gets. */
TEST(a_failure_is_heard_past_the_descriptors_that_are_passed, (reach), REAL) {
    bl_process_options options = program_options();
    bl_process_fd fds[BL_PROCESS_FDS_MAX];
    options.reach = reach;
    for (int i = 0; i < BL_PROCESS_FDS_MAX; i++)
        fds[i] = (bl_process_fd){ .fd = 0, .as = 3 + i };
    options.fds = fds;
    options.fd_count = BL_PROCESS_FDS_MAX;
    cannot_start("no-such-program", options, BL_ENOENT,
                 "cannot execute no-such-program");
}

TEST(what_must_not_be_executed_is_said, (reach, t_tmpdir), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    const char *path = below(t_tmpdir, "plain");
    put_text(path, "#!/bin/sh\n");
    cannot_start(path, options, BL_EACCES, path);
    cannot_start(t_tmpdir, options, BL_EACCES, t_tmpdir);
    const char *argv[] = { path, NULL };
    bl_process *process = NULL;
    CHECK_ERR(bl_process_spawn(argv, &options, &process), BL_EACCES);
}

TEST(a_file_without_a_format_is_not_given_to_a_shell, (reach, t_tmpdir), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    const char *path = below(t_tmpdir, "script");
    put_text(path, "echo it runs\n");
    REQUIRE_EQ(chmod(path, 0755), 0);
    cannot_start(path, options, BL_ENOEXEC, path);
    const char *argv[] = { path, NULL };
    bl_process *process = NULL;
    CHECK_ERR(bl_process_spawn(argv, &options, &process), BL_ENOEXEC);
}

TEST(a_directory_that_is_not_there_is_named, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    options.directory = "/no/such/directory";
    cannot_start("true", options, BL_ENOENT,
                 "cannot enter /no/such/directory to run true");
}

/* A thing that was denied counts more than one that is not there. */
TEST(a_denied_program_of_the_path_is_said, (t_tmpdir), REAL) {
    char path[300];
    bl_process_options options = program_options();
    put_text(below(t_tmpdir, "tool"), "#!/bin/sh\n");
    snprintf(path, sizeof path, "PATH=%s:/no/such/directory", t_tmpdir);
    const char *env[] = { path, NULL };
    options.env = env;
    cannot_start("tool", options, BL_EACCES, "cannot execute tool");
}

/* ---- what a child gets --------------------------------------------------- */

TEST(a_program_is_looked_up_in_the_path_of_the_child, (t_tmpdir), REAL) {
    char path[300];
    bl_process_options options = program_options();
    const char *tool = below(t_tmpdir, "tool");
    put_text(tool, "#!/bin/sh\necho found\n");
    REQUIRE_EQ(chmod(tool, 0755), 0);
    snprintf(path, sizeof path, "PATH=/no/such:%s", t_tmpdir);
    const char *env[] = { path, NULL };
    options.env_set = env;
    const char *argv[] = { "tool", NULL };
    bl_process_run_options run = { .size = sizeof run, .process = &options };
    bl_process_result result;
    REQUIRE_OK(bl_process_run(argv, &run, &result));
    CHECK_STR(result.out, "found\n");
    bl_process_result_done(&result);

    options.directory = t_tmpdir;
    options.env_set = NULL;
    const char *here[] = { "PATH=/no/such:", NULL };
    options.env = here;
    REQUIRE_OK(bl_process_run(argv, &run, &result));
    CHECK_STR(result.out, "found\n");
    bl_process_result_done(&result);
}

TEST(the_environment_is_replaced, REAL) {
    bl_process_options options = program_options();
    const char *env[] = { "ONE=1", "TWO=2", NULL };
    options.env = env;
    const char *argv[] = { "/usr/bin/env", NULL };
    bl_process_run_options run = { .size = sizeof run, .process = &options };
    bl_process_result result;
    REQUIRE_OK(bl_process_run(argv, &run, &result));
    CHECK_STR(result.out, "ONE=1\nTWO=2\n");
    bl_process_result_done(&result);
}

TEST(the_environment_is_changed, (t_env), REAL) {
    t_env_set(t_env, "BELAY_KEPT", "kept");
    t_env_set(t_env, "BELAY_CHANGED", "old");
    t_env_set(t_env, "BELAY_REMOVED", "old");
    const char *changes[] = { "BELAY_CHANGED=first", "BELAY_REMOVED",
                              "BELAY_ADDED=a=b", "BELAY_CHANGED=new", NULL };
    bl_process_options options = program_options();
    options.env_set = changes;
    CHECK_STR(
        output_of("env | grep BELAY_[KCRA] | sort | tr '\\n' ' '", &options),
        "BELAY_ADDED=a=b BELAY_CHANGED=new BELAY_KEPT=kept ");
}

TEST(the_directory_is_the_childs_alone, (t_tmpdir), REAL) {
    char before[300];
    char after[300];
    REQUIRE(getcwd(before, sizeof before) != NULL);
    bl_process_options options = program_options();
    options.directory = t_tmpdir;
    CHECK_STR(output_of("pwd -P", &options), t_tmpdir);
    REQUIRE(getcwd(after, sizeof after) != NULL);
    CHECK_STR(before, after);
}

TEST(the_umask_is_the_childs_alone, REAL) {
    mode_t before = umask(022);
    bl_process_options options = program_options();
    options.has_umask = true;
    options.umask = 077;
    CHECK_STR(output_of("umask", &options), "0077");
    CHECK_EQ(umask(before), 022u);
}

TEST(limits_are_the_childs_alone, REAL) {
    struct rlimit before;
    struct rlimit after;
    REQUIRE_EQ(getrlimit(RLIMIT_CORE, &before), 0);
    const bl_process_limit limits[] = {
        { .resource = RLIMIT_NOFILE, .limit = { 40, 50 } },
        { .resource = RLIMIT_CORE, .limit = { 0, 0 } },
    };
    bl_process_options options = program_options();
    options.limits = limits;
    options.limit_count = 2;
    CHECK_STR(output_of("ulimit -n; ulimit -Hn; ulimit -c", &options),
              "40\n50\n0");
    REQUIRE_EQ(getrlimit(RLIMIT_CORE, &after), 0);
    CHECK_EQ(after.rlim_cur, before.rlim_cur);
}

TEST(a_limit_that_cannot_be_is_said, (reach), REAL) {
    const bl_process_limit limit = { .resource = RLIMIT_NOFILE,
                                     .limit = { 60, 50 } };
    bl_process_options options = program_options();
    options.reach = reach;
    options.limits = &limit;
    options.limit_count = 1;
    cannot_start("true", options, BL_EINVAL, "cannot set a limit of true");
}

TEST(the_priority_is_added_to, REAL) {
    bl_process_options options = program_options();
    options.nice = 3;
    int before = atoi(output_of("nice", NULL));
    CHECK_EQ(atoi(output_of("nice", &options)), before + 3);
}

TEST(a_program_can_be_another_users, .clock = T_CLOCK_REAL) {
    if (geteuid() != 0) t_skip("only root can become somebody else");
    bl_process_options options = program_options();
    bl_process_user user = {
        .uid = 65534, .gid = 65533, .group_count = 2, .groups = { 65533, 65531 }
    };
    options.user = &user;
    options.directory = "/";
    CHECK_STR(output_of("id -u; id -g; id -G", &options),
              "65534\n65533\n65533 65531");
    CHECK_EQ(geteuid(), 0u);
}

static int starts_as_root(void *arg) {
    bl_process_options options = program_options();
    bl_process_user user = { .uid = 0 };
    bl_process *process;
    (void)arg;
    options.user = &user;
    int rc = bl_process_spawn(shell_true, &options, &process);
    return rc == BL_EPERM ? 0 : 1;
}

static int is_nobody(void *arg) {
    (void)arg;
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) return 1;
    return bl_run(starts_as_root, NULL);
}

TEST(whoever_is_not_root_cannot_become_root, .no_loop = true) {
    CHECK_EQ(in_child(is_nobody, NULL), 0);
}

TEST(permission_is_needed, REAL) {
    bl_process_options options = program_options();
    bl_process *process = NULL;
    struct rlimit above = { RLIM_INFINITY, RLIM_INFINITY };
    if (geteuid() == 0) t_skip("root may do it");
    REQUIRE_EQ(getrlimit(RLIMIT_NOFILE, &above), 0);
    const bl_process_limit limit = { .resource = RLIMIT_NOFILE,
                                     .limit = { above.rlim_max,
                                                above.rlim_max + 1 } };
    options.limits = &limit;
    options.limit_count = 1;
    CHECK_ERR(bl_process_spawn(shell_true, &options, &process), BL_EPERM);
}

/* ---- descriptors --------------------------------------------------------- */

/* ls itself has the folder open. */
TEST(a_child_has_no_other_descriptors, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    int leaky = open("/dev/null", O_RDONLY); /* not close-on-exec */
    REQUIRE_GE(leaky, 0);
    CHECK_STR(output_of("exec ls /proc/self/fd", &options), "0\n1\n2\n3");
    close(leaky);
}

TEST(descriptors_get_the_numbers_they_are_to_have, (reach, t_tmpdir), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    int files[3];
    const char *names[] = { "a", "b", "c" };
    for (int i = 0; i < 3; i++) {
        put_text(below(t_tmpdir, names[i]), names[i]);
        files[i] = open(below(t_tmpdir, names[i]), O_RDONLY | O_CLOEXEC);
        REQUIRE_GE(files[i], 0);
    }
    /* Each to where another one is, and one to a far place. */
    const bl_process_fd fds[] = { { files[0], files[1] },
                                  { files[1], files[2] },
                                  { files[2], files[0] },
                                  { files[0], 60 } };
    options.fds = fds;
    options.fd_count = 4;
    char script[200];
    char expected[200];
    snprintf(script, sizeof script,
             "for n in %d %d %d 60; do cat /dev/fd/$n; done; echo;"
             "exec ls /proc/self/fd",
             files[1], files[2], files[0]);
    snprintf(expected, sizeof expected, "abca\n0\n1\n2\n");
    const char *output = output_of(script, &options);
    CHECK_EQ(strncmp(output, expected, strlen(expected)), 0);
    int lines = 0;
    for (const char *at = output; *at != '\0'; at++)
        lines += *at == '\n';
    CHECK_EQ(lines, 1 + 3 + 4); /* one more is ls's own; the last has no end */
    for (int i = 0; i < 3; i++)
        close(files[i]);
}

TEST(a_descriptor_that_is_not_open_is_refused, REAL) {
    bl_process_options options = program_options();
    const bl_process_fd fd = { 4000, 5 };
    options.fds = &fd;
    options.fd_count = 1;
    cannot_start("true", options, BL_EBADF, "descriptor 4000 is not open");
    options.fd_count = 0;
    options.in = (bl_process_stdio){ BL_STDIO_FD, 4000 };
    cannot_start("true", options, BL_EBADF, "descriptor 4000 is not open");
    bl_process *process = NULL;
    CHECK_ERR(bl_process_spawn(shell_true, &options, &process), BL_EBADF);
}

/* ---- signals ------------------------------------------------------------- */

static const char masks[] =
    "sed -n 's/^Sig\\(Blk\\|Ign\\|Cgt\\):.*\\(....\\)$/\\1 \\2/p' "
    "/proc/self/status | tr '\\n' ' '";

/* SIGHUP is 1, SIGUSR1 10, SIGUSR2 12. */
TEST(a_child_starts_with_signals_as_they_were, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    const int numbers[] = { SIGHUP, SIGUSR1, SIGTERM };
    bl_signals *signals;
    REQUIRE(signal(SIGHUP, SIG_IGN) != SIG_ERR);
    REQUIRE_OK(bl_signals_open(numbers, 3, &signals));
    CHECK_STR(output_of(masks, &options), "Blk 0000 Ign 0001 Cgt 0000 ");
    options.resets_signals = true;
    CHECK_STR(output_of(masks, &options), "Blk 0000 Ign 0000 Cgt 0000 ");
    bl_signals_close(signals);
    CHECK(signal(SIGHUP, SIG_DFL) == SIG_IGN);
}

TEST(what_the_task_blocks_is_blocked, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    REQUIRE_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
    CHECK_STR(output_of(masks, &options), "Blk 0800 Ign 0000 Cgt 0000 ");
    options.resets_signals = true;
    CHECK_STR(output_of(masks, &options), "Blk 0000 Ign 0000 Cgt 0000 ");
    REQUIRE_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
}

TEST(our_own_signals_stay_as_they_are, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    options.resets_signals = true;
    const int number = SIGUSR1;
    bl_signals *signals;
    bl_signal_event event;
    REQUIRE_OK(bl_signals_open(&number, 1, &signals));
    CHECK_STR(output_of("echo x", &options), "x");
    CHECK_EQ(raise(SIGUSR1), 0);
    CHECK_OK(bl_signals_try_wait(signals, &event));
    bl_signals_close(signals);
}

TEST(a_program_can_be_sent_a_signal, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    bl_process *process = start_script(
        "trap 'echo got it; exit 0' USR1; echo ready; while :; do sleep 0.01; "
        "done",
        &options);
    CHECK_STR(read_line_of(process), "ready");
    CHECK_OK(bl_process_signal(process, 0));
    CHECK_OK(bl_process_signal(process, SIGUSR1));
    CHECK_STR(read_line_of(process), "got it");
    CHECK_OK(bl_process_wait(process, NULL));
    CHECK_ERR(bl_process_signal(process, SIGUSR1), BL_ESRCH);
    CHECK_ERR(bl_process_signal_group(process, SIGUSR1), BL_ESRCH);
    CHECK_OK(bl_process_close(process));
}

TEST(a_group_can_be_sent_a_signal, (reach), REAL, .tags = "rigid") {
    bl_process_options options = program_options();
    options.reach = reach;
    bl_process *process =
        start_script("trap : USR1; for i in 1 2; do sh -c 'trap \"exit 0\" "
                     "USR1; echo ready; "
                     "while :; do sleep 0.01; done' & done; wait; wait; exit 5",
                     &options);
    CHECK_STR(read_line_of(process), "ready");
    CHECK_STR(read_line_of(process), "ready");
    CHECK_OK(bl_process_signal_group(process, SIGUSR1));
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK_EQ(status.code, 5);
    CHECK_OK(bl_process_close(process));
}

static int becomes_nobody(void *arg) {
    bl_process_options options = program_options();
    const char *argv[] = { "sleep", "1000", NULL };
    bl_process *process;
    (void)arg;
    BL_TRY(bl_process_spawn(argv, &options, &process));
    if (setresuid(65534, 65534, 65534) < 0) return 1;
    int rc = bl_process_signal(process, SIGTERM);
    BL_TRY(bl_process_close(process)); /* the shim is root's still */
    return rc == BL_EPERM ? 0 : 1;
}

static int runs_as_nobody(void *arg) {
    return bl_run(becomes_nobody, arg);
}

TEST(a_program_of_another_user_cannot_be_sent_a_signal, .no_loop = true) {
    if (geteuid() != 0) t_skip("only root can become somebody else");
    CHECK_EQ(in_child(runs_as_nobody, NULL), 0);
}

/* ---- groups and sessions ------------------------------------------------- */

static const char places[] = "exec ps -o pgid=,sid= -p $$";

TEST(it_has_a_group_of_its_own, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    bl_process *process = start_script(places, &options);
    int group = 0;
    int session = 0;
    REQUIRE_EQ(sscanf(read_line_of(process), "%d %d", &group, &session), 2);
    CHECK_EQ(group, bl_process_pid(process));
    CHECK_EQ(session, getsid(0));
    CHECK_OK(bl_process_close(process));
}

TEST(it_can_have_a_session, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    options.place = BL_PROCESS_OWN_SESSION;
    bl_process *process = start_script(places, &options);
    int group = 0;
    int session = 0;
    REQUIRE_EQ(sscanf(read_line_of(process), "%d %d", &group, &session), 2);
    CHECK_EQ(group, bl_process_pid(process));
    CHECK_EQ(session, bl_process_pid(process));
    CHECK_OK(bl_process_close(process));
}

TEST(it_can_be_in_our_group, REAL) {
    bl_process_options options = program_options();
    options.place = BL_PROCESS_SAME_GROUP;
    bl_process *process = start_script(places, &options);
    int group = 0;
    REQUIRE_EQ(sscanf(read_line_of(process), "%d", &group), 1);
    CHECK_EQ(group, getpgid(0));
    CHECK_ERR(bl_process_signal_group(process, SIGTERM), BL_EINVAL);
    CHECK_OK(bl_process_close(process));
}

/* ---- cgroups ------------------------------------------------------------- */

/* A folder stands in for one: the child writes to its file. */
TEST(a_child_enters_its_cgroup, (reach, t_tmpdir), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    options.cgroup = t_tmpdir;
    cannot_start("true", options, BL_ENOENT, "cannot enter the cgroup of true");
    put_text(below(t_tmpdir, "cgroup.procs"), "");
    put_text(below(t_tmpdir, "cgroup.kill"), "");
    CHECK_STR(output_of("echo inside", &options), "inside");
    CHECK_STR(text_of(below(t_tmpdir, "cgroup.procs")), "0");
    CHECK_STR(text_of(below(t_tmpdir, "cgroup.kill")), "1");
    options.cgroup = "/no/such/cgroup";
    cannot_start("true", options, BL_ENOENT,
                 "cannot open the cgroup /no/such/cgroup");
}

static const char *find_cgroup(void) {
    static const char *const roots[] = { "/sys/fs/cgroup",
                                         "/sys/fs/cgroup/unified" };
    static char path[100];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/cgroup.procs", roots[i]);
        if (access(path, W_OK) < 0) continue;
        snprintf(path, sizeof path, "%s/belay-test-%d", roots[i],
                 (int)getpid());
        if (mkdir(path, 0755) == 0) return path;
    }
    return NULL;
}

/* What has left the tree by the back door is in the cgroup still. */
TEST(what_is_left_in_a_cgroup_is_killed, REAL, .tags = "native") {
    const char *path = find_cgroup();
    struct marker marker;
    if (path == NULL) t_skip("no cgroup of version 2 that can be written to");
    bl_process_options options = program_options();
    options.cgroup = path;
    options.reach = BL_PROCESS_ALONE;
    marker_open(&marker, &options);
    bl_process *process = start_script(
        "setsid sh -c \"trap '' TERM; sleep 1000\" & echo ready", &options);
    CHECK_STR(read_line_of(process), "ready");
    CHECK_OK(bl_process_close(process));
    CHECK(marker_ends(&marker));
    reap_adopted();
    CHECK_EQ(rmdir(path), 0);
}

/* ---- what is refused ----------------------------------------------------- */

static int spawn_rc(bl_process_options options) {
    bl_process *process = NULL;
    int rc = bl_process_spawn(shell_true, &options, &process);
    CHECK(process == NULL);
    return rc;
}

TEST(options_out_of_their_range_are_refused, REAL) {
    bl_process_options options = program_options();
    const bl_process_fd twice[] = { { 0, 5 }, { 1, 5 } };
    const bl_process_fd standard = { 0, 2 };
    bl_process *process = NULL;
    const char *none[] = { NULL };
    CHECK_ERR(bl_process_spawn(NULL, NULL, &process), BL_EINVAL);
    CHECK_ERR(bl_process_spawn(none, NULL, &process), BL_EINVAL);
    CHECK_ERR(bl_process_spawn(shell_true, NULL, NULL), BL_EINVAL);
#define WITH(field, value)                       \
    do {                                         \
        bl_process_options changed = options;    \
        changed.field = value;                   \
        CHECK_ERR(spawn_rc(changed), BL_EINVAL); \
    } while (0)
    WITH(size, 0);
    WITH(size, sizeof options + 1);
    WITH(in.kind, BL_STDIO_OUT);
    WITH(out.kind, BL_STDIO_OUT);
    WITH(err.kind, (bl_stdio_kind)99);
    WITH(place, (bl_process_place)99);
    WITH(reach, (bl_process_reach)99);
    WITH(fd_count, 1);
    WITH(fd_count, BL_PROCESS_FDS_MAX + 1);
    WITH(limit_count, 1);
    WITH(stop_signal, 65);
    WITH(death_signal, -1);
    WITH(grace, -2);
    WITH(umask, 01000);
    options.fds = twice;
    WITH(fd_count, 2);
    options.fds = &standard;
    WITH(fd_count, 1);
    options.place = BL_PROCESS_SAME_GROUP;
    WITH(reach, BL_PROCESS_GROUP);
#undef WITH
}

TEST(handles_are_checked, REAL) {
    bl_process_status status;
    bl_process *process = start_script("exec sleep 1000", NULL);
    CHECK_ERR(bl_process_signal(NULL, SIGTERM), BL_EINVAL);
    CHECK_ERR(bl_process_signal(process, -1), BL_EINVAL);
    CHECK_ERR(bl_process_signal(process, 65), BL_EINVAL);
    CHECK_ERR(bl_process_signal_group(NULL, SIGTERM), BL_EINVAL);
    CHECK_ERR(bl_process_signal_group(process, 65), BL_EINVAL);
    CHECK_ERR(bl_process_wait(NULL, &status), BL_EINVAL);
    CHECK_ERR(bl_process_try_wait(NULL, &status), BL_EINVAL);
    CHECK_ERR(bl_process_list(NULL, NULL, 0), BL_EINVAL);
    CHECK_ERR(bl_process_list(process, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_process_resize(NULL, 1, 1), BL_EINVAL);
    CHECK_ERR(bl_process_resize(process, 1, 1), BL_EINVAL);
    CHECK_EQ(bl_process_pid(NULL), 0);
    CHECK(bl_process_in(NULL) == NULL);
    CHECK(bl_process_out(NULL) == NULL);
    CHECK(bl_process_err(process) == NULL);
    CHECK(bl_process_terminal(process) == NULL);
    bl_process_close_in(NULL);
    bl_process_close_in(process);
    bl_process_abort(NULL);
    CHECK_OK(bl_process_close(NULL));
    CHECK_OK(bl_process_close(process));
}

static void without_a_loop(void *arg) {
    bl_process *process = arg;
    bl_process *other = NULL;
    CHECK_ERR(bl_process_spawn(shell_true, NULL, &other), BL_ENOLOOP);
    CHECK_ERR(bl_process_wait(process, NULL), BL_ENOLOOP);
    CHECK_ERR(bl_process_try_wait(process, NULL), BL_ETHREAD);
    CHECK_ERR(bl_process_close(process), BL_ENOLOOP);
}

static int in_another_loop(void *arg) {
    CHECK_ERR(bl_process_wait(arg, NULL), BL_ETHREAD);
    CHECK_ERR(bl_process_close(arg), BL_ETHREAD);
    return 0;
}

static void from_a_callback(void *arg) {
    CHECK_ERR(bl_process_wait(arg, NULL), BL_ENOTASK);
    CHECK_ERR(bl_process_close(arg), BL_ENOTASK);
}

TEST(a_process_belongs_to_a_task_of_its_loop, REAL) {
    bl_process *process = start_script("exec sleep 1000", NULL);
    on_thread(without_a_loop, process);
    CHECK_OK(run_elsewhere(in_another_loop, process, NULL));
    bl_call call = { 0 };
    bl_call_soon(bl_loop_running(), &call, from_a_callback, process);
    CHECK_OK(bl_yield());
    CHECK_OK(bl_sleep(1));
    CHECK_OK(bl_process_close(process));
}

/* ---- what the system refuses --------------------------------------------- */

TEST(without_memory_nothing_is_started, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    bl_process *process = start_script("exit 0", &options); /* the driver */
    CHECK_OK(bl_process_close(process));
    int fds = count_fds();
    for (int spare = 0;; spare++) {
        famine_begin(spare);
        int rc = bl_process_spawn(shell_true, &options, &process);
        famine_end();
        if (rc == 0) break;
        CHECK_ERR(rc, BL_ENOMEM);
        CHECK_EQ(count_fds(), fds);
        REQUIRE_LT(spare, 20);
    }
    CHECK_OK(bl_process_close(process));
}

/* Output is never readable here, so that a shim which takes it for something
 * of its own waits for ever. */
TEST(without_descriptors_nothing_is_started, (reach), REAL) {
    const char *argv[] = { "cat", NULL };
    int ends[2];
    REQUIRE_EQ(pipe2(ends, O_CLOEXEC), 0);
    REQUIRE_EQ(dup2(ends[1], 1), 1);
    bl_process_options options = program_options();
    options.reach = reach;
    options.in.kind = options.err.kind = BL_STDIO_PIPE;
    bl_process *process = start_script("exit 0", &options); /* the driver */
    CHECK_OK(bl_process_close(process));
    int fds = count_fds();
    for (int spare = 0;; spare++) {
        limit_descriptors(spare);
        int rc = bl_process_spawn(argv, &options, &process);
        unlimit_descriptors();
        if (rc == 0) break;
        CHECK_ERR(rc, BL_EMFILE);
        CHECK_EQ(count_fds(), fds);
        REQUIRE_LT(spare, 30);
    }
    /* A shim has enough of them, too, and hears what it is told. */
    bl_process_status status;
    CHECK_OK(bl_process_signal_group(process, SIGTERM));
    CHECK_OK(bl_process_wait(process, &status));
    CHECK_EQ(status.signal, SIGTERM);
    CHECK_OK(bl_process_close(process));
    close(ends[0]);
    close(ends[1]);
}

/* Linux 5.3 has pidfds, and cannot wait for them. */
PARAM(long, missing, SYS_pidfd_open, SYS_waitid);

TEST(on_an_old_system_nothing_is_started, (reach, missing), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    int fds = count_fds();
    if (missing == SYS_pidfd_open) refuse_call(SYS_pidfd_open, ENOSYS);
    if (missing == SYS_waitid) refuse_call_with(SYS_waitid, 0, 3, EINVAL);
    cannot_start("true", options, -ENOSYS, "cannot make a process for true");
    CHECK_LE(count_fds(), fds + 2); /* the driver's */
}

/* What has begun by then is ended, though its shim still waits for a word. */
TEST(a_program_that_cannot_be_looked_after_is_ended, REAL) {
    struct marker marker;
    const char *argv[] = { "sleep", "1000", NULL };
    bl_process_options options = program_options();
    bl_process *process = start_script("exit 0", &options); /* the driver */
    CHECK_OK(bl_process_close(process));
    marker_open(&marker, &options);
    int fds = count_fds();
    refuse_call(SYS_pidfd_open, EMFILE);
    CHECK_ERR(bl_process_spawn(argv, &options, &process), BL_EMFILE);
    CHECK_EQ(count_fds(), fds);
    CHECK(marker_ends(&marker));
}

static bl_ssize refuses_to_clone(void *context, bl_io_call call, int fd,
                                 size_t bytes) {
    (void)context;
    (void)fd;
    (void)bytes;
    return call == BL_IO_SPAWN ? BL_EAGAIN : 0;
}

static int meets_too_many_processes(void *arg) {
    bl_process_options options = program_options();
    bl_process *process = NULL;
    options.reach = *(bl_process_reach *)arg;
    CHECK_ERR(bl_process_spawn(shell_true, &options, &process), BL_EAGAIN);
    CHECK_CONTAINS(bl_error_message(bl_error_current(BL_EAGAIN)),
                   "cannot make a process for");
    return 0;
}

TEST(too_many_processes_are_an_error, (reach), REAL) {
    bl_loop_options options = { .size = sizeof options,
                                .on_io = refuses_to_clone };
    int fds = count_fds();
    CHECK_OK(run_elsewhere(meets_too_many_processes, &reach, &options));
    CHECK_EQ(count_fds(), fds);
}

/* ---- a signal for the death of the parent -------------------------------- */

static int starts_and_leaves(void *arg) {
    bl_process_options options = program_options();
    struct marker *marker = arg;
    const char *argv[] = { "sleep", "1000", NULL };
    bl_process *process;
    options.fds = &marker->passed;
    options.fd_count = 1;
    options.reach = BL_PROCESS_ALONE;
    options.death_signal = SIGKILL;
    if (bl_process_spawn(argv, &options, &process) < 0) return 1;
    _exit(0);
}

static int runs_and_leaves(void *arg) {
    return bl_run(starts_and_leaves, arg);
}

TEST(a_program_can_end_with_its_parent, REAL) {
    bl_process_options options = program_options();
    struct marker marker;
    marker_open(&marker, &options);
    CHECK_EQ(in_child(runs_and_leaves, &marker), 0);
    CHECK(marker_ends(&marker));
    reap_adopted();
}

static int dies_as_it_starts(void *arg) {
    bl_process_options options = program_options();
    struct marker *marker = arg;
    const char *argv[] = { "sleep", "1000", NULL };
    bl_process *process = start_script("exit 0", NULL);
    BL_TRY(bl_process_close(process));
    options.fds = &marker->passed;
    options.fd_count = 1;
    die_at_call(SYS_pidfd_open);
    return bl_process_spawn(argv, &options, &process);
}

static int runs_and_dies(void *arg) {
    return bl_run(dies_as_it_starts, arg);
}

/* Not even the number of the program is known here by then. */
TEST(who_is_killed_while_it_starts_a_program_leaves_none, REAL) {
    bl_process_options options = program_options();
    struct marker marker;
    marker_open(&marker, &options);
    CHECK_EQ(WTERMSIG(in_child(runs_and_dies, &marker)), SIGSYS);
    CHECK(marker_ends(&marker));
    reap_adopted();
}
