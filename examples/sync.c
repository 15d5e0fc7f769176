/* SPDX-License-Identifier: MIT */
/*
 * examples/sync.c - event, lock, condition, semaphore, barrier
 *
 * All of them serve tasks in the order they came, and hand over what is
 * released in the same moment: nobody overtakes, nobody looks twice.
 */
#include <stdio.h>

#include <belay.h>

enum {
    PARTY = 3
};

struct shared {
    bl_event doors;
    bl_lock kitchen;
    bl_cond dish_ready;
    bl_sem ovens;
    bl_barrier table;
    int dishes;
    int baking;
    int baking_max;
};

/* At most two guests bake at once; each then adds a dish under the lock. */
static int bake(struct shared *shared) {
    int rc = bl_sem_acquire(&shared->ovens);
    if (rc < 0) return rc;

    shared->baking++;
    if (shared->baking > shared->baking_max) {
        shared->baking_max = shared->baking;
    }
    rc = bl_sleep(BL_MS(5));
    shared->baking--;
    bl_sem_release(&shared->ovens);
    return rc;
}

static int serve(struct shared *shared) {
    int rc = bl_lock_acquire(&shared->kitchen);
    if (rc < 0) return rc;

    shared->dishes++;
    bl_cond_notify_all(&shared->dish_ready);
    bl_lock_release(&shared->kitchen);
    return 0;
}

static int guest(void *arg) {
    struct shared *shared = arg;

    int rc = bl_event_wait(&shared->doors);
    if (rc == 0) rc = bake(shared);
    if (rc == 0) rc = serve(shared);
    if (rc < 0) return rc;

    int seat = bl_barrier_wait(&shared->table);
    if (seat == PARTY - 1) printf("barrier: all %d are seated\n", PARTY);
    return seat;
}

/* Waits for a condition: lock, test in a loop, wait. */
static int host(void *arg) {
    struct shared *shared = arg;

    int rc = bl_lock_acquire(&shared->kitchen);
    if (rc < 0) return rc;
    while (rc == 0 && shared->dishes < PARTY) {
        rc = bl_cond_wait(&shared->dish_ready, &shared->kitchen);
    }
    if (rc == 0) printf("condition: %d dishes are ready\n", shared->dishes);
    bl_lock_release(&shared->kitchen);
    return rc;
}

static int main_task(void *arg) {
    (void)arg;
    struct shared shared = {
        .doors = BL_EVENT_INIT,
        .kitchen = BL_LOCK_INIT,
        .dish_ready = BL_COND_INIT,
    };
    int rc = bl_sem_init(&shared.ovens, 2, 2);
    if (rc == 0) rc = bl_barrier_init(&shared.table, PARTY);
    if (rc < 0) return rc;

    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, host, &shared);
        for (int i = 0; i < PARTY && rc == 0; i++) {
            rc = bl_spawn(tg, guest, &shared);
        }
        if (rc == 0) rc = bl_sleep(BL_MS(5));
        printf("event: the doors open\n");
        bl_event_set(&shared.doors);
    }

    printf("semaphore: %d baked at once\n", shared.baking_max);
    if (rc < 0) return rc;
    return shared.baking_max == 2 && shared.dishes == PARTY ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "sync: %s\n", bl_strerror(rc));
    return rc < 0;
}
