/* SPDX-License-Identifier: MIT */
/*
 * tls/context.c - making contexts, replacing what is in them
 *
 * Everything that users say becomes one SSL_CTX, which is never changed once
 * it is in use: a reload makes a new one and swaps the pointer.  Connections
 * hold the one that they began with.
 *
 * Invariant: the settings of a ctx (its ex data) live exactly as long as it.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/alloc.h"
#include "tls/tls.h"

/* ---- settings ---------------------------------------------------------- */

static int settings_index = -1;
static pthread_once_t settings_once = PTHREAD_ONCE_INIT;

static void settings_free(void *parent, void *pointer, CRYPTO_EX_DATA *data,
                          int index, long number, void *argument) {
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)argument;
    bl__free(pointer);
}

static void settings_register(void) {
    settings_index = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL_CTX, 0, NULL,
                                             NULL, NULL, settings_free);
}

const struct bl__tls_settings *bl__tls_settings(const SSL_CTX *ctx) {
    return SSL_CTX_get_ex_data(ctx, settings_index);
}

/* Writes "h2,http/1.1" as it goes over the wire: a length before each name,
 * in the place of the comma.  False if a name is empty or too long. */
static bool alpn_pack(const char *text, unsigned char *packed) {
    while (true) {
        size_t bytes = strcspn(text, ",");
        if (bytes == 0 || bytes > 255) return false;
        *packed++ = (unsigned char)bytes;
        memcpy(packed, text, bytes);
        packed += bytes;
        text += bytes;
        if (*text == '\0') return true;
        text++;
    }
}

static int settings_new(const bl_tls_config *config,
                        struct bl__tls_settings **settings) {
    size_t bytes = config->alpn != NULL ? strlen(config->alpn) + 1 : 0;
    if (bytes > UINT16_MAX) return BL_EINVAL;
    struct bl__tls_settings *made = bl__alloc(sizeof *made + bytes);
    if (made == NULL) return BL_ENOMEM;
    *made = (struct bl__tls_settings){
        .choose = config->choose,
        .choose_arg = config->choose_arg,
        .has_certificate =
            config->certificates != NULL || config->certificates_file != NULL,
        .uses_kernel = config->uses_kernel && bl__tls_kernel_is_able(),
        .alpn_bytes = (unsigned)bytes,
    };
    if (bytes > 0 && !alpn_pack(config->alpn, made->alpn)) {
        bl__free(made);
        return BL_EINVAL;
    }
    *settings = made;
    return 0;
}

/* ---- PEM --------------------------------------------------------------- */

/* What is to be read: text, or a file. */
struct source {
    const char *what;
    const char *text;
    const char *file;
};

static bool source_is_given(const struct source *source) {
    return source->text != NULL || source->file != NULL;
}

static int source_open(const struct source *source, BIO **bio) {
    if (source->text != NULL) {
        *bio = BIO_new_mem_buf(source->text, -1);
        return *bio != NULL ? 0 : BL_ENOMEM;
    }
    FILE *file = fopen(source->file, "re");
    if (file == NULL) {
        return BL_ERR(-errno, "%s: cannot open %s", source->what, source->file);
    }
    *bio = BIO_new_fp(file, BIO_CLOSE);
    if (*bio != NULL) return 0;
    fclose(file); /* it was only read */
    return BL_ENOMEM;
}

/* OpenSSL would ask at the terminal, and wait there. */
static int no_password(char *buffer, int bytes, int is_writing, void *arg) {
    (void)buffer;
    (void)bytes;
    (void)is_writing;
    (void)arg;
    return 0;
}

/* Takes one object out of the PEM: 1, 0 at the end, -1 if it is none. */
typedef int take_one(SSL_CTX *ctx, BIO *bio, int position);

