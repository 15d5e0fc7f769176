/* SPDX-License-Identifier: MIT */
/*
 * net/serve.c - a server: a task for each connection, limits, a good end
 *
 * The caller's task is the host of a group and accepts, in a scope that the
 * watcher of the stop event cancels.  Each connection is a child, with its
 * bl_connection copied onto its own stack.  When accepting has ended the host
 * leaves the group, which waits for the children; a timer cancels the group
 * when the grace is over.
 *
 * Idle connections wait in scopes bound to one token, cancelled by the stop;
 * those that have not spoken yet in scopes of another, cancelled by a timer.
 *
 * Invariant: stats->active is the number of children that serve a connection.
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/park.h>
#include <belay/scope.h>
#include <belay/serve.h>
#include <belay/task.h>

#include <errno.h>
#include <poll.h>

#include "base/assert.h"
#include "base/site.h"
#include "net/socket.h"

static const bl_ns serve_grace_default = BL_SEC(5);
static const bl_ns serve_unspoken_default = BL_SEC(1);
static const bl_ns serve_pause_min = BL_MS(5);
static const bl_ns serve_pause_max = BL_SEC(1);

struct bl__server {
    bl_group group;
    bl_scope accepting;
    bl_listener *listener; /* NULL once it is closed */
    bl_serve_fn *handler;
    bl_serve_options options;
    bl_serve_stats own_stats;
    bl_serve_stats *stats;
    bl_token *idle;
    bl_token *unspoken;
    bl_sem room; /* for connections, if there is a limit */
    bl_timer grace;
    bl_timer unspoken_grace;
    bl_ns pause; /* before the next try to accept */
    bool is_accepting;
    bool is_stopping;
};

/* ---- one connection ---------------------------------------------------- */

static void serve_report(const struct bl__server *server,
                         const bl_connection *connection, int rc) {
    if (server->options.on_error != NULL) {
        server->options.on_error(connection, rc, server->options.arg);
    }
    bl_error_handled(); /* it goes no further */
}

/* Ends the connection as its handler did.  Returns what the group is told. */
static int serve_finish(struct bl__server *server, bl_connection *connection,
                        int rc) {
    bool is_cut = rc == BL_ECANCELED && bl_is_cancelled();
    if (is_cut && server->options.on_cut != NULL) {
        server->options.on_cut(connection, server->options.cut_arg);
    }
    if (rc >= 0) {
        bl__site_forget(); /* the handler's last call */
        rc = bl_stream_close(connection->stream);
    } else {
        bl_stream_abort(connection->stream);
    }
    connection->stream = NULL;
    if (rc >= 0) {
        server->stats->finished++;
        return 0;
    }
    if (rc == BL_ECANCELED && bl_is_cancelled()) {
        server->stats->cancelled++;
        return rc;
    }
    server->stats->failed++;
    serve_report(server, connection, rc);
    return 0;
}

static int serve_connection(void *arg) {
    bl_connection *connection = arg; /* on this stack */
    struct bl__server *server = connection->_server;
    int rc = server->handler(connection);
    rc = serve_finish(server, connection, rc);
    BL__ASSERT(server->stats->active > 0);
    server->stats->active--;
    if (server->options.connections_max > 0) {
        int released = bl_sem_release(&server->room);
        BL__ASSERT(released == 0);
    }
    return rc;
}

/* Gives the connection a task, which owns it if this returns 0. */
static int serve_spawn(struct bl__server *server, bl_connection *connection) {
    bl_spawn_options options = {
        .size = sizeof options,
        .name = "connection",
        .stack_bytes = server->options.stack_bytes,
        .copy_bytes = sizeof *connection,
    };
    int rc = bl_spawn_with(&server->group, serve_connection, connection,
                           &options, NULL);
    if (rc < 0) return rc;
    bl_serve_stats *stats = server->stats;
    stats->active++;
    if (stats->active > stats->active_max) stats->active_max = stats->active;
    return 0;
}

bool bl_connection_is_stopping(const bl_connection *connection) {
    return connection->_server->is_stopping;
}

bl_token *bl_connection_token(const bl_connection *connection) {
    return connection->_server->idle;
}

/* Whether something has come, or the end, right now. */
static bool serve_has_come(const bl_connection *connection) {
    struct pollfd can = { .fd = bl_stream_fd(connection->stream),
                          .events = POLLIN };
    return can.fd >= 0 && poll(&can, 1, 0) == 1;
}

