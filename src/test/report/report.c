/* SPDX-License-Identifier: MIT */
/*
 * test/report/report.c - what the runner says, in several formats at once
 *
 * Results come in as cases end, and are told to every format in the order of
 * the selection: a case waits until all before it have been told.
 *
 * The last line on stdout is the closing line, "N passed, N failed" and, if
 * any, ", N skipped": plain text, once per process, whatever happens to the
 * runner.  What a test has printed is indented wherever it is shown, so
 * nobody's closing line can be taken for ours.
 *
 * Invariant: told[] begins with the results of the first `turn` selected cases,
 * but those that will never come.
 */
#include "test/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/host.h"
#include "test/report/format.h"
#include "test/text.h"

enum {
    OUTPUTS_MAX = 5
};

/* A format at work. */
struct output {
    const struct bl__format *format;
    char *path; /* owned; NULL for stdout */
    FILE *file;
};

static struct bl__report report;
static size_t turn; /* the selected case that is told next */
static const struct bl__result **extras;
static size_t extra_count;
static struct output outputs[OUTPUTS_MAX];
static size_t output_count;
static pid_t owner; /* the process that reports; its children do not */
static bool has_ended;

/* ---- results ------------------------------------------------------------- */

const char *bl__result_word(const struct bl__result *result) {
    static const char *const words[] = {
        [BL__VERDICT_PASSED] = "ok",       [BL__VERDICT_FAILED] = "FAILED",
        [BL__VERDICT_TIMEOUT] = "TIMEOUT", [BL__VERDICT_SKIPPED] = "skip",
        [BL__VERDICT_BROKEN] = "ERROR",    [BL__VERDICT_CRASHED] = "CRASHED",
    };
    if (result->is_stopped) return "STOPPED";
    if (result->is_xfail) return "xfail";
    if (result->is_xpass) return "XPASS";
    return words[result->verdict];
}

bool bl__result_is_bad(const struct bl__result *result) {
    if (result->is_stopped) return true;
    if (result->is_xfail) return false;
    if (result->is_xpass) return true;
    return result->verdict != BL__VERDICT_PASSED &&
           result->verdict != BL__VERDICT_SKIPPED;
}

const char *bl__result_reason(const struct bl__result *result) {
    if (result->is_stopped) return "the run was stopped before it had ended";
    if (result->is_xfail) return result->test_case->test->options.xfail;
    if (result->is_xpass) return "it passed, although it is known to fail";
    return result->headline;
}

