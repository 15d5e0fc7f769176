/* SPDX-License-Identifier: MIT */
/*
 * tls/kind.c - TLS as a kind of stream
 *
 * A write encrypts, which moves the bytes, and then flushes.  Cancelled before,
 * it has moved nothing; cancelled in the flush, it has moved them all, and what
 * is left is sent by the next call, so no record is ever cut.  A read is
 * cancelled while it waits for more, with all that came still in `in`.
 *
 * What a connection fails with is told to the peer, by an alert, as soon as
 * somebody is there who may wait: a try leaves that to the next call.
 *
 * An end of the lower stream without a goodbye (close_notify) is an error: who
 * can cut a connection must not be able to end a message.
 */
#include <openssl/err.h>
#include <string.h>

#include "base/alloc.h"
#include "tls/tls.h"

enum {
    WRITE_BYTES_MAX = 64 * 1024, /* of one call: four records */
    RECORD_PLAIN_BYTES = 16 * 1024,
    RECORD_EXTRA_BYTES = 5 + 256,
    KEY_UPDATE_BYTES = 128 /* and its answer, before the next record */
};

/* ---- failing ----------------------------------------------------------- */

void bl__tls_send_alert(struct bl__tls *tls) {
    bl_scope scope;
    if (tls->is_closed) return;
    bl_scope_enter_move_on(&scope, tls->close_ns_max);
    int rc = bl__tls_flush(tls);
    BL_IGNORE(bl_scope_exit(&scope, rc)); /* the failure counts, not this */
}

/* Ends the connection for good; what OpenSSL said becomes the error. */
static int fail(struct bl__tls *tls) {
    tls->failure = bl__tls_fault(tls);
    tls->owes_alert = true;
    return tls->failure;
}

/* Sends the alert that is still to be sent.  Returns `rc`, with its error. */
static int tell(struct bl__tls *tls, int rc) {
    if (!tls->owes_alert) return rc;
    tls->owes_alert = false;
    bl_error *error = bl_error_take(rc);
    bl__tls_send_alert(tls);
    rc = BL_ERR(rc, "%s", bl_error_message(error));
    bl_error_unref(error);
    return rc;
}

/* ---- reading ----------------------------------------------------------- */

/* Why SSL_read gave nothing: 0 at the end, BL_EAGAIN to serve what it wants and
 * try again. */
static int why_nothing(struct bl__tls *tls, int result) {
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_WANT_WRITE: return BL_EAGAIN; /* of a warning, perhaps */
    case SSL_ERROR_WANT_READ:
        if (!tls->is_cut_off) return BL_EAGAIN;
        tls->failure = BL_ETLSTRUNCATED;
        return BL_ERR(BL_ETLSTRUNCATED,
                      "TLS: the stream ended, but the peer has not ended it");
    default: return fail(tls);
    }
}

/* Decrypts what has come; further parts are filled from the same record. */
static bl_ssize read_plain(struct bl__tls *tls, const struct iovec *parts,
                           int count) {
    size_t total = 0;
    if (tls->is_closed) return BL_ECLOSED;
    if (tls->failure < 0) return bl__tls_failed(tls);
    for (int i = 0; i < count; i++) {
        size_t done = 0;
        while (done < parts[i].iov_len) {
            size_t got = 0;
            if (total > 0 && SSL_pending(tls->ssl) == 0) break;
            ERR_clear_error();
            int result = SSL_read_ex(tls->ssl, (char *)parts[i].iov_base + done,
                                     parts[i].iov_len - done, &got);
            if (result != 1) {
                return total > 0 ? (bl_ssize)total : why_nothing(tls, result);
            }
            done += got;
            total += got;
        }
    }
    return (bl_ssize)total;
}

static bl_ssize tls_read(void *self, const struct iovec *parts, int count) {
    struct bl__tls *tls = self;
    while (true) {
        bl_ssize moved = read_plain(tls, parts, count);
        if (moved >= 0) return moved;
        if (moved != BL_EAGAIN) return tell(tls, (int)moved);
        int rc =
            SSL_want_write(tls->ssl) ? bl__tls_flush(tls) : bl__tls_fill(tls);
        if (rc < 0) return rc;
    }
}

