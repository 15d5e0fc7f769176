/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_options.h - what the command line of `belay blast` asks for
 */
#ifndef CLI_BLAST_OPTIONS_H
#define CLI_BLAST_OPTIONS_H

#include <belay/net.h>

#include "blast_schedule.h"
#include "blast_target.h"

enum {
    BLAST_CONNECTIONS_MAX = 1000000,
    BLAST_WORKERS_MAX = 256,
    BLAST_HEADERS_MAX = 64,
    BLAST_FROM_MAX = 64,
    BLAST_UNTIL_BYTES_MAX = 4096
};

struct blast_options {
    const char *url;
    struct blast_target target;

    uint64_t rate_milli; /* 0: as fast as possible */
    bl_ns duration; /* of what is measured; BL_FOREVER: the count ends it */
    bl_ns warmup;
    uint64_t count; /* BLAST_COUNT_MAX: the duration ends it */
    uint32_t connections;
    uint32_t workers;
    bl_ns timeout;   /* of one request */
    bool is_precise; /* a worker never sleeps */
    bool is_fresh;   /* a new connection for each request */

    const char *connect; /* where to, instead of the URL's host; or NULL */
    bl_addr from[BLAST_FROM_MAX]; /* our addresses, which take turns */
    uint32_t from_count;
    bool is_unverified; /* TLS without proof of who it is */
    const char *roots_file;

    /* What is sent: the body of HTTP, or the bytes. */
    unsigned char *body;
    size_t body_bytes;
    const char *method; /* of HTTP */
    const char *headers[BLAST_HEADERS_MAX];
    size_t header_count;

    /* When an answer of bytes is whole: after so many, or behind `until`. */
    uint64_t reply_bytes;
    unsigned char *until;
    size_t until_bytes; /* 0: by count */
    bool is_echo;       /* the answer has to be what was sent */

    bool is_quiet;    /* no progress */
    const char *json; /* a file for the report, "-" standard output; or NULL */
    double failures_max; /* the share that is no failure, 0 to 1 */
};

extern const char blast_usage[];

/*
 * Reads the command line.  What is wrong with it is said on stderr.
 *
 * Returns -1 to go on, and then `options` is given back with
 * blast_options_done; else the exit status.
 */
int blast_options_read(int argc, char **argv, struct blast_options *options);

void blast_options_done(struct blast_options *options);

#endif
