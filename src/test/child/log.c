/* SPDX-License-Identifier: MIT */
/*
 * test/child/log.c - what the process of a test has printed so far
 *
 * The runner points the output of a test into a file in memory, which the
 * test's own process can read as well.  Without capturing, output goes to a
 * terminal or a pipe, from which nothing can be read back.
 */
#include "test/child/log.h"

#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/child/watch.h"
#include "test/host.h"
#include "test/text.h"

enum {
    SHOWN_BYTES = 1500
};

static int64_t log_begin;

bool bl__log_is_captured(void) {
    /* Only files in memory have seals. */
    return fcntl(STDOUT_FILENO, F_GET_SEALS) >= 0;
}

int64_t bl__log_end(void) {
    struct stat status;
    fflush(stdout);
    if (fstat(STDOUT_FILENO, &status) < 0) return 0;
    return status.st_size;
}

void bl__log_start(void) {
    log_begin = bl__log_is_captured() ? bl__log_end() : 0;
}

int64_t bl__log_begin(void) {
    return log_begin;
}

char *bl__log_read(int64_t begin) {
    int64_t end = bl__log_end();
    size_t bytes = end > begin ? (size_t)(end - begin) : 0;
    char *text = bl__host_alloc(bytes + 1);
    size_t length = 0;
    while (length < bytes) {
        ssize_t got = pread(STDOUT_FILENO, text + length, bytes - length,
                            begin + (int64_t)length);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        length += (size_t)got;
    }
    text[length] = '\0';
    return text;
}

/* ---- waiting ------------------------------------------------------------- */

static bool has_come(void *context) {
    const char *wanted = context;
    char *text = bl__log_read(log_begin);
    bool is_there = strstr(text, wanted) != NULL;
    free(text);
    return is_there;
}

/* The last lines of the log. */
static void add_tail(struct bl__text *text) {
    char *log = bl__log_read(log_begin);
    size_t length = strlen(log);
    const char *tail = log;
    if (length > SHOWN_BYTES) {
        tail = log + length - SHOWN_BYTES;
        const char *newline = strchr(tail, '\n');
        if (newline != NULL) tail = newline + 1;
    }
    bl__text_add(text,
                 length > 0 ? "the log ends with:\n" : "nothing was printed\n");
    bl__text_add_lines(text, "  | ", tail);
    free(log);
}

bool bl__test_wait_log(const struct bl__test_place *place, const char *text,
                       bl_ns limit) {
    char details_text[SHOWN_BYTES + 500];
    if (!bl__log_is_captured()) {
        bl__test_skip(place, "it reads its output, which is not captured");
    }
    if (bl__test_wait_until(place, limit, has_come, (void *)(uintptr_t)text)) {
        return true;
    }
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    add_tail(&details);
    bl__test_not_come(place, details.data);
}
