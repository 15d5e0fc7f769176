/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_channel.c - channels: every item in exactly one place, on
 * whatever thread
 *
 * What a channel promises to a task is shown on one loop.  What it promises
 * across threads is shown twice: in the order in which it matters, with a
 * thread that is waited for, and at random between four loops.
 *
 *     Legs: sweep threads
 */
#include "sync/callers.h"

#include <pthread.h>
#include <stdatomic.h>

#include "support/famine.h"

/* One who puts or gets one item. */
struct deal {
    bl_channel *channel;
    int item;
    int rc; /* of a call made by a thread */
};

static struct deal deal_of(bl_channel *channel, int item) {
    return (struct deal){ .channel = channel, .item = item };
}

static int put(void *arg) {
    struct deal *deal = arg;
    return bl_channel_put(deal->channel, &deal->item);
}

static int get(void *arg) {
    struct deal *deal = arg;
    return bl_channel_get(deal->channel, &deal->item);
}

static int try_get(void *arg) {
    struct deal *deal = arg;
    return bl_channel_try_get(deal->channel, &deal->item);
}

static int thread_put(void *arg) {
    struct deal *deal = arg;
    return bl_thread_channel_put(deal->channel, &deal->item);
}

static int thread_get(void *arg) {
    struct deal *deal = arg;
    return bl_thread_channel_get(deal->channel, &deal->item);
}

static void unref(bl_channel **channel) {
    bl_channel_unref(*channel);
}

/* A channel of integers that is freed with its block. */
#define CHANNEL(name, capacity)                 \
    bl_channel *name BL__CLEANUP(unref) = NULL; \
    REQUIRE_OK(bl_channel_new(sizeof(int), (capacity), &name))

static int put_now(bl_channel *channel, int item) {
    return bl_channel_try_put(channel, &item);
}

static int get_now(bl_channel *channel) {
    int item = -1;
    CHECK_OK(bl_channel_try_get(channel, &item));
    return item;
}

/* ---- on one loop --------------------------------------------------------- */

TEST(what_was_put_first_is_got_first) {
    CHANNEL(channel, 3);
    for (int round = 0; round < 5; round++) { /* the ring goes round */
        CHECK_OK(put_now(channel, 1));
        CHECK_OK(put_now(channel, 2));
        CHECK_EQ(get_now(channel), 1);
        CHECK_EQ(get_now(channel), 2);
    }
    CHECK_EQ(bl_channel_count(channel), 0);
    CHECK_EQ(bl_channel_capacity(channel), 3);
}

TEST(a_full_and_an_empty_channel_can_be_tried) {
    CHANNEL(channel, 1);
    int item = 7;
    CHECK_ERR(bl_channel_try_get(channel, &item), BL_EAGAIN);
    CHECK_OK(bl_channel_try_put(channel, &item));
    CHECK_ERR(bl_channel_try_put(channel, &item), BL_EAGAIN);
    CHECK_EQ(bl_channel_count(channel), 1);
}

TEST(getters_are_served_in_the_order_they_came) {
    CHANNEL(channel, 1);
    struct deal deals[3] = { deal_of(channel, -1), deal_of(channel, -1),
                             deal_of(channel, -1) };
    struct caller callers[3];
    for (int i = 0; i < 3; i++)
        callers[i] = calls(get, &deals[i]);
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    for (int i = 0; i < 3; i++)
        CHECK_OK(put_now(channel, 10 + i));
    CHECK_EQ(bl_channel_count(channel), 0); /* none was left for others */
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 3; i++)
        CHECK_EQ(deals[i].item, 10 + i);
}

TEST(putters_are_served_in_the_order_they_came) {
    CHANNEL(channel, 1);
    CHECK_OK(put_now(channel, 0));
    struct deal deals[3] = { deal_of(channel, 1), deal_of(channel, 2),
                             deal_of(channel, 3) };
    struct caller callers[3];
    for (int i = 0; i < 3; i++)
        callers[i] = calls(put, &deals[i]);
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    for (int i = 0; i < 4; i++)
        CHECK_EQ(get_now(channel), i);
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 3; i++)
        CHECK_OK(callers[i].rc);
}

