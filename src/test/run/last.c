/* SPDX-License-Identifier: MIT */
/*
 * test/run/last.c - what failed last time
 *
 * The store is a file beside the program, ".NAME.failed", with one id per line.
 * So it goes when the folder of the build goes, and no two programs share one.
 * There is none while nothing fails.  It is replaced as a whole, so several
 * runs at once leave the store of one of them; where nothing can be written it
 * is left out, and --lf then finds nothing.
 *
 * Cases that a run leaves out keep what they are in the store; cases that the
 * program no longer has are dropped.
 */
#include "test/run/last.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/host.h"
#include "test/report/format.h"

/* The store's path, which the caller frees, or NULL. */
static char *store_path(void) {
    char program[4096];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0 || length == sizeof program - 1) return NULL;
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (slash == NULL) return NULL;
    *slash = '\0';
    return bl__host_format("%s/.%s.failed", program, slash + 1);
}

void bl__last_load(struct bl__last_failed *last) {
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    char *path = store_path();
    *last = (struct bl__last_failed){ 0 };
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    free(path);
    if (file == NULL) return;
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = '\0';
        last->ids =
            bl__host_resize(last->ids, (last->count + 1) * sizeof last->ids[0]);
        last->ids[last->count++] = bl__host_format("%s", line);
    }
    free(line);
    fclose(file);
}

bool bl__last_has(const struct bl__last_failed *last, const char *id) {
    for (size_t i = 0; i < last->count; i++) {
        if (strcmp(last->ids[i], id) == 0) return true;
    }
    return false;
}

void bl__last_free(struct bl__last_failed *last) {
    for (size_t i = 0; i < last->count; i++)
        free(last->ids[i]);
    free(last->ids);
    *last = (struct bl__last_failed){ 0 };
}

/* ---- writing: a format among others -------------------------------------- */

static void begin(const struct bl__report *report, FILE *file) {
    (void)report;
    (void)file;
}

static void add(const struct bl__report *report, FILE *file,
                const struct bl__result *result) {
    (void)report;
    (void)file;
    (void)result;
}

static bool has_failed(const struct bl__report *report, size_t number,
                       const struct bl__last_failed *before) {
    const struct bl__result *result = report->results[number];
    if (result != NULL && !result->is_stopped) {
        return bl__result_is_bad(result);
    }
    return bl__last_has(before, report->cases->items[number].id);
}

/* Returns how many there are, and writes them if there is a file. */
static size_t put_failed(const struct bl__report *report, FILE *file) {
    struct bl__last_failed before;
    size_t count = 0;
    bl__last_load(&before);
    for (size_t i = 0; i < report->cases->count; i++) {
        if (!has_failed(report, i, &before)) continue;
        if (file != NULL) fprintf(file, "%s\n", report->cases->items[i].id);
        count++;
    }
    bl__last_free(&before);
    return count;
}

static void end(const struct bl__report *report, FILE *file) {
    (void)file;
    char *path = store_path();
    if (path == NULL) return;
    if (put_failed(report, NULL) == 0) {
        unlink(path);
        free(path);
        return;
    }
    char *draft = bl__host_format("%s.%d", path, (int)getpid());
    FILE *store = fopen(draft, "wxe");
    if (store != NULL) {
        put_failed(report, store);
        bool is_written = !ferror(store);
        if (fclose(store) != 0) is_written = false;
        if (!is_written || rename(draft, path) < 0) unlink(draft);
    }
    free(draft);
    free(path);
}

const struct bl__format bl__format_last = { begin, add, end };
