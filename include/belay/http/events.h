/* SPDX-License-Identifier: MIT */
/*
 * belay/http/events.h - server-sent events
 *
 * An answer that does not end, of the type text/event-stream: each event is
 * sent as soon as it happens.  It is what EventSource of browsers reads.
 */
#ifndef BELAY_HTTP_EVENTS_H
#define BELAY_HTTP_EVENTS_H

#include <belay/base.h>
#include <belay/http/server.h>

BL_BEGIN_DECLS

/* One event.  What is NULL, or 0, is left out. */
typedef struct bl_http_event {
    const char *id;   /* what a client that comes back names as the last */
    const char *name; /* what kind of event; the default is "message" */
    const char *data; /* may have several lines */
    bl_ns retry;      /* how long a client waits before it comes back */
} bl_http_event;

/* ---- sending ------------------------------------------------------------ */

/*
 * Begins an answer of events and sends its head.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EMISUSE    the answer has begun
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_http_begin's or bl_http_flush's.
 */
BL_MAY_WAIT
int bl_http_events_begin(bl_http_exchange *exchange);

/*
 * Sends an event at once.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL, or id or name has a line break in it;
 *                 nothing was sent
 *   BL_EMISUSE    no answer has begun
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_http_write's: BL_EPIPE, BL_ECONNRESET, if the
 * client has gone.
 */
BL_MAY_WAIT
int bl_http_event_send(bl_http_exchange *exchange, const bl_http_event *event);

/*
 * Sends a comment at once, which clients ignore.  Sent now and then (`text` may
 * be empty), it keeps proxies from giving the connection up, and finds out
 * whether the client is still there.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL     an argument is NULL
 *   BL_EMISUSE    no answer has begun
 *   BL_ECANCELED  an enclosing scope was cancelled
 *
 * Any other code is one of bl_http_write's.
 */
BL_MAY_WAIT
int bl_http_event_comment(bl_http_exchange *exchange, const char *text);

#ifndef BL_NO_SITES
#    define bl_http_events_begin(...)                    \
        BL__AT("bl_http_events_begin(" #__VA_ARGS__ ")", \
               bl_http_events_begin(__VA_ARGS__))
#    define bl_http_event_send(...)                    \
        BL__AT("bl_http_event_send(" #__VA_ARGS__ ")", \
               bl_http_event_send(__VA_ARGS__))
#    define bl_http_event_comment(...)                    \
        BL__AT("bl_http_event_comment(" #__VA_ARGS__ ")", \
               bl_http_event_comment(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
