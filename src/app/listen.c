/* SPDX-License-Identifier: MIT */
/*
 * app/listen.c - sockets that outlive the services that listen
 *
 * Closing the last descriptor of a socket that listens resets all who wait in
 * its queue.  So the app holds a second one as long as a service may be begun
 * again; when the stop begins it lets go, and the service's own is the last.
 *
 * The socket of a path is not kept: with the listener its file goes, and
 * without that nobody finds it.
 */
#include <belay/error.h>
#include <belay/net.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "app/app.h"
#include "base/alloc.h"

struct bl__socket {
    struct bl__socket *next; /* of the app */
    bl_addr wanted;          /* what was asked for: its port may be 0 */
    int fd;
    char name[];
};

void bl__app_forget_sockets(bl_app *app) {
    while (app->sockets != NULL) {
        struct bl__socket *kept = app->sockets;
        app->sockets = kept->next;
        close(kept->fd);
        bl__free(kept);
    }
}

static const struct bl__socket *socket_find(const bl_app *app, const char *name,
                                            const bl_addr *wanted) {
    const struct bl__socket *kept = app->sockets;
    for (; kept != NULL; kept = kept->next) {
        if (strcmp(kept->name, name) != 0) continue;
        if (bl_addr_is_equal(&kept->wanted, wanted)) return kept;
    }
    return NULL;
}

/* Without memory, or a descriptor, it is not kept: all else goes on. */
static void socket_keep(bl_app *app, const char *name, const bl_addr *wanted,
                        const bl_listener *listener) {
    size_t bytes = strlen(name) + 1;
    struct bl__socket *kept = bl__alloc_zeroed(1, sizeof *kept + bytes);
    if (kept == NULL) return;
    kept->fd = fcntl(bl_listener_fd(listener), F_DUPFD_CLOEXEC, 3);
    if (kept->fd < 0) {
        bl__free(kept);
        return;
    }
    memcpy(kept->name, name, bytes);
    kept->wanted = *wanted;
    kept->next = app->sockets;
    app->sockets = kept;
}

static int socket_share(const struct bl__socket *kept,
                        const bl_listen_options *options,
                        bl_listener **listener) {
    int fd = fcntl(kept->fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0) return -errno;
    int rc = bl_listener_take_fd_with(fd, options, listener);
    if (rc < 0) close(fd);
    return rc;
}

int bl_app_listen(bl_app *app, const char *name, const bl_addr *address,
                  const bl_listen_options *options, bl_listener **listener) {
    if (app == NULL || name == NULL || address == NULL) return BL_EINVAL;
    if (listener == NULL) return BL_EINVAL;
    const struct bl__socket *kept = socket_find(app, name, address);
    if (kept != NULL) return socket_share(kept, options, listener);

    int rc =
        bl_activation_listen(app->activation, name, address, options, listener);
    bool may_be_kept = app->phase < BL__APP_STOPPING;
    if (rc == 0 && may_be_kept && !bl_addr_is_unix(address)) {
        socket_keep(app, name, address, *listener);
    }
    return rc;
}

bl_notify *bl_app_notify(bl_app *app) {
    return app != NULL ? app->notify : NULL;
}
