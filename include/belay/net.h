/* SPDX-License-Identifier: MIT */
/*
 * belay/net.h - addresses, and TCP by address
 */
#ifndef BELAY_NET_H
#define BELAY_NET_H

#include <sys/socket.h>

#include <belay/base.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

/* The address of a socket: a value, copied freely. */
typedef struct bl_addr {
    struct sockaddr_storage storage;
    socklen_t length; /* 0: no address */
} bl_addr;

/* Enough for every address that bl_addr_format writes. */
#define BL_ADDR_TEXT_BYTES 64

/*
 * Reads a numeric address: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80",
 * "*:80" (any IPv4 address) or ":80" (any IPv6 and IPv4 address).
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  text or address is NULL, or it is not such an address; nothing
 *              was written
 */
BL_MAY_FAIL
int bl_addr_parse(const char *text, bl_addr *address);

/*
 * Writes the address as bl_addr_parse reads it, cut to `bytes`, ended by NUL.
 *
 * Returns the length of the whole text.
 */
BL_API
size_t bl_addr_format(const bl_addr *address, char *buffer, size_t bytes);

/*
 * Returns the port, or 0 for an address without one.
 */
BL_API
uint16_t bl_addr_port(const bl_addr *address);

/*
 * Looks up "host:port" on a thread of the loop's pool.  Numeric addresses are
 * read at once.
 *
 * Returns 0 and the first address.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL or there is no port in it
 *   BL_ECANCELED  an enclosing scope was cancelled; the look-up may go on
 *   BL_EIO        the name is not known; the current error says why
 *   BL_ENOMEM     there was no memory
 */
BL_MAY_WAIT
int bl_addr_resolve(const char *host_and_port, bl_addr *address);

typedef struct bl_listener bl_listener;

/*
 * Opens a TCP socket that listens at `address`; port 0 lets the kernel choose.
 * The address can be used again at once after the listener is closed.
 *
 * Returns 0; the caller closes `*listener`.
 *
 * Errors:
 *   BL_EINVAL   address or listener is NULL
 *   BL_ENOLOOP  no loop runs on this thread
 *   BL_ENOMEM   there was no memory; nothing was written
 *   BL_EMFILE   no descriptor was left; nothing was written
 *
 * Any other code is the system's: -EADDRINUSE, -EACCES, ...
 */
BL_MAY_FAIL
int bl_tcp_listen(const bl_addr *address, bl_listener **listener);

/*
 * Waits for a connection.
 *
 * `peer` may be NULL.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was accepted
 *   BL_ECLOSED    the listener was closed meanwhile
 *   BL_EBUSY      another task accepts from it
 *   BL_EMFILE     no descriptor is left; the connection is still queued
 *   BL_ENOMEM     no memory for the stream; the connection is still queued
 *   BL_EINVAL     listener or stream is NULL
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_listener_accept(bl_listener *listener, bl_stream **stream,
                       bl_addr *peer);

/*
 * Returns the address that the listener is bound to.
 */
BL_API
bl_addr bl_listener_address(const bl_listener *listener);

/*
 * Closes the listener; a task that accepts from it gets BL_ECLOSED.  Never
 * waits.  NULL is allowed.
 */
BL_API
void bl_listener_close(bl_listener *listener);

/*
 * Connects to `address` by TCP.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_ECANCELED     an enclosing scope was cancelled; nothing was written
 *   BL_ECONNREFUSED  nobody listens there; nothing was written
 *   BL_EINVAL        address or stream is NULL
 *   BL_ENOMEM        there was no memory; nothing was written
 *   BL_EMFILE        no descriptor was left; nothing was written
 *   BL_ENOLOOP       no loop runs on this thread
 *   BL_ENOTASK       called from a loop callback
 *
 * Any other code is the system's.
 */
BL_MAY_WAIT
int bl_tcp_connect(const bl_addr *address, bl_stream **stream);

#ifndef BL_NO_SITES
#    define bl_addr_resolve(...)                    \
        BL__AT("bl_addr_resolve(" #__VA_ARGS__ ")", \
               bl_addr_resolve(__VA_ARGS__))
#    define bl_listener_accept(...)                    \
        BL__AT("bl_listener_accept(" #__VA_ARGS__ ")", \
               bl_listener_accept(__VA_ARGS__))
#    define bl_tcp_connect(...) \
        BL__AT("bl_tcp_connect(" #__VA_ARGS__ ")", bl_tcp_connect(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
