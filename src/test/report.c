/* SPDX-License-Identifier: MIT */
/*
 * test/report.c - what the runner says
 *
 * The last line on stdout is the closing line, "N passed, N failed" and, if
 * any, ", N skipped": plain text, once per process.  What a test has printed
 * stands behind "    | ", so nobody's closing line can be taken for ours.
 */
#include "test/report.h"

#include <stdio.h>
#include <string.h>

#include "test/host.h"
#include "test/text.h"

static const char *const words[] = {
    [BL__VERDICT_PASSED] = "ok",       [BL__VERDICT_FAILED] = "FAILED",
    [BL__VERDICT_TIMEOUT] = "TIMEOUT", [BL__VERDICT_SKIPPED] = "skip",
    [BL__VERDICT_BROKEN] = "ERROR",    [BL__VERDICT_CRASHED] = "CRASHED",
};

static size_t tap_number;

static const char *word_of(const struct bl__result *result) {
    if (result->is_xfail) return "xfail";
    if (result->is_xpass) return "XPASS";
    return words[result->verdict];
}

static bool is_bad(const struct bl__result *result) {
    if (result->is_xfail) return false;
    if (result->is_xpass) return true;
    return result->verdict != BL__VERDICT_PASSED &&
           result->verdict != BL__VERDICT_SKIPPED;
}

void bl__report_begin(const struct bl__test_settings *settings,
                      const struct bl__test_cases *cases) {
    if (settings->has_tap) {
        printf("TAP version 14\n");
        return;
    }
    if (settings->verbosity < 0) return;
    printf("belay-test: %zu test functions in %zu files, %d workers, seed "
           "%llu\n",
           cases->function_count, cases->file_count, settings->worker_count,
           (unsigned long long)settings->seed);
}

static void count(const struct bl__result *result, struct bl__tally *tally) {
    if (result->verdict == BL__VERDICT_SKIPPED) {
        tally->skipped++;
        return;
    }
    if (result->is_xfail) tally->xfailed++;
    if (result->is_xpass) tally->xpassed++;
    if (!is_bad(result)) {
        tally->passed++;
        return;
    }
    tally->failed++;
    if (result->verdict == BL__VERDICT_CRASHED) tally->crashed++;
    if (result->verdict == BL__VERDICT_TIMEOUT) tally->timed_out++;
    if (result->verdict == BL__VERDICT_BROKEN) tally->broken++;
}

static void print_block(const char *indent, const char *text) {
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        printf("%s%.*s\n", indent, (int)length, text);
        text += length;
        if (*text == '\n') text++;
    }
}

static void print_failure(const char *indent, const struct bl__result *result) {
    if (result->is_xpass) {
        printf("%sit passed, although it is known to fail: %s\n", indent,
               result->test_case->test->options.xfail);
    }
    print_block(indent, result->details);
    if (result->output != NULL) {
        printf("%s  captured output:\n", indent);
        char inner[64];
        snprintf(inner, sizeof inner, "%s    | ", indent);
        print_block(inner, result->output);
    }
    if (result->found_by[0] != '\0') {
        printf("%s  found by %s\n", indent, result->found_by);
    }
    if (result->replay[0] != '\0') {
        printf("%s  replay: --replay='%s'\n", indent, result->replay);
    }
}

static void print_tap(const struct bl__result *result) {
    printf("%s %zu - %s", is_bad(result) ? "not ok" : "ok", ++tap_number,
           result->test_case->id);
    if (result->verdict == BL__VERDICT_SKIPPED) {
        printf(" # SKIP %s", result->headline);
    } else if (result->is_xfail) {
        printf(" # "
               "TO"
               "DO %s",
               result->test_case->test->options.xfail);
    }
    printf("\n");
    if (is_bad(result)) print_failure("# ", result);
}

void bl__report_case(const struct bl__test_settings *settings,
                     const struct bl__result *result, struct bl__tally *tally) {
    count(result, tally);
    if (settings->has_tap) {
        print_tap(result);
    } else if (settings->verbosity > 0) {
        printf("  %-7s %-60s %8.1f ms", word_of(result), result->test_case->id,
               (double)result->real_ns / 1e6);
        if (result->runs > 0) printf("  %u more runs", result->runs);
        if (result->headline[0] != '\0') printf("  %s", result->headline);
        printf("\n");
    } else if (settings->verbosity == 0) {
        char mark = is_bad(result) ? word_of(result)[0] : '.';
        if (result->verdict == BL__VERDICT_SKIPPED) mark = 's';
        if (result->is_xfail) mark = 'x';
        putchar(mark);
    }
    fflush(stdout);
}

