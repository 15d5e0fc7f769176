/* SPDX-License-Identifier: MIT */
/*
 * test/report/report_junit.c - the report as JUnit XML
 *
 * One testsuite per file of tests, since that is how the cases come.  The
 * document is complete after every case: a case is written over the end tags,
 * with new end tags behind it, by one write; then the counts in the head of
 * its testsuite, which has room for them, are brought up to date.
 *
 * What cannot be written in that way, such as a pipe, gets all at the end.
 *
 * Invariant: from `tail_at` on the document has its end tags and nothing else.
 */
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/report/clean.h"
#include "test/report/format.h"

enum {
    COUNTS_COLUMNS = 110
};

static struct {
    FILE *file; /* a temporary one if the real one cannot be written over */
    long counts_at;
    long tail_at;
    const char *path; /* of the tests of the open testsuite, or NULL */
    size_t tests, failures, errors, skipped;
    bl_ns real_ns;
} junit;

/* ---- XML ----------------------------------------------------------------- */

static void put_xml(FILE *file, const char *text) {
    char clean[8];
    size_t length;
    while ((length = bl__clean_next(&text, clean)) > 0) {
        switch (clean[0]) {
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '&': fputs("&amp;", file); break;
        case '"': fputs("&quot;", file); break;
        default: fwrite(clean, 1, length, file);
        }
    }
}

/* In an attribute, readers make spaces of newlines that are not escaped. */
static void put_attribute(FILE *file, const char *name, const char *text) {
    fprintf(file, " %s=\"", name);
    while (*text != '\0') {
        size_t length = strcspn(text, "\n\t");
        char *part = bl__host_format("%.*s", (int)length, text);
        put_xml(file, part);
        free(part);
        text += length;
        if (*text == '\0') break;
        fprintf(file, "&#%d;", *text++);
    }
    fprintf(file, "\"");
}

/* ---- a case -------------------------------------------------------------- */

/* A check that failed is a failure; what was not foreseen is an error. */
static bool is_failure(const struct bl__result *result) {
    if (result->is_stopped) return false;
    return result->is_xpass || result->verdict == BL__VERDICT_FAILED;
}

static void put_problem(FILE *file, const struct bl__report *report,
                        const struct bl__result *result) {
    const char *kind = is_failure(result) ? "failure" : "error";
    char *replay = bl__result_replay(report, result);
    fprintf(file, "      <%s", kind);
    put_attribute(file, "type", bl__result_word(result));
    put_attribute(file, "message", bl__result_reason(result));
    fprintf(file, ">");
    put_xml(file, result->details);
    if (result->found_by[0] != '\0') {
        fprintf(file, "  found by ");
        put_xml(file, result->found_by);
        fprintf(file, "\n");
    }
    if (replay != NULL) {
        fprintf(file, "  replay: ");
        put_xml(file, replay);
        fprintf(file, "\n");
    }
    free(replay);
    fprintf(file, "</%s>\n", kind);
}

static void put_case(FILE *file, const struct bl__report *report,
                     const struct bl__result *result) {
    const struct bl__test_case *test_case = result->test_case;
    char *class = bl__host_format("%.*s", (int)strcspn(test_case->file, "."),
                                  test_case->file);
    fprintf(file, "    <testcase");
    put_attribute(file, "classname", class);
    put_attribute(file, "name", test_case->name);
    put_attribute(file, "file", test_case->test->file);
    fprintf(file, " line=\"%d\" time=\"%.6f\">\n", test_case->test->line,
            (double)result->real_ns / 1e9);
    if (bl__result_is_bad(result)) {
        put_problem(file, report, result);
    } else if (result->verdict == BL__VERDICT_SKIPPED) {
        fprintf(file, "      <skipped");
        put_attribute(file, "message", result->headline);
        fprintf(file, "/>\n");
    }
    if (result->output != NULL) {
        fprintf(file, "      <system-out>");
        put_xml(file, result->output);
        fprintf(file, "</system-out>\n");
    }
    fprintf(file, "    </testcase>\n");
    free(class);
}

