/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_kernel.c - the kernel encrypts, or everything is as without it
 *
 * What needs a kernel that can is skipped where it cannot: `tools/run_tests
 * kernel` runs it in a virtual machine.  The tests of streams and handshakes
 * have the kernel as one of their carriers, too.
 *
 *     Legs: kernel
 */
#include <belay/test.h>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/sockets.h"
#include "support/streams.h"
#include "tls/pairs.h"

enum {
    MUCH = 1024 * 1024
};

static char much[MUCH];
static char got[MUCH];

static void fill_much(void) {
    for (size_t i = 0; i < MUCH; i++)
        much[i] = (char)(i * 31 % 253);
}

/* Why the kernel does not encrypt; NULL where it does. */
static const char *no_kernel(void) {
    char names[256] = "";
    int fd = open("/proc/sys/net/ipv4/tcp_available_ulp", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return "the kernel knows no upper protocols of TCP";
    BL_IGNORE(read(fd, names, sizeof names - 1)); /* then there is none */
    close(fd);
    if (strstr(names, "tls") != NULL) return NULL;
    return "the kernel has no TLS (modprobe tls)";
}

/* ---- without the kernel ------------------------------------------------ */

static void check_a_word(struct tls_pair *pair) {
    char bytes[5];
    CHECK_OK(bl_stream_write_all(pair->client.stream, "hello", 5, NULL));
    CHECK_OK(bl_stream_read_exactly(pair->server.stream, bytes, 5, NULL));
    CHECK_MEM(bytes, 5, "hello", 5);
}

/* A pair that wishes for the kernel over whatever it is. */
static void wish(struct tls_pair *pair, enum tls_carrier carrier) {
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.uses_kernel = server.uses_kernel = true;
    pair_make(pair, &client, &server, carrier);
    pair_shake(pair);
    REQUIRE_OK(pair->client.rc);
    REQUIRE_OK(pair->server.rc);
}

PARAM(int, unfit, OVER_MEMORY, BYTE_BY_BYTE, OVER_TCP);

/* The descriptors of OVER_TCP block. */
TEST(what_is_not_fit_for_the_kernel_goes_without, (unfit), .tags = "rigid") {
    struct tls_pair pair;
    wish(&pair, (enum tls_carrier)unfit);
    CHECK(!described(pair.client.stream).is_sent_by_kernel);
    CHECK(!described(pair.server.stream).is_sent_by_kernel);
    check_a_word(&pair);
    pair_abort(&pair);
}

TEST(the_kernel_is_not_used_unless_asked_for, .tags = "rigid") {
    struct tls_pair pair;
    pair_open(&pair, OVER_NONBLOCKING);
    CHECK(!described(pair.client.stream).is_sent_by_kernel);
    CHECK(!described(pair.server.stream).is_sent_by_kernel);
    check_a_word(&pair);
    pair_abort(&pair);
}

TEST(a_refused_certificate_has_its_code_as_without, .tags = "rigid") {
    struct tls_pair pair;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    pair_make(&pair, &client, &server, OVER_KERNEL);
    pair.client.host = "elsewhere";
    pair_shake(&pair);
    CHECK_ERR(pair.client.rc, BL_ECERTNAME);
    CHECK_ERR(pair.server.rc, BL_ETLSALERT);
    pair_abort(&pair);
}

/* ---- with it ----------------------------------------------------------- */

/* What the connection is made with. */
struct agreement {
    const char *name;
    bl_tls_version version;
    const char *cipher;
};

static const struct agreement agreements[] = {
    { "TLSv1.2", BL_TLS_VERSION_1_2, "ECDHE-ECDSA-AES128-GCM-SHA256" },
    { "TLSv1.2", BL_TLS_VERSION_1_2, "ECDHE-ECDSA-AES256-GCM-SHA384" },
    { "TLSv1.2", BL_TLS_VERSION_1_2, "ECDHE-ECDSA-CHACHA20-POLY1305" },
    { "TLSv1.3", BL_TLS_VERSION_1_3, "TLS_AES_128_GCM_SHA256" },
    { "TLSv1.3", BL_TLS_VERSION_1_3, "TLS_AES_256_GCM_SHA384" },
    { "TLSv1.3", BL_TLS_VERSION_1_3, "TLS_CHACHA20_POLY1305_SHA256" },
};
PARAM(int, agreed, 0, 1, 2, 3, 4, 5);

static int agree(void *ssl_ctx, void *arg) {
    const struct agreement *with = arg;
    if (with->version == BL_TLS_VERSION_1_3) {
        return SSL_CTX_set_ciphersuites(ssl_ctx, with->cipher) == 1 ? 0
                                                                    : BL_ETLS;
    }
    bool is_set = SSL_CTX_set_max_proto_version(ssl_ctx, TLS1_2_VERSION) == 1 &&
                  SSL_CTX_set_cipher_list(ssl_ctx, with->cipher) == 1;
    return is_set ? 0 : BL_ETLS;
}

/* A pair that has agreed on that; the kernel may be left out at the client. */
static void open_agreed(struct tls_pair *pair, const struct agreement *with,
                        bool is_client_plain) {
    struct agreement agreement = *with;
    bl_tls_config client = client_config();
    bl_tls_config server = server_config();
    client.configure = server.configure = agree;
    client.configure_arg = server.configure_arg = &agreement;
    server.uses_kernel = true;
    client.uses_kernel = !is_client_plain;
    pair_make(pair, &client, &server, OVER_NONBLOCKING);
    pair_shake(pair);
    REQUIRE_OK(pair->client.rc);
    REQUIRE_OK(pair->server.rc);
    REQUIRE_STR(described(pair->server.stream).version, with->name);
    REQUIRE_STR(described(pair->server.stream).cipher, with->cipher);
    CHECK(described(pair->server.stream).is_sent_by_kernel);
    CHECK_EQ(described(pair->client.stream).is_sent_by_kernel,
             !is_client_plain);
}

/* A counter of the kernel's. */
static long kernel_count(const char *name) {
    char line[128];
    long count = -1;
    size_t length = strlen(name);
    FILE *file = fopen("/proc/net/tls_stat", "re");
    REQUIRE(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, length) != 0) continue;
        count = strtol(line + length, NULL, 10);
    }
    fclose(file);
    return count;
}

