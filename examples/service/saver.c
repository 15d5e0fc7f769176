/* SPDX-License-Identifier: MIT */
/*
 * service/saver.c - a worker that saves now and then, and crashes now and then
 *
 * That it does is only to show what comes of it: it is begun again after a
 * delay, and nobody else notices.
 */
#include "shop.h"

static const bl_restart_policy again = {
    .size = sizeof again,
    .when = BL_RESTART_ON_FAILURE,
};

const bl_service_options saver_options = {
    .size = sizeof(bl_service_options),
    .restart = &again,
};

static int save_once(struct shop *shop) {
    BL_TRY(bl_sleep(shop->config.save_every));
    int every = shop->config.crash_every;
    if (every > 0 && ++shop->saves % (unsigned)every == 0) {
        return BL_ERR(BL_EIO, "the disk has hiccups");
    }
    return store_save(shop);
}

int saver_run(bl_service *self, void *arg) {
    int rc = bl_service_ready(self, NULL);
    BL_UNTIL_STOP(self, rc) {
        while (rc == 0)
            rc = save_once(arg);
    }
    return rc;
}
