/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_blast_report.c - a report of made-up figures, word for word
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <belay/test.h>

#include "cli/blast_progress.h"
#include "cli/blast_report.h"

/* A tally of 10,000 requests a second for ten seconds. */
static struct blast_tally *tally_new(void) {
    struct blast_tally *tally = calloc(1, sizeof(*tally));
    REQUIRE(tally != NULL);
    tally->first_due = BL_SEC(100);
    tally->last_done = BL_SEC(110);
    tally->wall_ns = BL_SEC(10);
    tally->cpu_ns = BL_SEC(3);
    tally->opened = 50;
    return tally;
}

static void answer(struct blast_tally *tally, uint64_t count, bl_ns latency,
                   bl_ns service) {
    for (uint64_t i = 0; i < count; i++) {
        histogram_record(&tally->latency, latency);
        histogram_record(&tally->service, service);
        histogram_record(&tally->lag, BL_US(20));
    }
    tally->sent += count;
    tally->answered += count;
    tally->statuses[200] += count;
    tally->bytes_sent += 100 * count;
    tally->bytes_received += 1000 * count;
}

static const struct blast_options options = {
    .url = "http://host/",
    .rate_milli = 10000000,
    .duration = BL_SEC(10),
    .count = BLAST_COUNT_MAX,
    .connections = 50,
    .workers = 1,
    .timeout = BL_SEC(10),
};

/* The text of the report, to be freed. */
static char *report_text(const struct blast_report *report) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    REQUIRE(file != NULL);
    struct terminal terminal = { .file = file, .columns = 80 };
    blast_report_print(report, &terminal);
    fclose(file);
    return text;
}

static void check_snapshot(const char *name, struct blast_report *report) {
    char *text = report_text(report);
    CHECK_SNAPSHOT(name, text, strlen(text));
    free(text);
}

TEST(a_good_run) {
    struct blast_tally *tally = tally_new();
    answer(tally, 90000, BL_US(110), BL_US(80));
    answer(tally, 9900, BL_US(240), BL_US(200));
    answer(tally, 99, BL_MS(3), BL_MS(2));
    answer(tally, 1, BL_MS(40), BL_MS(20));
    struct blast_report report = blast_report_of(&options, tally, 100000);
    report.address = "192.0.2.1:80";
    CHECK_NEAR(report.rate, 10000.0, 0.01);
    CHECK_EQ(blast_report_unsent(&report), 0);
    CHECK(!blast_report_is_bad(&report));
    check_snapshot("blast_good.txt", &report);
    free(tally);
}

TEST(a_bad_run) {
    struct blast_options given = options;
    struct blast_tally *tally = tally_new();
    given.workers = 2;
    given.warmup = BL_SEC(2);
    answer(tally, 60000, BL_SEC(2), BL_MS(5));
    tally->lag.count = 0;
    tally->waited = 59000;
    tally->reopened = 3;
    tally->cpu_ns = BL_SEC(19);
    tally->sent += 106;
    for (int i = 0; i < 5; i++)
        blast_tally_fail(tally, BLAST_CONNECT, -EADDRNOTAVAIL);
    for (int i = 0; i < 100; i++)
        blast_tally_fail(tally, BLAST_STATUS, 503);
    blast_tally_fail(tally, BLAST_RECEIVE, BL_ETIMEDOUT);
    tally->statuses[503] = 100;
    blast_tally_sort(tally);
    struct blast_report report = blast_report_of(&given, tally, 100000);
    CHECK_EQ(blast_report_unsent(&report), 100000 - 60106);
    CHECK(blast_report_is_bad(&report));
    check_snapshot("blast_bad.txt", &report);
    free(tally);
}

TEST(a_closed_loop_says_so) {
    struct blast_options given = options;
    struct blast_tally *tally = tally_new();
    given.rate_milli = 0;
    given.duration = BL_FOREVER;
    given.is_fresh = true;
    answer(tally, 10, BL_US(110), BL_US(110));
    tally->lag.count = 0;
    tally->dropped = 1;
    tally->sent++;
    struct blast_report report = blast_report_of(&given, tally, tally->sent);
    report.is_interrupted = true;
    CHECK_NEAR(report.rate, 1.0, 0.01);
    CHECK(!blast_report_is_bad(&report));
    check_snapshot("blast_closed.txt", &report);
    free(tally);
}

TEST(nothing_at_all_can_be_reported) {
    struct blast_tally *tally = calloc(1, sizeof(*tally));
    REQUIRE(tally != NULL);
    struct blast_report report = blast_report_of(&options, tally, 0);
    char *text = report_text(&report);
    CHECK_CONTAINS(text, "0 sent, 0 answered, 0 failed");
    CHECK(strstr(text, "Latency") == NULL);
    CHECK(strstr(text, "nan") == NULL);
    free(text);
    free(tally);
}

