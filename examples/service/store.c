/* SPDX-License-Identifier: MIT */
/*
 * service/store.c - a small database: a table in memory, and its file
 *
 * It is ready when the file has been read.  All that use it have ended when it
 * is told to stop, so what it saves then is the last word.
 */
#include <stdio.h>
#include <string.h>

#include "shop.h"

struct item *store_item(struct shop *shop, const char *name) {
    for (size_t i = 0; i < shop->item_count; i++) {
        if (strcmp(shop->items[i].name, name) == 0) return &shop->items[i];
    }
    if (shop->item_count == ITEMS_MAX || strlen(name) >= TEXT_BYTES) {
        return NULL;
    }
    struct item *item = &shop->items[shop->item_count++];
    strcpy(item->name, name);
    return item;
}

static void store_parse(struct shop *shop, char *text) {
    char *line;
    while ((line = strsep(&text, "\n")) != NULL) {
        char name[TEXT_BYTES];
        unsigned long long count;
        if (sscanf(line, "%63s %llu", name, &count) != 2) continue;
        struct item *item = store_item(shop, name);
        if (item != NULL) item->count = count;
    }
}

static int store_load(struct shop *shop) {
    char *text;
    size_t bytes;
    shop->item_count = 0;
    int rc = bl_file_read_whole(shop->config.data, 1 << 20, &text, &bytes);
    if (rc == BL_ENOENT) return 0; /* a new one */
    if (rc < 0) return rc;
    store_parse(shop, text);
    bl_free(text);
    return 0;
}

int store_save(struct shop *shop) {
    char text[ITEMS_MAX * (TEXT_BYTES + 24)];
    size_t length = 0;
    for (size_t i = 0; i < shop->item_count; i++) {
        length +=
            (size_t)snprintf(text + length, sizeof text - length, "%s %llu\n",
                             shop->items[i].name, shop->items[i].count);
    }
    return bl_file_write_whole(shop->config.data, text, length, NULL);
}

int store_run(bl_service *self, void *arg) {
    struct shop *shop = arg;
    BL_TRY(config_read(&shop->config, shop->path));
    BL_TRY(store_load(shop));
    BL_TRY(bl_service_ready(self, NULL));
    int rc = bl_event_wait(bl_service_stopping(self));
    BL_SHIELD(BL_SEC(5)) {
        int saved = store_save(shop);
        if (rc == 0) rc = saved;
    }
    return rc;
}
