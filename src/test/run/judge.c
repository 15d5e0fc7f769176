/* SPDX-License-Identifier: MIT */
/*
 * test/run/judge.c - what a job has come to
 *
 * The record says what the test knows about itself, and the status of the
 * process and its output say what it cannot know.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "test/case.h"
#include "test/child/crash.h"
#include "test/host.h"
#include "test/run/worker.h"

enum {
    CULPRIT_FUNCTIONS = 2,
    FRAMES_OF_HANDLER = 2 /* and what the system puts behind it */
};

/* Only the first line of `what` counts. */
void bl__worker_blame(struct bl__worker *worker, const char *what) {
    struct bl__test_record *record = worker->record;
    struct bl__text text = {
        .data = record->text,
        .bytes = sizeof record->text,
        .length = record->text_length,
    };
    int length = (int)strcspn(what, "\n");
    bl__text_add(&text, "  %.*s\n", length, what);
    record->text_length = text.length;
    if (record->headline[0] != '\0') return;
    text = bl__text_in(record->headline, sizeof record->headline);
    bl__text_add(&text, "%.*s", length, what);
    text = bl__text_in(record->culprit, sizeof record->culprit);
    bl__text_add(&text, "%.*s", length < 100 ? length : 100, what);
}

void bl__worker_detail(struct bl__worker *worker, const char *details) {
    struct bl__test_record *record = worker->record;
    struct bl__text text = {
        .data = record->text,
        .bytes = sizeof record->text,
        .length = record->text_length,
    };
    bl__text_add_lines(&text, "    ", details);
    record->text_length = text.length;
}

/* The place of a fault: the jobs of one runner have the same addresses. */
static void add_fault(struct bl__test_record *record) {
    size_t length = strlen(record->culprit);
    if (record->crash_frame_count < FRAMES_OF_HANDLER + 1) return;
    snprintf(record->culprit + length, sizeof record->culprit - length,
             " at %p", record->crash_frames[FRAMES_OF_HANDLER]);
}

/* A signal of the watchdog's is never the expected one, even of its kind. */
static enum bl__verdict judge_signal(struct bl__worker *worker, int number) {
    char text[160];
    struct bl__test_record *record = worker->record;
    bool is_first = record->headline[0] == '\0';
    int expected = worker->job.test_case->test->options.signal;
    bool is_hanging = atomic_load(&record->is_watchdogged);
    if (number == expected && !is_hanging && record->failure_count == 0) {
        return BL__VERDICT_PASSED;
    }
    if (is_hanging) {
        snprintf(text, sizeof text,
                 "HANG: still running after %.1f s of real time, and killed",
                 (double)worker->limit / 1e9);
    } else {
        snprintf(text, sizeof text, "killed by SIG%s (%s)",
                 sigabbrev_np(number) ? sigabbrev_np(number) : "?",
                 strsignal(number));
    }
    bl__worker_blame(worker, text);
    if (is_first && number != SIGABRT) add_fault(record);
    if (expected != 0 && expected != number) {
        snprintf(text, sizeof text, "  SIG%s was expected",
                 sigabbrev_np(expected) ? sigabbrev_np(expected) : "?");
        bl__worker_blame(worker, text);
    }
    if (record->crash_frame_count > 0) {
        struct bl__text details =
            bl__text_in(record->text + record->text_length,
                        sizeof record->text - record->text_length);
        bl__crash_describe(&details, record);
        record->text_length += details.length;
    }
    return is_hanging ? BL__VERDICT_TIMEOUT : BL__VERDICT_CRASHED;
}

static enum bl__verdict judge_outcome(const struct bl__test_record *record) {
    switch (record->outcome) {
    case BL_TEST_FAILED: return BL__VERDICT_FAILED;
    case BL_TEST_TIMEOUT: return BL__VERDICT_TIMEOUT;
    case BL_TEST_SKIPPED: return BL__VERDICT_SKIPPED;
    case BL_TEST_BROKEN: return BL__VERDICT_BROKEN;
    case BL_TEST_PASSED: break;
    }
    return BL__VERDICT_PASSED;
}

