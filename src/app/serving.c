/* SPDX-License-Identifier: MIT */
/*
 * app/serving.c - a server as the body of a service
 *
 * The service's event stops the server, and the service's own deadlines bound
 * the draining; so there is one budget, whoever set it.  An observer of the
 * service says how much is to be drained when that begins, and the body how it
 * went.
 */
#include <belay/error.h>

#include <stdio.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "app/app.h"
#include "base/assert.h"

struct serving {
    bl_serve_options options;
    bl_serve_stats own_stats;
    bl_service_observer observer;
    uint64_t ended_before; /* the stop: finished and failed until then */
    bool is_draining;
    char cut[BL_ADDR_TEXT_BYTES + 32]; /* the first that was cut */
};

static uint64_t serving_ended(const struct serving *serving) {
    const bl_serve_stats *stats = serving->options.stats;
    return stats->finished + stats->failed;
}

static void serving_on_change(bl_service *service,
                              const bl_service_change *change, void *context) {
    struct serving *serving = context;
    char text[64];
    if (change->subject != BL_CHANGE_PHASE || serving->is_draining) return;
    bl_service_info info;
    bl_service_get_info(service, &info);
    if (info.phase != BL_PHASE_DRAINING && info.phase != BL_PHASE_CANCELLING) {
        return;
    }
    serving->is_draining = true;
    serving->ended_before = serving_ended(serving);
    snprintf(text, sizeof text, "draining: %u connections",
             serving->options.stats->active);
    bl_service_set_health(service, info.health, text);
}

static void serving_on_cut(const bl_connection *connection, void *context) {
    struct serving *serving = context;
    char peer[BL_ADDR_TEXT_BYTES];
    int unsent = 0;
    if (serving->cut[0] != '\0') return;
    bl_addr_format(&connection->peer, peer, sizeof peer);
    int fd = bl_stream_fd(connection->stream);
    if (fd >= 0 && ioctl(fd, SIOCOUTQ, &unsent) < 0) unsent = 0;
    snprintf(serving->cut, sizeof serving->cut, " (%s %d B unsent)", peer,
             unsent);
}

static void serving_tell(const struct serving *serving, bl_service *self) {
    char text[BL__APP_TEXT];
    const bl_serve_stats *stats = serving->options.stats;
    if (!serving->is_draining) return;
    bl_service_info info;
    bl_service_get_info(self, &info);
    snprintf(
        text, sizeof text, "drained %llu, cut %llu%s",
        (unsigned long long)(serving_ended(serving) - serving->ended_before),
        (unsigned long long)stats->cancelled, serving->cut);
    bl_service_set_health(self, info.health, text);
}

int bl_service_serve(bl_service *self, bl_listener *listener,
                     bl_serve_fn *handler, const bl_serve_options *options) {
    struct serving serving = { .options = { .size = sizeof *options } };
    if (self == NULL || listener == NULL || handler == NULL) return BL_EINVAL;
    if (options != NULL) {
        if (options->size < sizeof *options) return BL_EINVAL;
        serving.options = *options;
    }
    serving.options.stop = bl_service_stopping(self);
    if (serving.options.grace == 0) serving.options.grace = BL_FOREVER;
    if (serving.options.stats == NULL) {
        serving.options.stats = &serving.own_stats;
    }
    if (serving.options.on_cut == NULL) {
        serving.options.on_cut = serving_on_cut;
        serving.options.cut_arg = &serving;
    }
    int rc = bl_service_ready(self, listener);
    if (rc < 0) return rc;
    bl_service_observe(self, &serving.observer, serving_on_change, &serving);
    rc = bl_serve(listener, handler, &serving.options);
    bl_service_unobserve(&serving.observer);
    serving_tell(&serving, self);
    return rc;
}
