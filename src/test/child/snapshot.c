/* SPDX-License-Identifier: MIT */
/*
 * test/child/snapshot.c - CHECK_SNAPSHOT: the same bytes as last time
 *
 * A snapshot is a file in the folder `snapshots` beside the source of the
 * test, so it is reviewed and versioned with it.  It is written by the run
 * that --update-snapshots asks for, and by no other: a test whose snapshot is
 * missing fails.  Shuffled and injected runs never write, since what they see
 * is not what should be kept.
 */
#include <belay/test.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/child/difference.h"
#include "test/child/unwind.h"
#include "test/options.h"
#include "test/record.h"

enum {
    PATH_BYTES = 1024,
    SUMMARY_BYTES = 400,
    DETAILS_BYTES = 2000
};

#define FOLDER "snapshots"

struct snapshot {
    const struct bl__test_place *place;
    const char *name;
    char folder[PATH_BYTES];
    char path[PATH_BYTES + 300];
};

/* Records the failure; returns false, or does not return. */
static bool fail(const struct snapshot *snapshot, const char *what,
                 const char *details) {
    char summary[SUMMARY_BYTES];
    const struct bl__test_place *place = snapshot->place;
    snprintf(summary, sizeof summary, "%s(%s): %s", place->macro, place->left,
             what);
    bl__record_failure(place, summary, details);
    if (place->severity == BL__TEST_REQUIRE) bl__unwind_failed();
    return false;
}

/* ---- the file ------------------------------------------------------------ */

static bool is_name(const char *name) {
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.,[]=+";
    if (name == NULL || name[0] == '\0' || name[0] == '.') return false;
    size_t length = strlen(name);
    return length < 200 && strspn(name, allowed) == length;
}

static void find_place(struct snapshot *snapshot) {
    const char *file = snapshot->place->file;
    const char *slash = strrchr(file, '/');
    int length = slash != NULL ? (int)(slash - file + 1) : 0;
    snprintf(snapshot->folder, sizeof snapshot->folder, "%.*s" FOLDER, length,
             file);
    snprintf(snapshot->path, sizeof snapshot->path, "%s/%s", snapshot->folder,
             snapshot->name);
}

/* The content, which the caller frees; NULL and errno if it cannot be read. */
static char *read_file(const char *path, size_t *bytes) {
    struct stat status;
    FILE *file = fopen(path, "re");
    if (file == NULL) return NULL;
    char *content = NULL;
    if (fstat(fileno(file), &status) == 0) {
        *bytes = (size_t)status.st_size;
        content = malloc(*bytes + 1);
    }
    if (content != NULL && fread(content, 1, *bytes, file) != *bytes) {
        free(content);
        content = NULL;
        errno = EIO;
    }
    fclose(file);
    return content;
}

/* Also when REQUIRE does not come back. */
static void free_content(char **content) {
    free(*content);
}

/* Through a second file, so that the first is never seen half written. */
static bool write_file(const struct snapshot *snapshot, const void *content,
                       size_t bytes) {
    char temporary[PATH_BYTES + 320];
    snprintf(temporary, sizeof temporary, "%s.%d", snapshot->path,
             (int)getpid());
    if (mkdir(snapshot->folder, 0777) < 0 && errno != EEXIST) return false;
    FILE *file = fopen(temporary, "we");
    if (file == NULL) return false;
    bool is_whole = fwrite(content, 1, bytes, file) == bytes;
    if (fclose(file) != 0) is_whole = false;
    if (is_whole && rename(temporary, snapshot->path) == 0) return true;
    unlink(temporary);
    return false;
}

/* ---- the check ----------------------------------------------------------- */

static bool update(const struct snapshot *snapshot, const void *bytes,
                   size_t count) {
    char details[PATH_BYTES + 400];
    if (write_file(snapshot, bytes, count)) return true;
    snprintf(details, sizeof details, "%s: %s\n",
             bl__test_short_path(snapshot->path), strerror(errno));
    return fail(snapshot, "it cannot be written", details);
}

static bool explain(const struct snapshot *snapshot, const char *now,
                    size_t now_bytes, const char *kept, size_t kept_bytes) {
    char what[100];
    char details_text[DETAILS_BYTES];
    size_t at = bl__difference_find(now, now_bytes, kept, kept_bytes);
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    snprintf(what, sizeof what, "differs at byte %zu (%zu now, %zu kept)", at,
             now_bytes, kept_bytes);
    if (bl__difference_is_text(now, now_bytes) &&
        bl__difference_is_text(kept, kept_bytes)) {
        bl__difference_add_line(&details, "now", now, now_bytes, at);
        bl__difference_add_line(&details, "kept", kept, kept_bytes, at);
    } else {
        bl__difference_add_dump(&details, "now", now, now_bytes, at);
        bl__difference_add_dump(&details, "kept", kept, kept_bytes, at);
    }
    bl__text_add(&details, "kept in %s; --update-snapshots keeps the new one\n",
                 bl__test_short_path(snapshot->path));
    return fail(snapshot, what, details.data);
}

static bool is_updating(void) {
    return bl__test_settings != NULL && bl__test_settings->updates_snapshots &&
           bl__test_job->mode == BL__JOB_PLAIN;
}

bool bl__test_snapshot(const struct bl__test_place *place, const char *name,
                       const void *bytes, size_t count) {
    struct snapshot snapshot = { .place = place, .name = name };
    char details[PATH_BYTES + 400];
    size_t kept_bytes;
    if (!is_name(name)) {
        return fail(&snapshot,
                    "a name has letters, digits and -_.,[]=+ alone, and does "
                    "not begin with a dot",
                    "");
    }
    if (bytes == NULL && count > 0) return fail(&snapshot, "it is NULL", "");
    if (bytes == NULL) bytes = "";
    find_place(&snapshot);
    if (is_updating()) return update(&snapshot, bytes, count);

    char *kept BL__CLEANUP(free_content) =
        read_file(snapshot.path, &kept_bytes);
    if (kept == NULL) {
        snprintf(details, sizeof details, "%s: %s\n",
                 bl__test_short_path(snapshot.path), strerror(errno));
        return fail(&snapshot, "there is none yet; --update-snapshots makes it",
                    details);
    }
    if (kept_bytes == count && memcmp(kept, bytes, count) == 0) return true;
    return explain(&snapshot, bytes, count, kept, kept_bytes);
}