TEST(a_cancelled_wait_has_moved_no_item) {
    CHANNEL(empty, 1);
    CHANNEL(full, 1);
    CHECK_OK(put_now(full, 1));
    struct deal deals[2] = { deal_of(empty, -1), deal_of(full, 2) };
    struct caller callers[2] = { calls(get, &deals[0]), calls(put, &deals[1]) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    caller_cancel(&callers[0]);
    caller_cancel(&callers[1]);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(callers[0].rc, BL_ECANCELED);
    CHECK_ERR(callers[1].rc, BL_ECANCELED);
    CHECK_EQ(deals[0].item, -1);
    CHECK_OK(put_now(empty, 3)); /* nobody is in line any more */
    CHECK_EQ(bl_channel_count(empty), 1);
    CHECK_EQ(get_now(full), 1);
    CHECK_EQ(bl_channel_count(full), 0);
}

TEST(in_a_cancelled_scope_no_item_moves) {
    CHANNEL(channel, 2);
    CHECK_OK(put_now(channel, 1));
    struct deal deal = deal_of(channel, 2);
    CHECK_ERR(in_cancelled_scope(put, &deal), BL_ECANCELED);
    CHECK_ERR(in_cancelled_scope(get, &deal), BL_ECANCELED);
    CHECK_EQ(bl_channel_count(channel), 1);
    CHECK_EQ(deal.item, 2);
}

/* ---- shutting down ------------------------------------------------------- */

TEST(after_a_shutdown_puts_fail_and_gets_drain) {
    CHANNEL(channel, 2);
    int item = 5;
    CHECK_OK(bl_channel_put(channel, &item));
    CHECK(!bl_channel_is_shut_down(channel));
    bl_channel_shutdown(channel);
    bl_channel_shutdown(channel);
    CHECK(bl_channel_is_shut_down(channel));
    CHECK_ERR(bl_channel_put(channel, &item), BL_ESHUTDOWN);
    CHECK_ERR(bl_channel_try_put(channel, &item), BL_ESHUTDOWN);
    CHECK_OK(bl_channel_get(channel, &item));
    CHECK_ERR(bl_channel_get(channel, &item), BL_ESHUTDOWN);
    CHECK_ERR(bl_channel_try_get(channel, &item), BL_ESHUTDOWN);
}

TEST(a_shutdown_ends_every_wait) {
    CHANNEL(empty, 1);
    CHANNEL(full, 1);
    CHECK_OK(put_now(full, 1));
    struct deal deals[4] = { deal_of(empty, -1), deal_of(empty, -1),
                             deal_of(full, 2), deal_of(full, 3) };
    struct caller callers[4];
    for (int i = 0; i < 4; i++)
        callers[i] = calls(i < 2 ? get : put, &deals[i]);
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 4);
    bl_channel_shutdown(empty);
    bl_channel_shutdown(full);
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 4; i++)
        CHECK_ERR(callers[i].rc, BL_ESHUTDOWN);
    CHECK_EQ(get_now(full), 1); /* what was inside is all there is */
    CHECK_EQ(bl_channel_count(full), 0);
}

static void note_item(void *item) {
    note("%d", *(int *)item);
}

TEST(what_is_inside_at_a_hard_shutdown_is_dropped_oldest_first) {
    CHANNEL(channel, 3);
    for (int i = 1; i <= 3; i++)
        CHECK_OK(put_now(channel, i));
    bl_channel_shutdown_now(channel, note_item);
    CHECK_STR(notes(), "1 2 3");
    bl_channel_shutdown_now(channel, note_item);
    bl_channel_shutdown_now(channel, NULL);
    CHECK_STR(notes(), "1 2 3");
}

/* ---- the wrong places ---------------------------------------------------- */

