/* SPDX-License-Identifier: MIT */
/*
 * proc/run.c - a program from its start to its end, in one call
 *
 * Three tasks look after its input, its output and its errors, while the caller
 * waits for its end, so no full pipe can stop it.  The caller then closes the
 * process, and with that ends whoever else may have the pipes open; so the
 * readers come to the end of what was written, and miss nothing.
 *
 * A task that fails cancels the group; the caller's wait is cancelled with it,
 * and closing does the rest.
 *
 * Invariant: the streams are this file's; the process does not abort them.
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/park.h>
#include <belay/process.h>
#include <belay/task.h>

#include <string.h>

#include "base/assert.h"
#include "proc/process.h"

enum {
    RUN_OUTPUT_BYTES_MAX = 16 * 1024 * 1024,
    RUN_ROOM_FIRST = 4096
};

/* One of the three streams, and what goes through it. */
struct run_pump {
    bl_group *group;
    bl_stream *stream; /* NULL: it is no pipe */
    const char *input;
    char *data;
    size_t bytes;
    size_t room;
    size_t bytes_max;
    int rc;
    bool is_cut; /* it was cancelled */
};

struct run {
    bl_process *process;
    bl_group group;
    struct run_pump in;
    struct run_pump out;
    struct run_pump err;
    bl_process_status status;
    int close_rc;
};

/* ---- the three streams ------------------------------------------------- */

/* The first failure ends the others.  Who was cancelled has not moved all, and
 * must not pass for one that has, if the rest goes well. */
static int run_pump_done(struct run_pump *pump, bl_ssize rc) {
    bl_stream_abort(pump->stream);
    pump->stream = NULL;
    if (rc >= 0) return 0;
    if (rc == BL_ECANCELED) {
        pump->is_cut = true;
        return BL_ECANCELED;
    }
    pump->rc = (int)rc;
    bl_group_cancel_because(pump->group, "a stream of a program failed");
    return 0;
}

/* A program need not read what it is given. */
static int run_write(void *arg) {
    struct run_pump *pump = arg;
    size_t done;
    bl_task_set_name("input of the program");
    int rc = bl_stream_write_all(pump->stream, pump->input, pump->bytes, &done);
    if (rc == BL_EPIPE) rc = 0;
    return run_pump_done(pump, rc);
}

/* Keeps room for one byte more than may come, and so notices what is too much;
 * its place is that of the NUL in the end. */
static int run_grow(struct run_pump *pump) {
    if (pump->bytes < pump->room) return 0;
    if (pump->bytes > pump->bytes_max) return BL_EMSGSIZE;
    size_t room = pump->room > 0 ? 2 * pump->room : RUN_ROOM_FIRST;
    if (room > pump->bytes_max + 1) room = pump->bytes_max + 1;
    char *grown = bl_realloc(pump->data, room);
    if (grown == NULL) return BL_ENOMEM;
    pump->data = grown;
    pump->room = room;
    return 0;
}

static int run_read(void *arg) {
    struct run_pump *pump = arg;
    bl_ssize rc;
    bl_task_set_name("output of the program");
    do {
        rc = run_grow(pump);
        if (rc < 0) break;
        rc = bl_stream_read(pump->stream, pump->data + pump->bytes,
                            pump->room - pump->bytes);
        if (rc > 0) pump->bytes += (size_t)rc;
    } while (rc > 0);
    if (rc == 0 && pump->bytes > pump->bytes_max) rc = BL_EMSGSIZE;
    if (rc == 0) {
        rc = run_grow(pump);
        if (rc == 0) pump->data[pump->bytes] = '\0';
    }
    return run_pump_done(pump, rc);
}

/* ---- the program ------------------------------------------------------- */

static void run_take_stream(struct run *run, struct run_pump *pump, int place) {
    pump->group = &run->group;
    pump->stream = run->process->streams[place];
    run->process->streams[place] = NULL;
}

static int run_spawn_pumps(struct run *run) {
    int rc = 0;
    if (run->in.stream != NULL) rc = bl_spawn(&run->group, run_write, &run->in);
    if (rc == 0 && run->out.stream != NULL) {
        rc = bl_spawn(&run->group, run_read, &run->out);
    }
    if (rc == 0 && run->err.stream != NULL) {
        rc = bl_spawn(&run->group, run_read, &run->err);
    }
    return rc;
}

