/* SPDX-License-Identifier: MIT */
/*
 * http/request.c - what is asked of a server, and its head
 *
 * An order keeps what the user has said for as long as it may have to be said
 * again: after a stale connection, or at the address that a redirect leads to.
 * How a message is sent is up to this library, and so are the fields that say
 * so: from the user they are refused, or two programs might read the request in
 * two ways.
 */
#include <belay/error.h>

#include <strings.h>

#include "base/alloc.h"
#include "http/client.h"

enum {
    REQUEST_OVERHEAD_BYTES = 512, /* of what is the same in all heads */
    REQUEST_FIELDS_MAX = 1000
};

static const char *const request_own_fields[] = {
    "Connection", "Content-Length",    "Expect",  "Keep-Alive",       "TE",
    "Trailer",    "Transfer-Encoding", "Upgrade", "Proxy-Connection",
};

static bool is_name(const char *a, const char *b) {
    return strcasecmp(a, b) == 0;
}

/* ---- orders -------------------------------------------------------------- */

static int field_check(const bl_http_field *field) {
    size_t count = sizeof request_own_fields / sizeof *request_own_fields;
    if (field->name == NULL || field->value == NULL) return BL_EINVAL;
    if (!bl_http_field_is_valid(field->name, field->value)) {
        return BL_ERR(BL_EINVAL, "a field that would break out of its line");
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_name(field->name, request_own_fields[i])) continue;
        return BL_ERR(BL_EINVAL, "the field %s is up to the client",
                      field->name);
    }
    return 0;
}

static int options_check(const bl_http_call_options *options) {
    if (options->size < sizeof *options) return BL_EINVAL;
    if (options->field_count > REQUEST_FIELDS_MAX) return BL_EINVAL;
    if (options->fields == NULL && options->field_count > 0) return BL_EINVAL;
    if (options->body == NULL && options->body_bytes > 0) return BL_EINVAL;
    int ways = (options->body != NULL) + (options->source != NULL) +
               options->is_written;
    if (ways > 1) return BL_ERR(BL_EINVAL, "a body in more than one way");
    bool is_streamed = options->source != NULL || options->is_written;
    if (options->has_length && !is_streamed) return BL_EINVAL;
    if (options->length > INT64_MAX) return BL_EINVAL;
    for (size_t i = 0; i < options->field_count; i++) {
        int rc = field_check(&options->fields[i]);
        if (rc < 0) return rc;
    }
    return 0;
}

/* POST and PUT have a body, even if it is empty; others need not. */
static bool method_has_body(const char *method) {
    return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 ||
           strcmp(method, "PATCH") == 0;
}

size_t bl__http_fields_bytes(const bl_http_field *items, size_t count) {
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += strlen(items[i].name) + 1;
        bytes += strlen(items[i].value) + 1;
    }
    return bytes;
}

void bl__http_fields_copy(const bl_http_field *items, size_t count,
                          bl_http_field *copies, char **at) {
    for (size_t i = 0; i < count; i++) {
        copies[i].name = bl__http_copy_text(at, items[i].name);
        copies[i].value = bl__http_copy_text(at, items[i].value);
    }
}

/* Copies all texts into one block: the fields' items, and the texts behind
 * them. */
static int order_copy(struct bl__http_order *order, const char *method,
                      const char *userinfo,
                      const bl_http_call_options *options) {
    size_t count = options->field_count;
    size_t bytes = count * sizeof(bl_http_field) + strlen(method) + 1;
    if (userinfo != NULL) bytes += strlen(userinfo) + 1;
    bytes += bl__http_fields_bytes(options->fields, count);
    order->memory = bl__alloc(bytes);
    if (order->memory == NULL) return BL_ENOMEM;
    order->fields = (bl_http_field *)(void *)order->memory;
    order->field_count = count;
    char *at = (char *)(order->fields + count);
    order->method = bl__http_copy_text(&at, method);
    if (userinfo != NULL) order->userinfo = bl__http_copy_text(&at, userinfo);
    bl__http_fields_copy(options->fields, count, order->fields, &at);
    BL__ASSERT((size_t)(at - order->memory) == bytes);
    return 0;
}

