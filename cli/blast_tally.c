/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_tally.c - what was measured
 *
 * Invariant: the kinds of errors that have a count stand before those that
 * have none.
 */
#include "blast_tally.h"

#include <stdio.h>
#include <stdlib.h>

#include <belay/error.h>

static const char *const phase_names[] = {
    [BLAST_CONNECT] = "connect",     [BLAST_TLS] = "tls",
    [BLAST_SEND] = "send",           [BLAST_RECEIVE] = "receive",
    [BLAST_CLOSED] = "closed",       [BLAST_MISMATCH] = "mismatch",
    [BLAST_MALFORMED] = "malformed", [BLAST_STATUS] = "status",
};

static void count_error(struct blast_tally *tally, enum blast_phase phase,
                        int code, uint64_t count) {
    for (size_t i = 0; i < BLAST_ERRORS_MAX; i++) {
        struct blast_error *error = &tally->errors[i];
        if (error->count == 0) {
            *error = (struct blast_error){ phase, code, count };
            return;
        }
        if (error->phase == phase && error->code == code) {
            error->count += count;
            return;
        }
    }
    tally->other_errors += count;
}

void blast_tally_fail(struct blast_tally *tally, enum blast_phase phase,
                      int code) {
    tally->failed++;
    count_error(tally, phase, code, 1);
}

static void add_counts(struct blast_tally *tally,
                       const struct blast_tally *other) {
    tally->sent += other->sent;
    tally->answered += other->answered;
    tally->failed += other->failed;
    tally->dropped += other->dropped;
    tally->called_off += other->called_off;
    tally->waited += other->waited;
    tally->opened += other->opened;
    tally->reopened += other->reopened;
    tally->bytes_sent += other->bytes_sent;
    tally->bytes_received += other->bytes_received;
    tally->other_errors += other->other_errors;
}

void blast_tally_add(struct blast_tally *tally,
                     const struct blast_tally *other) {
    histogram_add(&tally->latency, &other->latency);
    histogram_add(&tally->service, &other->service);
    histogram_add(&tally->lag, &other->lag);
    add_counts(tally, other);

    if (tally->first_due == 0 ||
        (other->first_due != 0 && other->first_due < tally->first_due)) {
        tally->first_due = other->first_due;
    }
    if (other->last_done > tally->last_done) {
        tally->last_done = other->last_done;
    }
    tally->cpu_ns += other->cpu_ns;
    if (other->wall_ns > tally->wall_ns) tally->wall_ns = other->wall_ns;

    for (size_t i = 0; i < BLAST_STATUSES; i++)
        tally->statuses[i] += other->statuses[i];
    for (size_t i = 0; i < BLAST_ERRORS_MAX; i++) {
        const struct blast_error *error = &other->errors[i];
        if (error->count == 0) break;
        count_error(tally, error->phase, error->code, error->count);
    }
}

static int by_count(const void *left, const void *right) {
    const struct blast_error *a = left;
    const struct blast_error *b = right;
    return (a->count < b->count) - (a->count > b->count);
}

void blast_tally_sort(struct blast_tally *tally) {
    qsort(tally->errors, BLAST_ERRORS_MAX, sizeof(tally->errors[0]), by_count);
}

const char *blast_phase_name(enum blast_phase phase) {
    return phase_names[phase];
}

static const char *timeout_text(enum blast_phase phase) {
    switch (phase) {
    case BLAST_CONNECT: return "timed out while connecting";
    case BLAST_TLS: return "timed out in the TLS handshake";
    case BLAST_SEND: return "timed out while sending";
    default: return "timed out while waiting for the answer";
    }
}

const char *blast_error_text(const struct blast_error *error, char *text) {
    const char *why = bl_strerror(error->code);
    size_t bytes = BLAST_ERROR_TEXT_BYTES;

    if (error->code == BL_ETIMEDOUT) {
        snprintf(text, bytes, "%s", timeout_text(error->phase));
        return text;
    }
    switch (error->phase) {
    case BLAST_CONNECT: snprintf(text, bytes, "cannot connect: %s", why); break;
    case BLAST_TLS: snprintf(text, bytes, "no TLS: %s", why); break;
    case BLAST_SEND: snprintf(text, bytes, "while sending: %s", why); break;
    case BLAST_RECEIVE:
        snprintf(text, bytes, "while waiting for the answer: %s", why);
        break;
    case BLAST_CLOSED:
        snprintf(text, bytes, "closed before the answer was whole");
        break;
    case BLAST_MISMATCH:
        snprintf(text, bytes, "an answer that is not what was sent");
        break;
    case BLAST_MALFORMED:
        snprintf(text, bytes, "an answer that is not valid HTTP");
        break;
    case BLAST_STATUS:
        snprintf(text, bytes, "answered with status %d", error->code);
        break;
    }
    return text;
}
