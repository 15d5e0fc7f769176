/* SPDX-License-Identifier: MIT */
/*
 * http/connection.c - what is read and written around the requests
 *
 * Answers are gathered and sent when the server is about to wait for the peer:
 * requests that came together are answered by one write.
 *
 * A connection that waits for a request is idle: a stop ends it.  It may have
 * been given a request that was under way when the server stopped, so before
 * it is closed it looks once more.  From the first byte of a head on it is not
 * idle, and the head has to be complete in time.
 *
 * How long it waits is watched by one timer per connection.  It is set for the
 * first time-out that may come, and when it rings, set again if nobody has
 * waited for so long: a deadline for each wait would cost a place in the heap
 * of timers twice per request, and almost none of them ever passes.
 *
 * Invariants:
 *   the server never waits for the peer to send with output gathered;
 *   waiting != NULL -> watch_due <= waiting_due.
 */
#include <belay/loop.h>

#include <sys/socket.h>

#include "base/alloc.h"
#include "http/server.h"

static const bl_ns linger_ns = BL_SEC(2);
static const bl_ns last_look_ns = BL_MS(1);
static const bl_ns first_word_ns = BL_SEC(1); /* as bl_serve's default */

enum {
    LINGER_BYTES_MAX = 1024 * 1024
};

/* ---- waiting, but not for ever ------------------------------------------ */

static void set_watch(bl__http_connection *connection, bl_ns due) {
    connection->watch_due = due;
    bl_timer_start(bl_loop_running(), &connection->watch, due);
}

static void on_watch(void *context) {
    bl__http_connection *connection = context;
    connection->watch_due = BL_FOREVER;
    if (connection->waiting == NULL) return;
    if (bl_now() < connection->waiting_due) {
        set_watch(connection, connection->waiting_due);
        return;
    }
    connection->is_overdue = true;
    bl_scope_cancel(connection->waiting, "the peer is too slow");
}

/* Enters a scope that is cancelled after `limit`, and with the token. */
static int begin_wait(bl__http_connection *connection, bl_scope *scope,
                      bl_ns limit, bl_token *token) {
    bl_scope_options options = { .size = sizeof options, .token = token };
    int rc = bl_scope_enter_with(scope, &options);
    if (rc < 0) return rc;
    BL__ASSERT(connection->waiting == NULL);
    connection->waiting = scope;
    connection->is_overdue = false;
    connection->waiting_due = BL_FOREVER;
    if (limit == BL_FOREVER) return 0;
    connection->waiting_due = bl_ns_add(bl_now(), limit);
    if (connection->watch_due > connection->waiting_due) {
        set_watch(connection, connection->waiting_due);
    }
    return 0;
}

/* Leaves it.  Returns what `rc` means outside: BL_ETIMEDOUT if it took too
 * long, 0 if the token was cancelled. */
static int end_wait(bl__http_connection *connection, bl_scope *scope, int rc) {
    BL__ASSERT(connection->waiting == scope);
    connection->waiting = NULL;
    rc = bl_scope_exit(scope, rc);
    bool is_late = bl_scope_is_caught(scope) && connection->is_overdue;
    return is_late ? BL_ETIMEDOUT : rc;
}

/* ---- making one --------------------------------------------------------- */

/* Cuts a piece of `bytes` off the front. */
static char *carve(char **rest, size_t bytes) {
    char *piece = *rest;
    *rest += bytes;
    return piece;
}

bl__http_connection *bl__http_connection_new(bl__http_server *server,
                                             bl_stream *stream) {
    const bl_http_options *options = &server->options;
    size_t items_bytes = options->fields_max * sizeof(bl_http_field);
    size_t input_bytes = options->head_bytes_max + BL__HTTP_BODY_ROOM;
    bl__http_connection *connection =
        bl__alloc(sizeof *connection + items_bytes + BL__HTTP_REPLY_FIELDS +
                  input_bytes + BL__HTTP_OUTPUT_BYTES);
    if (connection == NULL) return NULL;
    *connection = (bl__http_connection){ .server = server, .stream = stream };
    connection->watch_due = BL_FOREVER;
    bl_timer_init(&connection->watch, on_watch, connection);
    bl_lock_init(&connection->sending);
    char *rest = (char *)(connection + 1);
    connection->items = (void *)carve(&rest, items_bytes);
    connection->input = (bl__http_input){
        .stream = stream,
        .capacity = input_bytes,
        .bytes = carve(&rest, input_bytes),
    };
    connection->output = (bl__http_output){
        .capacity = BL__HTTP_OUTPUT_BYTES,
        .bytes = carve(&rest, BL__HTTP_OUTPUT_BYTES),
    };
    connection->fields = (bl__http_output){
        .capacity = BL__HTTP_REPLY_FIELDS,
        .bytes = carve(&rest, BL__HTTP_REPLY_FIELDS),
    };
    return connection;
}

