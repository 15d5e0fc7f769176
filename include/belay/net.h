/* SPDX-License-Identifier: MIT */
/*
 * belay/net.h - addresses, listeners, connecting
 *
 * TCP and local (Unix) sockets, by address or by name.  Datagrams are in
 * <belay/datagram.h>, passing descriptors in <belay/unix.h>, a whole server in
 * <belay/serve.h>.
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
#define BL_ADDR_TEXT_BYTES 128

/*
 * Reads an address: "127.0.0.1:80", "[::1]:80", "[fe80::1%eth0]:80", "*:80"
 * (any IPv4 address), ":80" (any IPv6 and IPv4 address), "unix:/run/me.sock"
 * (a path) or "unix:@me" (a name in no directory).  Control characters are not
 * part of an address.
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
 * Control characters in a local name, which that would refuse, become "?".
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
 * Returns whether both are the same address: family, host, port, zone, path.
 */
BL_API
bool bl_addr_is_equal(const bl_addr *a, const bl_addr *b);

/*
 * Returns whether the address is of this very machine: 127.0.0.0/8, ::1, or a
 * local one.
 */
BL_API
bool bl_addr_is_loopback(const bl_addr *address);

/*
 * Returns whether the address stands for all of the machine's: 0.0.0.0, [::].
 */
BL_API
bool bl_addr_is_any(const bl_addr *address);

/*
 * Returns whether the address is a local one, "unix:...".
 */
BL_API
bool bl_addr_is_unix(const bl_addr *address);

/*
 * Looks up "host:port" on a thread of the loop's pool; the host may be an
 * address, in brackets if it is one of IPv6, and the port the name of a
 * service: "[::1]:http".  What bl_addr_parse reads is not looked up.
 *
 * Returns 0 and the first address.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL, there is no port in it, no such port, or
 *                 no address between the brackets
 *   BL_ECANCELED  an enclosing scope was cancelled; the look-up may go on
 *   BL_EIO        the name is not known; the current error says why
 *   BL_ENOMEM     there was no memory
 */
BL_MAY_WAIT
int bl_addr_resolve(const char *host_and_port, bl_addr *address);

/*
 * Looks up all addresses of "host:port", up to `capacity`, the best first.
 *
 * Returns how many there are in `addresses`, at least one.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL, capacity is 0, there is no port in it,
 *                 no such port, or no address between the brackets
 *   BL_ECANCELED  an enclosing scope was cancelled; the look-up may go on
 *   BL_EIO        the name is not known; the current error says why
 *   BL_ENOMEM     there was no memory
 */
BL_MAY_WAIT
int bl_addr_resolve_all(const char *host_and_port, bl_addr *addresses,
                        size_t capacity);

/*
 * What a stream socket can be told.  Zero means the system's default.
 */
typedef struct bl_socket_options {
    size_t size;              /* sizeof(bl_socket_options) */
    bool is_delayed;          /* small TCP segments wait for more; off */
    bl_ns keepalive_idle;     /* silent for so long, the peer is asked */
    bl_ns keepalive_interval; /* and again after this; both in seconds */
    int keepalive_count;      /* unanswered so often, it is lost */
    bl_ns unacked_max;        /* sent bytes unconfirmed so long: it is lost */
    int send_bytes;           /* of the kernel's buffers */
    int receive_bytes;
} bl_socket_options;

/*
 * Tells the socket `fd`, such as a stream's, what is not zero in `options`.
 * TCP's own options are passed over for other sockets.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  options is NULL, or a value is out of its range
 *   BL_EBADF   fd is not open
 *
 * Any other code is the system's.
 */
BL_MAY_FAIL
int bl_socket_set_options(int fd, const bl_socket_options *options);

typedef struct bl_listener bl_listener;

/*
 * What a listener can be told.  Zero means default.
 */
