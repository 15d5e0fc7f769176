/* SPDX-License-Identifier: MIT */
/*
 * http/parse.h - the parser that the system has, llhttp or http-parser
 *
 * Only parse.c knows which of both it is.  It takes a head apart; head.c
 * judges what it has found.
 */
#ifndef BL__HTTP_PARSE_H
#define BL__HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>

/* A part of the bytes; NULL: there is none. */
typedef struct bl__http_span {
    const char *at;
    size_t bytes;
} bl__http_span;

/* A field as it stands there. */
typedef struct bl__http_raw_field {
    bl__http_span name;
    bl__http_span value;
} bl__http_raw_field;

/*
 * What is to be parsed, and what was found.
 *
 * `on_field` is called for each field, and returns 0 or a code, which ends it.
 */
typedef struct bl__http_parsed {
    int (*on_field)(void *context, const bl__http_raw_field *field);
    void *context;
    bl__http_span target; /* of a request */
    int status;
    /* inside parse.c */
    bl__http_raw_field field;
    int failure;
    bool is_complete;
} bl__http_parsed;

/*
 * Parses the head of a request or a response, or fields alone: `count` bytes
 * that end with an empty line.
 *
 * Returns 0; BL_EHTTP_MALFORMED, BL_EHTTP_METHOD or BL_EHTTP_VERSION; or what
 * on_field returned.
 */
int bl__http_parse_request(const char *bytes, size_t count,
                           bl__http_parsed *parsed);
int bl__http_parse_response(const char *bytes, size_t count,
                            bl__http_parsed *parsed);
int bl__http_parse_fields(const char *bytes, size_t count,
                          bl__http_parsed *parsed);

#endif
