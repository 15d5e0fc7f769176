/* SPDX-License-Identifier: MIT */
/*
 * tests/io/test_io.c - plain descriptors of every kind, read, written, waited
 * for
 *
 * The far end of each descriptor is used with plain system calls by the test
 * itself, the near end by tasks.  Descriptors are left as the system makes
 * them, that is blocking, unless a test says otherwise: nothing here may block
 * the loop for that.
 *
 *     Legs: sweep
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/filter.h"
#include "support/host.h"
#include "support/kids.h"
#include "support/sockets.h"

/* A task with one call of bl_fd_*, and what came of it. */
struct op {
    int fd;
    unsigned events;
    char bytes[64];
    bl_ssize result;
    bool has_ended;
};

static int op_read(void *arg) {
    struct op *op = arg;
    op->result = bl_fd_read(op->fd, op->bytes, sizeof op->bytes);
    op->has_ended = true;
    return 0;
}

static int op_write(void *arg) {
    struct op *op = arg;
    op->result = bl_fd_write(op->fd, op->bytes, sizeof op->bytes);
    op->has_ended = true;
    return 0;
}

static int op_wait(void *arg) {
    struct op *op = arg;
    op->result = bl_fd_wait(op->fd, op->events);
    op->has_ended = true;
    return 0;
}

static int op_accept(void *arg) {
    struct op *op = arg;
    op->result = bl_fd_accept(op->fd, NULL, NULL);
    op->has_ended = true;
    return 0;
}

static void close_pair(const int fds[2]) {
    close(fds[0]);
    close(fds[1]);
}

/* ---- reading ----------------------------------------------------------- */

/* What there is to read from, and the far end to write to. */
enum kind {
    KIND_LOCAL,
    KIND_TCP,
    KIND_PIPE,
    KIND_TTY
};

PARAM(int, kind, KIND_LOCAL, KIND_TCP, KIND_PIPE, KIND_TTY);

static void make_kind(int kind, int fds[2]) {
    switch (kind) {
    case KIND_LOCAL: socket_pair(fds); break;
    case KIND_TCP: tcp_pair(fds); break;
    case KIND_PIPE: pipe_pair(fds); break;
    default: tty_pair(&fds[1], &fds[0]); break;
    }
}

TEST(what_is_there_is_read_without_waiting, (kind)) {
    int fds[2];
    char bytes[8];
    make_kind(kind, fds);
    say(fds[1], "hello");
    CHECK_EQ(bl_fd_read(fds[0], bytes, sizeof bytes), 5);
    CHECK_MEM(bytes, 5, "hello", 5);
    close_pair(fds);
}

TEST(a_read_waits_for_the_first_byte, (kind)) {
    int fds[2];
    make_kind(kind, fds);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    CHECK(!op.has_ended);
    say(fds[1], "hello");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 5);
    CHECK_MEM(op.bytes, 5, "hello", 5);
    close_pair(fds);
}

TEST(a_non_blocking_descriptor_works_alike, (kind)) {
    int fds[2];
    make_kind(kind, fds);
    CHECK_OK(fcntl(fds[0], F_SETFL, O_RDWR | O_NONBLOCK));
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    CHECK(!op.has_ended);
    say(fds[1], "hello");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 5);
    close_pair(fds);
}

TEST(a_cancelled_read_has_read_nothing, (kind)) {
    int fds[2];
    make_kind(kind, fds);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    say(fds[1], "hello");
    CHECK_STR(heard(fds[0]), "hello");
    close_pair(fds);
}

static bl_group *group_to_cancel;

/* Runs after the reader was woken, in the same iteration. */
static void cancel_group(void *context) {
    (void)context;
    bl_group_cancel(group_to_cancel);
}

TEST(a_read_that_was_woken_is_complete_whatever_comes_next) {
    int fds[2];
    bl_timer timer;
    socket_pair(fds);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    /* I/O is harvested before timers: woken first, cancelled second. */
    group_to_cancel = &group;
    bl_timer_init(&timer, cancel_group, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now());
    say(fds[1], "hello");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 5);
    close_pair(fds);
}

