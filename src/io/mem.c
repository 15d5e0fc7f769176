/* SPDX-License-Identifier: MIT */
/*
 * io/mem.c - streams in memory
 *
 * A *link* has two *lanes*, one per direction: a ring of bytes between the one
 * task that writes and the one that reads.  Each end of the link is a stream
 * of a kind of its own, which reads lane[end] and writes the other one.  Who
 * is woken looks again: there is nobody who could be faster.
 *
 *      end 0  -- writes -->  lane[1]  -- is read by -->  end 1
 *      end 0  <-- reads ---  lane[0]  <-- is written by  end 1
 *
 * Invariants:
 *   lane->count <= link->capacity;
 *   a lane's reader waits only while it is empty and not ended, its writer
 *   only while it is full.
 */
#include <belay/mem.h>
#include <belay/park.h>

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "io/stream.h"

enum {
    MEM_CAPACITY_DEFAULT = 64 * 1024
};

struct mem_lane {
    unsigned char *bytes;
    size_t start; /* of the oldest byte */
    size_t count;
    bl_waitq reader;
    bl_waitq writer;
    bool is_ended;     /* the writer said so */
    bool is_reset;     /* the writer broke off in the middle */
    bool is_abandoned; /* the reader is gone */
};

struct mem_end {
    struct mem_link *link;
    struct mem_lane *in;
    struct mem_lane *out;
    size_t read_bytes_max;
    size_t write_bytes_max;
    bool is_closed;
};

struct mem_link {
    struct mem_end ends[2];
    struct mem_lane lanes[2];
    size_t capacity;
    unsigned ends_alive;
    unsigned char bytes[]; /* of both lanes */
};

/* ---- moving bytes ------------------------------------------------------ */

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many of `bytes` that could be moved are moved; at least one. */
static size_t mem_chunk(size_t bytes, size_t bytes_max) {
    if (bytes_max > 0) bytes = min_size(bytes, bytes_max);
    if (bytes > UINT32_MAX) return bytes;
    return bytes - bl_choose(BL_CHOICE_SIZE, (uint32_t)bytes);
}

/* Copies between the ring, from `at` on, and a piece of memory. */
static void ring_copy(const struct mem_link *link, struct mem_lane *lane,
                      size_t at, void *memory, size_t bytes, bool is_put) {
    at %= link->capacity;
    size_t first = min_size(bytes, link->capacity - at);
    unsigned char *rest = (unsigned char *)memory + first;
    if (is_put) {
        memcpy(lane->bytes + at, memory, first);
        memcpy(lane->bytes, rest, bytes - first);
    } else {
        memcpy(memory, lane->bytes + at, first);
        memcpy(rest, lane->bytes, bytes - first);
    }
}

static size_t parts_bytes(const struct iovec *parts, int count) {
    size_t total = 0;
    for (int i = 0; i < count; i++) {
        if (parts[i].iov_len > SIZE_MAX - total) return SIZE_MAX;
        total += parts[i].iov_len;
    }
    return total;
}

/* Moves `bytes`, which both sides have room for, from or to the ring. */
static void lane_move(const struct mem_link *link, struct mem_lane *lane,
                      const struct iovec *parts, size_t bytes, bool is_put) {
    size_t at = lane->start + (is_put ? lane->count : 0);
    size_t left = bytes;
    for (; left > 0; parts++) {
        size_t part = min_size(left, parts->iov_len);
        if (part > 0) {
            ring_copy(link, lane, at, parts->iov_base, part, is_put);
        }
        at += part;
        left -= part;
    }
    if (is_put) {
        lane->count += bytes;
    } else {
        lane->start = (lane->start + bytes) % link->capacity;
        lane->count -= bytes;
    }
    BL__ASSERT(lane->count <= link->capacity);
}

/* ---- the kind ---------------------------------------------------------- */

static void lane_wake(bl_waitq *line, int rc) {
    bl_waiter *waiter = bl_waitq_first(line);
    if (waiter != NULL) bl_waitq_serve(waiter, rc);
}

static int mem_wait_on(const struct mem_end *end, bl_waitq *line,
                       const char *what) {
    bl_waiter waiter;
    int rc = bl_waitq_wait(line, &waiter, what, end);
    return end->is_closed ? BL_ECLOSED : rc;
}

static bool lane_is_readable(const struct mem_lane *lane) {
    return lane->count > 0 || lane->is_ended;
}

static bl_ssize mem_try_read(void *self, const struct iovec *parts, int count) {
    struct mem_end *end = self;
    struct mem_lane *lane = end->in;
    if (!lane_is_readable(lane)) return BL_EAGAIN;
    if (lane->count == 0) return lane->is_reset ? BL_ECONNRESET : 0;

    size_t bytes = min_size(parts_bytes(parts, count), lane->count);
    bytes = mem_chunk(bytes, end->read_bytes_max);
    lane_move(end->link, lane, parts, bytes, false);
    lane_wake(&lane->writer, 0);
    return (bl_ssize)bytes;
}

