/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_queue.c - queues: every item in exactly one place, at any
 * time
 *
 *     Legs: valgrind sweep
 */
#include "sync/callers.h"

#include <signal.h>
#include <string.h>

/* A task that puts or gets one item. */
struct deal {
    bl_queue *queue;
    int item;
};

static int put(void *arg) {
    struct deal *deal = arg;
    return bl_queue_put(deal->queue, &deal->item);
}

static int get(void *arg) {
    struct deal *deal = arg;
    return bl_queue_get(deal->queue, &deal->item);
}

static int try_put(void *arg) {
    struct deal *deal = arg;
    return bl_queue_try_put(deal->queue, &deal->item);
}

static int try_get(void *arg) {
    struct deal *deal = arg;
    return bl_queue_try_get(deal->queue, &deal->item);
}

static int join(void *queue) {
    return bl_queue_join(queue);
}

static int task_done(void *queue) {
    return bl_queue_task_done(queue);
}

static int shut_down(void *queue) {
    bl_queue_shutdown(queue);
    return 0;
}

/* A queue of integers that is freed with its block. */
#define QUEUE(name, capacity)                         \
    bl_queue name BL__CLEANUP(bl_queue_done) = { 0 }; \
    REQUIRE_OK(bl_queue_init(&name, sizeof(int), (capacity)))

static int put_now(bl_queue *queue, int item) {
    return bl_queue_try_put(queue, &item);
}

/* The oldest item, or what stood in the way. */
static int get_now(bl_queue *queue) {
    int item;
    int rc = bl_queue_try_get(queue, &item);
    return rc < 0 ? rc : item;
}

/* ---- the ring ------------------------------------------------------------ */

TEST(items_come_out_in_the_order_they_went_in) {
    QUEUE(queue, 3);
    CHECK_EQ(bl_queue_capacity(&queue), 3);
    for (int turn = 0; turn < 5; turn++) {
        CHECK_OK(put_now(&queue, 10 * turn));
        CHECK_OK(put_now(&queue, 10 * turn + 1));
        CHECK_EQ(bl_queue_count(&queue), 2);
        CHECK_EQ(get_now(&queue), 10 * turn);
        CHECK_EQ(get_now(&queue), 10 * turn + 1);
        CHECK_EQ(bl_queue_count(&queue), 0);
    }
}

TEST(a_full_and_an_empty_queue_can_be_tried) {
    QUEUE(queue, 2);
    CHECK_NO_CHECKPOINTS {
        CHECK_ERR(get_now(&queue), BL_EAGAIN);
        CHECK_OK(put_now(&queue, 1));
        CHECK_OK(put_now(&queue, 2));
        CHECK_ERR(put_now(&queue, 3), BL_EAGAIN);
        CHECK_EQ(get_now(&queue), 1);
        CHECK_EQ(get_now(&queue), 2);
        CHECK_ERR(get_now(&queue), BL_EAGAIN);
    }
}

TEST(a_put_or_get_that_need_not_wait_does_not_switch, .tags = "order") {
    QUEUE(queue, 2);
    int item = 7;
    uint64_t before = resumes();
    CHECK_OK(bl_queue_put(&queue, &item));
    CHECK_OK(bl_queue_put(&queue, &item));
    CHECK_OK(bl_queue_get(&queue, &item));
    CHECK_OK(bl_queue_get(&queue, &item));
    CHECK_EQ(resumes(), before);
}

TEST(items_of_every_size_are_copied_whole) {
    static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 100 };
    unsigned char in[100];
    unsigned char out[102];
    for (size_t i = 0; i < sizeof(in); i++)
        in[i] = (unsigned char)(i + 1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bl_queue queue BL__CLEANUP(bl_queue_done) = { 0 };
        REQUIRE_OK(bl_queue_init(&queue, sizes[i], 2));
        memset(out, 0, sizeof(out));
        CHECK_OK(bl_queue_try_put(&queue, in));
        CHECK_OK(bl_queue_try_put(&queue, in));
        CHECK_OK(bl_queue_try_get(&queue, out + 1));
        CHECK_MEM(out + 1, sizes[i], in, sizes[i]);
        CHECK_EQ(out[0], 0);
        CHECK_EQ(out[sizes[i] + 1], 0);
    }
}

