/* SPDX-License-Identifier: MIT */
/*
 * tests/tls/test_fuzz.c - records that nobody should send
 *
 * Two kinds of input.  Recorded handshakes, spoilt, are given to a server and
 * to a client; they never come further than the first flight, for a recording
 * does not know the keys.  So there is also a man in the middle of a live
 * conversation: an input says what he does to which record, in either
 * direction, and both ends have to survive it, and never to take what he made
 * of a message for the message.
 *
 * In every run there are a few hundred of each kind.  Many more:
 *
 *     BELAY_TEST_INPUTS=100000 build/asan/tests/test_tls_fuzz -k many
 *     tools/fuzz tests/tls/test_fuzz.c a_man_in_the_middle 100000
 *
 * The second is led by what the code does with each input, and slower.
 */
#include <belay/test.h>

#include <openssl/ssl.h>
#include <string.h>

#include "support/inputs.h"
#include "tls/pairs.h"
#include "tls/pki.h"

enum {
    FLIGHT_BYTES_MAX = 4096,
    RECORD_BYTES_MAX = 5 + 16384 + 256,
    RECORD_HEAD_BYTES = 5
};

/* What may come of a handshake with nobody in his right mind.  The deadline
 * is for a peer that waits for what was dropped. */
static bool is_expected(int rc) {
    switch (rc) {
    case 0:
    case BL_ETLS:
    case BL_ETLSALERT:
    case BL_ETLSTRUNCATED:
    case BL_ETIMEDOUT:
    case BL_EPIPE:
    case BL_ECERT:
    case BL_ECERTNAME:
    case BL_ECERTSELF:
    case BL_ECERTUNKNOWN:
    case BL_ECERTEXPIRED: return true;
    default: return false;
    }
}

/* ---- recordings --------------------------------------------------------- */

static int allow_1_2_at_most(void *ssl_ctx, void *arg) {
    const int *is_old = arg;
    if (*is_old) SSL_CTX_set_max_proto_version(ssl_ctx, TLS1_2_VERSION);
    return 0;
}

static void pair_of_version(struct tls_pair *pair, int is_old) {
    bl_tls_config config = client_config();
    bl_tls_config server = server_config();
    config.alpn = server.alpn = "h2,http/1.1";
    server.ask = BL_TLS_ASK_OFFER;
    server.configure = allow_1_2_at_most;
    server.configure_arg = &is_old;
    pair_make(pair, &config, &server, OVER_MEMORY);
}

static void pair_quietly(struct tls_pair *pair) {
    pair_of_version(pair, false);
}

/* Gives `data`, and then the end, to one end; takes what it says. */
static void check_flight(struct tls_pair *pair, bool is_for_server,
                         const void *data, size_t size) {
    char reply[512];
    struct tls_end *here = is_for_server ? &pair->server : &pair->client;
    bl_stream *there = pair->ends[is_for_server ? 0 : 1];
    CHECK_OK(bl_stream_write_all(there, data, size, NULL));
    CHECK_OK(bl_stream_shutdown_write(there));
    if (is_for_server) {
        here->rc =
            bl_tls_accept(here->context, here->under, NULL, &here->stream);
    } else {
        here->rc = bl_tls_connect(here->context, here->under, "localhost", NULL,
                                  &here->stream);
    }
    CHECK(here->rc != 0 && here->rc != BL_ETIMEDOUT);
    CHECK(is_expected(here->rc));
    bl_stream_abort(here->under);
    here->under = NULL;
    while (bl_stream_read(there, reply, sizeof reply) > 0) {}
    pair_drop_streams(pair);
    bl_error_handled();
}

FUZZ(records_for_a_server, .corpus = "corpus/client",
     .max_len = FLIGHT_BYTES_MAX) {
    struct tls_pair pair;
    pair_quietly(&pair);
    check_flight(&pair, true, data, size);
    pair_abort(&pair);
}

FUZZ(records_for_a_client, .corpus = "corpus/server",
     .max_len = FLIGHT_BYTES_MAX) {
    struct tls_pair pair;
    pair_quietly(&pair);
    check_flight(&pair, false, data, size);
    pair_abort(&pair);
}