TEST(a_share_of_failures_may_be_allowed) {
    struct blast_options given = options;
    struct blast_tally *tally = tally_new();
    answer(tally, 98, BL_MS(1), BL_MS(1));
    blast_tally_fail(tally, BLAST_CLOSED, BL_ECONNRESET);
    tally->sent++;
    /* One has failed and one was not sent, of 100. */
    struct blast_report report = blast_report_of(&given, tally, 100);
    CHECK(blast_report_is_bad(&report));
    given.failures_max = 0.019;
    CHECK(blast_report_is_bad(&report));
    given.failures_max = 0.02;
    CHECK(!blast_report_is_bad(&report));
    free(tally);
}

/* ---- the chart ----------------------------------------------------------- */

/* The rows of the chart, and the sum of their counts. */
static int rows_of(const struct histogram *histogram, int columns,
                   uint64_t *sum) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    REQUIRE(file != NULL);
    struct terminal terminal = { .file = file, .columns = columns };
    blast_chart_print(histogram, &terminal);
    fclose(file);

    int rows = 0;
    *sum = 0;
    for (char *line = strtok(text, "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        REQUIRE_LE(strlen(line), (size_t)columns);
        const char *count = strpbrk(strchr(line, '|'), "0123456789");
        REQUIRE(count != NULL);
        *sum += strtoull(count, NULL, 10);
        rows++;
    }
    free(text);
    return rows;
}

TEST(every_value_is_in_a_row, .schedules = 0) {
    struct histogram *histogram = calloc(1, sizeof(*histogram));
    REQUIRE(histogram != NULL);
    uint64_t sum = 0;
    CHECK_EQ(rows_of(histogram, 80, &sum), 0);

    histogram_record(histogram, 0);
    CHECK_EQ(rows_of(histogram, 80, &sum), 1);
    CHECK_EQ(sum, 1);

    /* One more for each power of two, up to 2.4 hours and beyond. */
    for (int bit = 0; bit < 63; bit++) {
        histogram_record(histogram, (bl_ns)1 << bit);
        int rows = rows_of(histogram, 40, &sum);
        CHECK_GE(rows, 1);
        CHECK_LE(rows, 18);
        CHECK_EQ(sum, (uint64_t)bit + 2);
    }
    free(histogram);
}

/* ---- the rest ------------------------------------------------------------ */

TEST(the_progress_line) {
    char text[BLAST_PROGRESS_BYTES];
    struct blast_progress progress = {
        .elapsed = BL_MS(12300),
        .duration = BL_SEC(30),
        .sent = 240000,
        .answered = 239940,
        .failed = 10,
        .rate = 19998.4,
        .lag = BL_US(12),
    };
    CHECK_STR(blast_progress_text(&progress, text),
              "12/30 s  240,000 sent  239,940 ok  10 failed  50 in flight  "
              "19,998/s  lag 12.0 us");
    progress.duration = BL_FOREVER;
    CHECK_CONTAINS(blast_progress_text(&progress, text), "12 s  240,000 sent");
    progress.missing = 1234;
    CHECK_STR(blast_progress_text(&progress, text), "connecting: 1,234 to go");
}

TEST(kinds_of_errors_are_counted_apart) {
    struct blast_tally *tally = tally_new();
    struct blast_tally *other = tally_new();
    for (int i = 0; i < 40; i++) {
        blast_tally_fail(tally, BLAST_STATUS, 400 + i);
        blast_tally_fail(other, BLAST_STATUS, 439);
    }
    CHECK_EQ(tally->failed, 40);
    CHECK_EQ(tally->other_errors, 40 - BLAST_ERRORS_MAX);
    blast_tally_add(other, tally);
    blast_tally_sort(other);
    CHECK_EQ(other->failed, 80);
    CHECK_EQ(other->errors[0].code, 439);
    CHECK_EQ(other->errors[0].count, 40);
    uint64_t sum = other->other_errors;
    for (int i = 0; i < BLAST_ERRORS_MAX; i++)
        sum += other->errors[i].count;
    CHECK_EQ(sum, 80);
    free(tally);
    free(other);
}

TEST(each_kind_of_error_has_a_text_and_a_name) {
    char text[BLAST_ERROR_TEXT_BYTES];
    for (int phase = BLAST_CONNECT; phase <= BLAST_STATUS; phase++) {
        struct blast_error error = { (enum blast_phase)phase, BL_EPIPE, 1 };
        CHECK_GT(strlen(blast_error_text(&error, text)), 10);
        CHECK_GT(strlen(blast_phase_name(error.phase)), 2);
        error.code = BL_ETIMEDOUT;
        CHECK_CONTAINS(blast_error_text(&error, text), "timed out");
    }
}
