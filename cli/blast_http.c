/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_http.c - a request of HTTP/1.1, and where its answer ends
 *
 * The parser finds the end of the answer, the status, and whether the
 * connection can be used again; what is in the answer is thrown away.  It
 * lives on the stack: an answer begins with it and ends with it.
 */
#include <http_parser.h>
#include <string.h>

#include "blast_load.h"

struct answer {
    http_parser parser; /* its `data` points back here */
    bool is_to_head;    /* without a body, whatever its headers say */
    bool is_whole;
};

static int on_headers(http_parser *parser) {
    const struct answer *answer = parser->data;
    return answer->is_to_head ? 1 : 0; /* 1: there is no body */
}

static int on_end(http_parser *parser) {
    struct answer *answer = parser->data;

    /* "100 Continue" and the like only announce the answer. */
    if (parser->status_code < 200) return 0;
    answer->is_whole = true;
    http_parser_pause(parser, 1); /* what comes behind it is not ours */
    return 0;
}

static const http_parser_settings settings = {
    .on_headers_complete = on_headers,
    .on_message_complete = on_end,
};

static int malformed(struct blast_reply *reply) {
    reply->phase = BLAST_MALFORMED;
    return BL_EPROTO;
}

/* Takes what was read, or the end of the stream (0 bytes). */
static int take(struct answer *answer, const unsigned char *bytes, size_t count,
                struct blast_reply *reply) {
    size_t taken = http_parser_execute(&answer->parser, &settings,
                                       (const char *)bytes, count);
    enum http_errno error = HTTP_PARSER_ERRNO(&answer->parser);

    if (answer->is_whole) {
        /* It pauses in the last byte of the answer, or behind it. */
        if (error != HPE_PAUSED && error != HPE_OK) return malformed(reply);
        return 0;
    }
    if (count > 0) {
        return error == HPE_OK && taken == count ? 0 : malformed(reply);
    }
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

    http_parser_init(&answer.parser, HTTP_RESPONSE);
    answer.parser.data = &answer;
    rc = read_answer(link, &answer, reply);
    if (rc < 0) return rc;
    reply->status = answer.parser.status_code;
    if (!http_should_keep_alive(&answer.parser)) reply->is_last = true;
    return 0;
}

const struct blast_wire blast_wire_http = { "http", talk };