TEST(the_end_of_the_stream_is_zero, (kind)) {
    int fds[2];
    if (kind == KIND_TTY) t_skip("a terminal hangs up with an error");
    make_kind(kind, fds);
    struct op op = { .fd = fds[0], .result = -1 };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    close(fds[1]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 0);
    close(fds[0]);
}

TEST(a_terminal_without_its_other_side_is_an_error) {
    int fds[2];
    tty_pair(&fds[1], &fds[0]);
    struct op op = { .fd = fds[1] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    close(fds[0]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_EIO);
    close(fds[1]);
}

TEST(a_reset_by_the_peer_is_an_error) {
    int fds[2];
    tcp_pair(fds);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    close_by_reset(fds[1]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECONNRESET);
    close(fds[0]);
}

TEST(plain_files_are_read_and_written_directly) {
    char bytes[8];
    int fd = plain_file();
    CHECK_EQ(bl_fd_write(fd, "hello", 5), 5);
    CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
    CHECK_EQ(bl_fd_read(fd, bytes, sizeof bytes), 5);
    CHECK_MEM(bytes, 5, "hello", 5);
    CHECK_EQ(bl_fd_read(fd, bytes, sizeof bytes), 0);
    CHECK_EQ(bl_fd_wait(fd, BL_READABLE), BL_READABLE);
    close(fd);
}

TEST(devices_without_a_wait_work) {
    char bytes[4] = "abc";
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
    CHECK_EQ(bl_fd_read(null, bytes, sizeof bytes), 0);
    CHECK_EQ(bl_fd_write(null, bytes, sizeof bytes), 4);
    CHECK_EQ(bl_fd_read(zero, bytes, sizeof bytes), 4);
    CHECK_EQ(bytes[0], 0);
    CHECK(bl_fd_wait(null, BL_WRITABLE) == BL_WRITABLE);
    close(null);
    close(zero);
}

TEST(an_event_counter_is_read_when_it_counts) {
    int fd = eventfd(0, EFD_CLOEXEC);
    struct op op = { .fd = fd };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    CHECK(!op.has_ended);
    CHECK_OK(eventfd_write(fd, 3));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, 8);
    CHECK_EQ(op.bytes[0], 3);
    close(fd);
}

TEST(reading_no_bytes_does_not_wait, (kind)) {
    int fds[2];
    make_kind(kind, fds);
    CHECK_EQ(bl_fd_read(fds[0], NULL, 0), 0);
    close_pair(fds);
}

/* ---- writing ----------------------------------------------------------- */

TEST(a_write_waits_for_room, (kind)) {
    int fds[2];
    if (kind == KIND_TTY) t_skip("a terminal makes room by itself for a while");
    make_kind(kind, fds);
    int near = kind == KIND_PIPE ? fds[1] : fds[0];
    int far = near == fds[0] ? fds[1] : fds[0];
    CHECK_GT(fill(near), 0);
    struct op op = { .fd = near };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write, &op));
    t_settle();
    CHECK(!op.has_ended);
    drain(far);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, sizeof op.bytes);
    close_pair(fds);
}

static int write_chunks(void *arg) {
    struct op *op = arg;
    static char bytes[100000];
    op->result = 0;
    while (op->result < 1000000) {
        bl_ssize count = bl_fd_write(op->fd, bytes, sizeof bytes);
        if (count < 0) return (int)count;
        op->result += count;
    }
    op->has_ended = true;
    return 0;
}

/* A blocking descriptor takes what there is room for and no more: were the
 * loop blocked, nobody would read, and the watchdog would end the test.
 * Rigid: cancelled it goes on draining, and no writer comes to run. */