/* Waits in a scope that `token` cancels.  Returns 1, or 0 if it did. */
static int serve_wait(bl_connection *connection, bl_token *token) {
    bl_scope scope = { 0 };
    bl_scope_options options = { .size = sizeof options, .token = token };
    int rc = bl_scope_enter_with(&scope, &options);
    if (rc < 0) return rc;
    rc = bl_stream_wait(connection->stream, BL_READABLE);
    bool has_come = rc == 0;
    rc = bl_scope_exit(&scope, rc);
    if (rc < 0) return rc;
    return has_come ? 1 : 0;
}

int bl_connection_wait(bl_connection *connection) {
    if (connection == NULL) return BL_EINVAL;
    struct bl__server *server = connection->_server;
    bool has_spoken = connection->_has_spoken;
    int rc =
        serve_wait(connection, has_spoken ? server->idle : server->unspoken);
    /* What came together with the stop is served all the same. */
    if (rc == 0 && serve_has_come(connection)) rc = 1;
    if (rc > 0) connection->_has_spoken = true;
    if (rc == 0) server->stats->idle_closed++;
    return rc;
}

/* ---- accepting --------------------------------------------------------- */

/* What others have to give back before it can work again, or, where it is a
 * firewall that forbids, to allow. */
static bool serve_will_pass(int rc) {
    switch (rc) {
    case BL_EPERM:
    case BL_EMFILE:
    case -ENFILE:
    case BL_ENOMEM:
    case -ENOBUFS: return true;
    default: return false;
    }
}

/* Each pause is twice the last, until something has been accepted. */
static int serve_pause(struct bl__server *server, int rc) {
    serve_report(server, NULL, rc);
    server->pause *= 2;
    if (server->pause == 0) server->pause = serve_pause_min;
    if (server->pause > serve_pause_max) server->pause = serve_pause_max;
    return bl_sleep(server->pause);
}

/* Gives a connection that was accepted a task of its own. */
static int serve_begin(struct bl__server *server, bl_connection *connection) {
    server->stats->accepted++;
    int rc = serve_spawn(server, connection);
    if (rc == 0) return 0;
    server->stats->refused++;
    bl_stream_abort(connection->stream);
    return rc;
}

/* Accepts one connection and gives it a task; there is room for it. */
static int serve_one(struct bl__server *server) {
    bl_connection connection = { .arg = server->options.arg,
                                 ._server = server };
    if (server->listener == NULL) return BL_ECLOSED;
    int rc = bl_listener_accept(server->listener, &connection.stream,
                                &connection.peer);
    if (rc == 0) return serve_begin(server, &connection);
    if (serve_will_pass(rc)) server->stats->accept_errors++;
    return rc;
}

static int serve_accept(struct bl__server *server) {
    bool is_limited = server->options.connections_max > 0;
    for (;;) {
        int rc = is_limited ? bl_sem_acquire(&server->room) : 0;
        if (rc < 0) return rc;
        rc = serve_one(server);
        if (rc == 0) {
            server->pause = 0;
            continue;
        }
        if (is_limited) {
            int released = bl_sem_release(&server->room);
            BL__ASSERT(released == 0);
        }
        if (!serve_will_pass(rc)) return rc;
        rc = serve_pause(server, rc);
        if (rc < 0) return rc;
    }
}

/* ---- stopping ---------------------------------------------------------- */

/* Whatever ends the watch, without it a stop would go unnoticed. */
static int serve_watch_stop(void *arg) {
    struct bl__server *server = arg;
    bl_task_set_name("stop watcher");
    int rc = bl_event_wait(server->options.stop);
    if (server->is_accepting) {
        bl_scope_cancel(&server->accepting, "the server was stopped");
    }
    return rc;
}

/* It may wait for room, or for what was lacking, and not for a connection. */
static void serve_on_close(void *context) {
    struct bl__server *server = context;
    server->listener = NULL;
    if (server->is_accepting) {
        bl_scope_cancel(&server->accepting, "the listener was closed");
    }
}

static void serve_end_grace(void *context) {
    struct bl__server *server = context;
    bl_group_cancel_because(&server->group, "the grace is over");
}

static void serve_end_unspoken(void *context) {
    struct bl__server *server = context;
    bl_token_cancel(server->unspoken, "the server was stopped");
}

