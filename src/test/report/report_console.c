/* SPDX-License-Identifier: MIT */
/*
 * test/report/report_console.c - the report for people
 *
 * One line per file with a mark for each case, or one line per case; then what
 * failed, in full, and again in a line each; then the totals.  The closing
 * line is never coloured: programs read it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/report/clean.h"
#include "test/report/format.h"
#include "test/text.h"

enum {
    RULE_COLUMNS = 72,
    ID_COLUMNS = 48
};

static const struct {
    const char *bad, *good, *other, *end;
} all_colors[] = { { "", "", "", "" },
                   { "\033[31m", "\033[32m", "\033[33m", "\033[0m" } },
  *colors = &all_colors[0];

static const char *current_file; /* the one whose line is open */

static bool wants_color(const struct bl__test_settings *settings, FILE *file) {
    if (settings->color != BL__COLOR_AUTO) {
        return settings->color == BL__COLOR_ALWAYS;
    }
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (refused != NULL && *refused != '\0') return false;
    if (terminal == NULL || strcmp(terminal, "dumb") == 0) return false;
    return isatty(fileno(file)) != 0;
}

static const char *color_of(const struct bl__result *result) {
    if (bl__result_is_bad(result)) return colors->bad;
    bool is_plain = result->verdict == BL__VERDICT_PASSED;
    return is_plain ? colors->good : colors->other;
}

/* ---- the beginning ------------------------------------------------------- */

static const char *clock_name(bl_test_clock clock) {
    return clock == BL_TEST_CLOCK_REAL ? "real" : "virtual";
}

static const char *const schedule_names[BL__SCHEDULE_KINDS] = {
    [BL__SCHEDULE_FIFO] = "fifo",
    [BL__SCHEDULE_RANDOM] = "random",
    [BL__SCHEDULE_PCT] = "pct",
    [BL__SCHEDULE_DFS] = "dfs",
};

static void begin(const struct bl__report *report, FILE *file) {
    const struct bl__test_settings *settings = report->settings;
    colors = &all_colors[wants_color(settings, file) ? 1 : 0];
    current_file = NULL;
    if (settings->verbosity < 0) return;
    static const char *const isolations[] = { "auto", "test", "module",
                                              "none" };
    size_t tests = report->cases->function_count;
    size_t files = report->cases->file_count;
    fprintf(file, "belay-test: %zu test function%s in %zu file%s", tests,
            tests == 1 ? "" : "s", files, files == 1 ? "" : "s");
    fprintf(file, ", isolate=%s, clock=%s, schedule=%s, seed=%llu\n",
            isolations[settings->isolation], clock_name(settings->clock),
            schedule_names[settings->schedule],
            (unsigned long long)settings->seed);
}

/* ---- a case -------------------------------------------------------------- */

