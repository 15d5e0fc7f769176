/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_timer.c - timers: never early, in order, from anywhere
 *
 * Most tests step a loop with a manual clock, so that time moves exactly when
 * the test says, and each step is one iteration.
 */
#include <belay/test.h>

#include <stdlib.h>

#include "support/famine.h"
#include "support/host.h"
#include "support/kids.h"

/* A timer, and what its callback does besides counting. */
struct alarm {
    bl_timer timer;
    bl_loop *loop;
    const char *name; /* noted */
    int calls;
    bl_ns fired_at;
    bl_timer *stops; /* the callback stops this one */
    bl_timer *arms;  /* ... arms this one */
    bl_ns arms_for;  /* ... for this time */
    int arms_left;   /* ... so many times */
};

static bl_loop *loop;

static void on_alarm(void *context) {
    struct alarm *alarm = context;
    alarm->calls++;
    alarm->fired_at = bl_now();
    if (alarm->name != NULL) note("%s", alarm->name);
    if (alarm->stops != NULL) bl_timer_stop(alarm->stops);
    if (alarm->arms == NULL || alarm->arms_left-- == 0) return;
    bl_timer_start(alarm->loop, alarm->arms, alarm->arms_for);
}

static void alarm_init(struct alarm *alarm, const char *name) {
    *alarm = (struct alarm){ .loop = loop, .name = name };
    bl_timer_init(&alarm->timer, on_alarm, alarm);
}

static void arm(struct alarm *alarm, bl_ns due) {
    bl_timer_start(loop, &alarm->timer, due);
}

static void open_loop(const bl_loop_options *options) {
    REQUIRE_OK(bl_loop_open(options, &loop));
}

static void open_manual(void) {
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_MANUAL;
    open_loop(&options);
}

/* One iteration that does not block. */
static void step(void) {
    CHECK_EQ(bl_loop_step(loop, 0), 0);
}

static void advance(bl_ns duration) {
    CHECK_OK(bl_loop_advance(loop, duration));
}

static uint64_t timers_armed(void) {
    bl_loop_info info;
    bl_loop_get_info(loop, &info);
    return info.timers_armed;
}

/* ---- when ---------------------------------------------------------------- */

TEST(a_timer_fires_at_its_time_and_not_an_instant_before, .no_loop = true) {
    struct alarm alarm;
    open_manual();
    alarm_init(&alarm, NULL);
    arm(&alarm, 100);
    advance(99);
    step();
    CHECK_EQ(alarm.calls, 0);
    advance(1);
    step();
    CHECK_EQ(alarm.calls, 1);
    CHECK_EQ(alarm.fired_at, 100);
    step();
    CHECK_EQ(alarm.calls, 1); /* once */
    CHECK_EQ(timers_armed(), 0);
    bl_loop_close(loop);
}

TEST(on_the_real_clock_no_timer_is_early, .no_loop = true) {
    struct alarm alarms[20];
    bl_ns due[20];
    open_loop(NULL);
    for (int i = 0; i < 20; i++) {
        alarm_init(&alarms[i], NULL);
        due[i] = bl_now() + BL_US(50) * (i % 7);
        arm(&alarms[i], due[i]);
    }
    while (timers_armed() > 0)
        CHECK_EQ(bl_loop_step(loop, BL_FOREVER), 0);
    for (int i = 0; i < 20; i++) {
        CHECK_EQ(alarms[i].calls, 1);
        CHECK_GE(alarms[i].fired_at, due[i]);
    }
    bl_loop_close(loop);
}

/* One of a crowd, which re-arms itself for a time that has passed. */
static int crowd_calls;

static void on_crowd(void *context) {
    bl_timer *timer = context;
    crowd_calls++;
    bl_timer_start(loop, timer, 0);
}