void bl__http_connection_free(bl__http_connection *connection) {
    BL__ASSERT(connection->waiting == NULL);
    bl_timer_stop(&connection->watch);
    bl_free(connection);
}

/* ---- writing ------------------------------------------------------------ */

/* Takes what was sent out of what is gathered: more may have come since. */
static void output_drop(bl__http_output *output, size_t bytes) {
    BL__ASSERT(bytes <= output->count);
    output->count -= bytes;
    if (output->count > 0) {
        memmove(output->bytes, output->bytes + bytes, output->count);
    }
}

/*
 * If nothing at all was sent, what was gathered still is, and can be sent
 * later.  Anything else that is lacking would shift all that follows.
 */
static int send_now(bl__http_connection *connection, const void *data,
                    size_t bytes) {
    const bl_http_options *options = &connection->server->options;
    bl__http_output *output = &connection->output;
    size_t gathered = output->count;
    struct iovec parts[2] = {
        { .iov_base = output->bytes, .iov_len = gathered },
        { .iov_len = bytes },
    };
    memcpy(&parts[1].iov_base, &data, sizeof data); /* it has no const */
    bl__http_pace pace = {
        .patience = options->write_ns_max,
        .rate = options->rate_min,
        .moved = gathered + bytes,
    };
    size_t done = 0;
    bl_scope scope = { 0 };
    if (connection->is_broken) return BL_EMISUSE;
    int rc = begin_wait(connection, &scope, bl__http_pace_left(&pace), NULL);
    if (rc < 0) return rc;
    rc = bl_stream_writev_all(connection->stream, parts, bytes > 0 ? 2 : 1,
                              &done);
    if (rc == 0) {
        output_drop(output, gathered);
    } else {
        connection->is_broken = done > 0 || bytes > 0;
    }
    return end_wait(connection, &scope, rc);
}

static int send_and_release(bl__http_connection *connection, const void *data,
                            size_t bytes) {
    int rc = send_now(connection, data, bytes);
    int released = bl_lock_release(&connection->sending);
    BL__ASSERT(released == 0);
    return rc;
}

int bl__http_connection_send(bl__http_connection *connection, const void *data,
                             size_t bytes) {
    int rc = bl_lock_acquire(&connection->sending);
    if (rc == 0) return send_and_release(connection, data, bytes);
    if (bytes > 0) connection->is_broken = true;
    return rc;
}

int bl__http_connection_try_flush(bl__http_connection *connection) {
    if (connection->output.count == 0) return 0;
    if (bl_lock_try_acquire(&connection->sending) < 0) return 0;
    return send_and_release(connection, NULL, 0);
}

int bl__http_connection_put(bl__http_connection *connection, const void *data,
                            size_t bytes) {
    bl__http_output *output = &connection->output;
    if (bytes > output->capacity - output->count) {
        return bl__http_connection_send(connection, data, bytes);
    }
    bl__http_put(output, data, bytes);
    return 0;
}

/* ---- reading heads ------------------------------------------------------ */

/* A stop has come.  Is a request under way, all the same?  Whoever has just
 * connected may say a first word. */
static bl_ssize look_once_more(bl__http_connection *connection) {
    bl_scope scope;
    bl_scope_enter_move_on(&scope,
                           connection->was_used ? last_look_ns : first_word_ns);
    bl_ssize count = bl__http_input_fill(&connection->input);
    int rc = bl_scope_exit(&scope, count < 0 ? (int)count : 0);
    if (rc < 0) return rc;
    return count > 0 ? count : 0; /* nothing, in this time */
}

/*
 * Waits for the first bytes of a request.
 *
 * Returns how many; 0 if there will be none: the peer has left, is idle for
 * too long, or the server stops.
 */
static bl_ssize read_when_idle(bl__http_connection *connection) {
    const bl_http_options *options = &connection->server->options;
    bl_ns limit =
        connection->was_used ? options->idle_ns_max : options->head_ns_max;
    bl_scope scope = { 0 };
    int rc = begin_wait(connection, &scope, limit, connection->stop);
    if (rc < 0) return rc;
    bl_ssize count = bl__http_input_fill(&connection->input);
    rc = end_wait(connection, &scope, count < 0 ? (int)count : 0);
    if (rc == BL_ETIMEDOUT) return 0;
    if (rc < 0) return rc;
    bool is_stopped = bl_scope_is_caught(&scope);
    return is_stopped ? look_once_more(connection) : count;
}

