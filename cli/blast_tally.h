/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_tally.h - what was measured
 *
 * Each worker keeps a tally of its own; in the end they are added up.
 * Everything in it is about the requests that were due after the warm-up.
 */
#ifndef CLI_BLAST_TALLY_H
#define CLI_BLAST_TALLY_H

#include <stdbool.h>

#include "histogram.h"

/* What a request was doing when it failed, or how. */
enum blast_phase {
    BLAST_CONNECT,
    BLAST_TLS,
    BLAST_SEND,
    BLAST_RECEIVE,
    BLAST_CLOSED,   /* by the server, before the answer was whole */
    BLAST_MISMATCH, /* the answer is not what was sent */
    BLAST_MALFORMED,
    BLAST_STATUS /* of HTTP, 400 or more; the code is the status */
};

enum {
    BLAST_ERRORS_MAX = 32,
    BLAST_STATUSES = 600,
    BLAST_ERROR_TEXT_BYTES = 160
};

/* A kind of error, and how often there was one. */
struct blast_error {
    enum blast_phase phase;
    int code;
    uint64_t count;
};

struct blast_tally {
    struct histogram latency; /* of answers, from when they were due */
    struct histogram service; /* of answers, from when they were sent */
    struct histogram lag;     /* of the generator: waking up too late */

    uint64_t sent;
    uint64_t answered;
    uint64_t failed;
    uint64_t dropped;    /* neither, when the run was interrupted */
    uint64_t called_off; /* not sent any more, being interrupted */
    uint64_t waited;     /* sent late, as no connection was free when due */
    uint64_t opened;     /* connections */
    uint64_t reopened;   /* closed by the server while they were idle */
    uint64_t bytes_sent;
    uint64_t bytes_received;

    bl_ns first_due; /* 0: nothing was measured */
    bl_ns last_done;
    bl_ns cpu_ns;  /* of the generator, while it sent */
    bl_ns wall_ns; /* and how long that was */

    uint64_t statuses[BLAST_STATUSES];
    struct blast_error errors[BLAST_ERRORS_MAX];
    uint64_t other_errors; /* of kinds that found no room */
};

/* Counts one failure. */
void blast_tally_fail(struct blast_tally *tally, enum blast_phase phase,
                      int code);

/* Adds what another worker has counted. */
void blast_tally_add(struct blast_tally *tally,
                     const struct blast_tally *other);

/* Sorts the kinds of errors, the most frequent first. */
void blast_tally_sort(struct blast_tally *tally);

/* Writes what kind of error it is into `text`, of BLAST_ERROR_TEXT_BYTES. */
const char *blast_error_text(const struct blast_error *error, char *text);

/* Returns the name of a phase, one word. */
const char *blast_phase_name(enum blast_phase phase);

#endif
