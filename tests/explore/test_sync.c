/* SPDX-License-Identifier: MIT */
/*
 * tests/explore/test_sync.c - what holds of synchronization in any
 * order
 *
 * A test for each primitive, small enough that its schedules can be looked
 * through: a few tasks, one of them cancelled or late.  What is checked holds
 * whatever the order.  `--explore N` runs more schedules than the ones here.
 */
#include <belay/test.h>

enum {
    SCHEDULES = 100,
    ROUNDS = 3
};

/* ---- event --------------------------------------------------------------- */

struct gate {
    bl_event event;
    int passed;
    int given_up;
};

static int pass_gate(void *arg) {
    struct gate *gate = arg;
    int rc = bl_wait_for(bl_event_wait(&gate->event), MS(2));
    if (rc == BL_ETIMEDOUT) gate->given_up++;
    if (rc == 0) gate->passed++;
    bl_error_handled();
    return 0;
}

static int open_gate(void *arg) {
    struct gate *gate = arg;
    int rc = bl_sleep(MS(2));
    bl_event_set(&gate->event);
    return rc;
}

TEST(an_event_wakes_all_who_have_not_given_up, .schedules = SCHEDULES) {
    struct gate gate = { .event = BL_EVENT_INIT };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&group, pass_gate, &gate));
    }
    REQUIRE_OK(bl_spawn(&group, open_gate, &gate));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(gate.passed + gate.given_up, 3);
    CHECK(bl_event_is_set(&gate.event));
}

/* ---- lock ---------------------------------------------------------------- */

struct account {
    bl_lock lock;
    int balance;
    int paid;
    bool is_busy;
};

static int pay(void *arg) {
    struct account *account = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int rc = bl_lock_acquire(&account->lock);
        if (rc < 0) return rc;
        CHECK(!account->is_busy);
        account->is_busy = true;
        int before = account->balance;
        rc = bl_yield();
        account->balance = before + 1;
        account->paid++;
        account->is_busy = false;
        CHECK_OK(bl_lock_release(&account->lock));
        if (rc < 0) return rc;
    }
    return 0;
}

static int pay_until_cancelled(void *arg) {
    BL_IGNORE(bl_wait_for(pay(arg), MS(1)));
    bl_error_handled();
    return 0;
}

static int cancel_a_payer(void *arg) {
    bl_task *payer = arg;
    int rc = bl_yield();
    bl_task_cancel(payer);
    return rc;
}

TEST(a_lock_lets_one_in_at_a_time, .schedules = SCHEDULES) {
    struct account account = { .lock = BL_LOCK_INIT };
    bl_task *payer;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, pay, &account));
    REQUIRE_OK(bl_spawn(&group, pay_until_cancelled, &account));
    REQUIRE_OK(bl_spawn_task(&group, pay, &account, &payer));
    REQUIRE_OK(bl_spawn(&group, cancel_a_payer, payer));
    REQUIRE_OK(bl_group_exit(&group, 0));
    bl_task_unref(payer);
    CHECK_EQ(account.balance, account.paid);
    CHECK(!bl_lock_is_held(&account.lock));
}

/* ---- condition ----------------------------------------------------------- */

struct shelf {
    bl_lock lock;
    bl_cond not_empty;
    bl_cond not_full;
    int items;
    int put;
    int got;
};

static int fill_shelf(void *arg) {
    struct shelf *shelf = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int rc = bl_lock_acquire(&shelf->lock);
        while (rc == 0 && shelf->items == 1) {
            rc = bl_cond_wait(&shelf->not_full, &shelf->lock);
        }
        if (rc == 0) {
            shelf->items++;
            shelf->put++;
            bl_cond_notify(&shelf->not_empty, 1);
        }
        if (bl_lock_release(&shelf->lock) < 0 || rc < 0) return rc;
    }
    return 0;
}

static int empty_shelf(void *arg) {
    struct shelf *shelf = arg;
    for (int i = 0; i < ROUNDS; i++) {
        int rc = bl_lock_acquire(&shelf->lock);
        while (rc == 0 && shelf->items == 0) {
            rc = bl_cond_wait(&shelf->not_empty, &shelf->lock);
        }
        if (rc == 0) {
            shelf->items--;
            shelf->got++;
            bl_cond_notify(&shelf->not_full, 1);
        }
        if (bl_lock_release(&shelf->lock) < 0 || rc < 0) return rc;
    }
    return 0;
}