static int op_read_exactly(void *arg) {
    struct stream_op *op = arg;
    op->result =
        bl_stream_read_exactly(op->stream, op->bytes, op->count, &op->done);
    return 0;
}

TEST(the_kernel_encrypts_what_both_write, (agreed), .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    static char back[MUCH];
    fill_much();
    long before = kernel_count("TlsTxSw");
    open_agreed(&pair, &agreements[agreed], false);
    CHECK_GE(kernel_count("TlsTxSw"), before + 2); /* others count, too */
    struct stream_op ops[] = {
        { .stream = pair.client.stream, .bytes = much, .count = MUCH },
        { .stream = pair.server.stream, .bytes = much, .count = MUCH },
        { .stream = pair.client.stream, .bytes = back, .count = MUCH },
        { .stream = pair.server.stream, .bytes = got, .count = MUCH },
    };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 4; i++) {
        REQUIRE_OK(bl_spawn(
            &group, i < 2 ? stream_op_write_all : op_read_exactly, &ops[i]));
    }
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 4; i++)
        CHECK_OK(ops[i].result);
    CHECK(memcmp(got, much, MUCH) == 0);
    CHECK(memcmp(back, much, MUCH) == 0);
    CHECK_OK(bl_stream_close(pair.client.stream));
    CHECK_EQ(bl_stream_read(pair.server.stream, got, 1), 0);
    CHECK_OK(bl_stream_close(pair.server.stream));
    pair.client.stream = pair.server.stream = NULL;
    pair_abort(&pair);
}

/* ---- files ------------------------------------------------------------- */

enum {
    FEW = 100000 /* what fits into the socket */
};

static int file_of_few(void) {
    int file = plain_file();
    fill_much();
    REQUIRE_EQ(write(file, much, FEW), FEW);
    return file;
}