static void put_runs(FILE *file, const struct bl__result *result) {
    static const struct {
        enum bl__test_mode mode;
        const char *one, *many;
    } kinds[] = {
        { BL__JOB_INPUT, "input", "inputs" },
        { BL__JOB_SEED, "schedule", "schedules" },
        { BL__JOB_CANCEL, "cancel point", "cancel points" },
        { BL__JOB_OOM, "oom point", "oom points" },
        { BL__JOB_IO, "io point", "io points" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        unsigned runs = result->runs_of[kinds[i].mode];
        if (runs == 0) continue;
        fprintf(file, "  %u %s", runs,
                runs == 1 ? kinds[i].one : kinds[i].many);
    }
}

static void put_virtual_time(FILE *file, const struct bl__result *result) {
    char duration[48];
    struct bl__text text = bl__text_in(duration, sizeof duration);
    if (result->virtual_ns == 0) return;
    bl__text_add_duration(&text, result->virtual_ns);
    fprintf(file, "  %s virtual", duration);
}

static void put_fixtures(FILE *file, const struct bl__test_case *test_case) {
    if (test_case->fixture_count == 0) return;
    fprintf(file, "          fixtures:");
    for (size_t i = 0; i < test_case->fixture_count; i++) {
        fprintf(file, "%s %s", i > 0 ? "," : "", test_case->fixtures[i]->name);
    }
    fprintf(file, "\n");
}

static void put_line(const struct bl__report *report, FILE *file,
                     const struct bl__result *result) {
    const char *reason = bl__result_reason(result);
    fprintf(file, "  %s%-7s%s %-*s %8.1f ms", color_of(result),
            bl__result_word(result), colors->end, ID_COLUMNS,
            result->test_case->id, (double)result->real_ns / 1e6);
    put_virtual_time(file, result);
    put_runs(file, result);
    if (reason[0] != '\0') {
        fprintf(file, "  ");
        bl__put_clean(file, reason);
    }
    if (result->is_xfail) {
        fprintf(file, ": ");
        bl__put_clean(file, result->headline);
    }
    fprintf(file, "\n");
    if (report->settings->verbosity > 1) put_fixtures(file, result->test_case);
}

static void put_mark(FILE *file, const struct bl__result *result) {
    const char *path = result->test_case->test->file;
    char mark = '.';
    if (result->verdict == BL__VERDICT_SKIPPED) mark = 's';
    if (result->is_xfail) mark = 'x';
    if (bl__result_is_bad(result)) mark = bl__result_word(result)[0];
    if (current_file == NULL || strcmp(current_file, path) != 0) {
        if (current_file != NULL) putc('\n', file);
        fprintf(file, "%s ", result->test_case->file);
        current_file = path;
    }
    fprintf(file, "%s%c%s", mark == '.' ? "" : color_of(result), mark,
            mark == '.' ? "" : colors->end);
}

static void add(const struct bl__report *report, FILE *file,
                const struct bl__result *result) {
    if (report->settings->verbosity > 0) {
        put_line(report, file, result);
    } else if (report->settings->verbosity == 0 && !result->is_stopped) {
        put_mark(file, result);
    }
}

/* ---- what failed --------------------------------------------------------- */

static void put_heading(FILE *file, const struct bl__result *result,
                        const char *word) {
    int columns = (int)strlen("---  ") + (int)strlen(word) +
                  (int)strlen(result->test_case->id);
    fprintf(file, "\n%s--- %s %s ", color_of(result), word,
            result->test_case->id);
    do
        putc('-', file);
    while (++columns < RULE_COLUMNS);
    fprintf(file, "%s\n", colors->end);
}

static void put_output(FILE *file, const struct bl__result *result) {
    if (result->output == NULL) return;
    fprintf(file, "  captured output:\n");
    bl__put_clean_lines(file, "    | ", result->output);
}

static void put_failure(const struct bl__report *report, FILE *file,
                        const struct bl__result *result) {
    char *replay = bl__result_replay(report, result);
    put_heading(file, result, bl__result_word(result));
    if (result->is_xpass) {
        fprintf(file, "  %s: ", bl__result_reason(result));
        bl__put_clean(file, result->test_case->test->options.xfail);
        fprintf(file, "\n");
    }
    bl__put_clean_lines(file, "", result->details);
    put_output(file, result);
    if (result->found_by[0] != '\0') {
        fprintf(file, "  found by %s\n", result->found_by);
    }
    if (replay != NULL) {
        fprintf(file, "  replay: ");
        bl__put_clean(file, replay);
        fprintf(file, "\n");
    }
    free(replay);
}

static void put_summary(FILE *file, const struct bl__result *result) {
    fprintf(file, "%s%-7s%s %s - ", color_of(result), bl__result_word(result),
            colors->end, result->test_case->id);
    bl__put_clean(file, bl__result_reason(result));
    fprintf(file, "\n");
}

static void put_failures(const struct bl__report *report, FILE *file) {
    for (size_t i = 0; i < report->told_count; i++) {
        const struct bl__result *result = report->told[i];
        if (result->is_stopped) continue;
        if (bl__result_is_bad(result)) {
            put_failure(report, file, result);
        } else if (report->settings->shows_passed && result->output != NULL) {
            put_heading(file, result, bl__result_word(result));
            put_output(file, result);
        }
    }
    if (report->tally.failed > 0) fprintf(file, "\n");
    for (size_t i = 0; i < report->told_count; i++) {
        const struct bl__result *result = report->told[i];
        if (result->is_stopped) continue;
        if (bl__result_is_bad(result)) put_summary(file, result);
    }
    if (report->tally.stopped > 0) {
        fprintf(file, "%sSTOPPED%s %zu tests were not run to their end\n",
                colors->bad, colors->end, report->tally.stopped);
    }
}

/* ---- the end ------------------------------------------------------------- */

static int compare_durations(const void *left, const void *right) {
    const struct bl__result *a = *(const struct bl__result *const *)left;
    const struct bl__result *b = *(const struct bl__result *const *)right;
    return (a->real_ns < b->real_ns) - (a->real_ns > b->real_ns);
}

static void put_durations(const struct bl__report *report, FILE *file) {
    size_t count = 0;
    size_t shown = (size_t)report->settings->durations;
    const struct bl__result **sorted =
        calloc(report->told_count + 1, sizeof *sorted);
    if (shown == 0 || sorted == NULL) {
        free(sorted);
        return;
    }
    for (size_t i = 0; i < report->told_count; i++) {
        if (!report->told[i]->is_stopped) sorted[count++] = report->told[i];
    }
    qsort(sorted, count, sizeof sorted[0], compare_durations);
    if (shown > count) shown = count;
    fprintf(file, "\nslowest %zu of %zu:\n", shown, count);
    for (size_t i = 0; i < shown; i++) {
        fprintf(file, "  %8.1f ms  %s", (double)sorted[i]->real_ns / 1e6,
                sorted[i]->test_case->id);
        put_runs(file, sorted[i]);
        fprintf(file, "\n");
    }
    free(sorted);
}

/* "(1 xfailed, 1 crashed, 2 timed out)", if there is something to split. */
static void put_split(const struct bl__tally *tally, FILE *file) {
    const struct {
        size_t count;
        const char *what;
    } parts[] = {
        { tally->xfailed, "xfailed" },
        { tally->broken, tally->broken == 1 ? "error" : "errors" },
        { tally->crashed, "crashed" },
        { tally->timed_out, "timed out" },
        { tally->xpassed, "passed unexpectedly" },
        { tally->stopped, "stopped" },
    };
    bool is_first = true;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].count == 0) continue;
        fprintf(file, "%s%zu %s", is_first ? "(" : ", ", parts[i].count,
                parts[i].what);
        is_first = false;
    }
    if (!is_first) fprintf(file, ")\n");
}

static void put_left_out(const struct bl__report *report, FILE *file) {
    size_t left = 0;
    for (size_t i = 0; i < report->selected_count; i++) {
        if (report->results[report->selected[i]] == NULL) left++;
    }
    if (left == 0) return;
    size_t failed = report->tally.failed;
    fprintf(file, "\nstopped after %zu failure%s: %zu tests were not run\n",
            failed, failed == 1 ? "" : "s", left);
}

static void end(const struct bl__report *report, FILE *file) {
    bool has_open_line = current_file != NULL;
    if (has_open_line) fprintf(file, "\n");
    put_failures(report, file);
    put_durations(report, file);
    put_left_out(report, file);
    if (report->problem != NULL) {
        fprintf(file, "\ninternal error: ");
        bl__put_clean(file, report->problem);
        fprintf(file, "\n");
    }
    fprintf(file, "\ntime: %.2f s\n", (double)report->real_ns / 1e9);
    put_split(&report->tally, file);
    bl__tally_put(&report->tally, file);
}

const struct bl__format bl__format_console = { begin, add, end };