static bool is_at_end(void) {
    unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM &&
           ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static int take_certificate(SSL_CTX *ctx, BIO *bio, int position) {
    X509 *certificate = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    if (certificate == NULL) return is_at_end() ? 0 : -1;
    int is_used = 0;
    if (position == 0) {
        is_used = SSL_CTX_use_certificate(ctx, certificate);
    } else {
        is_used = SSL_CTX_add1_chain_cert(ctx, certificate) == 1;
    }
    X509_free(certificate);
    return is_used == 1 ? 1 : -1;
}

static int take_key(SSL_CTX *ctx, BIO *bio, int position) {
    if (position > 0) return 0; /* one is enough */
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
    if (key == NULL) return -1;
    int is_used = SSL_CTX_use_PrivateKey(ctx, key);
    EVP_PKEY_free(key);
    return is_used == 1 && SSL_CTX_check_private_key(ctx) == 1 ? 1 : -1;
}

static int take_root(SSL_CTX *ctx, BIO *bio, int position) {
    (void)position;
    X509 *root = PEM_read_bio_X509(bio, NULL, no_password, NULL);
    if (root == NULL) return is_at_end() ? 0 : -1;
    int is_added = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), root);
    if (is_added == 1) is_added = SSL_CTX_add_client_CA(ctx, root);
    X509_free(root);
    return is_added == 1 ? 1 : -1;
}

static int take_list(SSL_CTX *ctx, BIO *bio, int position) {
    (void)position;
    X509_CRL *list = PEM_read_bio_X509_CRL(bio, NULL, no_password, NULL);
    if (list == NULL) return is_at_end() ? 0 : -1;
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    int is_added = X509_STORE_add_crl(store, list);
    X509_CRL_free(list);
    if (is_added != 1) return -1;
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
    return 1;
}

/* Takes all objects of a source; at least one must be there. */
static int load(SSL_CTX *ctx, const struct source *source, take_one *take) {
    if (source->text != NULL && source->file != NULL) {
        return BL_ERR(BL_EINVAL, "%s: both text and a file", source->what);
    }
    if (!source_is_given(source)) return 0;
    BIO *bio = NULL;
    int rc = source_open(source, &bio);
    if (rc < 0) return rc;

    int position = 0;
    int taken;
    ERR_clear_error();
    while ((taken = take(ctx, bio, position)) > 0)
        position++;
    if (taken < 0 || position == 0) rc = bl__tls_fault_of_loading(source->what);
    ERR_clear_error();
    BIO_free(bio);
    return rc;
}

/* ---- one ctx ----------------------------------------------------------- */

static int load_own(SSL_CTX *ctx, const bl_tls_config *config) {
    struct source certificates = { "certificates", config->certificates,
                                   config->certificates_file };
    struct source key = { "key", config->key, config->key_file };
    if (source_is_given(&certificates) != source_is_given(&key)) {
        return BL_ERR(BL_EINVAL, "a certificate and its key come together");
    }
    int rc = load(ctx, &certificates, take_certificate);
    if (rc < 0) return rc;
    return load(ctx, &key, take_key);
}

static int load_trust(SSL_CTX *ctx, const bl_tls_config *config) {
    struct source roots = { "roots", config->roots, config->roots_file };
    struct source lists = { "revoked", config->revoked, config->revoked_file };
    int rc = load(ctx, &roots, take_root);
    if (rc < 0) return rc;
    if (!source_is_given(&roots)) {
        /* A system without roots is one that believes nobody. */
        BL_IGNORE(SSL_CTX_set_default_verify_paths(ctx));
        ERR_clear_error();
    }
    return load(ctx, &lists, take_list);
}

/* Copies the name that the client asks for out of its first message, where it
 * is behind the lengths of a list and of an entry, and a type.  False: none. */
static bool asked_name(SSL *ssl, char *name, size_t room) {
    const unsigned char *bytes;
    size_t count;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes,
                                  &count) != 1) {
        return false;
    }
    if (count < 5 || bytes[2] != TLSEXT_NAMETYPE_host_name) return false;
    size_t length = (size_t)bytes[3] << 8 | bytes[4];
    if (length > count - 5 || length >= room) return false;
    memcpy(name, bytes + 5, length);
    name[length] = '\0';
    return length > 0 && strlen(name) == length;
}

