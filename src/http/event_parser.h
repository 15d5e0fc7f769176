/* SPDX-License-Identifier: MIT */
/*
 * http/event_parser.h - server-sent events, out of the bytes that carry them
 */
#ifndef BL__HTTP_EVENT_PARSER_H
#define BL__HTTP_EVENT_PARSER_H

#include <belay/base.h>

/* A text that grows. */
struct bl__event_text {
    char *bytes; /* with a NUL behind `count`, once there is any memory */
    size_t count;
    size_t capacity;
};

/*
 * The state between two bytes.  `data`, `type` and `next_id` are what the lines
 * so far have said about the event that is being read.
 */
struct bl__event_parser {
    size_t bytes_max; /* of a line, and of an event's data */
    struct bl__event_text line;
    struct bl__event_text data;
    struct bl__event_text type;
    struct bl__event_text id;      /* of the last event that has ended */
    struct bl__event_text next_id; /* what it becomes when this one ends */
    bl_ns retry;         /* what the server wishes; -1: it has not said */
    size_t bom_bytes;    /* of a byte order mark, seen at the start */
    bool has_begun;      /* the start is over */
    bool skips_lf;       /* the last line has ended with CR */
    bool has_next_id;    /* a line has said it */
    bool has_dispatched; /* data and type are of an event handed out */
};

void bl__event_parser_init(struct bl__event_parser *parser, size_t bytes_max);
void bl__event_parser_done(struct bl__event_parser *parser);

/* Begins as if the last event had had this id.  Returns 0 or BL_ENOMEM. */
int bl__event_parser_set_id(struct bl__event_parser *parser, const char *id);

/* A new stream begins; `id` and `retry` stay, so an event that was not finished
 * is asked for again. */
void bl__event_parser_restart(struct bl__event_parser *parser);

/*
 * Reads from `bytes` up to the end of the next event, and says in `*used` how
 * many it took.  Returns 1 if there is an event, in data, type and id; 0 if
 * all was taken; BL_EMSGSIZE, BL_ENOMEM.
 */
int bl__event_parser_feed(struct bl__event_parser *parser, const char *bytes,
                          size_t count, size_t *used);

#endif
