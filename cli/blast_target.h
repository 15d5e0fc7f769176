/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_target.h - what a URL says about where to send requests
 */
#ifndef CLI_BLAST_TARGET_H
#define CLI_BLAST_TARGET_H

#include <stdbool.h>
#include <stddef.h>

enum {
    TARGET_TEXT_BYTES = 1024
};

struct blast_target {
    bool is_http;                 /* else plain bytes */
    bool is_tls;                  /* under either of them */
    char host[TARGET_TEXT_BYTES]; /* without port and brackets, "" if local */
    char authority[TARGET_TEXT_BYTES]; /* as a Host header has it */
    char where[TARGET_TEXT_BYTES]; /* to look up: "host:port", "unix:/path" */
    const char *path;              /* in the URL; what HTTP asks for */
};

/*
 * Reads "http://HOST[:PORT][/PATH]", "https://...", "tcp://HOST:PORT",
 * "tls://HOST:PORT" or "unix:PATH".  Without a scheme it is http.  What comes
 * after '#' is dropped, as it is never sent.
 *
 * Returns NULL, or what is wrong with the URL, a sentence without a subject.
 */
const char *blast_target_read(const char *url, struct blast_target *target);

#endif
