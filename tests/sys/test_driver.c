/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_driver.c - both drivers, by their common table
 *
 * Each test runs once per driver, on a driver of its own that no loop knows
 * of, with polls that the test sets by hand.  Local sockets, pipes and event
 * counters deliver inside the sender's call, so a `wait` of no time at all
 * finds what was sent before it.
 *
 *     Legs: threads
 */
#include <belay/test.h>
#include <fcntl.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support/filter.h"
#include "support/host.h"
#include "support/sockets.h"
#include "sys/driver.h"

enum {
    READY_MAX = 256,
    MANY = 2000
};

/* A driver, and what its last `wait` reported. */
struct rig {
    const struct bl__driver_ops *ops;
    struct bl__driver *driver;
    struct bl__ready ready[READY_MAX];
    int count;
};

PARAM(const char *, driver_name, "epoll", "io_uring");

static bl_driver_kind kind_of(const char *name) {
    return strcmp(name, "epoll") == 0 ? BL_DRIVER_EPOLL : BL_DRIVER_URING;
}

FIXTURE(struct rig *, rig, (driver_name)) {
    struct rig made = { 0 };
    REQUIRE_OK(bl__driver_open(kind_of(driver_name), &made.ops, &made.driver));
    if (strcmp(made.ops->name, driver_name) != 0) {
        made.ops->close(made.driver);
        t_skip("this system refuses %s", driver_name);
    }
    YIELD(&made);
    made.ops->close(made.driver);
}

static int set(struct rig *rig, struct bl__poll *poll, unsigned events) {
    return rig->ops->set(rig->driver, poll, events);
}

static int wait_for(struct rig *rig, bl_ns timeout) {
    rig->count = rig->ops->wait(rig->driver, timeout, rig->ready, READY_MAX);
    return rig->count;
}

/* The events reported for `poll` by the last wait; 0 if there was no report. */
static unsigned reported(const struct rig *rig, const struct bl__poll *poll) {
    for (int i = 0; i < rig->count; i++) {
        const struct bl__ready *ready = &rig->ready[i];
        if (ready->fd != poll->fd) continue;
        if (ready->generation == poll->generation) return ready->events;
    }
    return 0;
}

/* Ends what `poll` asked for, as one does before closing. */
static void end(struct rig *rig, struct bl__poll *poll) {
    CHECK_OK(set(rig, poll, 0));
    rig->ops->flush(rig->driver, poll);
    CHECK_EQ(poll->armed, 0);
    CHECK_EQ(poll->requests, 0);
}

static void end_pair(struct rig *rig, struct bl__poll *poll, int peer) {
    end(rig, poll);
    close(poll->fd);
    close(peer);
}

/* A poll of one end of a pair. */
static void open_pair(struct bl__poll *poll, int *peer) {
    int fds[2];
    socket_pair(fds);
    bl__poll_init(poll, fds[0]);
    *peer = fds[1];
}

static bl_ns real_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return BL_SEC(now.tv_sec) + now.tv_nsec;
}

/* ---- level ------------------------------------------------------------- */

TEST(nothing_is_reported_before_something_is_ready, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE));
    CHECK_EQ(wait_for(rig, 0), 0);
    say(peer, "x");
    CHECK_EQ(wait_for(rig, 0), 1);
    CHECK_EQ(reported(rig, &poll) & ~(unsigned)BL__HANGUP, BL_READABLE);
    end_pair(rig, &poll, peer);
}

TEST(level_reports_for_as_long_as_it_is_ready, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE));
    say(peer, "x");
    for (int i = 0; i < 3; i++) {
        CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
        CHECK_EQ(reported(rig, &poll) & ~(unsigned)BL__HANGUP, BL_READABLE);
    }
    CHECK_EQ(drain(poll.fd), 1);
    CHECK_EQ(wait_for(rig, 0), 0);
    end_pair(rig, &poll, peer);
}

TEST(what_was_ready_before_it_was_set_is_reported, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    say(peer, "x");
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, &poll) & ~(unsigned)BL__HANGUP, BL_READABLE);
    end_pair(rig, &poll, peer);
}

