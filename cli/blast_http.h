/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_http.h - the request that a load of HTTP consists of
 */
#ifndef CLI_BLAST_HTTP_H
#define CLI_BLAST_HTTP_H

#include "blast_options.h"

/*
 * Writes the request, head and body, that the options ask for.
 *
 * Returns NULL without memory; the caller frees it.
 */
unsigned char *blast_http_request(const struct blast_options *options,
                                  size_t *bytes);

#endif