TEST(a_wait_needs_a_task) {
    CHANNEL(channel, 1);
    struct deal deal = deal_of(channel, 1);
    CHECK_ERR(without_loop(put, &deal), BL_ENOLOOP);
    CHECK_ERR(without_loop(get, &deal), BL_ENOLOOP);
    CHECK_ERR(in_callback(put, &deal), BL_ENOTASK);
    CHECK_ERR(in_callback(get, &deal), BL_ENOTASK);
}

TEST(a_thread_with_a_loop_must_not_block) {
    CHANNEL(channel, 1);
    int item = 0;
    CHECK_ERR(bl_thread_channel_put(channel, &item), BL_EMISUSE);
    CHECK_ERR(bl_thread_channel_get(channel, &item), BL_EMISUSE);
}

TEST(a_channel_refuses_what_it_cannot_mean) {
    bl_channel *channel = NULL;
    CHECK_ERR(bl_channel_new(0, 1, &channel), BL_EINVAL);
    CHECK_ERR(bl_channel_new(1, 0, &channel), BL_EINVAL);
    CHECK_ERR(bl_channel_new(1, 1, NULL), BL_EINVAL);
    CHECK_ERR(bl_channel_new(SIZE_MAX, 2, &channel), BL_EINVAL);
    CHECK_ERR(bl_channel_new(1, SIZE_MAX, &channel), BL_EINVAL);
    CHECK(channel == NULL);
    bl_channel_unref(NULL);

    CHANNEL(good, 1);
    int item = 0;
    CHECK_ERR(bl_channel_put(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_channel_put(good, NULL), BL_EINVAL);
    CHECK_ERR(bl_channel_get(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_channel_get(good, NULL), BL_EINVAL);
    CHECK_ERR(bl_channel_try_put(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_channel_try_get(good, NULL), BL_EINVAL);
    CHECK_ERR(bl_thread_channel_put(NULL, &item), BL_EINVAL);
    CHECK_ERR(bl_thread_channel_get(good, NULL), BL_EINVAL);
}

TEST(a_reference_keeps_the_channel) {
    bl_channel *channel;
    REQUIRE_OK(bl_channel_new(sizeof(int), 1, &channel));
    CHECK(bl_channel_ref(channel) == channel);
    bl_channel_unref(channel);
    CHECK_OK(put_now(channel, 1));
    bl_channel_unref(channel); /* with an item inside; leaks are looked for */
}

TEST(without_memory_there_is_no_channel) {
    bl_channel *channel = NULL;
    famine_begin(0);
    int rc = bl_channel_new(sizeof(int), 1, &channel);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK(channel == NULL);
}

/* ---- another thread, in a given order ------------------------------------ */

static void puts_here(void *arg) {
    struct deal *deal = arg;
    deal->rc = thread_put(deal);
}

static void gets_here(void *arg) {
    struct deal *deal = arg;
    deal->rc = thread_get(deal);
}

/*
 * The thread puts while this loop is kept from looking: the item is in the
 * getter's hands, and the news of it on its way.
 */
TEST(an_item_handed_over_before_the_cancellation_is_kept) {
    CHANNEL(channel, 1);
    struct deal getter = deal_of(channel, -1);
    struct deal putter = deal_of(channel, 42);
    struct caller caller = calls(get, &getter);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    on_thread(puts_here, &putter);
    caller_cancel(&caller);
    CHECK(!caller.is_done);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(putter.rc);
    CHECK_OK(caller.rc);
    CHECK_EQ(getter.item, 42);
    CHECK_ERR(caller.after_rc, BL_ECANCELED);
    CHECK_EQ(bl_channel_count(channel), 0);
}

TEST(an_item_that_came_after_the_cancellation_stays_in_the_channel) {
    CHANNEL(channel, 1);
    struct deal getter = deal_of(channel, -1);
    struct deal putter = deal_of(channel, 42);
    struct caller caller = calls(get, &getter);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    caller_cancel(&caller);
    on_thread(puts_here, &putter);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ECANCELED);
    CHECK_EQ(getter.item, -1);
    CHECK_EQ(get_now(channel), 42);
}

TEST(an_item_taken_from_a_putter_before_the_cancellation_was_put) {
    CHANNEL(channel, 1);
    CHECK_OK(put_now(channel, 1));
    struct deal putter = deal_of(channel, 2);
    struct deal getter = deal_of(channel, -1);
    struct caller caller = calls(put, &putter);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    on_thread(gets_here, &getter);
    caller_cancel(&caller);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_OK(caller.rc);
    CHECK_EQ(getter.item, 1);
    CHECK_EQ(get_now(channel), 2);
}

static void shuts_down_here(void *channel) {
    bl_channel_shutdown(channel);
}

TEST(a_shutdown_before_the_cancellation_is_what_the_wait_returns) {
    CHANNEL(channel, 1);
    struct deal getter = deal_of(channel, -1);
    struct caller caller = calls(get, &getter);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    on_thread(shuts_down_here, channel);
    caller_cancel(&caller);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ESHUTDOWN);
}

static void *gets_all(void *arg) {
    struct deal *deal = arg;
    int sum = 0;
    while ((deal->rc = thread_get(deal)) == 0)
        sum += deal->item;
    deal->item = sum;
    return NULL;
}

TEST(a_plain_thread_can_wait_for_items) {
    CHANNEL(channel, 2);
    struct deal deal = deal_of(channel, -1);
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, gets_all, &deal), 0);
    for (int i = 1; i <= 100; i++)
        CHECK_OK(bl_channel_put(channel, &i));
    bl_channel_shutdown(channel);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(deal.item, 5050);
    CHECK_ERR(deal.rc, BL_ESHUTDOWN);
}

