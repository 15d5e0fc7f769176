/* SPDX-License-Identifier: MIT */
/*
 * http/output.c - heads that are sent
 *
 * What would break out of its place is refused where it is put: nobody else
 * has to think of it.
 */
#include "http/http.h"

enum {
    NUMBER_BYTES = 20 /* of the longest one, in decimal */
};

void bl__http_put_text(bl__http_output *output, const char *text) {
    bl__http_put(output, text, strlen(text));
}

static void put_digits(bl__http_output *output, uint64_t number,
                       unsigned base) {
    char digits[NUMBER_BYTES];
    size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    bl__http_put(output, digits + first, sizeof digits - first);
}

void bl__http_put_number(bl__http_output *output, uint64_t number) {
    put_digits(output, number, 10);
}

void bl__http_put_hex(bl__http_output *output, uint64_t number) {
    put_digits(output, number, 16);
}

int bl__http_put_field(bl__http_output *output, const char *name,
                       const char *value) {
    if (!bl_http_field_is_valid(name, value)) return BL_EINVAL;
    bl__http_put_text(output, name);
    bl__http_put_literal(output, ": ");
    bl__http_put_text(output, value);
    bl__http_put_literal(output, "\r\n");
    return 0;
}

void bl__http_put_status(bl__http_output *output, int status) {
    BL__ASSERT(status >= 100 && status <= 999);
    if (status == 200) { /* what almost all answers begin with */
        bl__http_put_literal(output, "HTTP/1.1 200 OK\r\n");
        return;
    }
    bl__http_put_literal(output, "HTTP/1.1 ");
    bl__http_put_number(output, (uint64_t)status);
    bl__http_put_literal(output, " ");
    bl__http_put_text(output, bl_http_reason(status));
    bl__http_put_literal(output, "\r\n");
}

int bl__http_put_request(bl__http_output *output, const char *method,
                         const char *target) {
    size_t method_bytes = strlen(method);
    size_t target_bytes = strlen(target);
    if (method_bytes == 0 || target_bytes == 0) return BL_EINVAL;
    if (!bl__http_is(method, method_bytes, BL__HTTP_TOKEN)) return BL_EINVAL;
    if (!bl__http_is(target, target_bytes, BL__HTTP_TARGET)) return BL_EINVAL;
    bl__http_put(output, method, method_bytes);
    bl__http_put_literal(output, " ");
    bl__http_put(output, target, target_bytes);
    bl__http_put_literal(output, " HTTP/1.1\r\n");
    return 0;
}