TEST(a_large_write_into_a_blocking_descriptor_does_not_block_the_loop, (kind),
     .tags = "rigid") {
    int fds[2];
    size_t read_bytes = 0;
    make_kind(kind, fds);
    int near = kind == KIND_PIPE ? fds[1] : fds[0]; /* the tty's slave */
    int far = near == fds[0] ? fds[1] : fds[0];
    struct op op = { .fd = near };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, write_chunks, &op));
    while (!op.has_ended) {
        CHECK_OK(bl_yield());
        read_bytes += drain(far);
    }
    CHECK_OK(bl_group_exit(&group, 0));
    read_bytes += drain(far);
    CHECK_EQ((bl_ssize)read_bytes, op.result);
    CHECK((fcntl(near, F_GETFL) & O_NONBLOCK) == 0); /* as it was */
    close_pair(fds);
}

TEST(a_cancelled_write_has_written_nothing) {
    int fds[2];
    socket_pair(fds);
    size_t filled = fill(fds[0]);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write, &op));
    t_settle();
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);
    CHECK_EQ(drain(fds[1]), filled);
    close_pair(fds);
}

TEST(a_closed_peer_is_a_broken_pipe_and_no_signal) {
    int fds[2];
    socket_pair(fds);
    close(fds[1]);
    CHECK_ERR(bl_fd_write(fds[0], "x", 1), BL_EPIPE);
    close(fds[0]);
}

TEST(a_write_that_waits_learns_that_the_peer_closed) {
    int fds[2];
    socket_pair(fds);
    fill(fds[0]);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_write, &op));
    t_settle();
    close(fds[1]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK(op.result == BL_EPIPE || op.result == BL_ECONNRESET);
    close(fds[0]);
}

/* ---- waiting ----------------------------------------------------------- */

TEST(a_wait_tells_which_events_are_ready, (kind)) {
    int fds[2];
    make_kind(kind, fds);
    struct op op = { .fd = fds[0], .events = BL_READABLE };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_wait, &op));
    t_settle();
    CHECK(!op.has_ended);
    say(fds[1], "x");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, BL_READABLE);
    CHECK_STR(heard(fds[0]), "x"); /* it was not read */
    close_pair(fds);
}

TEST(a_hang_up_counts_as_ready) {
    int fds[2];
    pipe_pair(fds);
    struct op op = { .fd = fds[0], .events = BL_READABLE };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_wait, &op));
    t_settle();
    close(fds[1]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(op.result, BL_READABLE);
    close(fds[0]);
}

TEST(both_directions_are_waited_for_at_once) {
    int fds[2];
    socket_pair(fds);
    say(fds[1], "x");
    const unsigned both = BL_READABLE | BL_WRITABLE;
    CHECK_EQ(bl_fd_wait(fds[0], both), both);
    close_pair(fds);
}

TEST(two_tasks_have_one_direction_each) {
    int fds[2];
    socket_pair(fds);
    fill(fds[0]);
    struct op reads = { .fd = fds[0] };
    struct op writes = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, op_write, &writes));
    t_settle();
    CHECK(!reads.has_ended);
    CHECK(!writes.has_ended);
    say(fds[1], "hello");
    t_settle();
    CHECK(reads.has_ended);
    CHECK(!writes.has_ended);
    drain(fds[1]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(reads.result, 5);
    CHECK_EQ(writes.result, sizeof writes.bytes);
    close_pair(fds);
}

TEST(a_second_task_in_a_direction_is_refused) {
    int fds[2];
    socket_pair(fds);
    struct op first = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &first));
    t_settle();
    char byte;
    WITHIN(SEC(1)) {
        CHECK_ERR(bl_fd_read(fds[0], &byte, 1), BL_EBUSY);
        CHECK_ERR(bl_fd_wait(fds[0], BL_READABLE), BL_EBUSY);
    }
    CHECK_EQ(bl_fd_wait(fds[0], BL_WRITABLE), BL_WRITABLE);
    CHECK_EQ(bl_fd_write(fds[0], "x", 1), 1);
    say(fds[1], "x");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(first.result, 1);
    close_pair(fds);
}