int bl__http_order_init(struct bl__http_order *order, const char *method,
                        const char *userinfo,
                        const bl_http_call_options *options) {
    size_t method_bytes = strlen(method);
    bool is_token = bl__http_is(method, method_bytes, BL__HTTP_TOKEN);
    if (method_bytes == 0 || !is_token || strcmp(method, "CONNECT") == 0) {
        return BL_ERR(BL_EINVAL, "a method that cannot be sent");
    }
    int rc = options_check(options);
    if (rc < 0) return rc;
    bool is_streamed = options->source != NULL || options->is_written;
    *order = (struct bl__http_order){
        .body = options->body,
        .body_bytes = options->body_bytes,
        .source = options->source,
        .is_written = options->is_written,
        .is_chunked = is_streamed && !options->has_length,
        .has_body =
            is_streamed || options->body != NULL || method_has_body(method),
        .length = is_streamed ? options->length : options->body_bytes,
        .expects_100 = options->expects_100,
        .may_repeat = options->may_repeat,
        .is_final = options->is_final,
    };
    return order_copy(order, method, userinfo, options);
}

void bl__http_order_done(struct bl__http_order *order) {
    bl__free(order->memory);
    *order = (struct bl__http_order){ 0 };
}

bool bl__http_order_is(const struct bl__http_order *order, const char *method) {
    return strcmp(order->method, method) == 0;
}

/* Takes out the fields that `is_wrong` says so of. */
static void drop_fields(struct bl__http_order *order,
                        bool (*is_wrong)(const char *name)) {
    size_t kept = 0;
    for (size_t i = 0; i < order->field_count; i++) {
        if (is_wrong(order->fields[i].name)) continue;
        order->fields[kept++] = order->fields[i];
    }
    order->field_count = kept;
}

static bool is_secret(const char *name) {
    return is_name(name, "Authorization") || is_name(name, "Cookie") ||
           is_name(name, "Cookie2") || is_name(name, "Host") ||
           is_name(name, "Proxy-Authorization");
}

void bl__http_order_drop_secrets(struct bl__http_order *order) {
    drop_fields(order, is_secret);
    order->userinfo = NULL;
}

static bool is_of_body(const char *name) {
    return strncasecmp(name, "Content-", strlen("Content-")) == 0 ||
           is_name(name, "Digest") || is_name(name, "Last-Modified");
}

void bl__http_order_drop_body(struct bl__http_order *order,
                              const char *method) {
    drop_fields(order, is_of_body);
    order->method = method;
    order->body = NULL;
    order->body_bytes = 0;
    order->source = NULL;
    order->is_written = false;
    order->is_chunked = false;
    order->has_body = false;
    order->length = 0;
    order->expects_100 = false;
}

/* ---- heads --------------------------------------------------------------- */

/* Puts base64 of `bytes`; the output has room for it. */
static void put_base64(bl__http_output *output, const unsigned char *bytes,
                       size_t count) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        size_t left = count - i;
        unsigned value = (unsigned)bytes[i] << 16;
        if (left > 1) value |= (unsigned)bytes[i + 1] << 8;
        if (left > 2) value |= bytes[i + 2];
        char code[4] = { digits[value >> 18], digits[value >> 12 & 63],
                         left > 1 ? digits[value >> 6 & 63] : '=',
                         left > 2 ? digits[value & 63] : '=' };
        bl__http_put(output, code, sizeof code);
    }
}

