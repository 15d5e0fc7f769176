/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_options.h - what the command line of `belay fetch` asks for
 */
#ifndef CLI_FETCH_OPTIONS_H
#define CLI_FETCH_OPTIONS_H

#include <belay/base.h>
#include <belay/http/message.h>

enum {
    FETCH_JOBS_MAX = 64,
    FETCH_HEADERS_MAX = 32,
    FETCH_SUM_BYTES = 32 /* of SHA-256 */
};

struct fetch_options {
    char **urls;
    size_t url_count;
    char **paths; /* of the files, one for each URL */
    const char *output;
    const char *directory;
    uint32_t jobs;
    uint32_t retries;
    bool resumes;
    bl_ns timeout;      /* of one URL; BL_FOREVER */
    uint64_t bytes_max; /* of one file; UINT64_MAX */
    bool has_sum;
    unsigned char sum[FETCH_SUM_BYTES];
    bl_http_field headers[FETCH_HEADERS_MAX];
    size_t header_count;
    bool is_unverified; /* TLS without proof of who it is */
    const char *roots_file;
    bool is_quiet;
};

extern const char fetch_usage[];

/*
 * Reads the command line.  What is wrong with it is said on stderr.
 *
 * Returns -1 to go on, and then `options` is given back with
 * fetch_options_done; else the exit status.
 */
int fetch_options_read(int argc, char **argv, struct fetch_options *options);

void fetch_options_done(struct fetch_options *options);

/*
 * Writes the name that `url` gives to its file into `name`: the last part of
 * its path, "index.html" if that is empty.
 *
 * Returns NULL, or what is wrong with it, a sentence without a subject.
 */
const char *fetch_name_of(const char *url, char *name, size_t bytes);

#endif
