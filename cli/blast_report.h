/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_report.h - what a run has shown: for people, and for programs
 */
#ifndef CLI_BLAST_REPORT_H
#define CLI_BLAST_REPORT_H

#include <stdio.h>

#include "blast_options.h"
#include "blast_tally.h"
#include "terminal.h"

/* A run that has ended, and what follows from its tally. */
struct blast_report {
    const struct blast_options *options;
    const char *address; /* that was connected to */
    const struct blast_tally *tally;
    bool is_interrupted;
    uint64_t due;     /* requests that should have been sent by its end */
    bl_ns elapsed;    /* from the first that was due to the last answer */
    double rate;      /* answers per second of it */
    double cpu_share; /* of all its workers, 1: all of their cores */
};

struct blast_report blast_report_of(const struct blast_options *options,
                                    const struct blast_tally *tally,
                                    uint64_t due);

/* Returns how many requests were due and never sent. */
uint64_t blast_report_unsent(const struct blast_report *report);

/* Returns whether more requests have failed, or stayed unsent, than may. */
bool blast_report_is_bad(const struct blast_report *report);

/* Writes the report for people. */
void blast_report_print(const struct blast_report *report,
                        const struct terminal *terminal);

/* Draws the histogram alone: a row for each step of a decade. */
void blast_chart_print(const struct histogram *histogram,
                       const struct terminal *terminal);

/* Writes the report as one JSON object. */
void blast_report_json(const struct blast_report *report, FILE *file);

#endif
