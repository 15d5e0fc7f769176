/* SPDX-License-Identifier: MIT */
/*
 * bench/net_tls.c - what a server of ours costs per encrypted request, and per
 * handshake
 *
 * It is written as the guide shows it.  Records are 16 KiB at most, and so is
 * the buffer that each connection has.
 */
#include <belay.h>
#include <belay/tls.h>

#include <openssl/pem.h>

#define NET_WITH_TLS 1
#include "peers/net_load.h"
#include "peers/tls_identity.h"

enum {
    RECORD_BYTES = 16384
};

static int echo(bl_connection *connection) {
    bl_stream *stream;
    bl_ssize count;
    int rc = bl_tls_accept(connection->arg, connection->stream, NULL, &stream);
    if (rc < 0) return rc;
    connection->stream = stream; /* the server closes what is there */
    char *buffer = bl_alloc(RECORD_BYTES);
    if (buffer == NULL) return BL_ENOMEM;
    while ((count = bl_stream_read(stream, buffer, RECORD_BYTES)) > 0) {
        rc = bl_stream_write_all(stream, buffer, (size_t)count, NULL);
        if (rc < 0) break;
    }
    bl_free(buffer);
    return count < 0 ? (int)count : rc;
}

static int context_make(bl_tls_context **context) {
    struct tls_identity identity;
    bl_tls_config config = { .size = sizeof config };
    BIO *certificate = BIO_new(BIO_s_mem());
    BIO *key = BIO_new(BIO_s_mem());
    char *texts[2];
    if (!tls_identity_make(&identity)) return BL_ECERT;
    PEM_write_bio_X509(certificate, identity.certificate);
    PEM_write_bio_PrivateKey(key, identity.key, NULL, NULL, 0, NULL, NULL);
    BIO_write(certificate, "", 1);
    BIO_write(key, "", 1);
    BIO_get_mem_data(certificate, &texts[0]);
    BIO_get_mem_data(key, &texts[1]);
    config.certificates = texts[0];
    config.key = texts[1];
    return bl_tls_context_new(&config, context);
}

static int serve(void *arg) {
    bl_addr any;
    bl_listener *listener;
    bl_tls_context *context;
    (void)arg;
    int rc = bl_addr_parse("127.0.0.1:0", &any);
    if (rc == 0) rc = context_make(&context);
    if (rc == 0) rc = bl_listen(&any, NULL, &listener);
    if (rc < 0) return rc;
    net_say_port(bl_listener_fd(listener));
    bl_serve_options options = { .size = sizeof options, .arg = context };
    return bl_serve(listener, echo, &options);
}

static int run_server(const char *mode, void *arg) {
    (void)mode;
    (void)arg;
    return bl_run(serve, NULL);
}

int main(int argc, char **argv) {
    return net_main(argc, argv, "belay", run_server, NULL);
}
