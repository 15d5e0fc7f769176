/* SPDX-License-Identifier: MIT */
/*
 * cli/payload.h - bytes that a command line names
 */
#ifndef CLI_PAYLOAD_H
#define CLI_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>

enum {
    PAYLOAD_BYTES_MAX = 1 << 30
};

/*
 * Makes bytes of `text`: "@FILE" is what is in the file ("@-" on standard
 * input), anything else the text itself, where \r \n \t \0 \\ and \xHH stand
 * for the bytes that are hard to type.
 *
 * Returns NULL, and the caller frees `*bytes`; or what went wrong, a sentence
 * without a subject, valid until the next call.
 */
const char *payload_read(const char *text, unsigned char **bytes,
                         size_t *count);

/*
 * Makes `count` bytes of letters and digits, in lines of 64, that repeat
 * nowhere soon.  Returns NULL without memory.
 */
unsigned char *payload_pattern(size_t count);

#endif
