/* SPDX-License-Identifier: MIT */
/*
 * http/target.c - what is encoded in paths and queries
 */
#include "http/http.h"

/* Decodes the first `length` bytes of `text`. */
static bl_ssize decode(const char *text, size_t length, char space,
                       char *buffer, size_t bytes) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            if (length - i < 3) return BL_EINVAL;
            int high = bl__http_hex_value(text[i + 1]);
            int low = bl__http_hex_value(text[i + 2]);
            if (high < 0 || low < 0) return BL_EINVAL;
            c = (char)(high * 16 + low);
            if (c == '\0') return BL_EINVAL;
            i += 2;
        } else if (c == space) {
            c = ' ';
        }
        if (count + 1 >= bytes) return BL_EMSGSIZE;
        buffer[count++] = c;
    }
    if (count >= bytes) return BL_EMSGSIZE;
    buffer[count] = '\0';
    return (bl_ssize)count;
}

bl_ssize bl_http_decode(const char *text, char *buffer, size_t bytes) {
    if (text == NULL || buffer == NULL) return BL_EINVAL;
    return decode(text, strlen(text), '\0', buffer, bytes);
}

bl_ssize bl_http_query_get(const char *query, const char *name, char *buffer,
                           size_t bytes) {
    if (name == NULL || buffer == NULL) return BL_EINVAL;
    if (query == NULL) return BL_ENOENT;
    size_t wanted = strlen(name);
    while (*query != '\0') {
        size_t pair = strcspn(query, "&");
        size_t key = strcspn(query, "=&");
        if (key == wanted && memcmp(query, name, key) == 0) {
            size_t value = key < pair ? key + 1 : pair;
            return decode(query + value, pair - value, '+', buffer, bytes);
        }
        query += pair;
        if (*query == '&') query++;
    }
    return BL_ENOENT;
}
