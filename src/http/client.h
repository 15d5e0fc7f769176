/* SPDX-License-Identifier: MIT */
/*
 * http/client.h - what the files of the client share
 *
 * A *host* is a set of connections any of which will do for the same requests:
 * those to one origin, or those to a proxy that requests are handed to.  It has
 * a number of *slots*: a task holds one from before it connects until it gives
 * the connection back, and waits in line if there is none.
 *
 *     call --holds--> connection --of--> host --of--> client
 *                          ^              |
 *                          +---- idle ----+
 */
#ifndef BL__HTTP_CLIENT_H
#define BL__HTTP_CLIENT_H

#include <belay/http/client.h>
#include <belay/loop.h>
#include <belay/park.h>

#include "http/http.h"
#include "http/proxy.h"

enum {
    BL__HTTP_BUCKETS = 64,
    BL__HTTP_BODY_ROOM_BYTES = 16384, /* of an input, behind a head */
    BL__HTTP_TRAILERS_MAX = 32
};

struct bl__http_host {
    bl_link link; /* in a bucket of the client */
    bl_link idle; /* connections, the one that was used last at the end */
    bl_waitq line;
    uint32_t active; /* slots that are taken */
    uint32_t users;  /* who keep it: tasks with or waiting for a slot, idle
                        connections */
    bool is_forward; /* a proxy that requests are handed to */
    bool is_secure;
    uint16_t port;
    char name[];
};

struct bl__http_pooled {
    bl_link link; /* in `idle` of its host, while it is idle */
    bl_link age;  /* in `ages` of the client, likewise */
    bl_http_client *client;
    struct bl__http_host *host;
    bl_stream *stream;
    bl__http_input input;
    bl_ns idle_until;
    bool is_reused; /* a response was read from it to its end */
    char bytes[];   /* of the input */
};

struct bl_http_client {
    bl_loop *loop;
    bl_http_client_options options; /* with defaults, and pointers to: */
    bl_connect_options connect;
    bl_socket_options socket;
    bl_addr local;
    char *user_agent; /* NULL: the field is not sent */
    struct bl__proxies proxies;
    bl_link hosts[BL__HTTP_BUCKETS];
    bl_link ages;    /* idle connections, the oldest first */
    bl_timer reaper; /* due when the oldest is */
    bl_http_client_stats stats;
    uint32_t refcount; /* the user's, unless it is closed; of calls */
    bool is_closed;
};

/* Gives a reference back; the last one frees the client. */
void bl__http_client_unref(bl_http_client *client);

/* Copies `text` with its NUL to `*at`, and moves that behind it. */
static inline char *bl__http_copy_text(char **at, const char *text) {
    size_t bytes = strlen(text) + 1;
    char *copy = memcpy(*at, text, bytes);
    *at += bytes;
    return copy;
}

/* How many bytes the texts of fields have, with their NULs. */
size_t bl__http_fields_bytes(const bl_http_field *items, size_t count);

/* Copies fields to `copies`, and their texts to `*at`, which moves on. */
void bl__http_fields_copy(const bl_http_field *items, size_t count,
                          bl_http_field *copies, char **at);

/* ---- connections (pool.c) ------------------------------------------------ */

void bl__pool_init(bl_http_client *client);

/* Closes what is idle, and sends away who waits. */
void bl__pool_close(bl_http_client *client);

/*
 * Takes a connection for requests to `url`: an idle one, unless it has to be
 * fresh, or a new one.  May wait for a slot.  `proxy` may be NULL.
 */
int bl__pool_take(bl_http_client *client, const bl_url *url,
                  const bl_url *proxy, bool is_fresh,
                  struct bl__http_pooled **connection);

/* Gives a connection back that is ready for another request. */
void bl__pool_give(struct bl__http_pooled *connection);

/* Gives back one that is not, and is closed at once. */
void bl__pool_drop(struct bl__http_pooled *connection);

/* ---- connecting (dial.c) ------------------------------------------------- */

/* Opens a stream on which requests to `url` can be sent. */
int bl__http_dial(bl_http_client *client, const bl_url *url,
                  const bl_url *proxy, bl_stream **stream);

/* ---- requests (request.c) ------------------------------------------------ */