/* ---- the man in the middle ---------------------------------------------- */

/* What he does to one record; the bytes behind it say more. */
enum deed {
    PASS,
    FLIP,      /* a bit: where, which */
    CUT,       /* and end: after how many bytes */
    DROP,      /* it never comes */
    TWICE,     /* it comes again */
    SWAP,      /* it comes after the next one */
    STRANGE,   /* a record of his own before it: type, length */
    OTHER_SIZE /* its head says: length */
};

struct middle {
    const uint8_t *deeds;
    size_t left;
};

static unsigned next_byte(struct middle *middle) {
    if (middle->left == 0) return 0;
    middle->left--;
    return *middle->deeds++;
}

static size_t next_word(struct middle *middle) {
    size_t high = next_byte(middle);
    return high << 8 | next_byte(middle);
}

/* One direction. */
struct lane {
    struct middle *middle;
    bl_stream *from;
    bl_stream *to;
    size_t bytes; /* of the record */
    size_t held;  /* of one that waits for the next */
    uint8_t record[RECORD_BYTES_MAX];
    uint8_t kept[RECORD_BYTES_MAX];
};

/* Reads a whole record; less than one at the end. */
static int lane_read(struct lane *lane) {
    size_t done;
    int rc = bl_stream_read_exactly(lane->from, lane->record, RECORD_HEAD_BYTES,
                                    &done);
    lane->bytes = done;
    if (rc < 0) return rc;
    size_t rest = (size_t)lane->record[3] << 8 | lane->record[4];
    REQUIRE_LE(rest, sizeof lane->record - RECORD_HEAD_BYTES);
    rc = bl_stream_read_exactly(lane->from, lane->record + RECORD_HEAD_BYTES,
                                rest, &done);
    lane->bytes += done;
    return rc;
}

static int lane_put(struct lane *lane, const void *data, size_t bytes) {
    return bl_stream_write_all(lane->to, data, bytes, NULL);
}

static int put_strange(struct lane *lane) {
    uint8_t bytes[RECORD_HEAD_BYTES + 255] = { 0 };
    unsigned type = next_byte(lane->middle);
    unsigned length = next_byte(lane->middle);
    bytes[0] = (uint8_t)(type % 6 == 5 ? type : 20 + type % 6);
    bytes[1] = 3;
    bytes[2] = 3;
    bytes[4] = (uint8_t)length;
    memset(bytes + RECORD_HEAD_BYTES, (int)(type >> 3), length);
    int rc = lane_put(lane, bytes, RECORD_HEAD_BYTES + length);
    return rc < 0 ? rc : lane_put(lane, lane->record, lane->bytes);
}

static int put_held(struct lane *lane) {
    size_t held = lane->held;
    lane->held = 0;
    return held > 0 ? lane_put(lane, lane->kept, held) : 0;
}

/* Passes a record on, or does something else with it. */
static int lane_deal(struct lane *lane) {
    struct middle *middle = lane->middle;
    int rc = 0;
    size_t at;
    switch ((enum deed)(next_byte(middle) & 7)) {
    case FLIP:
        at = next_word(middle) % lane->bytes;
        lane->record[at] ^= (uint8_t)(1u << (next_byte(middle) & 7));
        break;
    case CUT:
        at = next_word(middle) % lane->bytes;
        rc = lane_put(lane, lane->record, at);
        return rc < 0 ? rc : BL_ECONNRESET;
    case DROP: return 0;
    case TWICE: rc = lane_put(lane, lane->record, lane->bytes); break;
    case SWAP:
        if (lane->held > 0) break;
        memcpy(lane->kept, lane->record, lane->bytes);
        lane->held = lane->bytes;
        return 0;
    case STRANGE: return put_strange(lane);
    case OTHER_SIZE:
        at = next_word(middle);
        lane->record[3] = (uint8_t)(at >> 8);
        lane->record[4] = (uint8_t)at;
        break;
    case PASS: break;
    }
    if (rc == 0) rc = lane_put(lane, lane->record, lane->bytes);
    return rc < 0 ? rc : put_held(lane);
}