TEST(an_unbounded_queue_grows_and_keeps_the_order) {
    enum {
        MANY = 1000
    };
    QUEUE(queue, BL_QUEUE_UNBOUNDED);
    CHECK_EQ(bl_queue_capacity(&queue), BL_QUEUE_UNBOUNDED);
    int next_in = 0;
    int next_out = 0;
    for (int i = 0; i < MANY; i++) { /* in by two, out by one: it wraps */
        CHECK_OK(put_now(&queue, next_in++));
        CHECK_OK(put_now(&queue, next_in++));
        CHECK_EQ(get_now(&queue), next_out++);
    }
    CHECK_EQ(bl_queue_count(&queue), MANY);
    while (next_out < next_in)
        CHECK_EQ(get_now(&queue), next_out++);
    CHECK_ERR(get_now(&queue), BL_EAGAIN);
}

/* ---- hand-over ----------------------------------------------------------- */

TEST(getters_are_served_in_the_order_they_came, .tags = "order") {
    QUEUE(queue, 2);
    struct deal deals[] = { { &queue, 0 }, { &queue, 0 }, { &queue, 0 } };
    struct caller callers[] = { calls_as("a", get, &deals[0]),
                                calls_as("b", get, &deals[1]),
                                calls_as("c", get, &deals[2]) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    for (int i = 1; i <= 3; i++)
        CHECK_OK(put_now(&queue, i));
    CHECK_EQ(bl_queue_count(&queue), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b c");
    for (int i = 0; i < 3; i++)
        CHECK_EQ(deals[i].item, i + 1);
}

TEST(putters_are_served_in_the_order_they_came, .tags = "order") {
    QUEUE(queue, 1);
    struct deal deals[] = { { &queue, 2 }, { &queue, 3 } };
    struct caller callers[] = { calls_as("a", put, &deals[0]),
                                calls_as("b", put, &deals[1]) };
    CHECK_OK(put_now(&queue, 1));
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(get_now(&queue), 1);
    CHECK_EQ(bl_queue_count(&queue), 1);
    CHECK_EQ(get_now(&queue), 2);
    CHECK_EQ(get_now(&queue), 3);
    CHECK_ERR(get_now(&queue), BL_EAGAIN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_STR(notes(), "a b");
}

TEST(an_item_goes_to_the_getter_and_to_nobody_who_comes_then) {
    QUEUE(queue, 1);
    struct deal deal = { &queue, 0 };
    struct caller caller = calls(get, &deal);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_OK(put_now(&queue, 5));
    CHECK_ERR(get_now(&queue), BL_EAGAIN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
    CHECK_EQ(deal.item, 5);
}

TEST(a_freed_slot_goes_to_the_putter_and_to_nobody_who_comes_then) {
    QUEUE(queue, 1);
    struct deal deal = { &queue, 2 };
    struct caller caller = calls(put, &deal);
    CHECK_OK(put_now(&queue, 1));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(get_now(&queue), 1);
    CHECK_ERR(put_now(&queue, 3), BL_EAGAIN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(get_now(&queue), 2);
}

TEST(loop_callbacks_may_try) {
    QUEUE(queue, 1);
    struct deal deal = { &queue, 9 };
    CHECK_EQ(in_callback(try_put, &deal), 0);
    CHECK_ERR(in_callback(try_put, &deal), BL_EAGAIN);
    deal.item = 0;
    CHECK_EQ(in_callback(try_get, &deal), 0);
    CHECK_EQ(deal.item, 9);
    CHECK_ERR(in_callback(try_get, &deal), BL_EAGAIN);
}

TEST(it_can_be_filled_before_there_is_a_loop_to_empty_it) {
    QUEUE(queue, 2);
    struct deal deal = { &queue, 3 };
    CHECK_EQ(without_loop(try_put, &deal), 0);
    deal.item = 0;
    CHECK_EQ(in_other_loop(get, &deal), 0);
    CHECK_EQ(deal.item, 3);
}

/* ---- cancellation -------------------------------------------------------- */

TEST(a_getter_that_is_cancelled_takes_nothing) {
    QUEUE(queue, 1);
    struct deal deals[] = { { &queue, -1 }, { &queue, -1 } };
    struct caller callers[] = { calls(get, &deals[0]), calls(get, &deals[1]) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    CHECK_OK(put_now(&queue, 1));
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(deals[0].item, -1);
    CHECK_EQ(callers[1].rc, 0);
    CHECK_EQ(deals[1].item, 1);
}

TEST(a_getter_that_has_its_item_keeps_it) {
    QUEUE(queue, 1);
    struct deal deals[] = { { &queue, -1 }, { &queue, -1 } };
    struct caller callers[] = { calls(get, &deals[0]), calls(get, &deals[1]) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_OK(put_now(&queue, 1));
    caller_cancel(&callers[0]);
    caller_cancel(&callers[1]);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(deals[0].item, 1);
    CHECK_ERR(callers[0].after_rc, BL_ECANCELED);
    CHECK_ERR(callers[1].rc, BL_ECANCELED);
    CHECK_EQ(deals[1].item, -1);
}

TEST(a_putter_that_is_cancelled_puts_nothing) {
    QUEUE(queue, 1);
    struct deal deals[] = { { &queue, 2 }, { &queue, 3 } };
    struct caller callers[] = { calls(put, &deals[0]), calls(put, &deals[1]) };
    CHECK_OK(put_now(&queue, 1));
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    CHECK_EQ(get_now(&queue), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_EQ(callers[1].rc, 0);
    CHECK_EQ(get_now(&queue), 3);
    CHECK_ERR(get_now(&queue), BL_EAGAIN);
}

TEST(a_putter_whose_slot_was_freed_has_put) {
    QUEUE(queue, 1);
    struct deal deal = { &queue, 2 };
    struct caller caller = calls(put, &deal);
    CHECK_OK(put_now(&queue, 1));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(get_now(&queue), 1);
    caller_cancel(&caller);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
    CHECK_ERR(caller.after_rc, BL_ECANCELED);
    CHECK_EQ(get_now(&queue), 2);
}

TEST(in_a_cancelled_scope_nothing_changes_hands) {
    QUEUE(queue, 2);
    struct deal deal = { &queue, 2 };
    CHECK_OK(put_now(&queue, 1));
    CHECK_ERR(in_cancelled_scope(put, &deal), BL_ECANCELED);
    CHECK_ERR(in_cancelled_scope(get, &deal), BL_ECANCELED);
    CHECK_ERR(in_cancelled_scope(join, &queue), BL_ECANCELED);
    CHECK_EQ(bl_queue_count(&queue), 1);
    CHECK_EQ(deal.item, 2);
    CHECK_EQ(in_cancelled_scope(try_put, &deal), 0);
    CHECK_EQ(in_cancelled_scope(try_get, &deal), 0);
    CHECK_EQ(deal.item, 1);
}

TEST(a_get_with_a_limit_leaves_the_line) {
    QUEUE(queue, 1);
    int item = -1;
    TAKES(SEC(1)) {
        CHECK_ERR(bl_wait_for(bl_queue_get(&queue, &item), SEC(1)),
                  BL_ETIMEDOUT);
    }
    CHECK_OK(put_now(&queue, 1));
    CHECK_EQ(bl_queue_count(&queue), 1);
    CHECK_EQ(item, -1);
}

/* ---- shutdown ------------------------------------------------------------ */

TEST(after_a_shutdown_puts_fail_and_gets_drain) {
    QUEUE(queue, 3);
    struct deal deal = { &queue, 9 };
    CHECK_OK(put_now(&queue, 1));
    CHECK_OK(put_now(&queue, 2));
    CHECK(!bl_queue_is_shut_down(&queue));
    bl_queue_shutdown(&queue);
    bl_queue_shutdown(&queue);
    CHECK(bl_queue_is_shut_down(&queue));
    CHECK_ERR(put(&deal), BL_ESHUTDOWN);
    CHECK_ERR(try_put(&deal), BL_ESHUTDOWN);
    CHECK_EQ(get(&deal), 0);
    CHECK_EQ(deal.item, 1);
    CHECK_EQ(get_now(&queue), 2);
    CHECK_ERR(get(&deal), BL_ESHUTDOWN);
    CHECK_ERR(try_get(&deal), BL_ESHUTDOWN);
    CHECK_EQ(deal.item, 1);
}

TEST(a_shutdown_sends_putters_away_with_their_items) {
    QUEUE(queue, 1);
    struct deal deals[] = { { &queue, 2 }, { &queue, 3 } };
    struct caller callers[] = { calls(put, &deals[0]), calls(put, &deals[1]) };
    CHECK_OK(put_now(&queue, 1));
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    bl_queue_shutdown(&queue);
    CHECK_EQ(get_now(&queue), 1);
    CHECK_ERR(get_now(&queue), BL_ESHUTDOWN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ESHUTDOWN);
    CHECK_ERR(callers[1].rc, BL_ESHUTDOWN);
}

TEST(a_shutdown_sends_getters_away) {
    QUEUE(queue, 1);
    struct deal deals[] = { { &queue, -1 }, { &queue, -1 } };
    struct caller callers[] = { calls(get, &deals[0]), calls(get, &deals[1]) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_OK(put_now(&queue, 1));
    bl_queue_shutdown(&queue);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(deals[0].item, 1);
    CHECK_ERR(callers[1].rc, BL_ESHUTDOWN);
}

TEST(a_getter_that_was_sent_away_is_not_cancelled_as_well) {
    QUEUE(queue, 1);
    struct deal deal = { &queue, -1 };
    struct caller caller = calls(get, &deal);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    bl_queue_shutdown(&queue);
    caller_cancel(&caller);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ESHUTDOWN);
    CHECK_ERR(caller.after_rc, BL_ECANCELED);
}

static int dropped_sum;
static int dropped_count;

static void drop_item(void *item) {
    dropped_sum = 10 * dropped_sum + *(int *)item;
    dropped_count++;
}

TEST(a_shutdown_now_drops_what_is_inside_in_order) {
    QUEUE(queue, 3);
    struct deal deal = { &queue, 4 };
    struct caller caller = calls(put, &deal);
    CHECK_OK(put_now(&queue, 7));
    CHECK_EQ(get_now(&queue), 7);
    for (int i = 1; i <= 3; i++)
        CHECK_OK(put_now(&queue, i));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    bl_queue_shutdown_now(&queue, drop_item);
    CHECK_EQ(dropped_sum, 123);
    CHECK_EQ(bl_queue_count(&queue), 0);
    CHECK_ERR(get_now(&queue), BL_ESHUTDOWN);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ESHUTDOWN);
}

TEST(a_shutdown_now_needs_no_destructor_and_may_follow_a_shutdown) {
    QUEUE(queue, 3);
    CHECK_OK(put_now(&queue, 1));
    bl_queue_shutdown(&queue);
    CHECK_EQ(bl_queue_count(&queue), 1);
    bl_queue_shutdown_now(&queue, NULL);
    bl_queue_shutdown_now(&queue, drop_item);
    CHECK_EQ(bl_queue_count(&queue), 0);
    CHECK_EQ(dropped_count, 0);
}

/* A destructor that waits: while it does, others find the queue whole. */
static bl_queue *slow_queue;

static void drop_slowly(void *item) {
    dropped_sum += *(int *)item;
    CHECK_OK(bl_sleep(SEC(1)));
    CHECK_EQ(bl_queue_task_done(slow_queue), 0); /* of the one got below */
}

TEST(a_destructor_may_use_the_queue) {
    QUEUE(queue, 3);
    slow_queue = &queue;
    struct deal deal = { &queue, -1 };
    struct caller joiner = calls(join, &queue);
    for (int i = 1; i <= 3; i++)
        CHECK_OK(put_now(&queue, i));
    CHECK_EQ(get_now(&queue), 1);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &joiner, 1);
    struct caller getter = calls(get, &deal);
    CHECK_OK(bl_spawn(&group, caller_run, &getter));
    bl_queue_shutdown_now(&queue, drop_slowly);
    CHECK_EQ(dropped_sum, 2);
    CHECK_EQ(getter.rc, 0);
    CHECK_EQ(deal.item, 3);
    CHECK_EQ(bl_queue_task_done(&queue), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(joiner.rc, 0);
    CHECK_ERR(bl_queue_task_done(&queue), BL_EOVERFLOW);
}

/* ---- unfinished work ----------------------------------------------------- */

TEST(an_empty_queue_is_joined_at_once, .tags = "order") {
    QUEUE(queue, 1);
    uint64_t before = resumes();
    CHECK_EQ(bl_queue_join(&queue), 0);
    CHECK_EQ(resumes(), before);
}

TEST(a_join_waits_until_the_work_for_every_item_is_done) {
    QUEUE(queue, 3);
    struct caller callers[] = { calls(join, &queue), calls(join, &queue) };
    CHECK_OK(put_now(&queue, 1));
    CHECK_OK(put_now(&queue, 2));
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    CHECK_EQ(get_now(&queue), 1);
    CHECK_EQ(get_now(&queue), 2);
    CHECK_EQ(bl_queue_task_done(&queue), 0);
    settle();
    CHECK(!callers[0].is_done);
    CHECK_EQ(bl_queue_task_done(&queue), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[0].rc, 0);
    CHECK_EQ(callers[1].rc, 0);
}

TEST(an_item_that_is_handed_over_is_counted_like_any_other) {
    QUEUE(queue, 1);
    struct deal deals[] = { { &queue, -1 }, { &queue, 2 } };
    struct caller getter = calls(get, &deals[0]);
    struct caller putter = calls(put, &deals[1]);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &getter, 1);
    CHECK_OK(put_now(&queue, 0)); /* to the getter */
    CHECK_OK(put_now(&queue, 1));
    callers_start(&group, &putter, 1);
    CHECK_EQ(get_now(&queue), 1); /* lets the putter in */
    for (int i = 0; i < 3; i++)
        CHECK_EQ(bl_queue_task_done(&queue), 0);
    CHECK_ERR(bl_queue_task_done(&queue), BL_EOVERFLOW);
    REQUIRE_OK(bl_group_exit(&group, 0));
}

TEST(what_was_dropped_counts_as_done) {
    QUEUE(queue, 3);
    struct caller joiner = calls(join, &queue);
    for (int i = 1; i <= 3; i++)
        CHECK_OK(put_now(&queue, i));
    CHECK_EQ(get_now(&queue), 1);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &joiner, 1);
    bl_queue_shutdown(&queue);
    settle();
    CHECK(!joiner.is_done);
    bl_queue_shutdown_now(&queue, NULL);
    settle();
    CHECK(!joiner.is_done); /* one item is in our hands */
    CHECK_EQ(bl_queue_task_done(&queue), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(joiner.rc, 0);
}

TEST(work_that_was_called_done_too_early_does_no_harm) {
    QUEUE(queue, 1);
    CHECK_OK(put_now(&queue, 1));
    CHECK_EQ(bl_queue_task_done(&queue), 0);
    CHECK_ERR(bl_queue_task_done(&queue), BL_EOVERFLOW);
    bl_queue_shutdown_now(&queue, NULL);
    CHECK_EQ(bl_queue_join(&queue), 0);
}

TEST(a_join_can_be_cancelled) {
    QUEUE(queue, 1);
    struct caller joiner = calls(join, &queue);
    CHECK_OK(put_now(&queue, 1));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &joiner, 1);
    caller_cancel(&joiner);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(joiner.rc, BL_ECANCELED);
}

/* ---- the wrong argument, the wrong place --------------------------------- */

TEST(a_queue_is_made_for_something) {
    bl_queue queue = { 0 };
    CHECK_ERR(bl_queue_init(NULL, 4, 1), BL_EINVAL);
    CHECK_ERR(bl_queue_init(&queue, 0, 1), BL_EINVAL);
    CHECK_ERR(bl_queue_init(&queue, 4, 0), BL_EINVAL);
    CHECK_ERR(bl_queue_init(&queue, 4, SIZE_MAX / 2), BL_EINVAL);
    CHECK_ERR(bl_queue_init(&queue, SIZE_MAX, 2), BL_EINVAL);
    bl_queue_done(NULL);
    bl_queue_done(&queue);
}

TEST(a_queue_and_an_item_are_needed) {
    QUEUE(queue, 1);
    bl_queue never_made = { 0 };
    int item = 0;
    CHECK_ERR(bl_queue_put(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_queue_get(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_queue_try_put(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_queue_try_get(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_queue_put(&queue, NULL), BL_EINVAL);
    CHECK_ERR(bl_queue_get(&queue, NULL), BL_EINVAL);
    CHECK_ERR(bl_queue_try_put(&queue, NULL), BL_EINVAL);
    CHECK_ERR(bl_queue_try_get(&queue, NULL), BL_EINVAL);
    CHECK_ERR(bl_queue_put(&never_made, &item), BL_EINVAL);
    CHECK_ERR(bl_queue_get(&never_made, &item), BL_EINVAL);
    CHECK_ERR(bl_queue_try_put(&never_made, &item), BL_EINVAL);
    CHECK_ERR(bl_queue_try_get(&never_made, &item), BL_EINVAL);
    CHECK_ERR(join(NULL), BL_EINVAL);
    CHECK_ERR(join(&never_made), BL_EINVAL);
    CHECK_ERR(task_done(NULL), BL_EINVAL);
    CHECK_ERR(task_done(&never_made), BL_EINVAL);
}

TEST(a_wait_says_where_it_cannot_be_made) {
    QUEUE(queue, 2);
    struct deal deal = { &queue, 1 };
    CHECK_ERR(without_loop(put, &deal), BL_ENOLOOP);
    CHECK_ERR(without_loop(get, &deal), BL_ENOLOOP);
    CHECK_ERR(without_loop(join, &queue), BL_ENOLOOP);
    CHECK_ERR(in_callback(put, &deal), BL_ENOTASK);
    CHECK_ERR(in_callback(get, &deal), BL_ENOTASK);
    CHECK_ERR(in_callback(join, &queue), BL_ENOTASK);
    CHECK_EQ(bl_queue_count(&queue), 0);
}

TEST(another_loop_is_refused_by_every_call) {
    QUEUE(queue, 2);
    struct deal deal = { &queue, 1 };
    CHECK_EQ(put(&deal), 0);
    CHECK_ERR(in_other_loop(put, &deal), BL_ETHREAD);
    CHECK_ERR(in_other_loop(get, &deal), BL_ETHREAD);
    CHECK_ERR(in_other_loop(try_put, &deal), BL_ETHREAD);
    CHECK_ERR(in_other_loop(try_get, &deal), BL_ETHREAD);
    CHECK_ERR(in_other_loop(join, &queue), BL_ETHREAD);
    CHECK_ERR(in_other_loop(task_done, &queue), BL_ETHREAD);
    CHECK_ERR(without_loop(try_put, &deal), BL_ETHREAD);
    CHECK_ERR(without_loop(try_get, &deal), BL_ETHREAD);
    CHECK_EQ(bl_queue_count(&queue), 1);
}

TEST(another_loop_that_would_wake_a_getter_ends_the_process, .signal = SIGABRT,
     .output = "this queue belongs to another loop", .may_leak = true) {
    QUEUE(queue, 1);
    struct deal deal = { &queue, -1 };
    struct caller caller = calls(get, &deal);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(in_other_loop(shut_down, &queue), 0);
}

TEST(a_queue_on_which_somebody_waits_is_not_freed, .signal = SIGABRT,
     .may_leak = true) {
    QUEUE(queue, 1);
    struct deal deal = { &queue, -1 };
    struct caller caller = calls(get, &deal);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    bl_queue_done(&queue);
}

/* ---- no memory ----------------------------------------------------------- */

static void *alloc_nothing(void *context, size_t bytes) {
    (void)context;
    (void)bytes;
    return NULL;
}

static void *resize_nothing(void *context, void *memory, size_t bytes) {
    (void)context;
    (void)memory;
    (void)bytes;
    return NULL;
}

static void free_nothing(void *context, void *memory) {
    (void)context;
    (void)memory;
}

static const bl_allocator no_memory = { alloc_nothing, resize_nothing,
                                        free_nothing, NULL };

TEST(a_queue_that_cannot_be_made_is_not_made) {
    bl_queue queue = { 0 };
    bl_allocator before;
    bl_allocator_get(&before);
    bl_allocator_set(&no_memory);
    int rc = bl_queue_init(&queue, 4, 16);
    bl_allocator_set(&before);
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_ERR(put_now(&queue, 1), BL_EINVAL);
}

TEST(a_queue_that_cannot_grow_stays_as_it_was) {
    QUEUE(queue, BL_QUEUE_UNBOUNDED);
    struct deal deal = { &queue, 0 };
    int rc = 0;
    int count = 0;
    bl_allocator before;
    bl_allocator_get(&before);
    bl_allocator_set(&no_memory);
    while (rc == 0 && count < 1000) {
        deal.item = count;
        rc = try_put(&deal);
        if (rc == 0) count++;
    }
    int put_rc = put(&deal);
    bl_allocator_set(&before);
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_ERR(put_rc, BL_ENOMEM);
    CHECK_EQ(bl_queue_count(&queue), count);
    CHECK_OK(put_now(&queue, count));
    for (int i = 0; i <= count; i++)
        CHECK_EQ(get_now(&queue), i);
    CHECK_ERR(get_now(&queue), BL_EAGAIN);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    PUTTERS = 3,
    GETTERS = 3,
    ITEMS = 4
};

/* Where the items went: item i was put if put[i], got as often as got[i]. */
struct market {
    bl_queue queue;
    int next;
    bool was_put[PUTTERS * ITEMS];
    int got[PUTTERS * ITEMS];
};

static int put_some(void *arg) {
    struct market *market = arg;
    for (int i = 0; i < ITEMS; i++) {
        int item = market->next++;
        int rc = bl_queue_put(&market->queue, &item);
        if (rc < 0) return rc;
        market->was_put[item] = true;
    }
    return 0;
}

static int get_all(void *arg) {
    struct market *market = arg;
    for (;;) {
        int item = -1;
        int rc = bl_queue_get(&market->queue, &item);
        CHECK_ALWAYS((rc < 0) == (item == -1));
        if (rc < 0) return rc;
        market->got[item]++;
    }
}

static void check_market(size_t capacity) {
    struct market market = { .next = 0 };
    int rc = bl_queue_init(&market.queue, sizeof(int), capacity);
    if (rc < 0) return;

    struct caller callers[PUTTERS + GETTERS];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < PUTTERS + GETTERS; i++) {
        callers[i] = calls(i < PUTTERS ? put_some : get_all, &market);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    BL_IGNORE(bl_yield()); /* may be cancelled */
    caller_cancel(&callers[0]);
    caller_cancel(&callers[PUTTERS]);
    BL_IGNORE(bl_sleep(SEC(1))); /* as above */
    bl_queue_shutdown(&market.queue);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */

    int item;
    while (bl_queue_try_get(&market.queue, &item) == 0)
        market.got[item]++;
    for (int i = 0; i < PUTTERS * ITEMS; i++) {
        CHECK_ALWAYS(market.got[i] == (market.was_put[i] ? 1 : 0));
    }
    bl_queue_done(&market.queue);
}

PARAM(size_t, capacity, 1, 2, BL_QUEUE_UNBOUNDED);

TEST(items_survive_every_cancellation, (capacity), .sweep = T_CANCEL | T_OOM) {
    check_market(capacity);
}

TEST(items_survive_every_order, (capacity), .schedules = 300) {
    check_market(capacity);
}
