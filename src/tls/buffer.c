/* SPDX-License-Identifier: MIT */
/*
 * tls/buffer.c - a queue of bytes, and OpenSSL at one end of it
 *
 * OpenSSL reads and writes through a BIO of ours, which moves bytes from `in`
 * and to `out` of a connection and never waits: an empty `in` is "read again
 * later", and `out` grows.
 */
#include <openssl/bio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "tls/tls.h"

enum {
    BUFFER_BYTES_MIN = 512
};

bool bl__tls_buffer_reserve(struct bl__tls_buffer *buffer, size_t bytes) {
    size_t room = buffer->capacity - buffer->start - buffer->count;
    if (bytes <= room) return true;
    size_t needed = buffer->count + bytes;
    if (needed < bytes) return false;
    if (needed < BUFFER_BYTES_MIN) needed = BUFFER_BYTES_MIN;

    unsigned char *grown = bl__alloc(needed);
    if (grown == NULL) return false;
    if (buffer->count > 0) {
        memcpy(grown, buffer->bytes + buffer->start, buffer->count);
    }
    bl__free(buffer->bytes);
    buffer->bytes = grown;
    buffer->capacity = needed;
    buffer->start = 0;
    return true;
}

void bl__tls_buffer_drop(struct bl__tls_buffer *buffer, size_t bytes) {
    BL__ASSERT(bytes <= buffer->count);
    buffer->start += bytes;
    buffer->count -= bytes;
    if (buffer->count == 0) buffer->start = 0;
}

void bl__tls_buffer_free(struct bl__tls_buffer *buffer) {
    bl__free(buffer->bytes);
    *buffer = (struct bl__tls_buffer){ 0 };
}

/* ---- the BIO ----------------------------------------------------------- */

static int bio_read(BIO *bio, char *bytes, size_t room, size_t *moved) {
    struct bl__tls *tls = BIO_get_data(bio);
    struct bl__tls_buffer *in = &tls->in;
    BIO_clear_retry_flags(bio);
    if (in->count == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *moved = room < in->count ? room : in->count;
    memcpy(bytes, in->bytes + in->start, *moved);
    bl__tls_buffer_drop(in, *moved);
    return 1;
}

static int bio_write(BIO *bio, const char *bytes, size_t count, size_t *moved) {
    struct bl__tls *tls = BIO_get_data(bio);
    struct bl__tls_buffer *out = &tls->out;
    BIO_clear_retry_flags(bio);
    if (!bl__tls_buffer_reserve(out, count)) {
        tls->is_starved = true;
        return 0;
    }
    memcpy(out->bytes + out->start + out->count, bytes, count);
    out->count += count;
    *moved = count;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing else is asked of us */
}

/* Lives as long as the program, as OpenSSL's own do. */
BIO_METHOD *bl__tls_method_new(const char *name,
                               long (*ctrl)(BIO *, int, long, void *)) {
    BIO_METHOD *made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, name);
    if (made == NULL) return NULL;
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_ctrl(made, ctrl);
    return made;
}

BIO *bl__tls_bio_new(BIO_METHOD *method, struct bl__tls *tls) {
    BIO *bio = method != NULL ? BIO_new(method) : NULL;
    if (bio == NULL) return NULL;
    BIO_set_data(bio, tls);
    BIO_set_init(bio, 1);
    return bio;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_make(void) {
    method = bl__tls_method_new("belay", bio_ctrl);
}

bool bl__tls_attach(struct bl__tls *tls) {
    pthread_once(&method_once, method_make);
    BIO *bio = bl__tls_bio_new(method, tls);
    if (bio == NULL) return false;
    SSL_set_bio(tls->ssl, bio, bio); /* which owns it */
    return true;
}
