/* SPDX-License-Identifier: MIT */
/*
 * belay/http/event_source.h - receiving server-sent events
 *
 * The receiving side of text/event-stream, as the WHATWG's HTML standard has
 * it: events come one after the other, and when the connection is lost it is
 * made again, with the id of the last event, so that the server can go on from
 * there.
 *
 *     bl_http_received_event event;
 *     while ((rc = bl_http_event_source_next(source, &event)) > 0) {
 *         printf("%s: %s\n", event.type, event.data);
 *     }
 */
#ifndef BELAY_HTTP_EVENT_SOURCE_H
#define BELAY_HTTP_EVENT_SOURCE_H

#include <belay/base.h>
#include <belay/http/client.h>

BL_BEGIN_DECLS

typedef struct bl_http_event_source bl_http_event_source;

/* One event; its texts are valid until the next call, and have a NUL behind
 * them.  What is no valid UTF-8 in the stream is none here. */
typedef struct bl_http_received_event {
    const char *type; /* "message" if the server gave none */
    const char *data; /* lines are separated by "\n" */
    size_t data_bytes;
    const char *id; /* of this event, or the last one that had any; "" */
} bl_http_received_event;

/*
 * What a source can be told.  Zero means default.
 */
typedef struct bl_http_event_source_options {
    size_t size;                 /* sizeof(bl_http_event_source_options) */
    const bl_http_field *fields; /* of the requests; copied */
    size_t field_count;
    const char *last_id;    /* go on behind this one; copied */
    size_t event_bytes_max; /* of an event, and of a line; 1 MiB */
    bl_ns retry;            /* before it connects again; 3 s, or as the server
                            says */
    bl_ns retry_max;    /* each wait in a row is twice the last, up to 60 s */
    uint32_t tries_max; /* in a row that fail; 0: no limit */
    bl_ns silence_max;  /* the server is taken for lost; 0: no limit */
} bl_http_event_source_options;

/*
 * Prepares to receive events from `url`; nothing is sent before the first
 * bl_http_event_source_next.  The client is borrowed until the source is
 * closed.
 *
 * Returns 0; the caller closes `*source`.
 *
 * Errors:
 *   BL_EINVAL    client, url or source is NULL, an option is out of its range,
 *                or it is no URL
 *   BL_EMSGSIZE  the URL is too long
 *   BL_ENOTSUP   the URL is neither http nor https
 *   BL_ENOMEM    there was no memory
 */
BL_MAY_FAIL
int bl_http_event_source_open(bl_http_client *client, const char *url,
                              const bl_http_event_source_options *options,
                              bl_http_event_source **source);

/*
 * Waits for the next event, and connects first where that is necessary.
 *
 * What can pass by itself (a connection that fails or ends, a status of 502,
 * 503 or 504) is waited out and tried again.
 *
 * Returns 1; 0 if the server says that no more will come (204).
 *
 * Errors:
 *   BL_EHTTP_UNEXPECTED  the response is no stream of events; the current
 *                        error says what it is
 *   BL_EMSGSIZE          an event is too long; it is lost, and the next call
 *                        connects again
 *   BL_ECANCELED         an enclosing scope was cancelled; nothing was lost
 *   BL_EINVAL            source or event is NULL
 *
 * Any other code is one of bl_http_call_open's or bl_http_body_read's that
 * does not pass, or the last one when tries_max is reached.
 */
BL_MAY_WAIT
int bl_http_event_source_next(bl_http_event_source *source,
                              bl_http_received_event *event);

/*
 * Closes the source.  Never waits.  NULL is allowed.
 */
BL_API
void bl_http_event_source_close(bl_http_event_source *source);

#ifndef BL_NO_SITES
#    define bl_http_event_source_next(...)                    \
        BL__AT("bl_http_event_source_next(" #__VA_ARGS__ ")", \
               bl_http_event_source_next(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
