/* SPDX-License-Identifier: MIT */
/*
 * tls/handshake.c - beginning TLS over a stream, and what was agreed on
 *
 * The handshake is run by the task that asked for it: OpenSSL's part, sending
 * what that has left, waiting for more, and again.  The lower stream is the
 * caller's until it has succeeded.
 */
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/alloc.h"
#include "tls/tls.h"

static const bl_tls_options default_options = {
    .size = sizeof(bl_tls_options),
};

/* ---- making one -------------------------------------------------------- */

static bool offer_kernel(struct bl__tls *tls) {
    const struct bl__tls_settings *settings =
        bl__tls_settings(SSL_get_SSL_CTX(tls->ssl));
    return !settings->uses_kernel || bl__tls_kernel_offer(tls);
}

static int tls_new(bl_tls_context *context, bl_stream *under,
                   const bl_tls_options *options, struct bl__tls **tls) {
    struct bl__tls *made = bl__alloc(sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    *made = (struct bl__tls){
        .context = bl_tls_context_ref(context),
        .under = under,
        .close_ns_max =
            options->close_ns_max > 0 ? options->close_ns_max : BL_SEC(5),
        .waits_for_end = options->waits_for_end,
    };
    bl_lock_init(&made->flushing);
    SSL_CTX *ctx = bl__tls_context_ctx(context);
    made->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    if (made->ssl == NULL || SSL_set_app_data(made->ssl, made) == 0 ||
        !bl__tls_attach(made) || !offer_kernel(made)) {
        ERR_clear_error();
        bl__tls_free(made);
        return BL_ENOMEM;
    }
    *tls = made;
    return 0;
}

static bool is_address(const char *host) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return address != NULL;
}

/* Whom the certificate must be for; and the name that the server is told. */
static int name_peer(struct bl__tls *tls, const char *host) {
    size_t bytes = strlen(host);
    if (bytes > 0 && host[bytes - 1] == '.') bytes--; /* "example.org." */
    if (bytes == 0 || bytes >= sizeof tls->host) return BL_EINVAL;
    memcpy(tls->host, host, bytes);
    tls->host[bytes] = '\0';

    bool is_set;
    if (is_address(tls->host)) {
        X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
        is_set = X509_VERIFY_PARAM_set1_ip_asc(param, tls->host) == 1;
    } else {
        SSL_set_hostflags(tls->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        is_set = SSL_set1_host(tls->ssl, tls->host) == 1 &&
                 SSL_set_tlsext_host_name(tls->ssl, tls->host) == 1;
    }
    ERR_clear_error();
    return is_set ? 0 : BL_EINVAL;
}

static int prepare_client(struct bl__tls *tls, const char *host,
                          const bl_tls_options *options) {
    SSL_set_connect_state(tls->ssl);
    tls->is_verifying = !options->is_unverified;
    SSL_set_verify(tls->ssl,
                   tls->is_verifying ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (host == NULL) return tls->is_verifying ? BL_EINVAL : 0;
    int rc = name_peer(tls, host);
    if (rc < 0 || !tls->is_verifying) return rc;
    SSL_SESSION *session = bl__tls_session_take(tls->context, tls->host);
    if (session != NULL) {
        SSL_set_session(tls->ssl, session); /* at worst, it is not resumed */
        SSL_SESSION_free(session);
    }
    return 0;
}

static int prepare_server(struct bl__tls *tls) {
    const struct bl__tls_settings *settings =
        bl__tls_settings(SSL_get_SSL_CTX(tls->ssl));
    if (!settings->has_certificate && settings->choose == NULL) {
        return BL_ERR(BL_EINVAL, "a TLS server needs a certificate");
    }
    SSL_set_accept_state(tls->ssl);
    tls->is_server = true;
    tls->is_verifying = true; /* if the context asks for anything */
    return 0;
}

/* ---- shaking hands ----------------------------------------------------- */

/* One step of OpenSSL's. */
enum step {
    STEP_DONE,
    STEP_WANTS_MORE,
    STEP_WANTS_FLUSH
};

static int shake_once(struct bl__tls *tls) {
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) return STEP_DONE;
    int error = SSL_get_error(tls->ssl, result);
    if (error == SSL_ERROR_WANT_WRITE) return STEP_WANTS_FLUSH;
    if (error != SSL_ERROR_WANT_READ) return bl__tls_fault(tls);
    if (!tls->is_cut_off) return STEP_WANTS_MORE;
    return BL_ERR(BL_ETLSTRUNCATED, "TLS: the peer closed in the handshake");
}

/* Reads until the peer's alert is there: BL_ETLSALERT, or 0 without one. */
static int await_alert(struct bl__tls *tls) {
    char byte;
    while (true) {
        ERR_clear_error();
        int result = SSL_peek(tls->ssl, &byte, 1); /* shakes hands, too */
        int error = SSL_get_error(tls->ssl, result);
        if (error == SSL_ERROR_SSL && bl__tls_fault(tls) == BL_ETLSALERT) {
            return BL_ETLSALERT;
        }
        if (error != SSL_ERROR_WANT_READ || tls->is_cut_off) return 0;
        int rc = bl__tls_fill(tls);
        if (rc < 0) return rc;
    }
}

/* A peer that takes no more has mostly said why before it left.  `rc` is what
 * writing has failed with. */
static int ask_why(struct bl__tls *tls, int rc) {
    bl_scope scope;
    bl__tls_buffer_free(&tls->sending);
    bl__tls_buffer_free(&tls->out);
    bl_scope_enter_move_on(&scope, tls->close_ns_max);
    int reason = bl_scope_exit(&scope, await_alert(tls));
    bool is_better = reason == BL_ETLSALERT || reason == BL_ECANCELED;
    return is_better ? reason : rc;
}

/* What the handshake failed with goes to the peer as well, as an alert. */
static int tell_why(struct bl__tls *tls, int code) {
    bl_error *error = bl_error_take(code);
    bl__tls_send_alert(tls);
    int rc = BL_ERR(code, "%s", bl_error_message(error));
    bl_error_unref(error);
    return rc;
}

static int shake_hands(struct bl__tls *tls) {
    while (true) {
        int step = shake_once(tls);
        if (step < 0) return tell_why(tls, step);
        int rc = bl__tls_flush(tls);
        if (rc == BL_EPIPE || rc == BL_ECONNRESET) return ask_why(tls, rc);
        if (rc == 0 && step == STEP_WANTS_MORE) rc = bl__tls_fill(tls);
        if (rc < 0 || step == STEP_DONE) return rc;
    }
}

static void note_agreement(struct bl__tls *tls) {
    const unsigned char *name;
    unsigned bytes;
    SSL_get0_alpn_selected(tls->ssl, &name, &bytes);
    if (bytes > 0) memcpy(tls->alpn, name, bytes); /* at most 255 */
    tls->alpn[bytes] = '\0';

    const char *host = SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name);
    if (tls->is_server && host != NULL && strlen(host) < sizeof tls->host) {
        memcpy(tls->host, host, strlen(host) + 1);
    }
    const X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
    BIO *text = certificate != NULL ? BIO_new(BIO_s_mem()) : NULL;
    if (text == NULL) return;
    X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
                       XN_FLAG_RFC2253);
    int length = BIO_read(text, tls->peer, sizeof tls->peer - 1);
    tls->peer[length > 0 ? length : 0] = '\0';
    BIO_free(text);
}

