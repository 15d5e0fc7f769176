/* SPDX-License-Identifier: MIT */
/*
 * http/route.c - which of several handlers answers a request
 */
#include "http/server.h"

enum {
    ALLOW_BYTES = 200 /* of the methods that are listed */
};

static bool fits_path(const char *pattern, const char *path) {
    size_t bytes = strlen(pattern);
    if (bytes == 0 || pattern[bytes - 1] != '*') {
        return strcmp(pattern, path) == 0;
    }
    return strncmp(pattern, path, bytes - 1) == 0;
}

static bool fits_method(const char *wanted, const bl_http_exchange *exchange) {
    if (wanted == NULL) return true;
    if (strcmp(wanted, exchange->method_name) == 0) return true;
    return exchange->method == BL_HTTP_HEAD && strcmp(wanted, "GET") == 0;
}

int bl_http_dispatch(bl_http_exchange *exchange, const bl_http_route *routes,
                     size_t count) {
    char text[ALLOW_BYTES];
    bl__http_output allow = { .bytes = text, .capacity = sizeof text - 1 };
    if (exchange == NULL || routes == NULL) return BL_EINVAL;
    for (size_t i = 0; i < count; i++) {
        const bl_http_route *route = &routes[i];
        if (!fits_path(route->path, exchange->path)) continue;
        if (fits_method(route->method, exchange)) {
            return route->handler(exchange, route->arg);
        }
        if (allow.count > 0) bl__http_put_literal(&allow, ", ");
        bl__http_put_text(&allow, route->method);
    }
    if (allow.count == 0) return 404;
    text[allow.count] = '\0';
    int rc = bl_http_add_field(exchange, "Allow", text);
    return rc < 0 ? rc : 405;
}
