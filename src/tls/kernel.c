/* SPDX-License-Identifier: MIT */
/*
 * tls/kernel.c - having the kernel encrypt what is written (kTLS)
 *
 * OpenSSL shakes hands as ever, and then gives the key that it would write with
 * to the kernel, by commands to the BIO that it writes to.  So it gets a BIO of
 * ours in front of its own for a socket: commands go on to that one, and bytes
 * to `out`, as without the kernel.  From then on
 *
 *   what users write goes straight to the lower stream, which waits, is
 *   cancelled and takes parts as any socket does: its bytes become records
 *   below, and those of a file do by sendfile();
 *   what OpenSSL has to say itself, alerts and tickets, is in `out` in plain,
 *   and has to be sent through its BIO, which knows of which type it is.
 *
 * What is read is decrypted here: the BIO that OpenSSL reads from knows no such
 * commands.  Its tickets and requests for new keys are OpenSSL's to read.
 *
 * The kernel has to have got all that was encrypted here before it gets the
 * key; OpenSSL flushes the BIO and does without the kernel if that says no.  It
 * flushes before each thing that it says itself, too, so the BIO never has to
 * know of two types.
 *
 * Invariant: once the kernel sends, `out` holds one message or nothing, and
 * `sending` nothing.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <belay/stream.h>

#include "base/assert.h"
#include "base/sigpipe.h"
#include "tls/tls.h"

bool bl__tls_kernel_sends(const struct bl__tls *tls) {
    return tls->socket != NULL && BIO_get_ktls_send(tls->socket);
}

/* ---- what OpenSSL itself says ------------------------------------------ */

/* The error that a write has left. */
static int why_not(BIO *socket) {
    int error = errno;
    if (BIO_should_retry(socket)) return error == EINTR ? EINTR : EAGAIN;
    bool is_told = error != 0 && error != EAGAIN && error != ECANCELED;
    return is_told ? error : EIO;
}

/*
 * Sends what it can of `out`, without waiting.  OpenSSL may be in the middle of
 * telling the peer what is wrong: its own error must stay.
 *
 * Returns 0 if it is all gone, BL_EAGAIN, or the code of the socket.
 */
static int send_out(struct bl__tls *tls) {
    struct bl__tls_buffer *out = &tls->out;
    struct bl__sigpipe held;
    int error;
    if (out->count == 0) return 0;
    bl__sigpipe_hold(&held);
    ERR_set_mark();
    do {
        int moved =
            BIO_write(tls->socket, out->bytes + out->start, (int)out->count);
        if (moved > 0) bl__tls_buffer_drop(out, (size_t)moved);
        error = moved > 0 ? 0 : why_not(tls->socket);
    } while (error == EINTR || (error == 0 && out->count > 0));
    ERR_pop_to_mark();
    bl__sigpipe_drop(&held, EPIPE); /* it comes though a part was taken */
    return -error;
}

int bl__tls_kernel_send_out(struct bl__tls *tls) {
    BL__ASSERT(tls->sending.count == 0);
    while (!tls->is_closed) {
        int rc = send_out(tls);
        if (rc != BL_EAGAIN) return rc;
        rc = bl_stream_wait(tls->under, BL_WRITABLE);
        if (rc < 0) return rc;
    }
    return BL_ECLOSED;
}

/* Answers 1 if all is sent, or "write again later": who waits finds out why. */
static long kernel_flush(BIO *bio, struct bl__tls *tls) {
    BIO_clear_retry_flags(bio);
    if (tls->sending.count == 0 && send_out(tls) == 0) return 1;
    BIO_set_retry_write(bio);
    return 0;
}

static long kernel_ctrl(BIO *bio, int command, long number, void *pointer) {
    struct bl__tls *tls = BIO_get_data(bio);
    if (command == BIO_CTRL_FLUSH) return kernel_flush(bio, tls);
    return BIO_ctrl(tls->socket, command, number, pointer);
}

/* ---- what users write -------------------------------------------------- */

/* The peer has asked for new keys, and the kernel keeps what it has.  Reading
 * could go on, but the peer waits for an answer that never comes. */
static int refuse_keys(struct bl__tls *tls) {
    tls->failure = BL_ETLS;
    return BL_ERR(BL_ETLS, "TLS: the peer asks for new keys, "
                           "and the kernel cannot change them");
}

