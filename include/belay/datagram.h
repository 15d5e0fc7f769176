/* SPDX-License-Identifier: MIT */
/*
 * belay/datagram.h - UDP, and local datagrams
 *
 * A datagram arrives whole, cut to the buffer, or not at all.  One task may
 * receive and one may send at a time.
 */
#ifndef BELAY_DATAGRAM_H
#define BELAY_DATAGRAM_H

#include <belay/base.h>
#include <belay/net.h>

BL_BEGIN_DECLS

typedef struct bl_datagram bl_datagram;

/*
 * What a datagram socket can be told.  Zero means default.
 */
typedef struct bl_datagram_options {
    size_t size;           /* sizeof(bl_datagram_options) */
    const bl_addr *remote; /* connected: sends to, and hears, it alone */
    bool is_port_shared;   /* several sockets share the load: SO_REUSEPORT */
    bool is_broadcast;     /* may send to broadcast addresses */
    bool is_v6_only;       /* [::] does not stand for IPv4 too */
    int send_bytes;        /* of the kernel's buffers */
    int receive_bytes;
} bl_datagram_options;

/*
 * Opens a datagram socket at `local`, by UDP or locally; port 0 lets the
 * kernel choose.  `local` may be NULL if options name a remote address.
 *
 * Returns 0; the caller closes `*datagram`.
 *
 * Errors:
 *   BL_EINVAL      datagram is NULL, there is no address at all, or an option
 *                  is out of range
 *   BL_EADDRINUSE  somebody else has the address
 *   BL_ENOLOOP     no loop runs on this thread
 *   BL_ENOMEM      there was no memory; nothing was written
 *   BL_EMFILE      no descriptor was left; nothing was written
 *
 * Any other code is the system's.
 */
BL_MAY_FAIL
int bl_datagram_open(const bl_addr *local, const bl_datagram_options *options,
                     bl_datagram **datagram);

/*
 * Sends one datagram to `to`, or to the remote address if that is NULL.
 *
 * Returns 0; the kernel has it, and may lose it.
 *
 * Errors:
 *   BL_ECANCELED     an enclosing scope was cancelled; nothing was sent
 *   BL_EMSGSIZE      it is longer than a datagram can be; nothing was sent
 *   BL_ECONNREFUSED  nobody has received an earlier one (connected sockets)
 *   BL_EBUSY         another task sends
 *   BL_ECLOSED       the socket was closed meanwhile
 *   BL_EINVAL        datagram is NULL, or data is NULL with bytes > 0
 *   BL_ETHREAD       the socket belongs to another loop
 *   BL_ENOLOOP       no loop runs on this thread
 *   BL_ENOTASK       called from a loop callback
 *
 * Any other code is the system's: -EDESTADDRREQ, -ENETUNREACH, ...
 */
BL_MAY_WAIT
int bl_datagram_send(bl_datagram *datagram, const void *data, size_t bytes,
                     const bl_addr *to);

/*
 * Receives one datagram, waiting for it.  `from` may be NULL.
 *
 * Returns its length, which is more than `bytes` if it had to be cut.
 *
 * Errors:
 *   BL_ECANCELED     an enclosing scope was cancelled; nothing was received
 *   BL_ECONNREFUSED  nobody has received an earlier one (connected sockets)
 *   BL_EBUSY         another task receives
 *   BL_ECLOSED       the socket was closed meanwhile
 *   BL_EINVAL        datagram is NULL, or buffer is NULL with bytes > 0
 *   BL_ETHREAD       the socket belongs to another loop
 *   BL_ENOLOOP       no loop runs on this thread
 *   BL_ENOTASK       called from a loop callback
 */
BL_MAY_WAIT
bl_ssize bl_datagram_recv(bl_datagram *datagram, void *buffer, size_t bytes,
                          bl_addr *from);

/* One datagram of a batch. */
typedef struct bl_message {
    void *data;
    size_t bytes;  /* to send; or the room to receive into */
    size_t length; /* received: its whole length, more than bytes if cut */
    bl_addr addr;  /* from; or to, if it has a length */
} bl_message;

/*
 * Sends several datagrams with one system call per 64, waiting until at least
 * one is taken.
 *
 * Returns how many were sent: the first ones.
 *
 * Errors:
 *   BL_EINVAL     datagram or messages is NULL, count is 0, or one has no data
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was sent
 *
 * Any other code is one of bl_datagram_send's, about the first message.
 */
BL_MAY_WAIT
int bl_datagram_send_many(bl_datagram *datagram, bl_message *messages,
                          size_t count);

/*
 * Receives up to `count` datagrams, waiting for the first alone.
 *
 * Returns how many were received.
 *
 * Errors:
 *   BL_EINVAL     datagram or messages is NULL, count is 0, or one has no data
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was received
 *
 * Any other code is one of bl_datagram_recv's.
 */
BL_MAY_WAIT
int bl_datagram_recv_many(bl_datagram *datagram, bl_message *messages,
                          size_t count);

/*
 * Returns the address the socket has; without length for NULL.
 */
BL_API
bl_addr bl_datagram_address(const bl_datagram *datagram);

/*
 * Returns the descriptor, which stays the socket's; -1 for NULL.
 */
BL_API
int bl_datagram_fd(const bl_datagram *datagram);

/*
 * Closes the socket; those who wait get BL_ECLOSED.  Never waits.  The file of
 * a local socket is removed.  NULL is allowed.
 */
BL_API
void bl_datagram_close(bl_datagram *datagram);

#ifndef BL_NO_SITES
#    define bl_datagram_send(...)                    \
        BL__AT("bl_datagram_send(" #__VA_ARGS__ ")", \
               bl_datagram_send(__VA_ARGS__))
#    define bl_datagram_recv(...)                    \
        BL__AT("bl_datagram_recv(" #__VA_ARGS__ ")", \
               bl_datagram_recv(__VA_ARGS__))
#    define bl_datagram_send_many(...)                    \
        BL__AT("bl_datagram_send_many(" #__VA_ARGS__ ")", \
               bl_datagram_send_many(__VA_ARGS__))
#    define bl_datagram_recv_many(...)                    \
        BL__AT("bl_datagram_recv_many(" #__VA_ARGS__ ")", \
               bl_datagram_recv_many(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