TEST(a_cancelled_wait_can_be_repeated_at_once) {
    int fds[2];
    socket_pair(fds);
    for (int i = 0; i < 3; i++) {
        int rc = bl_wait_for(bl_fd_wait(fds[0], BL_READABLE), BL_MS(1));
        CHECK_ERR(rc, BL_ETIMEDOUT);
    }
    say(fds[1], "x");
    CHECK_EQ(bl_fd_wait(fds[0], BL_READABLE), BL_READABLE);
    close_pair(fds);
}

/* ---- closing ----------------------------------------------------------- */

TEST(closing_sends_those_who_wait_away) {
    int fds[2];
    socket_pair(fds);
    fill(fds[0]);
    struct op reads = { .fd = fds[0] };
    struct op writes = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &reads));
    REQUIRE_OK(bl_spawn(&group, op_write, &writes));
    t_settle();
    CHECK_NO_CHECKPOINTS CHECK_OK(bl_fd_close(fds[0]));
    CHECK(!is_open(fds[0]));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(reads.result, BL_ECLOSED);
    CHECK_ERR(writes.result, BL_ECLOSED);
    close(fds[1]);
}

TEST(closing_ends_a_wait_for_readiness) {
    int fds[2];
    socket_pair(fds);
    struct op waits = { .fd = fds[0], .events = BL_READABLE };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_wait, &waits));
    t_settle();
    CHECK_OK(bl_fd_close(fds[0]));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(waits.result, BL_ECLOSED);
    close(fds[1]);
}

/* Closes what `arg` is about to read, after it was woken to do so. */
static void close_after_wake(void *context) {
    int *fd = context;
    CHECK_OK(bl_fd_close(*fd));
    /* The number names something else when the reader comes to run. */
    int other = eventfd(7, EFD_CLOEXEC);
    CHECK_EQ(other, *fd);
}

/* Rigid: if nobody reads, its callback closes a number of another. */
TEST(a_woken_reader_does_not_touch_a_number_that_was_closed, .tags = "rigid") {
    int fds[2];
    bl_timer timer;
    socket_pair(fds);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    bl_timer_init(&timer, close_after_wake, &fds[0]);
    bl_timer_start(bl_loop_running(), &timer, bl_now());
    say(fds[1], "hello");
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    eventfd_t value;
    CHECK_OK(eventfd_read(fds[0], &value));
    CHECK_EQ(value, 7);
    close_pair(fds);
}

TEST(the_end_is_sent_by_closing) {
    int fds[2];
    tcp_pair(fds);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    CHECK_OK(bl_fd_close(fds[0]));
    CHECK(is_at_end(fds[1]));
    CHECK_OK(bl_group_exit(&group, 0));
    close(fds[1]);
}

TEST(closing_what_is_not_open_is_refused) {
    int fd = plain_file();
    CHECK_OK(bl_fd_close(fd));
    CHECK_ERR(bl_fd_close(fd), BL_EBADF);
    CHECK_ERR(bl_fd_close(-1), BL_EBADF);
}

TEST(closing_works_without_a_loop, .no_loop = true) {
    int fd = plain_file();
    CHECK_OK(bl_fd_close(fd));
    CHECK_ERR(bl_fd_close(fd), BL_EBADF);
}

TEST(a_number_closed_behind_our_back_does_no_harm) {
    int fds[2];
    int again[2];
    socket_pair(fds);
    struct op op = { .fd = fds[0] };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_read, &op));
    t_settle();
    close(fds[0]);
    close(fds[1]);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    /* With io_uring the wait may have seen the end of the old socket. */
    CHECK(op.result == BL_ECANCELED || op.result == BL_EBADF);
    socket_pair(again);
    CHECK_EQ(again[0], fds[0]);
    say(again[1], "x");
    CHECK_EQ(bl_fd_wait(again[0], BL_READABLE), BL_READABLE);
    close_pair(again);
}

/* ---- refusals ---------------------------------------------------------- */

