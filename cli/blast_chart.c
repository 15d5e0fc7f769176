/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_chart.c - a histogram, drawn in the terminal
 *
 * Latencies span decades, so the rows do too: each reaches a fixed factor
 * farther than the one above it.  The factor is the smallest of a few whose
 * steps are round numbers and that needs no more rows than fit on a screen.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blast_report.h"
#include "quantity.h"

enum {
    ROWS_MAX = 18,
    TEXT_COLUMNS = 33 /* what stands beside a bar */
};

/* What took longer than a day or so is in the last row. */
static const bl_ns limit_max = 100000000000000;

/* The steps of one decade, from 1.00 up to 10, in hundredths. */
struct series {
    int count;
    int steps[10];
};

static const struct series serieses[] = {
    { 10, { 100, 125, 160, 200, 250, 315, 400, 500, 630, 800 } },
    { 5, { 100, 160, 250, 400, 630 } },
    { 3, { 100, 200, 500 } },
    { 2, { 100, 300 } },
    { 1, { 100 } },
};

#define SERIESES (sizeof(serieses) / sizeof(serieses[0]))

/* The rows: row i counts what is above limits[i - 1], up to limits[i]. */
struct rows {
    int count;
    bl_ns limits[ROWS_MAX];
};

static bl_ns step_at(const struct series *series, int index) {
    bl_ns decade = 1;
    for (int i = 0; i < index / series->count; i++)
        decade *= 10;
    return decade * series->steps[index % series->count] / 100;
}

/* Below 100 ns the hundredths would be cut off, and two limits be the same. */
static bool lay_out(const struct series *series, bl_ns min, bl_ns max,
                    struct rows *rows) {
    int index = 2 * series->count;

    while (step_at(series, index + 1) <= min)
        index++;
    rows->count = 0;
    do {
        index++;
        if (rows->count == ROWS_MAX) return false;
        rows->limits[rows->count++] = step_at(series, index);
    } while (rows->limits[rows->count - 1] < max);
    return true;
}

static bl_ns at_most(bl_ns time) {
    return time < limit_max ? time : limit_max;
}

static void choose_rows(const struct histogram *histogram, struct rows *rows) {
    bl_ns min = at_most(histogram->min);
    bl_ns max = at_most(histogram->max);

    for (size_t i = 0; i < SERIESES; i++) {
        if (lay_out(&serieses[i], min, max, rows)) return;
    }
}

static void print_row(const struct terminal *terminal, bl_ns limit,
                      uint64_t count, uint64_t most, uint64_t all) {
    int columns = terminal->columns - TEXT_COLUMNS;
    char bar[TERMINAL_BAR_BYTES(256)];
    char limit_text[QUANTITY_TEXT_BYTES];
    char count_text[QUANTITY_TEXT_BYTES];
    int drawn = terminal_bar(terminal->has_unicode,
                             (double)count / (double)most, columns, bar);

    fprintf(terminal->file, "  %8s |%s%*s %11s %6.2f%%\n",
            quantity_time(limit, limit_text), bar, columns - drawn, "",
            quantity_count(count, count_text),
            100 * (double)count / (double)all);
}

void blast_chart_print(const struct histogram *histogram,
                       const struct terminal *terminal) {
    struct rows rows;
    uint64_t counts[ROWS_MAX];
    uint64_t below = 0;
    uint64_t most = 1;

    if (histogram->count == 0) return;
    choose_rows(histogram, &rows);
    for (int i = 0; i < rows.count; i++) {
        bool is_last = i == rows.count - 1;
        uint64_t up_to = histogram_count_up_to(
            histogram, is_last ? histogram->max : rows.limits[i]);
        counts[i] = up_to - below;
        below = up_to;
        if (counts[i] > most) most = counts[i];
    }
    for (int i = 0; i < rows.count; i++) {
        print_row(terminal, rows.limits[i], counts[i], most, histogram->count);
    }
}
