/* SPDX-License-Identifier: MIT */
/*
 * net/socket.h - what the parts of the network layer share
 */
#ifndef BL__NET_SOCKET_H
#define BL__NET_SOCKET_H

#include <belay/net.h>

/* Returns BL_EINVAL if a value is out of its range. */
int bl__socket_check_options(const bl_socket_options *options);

/* Returns the path of a local socket's file, or NULL if it has none. */
const char *bl__addr_path(const bl_addr *address);

enum {
    BL__HOLDER_BYTES = 64
};

/*
 * Says who listens at `address`, as far as that can be seen: " by pid 1234
 * (nginx)", or "".  BL__HOLDER_BYTES are enough.
 */
void bl__addr_find_holder(const bl_addr *address, char *text, size_t bytes);

typedef void bl__listener_closed_fn(void *context);

/*
 * Has `on_close` called when the listener is closed, by whomever: for a server,
 * which also waits elsewhere than in bl_listener_accept and would not be told
 * there.  `on_close` must not wait.
 *
 * Errors: BL_EBUSY if somebody has claimed it or accepts; BL_ETHREAD and
 * BL_ENOLOOP.
 */
int bl__listener_claim(bl_listener *listener, bl__listener_closed_fn *on_close,
                       void *context);

/* Takes the claim back. */
void bl__listener_release(bl_listener *listener);

/* One attempt of many: how bl_connect_name connects to one address. */
typedef int bl__attempt_fn(void *context, const bl_addr *address,
                           bl_stream **stream);

/*
 * Connects to the first of `addresses` that answers, as RFC 8305 says; puts
 * them into the order in which they are tried.  `name` is for the text of the
 * error.
 */
int bl__happy_connect(const char *name, bl_addr *addresses, size_t count,
                      bl_ns delay, bl__attempt_fn *attempt, void *context,
                      bl_stream **stream);

#endif
