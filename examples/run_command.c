/* SPDX-License-Identifier: MIT */
/*
 * examples/run_command.c - programs: run one, talk to one, end a whole tree
 */
#include <belay.h>

#include <stdio.h>

/* A program from its start to its end, in one call. */
static int sort_some_words(void) {
    const char *argv[] = { "sort", "-r", NULL };
    bl_process_run_options options = { .size = sizeof options,
                                       .input = "pear\napple\nplum\n",
                                       .input_bytes = 16 };
    bl_process_result result;
    BL_TRY(bl_process_run(argv, &options, &result));
    printf("sort says:\n%s", result.out);
    bl_process_result_done(&result);
    return 0;
}

/* What it cannot do it says at once, with the step that failed. */
static int run_what_is_not_there(void) {
    const char *argv[] = { "no-such-program", NULL };
    bl_process_result result;
    int rc = bl_process_run(argv, NULL, &result);
    if (rc != BL_ENOENT) return rc < 0 ? rc : BL_EIO;
    printf("%s\n", bl_error_text(rc));
    return 0;
}

/* A conversation: its pipes are streams. */
static int talk_to_a_program(bl_process *process) {
    char line[80];
    bl_stream *in = bl_process_in(process);
    BL_TRY(bl_stream_write_all(in, "6 * 7\n", 6, NULL));
    bl_ssize bytes =
        bl_stream_read(bl_process_out(process), line, sizeof line - 1);
    if (bytes < 0) return (int)bytes;
    line[bytes] = '\0';
    printf("6 * 7 = %s", line);
    return 0;
}

static int have_a_calculator(void) {
    const char *argv[] = { "sh", "-c",
                           "while read sum; do echo $(($sum)); done", NULL };
    bl_process_options options = { .size = sizeof options,
                                   .in = { .kind = BL_STDIO_PIPE },
                                   .out = { .kind = BL_STDIO_PIPE } };
    bl_process *process;
    BL_TRY(bl_process_spawn(argv, &options, &process));
    int rc = talk_to_a_program(process);
    int closed = bl_process_close(process);
    return rc < 0 ? rc : closed;
}

/* Half a minute is too long; and what it has started goes with it. */
static int give_up_on_a_slow_one(void) {
    const char *argv[] = { "sh", "-c", "setsid sleep 30 & sleep 30", NULL };
    bl_process *process;
    BL_TRY(bl_process_spawn(argv, NULL, &process));
    int rc = bl_wait_for(bl_process_wait(process, NULL), BL_MS(100));
    int closed = bl_process_close(process);
    printf("the slow one: %s, and nothing is left of it\n", bl_error_name(rc));
    return rc == BL_ETIMEDOUT ? closed : rc;
}

static int main_task(void *arg) {
    (void)arg;
    BL_TRY(sort_some_words());
    BL_TRY(run_what_is_not_there());
    BL_TRY(have_a_calculator());
    return give_up_on_a_slow_one();
}

int main(void) {
    return bl_run(main_task, NULL) == 0 ? 0 : 1;
}