TEST(only_the_directions_asked_for_are_reported, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    say(peer, "x");
    CHECK_OK(set(rig, &poll, BL_WRITABLE));
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, &poll), BL_WRITABLE);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_WRITABLE));
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, &poll), BL_READABLE | BL_WRITABLE);
    end_pair(rig, &poll, peer);
}

TEST(a_full_socket_is_writable_once_the_peer_reads, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    fill(poll.fd);
    CHECK_OK(set(rig, &poll, BL_WRITABLE));
    CHECK_EQ(wait_for(rig, 0), 0);
    drain(peer);
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, &poll), BL_WRITABLE);
    end_pair(rig, &poll, peer);
}

/* ---- edge -------------------------------------------------------------- */

TEST(edge_reports_once_each_time, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_WRITABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, 0), 1);
    CHECK_EQ(reported(rig, &poll), BL_WRITABLE);
    CHECK_EQ(wait_for(rig, 0), 0);
    for (int i = 0; i < 3; i++) {
        say(peer, "x"); /* the bytes before were not read: an edge each time */
        CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
        CHECK(reported(rig, &poll) & BL_READABLE);
        CHECK_EQ(wait_for(rig, 0), 0);
    }
    end_pair(rig, &poll, peer);
}

TEST(setting_an_edge_again_reports_what_is_ready_again, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    say(peer, "x");
    for (int i = 0; i < 2; i++) {
        CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
        CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
        CHECK_EQ(reported(rig, &poll) & ~(unsigned)BL__HANGUP, BL_READABLE);
        CHECK_EQ(wait_for(rig, 0), 0);
    }
    end_pair(rig, &poll, peer);
}

TEST(what_was_flushed_is_not_touched_any_more, (driver_name)) {
    struct rig rig = { 0 };
    struct bl__poll poll, gone;
    int peer;
    REQUIRE_OK(bl__driver_open(kind_of(driver_name), &rig.ops, &rig.driver));
    open_pair(&poll, &peer);
    CHECK_OK(set(&rig, &poll, BL_READABLE));
    CHECK_EQ(wait_for(&rig, 0), 0);
    end_pair(&rig, &poll, peer);
    memset(&poll, 0xff, sizeof poll);
    memset(&gone, 0xff, sizeof gone);
    rig.ops->close(rig.driver);
    CHECK_MEM(&poll, sizeof poll, &gone, sizeof gone);
}

TEST(a_closed_peer_is_a_hang_up, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, 0), 0);
    say(peer, "bye");
    shutdown(peer, SHUT_WR);
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK(reported(rig, &poll) & BL_READABLE);
    CHECK(reported(rig, &poll) & BL__HANGUP);
    end_pair(rig, &poll, peer);
}

TEST(an_error_is_reported_whatever_was_asked_for, (rig)) {
    struct bl__poll poll;
    int fds[2];
    tcp_pair(fds);
    fill(fds[0]);
    bl__poll_init(&poll, fds[0]);
    CHECK_OK(set(rig, &poll, BL_WRITABLE));
    CHECK_EQ(wait_for(rig, 0), 0);
    close_by_reset(fds[1]);
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK(reported(rig, &poll) & BL_WRITABLE);
    CHECK(reported(rig, &poll) & BL__HANGUP);
    end(rig, &poll);
    close(fds[0]);
}

TEST(urgent_bytes_count_as_a_reason_for_doubt, (rig)) {
    struct bl__poll poll;
    int fds[2];
    tcp_pair(fds);
    bl__poll_init(&poll, fds[0]);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, 0), 0);
    CHECK_EQ(send(fds[1], "ab", 2, MSG_OOB), 2);
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK(reported(rig, &poll) & BL__HANGUP);
    end_pair(rig, &poll, fds[1]);
}

/* ---- taking back ------------------------------------------------------- */