static int lane_run(void *arg) {
    struct lane *lane = arg;
    int rc;
    do {
        rc = lane_read(lane);
        if (rc == 0) rc = lane_deal(lane);
    } while (rc == 0);
    BL_IGNORE(bl_stream_shutdown_write(lane->to)); /* it may be gone */
    bl_error_handled();
    return bl_is_cancelled() ? BL_ECANCELED : 0;
}

/* ---- the conversation that he is in the middle of ------------------------ */

static const char message[] = "what was meant, and nothing else";

/* Says the message and hears it, or an error; never anything else. */
static int talk(struct tls_end *end) {
    char bytes[sizeof message];
    size_t done;
    int rc = bl_stream_write_all(end->stream, message, sizeof message, NULL);
    if (rc < 0) return rc;
    rc = bl_stream_read_exactly(end->stream, bytes, sizeof bytes, &done);
    CHECK_MEM(bytes, done, message, done);
    if (rc < 0) return rc;
    rc = bl_stream_shutdown_write(end->stream);
    bl_ssize count = rc < 0 ? rc : bl_stream_read(end->stream, bytes, 1);
    if (count >= 0) CHECK_EQ(count, 0);
    return (int)count;
}

struct side {
    struct tls_end *end;
    bool is_server;
};

static int side_run(void *arg) {
    const struct side *side = arg;
    struct tls_end *end = side->end;
    BL_TIMEOUT(end->rc, SEC(10)) {
        end->rc =
            side->is_server
                ? bl_tls_accept(end->context, end->under, NULL, &end->stream)
                : bl_tls_connect(end->context, end->under, "localhost", NULL,
                                 &end->stream);
        if (end->rc < 0) break;
        end->under = NULL;
        end->rc = talk(end);
    }
    CHECK(is_expected(end->rc));
    bl_error_handled();
    bl_stream_abort(end->stream);
    bl_stream_abort(end->under);
    end->stream = end->under = NULL;
    return 0;
}

/* Whether both sides heard what was meant. */
static bool converse(struct tls_pair *pair, const uint8_t *deeds, size_t size) {
    static struct lane lanes[2];
    bl_stream *other[2];
    struct middle middle = { .deeds = deeds, .left = size };
    pair_connect(pair, OVER_MEMORY);
    REQUIRE_OK(bl_mem_pair(0, other));
    /* client - near, the middle, other[0] - server */
    bl_stream *near = pair->ends[1];
    pair->server.under = other[1];
    for (int i = 0; i < 2; i++) {
        lanes[i].middle = &middle;
        lanes[i].held = 0;
        lanes[i].from = i == 0 ? near : other[0];
        lanes[i].to = i == 0 ? other[0] : near;
    }
    struct side sides[2] = { { &pair->client, false },
                             { &pair->server, true } };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(bl_spawn_daemon(&group, lane_run, &lanes[i]));
        REQUIRE_OK(bl_spawn(&group, side_run, &sides[i]));
    }
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(near);
    bl_stream_abort(other[0]);
    return pair->client.rc == 0 && pair->server.rc == 0;
}

FUZZ(a_man_in_the_middle, .corpus = "corpus/middle", .max_len = 64) {
    struct tls_pair pair;
    pair_quietly(&pair);
    pair_drop_streams(&pair);
    bool is_understood = converse(&pair, data, size);
    if (size == 0) CHECK(is_understood);
    pair_abort(&pair);
}

/* ---- slowly, and not to the end ------------------------------------------ */

/* Passes on what comes, a byte at a time, up to a limit, and then ends. */
struct drip {
    bl_stream *from;
    bl_stream *to;
    bl_ns pause;
    size_t *left; /* both directions together */
};

static int drip_run(void *arg) {
    const struct drip *drip = arg;
    char byte;
    int rc = 0;
    while (rc == 0 && *drip->left > 0) {
        bl_ssize count = bl_stream_read(drip->from, &byte, 1);
        if (count <= 0) break;
        --*drip->left;
        if (drip->pause > 0) rc = bl_sleep(drip->pause);
        if (rc == 0) rc = bl_stream_write_all(drip->to, &byte, 1, NULL);
    }
    BL_IGNORE(bl_stream_shutdown_write(drip->to)); /* it may be gone */
    bl_error_handled();
    return bl_is_cancelled() ? BL_ECANCELED : 0;
}

