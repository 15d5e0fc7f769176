/* SPDX-License-Identifier: MIT */
/*
 * examples/tls_echo.c - a server and a client that talk over TLS
 *
 *     tls_echo
 *
 * Both ends are tasks of this program, connected by TCP.  The certificate is
 * made on the fly, so the client is told to believe just this one; a real
 * client says nothing about roots and believes whom the system believes.
 * Links belay-tls.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <belay.h>
#include <belay/tls.h>

enum {
    PEM_BYTES_MAX = 4096
};

struct identity {
    char certificate[PEM_BYTES_MAX];
    char key[PEM_BYTES_MAX];
};

struct server {
    bl_listener *listener;
    bl_tls_context *context;
    bl_event stop;
};

/* ---- the server --------------------------------------------------------- */

/* Shakes hands in the connection's own task: a client may take its time. */
static int secure(bl_connection *connection) {
    const struct server *server = connection->arg;
    bl_stream *secured;
    int rc;

    BL_TIMEOUT(rc, BL_SEC(5)) {
        rc = bl_tls_accept(server->context, connection->stream, NULL, &secured);
    }
    if (rc == 0) connection->stream = secured; /* the server closes it */
    return rc;
}

static int echo(bl_connection *connection) {
    char buffer[4096];
    bl_ssize count;

    BL_TRY(secure(connection));
    bl_stream *stream = connection->stream;
    while ((count = bl_stream_read(stream, buffer, sizeof(buffer))) > 0) {
        BL_TRY(bl_stream_write_all(stream, buffer, (size_t)count, NULL));
    }
    return (int)count; /* 0: the client has said goodbye */
}

static void complain(const bl_connection *connection, int rc, void *arg) {
    (void)connection;
    (void)arg;
    printf("server: %s: %s\n", bl_error_name(rc), bl_strerror(rc));
}

static int serve(void *arg) {
    struct server *server = arg;
    bl_serve_options options = {
        .size = sizeof(options),
        .arg = server,
        .stop = &server->stop,
        .on_error = complain,
    };
    return bl_serve(server->listener, echo, &options);
}

/* ---- the client --------------------------------------------------------- */

static int connect_securely(const bl_addr *address, bl_tls_context *context,
                            const char *host, bl_stream **stream) {
    bl_stream *under;

    BL_TRY(bl_tcp_connect(address, &under));
    int rc = bl_tls_connect(context, under, host, NULL, stream);
    if (rc < 0) bl_stream_abort(under);
    return rc;
}

static int say(bl_stream *stream, const char *text) {
    char reply[64] = "";
    bl_tls_info info;

    BL_TRY(bl_tls_describe(stream, &info));
    printf("client: %s, peer %s, %s\n", info.version, info.peer,
           info.is_verified ? "verified" : "not verified");
    BL_TRY(bl_stream_write_all(stream, text, strlen(text), NULL));
    BL_TRY(bl_stream_read_exactly(stream, reply, strlen(text), NULL));
    printf("client: heard \"%s\"\n", reply);
    return 0;
}

static int talk(const bl_addr *address, bl_tls_context *context) {
    bl_stream *stream;

    BL_TRY(connect_securely(address, context, "localhost", &stream));
    int rc = say(stream, "hello, TLS");
    if (rc < 0) {
        bl_stream_abort(stream);
        return rc;
    }
    return bl_stream_close(stream);
}

/* Nobody has proved to be that host, so nothing is sent to whoever is there. */
static int be_careful(const bl_addr *address, bl_tls_context *context) {
    bl_stream *stream = NULL;

    int rc = connect_securely(address, context, "bank.example", &stream);
    printf("client: %s: %s\n", bl_error_name(rc), bl_error_text(rc));
    bl_stream_abort(stream);
    return rc == BL_ECERTNAME ? 0 : rc;
}

/* ---- the certificate ---------------------------------------------------- */

static int fill_certificate(X509 *certificate, EVP_PKEY *key) {
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_pubkey(certificate, key);

    X509_EXTENSION *names =
        X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost");
    if (names == NULL) return BL_ENOMEM;
    X509_add_ext(certificate, names, -1);
    X509_EXTENSION_free(names);
    return X509_sign(certificate, key, EVP_sha256()) > 0 ? 0 : BL_EIO;
}

static int write_pem(struct identity *identity, X509 *certificate,
                     EVP_PKEY *key) {
    BIO *text = BIO_new(BIO_s_mem());
    if (text == NULL) return BL_ENOMEM;

    memset(identity, 0, sizeof(*identity));
    PEM_write_bio_X509(text, certificate);
    BIO_read(text, identity->certificate, PEM_BYTES_MAX - 1);
    PEM_write_bio_PrivateKey(text, key, NULL, NULL, 0, NULL, NULL);
    BIO_read(text, identity->key, PEM_BYTES_MAX - 1);
    BIO_free(text);
    return 0;
}

static int make_identity(struct identity *identity) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    int rc = BL_ENOMEM;
    if (key != NULL && certificate != NULL) {
        rc = fill_certificate(certificate, key);
        if (rc == 0) rc = write_pem(identity, certificate, key);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
    return rc;
}

/* ---- both --------------------------------------------------------------- */

static int talk_to(struct server *server, bl_tls_context *client) {
    bl_addr address = bl_listener_address(server->listener);
    int rc;

    BL_GROUP(group, rc) {
        rc = bl_spawn(group, serve, server);
        if (rc == 0) rc = talk(&address, client);
        if (rc == 0) rc = be_careful(&address, client);
        bl_event_set(&server->stop);
    }
    return rc;
}

static int make_contexts(bl_tls_context **server, bl_tls_context **client) {
    struct identity *identity = malloc(sizeof(*identity));
    if (identity == NULL) return BL_ENOMEM;

    int rc = make_identity(identity);
    if (rc == 0) {
        bl_tls_config config = {
            .size = sizeof(config),
            .certificates = identity->certificate,
            .key = identity->key,
        };
        rc = bl_tls_context_new(&config, server);
    }
    if (rc == 0) {
        bl_tls_config config = {
            .size = sizeof(config),
            .roots = identity->certificate,
        };
        rc = bl_tls_context_new(&config, client);
    }
    free(identity);
    return rc;
}

static int main_task(void *arg) {
    struct server server = { .listener = NULL };
    bl_tls_context *client = NULL;
    bl_addr address;
    (void)arg;

    int rc = make_contexts(&server.context, &client);
    if (rc == 0) rc = bl_addr_parse("127.0.0.1:0", &address);
    if (rc == 0) rc = bl_listen(&address, NULL, &server.listener);
    bl_event_init(&server.stop);
    if (rc == 0) rc = talk_to(&server, client);

    bl_tls_context_unref(server.context);
    bl_tls_context_unref(client);
    return rc;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) bl_error_report(rc, stderr);
    return rc < 0;
}
