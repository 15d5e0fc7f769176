/* SPDX-License-Identifier: MIT */
/*
 * examples/select.c - wait for several things, of which exactly one happens
 *
 * A branch that lost has not happened at all: its item is still in the queue,
 * its lock still free.  Where several are ready, the first in the list wins,
 * so the stop below goes before the work.
 */
#include <stdio.h>

#include <belay.h>

struct shop {
    bl_event closing;
    bl_queue orders;
};

static int shopkeeper(void *arg) {
    struct shop *shop = arg;
    enum {
        CLOSING,
        ORDER,
        NOTHING
    };

    for (;;) {
        int order = 0;
        bl_branch branches[] = {
            bl_on_event(&shop->closing),
            bl_on_get(&shop->orders, &order),
            bl_on_sleep(BL_MS(20)),
        };
        int which = bl_select(branches, 3);
        if (which < 0) return which;

        if (which == CLOSING) {
            printf("closing time\n");
            return 0;
        }
        if (which == ORDER) printf("order %d\n", order);
        if (which == NOTHING) printf("a quiet moment\n");
    }
}

static int customers(struct shop *shop) {
    for (int order = 1; order <= 2; order++) {
        int rc = bl_queue_put(&shop->orders, &order);
        if (rc < 0) return rc;
    }
    int rc = bl_sleep(BL_MS(30));
    if (rc < 0) return rc;

    bl_event_set(&shop->closing); /* the keeper has this one now... */
    int too_late = 3;
    return bl_queue_put(&shop->orders, &too_late); /* ...so nobody gets it */
}

static int main_task(void *arg) {
    (void)arg;
    struct shop shop = { .closing = BL_EVENT_INIT };
    int rc = bl_queue_init(&shop.orders, sizeof(int), 8);
    if (rc < 0) return rc;

    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, shopkeeper, &shop);
        if (rc == 0) rc = customers(&shop);
    }

    size_t left = bl_queue_count(&shop.orders);
    printf("%zu order left\n", left);
    bl_queue_done(&shop.orders);
    return rc < 0 ? rc : left == 1 ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "select: %s\n", bl_strerror(rc));
    return rc < 0;
}
