/* SPDX-License-Identifier: MIT */
/*
 * io/socket.h - a stream of a socket about which everything is known
 */
#ifndef BL__IO_SOCKET_H
#define BL__IO_SOCKET_H

#include <belay/stream.h>

/*
 * As bl_stream_take_fd, for an open stream socket whose options are set: asks
 * the system nothing.  What TCP has of its own holds only if `is_tcp`.
 */
int bl__stream_take_socket(int fd, bool is_tcp, bl_stream **stream);

#endif