typedef struct bl_listen_options {
    size_t size;         /* sizeof(bl_listen_options) */
    int backlog;         /* connections that may queue; default 4096 */
    bool is_port_shared; /* several listeners share the load: SO_REUSEPORT */
    bool is_v6_only;     /* [::] does not stand for IPv4 too */
    int defer_accept_s;  /* accept when data has come, for so many seconds */
    int fast_open;       /* queue of TCP Fast Open; 0: off */
    bool has_mode;       /* of a local socket's file: */
    unsigned mode;       /* permissions, such as 0600 */
    bool keeps_path;     /* a local socket's file stays when it is closed */
    const bl_socket_options *socket; /* for each connection; copied */
} bl_listen_options;

/*
 * Opens a socket that listens at `address`, by TCP or locally; port 0 lets the
 * kernel choose.
 *
 * A TCP address can be used again at once after the listener is closed.  The
 * file of a local socket on which nobody listens any more is replaced, and
 * removed when the listener is closed.
 *
 * Returns 0; the caller closes `*listener`.
 *
 * Errors:
 *   BL_EINVAL      address or listener is NULL, or an option is out of range
 *   BL_EADDRINUSE  somebody else listens there; the current error says who, as
 *                  far as that can be seen
 *   BL_ENOLOOP     no loop runs on this thread
 *   BL_ENOMEM      there was no memory; nothing was written
 *   BL_EMFILE      no descriptor was left; nothing was written
 *
 * Any other code is the system's: -EACCES, ...
 */
BL_MAY_FAIL
int bl_listen(const bl_addr *address, const bl_listen_options *options,
              bl_listener **listener);

/*
 * Opens a TCP listener with all defaults.
 *
 * Returns 0; the caller closes `*listener`.
 *
 * Errors:
 *   BL_EINVAL   address or listener is NULL
 *   BL_ENOLOOP  no loop runs on this thread
 *   BL_ENOMEM   there was no memory; nothing was written
 *   BL_EMFILE   no descriptor was left; nothing was written
 *
 * Any other code is the system's: BL_EADDRINUSE, -EACCES, ...
 */
BL_MAY_FAIL
int bl_tcp_listen(const bl_addr *address, bl_listener **listener);

/*
 * Makes a listener of a socket that listens already: one that was inherited
 * from a supervisor, or opened in some other way.  It owns the descriptor from
 * now on, and makes it non-blocking.
 *
 * Returns 0; the caller closes `*listener`.
 *
 * Errors:
 *   BL_EINVAL   listener is NULL, or fd is no socket that listens
 *   BL_EBADF    fd is not open
 *   BL_EBUSY    a task of this loop waits for fd; it is still the caller's
 *   BL_ENOLOOP  no loop runs on this thread; likewise
 *   BL_ENOMEM   there was no memory; likewise
 */
BL_MAY_FAIL
int bl_listener_take_fd(int fd, bl_listener **listener);

/*
 * Makes a listener as bl_listener_take_fd does, and tells its connections what
 * is in `options->socket`.  The other options are for opening: they have no
 * effect.  NULL: all defaults.
 *
 * Returns 0; the caller closes `*listener`.
 *
 * Errors:
 *   BL_EINVAL  likewise, or an option is out of range; fd is still the caller's
 *
 * Any other code is one of bl_listener_take_fd's.
 */
BL_MAY_FAIL
int bl_listener_take_fd_with(int fd, const bl_listen_options *options,
                             bl_listener **listener);

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
 *
 * Any other code is the system's, such as BL_EPERM where a firewall forbids it.
 */
BL_MAY_WAIT
int bl_listener_accept(bl_listener *listener, bl_stream **stream,
                       bl_addr *peer);

/*
 * Takes a connection if one has come, without waiting.
 *
 * `peer` may be NULL.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_EAGAIN   none has come
 *   BL_EBUSY    a task accepts from it
 *   BL_EMFILE   no descriptor is left; the connection is still queued
 *   BL_ENOMEM   no memory for the stream; the connection is still queued
 *   BL_EINVAL   listener or stream is NULL
 *   BL_ETHREAD  the listener belongs to another loop
 *   BL_ENOLOOP  no loop runs on this thread
 *
 * Any other code is the system's, likewise.
 */
