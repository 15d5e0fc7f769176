/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_http_request.c - the request that a load of HTTP consists of
 *
 * It is written once and sent over and over.  A header of the command line
 * takes the place of ours of the same name.
 */
#include "blast_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <belay/base.h>

/* Whether the command line has a header of this name. */
static bool is_given(const struct blast_options *options, const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < options->header_count; i++) {
        const char *line = options->headers[i];
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            return true;
        }
    }
    return false;
}

static void put_header(FILE *file, const struct blast_options *options,
                       const char *name, const char *value) {
    if (is_given(options, name)) return;
    fprintf(file, "%s: %s\r\n", name, value);
}

static void put_head(FILE *file, const struct blast_options *options) {
    const char *path = options->target.path;
    char length[32];

    fprintf(file, "%s %s%.*s HTTP/1.1\r\n", options->method,
            path[0] == '/' ? "" : "/", (int)strcspn(path, "#"), path);
    put_header(file, options, "Host", options->target.authority);
    put_header(file, options, "User-Agent", "belay-blast/" BL_VERSION);
    put_header(file, options, "Accept", "*/*");
    if (options->body != NULL) {
        snprintf(length, sizeof(length), "%zu", options->body_bytes);
        put_header(file, options, "Content-Length", length);
    }
    if (options->is_fresh) put_header(file, options, "Connection", "close");
    for (size_t i = 0; i < options->header_count; i++)
        fprintf(file, "%s\r\n", options->headers[i]);
    fputs("\r\n", file);
}

unsigned char *blast_http_request(const struct blast_options *options,
                                  size_t *bytes) {
    char *memory = NULL;
    FILE *file = open_memstream(&memory, bytes);

    if (file == NULL) return NULL;
    put_head(file, options);
    if (options->body != NULL)
        fwrite(options->body, 1, options->body_bytes, file);
    bool is_whole = ferror(file) == 0;
    if (fclose(file) != 0 || !is_whole) {
        free(memory);
        return NULL;
    }
    return (unsigned char *)memory;
}