TEST(bad_descriptors_and_arguments_are_refused) {
    char byte;
    const int fd = 1234; /* so high that nothing else gets it meanwhile */
    CHECK(!is_open(fd));
    CHECK_ERR(bl_fd_read(fd, &byte, 1), BL_EBADF);
    CHECK_ERR(bl_fd_write(fd, &byte, 1), BL_EBADF);
    CHECK_ERR(bl_fd_wait(fd, BL_READABLE), BL_EBADF);
    CHECK_ERR(bl_fd_accept(fd, NULL, NULL), BL_EBADF);
    CHECK_ERR(bl_fd_read(0, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_fd_write(0, NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_fd_wait(0, 0), BL_EINVAL);
    CHECK_ERR(bl_fd_wait(0, BL_READABLE | BL_EDGE), BL_EINVAL);
}

static void call_without_loop(int code) {
    char byte;
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct sockaddr *where = (struct sockaddr *)&address;
    CHECK_ERR(bl_fd_read(0, &byte, 1), code);
    CHECK_ERR(bl_fd_write(0, &byte, 1), code);
    CHECK_ERR(bl_fd_wait(0, BL_READABLE), code);
    CHECK_ERR(bl_fd_accept(0, NULL, NULL), code);
    CHECK_ERR(bl_fd_connect(0, where, sizeof address), code);
}

TEST(without_a_loop_nothing_waits, .no_loop = true) {
    call_without_loop(BL_ENOLOOP);
}

static void call_in_callback(void *context) {
    call_without_loop(BL_ENOTASK);
    *(bool *)context = true;
}

TEST(in_a_callback_nothing_waits) {
    bl_call call = { 0 };
    bool was_called = false;
    bl_call_soon(bl_loop_running(), &call, call_in_callback, &was_called);
    while (!was_called)
        CHECK_OK(bl_sleep(1));
}

TEST(in_a_cancelled_scope_nothing_is_touched) {
    int fds[2];
    char byte;
    bl_scope scope;
    socket_pair(fds);
    say(fds[1], "x");
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_fd_read(fds[0], &byte, 1), BL_ECANCELED);
    CHECK_ERR(bl_fd_write(fds[0], "y", 1), BL_ECANCELED);
    CHECK_ERR(bl_fd_wait(fds[0], BL_READABLE), BL_ECANCELED);
    CHECK_ERR(bl_fd_accept(fds[0], NULL, NULL), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    CHECK_STR(heard(fds[0]), "x");
    CHECK_STR(heard(fds[1]), "");
    close_pair(fds);
}

/* ---- accepting and connecting ------------------------------------------ */

static int listen_blocking(struct sockaddr_in *address) {
    struct sockaddr *where = (struct sockaddr *)address;
    socklen_t length = sizeof *address;
    *address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE_OK(bind(fd, where, length));
    REQUIRE_OK(listen(fd, 8));
    REQUIRE_OK(getsockname(fd, where, &length));
    return fd;
}

TEST(a_connection_is_accepted_and_tells_its_address) {
    struct sockaddr_in address;
    struct sockaddr_in peer = { 0 };
    socklen_t length = sizeof peer;
    int listener = listen_blocking(&address);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *where = (struct sockaddr *)&address;
    CHECK_OK(bl_fd_connect(client, where, sizeof address));
    CHECK((fcntl(client, F_GETFL) & O_NONBLOCK) == 0); /* as it was */
    int fd = bl_fd_accept(listener, (struct sockaddr *)&peer, &length);
    REQUIRE_GE(fd, 0);
    CHECK((fcntl(listener, F_GETFL) & O_NONBLOCK) == 0);
    CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
    CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    CHECK_EQ(ntohl(peer.sin_addr.s_addr), INADDR_LOOPBACK);
    CHECK_EQ(length, sizeof peer);
    close(fd);
    close(client);
    close(listener);
}

TEST(an_accept_waits_and_can_be_cancelled) {
    struct sockaddr_in address;
    int listener = listen_blocking(&address);
    struct op op = { .fd = listener };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    CHECK(!op.has_ended);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECANCELED);

    BL_GROUP_SCOPED(again);
    REQUIRE_OK(bl_spawn(&again, op_accept, &op));
    t_settle();
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *where = (struct sockaddr *)&address;
    CHECK_OK(connect(client, where, sizeof address));
    CHECK_OK(bl_group_exit(&again, 0));
    REQUIRE_GE(op.result, 0);
    close((int)op.result);
    close(client);
    close(listener);
}

TEST(closing_a_listener_sends_its_accepter_away) {
    struct sockaddr_in address;
    int listener = listen_blocking(&address);
    struct op op = { .fd = listener };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_accept, &op));
    t_settle();
    CHECK_OK(bl_fd_close(listener));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(op.result, BL_ECLOSED);
    /* The port is free at once. */
    int again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK_OK(bind(again, (struct sockaddr *)&address, sizeof address));
    close(again);
}

