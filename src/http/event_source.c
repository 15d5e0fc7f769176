/* SPDX-License-Identifier: MIT */
/*
 * http/event_source.c - receiving server-sent events
 *
 *     (nothing) --connect--> (call) --read--> buffer --parse--> event
 *         ^                      |
 *         +------- lost ---------+
 *
 * A call that is cancelled leaves everything where it is: the next one goes on,
 * in the middle of a line, in the connection, or in the wait for another try.
 *
 * Invariants:
 *   call != NULL -> its response is a stream of events;
 *   buffer[start, end) was read and not yet parsed.
 */
#include <belay/error.h>
#include <belay/http/event_source.h>
#include <belay/scope.h>
#include <belay/task.h>

#include <strings.h>

#include "base/alloc.h"
#include "http/client.h"
#include "http/event_parser.h"

enum {
    SOURCE_BUFFER_BYTES = 8192,
    SOURCE_EVENT_BYTES = 1024 * 1024,
    SOURCE_OWN_FIELDS = 3,
    SOURCE_FIELDS_MAX = 1000
};

static const char source_type[] = "text/event-stream";

struct bl_http_event_source {
    bl_http_client *client;
    bl_http_call *call; /* NULL: not connected */
    struct bl__event_parser parser;
    char *url;
    bl_http_field *fields; /* the user's, and room for ours */
    size_t field_count;
    bl_ns retry;
    bl_ns retry_max;
    bl_ns silence_max;
    bl_ns due;          /* when to connect again */
    uint32_t failures;  /* in a row */
    uint32_t tries_max; /* 0: no limit */
    bool is_over;       /* the server has said so */
    size_t start;
    size_t end;
    char buffer[SOURCE_BUFFER_BYTES];
};

/* ---- connecting ---------------------------------------------------------- */

/* Whether another try may be worth it: the network may come back, and so may
 * the server.  A bad certificate does not become a good one. */
static bool will_pass(int rc) {
    switch (rc) {
    case BL_ECONNREFUSED:
    case BL_ECONNRESET:
    case BL_EPIPE:
    case BL_ETIMEDOUT:
    case BL_EIO: /* a name that is not known, now */
    case BL_EMFILE:
    case BL_EDNS_SERVER:
    case BL_EDNS_TIMEOUT:
    case BL_EHTTP_PROXY:
    case BL_EHTTP_TRUNCATED:
    case BL_ETLSTRUNCATED:
    case -ECONNABORTED:
    case -EHOSTUNREACH:
    case -ENETDOWN:
    case -ENETUNREACH: return true;
    default: return false;
    }
}

/* The connection is lost: when is the next one to be made? */
static void source_lose(bl_http_event_source *source) {
    bl_ns pause = source->parser.retry;
    bl_http_call_close(source->call);
    source->call = NULL;
    if (pause < 0) pause = source->retry;
    for (uint32_t i = 1; i < source->failures; i++) {
        if (pause >= source->retry_max) break;
        pause *= 2;
    }
    if (pause > source->retry_max) pause = source->retry_max;
    source->due = bl_ns_add(bl_now(), pause);
    source->start = 0;
    source->end = 0;
    bl__event_parser_restart(&source->parser);
}

/* After `rc`: 0 to try again, or the code that is to be told. */
static int source_fail(bl_http_event_source *source, int rc) {
    if (!will_pass(rc)) return rc;
    source->failures++;
    source_lose(source);
    if (source->tries_max == 0) return 0;
    return source->failures < source->tries_max ? 0 : rc;
}

/* What the response says: 1, it is a stream; 0, there is none any more. */
static int source_judge(bl_http_call *call) {
    int status = bl_http_call_status(call);
    if (status == 204) return 0;
    if (status >= 502 && status <= 504) {
        return BL_ERR(BL_EIO, "the server answers %d", status);
    }
    if (status != 200) {
        return BL_ERR(BL_EHTTP_UNEXPECTED, "the server answers %d %s", status,
                      bl_http_call_reason(call));
    }
    const char *type =
        bl_http_fields_get(bl_http_call_fields(call), "Content-Type");
    size_t length = type == NULL ? 0 : strcspn(type, "; \t");
    bool is_stream = length == strlen(source_type) &&
                     strncasecmp(type, source_type, length) == 0;
    if (is_stream) return 1;
    return BL_ERR(BL_EHTTP_UNEXPECTED, "the server answers with %s",
                  type == NULL ? "no type" : type);
}

static int source_connect(bl_http_event_source *source) {
    int rc = bl_sleep_until(source->due);
    if (rc < 0) return rc;
    size_t count = source->field_count;
    bl_http_field *own = source->fields + count;
    *own++ = (bl_http_field){ "Accept", source_type };
    *own++ = (bl_http_field){ "Cache-Control", "no-store" };
    const char *id = source->parser.id.bytes;
    bool has_id = source->parser.id.count > 0 &&
                  bl_http_field_is_valid("Last-Event-ID", id);
    if (has_id) *own++ = (bl_http_field){ "Last-Event-ID", id };

    bl_http_call_options options = {
        .size = sizeof options,
        .fields = source->fields,
        .field_count = (size_t)(own - source->fields),
    };
    bl_http_call *call;
    rc = bl_http_call_open(source->client, "GET", source->url, &options, &call);
    if (rc < 0) return rc;
    rc = source_judge(call);
    if (rc == 1) {
        bl_http_body *body = bl_http_call_body(call);
        body->pace.patience = source->silence_max;
        source->call = call;
        source->failures = 0;
        return 0;
    }
    bl_http_call_close(call);
    source->is_over = rc == 0;
    return rc;
}

