/* SPDX-License-Identifier: MIT */
/*
 * support/manager.h - a stand-in for the service manager: its notify socket
 *
 * The socket is used with plain calls and never goes through what is tested.
 * A failure of the system fails the test by REQUIRE.
 */
#ifndef SUPPORT_MANAGER_H
#define SUPPORT_MANAGER_H

#include <belay.h>

struct manager {
    char address[108]; /* for NOTIFY_SOCKET */
    int fd;
};

/* Listens at a new path in `folder`; NULL: at an abstract name. */
void manager_open(struct manager *manager, const char *folder);

/* Closes the socket and removes its file. */
void manager_close(struct manager *manager);

/*
 * Returns the next datagram, or "" if there is none now; valid until the next
 * call.  Descriptors that came along are closed.
 */
const char *manager_hears(struct manager *manager);

/* As manager_hears, and gives the descriptors, up to 64 of them. */
const char *manager_gets(struct manager *manager, int *fds, size_t *count);

/* Sends datagrams to itself until the socket is full. */
void manager_fill(struct manager *manager);

#endif