TEST(without_a_descriptor_left_the_connection_stays_queued) {
    struct sockaddr_in address;
    int listener = listen_blocking(&address);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *where = (struct sockaddr *)&address;
    CHECK_OK(connect(client, where, sizeof address));
    limit_descriptors(0);
    int rc = bl_fd_accept(listener, NULL, NULL);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    int fd = bl_fd_accept(listener, NULL, NULL);
    CHECK_GE(fd, 0);
    close(fd);
    close(client);
    close(listener);
}

TEST(nobody_listens_is_an_error) {
    struct sockaddr_in address;
    close(listen_blocking(&address));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr *where = (struct sockaddr *)&address;
    CHECK_ERR(bl_fd_connect(fd, where, sizeof address), BL_ECONNREFUSED);
    close(fd);
}

/* A listener whose queue is full drops what comes, so a connect waits. */
static int listen_full(struct sockaddr_in *address, int clients[2]) {
    struct sockaddr *where = (struct sockaddr *)address;
    int listener = listen_blocking(address);
    REQUIRE_OK(listen(listener, 0));
    for (int i = 0; i < 2; i++) {
        clients[i] =
            socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(clients[i], where, sizeof *address) < 0) {
            REQUIRE_EQ(errno, EINPROGRESS);
        }
    }
    return listener;
}

struct connecting {
    struct op op;
    struct sockaddr_in address;
};

static int op_connect(void *arg) {
    struct connecting *connecting = arg;
    connecting->op.result = bl_fd_connect(
        connecting->op.fd, (struct sockaddr *)&connecting->address,
        sizeof connecting->address);
    connecting->op.has_ended = true;
    return 0;
}

TEST(a_connect_that_waits_can_be_cancelled) {
    int clients[2];
    struct connecting connecting = { 0 };
    int listener = listen_full(&connecting.address, clients);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connecting.op.fd = fd;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_connect, &connecting));
    t_settle();
    CHECK(!connecting.op.has_ended);
    CHECK((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(connecting.op.result, BL_ECANCELED);
    CHECK_OK(bl_fd_close(fd));
    close(clients[0]);
    close(clients[1]);
    close(listener);
}

TEST(a_connect_that_waits_can_be_closed) {
    int clients[2];
    struct connecting connecting = { 0 };
    int listener = listen_full(&connecting.address, clients);
    connecting.op.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_connect, &connecting));
    t_settle();
    CHECK_OK(bl_fd_close(connecting.op.fd));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(connecting.op.result, BL_ECLOSED);
    close(clients[0]);
    close(clients[1]);
    close(listener);
}

/* Empties the queue of a local listener after a while. */
static int accept_later(void *arg) {
    int fds[8];
    int count = 0;
    CHECK_OK(bl_sleep(BL_MS(5)));
    int listener = (int)NUMBER(arg);
    while (count < 8) {
        fds[count] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fds[count] < 0) break;
        count++;
    }
    while (count > 0)
        close(fds[--count]);
    return 0;
}

