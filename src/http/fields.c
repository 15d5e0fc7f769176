/* SPDX-License-Identifier: MIT */
/*
 * http/fields.c - names, values and lists: what they may have in them
 *
 * One table says of each byte where it may stand: in a token (RFC 9110, 5.6.2),
 * in a value (5.5: anything but control characters other than tab), in a
 * target (what is visible in ASCII).
 */
#include <strings.h>

#include "http/http.h"

#define N 0
#define V BL__HTTP_VALUE
#define S (BL__HTTP_VALUE | BL__HTTP_TARGET)
#define T (BL__HTTP_VALUE | BL__HTTP_TARGET | BL__HTTP_TOKEN)

const uint8_t bl__http_bytes[256] = {
    /* control characters, of which tab is allowed */
    N, N, N, N, N, N, N, N, N, V, N, N, N, N, N, N, N, N, N, N, N, N, N, N, N,
    N, N, N, N, N, N, N,
    /* space ! " # $ % & ' ( ) * + , - . / 0 to 9 : ; < = > ? */
    V, T, S, T, T, T, T, T, S, S, T, T, S, T, T, S, T, T, T, T, T, T, T, T, T,
    T, S, S, S, S, S, S,
    /* @ A to Z [ \ ] ^ _ */
    S, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
    T, T, S, S, S, T, T,
    /* ` a to z { | } ~ DEL */
    T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T, T,
    T, T, S, T, S, T, N,
    /* not ASCII */
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V, V,
    V, V, V
};

#undef N
#undef V
#undef S
#undef T

bool bl__http_is(const char *text, size_t bytes, uint8_t kind) {
    for (size_t i = 0; i < bytes; i++) {
        if ((bl__http_bytes[(unsigned char)text[i]] & kind) == 0) return false;
    }
    return true;
}

bool bl__http_is_host(const char *text, size_t bytes) {
    if (!bl__http_is(text, bytes, BL__HTTP_TARGET)) return false;
    return strcspn(text, "/?#@,\\") >= bytes;
}

bool bl__http_same(const char *text, size_t bytes, const char *lower) {
    if (strncasecmp(text, lower, bytes) != 0) return false;
    return lower[bytes] == '\0';
}

/* ---- lists -------------------------------------------------------------- */

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool bl__http_list_has(const char *list, const char *token) {
    size_t wanted = strlen(token);
    while (*list != '\0') {
        while (is_blank(*list) || *list == ',')
            list++;
        size_t item = strcspn(list, ",");
        size_t bytes = item;
        while (bytes > 0 && is_blank(list[bytes - 1]))
            bytes--;
        if (bytes == wanted && strncasecmp(list, token, bytes) == 0) {
            return bytes > 0;
        }
        list += item;
    }
    return false;
}

const char *bl_http_fields_next(const bl_http_fields *fields, const char *name,
                                size_t *index) {
    if (fields == NULL || name == NULL || index == NULL) return NULL;
    for (size_t i = *index; i < fields->count; i++) {
        if (strcasecmp(fields->items[i].name, name) != 0) continue;
        *index = i + 1;
        return fields->items[i].value;
    }
    *index = fields->count;
    return NULL;
}

const char *bl_http_fields_get(const bl_http_fields *fields, const char *name) {
    size_t index = 0;
    return bl_http_fields_next(fields, name, &index);
}

bool bl_http_fields_has_token(const bl_http_fields *fields, const char *name,
                              const char *token) {
    size_t index = 0;
    const char *list;
    if (token == NULL) return false;
    while ((list = bl_http_fields_next(fields, name, &index)) != NULL) {
        if (bl__http_list_has(list, token)) return true;
    }
    return false;
}

/* ---- what may be sent --------------------------------------------------- */

bool bl_http_field_is_valid(const char *name, const char *value) {
    if (name == NULL || value == NULL || *name == '\0') return false;
    if (!bl__http_is(name, strlen(name), BL__HTTP_TOKEN)) return false;
    return bl__http_is(value, strlen(value), BL__HTTP_VALUE);
}
