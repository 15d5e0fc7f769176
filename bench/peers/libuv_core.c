/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/libuv_core.c - the event loop that C programs know best
 *
 * libuv has callbacks and no tasks, so that it takes part where a callback
 * does what our task or timer does:
 *
 *   core.timer_arm_cancel_ns, core.timer_arm_fire_ns  uv_timer_start and _stop
 *   core.sleep_100000_ns  100,000 timers whose callback starts them again
 *   core.to_thread_us     uv_queue_work, until its after-work callback
 *   core.loop_us          uv_loop_init, one callback of a timer, uv_loop_close
 *
 * Its timers count whole milliseconds, so that many of them fall due together,
 * which is cheaper than firing each at its own instant.
 */
#include <errno.h>
#include <uv.h>

#include "measure.h"

static void do_nothing(uv_timer_t *timer) {
    (void)timer;
}

static uv_timer_t *timers_new(uv_loop_t *loop, uint64_t count) {
    uv_timer_t *timers = calloc(count, sizeof *timers);
    if (timers == NULL) return NULL;
    for (uint64_t i = 0; i < count; i++)
        uv_timer_init(loop, &timers[i]);
    return timers;
}

static int timers_free(uv_loop_t *loop, uv_timer_t *timers, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        uv_close((uv_handle_t *)&timers[i], NULL);
    uv_run(loop, UV_RUN_DEFAULT);
    free(timers);
    return uv_loop_close(loop);
}

static double run_arm_cancel(uint64_t count) {
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);
    if (rc < 0) return rc;
    uint64_t far_ms = 3600 * 1000;
    uv_timer_t *timers = timers_new(&loop, MEASURE_TIMERS + 1);
    if (timers == NULL) return -ENOMEM;
    for (uint64_t i = 0; i < MEASURE_TIMERS; i++) {
        uint64_t due_ms = far_ms + measure_sleep_us(i, 0);
        uv_timer_start(&timers[i], do_nothing, due_ms, 0);
    }

    uv_timer_t *timer = &timers[MEASURE_TIMERS];
    double start = measure_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t due_ms = far_ms + measure_sleep_us(i, 1);
        uv_timer_start(timer, do_nothing, due_ms, 0);
        uv_timer_stop(timer);
    }
    double took = measure_now_ns() - start;
    rc = timers_free(&loop, timers, MEASURE_TIMERS + 1);
    return rc < 0 ? rc : took;
}

static void count_down(uv_timer_t *timer) {
    uint64_t *left = timer->data;
    --*left;
}

/* Arms all for now or the next millisecond, and runs until all have fired. */
static int arm_fire(uv_loop_t *loop, uv_timer_t *timers, uint64_t count) {
    uint64_t left = count;
    uv_update_time(loop);
    for (uint64_t i = 0; i < count; i++) {
        timers[i].data = &left;
        uv_timer_start(&timers[i], count_down, i & 1, 0);
    }
    uv_run(loop, UV_RUN_DEFAULT);
    return left == 0 ? 0 : -EIO;
}

static double run_arm_fire(uint64_t count) {
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);
    if (rc < 0) return rc;
    uv_timer_t *timers = timers_new(&loop, count);
    if (timers == NULL) return -ENOMEM;
    int fired = arm_fire(&loop, timers, count);
    double start = measure_now_ns();
    if (fired >= 0) fired = arm_fire(&loop, timers, count);
    double took = measure_now_ns() - start;
    rc = timers_free(&loop, timers, count);
    if (rc < 0) return rc;
    return fired < 0 ? fired : took;
}

/* A timer that stands for a task which sleeps some times. */
struct sleeper {
    uv_timer_t timer;
    uint64_t index;
    uint64_t round;
};

static void sleep_again(uv_timer_t *timer) {
    struct sleeper *sleeper = timer->data;
    if (sleeper->round == MEASURE_SLEEP_ROUNDS) return;
    uint64_t us = measure_sleep_us(sleeper->index, sleeper->round);
    sleeper->round++;
    uv_timer_start(timer, sleep_again, us / 1000, 0);
}

static double run_sleep(uint64_t count) {
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);
    if (rc < 0) return rc;
    uint64_t sleepers_count = count / MEASURE_SLEEP_ROUNDS;
    struct sleeper *sleepers = calloc(sleepers_count, sizeof *sleepers);
    if (sleepers == NULL) return -ENOMEM;
    for (uint64_t i = 0; i < sleepers_count; i++) {
        uv_timer_init(&loop, &sleepers[i].timer);
        sleepers[i].timer.data = &sleepers[i];
        sleepers[i].index = i;
    }

    double start = measure_cpu_ns();
    for (uint64_t i = 0; i < sleepers_count; i++)
        sleep_again(&sleepers[i].timer);
    uv_run(&loop, UV_RUN_DEFAULT);
    double took = measure_cpu_ns() - start;

    for (uint64_t i = 0; i < sleepers_count; i++)
        uv_close((uv_handle_t *)&sleepers[i].timer, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    free(sleepers);
    rc = uv_loop_close(&loop);
    return rc < 0 ? rc : took;
}

static void work(uv_work_t *job) {
    (void)job;
}

/* Queues the next job, as a task would that awaits one after the other. */
static void work_again(uv_work_t *job, int status) {
    uint64_t *left = job->data;
    --*left;
    if (status == 0 && *left > 0)
        uv_queue_work(job->loop, job, work, work_again);
}

static int work_some_times(uv_loop_t *loop, uint64_t count) {
    uint64_t left = count;
    uv_work_t job = { .data = &left };
    int rc = uv_queue_work(loop, &job, work, work_again);
    if (rc < 0) return rc;
    uv_run(loop, UV_RUN_DEFAULT);
    return left == 0 ? 0 : -EIO;
}

static double run_to_thread(uint64_t count) {
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);
    if (rc < 0) return rc;
    int worked = work_some_times(&loop, 1); /* warm: there are threads */
    double start = measure_now_ns();
    if (worked >= 0) worked = work_some_times(&loop, count);
    double took = measure_now_ns() - start;
    rc = uv_loop_close(&loop);
    if (rc < 0) return rc;
    return worked < 0 ? worked : took;
}

static void close_timer(uv_timer_t *timer) {
    uv_close((uv_handle_t *)timer, NULL);
}

static double run_loop(uint64_t count) {
    double start = measure_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        uv_loop_t loop;
        uv_timer_t timer;
        int rc = uv_loop_init(&loop);
        if (rc < 0) return rc;
        uv_timer_init(&loop, &timer);
        uv_timer_start(&timer, close_timer, 0, 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        rc = uv_loop_close(&loop);
        if (rc < 0) return rc;
    }
    return measure_now_ns() - start;
}

int main(int argc, char **argv) {
    static const struct measure metrics[] = {
        { "core.timer_arm_cancel_ns", "ns", MEASURE_GROWN, run_arm_cancel, 0,
          0 },
        { "core.timer_arm_fire_ns", "ns", MEASURE_FIXED, run_arm_fire,
          MEASURE_TIMERS, 10000 },
        { "core.sleep_100000_ns", "ns", MEASURE_FIXED, run_sleep,
          100000 * MEASURE_SLEEP_ROUNDS, 2000 * MEASURE_SLEEP_ROUNDS },
        { "core.to_thread_us", "us", MEASURE_GROWN, run_to_thread, 0, 0 },
        { "core.loop_us", "us", MEASURE_GROWN, run_loop, 0, 0 },
    };
    return measure_main(argc, argv, "libuv", metrics,
                        sizeof metrics / sizeof metrics[0]);
}