/* ---- the document -------------------------------------------------------- */

static void count(const struct bl__result *result) {
    junit.tests++;
    junit.real_ns += result->real_ns;
    if (!bl__result_is_bad(result)) {
        if (result->verdict == BL__VERDICT_SKIPPED) junit.skipped++;
    } else if (is_failure(result)) {
        junit.failures++;
    } else {
        junit.errors++;
    }
}

/* The end of a testsuite's start tag, as long for any counts. */
static void format_counts(char counts[COUNTS_COLUMNS + 2]) {
    char text[COUNTS_COLUMNS + 1];
    snprintf(text, sizeof text,
             "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" "
             "time=\"%.3f\"",
             junit.tests, junit.failures, junit.errors, junit.skipped,
             (double)junit.real_ns / 1e9);
    snprintf(counts, COUNTS_COLUMNS + 2, "%-*s>", COUNTS_COLUMNS, text);
}

/* Ends the testsuite before, and begins the one of this case. */
static void put_suite(FILE *text, const struct bl__result *result) {
    char counts[COUNTS_COLUMNS + 2];
    if (junit.path != NULL) fprintf(text, "  </testsuite>\n");
    junit.path = result->test_case->test->file;
    junit.tests = junit.failures = junit.errors = junit.skipped = 0;
    junit.real_ns = 0;
    fprintf(text, "  <testsuite");
    put_attribute(text, "name", result->test_case->file);
    fprintf(text, " ");
    fflush(text);
    junit.counts_at = junit.tail_at + ftell(text);
    format_counts(counts);
    fprintf(text, "%s\n", counts);
}

static void write_at(long at, const char *bytes, size_t length) {
    if (fseek(junit.file, at, SEEK_SET) < 0) return;
    fwrite(bytes, 1, length, junit.file);
}

static void begin(const struct bl__report *report, FILE *file) {
    memset(&junit, 0, sizeof junit);
    junit.file = file;
    if (fseek(file, 0, SEEK_SET) < 0) {
        junit.file = tmpfile();
        if (junit.file == NULL) bl__host_die("no temporary file for JUnit");
    }
    /* Then each fwrite is one write, and the file is never in between. */
    setvbuf(junit.file, NULL, _IONBF, 0);
    fprintf(junit.file, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                        "<testsuites");
    put_attribute(junit.file, "name", report->settings->program);
    fprintf(junit.file, ">\n");
    junit.tail_at = ftell(junit.file);
    fprintf(junit.file, "</testsuites>\n");
}

static void add(const struct bl__report *report, FILE *file,
                const struct bl__result *result) {
    char counts[COUNTS_COLUMNS + 2];
    char *bytes = NULL;
    size_t length;
    FILE *text = open_memstream(&bytes, &length);
    if (text == NULL) bl__host_die("out of memory");
    const char *path = result->test_case->test->file;
    if (junit.path == NULL || strcmp(junit.path, path) != 0) {
        put_suite(text, result);
    }
    put_case(text, report, result);
    fflush(text);
    long grown = (long)length;
    fprintf(text, "  </testsuite>\n</testsuites>\n");
    fclose(text);
    count(result);
    write_at(junit.tail_at, bytes, length);
    junit.tail_at += grown;
    format_counts(counts);
    write_at(junit.counts_at, counts, strlen(counts));
    free(bytes);
    (void)file;
}

static void end(const struct bl__report *report, FILE *file) {
    char buffer[4096];
    size_t length;
    (void)report;
    if (junit.file == file) return;
    rewind(junit.file);
    while ((length = fread(buffer, 1, sizeof buffer, junit.file)) > 0)
        fwrite(buffer, 1, length, file);
    fclose(junit.file);
}

const struct bl__format bl__format_junit = { begin, add, end };