static void *puts_until_refused(void *arg) {
    struct deal *deal = arg;
    while ((deal->rc = thread_put(deal)) == 0)
        deal->item++;
    return NULL;
}

TEST(a_plain_thread_can_wait_for_room) {
    CHANNEL(channel, 2);
    struct deal deal = deal_of(channel, 0);
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, puts_until_refused, &deal), 0);
    for (int i = 0; i < 100; i++) {
        int item = -1;
        CHECK_OK(bl_channel_get(channel, &item));
        CHECK_EQ(item, i);
    }
    bl_channel_shutdown(channel);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_ERR(deal.rc, BL_ESHUTDOWN);
    struct deal rest = deal_of(channel, -1);
    int left = 0;
    while (try_get(&rest) == 0)
        left++;
    CHECK_EQ(deal.item, 100 + left); /* all that were put and not got */
}

/* ---- deadlocks and clocks ------------------------------------------------ */

static int times_out(void *arg) {
    int item;
    return bl_wait_for(bl_channel_get(arg, &item), HOUR);
}

TEST(a_virtual_clock_goes_on_while_a_task_waits) {
    CHANNEL(channel, 1);
    CHECK_ERR(times_out(channel), BL_ETIMEDOUT);
}

static void *puts_one(void *arg) {
    puts_here(arg);
    return NULL;
}

/* The getter has nothing else to wait for when the thread begins. */
static int waits_for_a_thread(void *arg) {
    struct deal *deal = arg;
    struct deal putter = deal_of(deal->channel, 9);
    pthread_t thread;
    if (pthread_create(&thread, NULL, puts_one, &putter) != 0) return 1;
    int rc = get(deal);
    (void)pthread_join(thread, NULL);
    return rc;
}

TEST(a_loop_that_waits_for_an_item_alone_is_not_in_a_deadlock) {
    CHANNEL(channel, 1);
    struct deal deal = deal_of(channel, -1);
    for (int i = 0; i < 50; i++) {
        CHECK_OK(run_elsewhere(waits_for_a_thread, &deal, NULL));
        CHECK_EQ(deal.item, 9);
    }
}