static bl_ssize mem_read(void *self, const struct iovec *parts, int count) {
    struct mem_end *end = self;
    while (!lane_is_readable(end->in)) {
        int rc = mem_wait_on(end, &end->in->reader, "memory stream read");
        if (rc < 0) return rc;
    }
    return mem_try_read(self, parts, count);
}

static bool lane_is_writable(const struct mem_end *end) {
    const struct mem_lane *lane = end->out;
    return lane->count < end->link->capacity || lane->is_abandoned ||
           lane->is_ended;
}

static bl_ssize mem_write(void *self, const struct iovec *parts, int count) {
    struct mem_end *end = self;
    struct mem_lane *lane = end->out;
    while (!lane_is_writable(end)) {
        int rc = mem_wait_on(end, &lane->writer, "memory stream write");
        if (rc < 0) return rc;
    }
    if (lane->is_abandoned || lane->is_ended) return BL_EPIPE;

    size_t room = end->link->capacity - lane->count;
    size_t bytes = min_size(parts_bytes(parts, count), room);
    bytes = mem_chunk(bytes, end->write_bytes_max);
    lane_move(end->link, lane, parts, bytes, true);
    lane_wake(&lane->reader, 0);
    return (bl_ssize)bytes;
}

static int mem_wait(void *self, unsigned event) {
    struct mem_end *end = self;
    int rc = 0;
    if (event == BL_READABLE) {
        while (rc == 0 && !lane_is_readable(end->in)) {
            rc = mem_wait_on(end, &end->in->reader, "memory stream read");
        }
    } else {
        while (rc == 0 && !lane_is_writable(end)) {
            rc = mem_wait_on(end, &end->out->writer, "memory stream write");
        }
    }
    return rc;
}

static int mem_shutdown_write(void *self) {
    struct mem_end *end = self;
    end->out->is_ended = true;
    lane_wake(&end->out->reader, 0);
    return 0;
}

static int mem_abort(void *self, bool is_cut) {
    struct mem_end *end = self;
    end->is_closed = true;
    lane_wake(&end->in->reader, BL_ECLOSED);
    lane_wake(&end->out->writer, BL_ECLOSED);

    if (is_cut && !end->out->is_ended) end->out->is_reset = true;
    end->out->is_ended = true;
    lane_wake(&end->out->reader, 0);
    end->in->is_abandoned = true;
    lane_wake(&end->in->writer, 0);
    return 0;
}

static void mem_free(void *self) {
    struct mem_end *end = self;
    struct mem_link *link = end->link;
    BL__ASSERT(link->ends_alive > 0);
    if (--link->ends_alive == 0) bl__free(link);
}

static const bl_stream_ops mem_ops = {
    .size = sizeof(bl_stream_ops),
    .name = "memory",
    .read = mem_read,
    .write = mem_write,
    .shutdown_write = mem_shutdown_write,
    .abort = mem_abort,
    .free = mem_free,
    .wait = mem_wait,
    .try_read = mem_try_read,
};

/* ---- opening ----------------------------------------------------------- */

static struct mem_link *mem_link_new(size_t capacity) {
    struct mem_link *link = bl__alloc(sizeof *link + 2 * capacity);
    if (link == NULL) return NULL;
    memset(link, 0, sizeof *link);
    link->capacity = capacity;
    for (int i = 0; i < 2; i++) {
        struct mem_lane *lane = &link->lanes[i];
        lane->bytes = link->bytes + (size_t)i * capacity;
        bl_waitq_init(&lane->reader);
        bl_waitq_init(&lane->writer);
        link->ends[i].link = link;
        link->ends[i].in = lane;
        link->ends[i].out = &link->lanes[1 - i];
    }
    return link;
}

int bl_mem_pair(size_t capacity, bl_stream *ends[2]) {
    if (ends == NULL) return BL_EINVAL;
    if (capacity > SIZE_MAX / 4) return BL_EINVAL;
    if (bl_loop_running() == NULL) return BL_ENOLOOP;
    if (capacity == 0) capacity = MEM_CAPACITY_DEFAULT;

    bl_stream *made[2];
    struct mem_link *link = mem_link_new(capacity);
    if (link == NULL) return BL_ENOMEM;
    int rc = bl_stream_new(&mem_ops, &link->ends[0], &made[0]);
    if (rc < 0) goto free_link;
    link->ends_alive = 1;
    rc = bl_stream_new(&mem_ops, &link->ends[1], &made[1]);
    if (rc < 0) goto abort_first;
    link->ends_alive = 2;
    ends[0] = made[0];
    ends[1] = made[1];
    return 0;

abort_first:
    bl_stream_abort(made[0]); /* takes the link along */
    return rc;
free_link:
    bl__free(link);
    return rc;
}

int bl_mem_limit(bl_stream *stream, size_t read_bytes_max,
                 size_t write_bytes_max) {
    if (stream == NULL || stream->ops != &mem_ops) return BL_EINVAL;
    struct mem_end *end = stream->self;
    end->read_bytes_max = read_bytes_max;
    end->write_bytes_max = write_bytes_max;
    return 0;
}