/* What is asked, apart from the URL; it owns copies of the texts. */
struct bl__http_order {
    char *memory;
    const char *method;
    bl_http_field *fields;
    size_t field_count;
    const char *userinfo; /* of the URL; NULL: there is none to send */
    const void *body;     /* the caller's */
    size_t body_bytes;
    bl_stream *source; /* the caller's */
    bool is_written;
    bool is_chunked;
    bool has_body;   /* its length is to be told, even if it is 0 */
    uint64_t length; /* unless it is chunked */
    bool expects_100;
    bool may_repeat;
    bool is_final;
};

int bl__http_order_init(struct bl__http_order *order, const char *method,
                        const char *userinfo,
                        const bl_http_call_options *options);
void bl__http_order_done(struct bl__http_order *order);

/* The request becomes another one, with `method` and without a body. */
void bl__http_order_drop_body(struct bl__http_order *order, const char *method);

/* Takes out what is not for another origin. */
void bl__http_order_drop_secrets(struct bl__http_order *order);

bool bl__http_order_is(const struct bl__http_order *order, const char *method);

/*
 * Writes the head of the request into memory that is allocated for it, and
 * freed by the caller.  `proxy` is the one that it is handed to, or NULL.
 */
int bl__http_order_compose(const struct bl__http_order *order,
                           const bl_url *url, const bl_url *proxy,
                           const char *user_agent, bl__http_output *output);

/* Puts "NAME: Basic ..." for the userinfo of a URL, unless that is NULL. */
int bl__http_put_basic(bl__http_output *output, const char *name,
                       const char *userinfo);

/* ---- sending (send.c) ---------------------------------------------------- */

/*
 * Sends the request, but for a body that is written piece by piece.  Returns 0
 * also if the server has answered before it has got all: has_head.
 */
int bl__http_send_request(bl_http_call *call, const bl_url *proxy);

/* Sends `count` bytes of a body.  BL_EHTTP_EARLY: the server has answered, and
 * wants no more. */
int bl__http_send_piece(bl_http_call *call, const void *bytes, size_t count);

/* Ends a body that was sent so. */
int bl__http_send_end(bl_http_call *call);

/* ---- heads of responses (receive.c) -------------------------------------- */

/*
 * Reads the next head of a response, into `items`.
 *
 * Returns 0 with the head taken from the input.  BL_EAGAIN and BL_ECANCELED of
 * `fill` leave what has come there.
 */
int bl__http_read_head(bl__http_input *input, bl__http_fill *fill,
                       size_t head_bytes_max, bl_http_field *items,
                       size_t items_max, bl__http_head *head);

/* Reads heads until the response's is there: has_head. */
int bl__http_receive_by(bl_http_call *call, bl__http_fill *fill);

/* The same, for as long as a server may take to answer. */
int bl__http_receive(bl_http_call *call);

/*
 * Waits until the server wants the body, or has been asked for long enough.
 * Returns 1 if it has answered instead: has_head.
 */
int bl__http_receive_continue(bl_http_call *call);

/* ---- calls (call.c) ------------------------------------------------------ */

struct bl_http_call {
    bl_http_client *client;
    struct bl__http_pooled *connection; /* NULL: it has none any more */
    struct bl__http_order order;
    bl_url url;
    uint64_t written;     /* of a body that is written piece by piece */
    bool is_writing;      /* and has not been ended */
    bool is_early;        /* the response came before its end */
    bool has_sent;        /* a part of the request went out */
    bool is_sent;         /* all of it did */
    bool is_broken;       /* the connection takes no more of it */
    bool has_used_source; /* something was read from it */
    bool has_head;        /* a response is here */
    bool is_settled;      /* it is the last one, and the user's */
    int failure;          /* what it has failed with, for good */
    int redirects;        /* that were followed */
    bl__http_head head;
    bl_http_body body;
    bl_http_field *trailers; /* behind the items */
    bl_http_field items[];
};

/* ---- redirects (redirect.c) ---------------------------------------------- */

/*
 * Looks at the response, which may be a redirect.  Returns 1 if the call
 * is to be made again, with the URL and the order as they are now; 0 if this is
 * the response; BL_EHTTP_REDIRECT.
 */
int bl__http_redirect(bl_http_call *call);

#endif
