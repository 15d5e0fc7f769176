/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_sum.c - the SHA-256 of a file
 */
#include "fetch_sum.h"

#include <stdlib.h>

#include <belay.h>
#include <belay/file.h>

#if BELAY_CLI_TLS

#    include <openssl/evp.h>

enum {
    SUM_BUFFER_BYTES = 65536
};

/* Reading waits, so others have their turn between two pieces. */
static int add_all(EVP_MD_CTX *context, bl_file *file, void *buffer) {
    for (;;) {
        bl_ssize count = bl_file_read(file, buffer, SUM_BUFFER_BYTES);
        if (count <= 0) return (int)count;
        if (EVP_DigestUpdate(context, buffer, (size_t)count) != 1) {
            return BL_ENOMEM;
        }
    }
}

int fetch_sum_of(const char *path, unsigned char *sum) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    void *buffer = malloc(SUM_BUFFER_BYTES);
    bl_file *file = NULL;
    int rc = BL_ENOMEM;
    if (context == NULL || buffer == NULL) goto free_both;
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) goto free_both;
    rc = bl_file_open(path, BL_OPEN_READ, NULL, &file);
    if (rc < 0) goto free_both;

    rc = add_all(context, file, buffer);
    if (rc == 0 && EVP_DigestFinal_ex(context, sum, NULL) != 1) rc = BL_ENOMEM;
    bl_file_abort(file);
free_both:
    free(buffer);
    EVP_MD_CTX_free(context);
    return rc;
}

#else

int fetch_sum_of(const char *path, unsigned char *sum) {
    (void)path;
    (void)sum;
    return BL_ENOTSUP;
}

#endif
