/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_cancel_waits.c - each kind of wait: refused, undone, or kept
 *
 * Three facts about every call that waits.  In a cancelled scope it returns
 * BL_ECANCELED at entry, without effect, even if it need not wait.  Cancelled
 * before it was served, it did not happen.  Cancelled after it was served, it
 * keeps its result, and the cancellation shows at the next wait.
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <unistd.h>

#include "support/host.h"
#include "support/kids.h"

/* Everything that one can wait for, and a task that waits for one of them. */
struct things {
    bl_event event;
    bl_lock lock;
    bl_cond cond;
    bl_sem sem;
    bl_barrier barrier;
    bl_queue queue;
    bl_queue full;
    bl_future future;
    bl_group group;
    bl_task *done;  /* a task that has ended */
    bl_task *alive; /* a task that ends when `finish` is set */
    bl_event finish;
    int item;
};

static void things_init(struct things *things) {
    int item = 7;
    *things = (struct things){ .item = 0 };
    REQUIRE_OK(bl_sem_init(&things->sem, 0, 0));
    REQUIRE_OK(bl_barrier_init(&things->barrier, 2));
    REQUIRE_OK(bl_queue_init(&things->queue, sizeof(int), 4));
    REQUIRE_OK(bl_queue_init(&things->full, sizeof(int), 1));
    REQUIRE_OK(bl_queue_try_put(&things->full, &item));
    REQUIRE_OK(bl_future_init(&things->future));
    REQUIRE_OK(bl_group_enter(&things->group));
    REQUIRE_OK(
        bl_spawn_task(&things->group, kid_returns, ARG(5), &things->done));
    REQUIRE_OK(bl_spawn_task(&things->group, kid_waits, &things->finish,
                             &things->alive));
    settle();
}

static void things_done(struct things *things) {
    bl_event_set(&things->finish);
    CHECK_OK(bl_group_exit(&things->group, 0));
    bl_task_unref(things->done);
    bl_task_unref(things->alive);
    bl_future_done(&things->future);
    bl_queue_done(&things->queue);
    bl_queue_done(&things->full);
}

/* ---- at entry ------------------------------------------------------------ */

/* Runs the statements in a cancelled scope. */
#define CANCELLED(statements)                                        \
    do {                                                             \
        bl_scope scope;                                              \
        bl_scope_enter(&scope);                                      \
        bl_scope_cancel(&scope, NULL);                               \
        statements CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0); \
    } while (0)

TEST(sleeping_and_yielding_are_refused_at_entry) {
    bl_ns start = bl_now();
    CANCELLED({
        CHECK_ERR(bl_sleep(BL_SEC(1)), BL_ECANCELED);
        CHECK_ERR(bl_sleep(0), BL_ECANCELED);
        CHECK_ERR(bl_sleep(-1), BL_ECANCELED);
        CHECK_ERR(bl_sleep_until(0), BL_ECANCELED);
        CHECK_ERR(bl_yield(), BL_ECANCELED);
        CHECK_ERR(bl_checkpoint(), BL_ECANCELED);
        CHECK_ERR(bl_settle(), BL_ECANCELED);
    });
    CHECK_EQ(bl_now(), start);
}

TEST(waiting_for_an_event_that_is_set_is_refused_at_entry) {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    CANCELLED({ CHECK_ERR(bl_event_wait(&event), BL_ECANCELED); });
    CHECK_EQ(bl_event_wait(&event), 0);
}

TEST(acquiring_a_free_lock_is_refused_at_entry) {
    bl_lock lock = BL_LOCK_INIT;
    CANCELLED({ CHECK_ERR(bl_lock_acquire(&lock), BL_ECANCELED); });
    CHECK(!bl_lock_is_held(&lock));
}

TEST(acquiring_a_free_permit_is_refused_at_entry) {
    bl_sem sem;
    REQUIRE_OK(bl_sem_init(&sem, 1, 0));
    CANCELLED({ CHECK_ERR(bl_sem_acquire(&sem), BL_ECANCELED); });
    CHECK_EQ(bl_sem_value(&sem), 1);
}