/*
 * Called before OpenSSL looks at the session that a client offers.  Each ctx
 * has a session context of its own, so what one host has granted, perhaps
 * without asking for a certificate, is not resumed at another.
 */
static int choose_context(SSL *ssl, int *alert, void *arg) {
    char host[256];
    const struct bl__tls_settings *settings =
        bl__tls_settings(SSL_get_SSL_CTX(ssl));
    (void)arg;
    if (settings->choose == NULL) return SSL_CLIENT_HELLO_SUCCESS;
    bool is_named = asked_name(ssl, host, sizeof host);
    bl_tls_context *chosen =
        settings->choose(settings->choose_arg, is_named ? host : NULL);
    if (chosen == NULL) return SSL_CLIENT_HELLO_SUCCESS;

    SSL_CTX *ctx = bl__tls_context_ctx(chosen);
    /* Whom to ask for certificates, and how old is too old, do not come along
     * by themselves. */
    bool is_set = SSL_set_SSL_CTX(ssl, ctx) != NULL &&
                  SSL_set_min_proto_version(
                      ssl, (int)SSL_CTX_get_min_proto_version(ctx)) == 1;
    SSL_set_verify(ssl, SSL_CTX_get_verify_mode(ctx), NULL);
    SSL_CTX_free(ctx);
    *alert = SSL_AD_INTERNAL_ERROR;
    return is_set ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_ERROR;
}

/* Tells the client that its name was understood. */
static int acknowledge_name(SSL *ssl, int *alert, void *arg) {
    (void)ssl;
    (void)alert;
    (void)arg;
    return SSL_TLSEXT_ERR_OK;
}

/* No two alike, in this process or another. */
static bool set_session_context(SSL_CTX *ctx) {
    unsigned char id[SSL_MAX_SID_CTX_LENGTH];
    return RAND_bytes(id, sizeof id) == 1 &&
           SSL_CTX_set_session_id_context(ctx, id, sizeof id) == 1;
}