/* Reads on in a head that has begun.  Returns 0 at the end of the stream. */
static bl_ssize read_on(bl__http_connection *connection, bl_ns deadline) {
    bl_scope scope;
    bl_scope_enter_timeout(&scope, deadline - bl_now());
    bl_ssize count = bl__http_input_fill(&connection->input);
    int rc = bl_scope_exit(&scope, count < 0 ? (int)count : 0);
    return rc < 0 ? rc : count;
}

/* An empty line before a request, which some clients send, does not count. */
static void skip_empty_line(bl__http_input *input) {
    const char *bytes = input->bytes + input->start;
    if (bl__http_input_count(input) < 2) return;
    if (bytes[0] == '\r' && bytes[1] == '\n') bl__http_input_skip(input, 2);
}

/*
 * Looks for a head in what is buffered.
 *
 * Returns its length, 0 if it is not complete, or what is wrong with it.
 */
static bl_ssize find_head(bl__http_connection *connection, size_t *searched) {
    const bl__http_input *input = &connection->input;
    const char *bytes = input->bytes + input->start;
    size_t count = bl__http_input_count(input);
    size_t limit = connection->server->options.head_bytes_max;
    if (count == 1 && bytes[0] == '\r') return 0; /* of an empty line */
    bl_ssize found =
        bl__http_head_find(BL__HTTP_REQUEST, bytes, count, searched);
    bool is_too_long = found > 0 ? (size_t)found > limit : count >= limit;
    if (found < 0 || !is_too_long) return found;
    bool has_line = memchr(bytes, '\n', count) != NULL;
    return has_line ? BL_EHTTP_HEAD_SIZE : BL_EHTTP_TARGET_SIZE;
}

bl_ssize bl__http_connection_await(bl__http_connection *connection) {
    bl__http_input *input = &connection->input;
    size_t searched = 0;
    bool is_first = true; /* the search is at its beginning */
    bl_ns deadline = BL_FOREVER;
    bl__http_input_unpin(input);
    for (;;) {
        if (is_first) skip_empty_line(input);
        bool is_idle = bl__http_input_count(input) == 0;
        bl_ssize found = is_idle ? 0 : find_head(connection, &searched);
        if (found != 0) return found;
        is_first = searched == 0;

        int rc = bl__http_connection_flush(connection);
        if (rc < 0) return rc;
        if (!is_idle && deadline == BL_FOREVER) {
            bl_ns limit = connection->server->options.head_ns_max;
            deadline = bl_ns_add(bl_now(), limit);
        }
        bl_ssize count = is_idle ? read_when_idle(connection)
                                 : read_on(connection, deadline);
        if (count == 0 && !is_idle) return BL_EHTTP_TRUNCATED;
        if (count <= 0) return count;
    }
}

/* ---- ending ------------------------------------------------------------- */

/*
 * Who closes while the peer is sending makes the kernel send a reset, which
 * overtakes the answer.  So the end is announced, and what comes is read and
 * forgotten, until the peer has closed or for as long as is reasonable.
 */
static int linger(bl__http_connection *connection) {
    bl_stream *stream = connection->stream;
    bl__http_input *input = &connection->input;
    size_t total = 0;
    int rc = bl_stream_shutdown_write(stream);
    if (rc < 0) return rc == BL_ENOTSUP ? 0 : rc;
    bl_scope scope;
    bl_scope_enter_move_on(&scope, linger_ns);
    bl_ssize count;
    do {
        count = bl_stream_read(stream, input->bytes, input->capacity);
        if (count > 0) total += (size_t)count;
    } while (count > 0 && total < LINGER_BYTES_MAX);
    rc = bl_scope_exit(&scope, count == BL_ECANCELED ? BL_ECANCELED : 0);
    return rc; /* what else goes wrong now is the end, too */
}

int bl__http_connection_finish(bl__http_connection *connection) {
    int rc = bl__http_connection_flush(connection);
    if (rc < 0) return rc;
    bool is_sending = bl__http_input_count(&connection->input) > 0;
    bool is_taken = connection->reply.stage == BL__HTTP_TAKEN;
    if (!connection->lingers && (!is_sending || is_taken)) return 0;
    return linger(connection);
}

void bl__http_connection_cut(const bl__http_connection *connection) {
    const bl__http_reply *reply = &connection->reply;
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    int fd = bl_stream_fd(connection->stream);
    if (reply->stage != BL__HTTP_ANSWERING || fd < 0) return;
    if (reply->framing != BL__HTTP_UNTIL_CLOSE) return;
    BL_IGNORE(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) <
              0); /* no socket, no reset */
}
