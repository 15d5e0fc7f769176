/* SPDX-License-Identifier: MIT */
/*
 * peers/tls.h - our end of a TLS connection by TCP
 */
#ifndef PEERS_TLS_H
#define PEERS_TLS_H

#include <belay.h>
#include <belay/test.h>
#include <belay/tls.h>

/* A context, which must be made.  With BELAY_KERNEL_TLS in the environment it
 * wishes for the kernel. */
bl_tls_context *tls_context(const bl_tls_config *config);

/* Connects to "localhost" at `address`; must succeed. */
bl_stream *tls_connect(bl_tls_context *context, const bl_addr *address);

/* Accepts one connection; the second must succeed. */
int tls_try_accept(bl_tls_context *context, const bl_test_port *port,
                   bl_stream **stream);
bl_stream *tls_accept(bl_tls_context *context, const bl_test_port *port);

#endif
