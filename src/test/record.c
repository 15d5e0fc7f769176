/* SPDX-License-Identifier: MIT */
/*
 * test/record.c - writing down what goes wrong
 *
 * Failures come from the body, from fixtures, from tasks that either has
 * started, and from other threads; a mutex keeps their lines apart.  What the
 * body of an injected run finds is only counted: it was set up to fail.
 *
 * Invariant: the record can be read at any moment, whatever happens to the
 * process that writes it: text_length is moved after the text is there.
 */
#include "test/record.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "test/child/stage.h"

enum {
    SHOWN_FAILURES_MAX = 20,
    CONTEXT_LINES_MAX = 8
};

struct bl__test_record *bl__test_record;
const struct bl__test_job *bl__test_job;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread struct bl__test_info *innermost_info;

bool bl__job_is_injected(const struct bl__test_job *job) {
    return job != NULL && job->mode >= BL__JOB_CANCEL;
}

bool bl_test_is_injected(void) {
    return bl__job_is_injected(bl__test_job);
}

void bl__record_reset(struct bl__test_record *record) {
    memset(record, 0, offsetof(struct bl__test_record, text));
    record->text[0] = '\0';
}

void bl__record_outcome(bl_test_outcome outcome) {
    struct bl__test_record *record = bl__test_record;
    if (record->outcome == BL_TEST_PASSED ||
        record->outcome == BL_TEST_SKIPPED) {
        record->outcome = outcome;
    }
}

/* ---- context ------------------------------------------------------------ */

void bl__test_info_push(struct bl__test_info *info, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(info->text, sizeof info->text, format, args);
    va_end(args);
    info->task = bl_task_current();
    info->outer = innermost_info;
    innermost_info = info;
}

/* Tasks take turns, so the one that leaves is not always the innermost. */
void bl__test_info_pop(struct bl__test_info *info) {
    struct bl__test_info **link = &innermost_info;
    while (*link != NULL && *link != info)
        link = &(*link)->outer;
    if (*link == info) *link = info->outer;
}

static void add_context(struct bl__text *text) {
    const bl_task *task = bl_task_current();
    int count = 0;
    for (const struct bl__test_info *info = innermost_info;
         info != NULL && count < CONTEXT_LINES_MAX; info = info->outer) {
        if (info->task != task) continue;
        bl__text_add(text, "    while: %s\n", info->text);
        count++;
    }
}

/* ---- the text ----------------------------------------------------------- */

static struct bl__text open_text(void) {
    struct bl__test_record *record = bl__test_record;
    return (struct bl__text){
        .data = record->text,
        .bytes = sizeof record->text,
        .length = record->text_length,
    };
}

static void close_text(const struct bl__text *text) {
    atomic_thread_fence(memory_order_release);
    bl__test_record->text_length = text->length;
}

static void write_headline(const struct bl__test_place *place,
                           const char *summary) {
    struct bl__test_record *record = bl__test_record;
    if (record->headline[0] != '\0') return;
    record->is_consequence = bl_task_current() != NULL && bl_is_cancelled();
    const char *path = place != NULL ? bl__test_short_path(place->file) : "";
    if (place != NULL) {
        snprintf(record->headline, sizeof record->headline, "%.90s:%d: %.200s",
                 path, place->line, summary);
        snprintf(record->culprit, sizeof record->culprit, "%.90s:%d %.40s",
                 path, place->line, place->macro);
    } else {
        snprintf(record->headline, sizeof record->headline, "%.300s", summary);
        snprintf(record->culprit, sizeof record->culprit, "%.60s", summary);
    }
}

static void write_failure(const struct bl__test_place *place,
                          const char *summary, const char *details) {
    struct bl__text text = open_text();
    if (place != NULL) {
        bl__text_add(&text, "  %s:%d: ", bl__test_short_path(place->file),
                     place->line);
        bl__stage_where(&text);
        bl__text_add(&text, "\n");
        bl__text_add_lines(&text, "    ", summary);
    } else {
        bl__text_add_lines(&text, "  ", summary);
    }
    bl__text_add_lines(&text, "      ", details);
    add_context(&text);
    close_text(&text);
}

bool bl__record_failure(const struct bl__test_place *place, const char *summary,
                        const char *details) {
    struct bl__test_record *record = bl__test_record;
    bool is_body = bl__stage_is_body();
    bool is_always = place != NULL && place->severity == BL__TEST_ALWAYS;

    pthread_mutex_lock(&mutex);
    bool counts = !bl__job_is_injected(bl__test_job) || !is_body || is_always;
    if (counts) {
        if (record->failure_count < SHOWN_FAILURES_MAX) {
            write_failure(place, summary, details);
        }
        write_headline(place, summary);
        record->failure_count++;
        bl__record_outcome(is_body ? BL_TEST_FAILED : BL_TEST_BROKEN);
    } else {
        record->tolerated_count++;
    }
    pthread_mutex_unlock(&mutex);
    return counts;
}

void bl__record_trouble(bl_test_outcome outcome, const char *format, ...) {
    char summary[600];
    va_list args;
    va_start(args, format);
    vsnprintf(summary, sizeof summary, format, args);
    va_end(args);

    pthread_mutex_lock(&mutex);
    write_failure(NULL, summary, "");
    write_headline(NULL, summary);
    bl__test_record->failure_count++;
    bl__record_outcome(outcome);
    pthread_mutex_unlock(&mutex);
}

void bl__record_cause(bl_test_outcome outcome, const char *summary) {
    struct bl__test_record *record = bl__test_record;
    pthread_mutex_lock(&mutex);
    if (record->is_consequence) {
        record->headline[0] = '\0';
        record->outcome = BL_TEST_PASSED;
    }
    pthread_mutex_unlock(&mutex);
    bl__record_trouble(outcome, "%s", summary);
}

void bl__record_finish(void) {
    uint64_t count = bl__test_record->failure_count;
    if (count <= SHOWN_FAILURES_MAX) return;
    pthread_mutex_lock(&mutex);
    struct bl__text text = open_text();
    bl__text_add(&text, "  and %llu more failures\n",
                 (unsigned long long)(count - SHOWN_FAILURES_MAX));
    close_text(&text);
    pthread_mutex_unlock(&mutex);
}

void bl__record_note(const char *note) {
    pthread_mutex_lock(&mutex);
    struct bl__text text = open_text();
    bl__text_add_lines(&text, "      ", note);
    close_text(&text);
    pthread_mutex_unlock(&mutex);
}
