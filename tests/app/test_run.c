/* SPDX-License-Identifier: MIT */
/*
 * tests/app/test_run.c - bl_app_run: a daemon's life, in real processes
 *
 * Each daemon is a forked child.  Its parent reads what it writes to stderr
 * through a pipe and waits for the line that it wants before it goes on, so
 * nothing depends on how fast the machine is; only the times between two
 * signals are real.
 *
 * No leg of threads: TSan holds a signal back until the context that it
 * interrupted calls a function that TSan knows.  Contexts here are tasks, each
 * with a line of signals of its own.  One that a signal found between two
 * such calls may park for an hour or end, and the handler is called then or
 * never; and the loop waits by calls that TSan does not know.  Without TSan the
 * kernel calls the handler at once.  tests/proc/test_signal.c runs under it.
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/cast.h"
#include "support/host.h"
#include "support/manager.h"

/* ---- a daemon and its parent --------------------------------------------- */

struct daemon {
    pid_t pid;
    int said; /* its stderr */
    char text[65536];
    size_t length;
    int status; /* of waitpid */
};

typedef int daemon_fn(void *arg);

static void launch(struct daemon *daemon, daemon_fn *fn, void *arg) {
    int ends[2];
    *daemon = (struct daemon){ .pid = -1 };
    REQUIRE(pipe2(ends, O_CLOEXEC) == 0);
    daemon->pid = fork();
    REQUIRE(daemon->pid >= 0);
    if (daemon->pid == 0) {
        static const int numbers[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
        for (size_t i = 0; i < 4; i++)
            signal(numbers[i], SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        _exit(fn(arg));
    }
    close(ends[1]);
    daemon->said = ends[0];
}

/* Reads on; returns whether there was anything. */
static bool listen_on(struct daemon *daemon) {
    struct pollfd can = { .fd = daemon->said, .events = POLLIN };
    if (poll(&can, 1, 20000) != 1) return false;
    size_t room = sizeof daemon->text - 1 - daemon->length;
    ssize_t count = read(daemon->said, daemon->text + daemon->length, room);
    if (count <= 0) return false;
    daemon->length += (size_t)count;
    daemon->text[daemon->length] = '\0';
    return true;
}

/* Waits until it has said `text`. */
static void await(struct daemon *daemon, const char *text) {
    while (strstr(daemon->text, text) == NULL) {
        if (listen_on(daemon)) continue;
        T_INFO("said: %s", daemon->text);
        kill(daemon->pid, SIGKILL);
        t_fail("it never said \"%s\"", text);
    }
}

/* Waits for its end.  Returns the exit status, or minus the signal. */
static int end(struct daemon *daemon) {
    while (listen_on(daemon)) {}
    REQUIRE(waitpid(daemon->pid, &daemon->status, 0) == daemon->pid);
    close(daemon->said);
    if (WIFSIGNALED(daemon->status)) return -WTERMSIG(daemon->status);
    return WEXITSTATUS(daemon->status);
}

static int end_by(struct daemon *daemon, int number) {
    kill(daemon->pid, number);
    return end(daemon);
}

static void pause_ms(long ms) {
    struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

/* The daemon: db and web, as the test wants them. */
struct play {
    struct part db;
    struct part web;
    bl_app_options options;
    void (*before)(struct play *play, bl_app *app);
};

static int perform(void *arg) {
    struct play *play = arg;
    play->options.size = sizeof play->options;
    bl_app *app = bl_app_new(&play->options);
    cast_add(app, &play->web, "web", NULL);
    cast_add(app, &play->db, "db", NULL);
    bl_app_requires(app, "web", "db", BL_DEP_RESTART_WITH);
    if (play->before != NULL) play->before(play, app);
    int status = bl_app_run(app);
    bl_app_free(app);
    return status;
}

/* Launches it, and waits until it is up. */
static void launch_up(struct daemon *daemon, struct play *play) {
    launch(daemon, perform, play);
    await(daemon, "web  RUNNING");
}

static void expect_nothing_to_run(struct play *play) {
    struct daemon d;
    launch(&d, perform, play);
    CHECK_EQ(end(&d), 0);
    CHECK(strstr(d.text, "RUNNING") == NULL);
}

/* What is launched next has a service manager. */
static void manage(struct manager *manager) {
    manager_open(manager, NULL);
    setenv("NOTIFY_SOCKET", manager->address, 1);
}

/* ---- the first signal ---------------------------------------------------- */

PARAM(int, number, SIGINT, SIGTERM);

TEST(the_first_signal_stops_in_order, (number), .no_loop = true) {
    struct play play = { .db = { .name = "db" } };
    struct daemon d;
    launch_up(&d, &play);
    CHECK_EQ(end_by(&d, number), 0);
    T_INFO("said: %s", d.text);
    CHECK_CONTAINS(d.text, number == SIGINT
                               ? "^C stopping 2 services (deadline 25.0 s; "
                                 "press Ctrl-C again to force)"
                               : "SIGTERM: stopping 2 services (deadline "
                                 "25.0 s; a second one forces)");
    const char *web = strstr(d.text, "web  STOPPED");
    const char *db = strstr(d.text, "db   STOPPED");
    REQUIRE(web != NULL);
    REQUIRE(db != NULL);
    CHECK(web < db);
    CHECK_CONTAINS(d.text, "stopped in ");
}

TEST(the_echo_of_a_signal_is_ignored, (number), .no_loop = true) {
    struct play play = { .web = { .stop_time = MS(400) } };
    struct daemon d;
    launch_up(&d, &play);
    kill(d.pid, number);
    await(&d, "web  stopping");
    kill(d.pid, number); /* a terminal and a wrapper both deliver one Ctrl-C */
    CHECK_EQ(end(&d), 0);
    CHECK(strstr(d.text, "forced") == NULL);
}

/* An allocator that sends a signal when the monitor's memory for a dump is
 * freed: it hears no more, and bl_app_run has not returned yet. */
static bl_allocator plain;
static void *dump_memory;
static int late_number;

static void *note_large(void *context, size_t bytes) {
    (void)context;
    void *memory = plain.alloc(plain.context, bytes);
    if (bytes >= 256 * 1024) dump_memory = memory;
    return memory;
}

static void *resize_plainly(void *context, void *memory, size_t bytes) {
    (void)context;
    return plain.resize(plain.context, memory, bytes);
}

static void send_late(void *context, void *memory) {
    (void)context;
    if (memory != NULL && memory == dump_memory) {
        dump_memory = NULL;
        dprintf(STDERR_FILENO, "one more\n");
        kill(getpid(), late_number);
    }
    plain.free(plain.context, memory);
}

static void send_one_late(struct play *play, bl_app *app) {
    static const bl_allocator sending = { .alloc = note_large,
                                          .resize = resize_plainly,
                                          .free = send_late };
    (void)play;
    (void)app;
    bl_allocator_get(&plain);
    bl_allocator_set(&sending);
}

PARAM(int, late, SIGINT, SIGTERM, SIGHUP, SIGQUIT);

TEST(what_comes_at_the_very_end_is_no_reason_to_die, (number, late),
     .no_loop = true) {
    struct play play = { .before = send_one_late };
    struct daemon d;
    late_number = late;
    launch_up(&d, &play);
    kill(d.pid, number);
    int status = end(&d);
    T_INFO("said: %s", d.text);
    CHECK_CONTAINS(d.text, "one more");
    /* Who asks in another way is no echo, and means it. */
    bool is_meant = late != number && (late == SIGINT || late == SIGTERM);
    CHECK_EQ(status, is_meant ? -late : 0);
}

TEST(a_second_one_cancels_all, (number), .no_loop = true) {
    struct play play = { .web = { .ignores_stop = true } };
    struct daemon d;
    launch_up(&d, &play);
    kill(d.pid, number);
    await(&d, "web  stopping");
    pause_ms(300);
    kill(d.pid, number);
    /* A shell must see that it was interrupted. */
    CHECK_EQ(end(&d), number == SIGINT ? -SIGINT : 143);
    CHECK_CONTAINS(d.text, "forced: cancelling 2 services");
    CHECK_CONTAINS(d.text, "web  STOPPED");
    CHECK_CONTAINS(d.text, "db   STOPPED");
}

TEST(another_signal_is_no_echo, .no_loop = true) {
    struct play play = { .web = { .ignores_stop = true } };
    struct daemon d;
    launch_up(&d, &play);
    kill(d.pid, SIGTERM);
    await(&d, "web  stopping");
    CHECK_EQ(end_by(&d, SIGINT), -SIGINT);
}

TEST(after_the_second_one_two_seconds_are_left, (number), .no_loop = true) {
    struct play play = { .web = { .ignores_stop = true,
                                  .ignores_cancel = true },
                         .options = { .force_grace = MS(200) } };
    struct daemon d;
    launch_up(&d, &play);
    kill(d.pid, number);
    await(&d, "web  stopping");
    pause_ms(300);
    CHECK_EQ(end_by(&d, number), number == SIGINT ? -SIGINT : 143);
    CHECK_CONTAINS(d.text, "ABANDONED");
    CHECK_CONTAINS(d.text, "forced exit");
}

static void block(void) {
    dprintf(STDERR_FILENO, "blocked\n");
    for (;;)
        pause_ms(1000);
}

static int blocks(bl_service *self, void *arg) {
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    if (rc == 0) block();
    return rc;
}

static int spins(bl_service *self, void *arg) {
    volatile bool goes_on = true;
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    if (rc < 0) return rc;
    dprintf(STDERR_FILENO, "blocked\n");
    while (goes_on) {}
    return 0;
}

static int perform_body(bl_service_fn *body, const bl_app_options *given) {
    bl_app_options options = { .size = sizeof options };
    if (given != NULL) options = *given;
    bl_app *app = bl_app_new(&options);
    bl_app_add(app, "blocker", body, NULL, NULL);
    int status = bl_app_run(app);
    bl_app_free(app);
    return status;
}

static int perform_blocked(void *arg) {
    return perform_body(blocks, arg);
}

static int perform_spinning(void *arg) {
    return perform_body(spins, arg);
}

TEST(a_third_one_ends_even_a_blocked_loop, (number), .no_loop = true) {
    struct daemon d;
    launch(&d, perform_blocked, NULL);
    await(&d, "blocked");
    kill(d.pid, number);
    pause_ms(350);
    kill(d.pid, number);
    pause_ms(50);
    CHECK_EQ(end_by(&d, number), number == SIGINT ? -SIGINT : 143);
    CHECK_CONTAINS(d.text, "forced exit");
}

TEST(a_blocked_loop_ends_at_the_deadline, .no_loop = true) {
    bl_app_options options = { .size = sizeof options,
                               .stop_deadline = MS(100) };
    bool has_names = shows_names(); /* and so knows them already */
    struct daemon d;
    launch(&d, perform_blocked, &options);
    await(&d, "blocked");
    CHECK_EQ(end_by(&d, SIGTERM), 124);
    CHECK_CONTAINS(d.text, "its loop is blocked by the task that is running");
    CHECK_CONTAINS(d.text, "forced exit 124");
    if (has_names) CHECK_CONTAINS(d.text, "block app/test_run.c:");
}

/* A log whose lock the blocked task has. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void log_under_lock(const char *line, void *context) {
    (void)context;
    pthread_mutex_lock(&log_lock);
    dprintf(STDERR_FILENO, "%s\n", line);
    pthread_mutex_unlock(&log_lock);
}

static int blocks_the_log(bl_service *self, void *arg) {
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    pthread_mutex_lock(&log_lock);
    if (rc == 0) block();
    return rc;
}

static int perform_blocked_log(void *arg) {
    return perform_body(blocks_the_log, arg);
}

TEST(a_log_that_is_blocked_does_not_keep_it_from_ending, .no_loop = true) {
    bl_app_options options = { .size = sizeof options,
                               .stop_deadline = MS(100),
                               .log = log_under_lock };
    struct daemon d;
    launch(&d, perform_blocked_log, &options);
    await(&d, "blocked");
    CHECK_EQ(end_by(&d, SIGTERM), 124);
    CHECK_CONTAINS(d.text, "its loop is blocked by the task that is running");
}

/* ---- exit codes ---------------------------------------------------------- */

static void db_fails(struct play *play, bl_app *app) {
    (void)app;
    play->db.start_rc = BL_ECONNREFUSED;
}

TEST(a_service_that_fails_gives_1, .no_loop = true) {
    struct play play = { .before = db_fails };
    struct daemon d;
    launch(&d, perform, &play);
    CHECK_EQ(end(&d), 1);
    CHECK_CONTAINS(d.text, "db   FAILED: db has no luck");
    CHECK_CONTAINS(d.text, "app failed: db has no luck");
}

TEST(what_ignores_its_cancellation_gives_124, .no_loop = true) {
    struct play play = { .web = { .ignores_stop = true,
                                  .ignores_cancel = true },
                         .options = { .stop_deadline = MS(300) } };
    struct daemon d;
    launch_up(&d, &play);
    CHECK_EQ(end_by(&d, SIGTERM), 124);
    CHECK_CONTAINS(d.text, "ABANDONED: task #");
    CHECK_CONTAINS(d.text, "bl_event_wait(&part->release)");
    CHECK_CONTAINS(d.text, "db   STOPPED"); /* the next level had its turn */
    CHECK_CONTAINS(d.text, "forced exit 124 after ");
}

static void requires_nobody(struct play *play, bl_app *app) {
    (void)play;
    bl_app_requires(app, "web", "dbb", BL_DEP_RESTART_WITH);
}

TEST(an_app_that_is_wrong_gives_1_and_says_why, .no_loop = true) {
    struct play play = { .before = requires_nobody };
    struct daemon d;
    launch(&d, perform, &play);
    CHECK_EQ(end(&d), 1);
    CHECK_CONTAINS(d.text, "app cannot start: ");
    CHECK_CONTAINS(d.text, "did you mean \"db\"?");
}

static int run_nothing(void *arg) {
    (void)arg;
    return bl_app_run(NULL);
}

TEST(no_app_for_want_of_memory_gives_1, .no_loop = true) {
    struct daemon d;
    launch(&d, run_nothing, NULL);
    CHECK_EQ(end(&d), 1);
    CHECK_CONTAINS(d.text, "there was no memory");
}

static void stop_before(struct play *play, bl_app *app) {
    (void)play;
    bl_app_begin_stop(app);
}

TEST(a_stop_before_the_run_runs_nothing, .no_loop = true) {
    struct play play = { .before = stop_before };
    expect_nothing_to_run(&play);
}

static bl_app *asked;

static void on_own_signal(int number) {
    (void)number;
    bl_thread_app_request_stop(asked);
}

static void handle_usr1(struct play *play, bl_app *app) {
    (void)play;
    asked = app;
    signal(SIGUSR1, on_own_signal);
}

TEST(a_handler_of_its_own_can_end_a_daemon, .no_loop = true) {
    struct play play = { .before = handle_usr1 };
    struct daemon d;
    launch_up(&d, &play);
    CHECK_EQ(end_by(&d, SIGUSR1), 0);
    CHECK_CONTAINS(d.text, "web  STOPPED");
    CHECK_CONTAINS(d.text, "db   STOPPED");
}

static void ask_before(struct play *play, bl_app *app) {
    (void)play;
    bl_thread_app_request_stop(app);
}

TEST(a_request_before_the_run_runs_nothing, .no_loop = true) {
    struct play play = { .before = ask_before };
    expect_nothing_to_run(&play);
}

static int run_twice(void *arg) {
    (void)arg;
    bl_app *app = bl_app_new(NULL);
    int first = bl_app_run(app); /* it has no services, so it has ended */
    int second = bl_app_run(app);
    bl_app_free(app);
    return first == 0 && second == 1 ? 7 : 0;
}

TEST(an_app_runs_once, .no_loop = true) {
    struct daemon d;
    launch(&d, run_twice, NULL);
    CHECK_EQ(end(&d), 7);
}

/* ---- during the start ---------------------------------------------------- */

TEST(a_signal_during_the_start_ends_it, (number), .no_loop = true) {
    struct play play = { .web = { .start_time = SEC(3600) } };
    struct daemon d;
    launch(&d, perform, &play);
    await(&d, "db   RUNNING");
    CHECK_EQ(end_by(&d, number), 0);
    CHECK_CONTAINS(d.text, "db   STOPPED");
}

static void begins_again(struct play *play, bl_app *app) {
    bl_restart_policy policy = { .size = sizeof policy,
                                 .when = BL_RESTART_ON_FAILURE,
                                 .delay_min = SEC(3600),
                                 .delay_max = SEC(3600) };
    bl_service_options options = { .size = sizeof options, .restart = &policy };
    static struct part worker = { .start_rc = BL_EIO };
    (void)play;
    cast_add(app, &worker, "worker", &options);
}

TEST(a_signal_during_the_delay_of_a_restart_ends_it, .no_loop = true) {
    struct play play = { .before = begins_again };
    struct daemon d;
    launch(&d, perform, &play);
    await(&d, "begins again in ");
    CHECK_EQ(end_by(&d, SIGTERM), 0);
}

/* ---- SIGHUP -------------------------------------------------------------- */

static int loads(bl_app *app, void **config, void *context) {
    static int count;
    (void)app;
    (void)context;
    dprintf(STDERR_FILENO, "load %d\n", ++count);
    if (count == 2) return BL_ERR(BL_EINVAL, "line 12: what is this?");
    int rc = bl_sleep(MS(100));
    *config = &count;
    return rc;
}

static void unloads(void *config, void *context) {
    (void)config;
    (void)context;
    dprintf(STDERR_FILENO, "unload\n");
}

TEST(a_hangup_reloads_and_a_bad_file_changes_nothing, .no_loop = true) {
    struct play play = { .options = { .load = loads, .unload = unloads },
                         .db = { .needs_restart = "path" } };
    struct daemon d;
    launch_up(&d, &play);
    kill(d.pid, SIGHUP);
    await(&d, "reloaded, generation 1; needs a restart: db: path");
    kill(d.pid, SIGHUP);
    await(&d, "reload rejected: line 12: what is this?");
    kill(d.pid, SIGHUP);
    await(&d, "reloaded, generation 2");
    kill(d.pid, SIGQUIT);
    await(&d, "conductor");
    CHECK_EQ(end_by(&d, SIGTERM), 0);
    CHECK_CONTAINS(d.text, "unload");
    CHECK(strstr(d.text, "bl_sleep(MS(100))") == NULL); /* has returned */
}

TEST(a_hangup_during_the_start_is_kept_and_several_are_one, .no_loop = true) {
    struct play play = { .web = { .start_time = MS(300) },
                         .options = { .load = loads, .unload = unloads } };
    struct daemon d;
    launch(&d, perform, &play);
    await(&d, "db   RUNNING");
    for (int i = 0; i < 10; i++)
        kill(d.pid, SIGHUP);
    await(&d, "web  RUNNING");
    await(&d, "reloaded, generation 1");
    CHECK_EQ(end_by(&d, SIGTERM), 0);
    CHECK(strstr(d.text, "load 2") == NULL);
}

TEST(a_hangup_during_the_stop_is_ignored, .no_loop = true) {
    struct play play = { .web = { .stop_time = MS(200) },
                         .options = { .load = loads, .unload = unloads } };
    struct daemon d;
    launch_up(&d, &play);
    kill(d.pid, SIGTERM);
    await(&d, "web  stopping");
    CHECK_EQ(end_by(&d, SIGHUP), 0);
    CHECK(strstr(d.text, "load 1") == NULL);
}

/* ---- SIGQUIT ------------------------------------------------------------- */

TEST(quit_prints_the_tasks_and_goes_on, .no_loop = true) {
    struct play play = { .db = { .name = "db" } };
    bool has_names = shows_names(); /* and so knows them already */
    struct daemon d;
    launch(&d, perform, &play);
    await(&d, "app is ready after ");
    kill(d.pid, SIGQUIT);
    await(&d, "app up ready 2/2 ready");
    await(&d, "app: its tasks");
    await(&d, "db #");
    if (shows_stacks() && has_names) {
        await(&d, "<- part_run support/cast.c:"); /* with their stacks */
    }
    kill(d.pid, SIGQUIT); /* and again */
    CHECK_EQ(end_by(&d, SIGTERM), 0);
}

TEST(quit_while_it_stops_does_no_harm, .no_loop = true) {
    struct play play = { .db = { .name = "db" } };
    struct daemon d;
    launch_up(&d, &play);
    kill(d.pid, SIGTERM);
    kill(d.pid, SIGQUIT);
    CHECK_EQ(end(&d), 0);
}

/* `frame` is one of the task that blocks the loop. */
static void expect_quit_to_show(daemon_fn *fn, const char *frame) {
    bool has_names = shows_names(); /* and so knows them already */
    struct daemon d;
    launch(&d, fn, NULL);
    await(&d, "blocked\n");
    kill(d.pid, SIGQUIT);
    await(&d, "its loop is blocked by the task that is running");
    await(&d, "blocker #");
    CHECK_CONTAINS(d.text, "running");
    if (has_names) CHECK_CONTAINS(d.text, frame);
    CHECK_EQ(end_by(&d, SIGKILL), -SIGKILL);
}

TEST(quit_prints_the_tasks_of_a_blocked_loop, .no_loop = true) {
    expect_quit_to_show(perform_blocked, "block app/test_run.c:");
}

TEST(quit_prints_where_a_loop_spins, .no_loop = true) {
    expect_quit_to_show(perform_spinning, "in spins app/test_run.c:");
}

/* ---- the service manager ------------------------------------------------- */

static const char *hear(struct manager *manager) {
    struct pollfd can = { .fd = manager->fd, .events = POLLIN };
    if (poll(&can, 1, 20000) != 1) return "silence";
    return manager_hears(manager);
}

TEST(the_manager_hears_each_step, .no_loop = true) {
    struct play play = { .options = { .load = loads, .unload = unloads } };
    struct manager m;
    struct daemon d;
    manage(&m);
    launch(&d, perform, &play);
    CHECK_STR(hear(&m), "STATUS=starting, 0/2 services ready");
    CHECK_STR(hear(&m), "STATUS=starting, 1/2 services ready");
    CHECK_STR(hear(&m), "STATUS=starting, 2/2 services ready");
    CHECK_STR(hear(&m), "READY=1\nSTATUS=running, 2/2 services ready");
    kill(d.pid, SIGHUP);
    unsigned long long when;
    CHECK_EQ(sscanf(hear(&m), "RELOADING=1\nMONOTONIC_USEC=%llu", &when), 1);
    CHECK_STR(hear(&m), "READY=1\nSTATUS=reloaded, generation 1");
    kill(d.pid, SIGHUP);
    CHECK_EQ(sscanf(hear(&m), "RELOADING=1\nMONOTONIC_USEC=%llu", &when), 1);
    CHECK_STR(hear(&m), "READY=1\nSTATUS=reload rejected: line 12: what is "
                        "this?");
    kill(d.pid, SIGTERM);
    CHECK_STR(hear(&m), "STOPPING=1\nSTATUS=stopping, 2/2 services ready");
    CHECK_CONTAINS(hear(&m), "EXTEND_TIMEOUT_USEC="); /* it makes progress */
    CHECK_EQ(end(&d), 0);
    const char *last = "";
    static char kept[512];
    while (*(last = manager_hears(&m)) != '\0')
        snprintf(kept, sizeof kept, "%s", last);
    CHECK_STR(kept, "STATUS=stopped, 0/2 services ready");
    manager_close(&m);
}

TEST(a_failure_tells_its_errno, .no_loop = true) {
    struct play play = { .before = db_fails };
    struct manager m;
    struct daemon d;
    char wanted[128];
    manage(&m);
    launch(&d, perform, &play);
    CHECK_EQ(end(&d), 1);
    snprintf(wanted, sizeof wanted, "ERRNO=%d\nSTATUS=failed: db has no luck",
             ECONNREFUSED);
    CHECK_STR(hear(&m), "STATUS=starting, 0/2 services ready");
    CHECK_CONTAINS(hear(&m), "STOPPING=1");
    const char *text = hear(&m);
    if (strncmp(text, "EXTEND_TIMEOUT_USEC=", 20) == 0) text = hear(&m);
    CHECK_STR(text, wanted);
    manager_close(&m);
}

TEST(a_full_socket_neither_hangs_nor_loses_that_we_are_ready, .no_loop = true) {
    struct play play = { .db = { .name = "db" } };
    struct manager m;
    struct daemon d;
    manage(&m);
    manager_fill(&m);
    launch_up(&d, &play);
    pause_ms(50);
    while (strcmp(manager_hears(&m), "STATUS=fill") == 0) {}
    CHECK_STR(hear(&m), "STATUS=starting, 0/2 services ready");
    CHECK_STR(hear(&m), "STATUS=starting, 1/2 services ready");
    CHECK_STR(hear(&m), "STATUS=starting, 2/2 services ready");
    CHECK_STR(hear(&m), "READY=1\nSTATUS=running, 2/2 services ready");
    manager_fill(&m);
    CHECK_EQ(end_by(&d, SIGTERM), 0);
    manager_close(&m);
}

/* Whether the daemon ends meanwhile, and nothing is left to be said. */
static bool ends_within(const struct daemon *daemon, int ms) {
    int fd = (int)syscall(SYS_pidfd_open, daemon->pid, 0);
    REQUIRE(fd >= 0);
    struct pollfd has_ended = { .fd = fd, .events = POLLIN };
    bool ends = poll(&has_ended, 1, ms) == 1;
    close(fd);
    return ends;
}

TEST(a_manager_that_reads_late_hears_how_it_ended, .no_loop = true) {
    struct play play = { .db = { .name = "db" } };
    struct manager m;
    struct daemon d;
    char last[512] = "";
    manage(&m);
    launch_up(&d, &play);
    manager_fill(&m);
    kill(d.pid, SIGTERM);
    await(&d, "stopped in ");
    CHECK(!ends_within(&d, 50));
    while (strcmp(last, "STATUS=stopped, 0/2 services ready") != 0) {
        snprintf(last, sizeof last, "%s", hear(&m));
        REQUIRE(strcmp(last, "silence") != 0);
    }
    CHECK_EQ(end(&d), 0);
    manager_close(&m);
}

TEST(a_manager_that_makes_no_sense_is_a_line_in_the_log, .no_loop = true) {
    struct play play = { .db = { .name = "db" } };
    struct daemon d;
    setenv("NOTIFY_SOCKET", "nonsense", 1);
    launch(&d, perform, &play);
    await(&d, "the service manager is not told: ");
    await(&d, "web  RUNNING");
    CHECK_EQ(end_by(&d, SIGTERM), 0);
}

/* ---- the watchdog -------------------------------------------------------- */

TEST(the_loop_feeds_the_watchdog, .no_loop = true) {
    struct play play = { .db = { .name = "db" } };
    struct manager m;
    struct daemon d;
    manage(&m);
    setenv("WATCHDOG_USEC", "100000", 1);
    launch(&d, perform, &play);
    for (int beats = 0; beats < 5;) {
        const char *text = hear(&m);
        REQUIRE(strcmp(text, "silence") != 0);
        if (strcmp(text, "WATCHDOG=1") == 0) beats++;
    }
    CHECK_EQ(end_by(&d, SIGTERM), 0);
    manager_close(&m);
}

TEST(a_blocked_loop_feeds_nobody, .no_loop = true) {
    struct manager m;
    struct daemon d;
    manage(&m);
    setenv("WATCHDOG_USEC", "100000", 1);
    launch(&d, perform_blocked, NULL);
    await(&d, "blocked\n");
    while (*manager_hears(&m) != '\0') {}
    pause_ms(500); /* its other thread is alive, and does not mask it */
    CHECK_STR(manager_hears(&m), "");
    CHECK_EQ(end_by(&d, SIGKILL), -SIGKILL);
    manager_close(&m);
}

static int beats_not(bl_service *self, void *arg) {
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    return rc < 0 ? rc : bl_event_wait(bl_service_stopping(self));
}

static void add_heartless(struct play *play, bl_app *app) {
    bl_service_options options = { .size = sizeof options,
                                   .heartbeat = MS(50) };
    (void)play;
    bl_app_add(app, "heart", beats_not, NULL, &options);
}

TEST(a_service_without_a_beat_starves_the_watchdog, .no_loop = true) {
    struct play play = { .before = add_heartless };
    struct manager m;
    struct daemon d;
    manage(&m);
    setenv("WATCHDOG_USEC", "100000", 1);
    launch(&d, perform, &play);
    await(&d, "web    RUNNING");
    pause_ms(200);
    while (*manager_hears(&m) != '\0') {}
    pause_ms(300);
    CHECK_STR(manager_hears(&m), "");
    CHECK_EQ(end_by(&d, SIGTERM), 0);
    manager_close(&m);
}

/* An hour passes in one step, as for a process that was stopped. */
static int leaps(bl_service *self, void *arg) {
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    if (rc == 0) rc = bl_loop_advance(bl_loop_running(), SEC(3600));
    for (int i = 0; i < 10 && rc == 0; i++)
        rc = bl_yield();
    dprintf(STDERR_FILENO, "an hour later\n");
    return rc < 0 ? rc : bl_event_wait(bl_service_stopping(self));
}

static void add_leaper(struct play *play, bl_app *app) {
    (void)play;
    bl_app_add(app, "leaper", leaps, NULL, NULL);
    bl_app_requires(app, "leaper", "web", BL_DEP_RESTART_WITH);
}

TEST(after_a_leap_of_time_the_watchdog_is_fed_once, .no_loop = true) {
    bl_loop_options manual = { .size = sizeof manual,
                               .clock = BL_CLOCK_MANUAL };
    struct play play = { .before = add_leaper, .options = { .loop = &manual } };
    struct manager m;
    struct daemon d;
    int beats = 0;
    manage(&m);
    setenv("WATCHDOG_USEC", "100000", 1);
    launch(&d, perform, &play);
    await(&d, "app is ready after ");
    await(&d, "an hour later");
    CHECK_EQ(end_by(&d, SIGTERM), 0);
    for (;;) {
        const char *text = manager_hears(&m);
        if (text[0] == '\0') break;
        if (strcmp(text, "WATCHDOG=1") == 0) beats++;
    }
    CHECK_EQ(beats, 2); /* at the start, and then */
    manager_close(&m);
}

/* ---- a hostile world ----------------------------------------------------- */

static void lose_output(struct play *play, bl_app *app) {
    int ends[2];
    (void)play;
    (void)app;
    /* Both go to a pipe that nobody reads. */
    if (pipe(ends) < 0) _exit(99);
    close(ends[0]);
    dprintf(STDERR_FILENO, "here I go\n");
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
}

TEST(with_its_output_broken_it_still_stops, .no_loop = true) {
    struct play play = { .before = lose_output };
    struct daemon d;
    struct manager m;
    manage(&m);
    launch(&d, perform, &play);
    while (strncmp(hear(&m), "READY=1", 7) != 0) {}
    kill(d.pid, SIGQUIT);
    CHECK_EQ(end_by(&d, SIGTERM), 0);
    manager_close(&m);
}

static void close_output(struct play *play, bl_app *app) {
    (void)play;
    (void)app;
    close(STDERR_FILENO);
    close(STDOUT_FILENO);
}

static void fill_output(struct play *play, bl_app *app) {
    int ends[2];
    char bytes[4096] = { 0 };
    (void)play;
    (void)app;
    if (pipe(ends) < 0) _exit(99);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    while (write(ends[1], bytes, sizeof bytes) > 0) {}
    fcntl(ends[1], F_SETFL, 0); /* from here on a write would block */
    dup2(ends[1], STDERR_FILENO);
}

TEST(with_its_output_closed_or_full_it_still_stops, .no_loop = true) {
    for (int round = 0; round < 2; round++) {
        struct play play = { .before =
                                 round == 0 ? close_output : fill_output };
        struct daemon d;
        struct manager m;
        manage(&m);
        launch(&d, perform, &play);
        while (strncmp(hear(&m), "READY=1", 7) != 0) {}
        kill(d.pid, SIGTERM);
        CHECK_EQ(end(&d), 0);
        manager_close(&m);
    }
}

TEST(stopped_for_a_while_it_goes_on, .no_loop = true) {
    struct play play = { .web = { .stop_time = MS(50) } };
    struct daemon d;
    int how;
    launch_up(&d, &play);
    kill(d.pid, SIGSTOP);
    REQUIRE(waitpid(d.pid, &how, WUNTRACED) == d.pid);
    REQUIRE(WIFSTOPPED(how));
    kill(d.pid, SIGTERM);
    pause_ms(700);
    kill(d.pid, SIGCONT);
    int status = end(&d);
    T_INFO("said: %s", d.text);
    CHECK_EQ(status, 0);
    CHECK_CONTAINS(d.text, "web  STOPPED");
}

TEST(stopped_beyond_its_deadline_it_still_ends_in_order, .no_loop = true) {
    struct play play = { .web = { .stop_time = MS(100) },
                         .options = { .stop_deadline = MS(500) } };
    struct daemon d;
    int how;
    launch_up(&d, &play);
    kill(d.pid, SIGTERM);
    await(&d, "web  stopping");
    kill(d.pid, SIGSTOP);
    REQUIRE(waitpid(d.pid, &how, WUNTRACED) == d.pid);
    REQUIRE(WIFSTOPPED(how));
    pause_ms(2700); /* longer than the deadline and the time to spare, twice */
    kill(d.pid, SIGCONT);
    int status = end(&d);
    T_INFO("said: %s", d.text);
    CHECK_EQ(status, 0);
    CHECK_CONTAINS(d.text, "web  STOPPED");
    CHECK_CONTAINS(d.text, "db   STOPPED");
}

static void no_descriptors(struct play *play, bl_app *app) {
    struct rlimit limit = { 4, 4 };
    (void)play;
    (void)app;
    for (int fd = 4; fd < 256; fd++)
        close(fd);
    setrlimit(RLIMIT_NOFILE, &limit);
}

TEST(without_descriptors_it_says_so_and_ends, .no_loop = true) {
    struct play play = { .before = no_descriptors };
    struct daemon d;
    launch(&d, perform, &play);
    CHECK_EQ(end(&d), 1);
    CHECK_CONTAINS(d.text, "app cannot start: ");
}
