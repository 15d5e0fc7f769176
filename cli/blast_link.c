/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_link.c - one connection of the load, one request over it
 *
 * A server may close a connection that is idle.  The request that finds out
 * was never looked at, so it is made again over a new connection, once, and
 * only counted as reopened; how long that takes is a part of its latency.
 */
#include "blast_load.h"

int blast_link_open(struct blast_link *link, struct blast_reply *reply) {
    const struct blast_load *load = link->load;
    bl_connect_options options = { .size = sizeof(options),
                                   .local = link->from };
    bl_stream *stream;

    reply->phase = BLAST_CONNECT;
    link->is_refused = true;
    int rc = bl_connect(&load->address, &options, &stream);
    if (rc < 0) return rc;

#if BELAY_CLI_TLS
    if (load->tls != NULL) {
        bl_tls_options tls = { .size = sizeof(tls),
                               .is_unverified = load->options->is_unverified };
        bl_stream *under = stream;
        reply->phase = BLAST_TLS;
        rc = bl_tls_connect(load->tls, under, load->options->target.host, &tls,
                            &stream);
        if (rc < 0) {
            bl_stream_abort(under);
            return rc;
        }
    }
#endif
    link->stream = stream;
    link->is_refused = false;
    link->worker->tally.opened++;
    return 0;
}

void blast_link_drop(struct blast_link *link) {
    bl_stream_abort(link->stream);
    link->stream = NULL;
}

/* ---- one request --------------------------------------------------------- */

static bool is_end_of_connection(int rc, const struct blast_reply *reply) {
    if (reply->phase == BLAST_CLOSED) return true;
    return rc == BL_ECONNRESET || rc == BL_EPIPE;
}

static int talk(struct blast_link *link, struct blast_reply *reply) {
    bool was_idle = link->stream != NULL;

    if (!was_idle) {
        int rc = blast_link_open(link, reply);
        if (rc < 0) return rc;
    }
    int rc = link->load->wire->talk(link, reply);
    if (rc >= 0 || !was_idle || reply->bytes_received > 0) return rc;
    if (!is_end_of_connection(rc, reply)) return rc;

    link->worker->tally.reopened++;
    blast_link_drop(link);
    *reply = (struct blast_reply){ 0 };
    rc = blast_link_open(link, reply);
    return rc < 0 ? rc : link->load->wire->talk(link, reply);
}

/* Leaves the connection ready for the next request, or not there. */
static int conclude(struct blast_link *link, int rc,
                    const struct blast_reply *reply) {
    if (rc < 0) {
        blast_link_drop(link);
        return rc;
    }
    if (!reply->is_last && !link->load->options->is_fresh) return 0;
    bl_stream *stream = link->stream;
    link->stream = NULL;
    rc = bl_stream_close(stream);
    /* The answer is there; a goodbye that fails takes nothing from it. */
    return rc == BL_ECANCELED ? rc : 0;
}

static int talk_in_time(struct blast_link *link, struct blast_reply *reply) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, link->load->options->timeout);
    int rc = talk(link, reply);
    return bl_scope_exit(&scope, rc);
}

static void count_sent(struct blast_worker *worker, bl_ns due) {
    struct blast_tally *tally = &worker->tally;
    tally->sent++;
    if (tally->first_due == 0) tally->first_due = due;
}

/* The single writer of these counters needs no locked addition. */
static void bump(_Atomic uint64_t *counter) {
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_relaxed);
}

static void count_times(struct blast_tally *tally, bl_ns latency,
                        bl_ns service) {
    histogram_record(&tally->latency, latency);
    histogram_record(&tally->service, service);
}

/*
 * A request that timed out counts as the time it was waited for: leaving it
 * out would make the percentiles the better, the worse the server is.  Answers
 * that are errors are left out: they tend to come quickly.
 */
static void count_reply(struct blast_tally *tally, int rc,
                        const struct blast_reply *reply, bl_ns latency,
                        bl_ns service) {
    tally->bytes_sent += reply->bytes_sent;
    tally->bytes_received += reply->bytes_received;
    if (reply->status > 0 && reply->status < BLAST_STATUSES) {
        tally->statuses[reply->status]++;
    }
    if (rc < 0) {
        blast_tally_fail(tally, reply->phase, rc);
        if (rc == BL_ETIMEDOUT) count_times(tally, latency, service);
    } else if (reply->status >= 400) {
        blast_tally_fail(tally, BLAST_STATUS, reply->status);
    } else {
        tally->answered++;
        count_times(tally, latency, service);
    }
}

int blast_link_request(struct blast_link *link, bl_ns due) {
    struct blast_worker *worker = link->worker;
    struct blast_reply reply = { 0 };
    bool is_measured = due >= worker->measured_from;
    bl_ns sent_at = bl_now();

    if (is_measured) count_sent(worker, due);
    bump(&worker->live.sent);
    int rc = talk_in_time(link, &reply);
    bl_ns now = bl_now();
    if (rc == BL_ECANCELED) {
        if (is_measured) worker->tally.dropped++;
        blast_link_drop(link);
        return rc;
    }

    bl_error_handled();
    bump(rc < 0 || reply.status >= 400 ? &worker->live.failed
                                       : &worker->live.answered);
    if (is_measured) {
        count_reply(&worker->tally, rc, &reply, now - due, now - sent_at);
        worker->tally.last_done = now;
    }
    rc = conclude(link, rc, &reply);
    return rc == BL_ECANCELED ? rc : 0;
}