/* A conversation through two of them.  Returns how many bytes it took. */
static size_t converse_slowly(struct tls_pair *pair, bl_ns pause,
                              size_t limit) {
    bl_stream *other[2];
    size_t left = limit;
    pair_connect(pair, OVER_MEMORY);
    REQUIRE_OK(bl_mem_pair(0, other));
    bl_stream *near = pair->ends[1];
    pair->server.under = other[1];
    struct drip drips[2] = { { near, other[0], pause, &left },
                             { other[0], near, pause, &left } };
    struct side sides[2] = { { &pair->client, false },
                             { &pair->server, true } };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(bl_spawn_daemon(&group, drip_run, &drips[i]));
        REQUIRE_OK(bl_spawn(&group, side_run, &sides[i]));
    }
    CHECK_OK(bl_group_exit(&group, 0));
    bl_stream_abort(near);
    bl_stream_abort(other[0]);
    return limit - left;
}

TEST(a_conversation_that_ends_at_any_byte, .tags = "order") {
    struct tls_pair pair;
    pair_quietly(&pair);
    pair_drop_streams(&pair);
    size_t first = converse_slowly(&pair, 0, SIZE_MAX);
    size_t whole = converse_slowly(&pair, 0, SIZE_MAX);
    CHECK_LT(whole, first); /* it was resumed, and some of those below are */
    CHECK(pair.client.rc == 0 && pair.server.rc == 0);
    for (size_t limit = 0; limit < whole; limit += 7) {
        converse_slowly(&pair, 0, limit);
        CHECK(pair.client.rc < 0 || pair.server.rc < 0);
    }
    pair_abort(&pair);
}

/* It is fast enough for some: what they do not wait for, deadlines end. */
TEST(a_byte_a_second_is_ended_by_a_deadline) {
    struct tls_pair pair;
    pair_quietly(&pair);
    pair_drop_streams(&pair);
    bl_ns began = bl_now();
    converse_slowly(&pair, MS(1), SIZE_MAX);
    CHECK(pair.client.rc == 0 && pair.server.rc == 0);
    CHECK_LT(bl_now() - began, SEC(10));
    began = bl_now();
    converse_slowly(&pair, SEC(1), SIZE_MAX);
    CHECK_ERR(pair.client.rc, BL_ETIMEDOUT);
    CHECK_ERR(pair.server.rc, BL_ETIMEDOUT);
    CHECK_EQ(bl_now() - began, SEC(10));
    pair_abort(&pair);
}

/* ---- many of all kinds, in one process ----------------------------------- */

PARAM(int, is_old, 0, 1);

static int connect_alone(void *arg) {
    struct tls_end *end = arg;
    return bl_tls_connect(end->context, end->under, "localhost", NULL,
                          &end->stream);
}

static int accept_alone(void *arg) {
    struct tls_end *end = arg;
    return bl_tls_accept(end->context, end->under, NULL, &end->stream);
}

/* What the client says first, or what the server answers to `prompt`. */
static size_t record_flight(struct tls_pair *pair, const void *prompt,
                            size_t prompt_bytes, char *flight) {
    bool is_servers = prompt != NULL;
    bl_stream *there = pair->ends[is_servers ? 0 : 1];
    BL_GROUP_SCOPED(group);
    if (is_servers) {
        REQUIRE_OK(bl_spawn(&group, accept_alone, &pair->server));
        REQUIRE_OK(bl_stream_write_all(there, prompt, prompt_bytes, NULL));
    } else {
        REQUIRE_OK(bl_spawn(&group, connect_alone, &pair->client));
    }
    size_t count = 0; /* it may come in pieces, and ends in silence */
    bl_ssize more;
    do {
        REQUIRE_LT(count, FLIGHT_BYTES_MAX);
        more = bl_wait_for(
            bl_stream_read(there, flight + count, FLIGHT_BYTES_MAX - count),
            MS(1));
        if (more > 0) count += (size_t)more;
    } while (more > 0);
    bl_error_handled();
    REQUIRE_GT(count, 0);
    bl_group_cancel(&group);
    REQUIRE_OK(bl_group_exit(&group, 0));
    pair_drop_streams(pair);
    return count;
}

