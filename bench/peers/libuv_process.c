/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/libuv_process.c - uv_spawn, until its exit callback
 *
 * For process.run_us the output comes by a pipe, to the end of it.
 */
#include <uv.h>

#include "process_load.h"

static char read_buffer[4096];
static size_t read_bytes;

static void when_it_ends(uv_process_t *process, int64_t status, int signal) {
    (void)status;
    (void)signal;
    uv_close((uv_handle_t *)process, NULL);
}

static void on_alloc(uv_handle_t *handle, size_t bytes, uv_buf_t *buffer) {
    (void)handle;
    (void)bytes;
    *buffer = uv_buf_init(read_buffer, sizeof read_buffer);
}

static void on_read(uv_stream_t *stream, ssize_t bytes,
                    const uv_buf_t *buffer) {
    (void)buffer;
    if (bytes > 0) read_bytes += (size_t)bytes;
    if (bytes < 0) uv_close((uv_handle_t *)stream, NULL);
}

static int spawn_one(uv_loop_t *loop) {
    char name[] = "/bin/true";
    char *argv[] = { name, NULL };
    uv_process_t process;
    uv_process_options_t options = { .exit_cb = when_it_ends,
                                     .file = name,
                                     .args = argv };
    int rc = uv_spawn(loop, &process, &options);
    uv_run(loop, UV_RUN_DEFAULT);
    return rc;
}

static int run_one(uv_loop_t *loop) {
    char name[] = "/bin/echo";
    char word[] = "hello";
    char *argv[] = { name, word, NULL };
    uv_pipe_t out;
    uv_pipe_t err;
    uv_process_t process;
    uv_pipe_init(loop, &out, 0);
    uv_pipe_init(loop, &err, 0);
    uv_stdio_container_t stdio[] = {
        { .flags = UV_IGNORE },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
          .data.stream = (uv_stream_t *)&out },
        { .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
          .data.stream = (uv_stream_t *)&err },
    };
    uv_process_options_t options = {
        .exit_cb = when_it_ends,
        .file = name,
        .args = argv,
        .stdio = stdio,
        .stdio_count = 3,
    };
    read_bytes = 0;
    int rc = uv_spawn(loop, &process, &options);
    if (rc < 0) return rc;
    uv_read_start((uv_stream_t *)&out, on_alloc, on_read);
    uv_read_start((uv_stream_t *)&err, on_alloc, on_read);
    uv_run(loop, UV_RUN_DEFAULT);
    return read_bytes == 6 ? 0 : UV_EIO;
}

static double run_many(uint64_t count, int (*one)(uv_loop_t *loop)) {
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);
    if (rc == 0) rc = one(&loop);
    double start = measure_now_ns();
    for (uint64_t i = 0; i < count && rc == 0; i++)
        rc = one(&loop);
    double took = measure_now_ns() - start;
    int closed = uv_loop_close(&loop);
    if (rc < 0) return rc;
    return closed < 0 ? closed : took;
}

static double run_spawn(uint64_t count) {
    return run_many(count, spawn_one);
}

static double run_run(uint64_t count) {
    return run_many(count, run_one);
}

static double run_spawn_large(uint64_t count) {
    return process_run_large(run_spawn, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "process.spawn_us", "us", MEASURE_GROWN, run_spawn, 0, 0 },
        { "process.spawn_large_us", "us", MEASURE_GROWN, run_spawn_large, 0,
          0 },
        { "process.run_us", "us", MEASURE_GROWN, run_run, 0, 0 },
    };
    return measure_main(argc, argv, "libuv", metrics,
                        sizeof metrics / sizeof metrics[0]);
}
