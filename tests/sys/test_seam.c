/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_seam.c - the seam between us and the system
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <belay/test.h>

/* What the seam answers to the calls of one kind; the others go on. */
static struct {
    bl_io_call call;
    bl_ssize answers[4];
    size_t answer_count;
    size_t asked_count;
    size_t bytes; /* of the last question */
} script;

static bl_ssize answer(void *context, bl_io_call call, int fd, size_t bytes) {
    (void)context;
    (void)fd;
    if (call != script.call) return 0;
    script.bytes = bytes;
    size_t number = script.asked_count++;
    return number < script.answer_count ? script.answers[number] : 0;
}

static void run(bl_driver_kind driver, bl_task_fn *fn, void *arg) {
    const bl_loop_options options = {
        .size = sizeof options,
        .driver = driver,
        .clock = BL_CLOCK_VIRTUAL,
        .signals = BL_SIGNALS_HOST,
        .on_io = answer,
    };
    CHECK_OK(bl_run_with(fn, arg, &options));
}

PARAM(bl_driver_kind, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

/* One connected pair, of streams or of messages. */
struct pair {
    int type;
    int fds[2];
    bl_stream *stream; /* of fds[0] */
};

static void pair_open(struct pair *pair) {
    REQUIRE_OK(socketpair(AF_UNIX, pair->type | SOCK_NONBLOCK, 0, pair->fds));
    REQUIRE_OK(bl_stream_take_fd(pair->fds[0], &pair->stream));
}

static void pair_close(struct pair *pair) {
    CHECK_OK(bl_stream_close(pair->stream));
    close(pair->fds[1]);
}

static int read_fails(void *arg) {
    struct pair *pair = arg;
    char bytes[8];
    pair_open(pair);
    CHECK_EQ(write(pair->fds[1], "hello", 5), 5);
    CHECK_ERR(bl_stream_read(pair->stream, bytes, sizeof bytes), BL_ECONNRESET);
    CHECK_EQ(bl_stream_read(pair->stream, bytes, sizeof bytes), 5);
    pair_close(pair);
    return 0;
}

TEST(a_call_fails_as_the_seam_says_and_is_not_made, (driver), .no_loop = true) {
    struct pair pair = { .type = SOCK_STREAM };
    script.call = BL_IO_READ;
    script.answers[script.answer_count++] = BL_ECONNRESET;
    run(driver, read_fails, &pair);
}

static int read_shortly(void *arg) {
    struct pair *pair = arg;
    char bytes[8];
    pair_open(pair);
    CHECK_EQ(write(pair->fds[1], "hello", 5), 5);
    CHECK_EQ(bl_stream_read(pair->stream, bytes, sizeof bytes), 2);
    CHECK_EQ(script.bytes, sizeof bytes);
    CHECK_EQ(bl_stream_read(pair->stream, bytes, sizeof bytes), 3);
    pair_close(pair);
    return 0;
}

TEST(a_call_moves_less_if_the_seam_says_so, (driver), .no_loop = true) {
    struct pair pair = { .type = SOCK_STREAM };
    script.call = BL_IO_READ;
    script.answers[script.answer_count++] = 2;
    run(driver, read_shortly, &pair);
}

static int read_message(void *arg) {
    struct pair *pair = arg;
    char bytes[8];
    pair_open(pair);
    CHECK_EQ(write(pair->fds[1], "hello", 5), 5);
    CHECK_EQ(bl_stream_read(pair->stream, bytes, sizeof bytes), 5);
    CHECK_EQ(script.bytes, 0);
    pair_close(pair);
    return 0;
}

TEST(a_message_is_not_cut, (driver), .no_loop = true) {
    struct pair pair = { .type = SOCK_SEQPACKET };
    script.call = BL_IO_READ;
    script.answers[script.answer_count++] = 2;
    run(driver, read_message, &pair);
}

static int read_twice(void *arg) {
    struct pair *pair = arg;
    char bytes[8];
    pair_open(pair);
    CHECK_EQ(write(pair->fds[1], "hello", 5), 5);
    CHECK_EQ(bl_stream_read(pair->stream, bytes, sizeof bytes), 5);
    CHECK_EQ(script.asked_count, 3);
    pair_close(pair);
    return 0;
}

/* Its report of readiness had been given before. */
TEST(after_a_false_eagain_readiness_is_reported_again, (driver),
     .no_loop = true) {
    struct pair pair = { .type = SOCK_STREAM };
    script.call = BL_IO_READ;
    script.answers[script.answer_count++] = BL_EAGAIN;
    script.answers[script.answer_count++] = BL_EAGAIN;
    run(driver, read_twice, &pair);
}

static int send_file(void *arg) {
    struct pair *pair = arg;
    char bytes[8];
    pair_open(pair);
    int file = memfd_create("a file", MFD_CLOEXEC);
    REQUIRE_EQ(write(file, "hello", 5), 5);
    CHECK_OK(bl_stream_send_file(pair->stream, file, 0, 5, NULL));
    CHECK_GE(script.asked_count, 4);
    CHECK_EQ(read(pair->fds[1], bytes, sizeof bytes), 5);
    CHECK_MEM(bytes, 5, "hello", 5);
    close(file);
    pair_close(pair);
    return 0;
}

TEST(a_file_is_sent_as_the_seam_says, (driver), .no_loop = true) {
    struct pair pair = { .type = SOCK_STREAM };
    script.call = BL_IO_WRITE;
    script.answers[script.answer_count++] = -EINTR;
    script.answers[script.answer_count++] = 2;
    script.answers[script.answer_count++] = BL_EAGAIN;
    run(driver, send_file, &pair);
}

static int interrupt_connect(void *arg) {
    bl_listener *listener;
    bl_stream *near;
    bl_stream *far;
    bl_addr address;
    (void)arg;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &address));
    REQUIRE_OK(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    REQUIRE_OK(bl_tcp_connect(&address, &near));
    REQUIRE_OK(bl_listener_accept(listener, &far, NULL));
    CHECK_EQ(script.asked_count, 1);
    bl_stream_abort(near);
    bl_stream_abort(far);
    bl_listener_close(listener);
    return 0;
}