/* A pair of that version, and a recording: for the server, or the client. */
static size_t record(struct tls_pair *pair, int is_old, bool is_for_server,
                     char *flight) {
    static char first[FLIGHT_BYTES_MAX];
    pair_of_version(pair, is_old);
    size_t bytes = record_flight(pair, NULL, 0, flight);
    if (is_for_server) return bytes;
    memcpy(first, flight, bytes);
    pair_connect(pair, OVER_MEMORY);
    return record_flight(pair, first, bytes, flight);
}

static void check_any_flight(struct tls_pair *pair, bool is_for_server,
                             const void *data, size_t size) {
    pair_connect(pair, OVER_MEMORY);
    check_flight(pair, is_for_server, data, size);
}

PARAM(bool, is_for_server, false, true);

TEST(a_flight_that_ends_at_any_byte, (is_old, is_for_server)) {
    static char flight[FLIGHT_BYTES_MAX];
    struct tls_pair pair;
    size_t bytes = record(&pair, is_old, is_for_server, flight);
    for (size_t count = 0; count < bytes; count++)
        check_any_flight(&pair, is_for_server, flight, count);
    pair_abort(&pair);
}

/* Spoils a copy, in place, in one of several ways.  Returns its new size. */
static size_t spoil(bl_test_rng *rng, char *bytes, size_t size) {
    size_t from = (size_t)t_rng_below(rng, size);
    size_t count = 1 + (size_t)t_rng_below(rng, 40);
    if (count > size - from) count = size - from;
    size_t behind = from + count;
    switch (t_rng_below(rng, 6)) {
    case 0: return from;
    case 1: bytes[from] ^= (char)(1 << t_rng_below(rng, 8)); break;
    case 2: t_rng_fill(rng, bytes + from, count); break;
    case 3: /* a part is missing */
        memmove(bytes + from, bytes + behind, size - behind);
        return size - count;
    case 4: /* a part comes twice */
        if (size + count > FLIGHT_BYTES_MAX) break;
        memmove(bytes + behind, bytes + from, size - from);
        return size + count;
    default: /* a length says too much or too little */
        bytes[from] = (char)t_rng_below(rng, 256);
        if (from + 1 < size) bytes[from + 1] = (char)t_rng_below(rng, 256);
    }
    return size;
}

TEST(many_spoilt_flights, (is_old, is_for_server, t_rng), .watchdog = SEC(3600),
     .timeout = SEC(1000000)) {
    static char flight[FLIGHT_BYTES_MAX];
    static char bad[FLIGHT_BYTES_MAX];
    struct tls_pair pair;
    size_t bytes = record(&pair, is_old, is_for_server, flight);
    for (int i = inputs_wanted(200); i > 0; i--) {
        memcpy(bad, flight, bytes);
        size_t size = bytes;
        for (uint64_t times = 1 + t_rng_below(t_rng, 3); times > 0; times--) {
            if (size > 0) size = spoil(t_rng, bad, size);
        }
        check_any_flight(&pair, is_for_server, bad, size);
    }
    pair_abort(&pair);
}

TEST(many_conversations_with_a_man_in_the_middle, (is_old, t_rng),
     .watchdog = SEC(3600), .timeout = SEC(1000000)) {
    uint8_t deeds[40];
    struct tls_pair pair;
    int understood = 0;
    pair_of_version(&pair, is_old);
    pair_drop_streams(&pair);
    for (int i = inputs_wanted(200); i > 0; i--) {
        size_t good = (size_t)t_rng_below(t_rng, 20);
        memset(deeds, 0, sizeof deeds);
        t_rng_fill(t_rng, deeds + good, sizeof deeds - good);
        understood += converse(&pair, deeds, good + 10);
    }
    CHECK_GT(understood, 0); /* there are harmless ones among them */
    pair_abort(&pair);
}