TEST(waiting_for_a_condition_is_refused_at_entry_and_keeps_the_lock) {
    bl_lock lock = BL_LOCK_INIT;
    bl_cond cond = BL_COND_INIT;
    REQUIRE_OK(bl_lock_acquire(&lock));
    CANCELLED({
        CHECK_ERR(bl_cond_wait(&cond, &lock), BL_ECANCELED);
        CHECK_ERR(bl_lock_try_acquire(&lock), BL_EDEADLK); /* still ours */
    });
    CHECK_EQ(bl_lock_release(&lock), 0);
}

TEST(the_last_party_at_a_barrier_is_refused_at_entry) {
    bl_barrier barrier;
    REQUIRE_OK(bl_barrier_init(&barrier, 1));
    CANCELLED({ CHECK_ERR(bl_barrier_wait(&barrier), BL_ECANCELED); });
    CHECK(!bl_barrier_is_broken(&barrier));
    CHECK_EQ(bl_barrier_wait(&barrier), 0);
}

TEST(queue_operations_that_need_not_wait_are_refused_at_entry) {
    struct things things;
    int item = 1;
    things_init(&things);
    CANCELLED({
        CHECK_ERR(bl_queue_put(&things.queue, &item), BL_ECANCELED);
        CHECK_ERR(bl_queue_get(&things.full, &item), BL_ECANCELED);
        CHECK_ERR(bl_queue_join(&things.queue), BL_ECANCELED);
    });
    CHECK_EQ(bl_queue_count(&things.queue), 0);
    CHECK_EQ(bl_queue_count(&things.full), 1);
    CHECK_EQ(item, 1);
    things_done(&things);
}

TEST(waiting_for_a_future_that_is_set_is_refused_at_entry) {
    bl_future future;
    void *value = NULL;
    int target;
    REQUIRE_OK(bl_future_init(&future));
    REQUIRE_OK(bl_future_set(&future, 3, &target));
    CANCELLED({ CHECK_ERR(bl_future_wait(&future, &value), BL_ECANCELED); });
    CHECK(value == NULL);
    CHECK_EQ(bl_future_wait(&future, &value), 3);
    bl_future_done(&future);
}

TEST(joining_a_task_that_has_ended_is_refused_at_entry) {
    struct things things;
    bl_outcome outcome = { .rc = 77 };
    things_init(&things);
    CANCELLED({
        CHECK_ERR(bl_task_join(things.done, &outcome), BL_ECANCELED);
        CHECK_ERR(bl_task_wait(&things.done, 1, BL_WAIT_ALL), BL_ECANCELED);
    });
    CHECK_EQ(outcome.rc, 77); /* nothing was written */
    CHECK_EQ(bl_task_join(things.done, &outcome), 0);
    CHECK_EQ(outcome.rc, 5);
    things_done(&things);
}

TEST(a_select_with_a_ready_branch_is_refused_at_entry) {
    struct things things;
    int item = 0;
    size_t turn = 0;
    things_init(&things);
    CANCELLED({
        bl_branch branches[] = { bl_on_get(&things.full, &item) };
        CHECK_ERR(bl_select(branches, 1), BL_ECANCELED);
        CHECK_ERR(bl_select_fair(branches, 1, &turn), BL_ECANCELED);
    });
    CHECK_EQ(bl_queue_count(&things.full), 1);
    CHECK_EQ(item, 0);
    things_done(&things);
}