static void print_closing(const struct bl__tally *tally, const char *prefix) {
    printf("%s%zu passed, %zu failed", prefix, tally->passed, tally->failed);
    if (tally->skipped > 0) printf(", %zu skipped", tally->skipped);
    printf("\n");
    fflush(stdout);
}

static void print_split(const struct bl__tally *tally) {
    if (tally->xfailed > 0) printf("%zu failed as known; ", tally->xfailed);
    if (tally->crashed > 0) printf("%zu crashed; ", tally->crashed);
    if (tally->timed_out > 0) printf("%zu timed out; ", tally->timed_out);
    if (tally->broken > 0) printf("%zu broken; ", tally->broken);
    if (tally->xpassed > 0) printf("%zu passed unexpectedly; ", tally->xpassed);
}

/* ---- JUnit --------------------------------------------------------------- */

static void put_xml(FILE *file, const char *text) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '<': fputs("&lt;", file); break;
        case '>': fputs("&gt;", file); break;
        case '&': fputs("&amp;", file); break;
        case '"': fputs("&quot;", file); break;
        default:
            if ((unsigned char)*text < 0x20 && *text != '\n' && *text != '\t') {
                fprintf(file, "\\x%02x", (unsigned)(unsigned char)*text);
            } else {
                putc(*text, file);
            }
        }
    }
}

static void put_junit_case(FILE *file, const struct bl__result *result) {
    fprintf(file, "  <testcase classname=\"");
    put_xml(file, result->test_case->file);
    fprintf(file, "\" name=\"");
    put_xml(file, result->test_case->name);
    fprintf(file, "\" time=\"%.6f\">\n", (double)result->real_ns / 1e9);
    if (result->verdict == BL__VERDICT_SKIPPED) {
        fprintf(file, "    <skipped message=\"");
        put_xml(file, result->headline);
        fprintf(file, "\"/>\n");
    } else if (is_bad(result)) {
        const char *kind =
            result->verdict == BL__VERDICT_FAILED ? "failure" : "error";
        fprintf(file, "    <%s message=\"", kind);
        put_xml(file, result->headline);
        fprintf(file, "\">");
        put_xml(file, result->details);
        fprintf(file, "</%s>\n", kind);
    }
    fprintf(file, "  </testcase>\n");
}

static void write_junit(const char *path, const struct bl__result *results,
                        size_t count_all, const struct bl__tally *tally) {
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        fprintf(stderr, "belay-test: cannot write %s\n", path);
        return;
    }
    fprintf(file,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuite name=\"belay-test\" tests=\"%zu\" failures=\"%zu\" "
            "skipped=\"%zu\">\n",
            count_all, tally->failed, tally->skipped);
    for (size_t i = 0; i < count_all; i++) {
        if (results[i].test_case != NULL) put_junit_case(file, &results[i]);
    }
    fprintf(file, "</testsuite>\n");
    fclose(file);
}

void bl__report_end(const struct bl__test_settings *settings,
                    const struct bl__result *results, size_t count_all,
                    size_t missing, struct bl__tally *tally, bl_ns real_ns) {
    tally->failed += missing;
    if (settings->junit != NULL) {
        write_junit(settings->junit, results, count_all, tally);
    }
    if (settings->has_tap) {
        printf("1..%zu\n", tap_number);
        print_closing(tally, "# ");
        return;
    }
    if (settings->verbosity == 0) printf("\n");
    for (size_t i = 0; i < count_all; i++) {
        if (results[i].test_case == NULL || !is_bad(&results[i])) continue;
        printf("\n--- %s %s\n", word_of(&results[i]), results[i].test_case->id);
        print_failure("", &results[i]);
    }
    for (size_t i = 0; i < count_all; i++) {
        if (results[i].test_case == NULL || !is_bad(&results[i])) continue;
        printf("%-7s %s - %s\n", word_of(&results[i]), results[i].test_case->id,
               results[i].headline);
    }
    if (missing > 0) printf("%zu tests were not run to their end\n", missing);
    print_split(tally);
    printf("time: %.2f s\n", (double)real_ns / 1e9);
    print_closing(tally, "");
}
