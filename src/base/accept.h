/* SPDX-License-Identifier: MIT */
/*
 * base/accept.h - what may go wrong with accept
 */
#ifndef BL__BASE_ACCEPT_H
#define BL__BASE_ACCEPT_H

#include <errno.h>
#include <stdbool.h>

/*
 * Whether `error` tells of the connection that was next in the queue, or of a
 * signal, and not of the listener: the next connection may be better.
 */
static inline bool bl__accept_may_go_on(int error) {
    switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
    }
}

#endif