TEST(reading_from_a_descriptor_that_is_ready_is_refused_at_entry) {
    int ends[2];
    char byte = 0;
    REQUIRE_EQ(pipe(ends), 0);
    REQUIRE_EQ(write(ends[1], "x", 1), 1);
    CANCELLED({
        CHECK_ERR(bl_fd_wait(ends[0], BL_READABLE), BL_ECANCELED);
        CHECK_ERR(bl_fd_read(ends[0], &byte, 1), BL_ECANCELED);
        CHECK_ERR(bl_fd_write(ends[1], "y", 1), BL_ECANCELED);
    });
    CHECK_EQ(byte, 0);
    CHECK_EQ(bl_fd_read(ends[0], &byte, 1), 1);
    CHECK_EQ(byte, 'x');
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

static int counts_runs(void *arg) {
    count_call(arg);
    return 0;
}

TEST(a_start_is_refused_at_entry_and_spawns_nothing) {
    bl_group group = { 0 };
    int runs = 0;
    REQUIRE_OK(bl_group_enter(&group));
    CANCELLED({
        CHECK_ERR(bl_start(&group, counts_runs, &runs, NULL), BL_ECANCELED);
    });
    CHECK_EQ(bl_group_alive_count(&group), 0);
    CHECK_EQ(bl_group_exit(&group, 0), 0);
    CHECK_EQ(runs, 0);
}

TEST(a_race_is_refused_at_entry_and_runs_nobody) {
    int runs = 0;
    bl_racer racers[] = { { counts_runs, &runs, NULL } };
    CANCELLED({ CHECK_ERR(bl_race(racers, 1, NULL), BL_ECANCELED); });
    CHECK_EQ(runs, 0);
}

TEST(a_thread_job_is_refused_at_entry_and_never_runs) {
    int runs = 0, drops = 0;
    CANCELLED({
        CHECK_ERR(bl_to_thread(counts_runs, &runs), BL_ECANCELED);
        CHECK_ERR(bl_to_thread_owned(counts_runs, &drops, count_call),
                  BL_ECANCELED);
    });
    CHECK_EQ(runs, 0);
    CHECK_EQ(drops, 1); /* by the destructor alone */
}

TEST(misuse_is_noticed_before_cancellation) {
    struct things things;
    things_init(&things);
    REQUIRE_OK(bl_lock_acquire(&things.lock));
    CANCELLED({
        CHECK_ERR(bl_event_wait(NULL), BL_EINVAL);
        CHECK_ERR(bl_lock_acquire(&things.lock), BL_EDEADLK);
        CHECK_ERR(bl_task_join(NULL, NULL), BL_EINVAL);
        CHECK_ERR(bl_task_join(bl_task_current(), NULL), BL_EDEADLK);
        CHECK_ERR(bl_queue_get(&things.queue, NULL), BL_EINVAL);
        CHECK_ERR(bl_future_wait(NULL, NULL), BL_EINVAL);
        CHECK_ERR(bl_race(NULL, 0, NULL), BL_EINVAL);
        CHECK_ERR(bl_start(NULL, kid_returns, NULL, NULL), BL_EINVAL);
        CHECK_ERR(bl_to_thread(NULL, NULL), BL_EINVAL);
        CHECK_ERR(bl_timeout_run(1, NULL, NULL), BL_EINVAL);
    });
    CHECK_EQ(bl_lock_release(&things.lock), 0);
    things_done(&things);
}

TEST(what_never_waits_is_never_refused) {
    struct things things;
    int item = 3;
    things_init(&things);
    CANCELLED({
        CHECK_EQ(bl_lock_try_acquire(&things.lock), 0);
        CHECK_EQ(bl_lock_release(&things.lock), 0);
        CHECK_EQ(bl_sem_release(&things.sem), 0);
        CHECK_EQ(bl_sem_try_acquire(&things.sem), 0);
        CHECK_EQ(bl_queue_try_put(&things.queue, &item), 0);
        CHECK_EQ(bl_queue_try_get(&things.queue, &item), 0);
        CHECK_EQ(bl_queue_task_done(&things.queue), 0);
        CHECK_EQ(bl_future_set(&things.future, 1, NULL), 0);
        CHECK_EQ(bl_future_try_get(&things.future, NULL), 1);
        CHECK_EQ(bl_task_try_join(things.done, NULL), 0);
        bl_event_set(&things.event);
        CHECK(bl_event_is_set(&things.event));
        bl_event_clear(&things.event);
        CHECK_EQ(bl_cond_notify_all(&things.cond), 0);
        bl_barrier_reset(&things.barrier);
        CHECK_EQ(bl_local_set(NULL, NULL), BL_EINVAL);
    });
    things_done(&things);
}

TEST(leaving_a_group_is_never_refused) {
    struct kid kid = { .delay = HOUR, .cleanup = BL_MS(5) };
    bl_group group = { 0 };
    bl_scope scope;
    bl_ns start = bl_now();
    bl_scope_enter(&scope);
    REQUIRE_OK(bl_group_enter(&group));
    CHECK_OK(bl_spawn(&group, kid_run, &kid));
    settle();
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_group_exit(&group, 0), BL_ECANCELED);
    CHECK_EQ(bl_now() - start, BL_MS(5)); /* it waited for the clean-up */
    CHECK(kid.was_cancelled);
    CHECK_EQ(bl_scope_exit(&scope, BL_ECANCELED), 0);
}

/* ---- served or cancelled, in both orders --------------------------------- */

