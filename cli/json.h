/* SPDX-License-Identifier: MIT */
/*
 * cli/json.h - writes JSON that is valid, whatever is in it
 *
 * Calls nest as the text does.  Inside an object each value has a `key`; inside
 * an array, and at the top, it is NULL.  What could not be written is found out
 * by ferror of the file.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    JSON_DEPTH_MAX = 16
};

struct json {
    FILE *file;
    int depth;
    bool has_items[JSON_DEPTH_MAX]; /* at each depth: a comma comes first */
};

void json_object_begin(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array_begin(struct json *json, const char *key);
void json_array_end(struct json *json);

void json_uint(struct json *json, const char *key, uint64_t value);
void json_int(struct json *json, const char *key, int64_t value);
/* With `decimals` digits behind the point; what is no number becomes null. */
void json_real(struct json *json, const char *key, double value, int decimals);
void json_bool(struct json *json, const char *key, bool value);
/* NULL becomes null; bytes that are not UTF-8 become U+FFFD. */
void json_text(struct json *json, const char *key, const char *text);

#endif