/* Returns 0 if the program ended by itself and all has been read. */
static int run_to_end(struct run *run) {
    int rc = bl_group_enter(&run->group);
    if (rc < 0) {
        bl_process_abort(run->process);
        return rc;
    }
    rc = run_spawn_pumps(run);
    int spawn_rc = rc;
    if (rc == 0) rc = bl_process_wait(run->process, &run->status);
    run->close_rc = bl_process_close(run->process);
    /* Whoever is left may keep the pipes open for ever. */
    if (run->close_rc < 0 || spawn_rc < 0) bl_group_cancel(&run->group);
    rc = bl_group_exit(&run->group, rc == BL_ECANCELED ? rc : 0);
    return rc == 0 ? spawn_rc : rc;
}

static int run_first_failure(const struct run *run, const char *program) {
    const struct run_pump *pumps[] = { &run->in, &run->out, &run->err };
    static const char *const names[] = { "input", "output", "error output" };
    for (int i = 0; i < 3; i++) {
        if (pumps[i]->rc == BL_EMSGSIZE) {
            return BL_ERR(BL_EMSGSIZE, "the %s of %s has more than %zu bytes",
                          names[i], program, pumps[i]->bytes_max);
        }
        if (pumps[i]->rc < 0) {
            return BL_ERR(pumps[i]->rc, "the %s of %s failed", names[i],
                          program);
        }
    }
    if (run->close_rc < 0) return run->close_rc;
    for (int i = 0; i < 3; i++) {
        if (!pumps[i]->is_cut) continue;
        return BL_ERR(BL_EIO, "the %s of %s was cut off", names[i], program);
    }
    return 0;
}

static void run_free(struct run *run) {
    struct run_pump *pumps[] = { &run->in, &run->out, &run->err };
    for (int i = 0; i < 3; i++) {
        bl_stream_abort(pumps[i]->stream);
        bl_free(pumps[i]->data);
    }
}

static int run_choose(const bl_process_run_options *options,
                      bl_process_run_options *chosen,
                      bl_process_options *start) {
    *chosen = (bl_process_run_options){ .size = sizeof *chosen };
    *start = (bl_process_options){ .size = sizeof *start };
    if (options != NULL) {
        if (options->size == 0 || options->size > sizeof *chosen) {
            return BL_EINVAL;
        }
        memcpy(chosen, options, options->size);
    }
    if (chosen->process != NULL) {
        size_t size = chosen->process->size;
        if (size == 0 || size > sizeof *start) return BL_EINVAL;
        memcpy(start, chosen->process, size);
        start->size = sizeof *start;
    }
    if (chosen->output_bytes_max == 0) {
        chosen->output_bytes_max = RUN_OUTPUT_BYTES_MAX;
    }
    if (chosen->output_bytes_max == SIZE_MAX) return BL_EINVAL;
    if (chosen->input == NULL && chosen->input_bytes > 0) return BL_EINVAL;
    bl_stdio_kind input = chosen->input != NULL ? BL_STDIO_PIPE : BL_STDIO_NULL;
    if (start->in.kind == BL_STDIO_DEFAULT) start->in.kind = input;
    if (start->out.kind == BL_STDIO_DEFAULT) start->out.kind = BL_STDIO_PIPE;
    if (start->err.kind == BL_STDIO_DEFAULT) start->err.kind = BL_STDIO_PIPE;
    if (chosen->input != NULL && start->in.kind != BL_STDIO_PIPE) {
        return BL_EINVAL;
    }
    return 0;
}

int bl_process_run(const char *const *argv,
                   const bl_process_run_options *options,
                   bl_process_result *result) {
    bl_process_run_options chosen;
    bl_process_options start;
    if (argv == NULL || result == NULL) return BL_EINVAL;
    int rc = run_choose(options, &chosen, &start);
    if (rc < 0) return rc;
    rc = bl_checkpoint();
    if (rc < 0) return rc;

    struct run run = { .in = { .input = chosen.input,
                               .bytes = chosen.input_bytes },
                       .out = { .bytes_max = chosen.output_bytes_max },
                       .err = { .bytes_max = chosen.output_bytes_max } };
    rc = bl_process_spawn(argv, &start, &run.process);
    if (rc < 0) return rc;
    run_take_stream(&run, &run.in, BL__PROCESS_IN);
    run_take_stream(&run, &run.out, BL__PROCESS_OUT);
    run_take_stream(&run, &run.err, BL__PROCESS_ERR);
    rc = run_to_end(&run);
    if (rc == 0) rc = run_first_failure(&run, argv[0]);
    if (rc == 0) {
        *result = (bl_process_result){ .status = run.status,
                                       .out = run.out.data,
                                       .out_bytes = run.out.bytes,
                                       .err = run.err.data,
                                       .err_bytes = run.err.bytes };
        run.out.data = run.err.data = NULL;
    }
    run_free(&run);
    return rc;
}

void bl_process_result_done(bl_process_result *result) {
    if (result == NULL) return;
    bl_free(result->out);
    bl_free(result->err);
    result->out = result->err = NULL;
}
