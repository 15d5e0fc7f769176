/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_sum.h - the SHA-256 of a file
 */
#ifndef CLI_FETCH_SUM_H
#define CLI_FETCH_SUM_H

/*
 * Writes the SHA-256 of what is in the file at `path` into `sum`, of
 * FETCH_SUM_BYTES.  Returns 0; BL_ENOTSUP without OpenSSL; or one of
 * bl_file_read's codes.
 */
int fetch_sum_of(const char *path, unsigned char *sum);

#endif
