/* SPDX-License-Identifier: MIT */
/*
 * service/main.c - a daemon: its services, and what they need of each other
 *
 *     service SETTINGS
 *
 * SIGTERM stops it, SIGHUP has it read its settings again, SIGQUIT shows its
 * tasks.  It runs under systemd (belay-service.service), in a container
 * (Containerfile), or in a terminal.
 */
#include <stdio.h>

#include "shop.h"

int main(int argc, char **argv) {
    struct shop shop = { .path = argc > 1 ? argv[1] : "shop.conf" };
    bl_app_options options = { .size = sizeof options,
                               .name = "shop",
                               .load = config_load,
                               .unload = config_unload,
                               .load_context = &shop };
    bl_app *app = shop.app = bl_app_new(&options);
    bl_app_add(app, "store", store_run, &shop, NULL);
    bl_app_add(app, "web", web_run, &shop, &web_options);
    bl_app_add(app, "saver", saver_run, &shop, &saver_options);
    bl_app_requires(app, "web", "store", BL_DEP_RESTART_WITH);
    bl_app_requires(app, "saver", "store", BL_DEP_RESTART_WITH);
    bl_app_set_optional(app, "saver");
    int status = bl_app_run(app);
    bl_app_free(app);
    return status;
}