/* What came may be no data, such as a ticket: then the next is looked at. */
static bl_ssize tls_try_read(void *self, const struct iovec *parts, int count) {
    struct bl__tls *tls = self;
    while (true) {
        bl_ssize moved = read_plain(tls, parts, count);
        if (moved != BL_EAGAIN) return moved;
        int rc = bl__tls_try_fill(tls);
        if (rc < 0) return rc;
    }
}

/* ---- writing ----------------------------------------------------------- */

static int encrypt(struct bl__tls *tls, const void *bytes, size_t count) {
    size_t records = count / RECORD_PLAIN_BYTES + 1;
    size_t needed = count + records * RECORD_EXTRA_BYTES + KEY_UPDATE_BYTES;
    if (!bl__tls_buffer_reserve(&tls->out, needed)) return BL_ENOMEM;
    size_t written;
    ERR_clear_error();
    if (SSL_write_ex(tls->ssl, bytes, count, &written) == 1) return 0;
    return tell(tls, fail(tls));
}

/* Small parts become one record: each costs some thirty bytes and a call. */
static bl_ssize encrypt_gathered(struct bl__tls *tls, const struct iovec *parts,
                                 int count) {
    char *bytes = bl__alloc(RECORD_PLAIN_BYTES);
    if (bytes == NULL) return BL_ENOMEM;
    size_t total = 0;
    for (int i = 0; i < count && total < RECORD_PLAIN_BYTES; i++) {
        size_t part = parts[i].iov_len;
        if (part > RECORD_PLAIN_BYTES - total) {
            part = RECORD_PLAIN_BYTES - total;
        }
        if (part > 0) memcpy(bytes + total, parts[i].iov_base, part);
        total += part;
    }
    int rc = encrypt(tls, bytes, total);
    OPENSSL_cleanse(bytes, total);
    bl__free(bytes);
    return rc < 0 ? rc : (bl_ssize)total;
}

static bl_ssize encrypt_parts(struct bl__tls *tls, const struct iovec *parts,
                              int count) {
    size_t bytes = parts[0].iov_len;
    if (count > 1 && bytes < RECORD_PLAIN_BYTES) {
        return encrypt_gathered(tls, parts, count);
    }
    if (bytes > WRITE_BYTES_MAX) bytes = WRITE_BYTES_MAX;
    int rc = encrypt(tls, parts[0].iov_base, bytes);
    return rc < 0 ? rc : (bl_ssize)bytes;
}

int bl__tls_may_write(const struct bl__tls *tls) {
    if (tls->is_closed) return BL_ECLOSED;
    if (tls->failure < 0) return bl__tls_failed(tls);
    return tls->is_ended ? BL_EPIPE : 0;
}

/* Flushes what is left from before.  Returns whether more may be written. */
static int write_begin(struct bl__tls *tls) {
    int flushed = bl__tls_flush(tls);
    int rc = bl__tls_may_write(tls);
    return rc < 0 ? rc : flushed;
}

static bl_ssize tls_write(void *self, const struct iovec *parts, int count) {
    struct bl__tls *tls = self;
    int rc = write_begin(tls);
    bl_ssize moved = 0;
    if (rc == 0 && bl__tls_kernel_sends(tls)) {
        return bl__tls_kernel_write(tls, parts, count);
    }
    if (rc == 0) {
        moved = encrypt_parts(tls, parts, count);
        if (moved < 0) return moved;
        rc = bl__tls_flush(tls);
    }
    if (rc == BL_ECANCELED) {
        bl__tls_hand_over(tls);
        return moved > 0 ? moved : rc;
    }
    return rc < 0 ? rc : moved;
}

/* Where the program encrypts, it has to read the file, too. */
static bl_ssize tls_send_file(void *self, int file_fd, int64_t offset,
                              size_t bytes) {
    struct bl__tls *tls = self;
    if (!bl__tls_kernel_sends(tls)) return BL_ENOTSUP;
    int rc = write_begin(tls);
    if (rc == 0) return bl__tls_kernel_send_file(tls, file_fd, offset, bytes);
    if (rc == BL_ECANCELED) bl__tls_hand_over(tls);
    return rc;
}