TEST(a_crowd_of_timers_is_fired_in_several_steps, .no_loop = true,
     .tags = "order") {
    enum {
        CROWD = 2000
    };
    bl_timer *crowd = calloc(CROWD, sizeof *crowd);
    struct alarm last;
    REQUIRE(crowd != NULL);
    open_loop(NULL);
    for (int i = 0; i < CROWD; i++) {
        bl_timer_init(&crowd[i], on_crowd, &crowd[i]);
        bl_timer_start(loop, &crowd[i], 0);
    }
    alarm_init(&last, NULL);
    arm(&last, 1);
    crowd_calls = 0;
    step();
    CHECK_GT(crowd_calls, 0);
    CHECK_LT(crowd_calls, CROWD); /* the world is looked at in between */
    CHECK_EQ(last.calls, 0);
    CHECK(bl_loop_is_ready(loop));
    /* Those that are always late keep no other from its turn. */
    for (int i = 0; i < CROWD && last.calls == 0; i++)
        step();
    CHECK_EQ(last.calls, 1);
    CHECK_EQ(crowd_calls, CROWD); /* each once */
    CHECK_EQ(timers_armed(), CROWD);
    bl_loop_close(loop);
    free(crowd);
}

TEST(a_virtual_clock_jumps_to_the_next_timer_exactly, .no_loop = true) {
    struct alarm alarm;
    bl_loop_options options = quiet_options();
    open_loop(&options);
    alarm_init(&alarm, NULL);
    arm(&alarm, HOUR);
    CHECK_EQ(bl_loop_step(loop, BL_FOREVER), 0);
    CHECK_EQ(alarm.fired_at, HOUR);
    bl_loop_close(loop);
}

TEST(a_time_that_has_passed_fires_in_the_next_step, .no_loop = true) {
    struct alarm alarms[2];
    open_manual();
    advance(100);
    alarm_init(&alarms[0], "past");
    alarm_init(&alarms[1], "before_time");
    arm(&alarms[0], 5);
    arm(&alarms[1], INT64_MIN);
    CHECK(bl_loop_is_ready(loop));
    step();
    CHECK_STR(notes(), "before_time past");
    bl_loop_close(loop);
}

TEST(a_timer_for_the_end_of_time_does_not_fire_before_it, .no_loop = true) {
    struct alarm alarm;
    open_manual();
    alarm_init(&alarm, NULL);
    arm(&alarm, INT64_MAX);
    CHECK_EQ(bl_loop_next_timer(loop), BL_FOREVER);
    advance(INT64_MAX - 1);
    step();
    CHECK_EQ(alarm.calls, 0);
    advance(HOUR); /* held at the end of the range */
    step();
    CHECK_EQ(alarm.calls, 1);
    CHECK_EQ(alarm.fired_at, INT64_MAX);
    bl_loop_close(loop);
}

TEST(at_the_end_of_time_a_loop_without_timers_is_idle, .no_loop = true) {
    open_manual();
    advance(INT64_MAX);
    step();
    CHECK(!bl_loop_is_ready(loop));
    CHECK_EQ(bl_loop_next_timer(loop), BL_FOREVER);
    bl_loop_close(loop);
}

/* ---- in which order ------------------------------------------------------ */

TEST(timers_fire_by_time_and_then_by_arming, .no_loop = true, .tags = "order") {
    static const char *const names[] = { "a", "b", "c", "d", "e" };
    static const bl_ns due[] = { 30, 10, 30, 20, 10 };
    struct alarm alarms[5];
    open_manual();
    for (int i = 0; i < 5; i++) {
        alarm_init(&alarms[i], names[i]);
        arm(&alarms[i], due[i]);
    }
    advance(100);
    step();
    CHECK_STR(notes(), "b e d a c");
    bl_loop_close(loop);
}

TEST(arming_again_is_arming_later, .no_loop = true, .tags = "order") {
    struct alarm a, b;
    open_manual();
    alarm_init(&a, "a");
    alarm_init(&b, "b");
    arm(&a, 10);
    arm(&b, 10);
    arm(&a, 10); /* the same time, but behind b now */
    CHECK_EQ(timers_armed(), 2);
    advance(10);
    step();
    CHECK_STR(notes(), "b a");
    bl_loop_close(loop);
}

static uint32_t choose_last(void *context, bl_choice kind, uint32_t count,
                            const uint64_t *ids) {
    (void)ids;
    (void)context;
    return kind == BL_CHOICE_TIMER ? count - 1 : 0;
}

static void open_choosing(void) {
    bl_loop_options options = quiet_options();
    options.clock = BL_CLOCK_MANUAL;
    options.choose = choose_last;
    open_loop(&options);
}