TEST(a_full_queue_of_a_local_listener_is_waited_for) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct sockaddr *where = (struct sockaddr *)&address;
    socklen_t length = sizeof(sa_family_t);
    int fds[8];
    int count = 0;
    int listener =
        socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE_OK(bind(listener, where, length)); /* a name of its own */
    length = sizeof address;
    REQUIRE_OK(getsockname(listener, where, &length));
    REQUIRE_OK(listen(listener, 1));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, accept_later, ARG(listener)));
    bl_ns start = bl_now();
    while (count < 5) {
        fds[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK_OK(bl_fd_connect(fds[count++], where, length));
        if (bl_now() > start) break; /* this one had to wait */
    }
    CHECK_GE(bl_now() - start, BL_MS(5));
    CHECK_OK(bl_group_exit(&group, 0));
    while (count > 0)
        close(fds[--count]);
    close(listener);
}

static int waits_without_memory(void *arg) {
    famine_begin(0);
    int rc = bl_fd_wait((int)NUMBER(arg), BL_READABLE);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    return 0;
}

TEST(a_first_wait_needs_memory, .no_loop = true) {
    int fds[2];
    socket_pair(fds);
    CHECK_OK(bl_run(waits_without_memory, ARG(fds[0])));
    close(fds[0]);
    close(fds[1]);
}

/* A code of the system that looks like a cancellation is none of ours. */
TEST(a_cancellation_by_the_kernel_is_an_error_of_the_descriptor) {
    int fds[2];
    char byte = 0;
    socket_pair(fds);
    refuse_call(SYS_recvfrom, ECANCELED);
    CHECK_ERR(bl_fd_read(fds[0], &byte, 1), BL_EIO);
    bl_stream *stream;
    REQUIRE_OK(bl_stream_take_fd(fds[0], &stream));
    say(fds[1], "x");
    CHECK_ERR(bl_stream_read(stream, &byte, 1), BL_EIO);
    CHECK_OK(bl_stream_close(stream));
    close(fds[1]);
}

/* ---- everything at every point ----------------------------------------- */

/* Whatever becomes of it, the other side reads an end and does not hang. */
static int echo_once(void *arg) {
    char bytes[16];
    int fd = (int)NUMBER(arg);
    bl_ssize count = bl_fd_read(fd, bytes, sizeof bytes);
    if (count > 0) count = bl_fd_write(fd, bytes, (size_t)count);
    shutdown(fd, SHUT_WR);
    return count < 0 ? (int)count : 0;
}

TEST(cancelled_or_without_memory_nothing_is_lost, .sweep = T_CANCEL | T_OOM) {
    int fds[2];
    char bytes[16];
    socket_pair(fds);
    int rc = 0;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, echo_once, ARG(fds[1]));
        if (rc < 0) break;
        bl_ssize count = bl_fd_write(fds[0], "hello", 5);
        if (count >= 0) count = bl_fd_read(fds[0], bytes, sizeof bytes);
        rc = count < 0 ? (int)count : 0;
    }
    if (!t_injected()) CHECK_OK(rc);
    /* Nobody is registered any more, whatever happened. */
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    CHECK_ALWAYS(info.watches == 0);
    CHECK_ALWAYS(bl_fd_close(fds[0]) == 0);
    CHECK_ALWAYS(bl_fd_close(fds[1]) == 0);
}

TEST(shuffled_orders_change_nothing, .schedules = 30) {
    int fds[2];
    char bytes[16];
    socket_pair(fds);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, echo_once, ARG(fds[1])));
    CHECK_EQ(bl_fd_write(fds[0], "hello", 5), 5);
    CHECK_EQ(bl_fd_read(fds[0], bytes, sizeof bytes), 5);
    CHECK_EQ(bl_fd_read(fds[0], bytes, sizeof bytes), 0);
    CHECK_OK(bl_group_exit(&group, 0));
    close_pair(fds);
}