/* Takes `flushing`; others may have ended the connection meanwhile. */
static int write_begin(struct bl__tls *tls) {
    int rc = bl_lock_acquire(&tls->flushing);
    if (rc < 0) return rc;
    rc = bl__tls_may_write(tls);
    bool is_asked = SSL_get_key_update_type(tls->ssl) != SSL_KEY_UPDATE_NONE;
    if (rc == 0 && is_asked) rc = refuse_keys(tls);
    if (rc < 0) BL_IGNORE(bl_lock_release(&tls->flushing)); /* it is ours */
    return rc;
}

static bl_ssize write_end(struct bl__tls *tls, bl_ssize moved) {
    BL_IGNORE(bl_lock_release(&tls->flushing)); /* it is ours */
    return tls->is_closed && moved < 0 ? BL_ECLOSED : moved;
}

bl_ssize bl__tls_kernel_write(struct bl__tls *tls, const struct iovec *parts,
                              int count) {
    int rc = write_begin(tls);
    if (rc < 0) return rc;
    return write_end(tls, bl_stream_writev(tls->under, parts, count));
}

/* Whether the peer is gone: sendfile() takes the pages all the same, and has
 * told why to nobody. */
static int fate(int fd) {
    struct pollfd item = { .fd = fd };
    int error = 0;
    socklen_t length = sizeof error;
    if (poll(&item, 1, 0) <= 0 || (item.revents & POLLHUP) == 0) return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0) error = 0;
    return error > 0 ? -error : BL_EPIPE;
}

static bl_ssize send_file_some(struct bl__tls *tls, int file_fd, int64_t offset,
                               size_t bytes) {
    int rc = bl_stream_wait(tls->under, BL_WRITABLE);
    if (rc == 0) rc = fate(bl_stream_fd(tls->under));
    if (rc < 0) return rc;
    return bl_stream_send_file_some(tls->under, file_fd, offset, bytes);
}

bl_ssize bl__tls_kernel_send_file(struct bl__tls *tls, int file_fd,
                                  int64_t offset, size_t bytes) {
    int rc = write_begin(tls);
    if (rc < 0) return rc;
    return write_end(tls, send_file_some(tls, file_fd, offset, bytes));
}

int bl__tls_kernel_drain(struct bl__tls *tls) {
    if (!bl__tls_kernel_sends(tls)) return 0;
    return bl_stream_wait(tls->under, BL_WRITABLE);
}

/* ---- offering ---------------------------------------------------------- */

/* A socket that is not connected is refused, but not for its protocol's being
 * unknown. */
bool bl__tls_kernel_is_able(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return true; /* each connection finds out by itself */
    int rc = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls");
    bool is_able = rc == 0 || errno == ENOTCONN;
    close(fd);
    return is_able;
}

/* OpenSSL's BIO may block where the descriptor does; so that is not used. */
static bool is_suitable(const bl_stream *under) {
    if (!bl_stream_is_socket(under)) return false;
    int fd = bl_stream_fd(under);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_NONBLOCK) == 0) return false;
    return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") == 0;
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void method_make(void) {
    method = bl__tls_method_new("belay-kernel", kernel_ctrl);
}

bool bl__tls_kernel_offer(struct bl__tls *tls) {
    if (!is_suitable(tls->under)) return true;
    pthread_once(&method_once, method_make);
    BIO *bio = bl__tls_bio_new(method, tls);
    if (bio == NULL) return false;
    tls->socket = BIO_new_socket(bl_stream_fd(tls->under), BIO_NOCLOSE);
    if (tls->socket == NULL) {
        BIO_free(bio);
        return false;
    }
    bl_stream_note_kernel_tls(tls->under);
    SSL_set0_wbio(tls->ssl, bio); /* which owns it */
    SSL_set_options(tls->ssl, SSL_OP_ENABLE_KTLS);
    return true;
}

void bl__tls_kernel_settle(struct bl__tls *tls) {
    if (tls->socket == NULL || bl__tls_kernel_sends(tls)) return;
    BIO *both = SSL_get_rbio(tls->ssl);
    if (BIO_up_ref(both) != 1) return; /* it goes on as it is */
    SSL_set0_wbio(tls->ssl, both);
    BIO_free(tls->socket);
    tls->socket = NULL;
}