/* ---- reading ------------------------------------------------------------- */

/* Reads once.  Returns BL_EHTTP_TRUNCATED at the end, which is none here. */
static int source_fill(bl_http_event_source *source) {
    bl_http_body *body = bl_http_call_body(source->call);
    bl_ssize count =
        bl_http_body_read(body, source->buffer, sizeof source->buffer);
    if (count < 0) return (int)count;
    if (count == 0) return BL_EHTTP_TRUNCATED;
    source->start = 0;
    source->end = (size_t)count;
    return 0;
}

/* Parses what is buffered.  Returns 1 if that was an event. */
static int source_parse(bl_http_event_source *source) {
    size_t used;
    int rc =
        bl__event_parser_feed(&source->parser, source->buffer + source->start,
                              source->end - source->start, &used);
    source->start += used;
    return rc;
}

/* Connects, reads or parses, whatever is next. */
static int source_step(bl_http_event_source *source) {
    int rc;
    if (source->call == NULL) {
        rc = source_connect(source);
    } else if (source->start < source->end) {
        rc = source_parse(source);
        if (rc < 0) source_lose(source); /* nobody could find the next one */
        return rc;
    } else {
        rc = source_fill(source);
    }
    return rc < 0 ? source_fail(source, rc) : rc;
}

int bl_http_event_source_next(bl_http_event_source *source,
                              bl_http_received_event *event) {
    if (source == NULL || event == NULL) return BL_EINVAL;
    int rc = 0;
    while (rc == 0) {
        if (source->is_over) return 0;
        rc = source_step(source);
    }
    if (rc < 0) return rc;
    const struct bl__event_parser *parser = &source->parser;
    *event = (bl_http_received_event){
        .type = parser->type.count > 0 ? parser->type.bytes : "message",
        .data = parser->data.bytes,
        .data_bytes = parser->data.count,
        .id = parser->id.count > 0 ? parser->id.bytes : "",
    };
    return 1;
}

/* ---- opening and closing ------------------------------------------------- */

static int options_check(const bl_http_event_source_options *options) {
    if (options->size < sizeof *options) return BL_EINVAL;
    if (options->field_count > SOURCE_FIELDS_MAX) return BL_EINVAL;
    if (options->fields == NULL && options->field_count > 0) return BL_EINVAL;
    for (size_t i = 0; i < options->field_count; i++) {
        const bl_http_field *field = &options->fields[i];
        if (field->name == NULL || field->value == NULL) return BL_EINVAL;
    }
    bool is_negative = options->retry < 0 || options->retry_max < 0 ||
                       options->silence_max < 0;
    return is_negative ? BL_EINVAL : 0;
}

/* Copies the URL and the fields into one block. */
static int source_copy(bl_http_event_source *source, const char *url,
                       const bl_http_event_source_options *options) {
    size_t count = options->field_count;
    size_t items = (count + SOURCE_OWN_FIELDS) * sizeof source->fields[0];
    size_t bytes = items + strlen(url) + 1;
    bytes += bl__http_fields_bytes(options->fields, count);
    source->fields = bl__alloc(bytes);
    if (source->fields == NULL) return BL_ENOMEM;
    char *at = (char *)source->fields + items;
    source->url = bl__http_copy_text(&at, url);
    bl__http_fields_copy(options->fields, count, source->fields, &at);
    source->field_count = count;
    return 0;
}

static void options_take(bl_http_event_source *source,
                         const bl_http_event_source_options *options) {
    size_t bytes_max = options->event_bytes_max;
    source->retry = options->retry == 0 ? BL_SEC(3) : options->retry;
    source->retry_max =
        options->retry_max == 0 ? BL_SEC(60) : options->retry_max;
    source->silence_max =
        options->silence_max == 0 ? BL_FOREVER : options->silence_max;
    source->tries_max = options->tries_max;
    bl__event_parser_init(&source->parser,
                          bytes_max == 0 ? SOURCE_EVENT_BYTES : bytes_max);
}

int bl_http_event_source_open(bl_http_client *client, const char *url,
                              const bl_http_event_source_options *options,
                              bl_http_event_source **source) {
    static const bl_http_event_source_options defaults = {
        .size = sizeof defaults,
    };
    if (client == NULL || url == NULL || source == NULL) return BL_EINVAL;
    if (options == NULL) options = &defaults;
    int rc = options_check(options);
    if (rc < 0) return rc;
    bl_url parsed;
    rc = bl_url_parse(url, &parsed);
    if (rc < 0) return rc;
    bl_url_done(&parsed);

    bl_http_event_source *made = bl__http_new(sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    made->client = client;
    options_take(made, options);
    rc = source_copy(made, url, options);
    if (rc == 0 && options->last_id != NULL) {
        rc = bl__event_parser_set_id(&made->parser, options->last_id);
    }
    if (rc < 0) {
        bl_http_event_source_close(made);
        return rc;
    }
    *source = made;
    return 0;
}

void bl_http_event_source_close(bl_http_event_source *source) {
    if (source == NULL) return;
    bl_http_call_close(source->call);
    bl__event_parser_done(&source->parser);
    bl__free(source->fields);
    bl__free(source);
}
