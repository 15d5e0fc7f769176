/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_quiescence.c - virtual time and descriptors
 *
 * Time must not jump past bytes that are on their way, nor past work that is
 * done outside the loop; must not be held up by descriptors on which nothing
 * is, and must move on while somebody outside is slow.  An hour of sleep that
 * takes an hour fails by the watchdog.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/kids.h"
#include "support/sockets.h"

/* A task that reads from a descriptor until `wanted` bytes have come. */
struct reading {
    int fd;
    size_t wanted;
    size_t got;
    bl_ns got_at;
    int rc;
};

static int read_on(void *arg) {
    struct reading *reading = arg;
    char bytes[4096];
    while (reading->got < reading->wanted) {
        bl_ssize count = bl_fd_read(reading->fd, bytes, sizeof bytes);
        if (count <= 0) return reading->rc = (int)count;
        reading->got += (size_t)count;
    }
    reading->got_at = bl_now();
    return 0;
}

static void close_pair(const int fds[2]) {
    close(fds[0]);
    close(fds[1]);
}

/* An hour passes at once while a task waits for `fd`; then it gets a byte. */
static void check_an_hour(int fd, int peer) {
    struct reading reading = { .fd = fd, .wanted = 1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, read_on, &reading));
    TAKES(HOUR) CHECK_OK(bl_sleep(HOUR));
    CHECK_EQ(reading.got, 0);
    say(peer, "x");
    TAKES(0) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(reading.got, 1);
}

TEST(time_jumps_past_an_idle_local_socket) {
    int fds[2];
    socket_pair(fds);
    check_an_hour(fds[0], fds[1]);
    close_pair(fds);
}

TEST(time_jumps_past_an_idle_tcp_connection) {
    int fds[2];
    tcp_pair(fds);
    check_an_hour(fds[0], fds[1]);
    close_pair(fds);
}

TEST(time_jumps_past_an_idle_pipe) {
    int fds[2];
    pipe_pair(fds);
    check_an_hour(fds[0], fds[1]);
    close_pair(fds);
}

TEST(time_jumps_past_a_datagram_socket_on_loopback) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    struct sockaddr *where = (struct sockaddr *)&address;
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int peer = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE_OK(bind(fd, where, length));
    REQUIRE_OK(getsockname(fd, where, &length));
    REQUIRE_OK(connect(peer, where, length));
    check_an_hour(fd, peer);
    close(fd);
    close(peer);
}

TEST(time_goes_on_beside_a_terminal) {
    int master;
    int slave;
    tty_pair(&master, &slave);
    check_an_hour(slave, master); /* each jump after a moment of real time */
    close(master);
    close(slave);
}

TEST(what_was_sent_is_read_before_a_deadline_in_the_same_instant) {
    int fds[2];
    tcp_pair(fds);
    struct reading reading = { .fd = fds[0], .wanted = 1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, read_on, &reading));
    t_settle();
    say(fds[1], "x");
    CHECK_OK(bl_sleep(1));
    CHECK_EQ(reading.got, 1);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(reading.got_at, 0);
    close_pair(fds);
}

/* With Nagle's delay the second small write waits for an acknowledgement,
 * which the receiver delays for 40 ms of real time. */
TEST(bytes_that_tcp_holds_back_come_before_the_next_timer) {
    int fds[2];
    int off = 0;
    tcp_pair(fds);
    REQUIRE_OK(setsockopt(fds[1], IPPROTO_TCP, TCP_NODELAY, &off, sizeof off));
    struct reading reading = { .fd = fds[0], .wanted = 1200 };
    struct reading other = { .fd = fds[1], .wanted = 1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, read_on, &reading));
    REQUIRE_OK(bl_spawn(&group, read_on, &other)); /* the sender is watched */
    t_settle();
    char bytes[100] = { 0 };
    for (int i = 0; i < 12; i++) {
        CHECK_EQ(write(fds[1], bytes, sizeof bytes), 100);
    }
    CHECK_OK(bl_sleep(BL_MS(1)));
    CHECK_EQ(reading.got, 1200);
    CHECK_EQ(reading.got_at, 0);
    say(fds[0], "x");
    CHECK_OK(bl_group_exit(&group, 0));
    close_pair(fds);
}