TEST(a_seam_chooses_among_timers_of_one_instant_only, .no_loop = true) {
    static const char *const names[] = { "a", "b", "c", "d" };
    static const bl_ns due[] = { 10, 10, 10, 20 };
    struct alarm alarms[4];
    open_choosing();
    for (int i = 0; i < 4; i++) {
        alarm_init(&alarms[i], names[i]);
        arm(&alarms[i], due[i]);
    }
    advance(20);
    step();
    CHECK_STR(notes(), "c b a d");
    bl_loop_close(loop);
}

TEST(a_seam_cannot_choose_what_was_armed_meanwhile, .no_loop = true) {
    struct alarm old, again;
    open_choosing();
    alarm_init(&old, "old");
    alarm_init(&again, "again");
    again.arms = &again.timer;
    again.arms_for = 10;
    again.arms_left = 3;
    arm(&old, 10);
    arm(&again, 10);
    advance(10);
    step();
    CHECK_STR(notes(), "again old");
    bl_timer_stop(&again.timer);
    bl_loop_close(loop);
}

/* ---- in callbacks -------------------------------------------------------- */

TEST(a_callback_can_arm_its_own_timer_again, .no_loop = true) {
    struct alarm alarm;
    open_manual();
    alarm_init(&alarm, NULL);
    alarm.arms = &alarm.timer;
    alarm.arms_for = 20;
    alarm.arms_left = 1;
    arm(&alarm, 10);
    advance(10);
    step();
    CHECK_EQ(alarm.calls, 1);
    CHECK_EQ(bl_loop_next_timer(loop), 20);
    advance(10);
    step();
    CHECK_EQ(alarm.calls, 2);
    bl_loop_close(loop);
}

TEST(what_a_callback_arms_for_a_past_time_waits_for_the_next_step,
     .no_loop = true) {
    struct alarm alarm;
    open_manual();
    advance(100);
    alarm_init(&alarm, NULL);
    alarm.arms = &alarm.timer;
    alarm.arms_for = 0;
    alarm.arms_left = 3;
    arm(&alarm, 0);
    for (int i = 1; i <= 4; i++) {
        step();
        CHECK_EQ(alarm.calls, i);
    }
    step();
    CHECK_EQ(alarm.calls, 4);
    bl_loop_close(loop);
}

TEST(a_timer_that_is_always_late_keeps_no_other_from_firing, .no_loop = true) {
    struct alarm hasty, patient, tied;
    open_manual();
    advance(100);
    alarm_init(&hasty, NULL);
    alarm_init(&patient, "patient");
    alarm_init(&tied, "tied");
    hasty.arms = &hasty.timer;
    hasty.arms_for = 0; /* before everybody else's time */
    hasty.arms_left = 1000;
    arm(&hasty, 0);
    arm(&patient, 50);
    arm(&tied, 100);
    step();
    CHECK_STR(notes(), "patient tied");
    CHECK_EQ(hasty.calls, 1);
    step();
    CHECK_EQ(hasty.calls, 2);
    bl_timer_stop(&hasty.timer);
    CHECK_EQ(timers_armed(), 0);
    bl_loop_close(loop);
}

TEST(what_waits_for_the_next_step_can_be_stopped_and_moved, .no_loop = true) {
    struct alarm first, second, third, fourth;
    open_manual();
    advance(100);
    alarm_init(&first, "first");
    alarm_init(&second, "second");
    alarm_init(&third, "third");
    alarm_init(&fourth, "fourth");
    first.arms = &first.timer; /* armed for the past by the first, */
    first.arms_for = 0;
    first.arms_left = 1;
    second.stops = &first.timer; /* taken back by the second, */
    third.arms = &first.timer;   /* and armed anew by the third */
    third.arms_for = 150;
    third.arms_left = 1;
    arm(&first, 1);
    arm(&second, 2);
    arm(&third, 3);
    arm(&fourth, 4);
    step();
    CHECK_STR(notes(), "first second third fourth");
    CHECK_EQ(timers_armed(), 1);
    CHECK_EQ(bl_loop_next_timer(loop), 150);
    bl_timer_stop(&first.timer);
    bl_loop_close(loop);
}