TEST(nothing_is_reported_after_it_was_taken_back, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE));
    CHECK_EQ(wait_for(rig, 0), 0);
    uint32_t generation = poll.generation;
    CHECK_OK(set(rig, &poll, 0));
    CHECK_NE(poll.generation, generation);
    say(peer, "x");
    CHECK_EQ(wait_for(rig, 0), 0);
    CHECK_EQ(wait_for(rig, BL_US(100)), 0);
    CHECK_OK(set(rig, &poll, 0)); /* again: no effect */
    end_pair(rig, &poll, peer);
}

TEST(a_change_drops_what_the_kernel_has_reported_before, (rig)) {
    struct bl__poll first;
    struct bl__poll second;
    int peers[2];
    open_pair(&first, &peers[0]);
    open_pair(&second, &peers[1]);
    CHECK_OK(set(rig, &first, BL_READABLE));
    CHECK_OK(set(rig, &second, BL_READABLE));
    say(peers[0], "x");
    say(peers[1], "x");
    /* With room for one report, the other stays behind in the driver. */
    rig->count = rig->ops->wait(rig->driver, 0, rig->ready, 1);
    REQUIRE_EQ(rig->count, 1);
    struct bl__poll *other = reported(rig, &first) ? &second : &first;
    CHECK_OK(set(rig, other, BL_WRITABLE));
    CHECK_GE(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, other), BL_WRITABLE);
    end_pair(rig, &first, peers[0]);
    end_pair(rig, &second, peers[1]);
}

TEST(a_change_that_was_never_handed_over_hits_no_later_file, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE));
    CHECK_OK(set(rig, &poll, 0));
    close(poll.fd);
    close(peer);
    int again = eventfd(1, EFD_CLOEXEC);
    REQUIRE_EQ(again, poll.fd); /* the number that was polled, readable */
    CHECK_EQ(wait_for(rig, 0), 0);
    CHECK_EQ(wait_for(rig, BL_US(100)), 0);
    rig->ops->flush(rig->driver, &poll);
    close(again);
}

TEST(a_number_closed_behind_our_back_can_be_used_again, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE));
    CHECK_EQ(wait_for(rig, 0), 0);
    close(poll.fd);
    close(peer);
    int again = eventfd(1, EFD_CLOEXEC);
    REQUIRE_EQ(again, poll.fd);
    /* The old interest is replaced, ended, and asked for anew. */
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_WRITABLE));
    CHECK_GE(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, &poll), BL_READABLE | BL_WRITABLE);
    CHECK_OK(set(rig, &poll, 0));
    CHECK_OK(set(rig, &poll, BL_READABLE));
    CHECK_GE(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, &poll) & ~(unsigned)BL__HANGUP, BL_READABLE);
    end(rig, &poll);
    close(again);
}

TEST(after_a_flush_closing_closes, (rig)) {
    struct bl__poll poll;
    int fds[2];
    tcp_pair(fds);
    bl__poll_init(&poll, fds[0]);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, 0), 0);
    CHECK(!is_at_end(fds[1]));
    end(rig, &poll);
    close(fds[0]);
    CHECK(is_at_end(fds[1])); /* the end was sent by close itself */
    close(fds[1]);
}

TEST(a_port_can_be_listened_at_again_at_once, (rig)) {
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    struct sockaddr *where = (struct sockaddr *)&address;
    socklen_t length = sizeof address;
    struct bl__poll polls[4];
    for (int i = 0; i < 4; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE_OK(bind(fd, where, length));
        REQUIRE_OK(listen(fd, 1));
        REQUIRE_OK(getsockname(fd, where, &length));
        bl__poll_init(&polls[i], fd);
        CHECK_OK(set(rig, &polls[i], BL_READABLE | BL_EDGE));
        CHECK_EQ(wait_for(rig, 0), 0);
        end(rig, &polls[i]);
        close(fd);
    }
}