struct wait_case {
    int (*wait)(struct things *things);   /* the waiter's side */
    void (*serve)(struct things *things); /* the body's */
    int served_rc;
    bool (*is_untouched)(struct things *things); /* after a cancelled wait */
};

struct waiter {
    struct things *things;
    int (*wait)(struct things *things);
    int first, second;
};

static int waits_then_looks(void *arg) {
    struct waiter *waiter = arg;
    waiter->first = waiter->wait(waiter->things);
    waiter->second = bl_checkpoint();
    return waiter->second;
}

/* Served, then cancelled in the same turn: the result is kept. */
static void try_served_first(const struct wait_case *wait_case) {
    struct things things;
    struct waiter waiter = { &things, wait_case->wait, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    wait_case->serve(&things);
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(waiter.first, wait_case->served_rc);
    CHECK_ERR(waiter.second, BL_ECANCELED);
    CHECK(bl_task_is_cancelled(task));
    bl_task_unref(task);
    things_done(&things);
}

/* Cancelled, then served in the same turn: it did not happen. */
static void try_cancelled_first(const struct wait_case *wait_case) {
    struct things things;
    struct waiter waiter = { &things, wait_case->wait, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    CHECK(bl_task_cancel(task));
    wait_case->serve(&things);
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_ERR(waiter.first, BL_ECANCELED);
    CHECK_ERR(waiter.second, BL_ECANCELED);
    CHECK(wait_case->is_untouched(&things));
    bl_task_unref(task);
    things_done(&things);
}

static int wait_event(struct things *things) {
    return bl_event_wait(&things->event);
}

static void serve_event(struct things *things) {
    bl_event_set(&things->event);
}

static bool event_is_set(struct things *things) {
    return bl_event_is_set(&things->event);
}

static const struct wait_case event_case = { wait_event, serve_event, 0,
                                             event_is_set };

TEST(an_event_that_was_set_first_is_kept) {
    try_served_first(&event_case);
}

TEST(an_event_that_was_set_too_late_is_not_seen) {
    try_cancelled_first(&event_case);
}

static void serve_event_and_clear(struct things *things) {
    bl_event_set(&things->event);
    bl_event_clear(&things->event);
}

TEST(an_event_that_was_cleared_at_once_has_still_served_its_waiter) {
    struct wait_case cleared = { wait_event, serve_event_and_clear, 0, NULL };
    try_served_first(&cleared);
}

static int wait_sem(struct things *things) {
    return bl_sem_acquire(&things->sem);
}

static void serve_sem(struct things *things) {
    CHECK_EQ(bl_sem_release(&things->sem), 0);
}

static bool sem_has_one(struct things *things) {
    return bl_sem_value(&things->sem) == 1;
}

static const struct wait_case sem_case = { wait_sem, serve_sem, 0,
                                           sem_has_one };

TEST(a_permit_that_was_given_first_is_kept) {
    try_served_first(&sem_case);
}

TEST(a_permit_that_came_too_late_stays_in_the_semaphore) {
    try_cancelled_first(&sem_case);
}

static int wait_get(struct things *things) {
    return bl_queue_get(&things->queue, &things->item);
}

static void serve_get(struct things *things) {
    int item = 41;
    CHECK_EQ(bl_queue_try_put(&things->queue, &item), 0);
}

static bool item_is_still_queued(struct things *things) {
    return bl_queue_count(&things->queue) == 1 && things->item == 0;
}

static const struct wait_case get_case = { wait_get, serve_get, 0,
                                           item_is_still_queued };

TEST(an_item_that_was_handed_over_first_is_kept) {
    try_served_first(&get_case);
}

TEST(an_item_that_came_too_late_stays_in_the_queue) {
    try_cancelled_first(&get_case);
}

static int wait_put(struct things *things) {
    int item = 8;
    return bl_queue_put(&things->full, &item);
}

static void serve_put(struct things *things) {
    CHECK_EQ(bl_queue_try_get(&things->full, &things->item), 0);
}

static bool queue_is_empty(struct things *things) {
    return bl_queue_count(&things->full) == 0;
}

static const struct wait_case put_case = { wait_put, serve_put, 0,
                                           queue_is_empty };

TEST(a_put_that_was_taken_first_is_kept) {
    try_served_first(&put_case);
}

TEST(a_put_that_was_cancelled_first_puts_nothing) {
    try_cancelled_first(&put_case);
}

static int wait_future(struct things *things) {
    return bl_future_wait(&things->future, NULL);
}

static void serve_future(struct things *things) {
    CHECK_EQ(bl_future_set(&things->future, 13, NULL), 0);
}

static bool future_is_set(struct things *things) {
    return bl_future_try_get(&things->future, NULL) == 13;
}

static const struct wait_case future_case = { wait_future, serve_future, 13,
                                              future_is_set };

TEST(a_future_that_was_set_first_is_kept) {
    try_served_first(&future_case);
}

TEST(a_future_that_was_set_too_late_is_not_seen) {
    try_cancelled_first(&future_case);
}

static int wait_select(struct things *things) {
    bl_branch branches[] = {
        bl_on_event(&things->event),
        bl_on_sem(&things->sem),
        bl_on_get(&things->queue, &things->item),
    };
    return bl_select(branches, 3);
}

static const struct wait_case select_case = { wait_select, serve_sem, 1,
                                              sem_has_one };

TEST(a_select_that_committed_first_is_kept) {
    try_served_first(&select_case);
}

TEST(a_select_that_was_cancelled_first_commits_nothing) {
    try_cancelled_first(&select_case);
}

/* ---- those that need hands on both sides --------------------------------- */

static int acquires_and_releases(struct things *things) {
    int rc = bl_lock_acquire(&things->lock);
    if (rc == 0) CHECK_EQ(bl_lock_release(&things->lock), 0);
    return rc;
}

TEST(a_lock_that_was_handed_over_first_is_kept) {
    struct things things;
    struct waiter waiter = { &things, acquires_and_releases, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_lock_acquire(&things.lock));
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    CHECK_EQ(bl_lock_release(&things.lock), 0);
    CHECK(bl_lock_is_held(&things.lock)); /* the waiter has it already */
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(waiter.first, 0);
    CHECK_ERR(waiter.second, BL_ECANCELED);
    CHECK(!bl_lock_is_held(&things.lock));
    bl_task_unref(task);
    things_done(&things);
}

TEST(a_lock_that_was_released_too_late_goes_to_the_next_in_line) {
    struct things things;
    struct waiter first = { &things, acquires_and_releases, 99, 99 };
    struct waiter second = first;
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_lock_acquire(&things.lock));
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &first, &task));
    CHECK_OK(bl_spawn(&things.group, waits_then_looks, &second));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_lock_release(&things.lock), 0);
    CHECK_EQ(bl_task_join(task, NULL), 0);
    settle();
    CHECK_ERR(first.first, BL_ECANCELED);
    CHECK_EQ(second.first, 0);
    CHECK_EQ(second.second, 0);
    bl_task_unref(task);
    things_done(&things);
}