TEST(a_callback_can_stop_one_that_is_due_together, .no_loop = true,
     .tags = "order") {
    struct alarm a, b, c;
    open_manual();
    alarm_init(&a, "a");
    alarm_init(&b, "b");
    alarm_init(&c, "c");
    a.stops = &b.timer;
    arm(&a, 10);
    arm(&b, 10);
    arm(&c, 10);
    advance(10);
    step();
    CHECK_STR(notes(), "a c");
    bl_loop_close(loop);
}

TEST(a_callback_can_postpone_one_that_is_due_together, .no_loop = true,
     .tags = "order") {
    struct alarm a, b;
    open_manual();
    alarm_init(&a, "a");
    alarm_init(&b, "b");
    a.arms = &b.timer;
    a.arms_for = 20;
    a.arms_left = 1;
    arm(&a, 10);
    arm(&b, 10);
    advance(10);
    step();
    CHECK_STR(notes(), "a");
    advance(10);
    step();
    CHECK_STR(notes(), "a b");
    bl_loop_close(loop);
}

static void frees(void *context) {
    free(context);
}

TEST(a_callback_can_free_its_timer, .no_loop = true) {
    open_manual();
    bl_timer *timer = malloc(sizeof *timer);
    REQUIRE(timer != NULL);
    bl_timer_init(timer, frees, timer);
    bl_timer_start(loop, timer, 0);
    step();
    CHECK_EQ(timers_armed(), 0);
    bl_loop_close(loop);
}

/* ---- stopping ------------------------------------------------------------ */

TEST(a_timer_that_was_stopped_does_not_fire, .no_loop = true) {
    struct alarm alarm;
    open_manual();
    alarm_init(&alarm, NULL);
    bl_timer_stop(&alarm.timer); /* never armed: no effect */
    arm(&alarm, 10);
    bl_timer_stop(&alarm.timer);
    bl_timer_stop(&alarm.timer); /* idempotent */
    CHECK_EQ(bl_loop_next_timer(loop), BL_FOREVER);
    advance(20);
    step();
    CHECK_EQ(alarm.calls, 0);
    bl_loop_close(loop);
}

TEST(a_timer_can_move_to_another_loop, .no_loop = true) {
    struct alarm alarm;
    open_manual();
    bl_loop *first = loop;
    open_manual();
    alarm_init(&alarm, NULL);
    bl_timer_start(first, &alarm.timer, 10);
    bl_timer_start(loop, &alarm.timer, 10);
    CHECK_EQ(bl_loop_next_timer(first), BL_FOREVER);
    CHECK_EQ(bl_loop_next_timer(loop), 10);
    advance(10);
    step();
    CHECK_EQ(alarm.calls, 1);
    bl_loop_close(loop);
    bl_loop_close(first);
}

TEST(a_timer_outlives_its_loop_stopped, .no_loop = true) {
    struct alarm alarm;
    open_manual();
    alarm_init(&alarm, NULL);
    arm(&alarm, 10);
    bl_loop_close(loop);
    bl_timer_stop(&alarm.timer); /* it is no longer in anything */
    open_manual();
    arm(&alarm, 10);
    advance(10);
    step();
    CHECK_EQ(alarm.calls, 1);
    bl_loop_close(loop);
}

/* ---- many ---------------------------------------------------------------- */

enum {
    MODEL_TIMERS = 300,
    MODEL_STEPS = 10000
};

/* A plain list beside the heap: searched for the earliest each time. */
struct model {
    struct alarm alarms[MODEL_TIMERS];
    bl_ns due[MODEL_TIMERS];
    uint64_t order[MODEL_TIMERS]; /* 0: not armed */
    uint64_t last_order;
    uint32_t random;
    int mismatches;
};

static uint32_t next_random(struct model *model) {
    model->random = model->random * 1664525u + 1013904223u;
    return model->random >> 8;
}

static int earliest(const struct model *model) {
    int best = -1;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        if (model->order[i] == 0) continue;
        if (best < 0 || model->due[i] < model->due[best] ||
            (model->due[i] == model->due[best] &&
             model->order[i] < model->order[best])) {
            best = i;
        }
    }
    return best;
}

static struct model *model;