BL_MAY_FAIL
int bl_listener_try_accept(bl_listener *listener, bl_stream **stream,
                           bl_addr *peer);

/*
 * Returns the address that the listener is bound to.
 */
BL_API
bl_addr bl_listener_address(const bl_listener *listener);

/*
 * Returns the descriptor, which stays the listener's; -1 for NULL.
 */
BL_API
int bl_listener_fd(const bl_listener *listener);

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

/* Looks a name up, as bl_addr_resolve_all does. */
typedef int bl_resolve_fn(void *context, const char *host_and_port,
                          bl_addr *addresses, size_t capacity);

/*
 * What a connection can be told.  Zero means default.
 */
typedef struct bl_connect_options {
    size_t size;            /* sizeof(bl_connect_options) */
    const bl_addr *local;   /* the address to come from; port 0: any */
    bl_ns attempt_delay;    /* until the next address is tried; 250 ms */
    bl_resolve_fn *resolve; /* NULL: bl_addr_resolve_all */
    void *resolve_context;
    const bl_socket_options *socket;
} bl_connect_options;

/*
 * Connects to `address`, by TCP or locally; `options` may be NULL.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_ECANCELED     an enclosing scope was cancelled; nothing was written
 *   BL_ECONNREFUSED  nobody listens there; nothing was written
 *   BL_EINVAL        address or stream is NULL, or an option is out of range
 *   BL_ENOMEM        there was no memory; nothing was written
 *   BL_EMFILE        no descriptor was left; nothing was written
 *   BL_ENOLOOP       no loop runs on this thread
 *   BL_ENOTASK       called from a loop callback
 *
 * Any other code is the system's.
 */
BL_MAY_WAIT
int bl_connect(const bl_addr *address, const bl_connect_options *options,
               bl_stream **stream);

/*
 * Connects to "host:port", whichever of its addresses answers first (RFC 8305,
 * "Happy Eyeballs"): they are tried in turn, IPv6 and IPv4 alternating, the
 * next one when the last has failed or has taken `attempt_delay`; the first
 * connection wins and the others are given up.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_ECANCELED     an enclosing scope was cancelled; nothing was written
 *   BL_ECONNREFUSED  nobody listens there: what the last attempt said, any of
 *                    bl_connect's codes; the current error names each
 *   BL_EIO           the name is not known
 *   BL_EINVAL        an argument is NULL, an option is out of range, or it is
 *                    not what bl_addr_resolve takes
 */
BL_MAY_WAIT
int bl_connect_name(const char *host_and_port,
                    const bl_connect_options *options, bl_stream **stream);

#ifndef BL_NO_SITES
#    define bl_addr_resolve(...)                    \
        BL__AT("bl_addr_resolve(" #__VA_ARGS__ ")", \
               bl_addr_resolve(__VA_ARGS__))
#    define bl_addr_resolve_all(...)                    \
        BL__AT("bl_addr_resolve_all(" #__VA_ARGS__ ")", \
               bl_addr_resolve_all(__VA_ARGS__))
#    define bl_connect(...) \
        BL__AT("bl_connect(" #__VA_ARGS__ ")", bl_connect(__VA_ARGS__))
#    define bl_connect_name(...)                    \
        BL__AT("bl_connect_name(" #__VA_ARGS__ ")", \
               bl_connect_name(__VA_ARGS__))
#    define bl_listener_accept(...)                    \
        BL__AT("bl_listener_accept(" #__VA_ARGS__ ")", \
               bl_listener_accept(__VA_ARGS__))
#    define bl_tcp_connect(...) \
        BL__AT("bl_tcp_connect(" #__VA_ARGS__ ")", bl_tcp_connect(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