TEST(an_unanswered_request_does_not_hold_time_up) {
    int fds[2];
    tcp_pair(fds);
    struct reading server = { .fd = fds[0], .wanted = 5 };
    struct reading client = { .fd = fds[1], .wanted = 1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, read_on, &server));
    REQUIRE_OK(bl_spawn(&group, read_on, &client));
    /* Read at once, and acknowledged late: 1000 times that would be 40 s. */
    say(fds[1], "hello");
    for (int i = 0; i < 1000; i++)
        CHECK_OK(bl_sleep(BL_SEC(1)));
    CHECK_EQ(server.got, 5);
    say(fds[0], "x");
    CHECK_OK(bl_group_exit(&group, 0));
    close_pair(fds);
}

static int write_much(void *arg) {
    char bytes[4096] = { 0 };
    int fd = (int)NUMBER(arg);
    for (;;) {
        bl_ssize count = bl_fd_write(fd, bytes, sizeof bytes);
        if (count < 0) return (int)count;
    }
}

TEST(a_reader_that_sleeps_for_hours_is_waited_for_in_virtual_time,
     .tags = "native") {
    int fds[2];
    tcp_pair(fds);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, write_much, ARG(fds[0])));
    for (int i = 0; i < 20; i++) {
        CHECK_OK(bl_sleep(HOUR)); /* the writer is blocked all the while */
        CHECK_GT(drain(fds[1]), 0);
    }
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    close_pair(fds);
}

static int accept_one(void *arg) {
    bl_stream *stream;
    int rc = bl_listener_accept(arg, &stream, NULL);
    if (rc < 0) return rc;
    return bl_stream_close(stream);
}

TEST(time_jumps_past_a_listener_without_clients) {
    bl_addr address = loopback();
    bl_listener *listener;
    bl_stream *stream;
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, accept_one, listener));
    TAKES(HOUR) CHECK_OK(bl_sleep(HOUR));
    address = bl_listener_address(listener);
    TAKES(0) REQUIRE_OK(bl_tcp_connect(&address, &stream));
    TAKES(0) CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(bl_stream_close(stream));
    bl_listener_close(listener);
}

/* ---- work outside -------------------------------------------------------- */

/* Returns once the main thread is blocked in the kernel. */
static void wait_until_blocked(void) {
    char path[64];
    char state = 'R';
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", getpid());
    while (state != 'S') {
        FILE *file = fopen(path, "re");
        if (file == NULL) return;
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) state = 'S';
        fclose(file);
    }
}

static int work_slowly(void *arg) {
    bool *is_done = arg;
    wait_until_blocked();
    *is_done = true;
    return 0;
}

struct job {
    bool is_done;
    bl_ns done_at;
};

static int offload(void *arg) {
    struct job *job = arg;
    int rc = bl_to_thread(work_slowly, &job->is_done);
    job->done_at = bl_now();
    return rc;
}

TEST(time_stands_while_a_thread_works) {
    struct job job = { 0 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, offload, &job));
    TAKES(HOUR) CHECK_OK(bl_sleep(HOUR));
    CHECK(job.is_done);
    CHECK_EQ(job.done_at, 0);
    CHECK_OK(bl_group_exit(&group, 0));
}

struct sensor {
    bl_handle *handle;
    bl_ns read_at;
};

static void on_reading(void *context) {
    struct sensor *sensor = context;
    sensor->read_at = bl_now();
}

static void *read_slowly(void *arg) {
    struct sensor *sensor = arg;
    wait_until_blocked();
    BL_IGNORE(bl_thread_post(sensor->handle, on_reading, sensor));
    bl_thread_close(sensor->handle);
    return NULL;
}

TEST(time_stands_while_a_thread_has_a_handle) {
    struct sensor sensor = { .read_at = -1 };
    pthread_t thread;
    REQUIRE_OK(bl_handle_open(&sensor.handle));
    REQUIRE_EQ(pthread_create(&thread, NULL, read_slowly, &sensor), 0);
    TAKES(HOUR) CHECK_OK(bl_sleep(HOUR));
    CHECK_EQ(sensor.read_at, 0);
    pthread_join(thread, NULL);
}

static void *type_slowly(void *arg) {
    wait_until_blocked();
    say((int)NUMBER(arg), "x\n");
    return NULL;
}

TEST(without_a_timer_a_terminal_is_waited_for) {
    int master;
    int slave;
    pthread_t thread;
    tty_pair(&master, &slave);
    struct reading reading = { .fd = slave, .wanted = 2 };
    REQUIRE_EQ(pthread_create(&thread, NULL, type_slowly, ARG(master)), 0);
    TAKES(0) CHECK_OK(read_on(&reading));
    CHECK_EQ(reading.got, 2);
    pthread_join(thread, NULL);
    close(master);
    close(slave);
}
