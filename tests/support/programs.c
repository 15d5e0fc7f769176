/* SPDX-License-Identifier: MIT */
/*
 * support/programs.c - programs to test processes with, and who is left
 */
#include "support/programs.h"

#include <belay/test.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char text_read[4096];

bl_process_options program_options(void) {
    return (bl_process_options){ .size = sizeof(bl_process_options),
                                 .out = { .kind = BL_STDIO_PIPE } };
}

bl_process *start_script(const char *script,
                         const bl_process_options *options) {
    const char *argv[] = { "sh", "-c", script, NULL };
    bl_process_options usual = program_options();
    bl_process *process = NULL;
    if (options == NULL) options = &usual;
    REQUIRE_OK(bl_process_spawn(argv, options, &process));
    return process;
}

const char *read_line_of(bl_process *process) {
    size_t used = 0;
    while (used + 1 < sizeof text_read) {
        char byte;
        bl_ssize rc = bl_stream_read(bl_process_out(process), &byte, 1);
        REQUIRE_OK(rc);
        if (rc == 0 || byte == '\n') break;
        text_read[used++] = byte;
    }
    text_read[used] = '\0';
    return text_read;
}

void marker_open(struct marker *marker, bl_process_options *options) {
    REQUIRE_EQ(pipe2(marker->ends, O_CLOEXEC), 0);
    marker->passed = (bl_process_fd){ .fd = marker->ends[1], .as = 9 };
    options->fds = &marker->passed;
    options->fd_count = 1;
}

bool marker_ends(struct marker *marker) {
    char byte;
    close(marker->ends[1]);
    bl_ssize rc =
        bl_wait_for(bl_fd_read(marker->ends[0], &byte, 1), BL_SEC(20));
    BL_IGNORE(bl_fd_close(marker->ends[0]) < 0);
    return rc == 0;
}

void reap_adopted(void) {
    while (waitpid(-1, NULL, 0) > 0) {}
}

const char *output_of(const char *script, const bl_process_options *options) {
    const char *argv[] = { "sh", "-c", script, NULL };
    bl_process_run_options run = { .size = sizeof run, .process = options };
    bl_process_result result;
    REQUIRE_OK(bl_process_run(argv, &run, &result));
    if (!bl_process_status_is_ok(&result.status)) {
        t_fail("it says: %s", result.err != NULL ? result.err : "nothing");
    }
    snprintf(text_read, sizeof text_read, "%s", result.out);
    size_t length = strlen(text_read);
    if (length > 0 && text_read[length - 1] == '\n') {
        text_read[length - 1] = '\0';
    }
    bl_process_result_done(&result);
    return text_read;
}
