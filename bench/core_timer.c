/* SPDX-License-Identifier: MIT */
/*
 * bench/core_timer.c - timers of the loop, and tasks that sleep
 *
 * core.timer_arm_cancel_ns  arms one timer and stops it, while 100,000 others
 *                           are outstanding
 * core.timer_arm_fire_ns    per timer, of 100,000 that are armed for instants
 *                           within the next millisecond, until all have fired
 * core.sleep_100000_ns      CPU time per bl_sleep, of 100,000 tasks that sleep
 *                           at the same time, four times each
 */
#include "trial.h"

static void do_nothing(void *context) {
    (void)context;
}

static int arm_cancel_main(void *arg) {
    struct trial *trial = arg;
    bl_loop *loop = bl_loop_running();
    bl_ns far = bl_now() + BL_SEC(3600);
    bl_timer *others = calloc(MEASURE_TIMERS, sizeof *others);
    if (others == NULL) return BL_ENOMEM;
    bl_timer timer;
    bl_timer_init(&timer, do_nothing, NULL);

    for (uint64_t i = 0; i < MEASURE_TIMERS; i++) {
        bl_timer_init(&others[i], do_nothing, NULL);
        bl_ns due = far + BL_US(measure_sleep_us(i, 0));
        bl_timer_start(loop, &others[i], due);
    }

    double start = measure_now_ns();
    for (uint64_t i = 0; i < trial->count; i++) {
        bl_timer_start(loop, &timer, far + BL_US(measure_sleep_us(i, 1)));
        bl_timer_stop(&timer);
    }
    trial->cost = measure_now_ns() - start;

    for (uint64_t i = 0; i < MEASURE_TIMERS; i++)
        bl_timer_stop(&others[i]);
    free(others);
    return 0;
}

static double run_arm_cancel(uint64_t count) {
    return trial_run(arm_cancel_main, count);
}

struct countdown {
    uint64_t left;
    bl_event is_over;
};

static void count_down(void *context) {
    struct countdown *countdown = context;
    countdown->left--;
    if (countdown->left == 0) bl_event_set(&countdown->is_over);
}

static int arm_fire(bl_timer *timers, uint64_t count) {
    struct countdown countdown = { count, BL_EVENT_INIT };
    bl_loop *loop = bl_loop_running();
    bl_ns now = bl_now();
    for (uint64_t i = 0; i < count; i++) {
        bl_timer_init(&timers[i], count_down, &countdown);
        bl_timer_start(loop, &timers[i], now + BL_NS(i * 7919 % 1000000));
    }
    return bl_event_wait(&countdown.is_over);
}

static int arm_fire_main(void *arg) {
    struct trial *trial = arg;
    bl_timer *timers = calloc(trial->count, sizeof *timers);
    if (timers == NULL) return BL_ENOMEM;

    int rc = arm_fire(timers, trial->count); /* warm: memory is touched */
    double start = measure_now_ns();
    if (rc >= 0) rc = arm_fire(timers, trial->count);
    trial->cost = measure_now_ns() - start;
    free(timers);
    return rc;
}

static double run_arm_fire(uint64_t count) {
    return trial_run(arm_fire_main, count);
}

/* Sleepers begin together, and the last to finish ends the measurement. */
struct dormitory {
    bl_event is_begun;
    bl_event is_over;
    uint64_t next_index;
    uint64_t asleep_count;
    double cpu_ns;
};

static int sleep_some_times(void *arg) {
    struct dormitory *room = arg;
    uint64_t index = room->next_index++;
    BL_TRY(bl_event_wait(&room->is_begun));
    for (uint64_t i = 0; i < MEASURE_SLEEP_ROUNDS; i++)
        BL_TRY(bl_sleep(BL_US(measure_sleep_us(index, i))));

    room->asleep_count--;
    if (room->asleep_count == 0) {
        room->cpu_ns = measure_cpu_ns() - room->cpu_ns;
        bl_event_set(&room->is_over);
    }
    return bl_event_wait(&room->is_over);
}

static int sleep_main(void *arg) {
    struct trial *trial = arg;
    struct dormitory room = { BL_EVENT_INIT, BL_EVENT_INIT, 0, 0, 0 };
    int rc;
    BL_GROUP(group, rc) {
        uint64_t sleepers = trial->count / MEASURE_SLEEP_ROUNDS;
        room.asleep_count = sleepers;
        for (uint64_t i = 0; i < sleepers && rc >= 0; i++)
            rc = bl_spawn(group, sleep_some_times, &room);
        if (rc >= 0) rc = bl_yield();
        room.cpu_ns = measure_cpu_ns();
        bl_event_set(&room.is_begun);
    }
    trial->cost = room.cpu_ns;
    return rc;
}

static double run_sleep(uint64_t count) {
    return trial_run(sleep_main, count);
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.timer_arm_cancel_ns", "ns", MEASURE_GROWN, run_arm_cancel, 0,
          0 },
        { "core.timer_arm_fire_ns", "ns", MEASURE_FIXED, run_arm_fire,
          MEASURE_TIMERS, 10000 },
        { "core.sleep_100000_ns", "ns", MEASURE_FIXED, run_sleep,
          100000 * MEASURE_SLEEP_ROUNDS, 2000 * MEASURE_SLEEP_ROUNDS },
    };
    return measure_main(argc, argv, TRIAL_CONTENDER, metrics,
                        sizeof metrics / sizeof metrics[0]);
}