static int waits_for_ever(void *arg) {
    struct deal deal = deal_of(arg, -1);
    int rc = bl_wait_for(get(&deal), 1); /* expects no more afterwards */
    if (rc != BL_ETIMEDOUT) return rc;
    bl_event never = BL_EVENT_INIT;
    return bl_event_wait(&never);
}

TEST(a_wait_that_is_over_hides_no_deadlock) {
    CHANNEL(channel, 1);
    CHECK_ERR(run_elsewhere(waits_for_ever, channel, NULL), BL_EDEADLOCK);
}

/* ---- everything at every point ------------------------------------------- */

enum {
    ITEMS = 4,
    PUTTERS = 2,
    GETTERS = 2
};

struct market {
    bl_channel *channel;
    int next;
    bool was_put[ITEMS * PUTTERS];
    int got[ITEMS * PUTTERS];
};

static int put_some(void *arg) {
    struct market *market = arg;
    for (int i = 0; i < ITEMS; i++) {
        int item = market->next++;
        int rc = bl_channel_put(market->channel, &item);
        if (rc < 0) return rc;
        market->was_put[item] = true;
    }
    return 0;
}

static int get_all(void *arg) {
    struct market *market = arg;
    for (;;) {
        int item = -1;
        int rc = bl_channel_get(market->channel, &item);
        CHECK_ALWAYS((rc < 0) == (item == -1));
        if (rc < 0) return rc;
        market->got[item]++;
    }
}

PARAM(size_t, capacity, 1, 7, 1024);

TEST(items_survive_every_cancellation, (capacity), .sweep = T_CANCEL | T_OOM) {
    struct market market = { .next = 0 };
    if (bl_channel_new(sizeof(int), capacity, &market.channel) < 0) return;

    struct caller callers[PUTTERS + GETTERS];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < PUTTERS + GETTERS; i++) {
        callers[i] = calls(i < PUTTERS ? put_some : get_all, &market);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    for (int i = 0; i < 3; i++)
        BL_IGNORE(bl_yield()); /* may be cancelled */
    bl_channel_shutdown(market.channel);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */

    int item;
    while (bl_channel_try_get(market.channel, &item) == 0)
        market.got[item]++;
    for (int i = 0; i < PUTTERS * ITEMS; i++)
        CHECK_ALWAYS(market.got[i] == (market.was_put[i] ? 1 : 0));
    bl_channel_unref(market.channel);
}

/* ---- four loops at random ------------------------------------------------ */

enum {
    LOOPS = 4,
    ITEMS_PER_LOOP = 10000,
    TRADERS = 2, /* of each direction, per loop */
    PRODUCERS = LOOPS * TRADERS,
    ITEMS_PER_PRODUCER = ITEMS_PER_LOOP / TRADERS,
    ITEMS_IN_ALL = LOOPS * ITEMS_PER_LOOP
};

struct fair {
    bl_channel *channel;
    int cut_at; /* after so many items it is shut down; in all: none is lost */
    atomic_int got_count;
    atomic_int misplaced_count; /* items of a producer in the wrong order */
    atomic_uchar was_put[ITEMS_IN_ALL];
    atomic_uchar got[ITEMS_IN_ALL];
};

/* A task that puts or gets, and is cancelled every now and then. */
struct trader {
    struct fair *fair;
    int number; /* among all of its direction */
    uint32_t random;
    bool is_sent_home; /* the last trade was cancelled, and not by that */
    bl_scope scope;
    bl_call call;
};

static void cancel_trader(void *context) {
    struct trader *trader = context;
    bl_scope_cancel(&trader->scope, "test");
}