TEST(an_interrupted_connection_is_under_way, (driver), .no_loop = true) {
    script.call = BL_IO_CONNECT;
    script.answers[script.answer_count++] = -EINTR;
    run(driver, interrupt_connect, NULL);
}

static int close_fails(void *arg) {
    struct pair *pair = arg;
    pair_open(pair);
    CHECK_ERR(bl_stream_close(pair->stream), BL_EIO);
    CHECK_EQ(close(pair->fds[0]), -1);
    close(pair->fds[1]);
    return 0;
}

TEST(what_fails_to_close_is_closed, (driver), .no_loop = true) {
    struct pair pair = { .type = SOCK_STREAM };
    script.call = BL_IO_CLOSE;
    script.answers[script.answer_count++] = BL_EIO;
    run(driver, close_fails, &pair);
}

static int watch_fails(void *arg) {
    struct pair *pair = arg;
    REQUIRE_OK(socketpair(AF_UNIX, pair->type, 0, pair->fds));
    CHECK_ERR(bl_stream_take_fd(pair->fds[0], &pair->stream), BL_ENOMEM);
    CHECK_OK(bl_stream_take_fd(pair->fds[0], &pair->stream));
    pair_close(pair);
    return 0;
}

TEST(a_watch_that_fails_is_not_started, (driver), .no_loop = true) {
    struct pair pair = { .type = SOCK_STREAM };
    script.call = BL_IO_WATCH;
    /* The first is the loop's own, for the threads that wake it. */
    script.answers[script.answer_count++] = 0;
    script.answers[script.answer_count++] = BL_ENOMEM;
    run(driver, watch_fails, &pair);
}