TEST(a_flush_loses_no_report_of_others, (rig)) {
    struct bl__poll first;
    struct bl__poll second;
    int peers[2];
    open_pair(&first, &peers[0]);
    open_pair(&second, &peers[1]);
    CHECK_OK(set(rig, &first, BL_READABLE | BL_EDGE));
    CHECK_OK(set(rig, &second, BL_READABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, 0), 0);
    say(peers[1], "x");
    end_pair(rig, &first, peers[0]);
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, &second) & ~(unsigned)BL__HANGUP, BL_READABLE);
    end_pair(rig, &second, peers[1]);
}

TEST(closing_the_driver_lets_every_file_go, (driver_name)) {
    struct rig rig = { 0 };
    struct bl__poll poll;
    int fds[2];
    REQUIRE_OK(bl__driver_open(kind_of(driver_name), &rig.ops, &rig.driver));
    tcp_pair(fds);
    bl__poll_init(&poll, fds[0]);
    CHECK_OK(set(&rig, &poll, BL_READABLE));
    CHECK_EQ(wait_for(&rig, 0), 0);
    rig.ops->close(rig.driver);
    close(fds[0]);
    CHECK(is_at_end(fds[1]));
    close(fds[1]);
}

/* ---- what cannot be polled --------------------------------------------- */

TEST(a_plain_file_is_refused, (rig)) {
    struct bl__poll poll;
    int fd = plain_file();
    bl__poll_init(&poll, fd);
    CHECK_ERR(set(rig, &poll, BL_READABLE), BL_EPERM);
    CHECK_EQ(poll.armed, 0);
    close(fd);
}

TEST(a_closed_number_is_refused, (rig)) {
    struct bl__poll poll;
    int fd = plain_file();
    close(fd);
    bl__poll_init(&poll, fd);
    CHECK_ERR(set(rig, &poll, BL_READABLE), BL_EBADF);
    CHECK_EQ(poll.armed, 0);
    CHECK_EQ(wait_for(rig, 0), 0);
}

/* ---- many -------------------------------------------------------------- */

static struct bl__poll many[MANY];
static bool was_seen[MANY];

static int index_of(int fd) {
    for (int i = 0; i < MANY; i++) {
        if (many[i].fd == fd) return i;
    }
    t_fail("a report for %d, which was never polled", fd);
}

/* Reads the counters that are reported; returns how many polls that were. */
static int take_all(struct rig *rig) {
    int total = 0;
    while (wait_for(rig, 0) > 0) {
        for (int i = 0; i < rig->count; i++) {
            int index = index_of(rig->ready[i].fd);
            eventfd_t value;
            CHECK_OK(eventfd_read(rig->ready[i].fd, &value));
            CHECK(
                !was_seen[index]); /* it was read: no reason to say it again */
            was_seen[index] = true;
            total++;
        }
    }
    return total;
}

TEST(of_many_ready_ones_none_is_lost, (rig)) {
    for (int i = 0; i < MANY; i++) {
        int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        int fd = fcntl(low, F_DUPFD_CLOEXEC, 200); /* a row of numbers */
        close(low);
        REQUIRE_GE(fd, 0);
        bl__poll_init(&many[i], fd);
        unsigned mode = i % 2 == 0 ? 0 : BL_EDGE;
        REQUIRE_OK(set(rig, &many[i], BL_READABLE | mode));
    }
    CHECK_EQ(wait_for(rig, 0), 0);
    for (int i = 0; i < MANY; i++)
        CHECK_OK(eventfd_write(many[i].fd, 1));
    CHECK_EQ(take_all(rig), MANY);
    for (int i = 0; i < MANY; i++) {
        end(rig, &many[i]);
        close(many[i].fd);
    }
}

/* ---- waiting ----------------------------------------------------------- */

TEST(a_timeout_is_never_early, (rig)) {
    static const bl_ns timeouts[] = { 1, BL_US(10), BL_US(1500) };
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        bl_ns start = real_now();
        CHECK_EQ(wait_for(rig, timeouts[i]), 0);
        CHECK_GE(real_now() - start, timeouts[i]);
    }
}

static atomic_bool was_interrupted;

static void on_signal(int number) {
    (void)number;
}