/* Accepts what is in the queue, which closing the listener would reset.  A
 * server that is full, or has no memory, leaves the rest to that. */
static void serve_accept_queue(struct bl__server *server) {
    int rc = 0;
    while (rc == 0) {
        bl_connection connection = { .arg = server->options.arg,
                                     ._server = server };
        bool is_limited = server->options.connections_max > 0;
        if (is_limited && bl_sem_try_acquire(&server->room) < 0) return;
        rc = bl_listener_try_accept(server->listener, &connection.stream,
                                    &connection.peer);
        if (rc == 0) rc = serve_begin(server, &connection);
        if (rc < 0 && is_limited) {
            int released = bl_sem_release(&server->room);
            BL__ASSERT(released == 0);
        }
    }
}

static void serve_stop(struct bl__server *server) {
    bl_ns grace = server->options.grace;
    bl_ns unspoken = server->options.unspoken_grace;
    server->is_stopping = true;
    if (server->listener != NULL && !bl_is_cancelled()) {
        serve_accept_queue(server);
    }
    bl_listener_close(server->listener);
    bl_token_cancel(server->idle, "the server was stopped");
    if (unspoken == 0) unspoken = serve_unspoken_default;
    bl_timer_start(bl_loop_running(), &server->unspoken_grace,
                   bl_ns_add(bl_now(), unspoken));
    if (grace == BL_FOREVER) return;
    if (grace == 0) grace = serve_grace_default;
    bl_timer_start(bl_loop_running(), &server->grace,
                   bl_ns_add(bl_now(), grace));
}

/* Accepts until the end, and lets the connections come to theirs. */
static int serve_run(struct bl__server *server) {
    int rc = 0;
    if (server->options.stop != NULL) {
        rc = bl_spawn_daemon(&server->group, serve_watch_stop, server);
    }
    if (rc == 0) {
        bl_scope_enter(&server->accepting);
        server->is_accepting = true;
        rc = serve_accept(server);
        server->is_accepting = false;
        rc = bl_scope_exit(&server->accepting, rc);
    }
    if (rc == BL_ECLOSED) rc = 0; /* by somebody: that is a stop too */
    serve_stop(server);
    return rc;
}

static int serve_check(const bl_listener *listener, bl_serve_fn *handler,
                       const bl_serve_options *options) {
    if (listener == NULL || handler == NULL) return BL_EINVAL;
    if (options == NULL) return 0;
    if (options->size < sizeof *options) return BL_EINVAL;
    if (options->unspoken_grace < 0) return BL_EINVAL;
    return options->grace < 0 ? BL_EINVAL : 0;
}

int bl_serve(bl_listener *listener, bl_serve_fn *handler,
             const bl_serve_options *options) {
    int rc = serve_check(listener, handler, options);
    if (rc < 0) return rc;
    struct bl__server server = { .listener = listener, .handler = handler };
    if (options != NULL) server.options = *options;
    server.stats = server.options.stats;
    if (server.stats == NULL) server.stats = &server.own_stats;
    bl_timer_init(&server.grace, serve_end_grace, &server);
    bl_timer_init(&server.unspoken_grace, serve_end_unspoken, &server);
    uint32_t limit = server.options.connections_max;
    if (limit > 0) {
        rc = bl_sem_init(&server.room, limit, limit);
        BL__ASSERT(rc == 0);
    }
    rc = bl__listener_claim(listener, serve_on_close, &server);
    if (rc < 0) return rc;
    rc = bl_group_enter(&server.group);
    if (rc < 0) { /* no task: it is the caller's still */
        bl__listener_release(listener);
        return rc;
    }

    rc = bl_token_new(&server.idle);
    if (rc == 0) rc = bl_token_new(&server.unspoken);
    if (rc == 0) {
        rc = serve_run(&server);
    } else {
        bl_listener_close(listener);
    }
    /* No child fails, so the group has nothing to say but a cancellation. */
    bool is_cancelled = rc == BL_ECANCELED;
    int group_rc = bl_group_exit(&server.group, is_cancelled ? rc : 0);
    bl_timer_stop(&server.grace);
    bl_timer_stop(&server.unspoken_grace);
    bl_token_unref(server.unspoken);
    bl_token_unref(server.idle);
    return group_rc < 0 ? group_rc : rc;
}