/* A client that offers nothing we speak is refused, as RFC 7301 asks. */
static int choose_protocol(SSL *ssl, const unsigned char **chosen,
                           unsigned char *bytes, const unsigned char *offered,
                           unsigned offered_bytes, void *arg) {
    (void)arg;
    const struct bl__tls_settings *settings =
        bl__tls_settings(SSL_get_SSL_CTX(ssl));
    if (settings->alpn_bytes == 0) return SSL_TLSEXT_ERR_NOACK;
    unsigned char *found;
    int rc =
        SSL_select_next_proto(&found, bytes, settings->alpn,
                              settings->alpn_bytes, offered, offered_bytes);
    if (rc != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

static int keep_session(SSL *ssl, SSL_SESSION *session) {
    struct bl__tls *tls = SSL_get_app_data(ssl);
    if (tls->is_server || !tls->is_verifying) return 0;
    if (!SSL_SESSION_is_resumable(session)) return 0;
    bl__tls_session_keep(tls->context, SSL_get_SSL_CTX(ssl), tls->host,
                         session);
    return 1; /* it is ours now */
}

static int verify_mode(bl_tls_ask ask) {
    if (ask == BL_TLS_ASK_NOTHING) return SSL_VERIFY_NONE;
    if (ask == BL_TLS_ASK_OFFER) return SSL_VERIFY_PEER;
    return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
}

/* What is the same in every ctx. */
static bool ctx_set_up(SSL_CTX *ctx, const bl_tls_config *config,
                       const struct bl__tls_settings *settings) {
    int oldest = config->version_min == BL_TLS_VERSION_1_3 ? TLS1_3_VERSION
                                                           : TLS1_2_VERSION;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* What is sent is what was given, not what roots could add to it. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_BOTH |
                                            SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    SSL_CTX_set_client_hello_cb(ctx, choose_context, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, acknowledge_name);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_verify(ctx, verify_mode(config->ask), NULL);
    if (settings->alpn_bytes > 0 &&
        SSL_CTX_set_alpn_protos(ctx, settings->alpn, settings->alpn_bytes)) {
        return false;
    }
    return SSL_CTX_set_min_proto_version(ctx, oldest) == 1 &&
           set_session_context(ctx);
}

static int ctx_new(const bl_tls_config *config, SSL_CTX **ctx) {
    struct bl__tls_settings *settings = NULL;
    if (config->size < sizeof *config) return BL_EINVAL;
    if ((unsigned)config->version_min > BL_TLS_VERSION_1_3) return BL_EINVAL;
    if ((unsigned)config->ask > BL_TLS_ASK_DEMAND) return BL_EINVAL;
    int rc = settings_new(config, &settings);
    if (rc < 0) return rc;

    pthread_once(&settings_once, settings_register);
    SSL_CTX *made = SSL_CTX_new(TLS_method());
    if (made == NULL ||
        SSL_CTX_set_ex_data(made, settings_index, settings) == 0) {
        bl__free(settings);
        SSL_CTX_free(made);
        ERR_clear_error();
        return BL_ENOMEM;
    }
    if (!ctx_set_up(made, config, settings)) {
        rc = BL_ENOMEM;
        goto free_ctx;
    }
    rc = load_own(made, config);
    if (rc < 0) goto free_ctx;
    rc = load_trust(made, config);
    if (rc < 0) goto free_ctx;
    if (config->configure != NULL) {
        rc = config->configure(made, config->configure_arg);
        if (rc < 0) goto free_ctx;
    }
    *ctx = made;
    return 0;

free_ctx:
    SSL_CTX_free(made);
    ERR_clear_error();
    return rc;
}

/* ---- contexts ---------------------------------------------------------- */

static const bl_tls_config default_config = { .size = sizeof(bl_tls_config) };

int bl_tls_context_new(const bl_tls_config *config, bl_tls_context **context) {
    if (context == NULL) return BL_EINVAL;
    SSL_CTX *ctx;
    int rc = ctx_new(config != NULL ? config : &default_config, &ctx);
    if (rc < 0) return rc;

    bl_tls_context *made = bl__alloc(sizeof *made);
    if (made == NULL) {
        SSL_CTX_free(ctx);
        return BL_ENOMEM;
    }
    *made = (bl_tls_context){ .refs = 1, .ctx = ctx };
    pthread_mutex_init(&made->mutex, NULL);
    *context = made;
    return 0;
}

int bl_tls_context_reload(bl_tls_context *context,
                          const bl_tls_config *config) {
    if (context == NULL) return BL_EINVAL;
    SSL_CTX *ctx;
    int rc = ctx_new(config != NULL ? config : &default_config, &ctx);
    if (rc < 0) return rc;

    pthread_mutex_lock(&context->mutex);
    SSL_CTX *old = context->ctx;
    context->ctx = ctx;
    bl__tls_sessions_clear(context);
    pthread_mutex_unlock(&context->mutex);
    SSL_CTX_free(old);
    return 0;
}

SSL_CTX *bl__tls_context_ctx(bl_tls_context *context) {
    pthread_mutex_lock(&context->mutex);
    SSL_CTX *ctx = context->ctx;
    SSL_CTX_up_ref(ctx);
    pthread_mutex_unlock(&context->mutex);
    return ctx;
}

bl_tls_context *bl_tls_context_ref(bl_tls_context *context) {
    if (context != NULL) {
        __atomic_add_fetch(&context->refs, 1, __ATOMIC_RELAXED);
    }
    return context;
}

void bl_tls_context_unref(bl_tls_context *context) {
    if (context == NULL) return;
    if (__atomic_sub_fetch(&context->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    bl__tls_sessions_clear(context);
    SSL_CTX_free(context->ctx);
    pthread_mutex_destroy(&context->mutex);
    bl__free(context);
}