/* Signals the other thread until it says that it has noticed. */
static void *interrupt(void *arg) {
    while (!atomic_load(&was_interrupted)) {
        pthread_kill(*(pthread_t *)arg, SIGUSR1);
        sched_yield();
    }
    return NULL;
}

TEST(a_signal_ends_the_wait, (rig)) {
    struct sigaction action = { .sa_handler = on_signal };
    struct sigaction before;
    pthread_t self = pthread_self();
    pthread_t thread;
    CHECK_OK(sigaction(SIGUSR1, &action, &before));
    REQUIRE_OK(pthread_create(&thread, NULL, interrupt, &self));
    CHECK_ERR(wait_for(rig, BL_FOREVER), -EINTR);
    atomic_store(&was_interrupted, true);
    pthread_join(thread, NULL);
    CHECK_OK(sigaction(SIGUSR1, &before, NULL));
}

TEST(pending_is_true_when_something_came, (rig)) {
    struct bl__poll poll;
    int peer;
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
    CHECK(rig->ops->is_pending(rig->driver)); /* a change to hand over */
    CHECK_EQ(wait_for(rig, 0), 0);
    say(peer, "x");
    CHECK(rig->ops->is_pending(rig->driver));
    CHECK_EQ(wait_for(rig, 0), 1);
    CHECK_EQ(reported(rig, &poll) & ~(unsigned)BL__HANGUP, BL_READABLE);
    end_pair(rig, &poll, peer);
}

TEST(io_uring_knows_when_nothing_is_pending, (rig)) {
    struct bl__poll poll;
    int peer;
    if (strcmp(rig->ops->name, "io_uring") != 0) t_skip("epoll cannot know");
    open_pair(&poll, &peer);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, 0), 0);
    CHECK(!rig->ops->is_pending(rig->driver));
    end_pair(rig, &poll, peer);
}

/* ---- hosts and threads ------------------------------------------------- */

static bool is_readable(int fd) {
    struct pollfd item = { .fd = fd, .events = POLLIN };
    return poll(&item, 1, 0) == 1;
}

TEST(the_descriptor_is_readable_when_a_wait_would_report, (rig)) {
    struct bl__poll level;
    struct bl__poll edge;
    int peers[2];
    open_pair(&level, &peers[0]);
    open_pair(&edge, &peers[1]);
    int fd = rig->ops->fd(rig->driver);
    REQUIRE_GE(fd, 0);
    CHECK_OK(set(rig, &level, BL_READABLE));
    CHECK_OK(set(rig, &edge, BL_READABLE | BL_EDGE));
    wait_for(rig, 0);
    CHECK_EQ(rig->count, 0);
    for (int round = 0; round < 3; round++) {
        int peer = peers[round % 2];
        rig->ops->commit(rig->driver);
        CHECK(!is_readable(fd));
        say(peer, "x");
        CHECK(is_readable(fd));
        CHECK_EQ(wait_for(rig, 0), 1);
        drain(round % 2 == 0 ? level.fd : edge.fd);
    }
    end_pair(rig, &level, peers[0]);
    end_pair(rig, &edge, peers[1]);
}

/* What a driver is asked on another thread. */
struct elsewhere {
    struct rig *rig;
    struct bl__poll *poll;
    int peer;
};

static void wait_elsewhere(void *arg) {
    struct elsewhere *elsewhere = arg;
    struct rig *rig = elsewhere->rig;
    CHECK_EQ(wait_for(rig, 0), 0);
    say(elsewhere->peer, "x");
    CHECK_EQ(wait_for(rig, BL_FOREVER), 1);
    CHECK_EQ(reported(rig, elsewhere->poll) & ~(unsigned)BL__HANGUP,
             BL_READABLE);
    drain(elsewhere->poll->fd);
}

