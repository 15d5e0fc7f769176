/* SPDX-License-Identifier: MIT */
/*
 * tls/pairs.h - a client and a server, connected and shaking hands
 *
 * Each end says who it is by a configuration; what came of its handshake is
 * left beside it.  The server's runs in a task of its own.
 */
#ifndef TLS_PAIRS_H
#define TLS_PAIRS_H

#include <belay.h>
#include <belay/tls.h>

struct tls_end {
    bl_tls_context *context;
    bl_tls_options options;
    const char *host; /* of a client */
    bl_stream *under; /* the lower stream; NULL once it is taken */
    bl_stream *stream;
    int rc;
};

struct tls_pair {
    struct tls_end client;
    struct tls_end server;
    bl_stream *ends[2]; /* below: the client's, the server's; to set limits */
};

/* What carries the pair. */
enum tls_carrier {
    OVER_MEMORY,
    BYTE_BY_BYTE, /* memory, with each byte alone */
    OVER_TCP,
    OVER_NONBLOCKING, /* TCP, by descriptors that do not block */
    OVER_KERNEL       /* the same, and the kernel encrypts if it can */
};

/* A configuration with a certificate for "localhost"; one that believes the
 * authority of tls/pki.h. */
bl_tls_config server_config(void);
bl_tls_config client_config(void);

/* Makes a pair from two configurations; its handshakes have not begun. */
void pair_make(struct tls_pair *pair, const bl_tls_config *client,
               const bl_tls_config *server, enum tls_carrier carrier);

/* The same for sweeps, of the default configurations: returns what has failed.
 * The pair is to be aborted in any case. */
int pair_try_make(struct tls_pair *pair, enum tls_carrier carrier);

/* Two lower streams for a pair that has contexts already. */
int pair_try_connect(struct tls_pair *pair, enum tls_carrier carrier);
void pair_connect(struct tls_pair *pair, enum tls_carrier carrier);

/* Shakes hands: what failed is in `rc` of each end, and aborted. */
void pair_shake(struct tls_pair *pair);

/* All of the above with the default configurations; must succeed. */
void pair_open(struct tls_pair *pair, enum tls_carrier carrier);

/* Closes both ends, or what is left of them, and the contexts. */
void pair_abort(struct tls_pair *pair);

/* Aborts the streams alone. */
void pair_drop_streams(struct tls_pair *pair);

/* What was agreed on, at one end. */
bl_tls_info described(const bl_stream *stream);

#endif
