/* SPDX-License-Identifier: MIT */
/*
 * http/parse.c - the parser that the system has, llhttp or http-parser
 *
 * Both call functions of ours with parts of the bytes.  They get a whole head
 * at once, so each part comes in one piece; a second piece of a value can only
 * be a line that was folded, which is refused.  Both are told that no body
 * follows: where a body ends is decided by head.c and body.c, because what the
 * two let pass differs between them, and between their versions.
 */
#include "http/parse.h"

#include <belay/error.h>

#include "base/assert.h"

#if BELAY_HAVE_LLHTTP
#    include <llhttp.h>
typedef llhttp_t parser;
typedef llhttp_settings_t parser_settings;
#else
#    include <http_parser.h>
typedef http_parser parser;
typedef http_parser_settings parser_settings;
#endif

enum {
    NO_BODY_FOLLOWS = 1 /* what on_headers_complete returns for that */
};

/* ---- what the parser finds ---------------------------------------------- */

static bl__http_parsed *parsed_of(const parser *self) {
    return self->data;
}

static int fail(bl__http_parsed *parsed, int code) {
    parsed->failure = code;
    return -1;
}

static int set_once(bl__http_parsed *parsed, bl__http_span *span,
                    const char *at, size_t bytes) {
    if (span->at != NULL) return fail(parsed, BL_EHTTP_MALFORMED);
    *span = (bl__http_span){ .at = at, .bytes = bytes };
    return 0;
}

/* Hands over the field that has come to its end. */
static int end_field(bl__http_parsed *parsed) {
    if (parsed->field.name.at == NULL) return 0;
    int rc = parsed->on_field(parsed->context, &parsed->field);
    parsed->field = (bl__http_raw_field){ .name.at = NULL };
    return rc < 0 ? fail(parsed, rc) : 0;
}

static int on_target(parser *self, const char *at, size_t bytes) {
    bl__http_parsed *parsed = parsed_of(self);
    return set_once(parsed, &parsed->target, at, bytes);
}

static int on_name(parser *self, const char *at, size_t bytes) {
    bl__http_parsed *parsed = parsed_of(self);
    int rc = end_field(parsed);
    return rc < 0 ? rc : set_once(parsed, &parsed->field.name, at, bytes);
}

static int on_value(parser *self, const char *at, size_t bytes) {
    bl__http_parsed *parsed = parsed_of(self);
    return set_once(parsed, &parsed->field.value, at, bytes);
}

static int on_head_end(parser *self) {
    bl__http_parsed *parsed = parsed_of(self);
    int rc = end_field(parsed);
    parsed->status = (int)self->status_code;
    parsed->is_complete = true;
    return rc < 0 ? rc : NO_BODY_FOLLOWS;
}

/* ---- which parser it is ------------------------------------------------- */

static const parser_settings settings = {
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_headers_complete = on_head_end,
};

#if BELAY_HAVE_LLHTTP

static void parser_begin(parser *self, bool is_request) {
    llhttp_init(self, is_request ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
}

static int parser_run(parser *self, const char *bytes, size_t count) {
    return (int)llhttp_execute(self, bytes, count);
}

static bool is_fine(const parser *self, int error) {
    (void)self;
    return error == HPE_OK || error == HPE_PAUSED_UPGRADE;
}

#else

static void parser_begin(parser *self, bool is_request) {
    http_parser_init(self, is_request ? HTTP_REQUEST : HTTP_RESPONSE);
    /* What has both is refused by head.c, which says so to the peer. */
    self->allow_chunked_length = 1;
}

static int parser_run(parser *self, const char *bytes, size_t count) {
    http_parser_execute(self, &settings, bytes, count);
    return (int)HTTP_PARSER_ERRNO(self);
}

static bool is_fine(const parser *self, int error) {
    (void)self;
    return error == HPE_OK;
}

#endif

/* ---- running it --------------------------------------------------------- */

static int code_of(int error) {
    switch (error) {
    case HPE_INVALID_METHOD: return BL_EHTTP_METHOD;
    case HPE_INVALID_VERSION: return BL_EHTTP_VERSION;
    default: return BL_EHTTP_MALFORMED;
    }
}

static int run(parser *self, const char *bytes, size_t count) {
    const bl__http_parsed *parsed = parsed_of(self);
    int error = parser_run(self, bytes, count);
    if (parsed->failure < 0) return parsed->failure;
    return is_fine(self, error) ? 0 : code_of(error);
}

static int run_all(bool is_request, const char *bytes, size_t count,
                   bl__http_parsed *parsed) {
    parser self;
    parser_begin(&self, is_request);
    self.data = parsed;
    int rc = run(&self, bytes, count);
    if (rc == 0 && !parsed->is_complete) return BL_EHTTP_MALFORMED;
    return rc;
}

int bl__http_parse_request(const char *bytes, size_t count,
                           bl__http_parsed *parsed) {
    return run_all(true, bytes, count, parsed);
}

int bl__http_parse_response(const char *bytes, size_t count,
                            bl__http_parsed *parsed) {
    return run_all(false, bytes, count, parsed);
}

int bl__http_parse_fields(const char *bytes, size_t count,
                          bl__http_parsed *parsed) {
    static const char line[] = "GET / HTTP/1.1\r\n";
    parser self;
    parser_begin(&self, true);
    self.data = parsed;
    int rc = run(&self, line, sizeof line - 1);
    BL__ASSERT(rc == 0);
    rc = run(&self, bytes, count);
    if (rc == 0 && !parsed->is_complete) return BL_EHTTP_MALFORMED;
    return rc;
}
