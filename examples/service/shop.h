/* SPDX-License-Identifier: MIT */
/*
 * service/shop.h - what the services of the shop share
 *
 *     store   a small database: loads its file, and is ready; saves it at the
 *             end
 *     web     speaks in lines over TCP: ADD NAME, GET NAME, HELLO
 *     saver   saves the store now and then, and crashes now and then
 *
 * web requires store; the shop can do without saver for a while.
 */
#ifndef SERVICE_SHOP_H
#define SERVICE_SHOP_H

#include <belay.h>

enum {
    ITEMS_MAX = 64,
    TEXT_BYTES = 64
};

/* What the file of settings says; see config.c. */
struct config {
    char listen[TEXT_BYTES];
    char data[4 * TEXT_BYTES];
    char greeting[TEXT_BYTES]; /* the only one that a reload can change */
    bl_ns save_every;
    int crash_every; /* so many saves; 0: never */
};

struct item {
    char name[TEXT_BYTES];
    unsigned long long count;
};

/* Tasks of one loop never run at the same time, so there is no lock. */
struct shop {
    const char *path; /* of the settings */
    struct config config;
    struct item items[ITEMS_MAX];
    size_t item_count;
    unsigned saves;
    bl_app *app;
};

/* config.c */
int config_read(struct config *config, const char *path);
int config_load(bl_app *app, void **config, void *shop);
void config_unload(void *config, void *shop);

/* store.c */
int store_run(bl_service *self, void *shop);
int store_save(struct shop *shop);
struct item *store_item(struct shop *shop, const char *name);

/* web.c */
extern const bl_service_options web_options;
int web_run(bl_service *self, void *shop);

/* saver.c */
extern const bl_service_options saver_options;
int saver_run(bl_service *self, void *shop);

#endif