/* A copy would need a buffer. */
TEST(a_file_is_sent_without_a_copy, (agreed), .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    int file = file_of_few();
    open_agreed(&pair, &agreements[agreed], true);
    bl_stream *server = pair.server.stream;
    famine_begin(0);
    CHECK_OK(bl_stream_write_all(server, much, 3, NULL));
    CHECK_OK(bl_stream_send_file(server, file, 3, FEW - 5, NULL));
    CHECK_OK(bl_stream_write_all(server, much + FEW - 2, 2, NULL));
    famine_end();
    CHECK_OK(bl_stream_close(server));
    pair.server.stream = NULL;
    CHECK_OK(bl_stream_read_exactly(pair.client.stream, got, FEW, NULL));
    CHECK(memcmp(got, much, FEW) == 0);
    CHECK_EQ(bl_stream_read(pair.client.stream, got, 1), 0);
    close(file);
    pair_abort(&pair);
}

/* It has no pages that could be sent, in older kernels. */
TEST(a_file_that_the_kernel_refuses_is_copied, .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    int file = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    REQUIRE_GE(file, 0);
    open_agreed(&pair, &agreements[3], true);
    bl_stream *server = pair.server.stream;
    CHECK_OK(bl_stream_write_all(server, "head", 4, NULL));
    CHECK_OK(bl_stream_send_file(server, file, 0, FEW, NULL));
    CHECK_OK(bl_stream_write_all(server, "tail", 4, NULL));
    CHECK_OK(bl_stream_read_exactly(pair.client.stream, got, FEW + 8, NULL));
    CHECK_MEM(got, 4, "head", 4);
    CHECK_MEM(got + FEW + 4, 4, "tail", 4);
    for (int i = 4; i < FEW + 4; i++) {
        if (got[i] != 0) t_fail("not a zero");
    }
    close(file);
    pair_abort(&pair);
}

/* ---- keys -------------------------------------------------------------- */

TEST(a_peer_that_asks_for_new_keys_is_refused, .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    open_agreed(&pair, &agreements[3], true);
    CHECK_ERR(bl_tls_update_keys(pair.server.stream), BL_ENOTSUP);
    check_a_word(&pair);
    CHECK_OK(bl_tls_update_keys(pair.client.stream));
    check_a_word(&pair); /* by its new keys */
    int file = file_of_few();
    CHECK_ERR(bl_stream_send_file(pair.server.stream, file, 0, 1, NULL),
              BL_ETLS);
    close(file);
    CHECK_ERR(bl_stream_write(pair.server.stream, "x", 1), BL_ETLS);
    CHECK_ERR(bl_stream_write(pair.server.stream, "x", 1), BL_ETLS);
    CHECK_ERR(bl_stream_read(pair.server.stream, bytes, 8), BL_ETLS);
    CHECK_OK(bl_stream_close(pair.server.stream));
    pair.server.stream = NULL;
    CHECK_ERR(bl_stream_read(pair.client.stream, bytes, 8), BL_ETLSTRUNCATED);
    pair_abort(&pair);
}

/* ---- ends -------------------------------------------------------------- */

/* Writes until the socket is full. */
static size_t write_until_full(struct tls_pair *pair) {
    size_t total = 0;
    bl_ssize moved;
    do {
        bl_scope scope;
        bl_scope_enter_move_on(&scope, MS(20));
        moved = bl_stream_write(pair->server.stream, much, MUCH);
        if (moved > 0) total += (size_t)moved;
        REQUIRE_OK(bl_scope_exit(&scope, moved < 0 ? (int)moved : 0));
    } while (moved > 0);
    REQUIRE_ERR(moved, BL_ECANCELED);
    return total;
}

static size_t read_to_the_end(bl_stream *stream, int *rc) {
    size_t total = 0;
    bl_ssize moved;
    while ((moved = bl_stream_read(stream, got, MUCH)) > 0) {
        CHECK(memcmp(got, much, (size_t)moved) == 0 || total > 0);
        total += (size_t)moved;
    }
    *rc = (int)moved;
    return total;
}

static int op_close(void *arg) {
    struct stream_op *op = arg;
    op->result = bl_stream_close(op->stream);
    op->has_ended = true;
    return 0;
}

PARAM(int, room, 4096, 65536);

static void close_when_full(struct tls_pair *pair, int room) {
    int rc;
    REQUIRE_OK(setsockopt(bl_stream_fd(pair->ends[1]), SOL_SOCKET, SO_SNDBUF,
                          &room, sizeof room));
    size_t sent = write_until_full(pair);
    struct stream_op op = { .stream = pair->server.stream };
    pair->server.stream = NULL;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, op_close, &op));
    CHECK_EQ(read_to_the_end(pair->client.stream, &rc), sent);
    CHECK_OK(rc);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(op.result);
}