static void on_model_alarm(void *context) {
    struct alarm *alarm = context;
    int index = (int)(alarm - model->alarms);
    if (index != earliest(model)) model->mismatches++;
    if (bl_now() < model->due[index]) model->mismatches++;
    model->order[index] = 0;
}

static void random_step(void) {
    int index = (int)(next_random(model) % MODEL_TIMERS);
    switch (next_random(model) % 8) {
    case 0:
        bl_timer_stop(&model->alarms[index].timer);
        model->order[index] = 0;
        break;
    case 1:
        advance((bl_ns)(next_random(model) % 4));
        step();
        break;
    default:
        model->due[index] = bl_ns_add(bl_loop_next_timer(loop) == BL_FOREVER
                                          ? 0
                                          : bl_loop_next_timer(loop),
                                      (bl_ns)(next_random(model) % 50));
        model->order[index] = ++model->last_order;
        arm(&model->alarms[index], model->due[index]);
    }
}

TEST(ten_thousand_random_steps_agree_with_a_plain_list, .no_loop = true,
     .tags = "order") {
    open_manual();
    model = calloc(1, sizeof *model);
    REQUIRE(model != NULL);
    model->random = 12345;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        bl_timer_init(&model->alarms[i].timer, on_model_alarm,
                      &model->alarms[i]);
    }
    for (int i = 0; i < MODEL_STEPS; i++) {
        random_step();
        int first = earliest(model);
        bl_ns next = first >= 0 ? model->due[first] : BL_FOREVER;
        if (bl_loop_next_timer(loop) != next) model->mismatches++;
    }
    CHECK_EQ(model->mismatches, 0);
    for (int i = 0; i < MODEL_TIMERS; i++)
        bl_timer_stop(&model->alarms[i].timer);
    free(model);
    bl_loop_close(loop);
}

TEST(without_memory_timers_are_armed_all_the_same, .no_loop = true) {
    enum {
        COUNT = 100
    };
    struct alarm alarms[COUNT];
    open_manual();
    famine_begin(1);
    for (int i = 0; i < COUNT; i++) {
        alarm_init(&alarms[i], NULL);
        arm(&alarms[i], (i * 37) % COUNT);
    }
    famine_end();
    CHECK_EQ(timers_armed(), COUNT);
    CHECK_EQ(bl_loop_next_timer(loop), 0);
    bl_timer_stop(&alarms[50].timer); /* from the list as from the heap */
    bl_timer_stop(&alarms[3].timer);
    for (int now = 0; now < COUNT; now++) {
        step();
        for (int i = 0; i < COUNT; i++) {
            bool is_over = (i * 37) % COUNT <= now && i != 50 && i != 3;
            CHECK_EQ(alarms[i].calls, is_over ? 1 : 0);
        }
        advance(1);
    }
    CHECK_EQ(timers_armed(), 0);
    bl_loop_close(loop);
}

/* ---- arithmetic ---------------------------------------------------------- */

TEST(times_beyond_the_range_are_held_at_its_ends, .no_loop = true) {
    CHECK_EQ(bl_ns_add(1, 2), 3);
    CHECK_EQ(bl_ns_add(INT64_MAX, 1), INT64_MAX);
    CHECK_EQ(bl_ns_add(INT64_MAX - 1, 1), INT64_MAX);
    CHECK_EQ(bl_ns_add(INT64_MIN, -1), INT64_MIN);
    CHECK_EQ(bl_ns_add(INT64_MAX, INT64_MIN), -1);
}

static int sleeps_beyond(void *arg) {
    (void)arg;
    int rc = bl_sleep(INT64_MAX - 5); /* from 10: past the range */
    CHECK_EQ(bl_now(), 10);
    return rc;
}

TEST(a_sleep_beyond_the_end_of_time_never_ends_by_itself, .no_loop = true) {
    open_manual();
    advance(10);
    CHECK_OK(bl_loop_start(loop, sleeps_beyond, NULL));
    CHECK_EQ(bl_loop_step(loop, 0), 1);
    CHECK_EQ(bl_loop_next_timer(loop), BL_FOREVER);
    bl_loop_cancel(loop, false);
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_ERR(bl_loop_finish(loop), BL_ECANCELED);
    bl_loop_close(loop);
}