TEST(a_driver_goes_on_on_another_thread, (rig)) {
    struct bl__poll poll;
    struct elsewhere elsewhere = { .rig = rig, .poll = &poll };
    open_pair(&poll, &elsewhere.peer);
    CHECK_OK(set(rig, &poll, BL_READABLE | BL_EDGE));
    CHECK_EQ(wait_for(rig, 0), 0);
    on_thread(wait_elsewhere, &elsewhere);
    wait_elsewhere(&elsewhere); /* and back */
    on_thread(wait_elsewhere, &elsewhere);
    end_pair(rig, &poll, elsewhere.peer); /* a flush on the wrong thread */
}

TEST(a_report_that_was_not_taken_survives_the_move, (rig)) {
    struct bl__poll polls[2];
    struct elsewhere elsewhere = { .rig = rig, .poll = &polls[0] };
    int peers[2];
    for (int i = 0; i < 2; i++) {
        open_pair(&polls[i], &peers[i]);
        CHECK_OK(set(rig, &polls[i], BL_READABLE));
        say(peers[i], "x");
    }
    /* One report is taken, the other one waits in the driver. */
    CHECK_EQ(rig->ops->wait(rig->driver, 0, rig->ready, 1), 1);
    drain(polls[0].fd);
    drain(polls[1].fd);
    while (wait_for(rig, 0) > 0) {}
    elsewhere.peer = peers[0];
    on_thread(wait_elsewhere, &elsewhere);
    end_pair(rig, &polls[0], peers[0]);
    end_pair(rig, &polls[1], peers[1]);
}

/* ---- which driver ------------------------------------------------------ */

static const char *name_of_default(void) {
    const struct bl__driver_ops *ops;
    struct bl__driver *driver;
    REQUIRE_OK(bl__driver_open(BL_DRIVER_DEFAULT, &ops, &driver));
    ops->close(driver);
    return ops->name;
}

TEST(the_environment_chooses_the_default) {
    setenv("BELAY_DRIVER", "epoll", 1);
    CHECK_STR(name_of_default(), "epoll");
    unsetenv("BELAY_DRIVER");
    const char *preferred = name_of_default();
    setenv("BELAY_DRIVER", "uring", 1);
    CHECK_STR(name_of_default(), preferred);
    setenv("BELAY_DRIVER", "kqueue", 1); /* unknown: as if it were not there */
    CHECK_STR(name_of_default(), preferred);
}

TEST(an_option_counts_more_than_the_environment) {
    const struct bl__driver_ops *ops;
    struct bl__driver *driver;
    setenv("BELAY_DRIVER", "uring", 1);
    REQUIRE_OK(bl__driver_open(BL_DRIVER_EPOLL, &ops, &driver));
    CHECK_STR(ops->name, "epoll");
    ops->close(driver);
}

PARAM(int, refusal, EPERM, ENOSYS, EACCES);

TEST(a_refused_io_uring_means_epoll, (refusal)) {
    const struct bl__driver_ops *ops;
    struct bl__driver *driver;
    refuse_io_uring(refusal);
    CHECK_STR(name_of_default(), "epoll");
    REQUIRE_OK(bl__driver_open(BL_DRIVER_URING, &ops, &driver));
    CHECK_STR(ops->name, "epoll");
    ops->close(driver);
}

TEST(no_descriptor_left_is_said, (driver_name)) {
    const struct bl__driver_ops *ops;
    struct bl__driver *driver;
    limit_descriptors(0);
    int rc = bl__driver_open(kind_of(driver_name), &ops, &driver);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
}

TEST(no_memory_is_said, (driver_name), .sweep = T_OOM) {
    struct rig rig = { 0 };
    struct bl__poll poll;
    int peer;
    int rc = bl__driver_open(kind_of(driver_name), &rig.ops, &rig.driver);
    if (rc < 0) {
        CHECK_ALWAYS(rc == BL_ENOMEM);
        return;
    }
    open_pair(&poll, &peer);
    rc = set(&rig, &poll, BL_READABLE);
    if (rc < 0) {
        CHECK_ALWAYS(rc == BL_ENOMEM);
        CHECK_ALWAYS(poll.armed == 0);
    }
    end_pair(&rig, &poll, peer);
    rig.ops->close(rig.driver);
}
