/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_http.c - a request of HTTP/1.1, and where its answer ends
 *
 * The parser finds the end of the answer, the status, and whether the
 * connection can be used again; what is in the answer is thrown away.  It
 * lives on the stack: an answer begins with it and ends with it.
 *
 * It is the system's parser, and not the client of belay-http, although that
 * stands on the same one.  What is measured is the server, so the load must
 * cost little: the same bytes are sent over and over, without redirects, pools
 * or fields to be kept, over connections whose number and times are its own.
 * The parser inside belay-http gets whole heads, in one piece, since it keeps
 * them; here bytes are forgotten as they come.
 */
#include <string.h>

#include "blast_load.h"

#if BELAY_CLI_LLHTTP
#    include <llhttp.h>
typedef llhttp_t parser;
typedef llhttp_settings_t parser_settings;
#else
#    include <http_parser.h>
typedef http_parser parser;
typedef http_parser_settings parser_settings;
#endif

enum {
    NO_BODY_FOLLOWS = 1 /* what on_headers returns for that */
};

struct answer {
    parser parser;   /* its `data` points back here */
    bool is_to_head; /* without a body, whatever its headers say */
    bool is_whole;
};

/* ---- the parser that the system has -------------------------------------- */

#if BELAY_CLI_LLHTTP

static void parser_begin(parser *self, const parser_settings *settings) {
    llhttp_init(self, HTTP_RESPONSE, settings);
}

/* Stops behind the answer: what comes then is not a part of it. */
static int parser_stop(parser *self) {
    (void)self;
    return HPE_PAUSED;
}

/* Takes bytes, or the end of the stream, and says how many it understood. */
static size_t parser_take(parser *self, const parser_settings *settings,
                          const char *bytes, size_t count) {
    (void)settings;
    if (count == 0) {
        llhttp_finish(self);
        return 0;
    }
    if (llhttp_execute(self, bytes, count) == HPE_OK) return count;
    return (size_t)(llhttp_get_error_pos(self) - bytes);
}

static bool parser_may_go_on(parser *self) {
    return llhttp_should_keep_alive(self) != 0;
}

#else

static void parser_begin(parser *self, const parser_settings *settings) {
    (void)settings;
    http_parser_init(self, HTTP_RESPONSE);
}

static int parser_stop(parser *self) {
    http_parser_pause(self, 1);
    return 0;
}

static size_t parser_take(parser *self, const parser_settings *settings,
                          const char *bytes, size_t count) {
    return http_parser_execute(self, settings, bytes, count);
}

static bool parser_may_go_on(parser *self) {
    return http_should_keep_alive(self) != 0;
}

#endif

/* ---- one answer ---------------------------------------------------------- */

static int on_headers(parser *self) {
    const struct answer *answer = self->data;
    return answer->is_to_head ? NO_BODY_FOLLOWS : 0;
}

static int on_end(parser *self) {
    struct answer *answer = self->data;

    /* "100 Continue" and the like only announce the answer. */
    if (self->status_code < 200) return 0;
    answer->is_whole = true;
    return parser_stop(self);
}

static const parser_settings settings = {
    .on_headers_complete = on_headers,
    .on_message_complete = on_end,
};

/* Takes what was read, or the end of the stream: 0 bytes. */
static int take(struct answer *answer, const unsigned char *bytes, size_t count,
                struct blast_reply *reply) {
    size_t taken =
        parser_take(&answer->parser, &settings, (const char *)bytes, count);

    if (taken < count) {
        reply->phase = BLAST_MALFORMED;
        return BL_EPROTO;
    }
    if (count > 0 || answer->is_whole) return 0;
    reply->phase = BLAST_CLOSED;
    return BL_ECONNRESET;
}

static int read_answer(struct blast_link *link, struct answer *answer,
                       struct blast_reply *reply) {
    int rc = 0;

    while (rc == 0 && !answer->is_whole) {
        reply->phase = BLAST_RECEIVE;
        bl_ssize count =
            bl_stream_read(link->stream, link->buffer, BLAST_BUFFER_BYTES);
        if (count < 0) return (int)count;
        reply->bytes_received += (uint64_t)count;
        rc = take(answer, link->buffer, (size_t)count, reply);
        if (count == 0) reply->is_last = true;
    }
    return rc;
}

static int talk(struct blast_link *link, struct blast_reply *reply) {
    const struct blast_load *load = link->load;
    struct answer answer = {
        .is_to_head = strcmp(load->options->method, "HEAD") == 0,
    };
    size_t done = 0;

    reply->phase = BLAST_SEND;
    int rc = bl_stream_write_all(link->stream, load->request,
                                 load->request_bytes, &done);
    reply->bytes_sent += done;
    if (rc < 0) return rc;

    parser_begin(&answer.parser, &settings);
    answer.parser.data = &answer;
    rc = read_answer(link, &answer, reply);
    if (rc < 0) return rc;
    reply->status = answer.parser.status_code;
    if (!parser_may_go_on(&answer.parser)) reply->is_last = true;
    return 0;
}

const struct blast_wire blast_wire_http = { "http", talk };
