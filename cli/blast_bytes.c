/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_bytes.c - a request is some bytes, and so is its answer
 *
 * An answer is whole after a number of bytes, or behind a mark.  Bytes that
 * come behind it were not asked for: the two sides no longer agree on what
 * belongs to what.
 *
 * An echo is compared as it comes, so it may be longer than the buffer.  A
 * server may begin to answer before it has everything, and stop reading until
 * somebody takes its answer; so what does not surely fit into the buffers of
 * the kernel is sent by a task of its own while the answer is read.
 */
#include <string.h>

#include "blast_load.h"

enum {
    FITS_BYTES = 16384
};

/* ---- sending ------------------------------------------------------------- */

struct sending {
    struct blast_link *link;
    size_t done;
    int rc;
};

static int send_all(struct sending *sending) {
    const struct blast_load *load = sending->link->load;
    return bl_stream_write_all(sending->link->stream, load->request,
                               load->request_bytes, &sending->done);
}

/* A failure is the request's: it does not end the group by itself. */
static int send_task(void *arg) {
    struct sending *sending = arg;
    sending->rc = send_all(sending);
    return sending->rc == BL_ECANCELED ? BL_ECANCELED : 0;
}

/* ---- receiving ----------------------------------------------------------- */

/* Reads at least one byte, behind the first `kept` of the buffer. */
static bl_ssize receive(struct blast_link *link, size_t kept,
                        struct blast_reply *reply) {
    reply->phase = BLAST_RECEIVE;
    bl_ssize count = bl_stream_read(link->stream, link->buffer + kept,
                                    BLAST_BUFFER_BYTES - kept);
    if (count == 0) {
        reply->phase = BLAST_CLOSED;
        return BL_ECONNRESET;
    }
    if (count > 0) reply->bytes_received += (uint64_t)count;
    return count;
}

static int mismatch(struct blast_reply *reply) {
    reply->phase = BLAST_MISMATCH;
    return BL_EPROTO;
}

static int receive_count(struct blast_link *link, struct blast_reply *reply) {
    const struct blast_options *options = link->load->options;
    const unsigned char *expected = link->load->request;
    uint64_t left = options->reply_bytes;

    while (left > 0) {
        bl_ssize count = receive(link, 0, reply);
        if (count < 0) return (int)count;
        size_t bytes = (size_t)count;
        if (bytes > left) return mismatch(reply);
        left -= bytes;
        if (!options->is_echo) continue;
        if (memcmp(link->buffer, expected, bytes) != 0) return mismatch(reply);
        expected += bytes;
    }
    return 0;
}

/*
 * The mark may come in parts: the latest bytes stay in front of those that are
 * read next, as many as a mark may have begun with.
 */
static int receive_until(struct blast_link *link, struct blast_reply *reply) {
    const struct blast_options *options = link->load->options;
    size_t mark_bytes = options->until_bytes;
    size_t kept = 0;

    for (;;) {
        bl_ssize count = receive(link, kept, reply);
        if (count < 0) return (int)count;

        size_t there = kept + (size_t)count;
        const unsigned char *mark =
            memmem(link->buffer, there, options->until, mark_bytes);
        if (mark != NULL) {
            size_t end = (size_t)(mark - link->buffer) + mark_bytes;
            return end == there ? 0 : mismatch(reply);
        }
        kept = there < mark_bytes - 1 ? there : mark_bytes - 1;
        memmove(link->buffer, link->buffer + there - kept, kept);
    }
}

static int receive_answer(struct blast_link *link, struct blast_reply *reply) {
    if (link->load->options->until_bytes > 0) return receive_until(link, reply);
    return receive_count(link, reply);
}

/* ---- both ---------------------------------------------------------------- */

static int talk_both_ways(struct blast_link *link, struct blast_reply *reply) {
    struct sending sending = { .link = link };
    int received = 0;
    int rc;

    BL_GROUP(group, rc) {
        rc = bl_spawn(group, send_task, &sending);
        if (rc == 0) received = receive_answer(link, reply);
        if (received < 0) bl_group_cancel(group);
    }
    reply->bytes_sent += sending.done;
    bool is_sent = sending.done == link->load->request_bytes;
    if (rc < 0 && is_sent) return rc;
    if (rc == 0 && received < 0) return received;
    reply->phase = BLAST_SEND;
    return rc < 0 ? rc : sending.rc;
}

static int talk(struct blast_link *link, struct blast_reply *reply) {
    if (link->load->request_bytes > FITS_BYTES) {
        return talk_both_ways(link, reply);
    }
    struct sending sending = { .link = link };
    reply->phase = BLAST_SEND;
    int rc = send_all(&sending);
    reply->bytes_sent += sending.done;
    return rc < 0 ? rc : receive_answer(link, reply);
}

const struct blast_wire blast_wire_bytes = { "bytes", talk };