/* One put or get; one of four is cancelled while it waits, or just after. */
static int trade(struct trader *trader, object_fn *fn, struct deal *deal) {
    trader->random = trader->random * 1664525u + 1013904223u;
    bl_scope_enter(&trader->scope);
    if (trader->random >> 30 == 0) {
        bl_call_soon(bl_loop_running(), &trader->call, cancel_trader, trader);
    }
    int rc = fn(deal);
    bl_call_cancel(&trader->call);
    int outer_rc = bl_scope_exit(&trader->scope, rc);
    trader->is_sent_home = outer_rc == BL_ECANCELED;
    return rc;
}

static int sells(void *arg) {
    struct trader *trader = arg;
    struct fair *fair = trader->fair;
    for (int i = 0; i < ITEMS_PER_PRODUCER; i++) {
        int item = trader->number * ITEMS_PER_PRODUCER + i;
        struct deal deal = deal_of(fair->channel, item);
        int rc;
        do {
            rc = trade(trader, put, &deal);
        } while (rc == BL_ECANCELED && !trader->is_sent_home);
        if (rc == BL_ESHUTDOWN) return 0;
        if (rc < 0) return rc;
        fair->was_put[deal.item]++;
    }
    return 0;
}

static int buys(void *arg) {
    struct trader *trader = arg;
    struct fair *fair = trader->fair;
    int last[PRODUCERS];
    for (int i = 0; i < PRODUCERS; i++)
        last[i] = -1;
    for (;;) {
        struct deal deal = deal_of(fair->channel, -1);
        int rc = trade(trader, get, &deal);
        if ((rc == 0) != (deal.item >= 0)) return BL_EMISUSE;
        if (rc == BL_ECANCELED && !trader->is_sent_home) continue;
        if (rc == BL_ESHUTDOWN) return 0;
        if (rc < 0) return rc;
        fair->got[deal.item]++;
        int producer = deal.item / ITEMS_PER_PRODUCER;
        if (deal.item <= last[producer]) fair->misplaced_count++;
        last[producer] = deal.item;
        if (++fair->got_count == fair->cut_at) {
            bl_channel_shutdown(fair->channel);
        }
    }
}

static int opens_stalls(void *arg) {
    struct trader traders[2 * TRADERS];
    int rc = 0;
    BL_GROUP(group, rc) {
        for (int i = 0; i < 2 * TRADERS && rc == 0; i++) {
            int number = (int)bl_worker_index() * TRADERS + i / 2;
            traders[i] = (struct trader){ .fair = arg, .number = number };
            traders[i].random = (uint32_t)(number * 2 + i % 2 + 1);
            rc = bl_spawn(group, i % 2 == 0 ? sells : buys, &traders[i]);
        }
    }
    return rc;
}

static void holds_fair(void *arg) {
    int rc = bl_run_workers(LOOPS, opens_stalls, arg);
    CHECK_OK(rc);
}

/* Holds it to its end, or to the shutdown after `cut_at` items. */
static void check_fair(size_t capacity, int cut_at) {
    static struct fair fair;
    fair = (struct fair){ .cut_at = cut_at };
    REQUIRE_OK(bl_channel_new(sizeof(int), capacity, &fair.channel));
    on_thread(holds_fair, &fair);
    int item;
    while (bl_channel_try_get(fair.channel, &item) == 0)
        fair.got[item]++;
    int wrong_count = 0;
    for (int i = 0; i < ITEMS_IN_ALL; i++) {
        if (fair.got[i] > 1 || fair.got[i] != fair.was_put[i]) wrong_count++;
    }
    CHECK_EQ(wrong_count, 0);
    CHECK_EQ(fair.misplaced_count, 0);
    CHECK_GE(fair.got_count, cut_at);
    bl_channel_unref(fair.channel);
}

TEST(no_item_of_four_loops_is_lost_or_doubled, (capacity),
     .clock = T_CLOCK_REAL) {
    check_fair(capacity, ITEMS_IN_ALL);
}

TEST(a_shutdown_amid_four_loops_loses_no_item, (capacity),
     .clock = T_CLOCK_REAL, .tags = "bulky") {
    for (int i = 1; i <= 20; i++)
        check_fair(capacity, i * 50);
}
