/* SPDX-License-Identifier: MIT */
/*
 * service/web.c - the shop's door: lines over TCP
 *
 *     ADD NAME    one more of them; answers how many there are
 *     GET NAME    answers how many there are
 *     HELLO       answers the greeting of the settings
 *
 * A reload changes the greeting between two lines; another address to listen
 * at is noted, and counts after a restart.
 */
#include <stdio.h>
#include <string.h>

#include "shop.h"

/* ---- one connection ------------------------------------------------------ */

static int answer(struct shop *shop, const char *line, bl_writer *writer) {
    char name[TEXT_BYTES];
    struct item *item;
    if (strcmp(line, "HELLO") == 0) {
        return bl_writer_printf(writer, "%s\n", shop->config.greeting);
    }
    bool adds = sscanf(line, "ADD %63s", name) == 1;
    if (!adds && sscanf(line, "GET %63s", name) != 1) {
        return bl_writer_printf(writer, "ERR what?\n");
    }
    item = store_item(shop, name);
    if (item == NULL) return bl_writer_printf(writer, "ERR full\n");
    if (adds) item->count++;
    return bl_writer_printf(writer, "%llu\n", item->count);
}

/* Many lines that came together are answered together. */
static int converse(bl_connection *connection, bl_reader *reader,
                    bl_writer *writer) {
    for (;;) {
        char *line;
        if (bl_reader_buffered(reader) == 0) {
            BL_TRY(bl_writer_flush(writer));
            int rc = bl_connection_wait(connection); /* idle: may be stopped */
            if (rc <= 0) return rc;
        }
        int rc = bl_reader_line(reader, &line, NULL);
        if (rc <= 0) return rc;
        BL_TRY(answer(connection->arg, line, writer));
    }
}

static int serve_client(bl_connection *connection) {
    char lines[256]; /* a longer line is an error */
    char answers[1024];
    bl_reader reader;
    bl_writer writer;
    BL_TRY(bl_reader_init(&reader, connection->stream, lines, sizeof lines));
    BL_TRY(
        bl_writer_init(&writer, connection->stream, answers, sizeof answers));
    int rc = converse(connection, &reader, &writer);
    bl_writer_done(&writer);
    bl_reader_done(&reader);
    return rc;
}

/* ---- reload -------------------------------------------------------------- */

static int web_prepare(bl_service *self, bl_reload *reload) {
    const struct config *config = reload->config;
    const struct shop *shop = bl_service_arg(self);
    if (strcmp(config->listen, shop->config.listen) != 0) {
        bl_reload_needs_restart(reload, "listen");
    }
    return 0;
}

static void web_commit(bl_service *self, bl_reload *reload) {
    const struct config *config = reload->config;
    struct shop *shop = bl_service_arg(self);
    strcpy(shop->config.greeting, config->greeting);
}

/* ---- the service --------------------------------------------------------- */

const bl_service_options web_options = {
    .size = sizeof(bl_service_options),
    .prepare = web_prepare,
    .commit = web_commit,
};

/* What the manager keeps for us outlives this process. */
static int web_store(struct shop *shop, const bl_listener *listener) {
    int fd = bl_listener_fd(listener);
    return bl_notify_store_fds(bl_app_notify(shop->app), "web", &fd, 1);
}

int web_run(bl_service *self, void *arg) {
    struct shop *shop = arg;
    bl_addr address;
    bl_listener *listener;
    BL_TRY(bl_addr_parse(shop->config.listen, &address));
    int rc = bl_app_listen(shop->app, "web", &address, NULL, &listener);
    if (rc < 0) return BL_TRACE(rc);
    if (rc == 0) BL_IGNORE(web_store(shop, listener)); /* if there is one */
    bl_serve_options options = { .size = sizeof options, .arg = shop };
    return bl_service_serve(self, listener, serve_client, &options);
}
