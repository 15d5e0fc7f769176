/* SPDX-License-Identifier: MIT */
/*
 * belay/tls.h - encrypted streams, on OpenSSL 3
 *
 * A TLS stream is a bl_stream over another one: whatever reads and writes
 * streams works on it unchanged.  This is the library belay-tls, which is
 * linked besides the core.
 *
 * A context holds certificates, roots and settings.  A client verifies its
 * server's certificate and name unless it is told not to; TLS 1.2 is the
 * oldest version that is spoken.  The end of a stream is an end only if the
 * peer said so: one that was cut off is BL_ETLSTRUNCATED.
 *
 * Nothing here blocks the thread, but bl_tls_context_new where it is told to
 * read files.  Contexts may be shared by threads; streams belong to a loop.
 */
#ifndef BELAY_TLS_H
#define BELAY_TLS_H

#include <belay/base.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

typedef struct bl_tls_context bl_tls_context;

/* Versions of the protocol. */
typedef enum bl_tls_version {
    BL_TLS_VERSION_DEFAULT = 0, /* 1.2 */
    BL_TLS_VERSION_1_2,
    BL_TLS_VERSION_1_3
} bl_tls_version;

/* What a server wants to know of its clients. */
typedef enum bl_tls_ask {
    BL_TLS_ASK_NOTHING = 0,
    BL_TLS_ASK_OFFER, /* a certificate is verified if there is one */
    BL_TLS_ASK_DEMAND /* without a valid certificate nobody gets in */
} bl_tls_ask;

/*
 * Chooses the context, and so the certificate, for the host that a client
 * asked for; NULL if it named none.
 *
 * Called by a server in the middle of a handshake; must not wait.  Returns a
 * context, borrowed, or NULL for the one that it was asked of.
 */
typedef bl_tls_context *bl_tls_choose(void *arg, const char *host);

/*
 * What a context is made of; zero means default.  Everything is read at once
 * and not needed afterwards.  Certificates and keys are PEM: as text, or as
 * the name of a file.
 */
typedef struct bl_tls_config {
    size_t size; /* sizeof(bl_tls_config) */
    /* Our certificate, followed by those that lead towards the root. */
    const char *certificates;
    const char *certificates_file;
    const char *key;
    const char *key_file;
    /* Whom to believe; default: whom the system believes. */
    const char *roots;
    const char *roots_file;
    /* Lists of what was revoked.  With them, each certificate of a peer needs
     * a list by its issuer. */
    const char *revoked;
    const char *revoked_file;
    /* Protocols to agree on (ALPN), the best first: "h2,http/1.1". */
    const char *alpn;
    bl_tls_version version_min;
    bl_tls_ask ask;        /* of a server */
    bl_tls_choose *choose; /* of a server */
    void *choose_arg;
    /* Have the kernel encrypt what is written to TCP (kTLS), where the kernel,
     * OpenSSL and the cipher can; bl_tls_info tells.  Keys are not changed
     * then: bl_tls_update_keys is refused, and a peer who asks for it ends the
     * connection. */
    bool uses_kernel;
    /* Told the new SSL_CTX of OpenSSL, for settings that are not here.
     * Returns 0, or the code that making the context is to return. */
    int (*configure)(void *ssl_ctx, void *arg);
    void *configure_arg;
} bl_tls_config;

/*
 * Makes a context; `config` NULL means all defaults, which a client can use.
 *
 * Files are read here, on this thread.
 *
 * Returns 0; the caller gives `*context` back with bl_tls_context_unref.
 *
 * Errors:
 *   BL_EINVAL  context is NULL, a field is not valid, something is given both
 *              as text and as a file, or a certificate without its key
 *   BL_ECERT   what was given is no PEM of that kind, or the key does not fit
 *              the certificate; the current error says which
 *   BL_ENOMEM  there was no memory; nothing was written
 *
 * A file that cannot be opened gives the system's code.
 */
BL_MAY_FAIL
int bl_tls_context_new(const bl_tls_config *config, bl_tls_context **context);

/*
 * Replaces everything in the context by what `config` says, for connections
 * that begin from now on; those that are open go on as they are.
 *
 * Sessions from before are not resumed: what they were granted may be what is
 * being taken away.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  context is NULL; or as of bl_tls_context_new; it is unchanged
 *
 * Any other code is one of bl_tls_context_new's; the context is unchanged.
 */
BL_MAY_FAIL
int bl_tls_context_reload(bl_tls_context *context, const bl_tls_config *config);

/*
 * Adds a reference and returns `context`.  NULL is allowed.  From any thread.
 */
BL_API
bl_tls_context *bl_tls_context_ref(bl_tls_context *context);

/*
 * Gives one reference back; the last frees the context.  Streams hold one of
 * their own.  NULL is allowed.  From any thread.
 */
BL_API
void bl_tls_context_unref(bl_tls_context *context);

/* What a connection can be told; zero means default. */
typedef struct bl_tls_options {
    size_t size; /* sizeof(bl_tls_options) */
    /* Of a client: talk to whoever is there.  An attacker may be. */
    bool is_unverified;
    /* bl_stream_close waits until the peer has said goodbye too. */
    bool waits_for_end;
    bl_ns close_ns_max; /* how long the goodbye may take; default 5 s */
} bl_tls_options;