/* ---- ending ------------------------------------------------------------ */

static int say_goodbye(struct bl__tls *tls) {
    if (tls->is_closed) return BL_ECLOSED;
    if (tls->failure < 0) return bl__tls_failed(tls);
    while (!tls->is_ended) {
        ERR_clear_error();
        int result = SSL_shutdown(tls->ssl);
        tls->is_ended = result >= 0;
        if (tls->is_ended) break;
        if (SSL_get_error(tls->ssl, result) != SSL_ERROR_WANT_WRITE) {
            return tell(tls, fail(tls));
        }
        int rc = bl__tls_flush(tls);
        if (rc < 0) return rc;
    }
    return bl__tls_flush(tls);
}

static int tls_shutdown_write(void *self) {
    struct bl__tls *tls = self;
    int rc = say_goodbye(tls);
    if (rc == BL_ECANCELED) bl__tls_hand_over(tls);
    return rc;
}

/* Reads, and forgets, until the peer has said goodbye. */
static int await_goodbye(struct bl__tls *tls) {
    char bytes[512];
    struct iovec part = { .iov_base = bytes, .iov_len = sizeof bytes };
    bl_ssize moved;
    do {
        moved = tls_read(tls, &part, 1);
    } while (moved > 0);
    return (int)moved;
}

static int end_both(struct bl__tls *tls) {
    bool is_all_sent = bl__tls_unsent(tls) == 0;
    int rc = say_goodbye(tls);
    bool is_gone = rc == BL_EPIPE || rc == BL_ECONNRESET;
    if (is_gone && is_all_sent) {
        rc = 0; /* who has left misses no goodbye */
    } else if (rc == 0) {
        rc = bl__tls_kernel_drain(tls);
        if (rc == 0 && tls->waits_for_end) rc = await_goodbye(tls);
    }
    if (rc == BL_ECANCELED || tls->is_closed) return rc;
    tls->is_closed = true;
    int closed = bl_stream_close(tls->under);
    tls->under = NULL;
    return rc < 0 ? rc : closed;
}

static int tls_close(void *self) {
    struct bl__tls *tls = self;
    bl_scope scope;
    if (tls->failure < 0) {
        BL_IGNORE(tell(tls, tls->failure)); /* it was told when it failed */
        return 0;
    }
    bl_scope_enter_shield(&scope, tls->close_ns_max);
    int rc = end_both(tls);
    int left = bl_scope_exit(&scope, rc);
    if (rc == BL_ECANCELED && left == 0) {
        return BL_ERR(BL_ETIMEDOUT, "TLS: the peer does not take the goodbye");
    }
    return left;
}

static int tls_abort(void *self, bool is_cut) {
    struct bl__tls *tls = self;
    (void)is_cut; /* without a goodbye, the peer can tell */
    tls->is_closed = true;
    bl_stream_abort(tls->under);
    tls->under = NULL;
    return 0;
}

void bl__tls_free(struct bl__tls *tls) {
    if (tls->ssl != NULL) {
        /* Not what OpenSSL calls bad: the session stays good for another. */
        SSL_set_shutdown(tls->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(tls->ssl);
    }
    BIO_free(tls->socket);
    bl__tls_buffer_free(&tls->in);
    bl__tls_buffer_free(&tls->out);
    bl__tls_buffer_free(&tls->sending);
    bl_tls_context_unref(tls->context);
    bl__free(tls);
}

static void tls_free(void *self) {
    bl__tls_free(self);
}

/* It shows no descriptor: what is written there goes past the encryption. */
const bl_stream_ops bl__tls_ops = {
    .size = sizeof(bl_stream_ops),
    .name = "TLS",
    .read = tls_read,
    .write = tls_write,
    .shutdown_write = tls_shutdown_write,
    .close = tls_close,
    .abort = tls_abort,
    .free = tls_free,
    .try_read = tls_try_read,
    .send_file = tls_send_file,
};