static int waits_for_cond(struct things *things) {
    int rc = bl_lock_acquire(&things->lock);
    if (rc < 0) return rc;
    rc = bl_cond_wait(&things->cond, &things->lock);
    CHECK_ERR(bl_lock_try_acquire(&things->lock), BL_EDEADLK); /* held */
    CHECK_EQ(bl_lock_release(&things->lock), 0);
    return rc;
}

static void serve_cond(struct things *things) {
    CHECK_EQ(bl_cond_notify(&things->cond, 1), 1);
}

TEST(a_notification_that_came_first_is_kept) {
    struct wait_case cond_case = { waits_for_cond, serve_cond, 0, NULL };
    try_served_first(&cond_case);
}

TEST(a_condition_cancelled_first_returns_with_the_lock_held) {
    struct things things;
    struct waiter waiter = { &things, waits_for_cond, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_cond_notify(&things.cond, 1), 0); /* nobody waits any more */
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_ERR(waiter.first, BL_ECANCELED);
    bl_task_unref(task);
    things_done(&things);
}

static int waits_at_barrier(struct things *things) {
    return bl_barrier_wait(&things->barrier);
}

TEST(a_barrier_that_tripped_first_is_kept) {
    struct things things;
    struct waiter waiter = { &things, waits_at_barrier, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    CHECK_EQ(bl_barrier_wait(&things.barrier), 1);
    CHECK(bl_task_cancel(task));
    bl_barrier_abort(&things.barrier); /* too late to change anything */
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(waiter.first, 0);
    CHECK_ERR(waiter.second, BL_ECANCELED);
    bl_task_unref(task);
    things_done(&things);
}

TEST(a_barrier_cancelled_first_loses_a_party_and_does_not_break) {
    struct things things;
    struct waiter waiter = { &things, waits_at_barrier, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_ERR(waiter.first, BL_ECANCELED);
    CHECK_EQ(bl_barrier_waiting(&things.barrier), 0);
    CHECK(!bl_barrier_is_broken(&things.barrier));
    bl_task_unref(task);
    things_done(&things);
}

static int joins_alive(struct things *things) {
    return bl_task_join(things->alive, NULL);
}

static void serve_join(struct things *things) {
    bl_event_set(&things->finish);
    settle(); /* the task ends; its joiner is ready, but has not run */
}

TEST(a_join_that_was_complete_is_kept, .tags = "order") {
    struct things things;
    struct waiter waiter = { &things, joins_alive, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    bl_event_set(&things.finish);
    CHECK_EQ(bl_yield(), 0); /* `alive` has ended and woken its joiner */
    CHECK(bl_task_is_done(things.alive));
    CHECK_EQ(waiter.first, 99);
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(waiter.first, 0);
    CHECK_ERR(waiter.second, BL_ECANCELED);
    bl_task_unref(task);
    things_done(&things);
}

TEST(a_join_that_was_cancelled_leaves_the_task_alone) {
    struct things things;
    struct waiter waiter = { &things, joins_alive, 99, 99 };
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &waiter, &task));
    settle();
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_ERR(waiter.first, BL_ECANCELED);
    CHECK(!bl_task_is_done(things.alive));
    serve_join(&things);
    CHECK(bl_task_is_done(things.alive));
    CHECK(!bl_task_is_cancelled(things.alive));
    bl_task_unref(task);
    things_done(&things);
}

/* ---- cancel and retry ---------------------------------------------------- */

static int retries_after_cancel(void *arg) {
    struct things *things = arg;
    bl_scope scope;
    bl_scope_enter_move_on(&scope, BL_MS(1));
    CHECK_EQ(bl_scope_exit(&scope, bl_queue_get(&things->queue, &things->item)),
             0);
    CHECK(bl_scope_is_expired(&scope));
    return bl_queue_get(&things->queue, &things->item); /* at once, again */
}

TEST(a_wait_repeated_right_after_its_cancellation_is_served_once) {
    struct things things;
    things_init(&things);
    CHECK_OK(bl_spawn(&things.group, retries_after_cancel, &things));
    CHECK_EQ(bl_sleep(BL_MS(5)), 0);
    serve_get(&things);
    settle();
    CHECK_EQ(things.item, 41);
    CHECK_EQ(bl_queue_count(&things.queue), 0);
    things_done(&things);
}

TEST(a_descriptor_read_again_right_after_its_cancellation_is_served_once) {
    int ends[2];
    char byte = 0;
    bl_scope scope;
    REQUIRE_EQ(pipe(ends), 0);
    bl_scope_enter_move_on(&scope, BL_MS(1));
    CHECK_EQ(bl_scope_exit(&scope, (int)bl_fd_read(ends[0], &byte, 1)), 0);
    CHECK(bl_scope_is_expired(&scope));
    REQUIRE_EQ(write(ends[1], "z", 1), 1);
    CHECK_EQ(bl_fd_read(ends[0], &byte, 1), 1);
    CHECK_EQ(byte, 'z');
    CHECK_EQ(close(ends[0]), 0);
    CHECK_EQ(close(ends[1]), 0);
}

/* ---- one after the other woken, then cancelled --------------------------- */

TEST(a_permit_given_to_a_cancelled_task_is_not_lost, .tags = "order") {
    struct things things;
    struct waiter first = { &things, wait_sem, 99, 99 };
    struct waiter second = first;
    bl_task *task = NULL;
    things_init(&things);
    REQUIRE_OK(bl_spawn_task(&things.group, waits_then_looks, &first, &task));
    CHECK_OK(bl_spawn(&things.group, waits_then_looks, &second));
    settle();
    serve_sem(&things);
    CHECK(bl_task_cancel(task));
    CHECK_EQ(bl_task_join(task, NULL), 0);
    CHECK_EQ(first.first, 0); /* it has the permit, and knows it */
    CHECK_EQ(second.first, 99);
    serve_sem(&things);
    settle();
    CHECK_EQ(second.first, 0);
    bl_task_unref(task);
    things_done(&things);
}