static int begin(struct bl__tls *tls, bl_stream **stream) {
    int rc = shake_hands(tls);
    if (rc == 0) bl__tls_kernel_settle(tls);
    if (rc == 0) rc = bl_stream_new(&bl__tls_ops, tls, stream);
    if (rc == 0) note_agreement(tls);
    return rc;
}

static bool are_valid(const bl_tls_context *context, const bl_stream *under,
                      const bl_tls_options *options, bl_stream **stream) {
    return context != NULL && under != NULL && stream != NULL &&
           (options == NULL || options->size >= sizeof *options);
}

int bl_tls_connect(bl_tls_context *context, bl_stream *under, const char *host,
                   const bl_tls_options *options, bl_stream **stream) {
    if (!are_valid(context, under, options, stream)) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    if (options == NULL) options = &default_options;
    struct bl__tls *tls;
    int rc = tls_new(context, under, options, &tls);
    if (rc < 0) return rc;
    rc = prepare_client(tls, host, options);
    if (rc == 0) rc = begin(tls, stream);
    if (rc < 0) bl__tls_free(tls);
    return rc;
}

int bl_tls_secure(void *context, bl_stream *under, const char *host,
                  bl_stream **stream) {
    return bl_tls_connect(context, under, host, NULL, stream);
}

int bl_tls_accept(bl_tls_context *context, bl_stream *under,
                  const bl_tls_options *options, bl_stream **stream) {
    if (!are_valid(context, under, options, stream)) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    if (options == NULL) options = &default_options;
    struct bl__tls *tls;
    int rc = tls_new(context, under, options, &tls);
    if (rc < 0) return rc;
    rc = prepare_server(tls);
    if (rc == 0) rc = begin(tls, stream);
    if (rc < 0) bl__tls_free(tls);
    return rc;
}

/* ---- asking ------------------------------------------------------------ */

void *bl_tls_ssl(const bl_stream *stream) {
    const struct bl__tls *tls = bl_stream_self(stream, &bl__tls_ops);
    return tls != NULL ? tls->ssl : NULL;
}

int bl_tls_describe(const bl_stream *stream, bl_tls_info *info) {
    const struct bl__tls *tls = bl_stream_self(stream, &bl__tls_ops);
    if (tls == NULL || info == NULL) return BL_EINVAL;
    *info = (bl_tls_info){
        .version = SSL_get_version(tls->ssl),
        .cipher = SSL_get_cipher_name(tls->ssl),
        .alpn = tls->alpn,
        .host = tls->host,
        .peer = tls->peer,
        .is_resumed = SSL_session_reused(tls->ssl) == 1,
        .is_verified = SSL_get_verify_mode(tls->ssl) != SSL_VERIFY_NONE &&
                       SSL_get0_peer_certificate(tls->ssl) != NULL &&
                       SSL_get_verify_result(tls->ssl) == X509_V_OK,
        .is_sent_by_kernel = bl__tls_kernel_sends(tls),
    };
    return 0;
}

int bl_tls_update_keys(bl_stream *stream) {
    struct bl__tls *tls = bl_stream_self(stream, &bl__tls_ops);
    if (tls == NULL) return BL_EINVAL;
    if (tls->failure < 0 || tls->is_ended) return BL_EMISUSE;
    if (SSL_version(tls->ssl) < TLS1_3_VERSION) return BL_ENOTSUP;
    if (bl__tls_kernel_sends(tls)) return BL_ENOTSUP;
    ERR_clear_error();
    if (SSL_key_update(tls->ssl, SSL_KEY_UPDATE_REQUESTED) == 1) return 0;
    return bl__tls_fault(tls);
}