/* Whether a shell takes the word as it is. */
static bool is_plain_word(const char *word) {
    return *word != '\0' &&
           word[strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-+./:,@%=")] == '\0';
}

/* Adds a word in such a way that a shell makes the same word of it. */
static void put_shell_word(FILE *file, const char *word) {
    if (is_plain_word(word)) {
        fputs(word, file);
        return;
    }
    putc('\'', file);
    for (; *word != '\0'; word++) {
        if (*word == '\'') {
            fputs("'\\''", file);
        } else {
            putc(*word, file);
        }
    }
    putc('\'', file);
}

char *bl__result_replay(const struct bl__report *of,
                        const struct bl__result *result) {
    char *command = NULL;
    size_t length;
    if (result->replay[0] == '\0') return NULL;
    FILE *memory = open_memstream(&command, &length);
    if (memory == NULL) bl__host_die("out of memory");
    put_shell_word(memory, of->settings->program);
    fprintf(memory, " --replay='%s'", result->replay);
    if (fclose(memory) != 0) bl__host_die("out of memory");
    return command;
}

void bl__tally_put(const struct bl__tally *tally, FILE *file) {
    fprintf(file, "%zu passed, %zu failed", tally->passed, tally->failed);
    if (tally->skipped > 0) fprintf(file, ", %zu skipped", tally->skipped);
    fprintf(file, "\n");
}

static void count(const struct bl__result *result, struct bl__tally *tally) {
    if (result->is_stopped) {
        tally->stopped++;
        tally->failed++;
        return;
    }
    if (result->verdict == BL__VERDICT_SKIPPED) {
        tally->skipped++;
        return;
    }
    if (result->is_xfail) tally->xfailed++;
    if (result->is_xpass) tally->xpassed++;
    if (!bl__result_is_bad(result)) {
        tally->passed++;
        return;
    }
    tally->failed++;
    if (result->verdict == BL__VERDICT_CRASHED) tally->crashed++;
    if (result->verdict == BL__VERDICT_TIMEOUT) tally->timed_out++;
    if (result->verdict == BL__VERDICT_BROKEN) tally->broken++;
}

size_t bl__report_failed(void) {
    return report.tally.failed;
}

/* ---- outputs ------------------------------------------------------------- */

static void add_output(const struct bl__format *format, FILE *file) {
    outputs[output_count].format = format;
    outputs[output_count++].file = file;
}

/*
 * Opens a file for a format: the one that the command line gives, or one in
 * --report-dir, or none.
 */
static bool open_output(const struct bl__format *format, const char *given,
                        const char *ending) {
    const struct bl__test_settings *settings = report.settings;
    struct output *output = &outputs[output_count];
    if (given != NULL) {
        output->path = bl__host_format("%s", given);
    } else if (settings->report_dir != NULL) {
        output->path =
            bl__host_format("%s/%s.%s", settings->report_dir,
                            bl__test_base_name(settings->program), ending);
    } else {
        return true;
    }
    FILE *file = fopen(output->path, "we");
    if (file == NULL) {
        fprintf(stderr, "belay-test: cannot write %s: %s\n", output->path,
                strerror(errno));
        return false;
    }
    add_output(format, file);
    return true;
}

static bool open_outputs(const struct bl__test_settings *settings) {
    const char *dir = settings->report_dir;
    bool is_tap = settings->tap != NULL && strcmp(settings->tap, "-") == 0;
    if (dir != NULL && mkdir(dir, 0777) < 0 && errno != EEXIST) {
        fprintf(stderr, "belay-test: cannot make the folder %s: %s\n", dir,
                strerror(errno));
        return false;
    }
    if (!is_tap && !open_output(&bl__format_tap, settings->tap, "tap")) {
        return false;
    }
    if (!open_output(&bl__format_junit, settings->junit, "xml")) return false;
    if (!open_output(&bl__format_json, settings->json, "jsonl")) return false;
    add_output(&bl__format_last, NULL);
    /* Last, so that nothing comes behind the closing line. */
    add_output(is_tap ? &bl__format_tap : &bl__format_console, stdout);
    return true;
}

static bool close_output(struct output *output) {
    if (output->file == NULL) return true;
    bool is_complete = fflush(output->file) == 0 && !ferror(output->file);
    if (output->path == NULL) return is_complete;
    if (fclose(output->file) != 0) is_complete = false;
    if (!is_complete) {
        fprintf(stderr, "belay-test: %s could not be written to its end\n",
                output->path);
    }
    return is_complete;
}

/* ---- the run ------------------------------------------------------------- */

static void tell(const struct bl__result *result) {
    report.told[report.told_count++] = result;
    for (size_t i = 0; i < output_count; i++) {
        outputs[i].format->add(&report, outputs[i].file, result);
        if (outputs[i].file != NULL) fflush(outputs[i].file);
    }
}

static void tell_more(void) {
    while (turn < report.selected_count) {
        const struct bl__result *next = report.results[report.selected[turn]];
        if (next == NULL) break;
        turn++;
        tell(next);
    }
}

/* The runner cannot go on: what is left has failed. */
static void report_death(const char *problem) {
    if (getpid() != owner) return;
    report.problem = problem;
    BL_IGNORE(bl__report_end(true)); /* there is nobody left to be told */
}

/* A test without a process of its own has called exit. */
static void on_exit_early(void) {
    if (getpid() != owner || has_ended) return;
    bl__host_die("exit was called in the middle of the run");
}

bool bl__report_begin(const struct bl__test_settings *settings,
                      const struct bl__test_cases *cases,
                      const size_t *selected, size_t selected_count) {
    report = (struct bl__report){
        .settings = settings,
        .cases = cases,
        .selected = selected,
        .selected_count = selected_count,
        .began = bl__host_now(),
    };
    turn = extra_count = output_count = 0;
    report.results = bl__host_alloc(cases->count * sizeof report.results[0]);
    report.told = bl__host_alloc(selected_count * sizeof report.told[0]);
    if (!open_outputs(settings)) return false;
    owner = getpid();
    has_ended = false;
    bl__host_at_death(report_death);
    atexit(on_exit_early);
    for (size_t i = 0; i < output_count; i++) {
        outputs[i].format->begin(&report, outputs[i].file);
        if (outputs[i].file != NULL) fflush(outputs[i].file);
    }
    return true;
}

void bl__report_case(const struct bl__result *result) {
    size_t number = (size_t)(result->test_case - report.cases->items);
    report.results[number] = result;
    count(result, &report.tally);
    tell_more();
}

void bl__report_extra(const struct bl__result *result) {
    extras = bl__host_resize(extras, (extra_count + 1) * sizeof extras[0]);
    extras[extra_count++] = result;
    count(result, &report.tally);
}

/* The result of a case that had not ended when the run was stopped. */
static const struct bl__result *stop(const struct bl__test_case *test_case) {
    static char nothing[] = "";
    struct bl__result *result = bl__host_alloc(sizeof *result);
    *result = (struct bl__result){
        .test_case = test_case,
        .is_stopped = true,
        .headline = nothing,
        .details = nothing,
        .found_by = nothing,
        .replay = nothing,
    };
    count(result, &report.tally);
    return result;
}

/* Those that ended out of order when the run stopped, and those that did not.
 */
static void tell_rest(bool is_interrupted) {
    while (turn < report.selected_count) {
        size_t number = report.selected[turn++];
        if (report.results[number] == NULL && is_interrupted) {
            report.results[number] = stop(&report.cases->items[number]);
        }
        if (report.results[number] != NULL) tell(report.results[number]);
    }
    report.told = bl__host_resize(
        report.told, (report.told_count + extra_count) * sizeof report.told[0]);
    for (size_t i = 0; i < extra_count; i++)
        tell(extras[i]);
}

bool bl__report_end(bool is_interrupted) {
    bool is_complete = true;
    has_ended = true;
    bl__host_at_death(NULL);
    tell_rest(is_interrupted);
    if (report.problem != NULL && report.tally.failed == 0) {
        report.tally.failed = 1;
    }
    report.real_ns = bl__host_now() - report.began;
    for (size_t i = 0; i < output_count; i++) {
        outputs[i].format->end(&report, outputs[i].file);
        if (!close_output(&outputs[i])) is_complete = false;
    }
    return is_complete;
}
