/* SPDX-License-Identifier: MIT */
/*
 * tls/tls.h - contexts and connections, as the files of this library see them
 *
 * A *context* is what users made; its *ctx* is OpenSSL's, replaced as a whole
 * by a reload.  A *connection* is one SSL object with the bytes that it wants
 * to send and those that have come: OpenSSL never touches the lower stream.
 */
#ifndef BL__TLS_TLS_H
#define BL__TLS_TLS_H

#include <openssl/ssl.h>
#include <pthread.h>

#include <belay/error.h>
#include <belay/scope.h>
#include <belay/sync.h>
#include <belay/tls.h>

enum {
    BL__TLS_SESSIONS_MAX = 32,
    /* The largest record there is: header, 2^14 bytes, what encryption adds. */
    BL__TLS_RECORD_BYTES = 5 + 16384 + 256
};

/* ---- context.c, session.c ---------------------------------------------- */

/* A session that a client may resume. */
struct bl__tls_session {
    char *host;
    SSL_SESSION *session;
};

struct bl_tls_context {
    unsigned refs;         /* atomic */
    pthread_mutex_t mutex; /* of all below; held for a few instructions */
    SSL_CTX *ctx;
    struct bl__tls_session sessions[BL__TLS_SESSIONS_MAX];
    unsigned session_next; /* to be replaced */
};

/* What belongs to one ctx; freed with it. */
struct bl__tls_settings {
    bl_tls_choose *choose;
    void *choose_arg;
    bool has_certificate;
    bool uses_kernel;
    unsigned alpn_bytes;
    unsigned char alpn[]; /* as it is on the wire */
};

/* Returns a reference to the context's ctx of today. */
SSL_CTX *bl__tls_context_ctx(bl_tls_context *context);

const struct bl__tls_settings *bl__tls_settings(const SSL_CTX *ctx);

/*
 * Keeps and gives away sessions of clients.  Keeping takes the reference;
 * what is given away is not there any more, since a ticket is for one use.
 * A session that was made by an older ctx is not kept.
 */
void bl__tls_session_keep(bl_tls_context *context, const SSL_CTX *ctx,
                          const char *host, SSL_SESSION *session);
SSL_SESSION *bl__tls_session_take(bl_tls_context *context, const char *host);
void bl__tls_sessions_clear(bl_tls_context *context);

/* ---- buffer.c ---------------------------------------------------------- */

/* A queue of bytes. */
struct bl__tls_buffer {
    unsigned char *bytes;
    size_t capacity;
    size_t start;
    size_t count;
};

/* Makes room for `bytes` more; false without memory. */
bool bl__tls_buffer_reserve(struct bl__tls_buffer *buffer, size_t bytes);
void bl__tls_buffer_drop(struct bl__tls_buffer *buffer, size_t bytes);
void bl__tls_buffer_free(struct bl__tls_buffer *buffer);

/* ---- connection.c ------------------------------------------------------ */

struct bl__tls {
    bl_tls_context *context;
    SSL *ssl;
    bl_stream *under;
    BIO *socket; /* OpenSSL's own, where the kernel is to encrypt; NULL */
    struct bl__tls_buffer in;      /* has come, and was not looked at */
    struct bl__tls_buffer out;     /* OpenSSL wants it sent */
    struct bl__tls_buffer sending; /* before `out`; in use by a write below */
    bl_lock flushing;              /* held by who writes to `under` */
    bl_scope *filling;             /* around the read below, if one waits */
    bl_ns close_ns_max;
    int failure;       /* the code that ended it; 0 */
    bool owes_alert;   /* and the peer was not told yet */
    bool is_starved;   /* OpenSSL could not send: there was no memory */
    bool is_cut_off;   /* the lower stream has ended */
    bool is_ended;     /* our goodbye is in `out`, or was sent */
    bool is_closed;    /* `under` is not ours any more */
    bool is_verifying; /* the peer's certificate matters */
    bool is_server;
    bool waits_for_end;
    char host[256];
    char alpn[256];
    char peer[256];
};

/* Makes its SSL object read `in` and write `out`; false without memory. */
bool bl__tls_attach(struct bl__tls *tls);

/* A kind of BIO over `in` and `out`, for as long as the program; or NULL. */
BIO_METHOD *bl__tls_method_new(const char *name,
                               long (*ctrl)(BIO *, int, long, void *));
BIO *bl__tls_bio_new(BIO_METHOD *method, struct bl__tls *tls);

/* How many bytes are still to be sent. */
size_t bl__tls_unsent(const struct bl__tls *tls);

/* Sends all that is to be sent; cancelled, the rest stays for the next. */
int bl__tls_flush(struct bl__tls *tls);

/*
 * Waits until some bytes have come, or the lower stream has ended.  Whatever is
 * to be sent is sent meanwhile, so that two peers never wait for each other.
 */
int bl__tls_fill(struct bl__tls *tls);

/* Takes what has come below, or its end, without waiting; BL_EAGAIN. */
int bl__tls_try_fill(struct bl__tls *tls);

/* Tells a reader that waits below that there are bytes that nobody sends. */
void bl__tls_hand_over(struct bl__tls *tls);

/* The code of a connection that has failed, with its text again. */
int bl__tls_failed(const struct bl__tls *tls);

/* ---- kernel.c ---------------------------------------------------------- */

/* Whether the kernel knows TLS at all; asks it, and may have it load that. */
bool bl__tls_kernel_is_able(void);

/*
 * Lets OpenSSL give the key for writing to the kernel, if the lower stream is
 * a socket that is fit for it.  False without memory.
 */
bool bl__tls_kernel_offer(struct bl__tls *tls);

/* After the handshake: without the kernel, all is as if it had been never
 * offered. */
void bl__tls_kernel_settle(struct bl__tls *tls);

/* Whether the kernel encrypts. */
bool bl__tls_kernel_sends(const struct bl__tls *tls);

/* The part of bl__tls_flush that is done where the kernel sends. */
int bl__tls_kernel_send_out(struct bl__tls *tls);

/* Writes for a user, and is cancelled, as the lower stream does. */
bl_ssize bl__tls_kernel_write(struct bl__tls *tls, const struct iovec *parts,
                              int count);

/* Sends a part of a file, and is cancelled, as bl__tls_kernel_write does. */
bl_ssize bl__tls_kernel_send_file(struct bl__tls *tls, int file_fd,
                                  int64_t offset, size_t bytes);

/*
 * Waits until TCP has room again: closing the descriptor sends what the kernel
 * has encrypted and TCP had no room for, and drops what it has none for then.
 */
int bl__tls_kernel_drain(struct bl__tls *tls);

/* ---- kind.c ------------------------------------------------------------ */

extern const bl_stream_ops bl__tls_ops;

void bl__tls_free(struct bl__tls *tls);

/* Whether there may be more to write: 0, or the code that says why not. */
int bl__tls_may_write(const struct bl__tls *tls);

/* Sends the alert that OpenSSL has left, for a bounded time. */
void bl__tls_send_alert(struct bl__tls *tls);

/* ---- fault.c ----------------------------------------------------------- */

/*
 * Makes the current error of what OpenSSL has just said about `ssl`, or about
 * loading `what`, and returns its code.
 */
int bl__tls_fault(struct bl__tls *tls);
int bl__tls_fault_of_loading(const char *what);

#endif