TEST(a_condition_loses_no_notice, .schedules = SCHEDULES) {
    struct shelf shelf = { .lock = BL_LOCK_INIT,
                           .not_empty = BL_COND_INIT,
                           .not_full = BL_COND_INIT };
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 2; i++) {
        REQUIRE_OK(bl_spawn(&group, empty_shelf, &shelf));
        REQUIRE_OK(bl_spawn(&group, fill_shelf, &shelf));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(shelf.put, 2 * ROUNDS);
    CHECK_EQ(shelf.got, 2 * ROUNDS);
}

/* ---- semaphore ----------------------------------------------------------- */

struct room {
    bl_sem seats;
    int inside;
    int served;
};

static int sit(void *arg) {
    struct room *room = arg;
    int rc = bl_sem_acquire(&room->seats);
    if (rc < 0) return rc;
    CHECK_LE(++room->inside, 2);
    rc = bl_sleep(MS(1));
    room->inside--;
    room->served++;
    CHECK_OK(bl_sem_release(&room->seats));
    return rc;
}

static int sit_or_leave(void *arg) {
    int rc = bl_wait_for(sit(arg), MS(1));
    bl_error_handled();
    return rc == BL_ETIMEDOUT ? 0 : rc;
}

TEST(a_semaphore_keeps_its_count, .schedules = SCHEDULES) {
    struct room room = { .inside = 0 };
    REQUIRE_OK(bl_sem_init(&room.seats, 2, 2));
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&group, sit, &room));
        REQUIRE_OK(bl_spawn(&group, sit_or_leave, &room));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_sem_value(&room.seats), 2);
    CHECK_EQ(room.inside, 0);
    CHECK_GE(room.served, 3);
}

/* ---- barrier ------------------------------------------------------------- */

struct race {
    bl_barrier line;
    int at[3]; /* the round in which each runner is */
};

struct runner {
    struct race *race;
    int number;
};

static int run_rounds(void *arg) {
    struct runner *runner = arg;
    struct race *race = runner->race;
    for (int i = 0; i < ROUNDS; i++) {
        race->at[runner->number] = i;
        int rc = bl_barrier_wait(&race->line);
        if (rc < 0) return rc;
        for (int k = 0; k < 3; k++) {
            CHECK_GE(race->at[k], i);
        }
        rc = bl_yield();
        if (rc < 0) return rc;
    }
    return 0;
}

TEST(nobody_passes_a_barrier_alone, .schedules = SCHEDULES) {
    struct race race = { .at = { 0 } };
    struct runner runners[3];
    REQUIRE_OK(bl_barrier_init(&race.line, 3));
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        runners[i] = (struct runner){ &race, i };
        REQUIRE_OK(bl_spawn(&group, run_rounds, &runners[i]));
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(bl_barrier_waiting(&race.line), 0);
    CHECK(!bl_barrier_is_broken(&race.line));
}

/* ---- future -------------------------------------------------------------- */

struct wish {
    bl_future future;
    int fulfilled;
    int given_up;
};

static int wish_for(void *arg) {
    struct wish *wish = arg;
    void *value = NULL;
    int rc = bl_wait_for(bl_future_wait(&wish->future, &value), MS(2));
    if (rc == BL_ETIMEDOUT) {
        wish->given_up++;
    } else {
        CHECK_EQ(rc, 7);
        CHECK_EQ(value, (void *)wish);
        wish->fulfilled++;
    }
    bl_error_handled();
    return 0;
}

static int fulfil(void *arg) {
    struct wish *wish = arg;
    int rc = bl_sleep(MS(2));
    CHECK_OK(bl_future_set(&wish->future, 7, wish));
    return rc;
}

TEST(a_future_is_the_same_for_all, .schedules = SCHEDULES) {
    struct wish wish = { .fulfilled = 0 };
    REQUIRE_OK(bl_future_init(&wish.future));
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < 3; i++) {
        REQUIRE_OK(bl_spawn(&group, wish_for, &wish));
    }
    REQUIRE_OK(bl_spawn(&group, fulfil, &wish));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(wish.fulfilled + wish.given_up, 3);
    bl_future_done(&wish.future);
}
