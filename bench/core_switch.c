/* SPDX-License-Identifier: MIT */
/*
 * bench/core_switch.c - two tasks that take turns
 *
 * core.switch_ns           one bl_yield, with another task ready: a switch
 * core.queue_roundtrip_ns  an item to the other task, and one back
 */
#include "trial.h"

static int take_turns(void *arg) {
    const struct trial *trial = arg;
    for (uint64_t i = 0; i < trial->count / 2; i++)
        BL_TRY(bl_yield());
    return 0;
}

static int switch_main(void *arg) {
    struct trial *trial = arg;
    double start = measure_now_ns();
    int rc;
    BL_GROUP(pair, rc) {
        rc = bl_spawn(pair, take_turns, trial);
        if (rc >= 0) rc = bl_spawn(pair, take_turns, trial);
    }
    trial->cost = measure_now_ns() - start;
    return rc;
}

static double run_switch(uint64_t count) {
    return trial_run(switch_main, count);
}

struct table_tennis {
    uint64_t count;
    bl_queue there;
    bl_queue back;
};

static int serve_balls(void *arg) {
    struct table_tennis *game = arg;
    for (uint64_t i = 0; i < game->count; i++) {
        uint64_t ball = i;
        BL_TRY(bl_queue_put(&game->there, &ball));
        BL_TRY(bl_queue_get(&game->back, &ball));
        if (ball != i + 1) return BL_ERR(BL_EIO, "another ball came back");
    }
    return 0;
}

static int return_balls(void *arg) {
    struct table_tennis *game = arg;
    for (uint64_t i = 0; i < game->count; i++) {
        uint64_t ball;
        BL_TRY(bl_queue_get(&game->there, &ball));
        ball++;
        BL_TRY(bl_queue_put(&game->back, &ball));
    }
    return 0;
}

static int queue_main(void *arg) {
    struct trial *trial = arg;
    struct table_tennis game = { .count = trial->count };
    int rc = bl_queue_init(&game.there, sizeof(uint64_t), 1);
    if (rc < 0) return rc;
    rc = bl_queue_init(&game.back, sizeof(uint64_t), 1);
    if (rc < 0) goto done_there;

    double start = measure_now_ns();
    BL_GROUP(players, rc) {
        rc = bl_spawn(players, serve_balls, &game);
        if (rc >= 0) rc = bl_spawn(players, return_balls, &game);
    }
    trial->cost = measure_now_ns() - start;

    bl_queue_done(&game.back);
done_there:
    bl_queue_done(&game.there);
    return rc;
}

static double run_queue(uint64_t count) {
    return trial_run(queue_main, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.switch_ns", "ns", MEASURE_GROWN, run_switch, 0, 0 },
        { "core.queue_roundtrip_ns", "ns", MEASURE_GROWN, run_queue, 0, 0 },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
