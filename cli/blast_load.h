/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_load.h - the load: workers, their connections, one request
 *
 * Each connection is a task that takes the next request off the schedule,
 * sleeps until that is due, sends it and waits for the answer.  There is no
 * queue: requests that find no free connection when they are due are taken by
 * the next that becomes free, late, and their latency says so.
 */
#ifndef CLI_BLAST_LOAD_H
#define CLI_BLAST_LOAD_H

#include <stdatomic.h>

#include <belay.h>
#include <belay/tls.h>

#include "blast_options.h"
#include "blast_schedule.h"
#include "blast_tally.h"

struct blast_link;
struct blast_load;

/* How a request went, as the wire saw it. */
struct blast_reply {
    enum blast_phase phase; /* where it is, or has failed */
    int status;             /* of HTTP, else 0 */
    bool is_last;           /* the connection cannot be used again */
    uint64_t bytes_sent;
    uint64_t bytes_received;
};

/*
 * A way to talk.  `talk` sends one request and reads the answer; it may wait.
 * It returns 0, or a code, and `reply` then has the phase it failed in.
 */
struct blast_wire {
    const char *name;
    int (*talk)(struct blast_link *link, struct blast_reply *reply);
};

extern const struct blast_wire blast_wire_bytes;
#if BELAY_CLI_HTTP
extern const struct blast_wire blast_wire_http;
#endif

enum {
    BLAST_BUFFER_BYTES = 16384
};

/* One connection, and the task that has it. */
struct blast_link {
    struct blast_worker *worker;
    struct blast_load *load;
    const bl_addr *from;   /* our address; NULL: any */
    bl_stream *stream;     /* NULL: it is to be opened */
    bool is_refused;       /* the last attempt to open it has failed */
    unsigned char *buffer; /* of BLAST_BUFFER_BYTES, for what is read */
};

/* What the progress line shows of a worker; it may be read by any thread. */
struct blast_live {
    _Atomic uint64_t sent;
    _Atomic uint64_t answered;
    _Atomic uint64_t failed;
    _Atomic uint64_t lag_ns; /* of the latest request that was waited for */
};

/* A loop, its share of the connections and of the schedule. */
struct blast_worker {
    struct blast_load *load;
    uint32_t index;
    uint32_t link_count;
    struct blast_link *links;
    unsigned char *buffers;
    struct blast_schedule schedule;
    bl_ns measured_from;
    bl_ns begun_at; /* 0: it has not */
    bl_ns ended_at; /* when it was cancelled; 0: it was not */
    bl_ns cpu_before;
    bl_sem openings; /* so many connect at once */
    bl_future go;    /* set when all connections of all workers are there */
    struct blast_live live;
    struct blast_tally tally;
};

/* A run.  What is not atomic is written before the workers begin. */
struct blast_load {
    const struct blast_options *options;
    const struct blast_wire *wire;
    bl_addr address;
    bl_tls_context *tls; /* NULL: none */
    const unsigned char *request;
    size_t request_bytes;
    /* Shows how it goes, as a task of the first worker; NULL: nobody looks. */
    int (*watch)(struct blast_load *load);

    struct blast_worker *workers;
    bl_ns begin; /* written by the last to arrive, before `go` is set */
    _Atomic uint32_t missing; /* connections that have not arrived yet */
    _Atomic uint32_t opened;  /* of those that have */
    _Atomic int refusal;      /* why the last that failed has, a code */
};

/*
 * Makes the workers.  The fields above them are the caller's.
 *
 * Returns 0, or BL_ENOMEM with nothing made.
 */
int blast_load_init(struct blast_load *load);

void blast_load_done(struct blast_load *load);

/*
 * Runs the share of worker `index`: its connections, and the watch in the
 * first.  Called in a task of a loop of its own.
 *
 * Returns 0 once every request has been answered or has failed, or a code:
 * that of the connections if not one could be opened.
 */
int blast_load_work(struct blast_load *load, uint32_t index);

/* Adds up what the workers have measured; for after they have ended. */
void blast_load_sum(const struct blast_load *load, struct blast_tally *tally);

/*
 * Returns how many requests were due, and are measured, by the end of the run;
 * without a rate, how many were sent.
 */
uint64_t blast_load_due(const struct blast_load *load);

/* ---- blast_link.c -------------------------------------------------------- */

/*
 * Opens the connection, which may wait.  Returns 0, or a code and the phase.
 */
int blast_link_open(struct blast_link *link, struct blast_reply *reply);

/* Closes it at once. */
void blast_link_drop(struct blast_link *link);

/*
 * Makes the request that was due at `due`, over a new connection if need be,
 * and counts what came of it.
 *
 * Returns 0, also if the request has failed; BL_ECANCELED if the run ends.
 */
int blast_link_request(struct blast_link *link, bl_ns due);

#endif