/* A ticket is what OpenSSL says by itself: it waits in `out` for room. */
static void leave_a_ticket(struct tls_pair *pair) {
    SSL *ssl = bl_tls_ssl(pair->server.stream);
    REQUIRE_EQ(SSL_new_session_ticket(ssl), 1);
    REQUIRE_EQ(SSL_do_handshake(ssl), -1);
}

struct sending {
    bl_stream *stream;
    int file;
    size_t done;
    int rc;
};

static int send_few(void *arg) {
    struct sending *sending = arg;
    sending->rc = bl_stream_send_file(sending->stream, sending->file, 0, FEW,
                                      &sending->done);
    CHECK_EQ(SSL_do_handshake(bl_tls_ssl(sending->stream)), 1); /* is sent */
    return bl_stream_shutdown_write(sending->stream);
}

TEST(a_file_comes_after_what_openssl_had_to_say, .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    int rc;
    struct sending sending = { .file = file_of_few() };
    open_agreed(&pair, &agreements[3], true);
    sending.stream = pair.server.stream;
    size_t sent = write_until_full(&pair);
    leave_a_ticket(&pair);
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, send_few, &sending));
    t_settle();
    CHECK_EQ(sending.done, 0);
    CHECK_EQ(read_to_the_end(pair.client.stream, &rc), sent + FEW);
    CHECK_OK(rc);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(sending.rc);
    close(sending.file);
    pair_abort(&pair);
}

/* The kernel holds a record of which TCP has taken only a part. */
TEST(closing_a_full_socket_loses_nothing, (room), .clock = T_CLOCK_REAL,
     .skip_if = no_kernel, .tags = "rigid") {
    struct tls_pair pair;
    fill_much();
    open_agreed(&pair, &agreements[3], true);
    for (int i = 0; i < 8; i++) {
        close_when_full(&pair, room);
        pair_drop_streams(&pair);
        pair_connect(&pair, OVER_NONBLOCKING);
        pair_shake(&pair);
        REQUIRE_OK(pair.server.rc);
    }
    pair_abort(&pair);
}

TEST(a_goodbye_that_the_socket_has_no_room_for_times_out, .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    fill_much();
    open_agreed(&pair, &agreements[3], true);
    CHECK_GT(write_until_full(&pair), 0);
    CHECK_ERR(bl_stream_close(pair.server.stream), BL_ETIMEDOUT);
    pair.server.stream = NULL;
    pair_abort(&pair);
}

TEST(an_alert_goes_through_the_kernel, (agreed), .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    char bytes[8];
    open_agreed(&pair, &agreements[agreed], true);
    /* A record that the client has not made, past its encryption. */
    char record[5 + 64] = { 23, 3, 3, 0, 64 };
    REQUIRE_EQ(write(bl_stream_fd(pair.ends[0]), record, sizeof record),
               (bl_ssize)sizeof record);
    CHECK_ERR(bl_stream_read(pair.server.stream, bytes, 8), BL_ETLS);
    const bl_error *error = bl_error_current(BL_ETLS);
    CHECK(strstr(bl_error_message(error), "does not say") == NULL);
    CHECK_ERR(bl_stream_read(pair.client.stream, bytes, 8), BL_ETLSALERT);
    pair_abort(&pair);
}

TEST(a_peer_that_is_gone_raises_no_signal, .skip_if = no_kernel,
     .tags = "rigid") {
    struct tls_pair pair;
    open_agreed(&pair, &agreements[0], true);
    int fd = bl_stream_fd(pair.ends[0]);
    CHECK_OK(bl_stream_write_all(pair.server.stream, "unread", 6, NULL));
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    REQUIRE_OK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once));
    bl_stream_abort(pair.client.stream);
    pair.client.stream = NULL;
    int rc;
    do {
        rc = (int)bl_stream_write(pair.server.stream, "x", 1);
    } while (rc > 0);
    CHECK(rc == BL_EPIPE || rc == BL_ECONNRESET);
    BL_IGNORE(bl_stream_close(pair.server.stream)); /* nobody hears it */
    pair.server.stream = NULL;
    pair_abort(&pair);
}