/*
 * Begins TLS over `under` as a client, and waits until the peer has proved
 * that it is `host`: a name or an address, without a port.
 *
 * `under` is the new stream's from now on, on success only.  After a failure
 * there may be half a handshake in it, so abort it.  A session that an earlier
 * connection of this context to `host` has left is resumed.
 *
 * `host` may be NULL if options->is_unverified.  NULL options mean defaults.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_ECERTNAME      the certificate is for another name
 *   BL_ECERTEXPIRED   it has expired, or is not valid yet
 *   BL_ECERTUNKNOWN   no root that is believed stands behind it
 *   BL_ECERTSELF      it is signed by itself alone
 *   BL_ECERTREVOKED   it was revoked
 *   BL_ECERT          it is bad in another way; the current error says how
 *   BL_ETLS           what came is not TLS, or nothing could be agreed on
 *   BL_ETLSALERT      the peer refused; the current error says why
 *   BL_ETLSTRUNCATED  the peer closed in the middle
 *   BL_ECANCELED      an enclosing scope was cancelled
 *   BL_EINVAL         context, under, stream or a needed host is NULL, or host
 *                     is not a name
 *   BL_ENOMEM         there was no memory
 *   BL_ENOLOOP        no loop runs on this thread; nothing was sent
 *
 * Any other code is the lower stream's.
 */
BL_MAY_WAIT
int bl_tls_connect(bl_tls_context *context, bl_stream *under, const char *host,
                   const bl_tls_options *options, bl_stream **stream);

/*
 * Begins TLS as bl_tls_connect does, with all defaults.  `context` is a
 * `bl_tls_context *`, so that this function can be given to whoever needs TLS
 * and does not link it: bl_http_client_options.secure.
 *
 * Returns and fails as bl_tls_connect does.
 *
 * Errors:
 *   BL_EINVAL  an argument is NULL, or host is not a name
 */
BL_MAY_WAIT
int bl_tls_secure(void *context, bl_stream *under, const char *host,
                  bl_stream **stream);

/*
 * Begins TLS over `under` as a server.  The context needs a certificate, or a
 * `choose` that finds one.
 *
 * A client that bl_tls_config.ask demands a certificate of is told of a
 * refusal after it has finished: by TLS 1.3 its connect mostly succeeds, and
 * its first read fails.
 *
 * Returns 0; the caller closes `*stream`.
 *
 * Errors:
 *   BL_ECERT          the client has no certificate, or a bad one
 *   BL_ETLS           what came is not TLS, or nothing could be agreed on
 *   BL_ETLSALERT      the client refused; the current error says why
 *   BL_ETLSTRUNCATED  the client closed in the middle
 *   BL_ECANCELED      an enclosing scope was cancelled
 *   BL_EINVAL         context, under or stream is NULL, or the context has no
 *                     certificate
 *   BL_ENOMEM         there was no memory
 *   BL_ENOLOOP        no loop runs on this thread; nothing was sent
 *
 * Any other code is one of bl_tls_connect's.  `under` is treated as there.
 */
BL_MAY_WAIT
int bl_tls_accept(bl_tls_context *context, bl_stream *under,
                  const bl_tls_options *options, bl_stream **stream);

/* What was agreed on.  The texts are the stream's, and valid until it is
 * closed; "" where there is nothing to say. */
typedef struct bl_tls_info {
    const char *version; /* "TLSv1.3" */
    const char *cipher;
    const char *alpn; /* the protocol that was agreed on */
    const char *host; /* that the client asked for */
    const char *peer; /* the subject of its certificate: "CN=example.org" */
    bool is_resumed;
    bool is_verified;       /* the peer has a certificate that was found good */
    bool is_sent_by_kernel; /* which encrypts; it never decrypts */
} bl_tls_info;

/*
 * Tells what was agreed on with the peer of a TLS stream.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  info is NULL, or stream is no TLS stream
 */
BL_MAY_FAIL
int bl_tls_describe(const bl_stream *stream, bl_tls_info *info);

/*
 * Changes the key that we write with, and asks for the peer's to be changed
 * too: with the next write.  Only TLS 1.3 can; OpenSSL does not do it by
 * itself.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL   stream is no TLS stream
 *   BL_ENOTSUP  the connection is older than TLS 1.3, or the kernel encrypts
 *   BL_EMISUSE  the stream has failed, or its writing was shut down
 */
BL_MAY_FAIL
int bl_tls_update_keys(bl_stream *stream);

/*
 * Returns OpenSSL's object, an SSL, borrowed, to ask it what is not here; NULL
 * if it is no TLS stream.  Do not read, write or shut down through it.
 */
BL_API
void *bl_tls_ssl(const bl_stream *stream);

#ifndef BL_NO_SITES
#    define bl_tls_connect(...) \
        BL__AT("bl_tls_connect(" #__VA_ARGS__ ")", bl_tls_connect(__VA_ARGS__))
#    define bl_tls_secure(...) \
        BL__AT("bl_tls_secure(" #__VA_ARGS__ ")", bl_tls_secure(__VA_ARGS__))
#    define bl_tls_accept(...) \
        BL__AT("bl_tls_accept(" #__VA_ARGS__ ")", bl_tls_accept(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
