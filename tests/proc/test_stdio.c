/* SPDX-License-Identifier: MIT */
/*
 * tests/proc/test_stdio.c - the three descriptors that every program has
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/files.h"
#include "support/host.h"
#include "support/programs.h"

#define REAL .clock = T_CLOCK_REAL

PARAM(bl_process_reach, reach, BL_PROCESS_TREE, BL_PROCESS_ALONE);

TEST(a_conversation_by_pipes, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    options.in.kind = BL_STDIO_PIPE;
    bl_process *process = start_script(
        "while read word; do echo \"<$word>\"; done; echo end", &options);
    REQUIRE_OK(bl_stream_write_all(bl_process_in(process), "one\n", 4, NULL));
    CHECK_STR(read_line_of(process), "<one>");
    REQUIRE_OK(bl_stream_write_all(bl_process_in(process), "two\n", 4, NULL));
    CHECK_STR(read_line_of(process), "<two>");
    bl_process_close_in(process);
    CHECK(bl_process_in(process) == NULL);
    CHECK_STR(read_line_of(process), "end");
    CHECK_STR(read_line_of(process), "");
    CHECK_OK(bl_process_wait(process, NULL));
    CHECK_OK(bl_process_close(process));
}

TEST(nothing_comes_from_nowhere, (reach), REAL) {
    bl_process_options options = program_options();
    options.reach = reach;
    options.in.kind = options.err.kind = BL_STDIO_NULL;
    CHECK_STR(output_of("readlink /proc/self/fd/0; readlink /proc/$$/fd/2; cat",
                        &options),
              "/dev/null\n/dev/null");
}

TEST(a_file_can_be_given, (reach, t_tmpdir), REAL) {
    bl_process_options options = { .size = sizeof options, .reach = reach };
    put_text(below(t_tmpdir, "in"), "from a file\n");
    int in = open(below(t_tmpdir, "in"), O_RDONLY | O_CLOEXEC);
    int out =
        open(below(t_tmpdir, "out"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE_GE(in, 0);
    REQUIRE_GE(out, 0);
    options.in = (bl_process_stdio){ BL_STDIO_FD, in };
    options.out = (bl_process_stdio){ BL_STDIO_FD, out };
    options.err.kind = BL_STDIO_OUT;
    bl_process *process = start_script("cat; echo and an error >&2", &options);
    CHECK_OK(bl_process_wait(process, NULL));
    CHECK_OK(bl_process_close(process));
    CHECK_STR(text_of(below(t_tmpdir, "out")), "from a file\nand an error\n");
    close(in);
    close(out);
}

/* ---- terminals ----------------------------------------------------------- */

/* Reads until `text` has come; what else comes is the terminal's business. */
static bool says(bl_process *process, const char *text) {
    char seen[2000] = "";
    size_t used = 0;
    while (used + 1 < sizeof seen && strstr(seen, text) == NULL) {
        bl_ssize rc = bl_stream_read(bl_process_terminal(process), seen + used,
                                     sizeof seen - 1 - used);
        if (rc <= 0) return false;
        used += (size_t)rc;
        seen[used] = '\0';
    }
    return strstr(seen, text) != NULL;
}

static bl_process_options with_terminal(bl_process_reach reach) {
    return (bl_process_options){
        .size = sizeof(bl_process_options),
        .reach = reach,
        .in = { .kind = BL_STDIO_TERMINAL },
        .out = { .kind = BL_STDIO_TERMINAL },
        .err = { .kind = BL_STDIO_TERMINAL },
    };
}

TEST(a_program_can_have_a_terminal, (reach), REAL, .tags = "rigid") {
    bl_process_options options = with_terminal(reach);
    options.rows = 33;
    options.columns = 111;
    bl_process *process = start_script(
        "test -t 0 && test -t 1 && test -t 2 && echo a terminal; stty size; "
        "ps -o tty= -p $$ | grep -q pts && echo controls it; read line; "
        "echo \"got $line\"; stty size; read line",
        &options);
    CHECK(says(process, "a terminal\r\n33 111\r\ncontrols it\r\n"));
    CHECK_OK(bl_process_resize(process, 44, 55));
    CHECK_OK(
        bl_stream_write_all(bl_process_terminal(process), "typed\n", 6, NULL));
    CHECK(says(process, "got typed\r\n44 55\r\n"));
    /* Ctrl-C is a signal for who has the terminal. */
    CHECK_OK(
        bl_stream_write_all(bl_process_terminal(process), "\003", 1, NULL));
    bl_process_status status;
    CHECK_OK(bl_process_wait(process, &status));
    CHECK(status.signal == 2 || status.code == 130);
    CHECK_OK(bl_process_close(process));
}

TEST(a_terminal_that_nobody_has_any_more_ends, (reach), REAL) {
    bl_process_options options = with_terminal(reach);
    bl_process *process = start_script("echo bye", &options);
    CHECK(says(process, "bye"));
    char rest[10];
    bl_ssize rc;
    do {
        rc = bl_stream_read(bl_process_terminal(process), rest, sizeof rest);
    } while (rc > 0);
    CHECK_EQ(rc, 0);
    CHECK_OK(bl_process_wait(process, NULL));
    CHECK_OK(bl_process_close(process));
}

/* ---- without descriptors of our own -------------------------------------- */

struct poor {
    bl_process_reach reach;
    int rc;
    char out[100];
};

static int asks_what_it_has(void *arg) {
    struct poor *poor = arg;
    bl_process_options options = program_options();
    options.reach = poor->reach;
    options.err.kind = BL_STDIO_INHERIT;
    options.in.kind = BL_STDIO_INHERIT;
    const char *argv[] = {
        "sh", "-c",
        "readlink /proc/self/fd/0; readlink /proc/self/fd/2; ls gone", NULL
    };
    bl_process_run_options run = { .size = sizeof run, .process = &options };
    bl_process_result result;
    int rc = bl_process_run(argv, &run, &result);
    if (rc < 0) return rc;
    snprintf(poor->out, sizeof poor->out, "%s", result.out);
    bl_process_result_done(&result);
    return 0;
}

static int closes_all_and_runs(void *arg) {
    struct poor *poor = arg;
    close(0);
    close(1);
    close(2);
    poor->rc = bl_run(asks_what_it_has, poor);
    return 0;
}

TEST(a_program_without_standard_descriptors_gives_its_children_some, (reach),
     REAL) {
    struct poor *poor = shared_memory(sizeof *poor);
    poor->reach = reach;
    CHECK_EQ(in_child(closes_all_and_runs, poor), 0);
    CHECK_OK(poor->rc);
    CHECK_STR(poor->out, "/dev/null\n/dev/null\n");
}