int bl__http_put_basic(bl__http_output *output, const char *name,
                       const char *userinfo) {
    if (userinfo == NULL) return 0;
    size_t bytes = strlen(userinfo) + 2; /* maybe a colon; a NUL */
    char *text = bl__alloc(bytes);
    if (text == NULL) return BL_ENOMEM;
    bl_ssize count = bl_http_decode(userinfo, text, bytes);
    if (count >= 0) {
        if (strchr(userinfo, ':') == NULL) text[count++] = ':';
        bl__http_put_text(output, name);
        bl__http_put_literal(output, ": Basic ");
        put_base64(output, (unsigned char *)text, (size_t)count);
        bl__http_put_literal(output, "\r\n");
    }
    bl__free(text);
    return count < 0 ? (int)count : 0;
}

static bool has_field(const struct bl__http_order *order, const char *name) {
    for (size_t i = 0; i < order->field_count; i++) {
        if (is_name(order->fields[i].name, name)) return true;
    }
    return false;
}

static int put_own_field(const struct bl__http_order *order,
                         bl__http_output *output, const char *name,
                         const char *value) {
    if (value == NULL || has_field(order, name)) return 0;
    return bl__http_put_field(output, name, value);
}

static int put_authorization(const struct bl__http_order *order,
                             bl__http_output *output) {
    if (has_field(order, "Authorization")) return 0;
    return bl__http_put_basic(output, "Authorization", order->userinfo);
}

/* How the body is sent. */
static void put_framing(const struct bl__http_order *order,
                        bl__http_output *output) {
    if (order->is_chunked) {
        bl__http_put_literal(output, "Transfer-Encoding: chunked\r\n");
    } else if (order->has_body) {
        bl__http_put_literal(output, "Content-Length: ");
        bl__http_put_number(output, order->length);
        bl__http_put_literal(output, "\r\n");
    }
    if (order->expects_100) {
        bl__http_put_literal(output, "Expect: 100-continue\r\n");
    }
    if (order->is_final) bl__http_put_literal(output, "Connection: close\r\n");
    bl__http_put_literal(output, "\r\n");
}

static int put_head(const struct bl__http_order *order, const bl_url *url,
                    const bl_url *proxy, const char *user_agent,
                    bl__http_output *output) {
    const char *target = proxy != NULL ? url->text : url->target;
    int rc = bl__http_put_request(output, order->method, target);
    if (rc < 0) return rc;
    rc = put_own_field(order, output, "Host", url->authority);
    for (size_t i = 0; rc == 0 && i < order->field_count; i++) {
        rc = bl__http_put_field(output, order->fields[i].name,
                                order->fields[i].value);
    }
    if (rc == 0) rc = put_own_field(order, output, "User-Agent", user_agent);
    if (rc == 0)
        rc = put_own_field(order, output, "Accept-Encoding", "identity");
    if (rc == 0) rc = put_authorization(order, output);
    if (rc == 0 && proxy != NULL) {
        rc = bl__http_put_basic(output, "Proxy-Authorization", proxy->userinfo);
    }
    if (rc == 0) put_framing(order, output);
    return rc;
}

static size_t basic_bytes(const char *userinfo) {
    return userinfo == NULL ? 0 : 2 * strlen(userinfo); /* in base64 */
}

int bl__http_order_compose(const struct bl__http_order *order,
                           const bl_url *url, const bl_url *proxy,
                           const char *user_agent, bl__http_output *output) {
    size_t bytes = REQUEST_OVERHEAD_BYTES + strlen(order->method) +
                   strlen(url->text) + strlen(url->authority) +
                   basic_bytes(order->userinfo);
    if (proxy != NULL) bytes += basic_bytes(proxy->userinfo);
    if (user_agent != NULL) bytes += strlen(user_agent);
    for (size_t i = 0; i < order->field_count; i++) {
        bytes += strlen(order->fields[i].name) + strlen(": \r\n");
        bytes += strlen(order->fields[i].value);
    }
    *output = (bl__http_output){ .bytes = bl__alloc(bytes), .capacity = bytes };
    if (output->bytes == NULL) return BL_ENOMEM;
    int rc = put_head(order, url, proxy, user_agent, output);
    if (rc < 0) {
        bl__free(output->bytes);
        return rc;
    }
    BL__ASSERT(!output->is_full);
    return 0;
}