/* Adds the first functions that are not the sanitizer's own. */
static void add_functions(struct bl__text *text, const char *stack) {
    for (int count = 0; count < CULPRIT_FUNCTIONS; count++) {
        do {
            stack = strstr(stack, " in ");
            if (stack == NULL) return;
            stack += strlen(" in ");
        } while (strncmp(stack, "__", 2) == 0);
        bl__text_add(text, " in %.*s", (int)strcspn(stack, " \n"), stack);
    }
}

/*
 * Blames what a sanitizer says.  Addresses and numbers of processes are other
 * ones each time, so what tells failures apart is their kind and the place.
 */
static enum bl__verdict judge_complaint(struct bl__worker *worker,
                                        const char *complaint) {
    struct bl__test_record *record = worker->record;
    bool is_first = record->headline[0] == '\0';
    bl__worker_blame(worker, complaint);
    if (!is_first) return BL__VERDICT_CRASHED;
    const char *end = strstr(complaint, " on ");
    size_t line = strcspn(complaint, "\n");
    size_t kind = end != NULL ? (size_t)(end - complaint) : line;
    struct bl__text text = bl__text_in(record->culprit, sizeof record->culprit);
    bl__text_add(&text, "%.*s", (int)(kind < line ? kind : line), complaint);
    add_functions(&text, complaint + line);
    return BL__VERDICT_CRASHED;
}

/* A sanitizer may have complained, and let the process go on. */
static enum bl__verdict judge_idle(struct bl__worker *worker) {
    const char *complaint =
        worker->output != NULL ? bl__host_complaint(worker->output) : NULL;
    if (complaint == NULL) return judge_outcome(worker->record);
    return judge_complaint(worker, complaint);
}

static enum bl__verdict judge(struct bl__worker *worker) {
    char text[200];
    const struct bl__test_record *record = worker->record;
    const bl_test_options *options = &worker->job.test_case->test->options;
    if (worker->pid != 0) return judge_idle(worker);

    const char *complaint =
        worker->output != NULL ? bl__host_complaint(worker->output) : NULL;
    bool is_expected = WIFSIGNALED(worker->status) &&
                       WTERMSIG(worker->status) == options->signal;
    if (complaint != NULL && !is_expected) {
        return judge_complaint(worker, complaint);
    }
    if (WIFSIGNALED(worker->status)) {
        return judge_signal(worker, WTERMSIG(worker->status));
    }
    if (WEXITSTATUS(worker->status) != 0) {
        snprintf(text, sizeof text, "its process exited with status %d",
                 WEXITSTATUS(worker->status));
        bl__worker_blame(worker, text);
        return BL__VERDICT_CRASHED;
    }
    if (record->phase != BL__PHASE_DONE) {
        bl__worker_blame(worker,
                         "its process exited in the middle of the test");
        return BL__VERDICT_CRASHED;
    }
    if (options->signal != 0 && record->outcome == BL_TEST_PASSED &&
        !bl__job_is_injected(&worker->job)) {
        bl__worker_blame(worker, "the expected signal did not come");
        return BL__VERDICT_FAILED;
    }
    return judge_outcome(record);
}

/* What a test must print counts in its plain runs alone. */
static void check_output(struct bl__worker *worker) {
    const char *wanted = worker->job.test_case->test->options.output;
    if (wanted == NULL) return;
    if (worker->verdict != BL__VERDICT_PASSED) return;
    if (worker->job.mode != BL__JOB_PLAIN) return;
    if (worker->output != NULL && strstr(worker->output, wanted) != NULL) {
        return;
    }
    bl__worker_blame(worker, "its output lacks the text that it must have:");
    bl__worker_blame(worker, wanted);
    worker->verdict = BL__VERDICT_FAILED;
}

void bl__worker_judge(struct bl__worker *worker) {
    worker->verdict = judge(worker);
    check_output(worker);
}
