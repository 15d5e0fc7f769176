/* SPDX-License-Identifier: MIT */
/*
 * test/explore/trace.h - the steps of a run, for telling whether two runs are
 * the same
 */
#ifndef BL__TEST_TRACE_H
#define BL__TEST_TRACE_H

#include "test/record.h"

/* The steps of a run that was, and how many there were in all. */
struct bl__trace {
    struct bl__test_step *steps; /* the first ones; owned */
    size_t count;
    uint64_t count_all;
    uint64_t hash;
};

/*
 * Makes addresses other than they were in the run before: what depends on them
 * is then found out.
 */
void bl__trace_shift_heap(void);

/* Adds a step to the record: the task passes the checkpoint of `site`. */
void bl__trace_step(const char *site);

/* Adds the last step: when the run was over. */
void bl__trace_end(void);

/* Copies the steps of a record. */
struct bl__trace bl__trace_take(const struct bl__test_record *record);

/*
 * Compares a run with the one in the record.  Returns the number of the first
 * step, from 1, in which they differ; 0 if there is none.
 */
uint64_t bl__trace_compare(const struct bl__trace *trace,
                           const struct bl__test_record *record);

/* Shows where they part: what both did last, and what each did then. */
void bl__trace_describe(struct bl__text *text, const struct bl__trace *trace,
                        const struct bl__test_record *record, uint64_t number);

#endif
