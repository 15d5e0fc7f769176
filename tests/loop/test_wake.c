/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_wake.c - posts, wake-ups and handles of other threads
 *
 * What threads do while a loop runs is checked by counting; what they may do
 * around its end is repeated often, for TSan to look at.
 *
 * Legs: threads
 */
#include <belay/test.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "support/host.h"
#include "support/kids.h"

enum {
    THREADS = 8,
    POSTS = 2000
};

/* ---- posts --------------------------------------------------------------- */

struct poster {
    pthread_t thread;
    bl_handle *handle;
    int number;
    int seen;      /* posts of this thread that have run */
    int misplaced; /* ... not in the order in which they were made */
    bl_event *done;
    int *threads_left;
};

struct letter {
    struct poster *from;
    int number;
};

static void on_letter(void *context) {
    struct letter *letter = context;
    struct poster *poster = letter->from;
    if (letter->number != poster->seen) poster->misplaced++;
    poster->seen++;
    if (poster->seen == POSTS && --*poster->threads_left == 0) {
        bl_event_set(poster->done);
    }
    free(letter);
}

static void *posts_many(void *arg) {
    struct poster *poster = arg;
    for (int i = 0; i < POSTS; i++) {
        struct letter *letter = malloc(sizeof *letter);
        if (letter == NULL) abort();
        *letter = (struct letter){ poster, i };
        if (bl_thread_post(poster->handle, on_letter, letter) < 0) abort();
    }
    bl_thread_close(poster->handle);
    return NULL;
}

static int collects_letters(void *arg) {
    struct poster *posters = arg;
    bl_event done = BL_EVENT_INIT;
    int threads_left = THREADS;
    for (int i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){ .number = i, .done = &done };
        posters[i].threads_left = &threads_left;
        REQUIRE_OK(bl_handle_open(&posters[i].handle));
        REQUIRE_EQ(
            pthread_create(&posters[i].thread, NULL, posts_many, &posters[i]),
            0);
    }
    int rc = bl_event_wait(&done);
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(posters[i].thread, NULL);
    return rc;
}

TEST(what_eight_threads_post_is_called_once_each_and_in_order) {
    struct poster posters[THREADS];
    CHECK_EQ(collects_letters(posters), 0);
    for (int i = 0; i < THREADS; i++) {
        CHECK_EQ(posters[i].seen, POSTS);
        CHECK_EQ(posters[i].misplaced, 0);
    }
}

static void notes_word(void *context) {
    note("%s", (const char *)context);
}

static void posts_twice(void *arg) {
    CHECK_OK(bl_thread_post(arg, notes_word, "one"));
    CHECK_OK(bl_thread_post(arg, notes_word, "two"));
    bl_thread_close(arg);
}

TEST(what_was_posted_before_the_handle_was_closed_is_called) {
    bl_handle *handle;
    CHECK_OK(bl_handle_open(&handle));
    on_thread(posts_twice, handle);
    CHECK_STR(notes(), "");
    CHECK_EQ(bl_yield(), 0);
    CHECK_EQ(bl_sleep(1), 0);
    CHECK_STR(notes(), "one two");
}

/* Opens a handle to the loop it is run by. */
static int opens(void *arg) {
    return bl_handle_open(arg);
}

static bl_loop *open_with_handle(bl_handle **handle) {
    bl_loop *loop;
    REQUIRE_OK(bl_loop_open(NULL, &loop));
    REQUIRE_OK(bl_loop_run(loop, opens, handle));
    return loop;
}

struct repost {
    bl_handle *handle;
    int calls;
};

static void posts_again(void *context) {
    struct repost *repost = context;
    if (++repost->calls == 3) return;
    CHECK_OK(bl_thread_post(repost->handle, posts_again, repost));
}

TEST(what_a_post_posts_is_called_in_the_next_iteration, .no_loop = true) {
    struct repost repost = { .calls = 0 };
    bl_loop *loop = open_with_handle(&repost.handle);
    CHECK_OK(bl_thread_post(repost.handle, posts_again, &repost));
    for (int i = 1; i <= 3; i++) {
        CHECK(bl_loop_is_ready(loop));
        CHECK_EQ(bl_loop_step(loop, 0), 0);
        CHECK_EQ(repost.calls, i);
    }
    bl_thread_close(repost.handle);
    bl_loop_close(loop);
}

TEST(a_pinned_post_needs_no_memory, .no_loop = true) {
    bl_loop *loop;
    bl_post post;
    int calls = 0;
    REQUIRE_OK(bl_loop_open(NULL, &loop));
    bl_loop_pin(loop);
    bl_thread_post_pinned(loop, &post, count_call, &calls);
    CHECK_EQ(calls, 0);
    CHECK_EQ(bl_loop_step(loop, BL_FOREVER), 0);
    CHECK_EQ(calls, 1);
    bl_loop_unpin(loop);
    bl_loop_close(loop);
}

TEST(a_post_needs_a_handle_and_a_function) {
    bl_handle *handle;
    CHECK_ERR(bl_handle_open(NULL), BL_EINVAL);
    CHECK_OK(bl_handle_open(&handle));
    CHECK_ERR(bl_thread_post(NULL, notes_word, NULL), BL_EINVAL);
    CHECK_ERR(bl_thread_post(handle, NULL, NULL), BL_EINVAL);
    bl_thread_close(handle);
    bl_thread_close(NULL);
}

TEST(a_handle_needs_a_loop, .no_loop = true) {
    bl_handle *handle = NULL;
    CHECK_ERR(bl_handle_open(&handle), BL_ENOLOOP);
    CHECK(handle == NULL);
}

TEST(without_memory_nothing_is_opened_or_posted, .sweep = T_OOM) {
    int calls = 0;
    bl_handle *handle = NULL;
    int rc = bl_handle_open(&handle);
    if (rc < 0) {
        CHECK_ALWAYS(rc == BL_ENOMEM && handle == NULL);
        return;
    }
    rc = bl_thread_post(handle, count_call, &calls);
    CHECK_ALWAYS(rc == 0 || rc == BL_ENOMEM);
    bl_thread_close(handle);
    BL_IGNORE(bl_sleep(1)); /* may be refused by the sweep */
    CHECK_ALWAYS(calls <= (rc == 0 ? 1 : 0));
    if (!t_injected()) CHECK_EQ(calls, 1);
}

/* ---- wake-ups ------------------------------------------------------------ */

static void *wakes(void *arg) {
    bl_thread_wake(arg);
    return NULL;
}

TEST(a_wake_up_ends_the_blocking, .no_loop = true) {
    bl_handle *handle;
    pthread_t thread;
    bl_loop *loop = open_with_handle(&handle);
    REQUIRE_EQ(pthread_create(&thread, NULL, wakes, handle), 0);
    CHECK_EQ(bl_loop_step(loop, BL_FOREVER), 0); /* or the watchdog ends it */
    REQUIRE_EQ(pthread_join(thread, NULL), 0);
    bl_thread_close(handle);
    bl_loop_close(loop);
}

static bl_handle *handle_to_close;

static void *closes(void *arg) {
    (void)arg;
    bl_thread_close(handle_to_close);
    return NULL;
}

static int waits_for_nobody(void *arg) {
    bl_event never = BL_EVENT_INIT;
    pthread_t *thread = arg;
    int rc = bl_handle_open(&handle_to_close);
    if (rc < 0) return rc;
    REQUIRE_EQ(pthread_create(thread, NULL, closes, NULL), 0);
    return bl_event_wait(&never);
}

TEST(closing_the_last_handle_of_a_blocked_loop_is_noticed, .no_loop = true) {
    bl_loop_options options = { .size = sizeof options, .is_quiet = true };
    pthread_t thread;
    CHECK_ERR(bl_run_with(waits_for_nobody, &thread, &options), BL_EDEADLOCK);
    REQUIRE_EQ(pthread_join(thread, NULL), 0);
}

/* ---- the end of the loop ------------------------------------------------- */

TEST(a_handle_outlives_its_loop, .no_loop = true) {
    bl_handle *handle;
    bl_loop *loop = open_with_handle(&handle);
    bl_loop_close(loop);
    CHECK_ERR(bl_thread_post(handle, notes_word, "never"), BL_ECLOSED);
    bl_thread_wake(handle); /* no effect */
    bl_thread_close(handle);
    CHECK_STR(notes(), "");
}

TEST(what_was_posted_is_called_at_the_latest_when_the_loop_closes,
     .no_loop = true) {
    bl_handle *handle;
    bl_loop *loop = open_with_handle(&handle);
    CHECK_OK(bl_thread_post(handle, notes_word, "late"));
    bl_loop_close(loop);
    CHECK_STR(notes(), "late");
    bl_thread_close(handle);
}

/* A thread that uses a handle at the moment in which its loop closes. */
struct straggler {
    bl_handle *handle;
    atomic_bool is_off;
    atomic_int calls;
    int posts;
    bool posts_first;
};

static void on_straggler(void *context) {
    atomic_fetch_add((atomic_int *)context, 1);
}

static void *straggles(void *arg) {
    struct straggler *straggler = arg;
    atomic_store(&straggler->is_off, true);
    while (straggler->posts_first &&
           bl_thread_post(straggler->handle, on_straggler, &straggler->calls) ==
               0)
        straggler->posts++;
    bl_thread_close(straggler->handle);
    return NULL;
}

static void race_the_end(bool posts_first) {
    struct straggler straggler = { .posts_first = posts_first };
    pthread_t thread;
    bl_loop *loop = open_with_handle(&straggler.handle);
    REQUIRE_EQ(pthread_create(&thread, NULL, straggles, &straggler), 0);
    while (!atomic_load(&straggler.is_off))
        sched_yield();
    bl_loop_close(loop);
    REQUIRE_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(atomic_load(&straggler.calls), straggler.posts);
}

TEST(a_handle_may_be_closed_while_its_loop_closes, .no_loop = true) {
    for (int i = 0; i < 300; i++)
        race_the_end(false);
}

enum {
    HANDLES = 64
};

static int opens_many(void *arg) {
    bl_handle **handles = arg;
    for (int i = 0; i < HANDLES; i++)
        REQUIRE_OK(bl_handle_open(&handles[i]));
    return 0;
}

static void *closes_many(void *arg) {
    bl_handle **handles = arg;
    for (int i = 0; i < HANDLES; i++)
        bl_thread_close(handles[i]);
    return NULL;
}

TEST(many_handles_may_be_closed_while_their_loop_closes, .no_loop = true) {
    bl_handle *handles[HANDLES];
    for (int i = 0; i < 100; i++) {
        bl_loop *loop;
        pthread_t thread;
        REQUIRE_OK(bl_loop_open(NULL, &loop));
        REQUIRE_OK(bl_loop_run(loop, opens_many, handles));
        REQUIRE_EQ(pthread_create(&thread, NULL, closes_many, handles), 0);
        for (int turn = 0; turn < i % 10; turn++)
            sched_yield();
        bl_loop_close(loop);
        REQUIRE_EQ(pthread_join(thread, NULL), 0);
    }
}

TEST(a_post_while_the_loop_closes_is_called_or_refused, .no_loop = true) {
    for (int i = 0; i < 100; i++)
        race_the_end(true);
}

/* A future that another thread sets just when it is done with. */
static void *sets_it(void *arg) {
    CHECK_OK(bl_thread_future_set(arg, 7, NULL));
    return NULL;
}

static int waits_for_a_thread(void *arg) {
    bl_future future;
    REQUIRE_OK(bl_future_init(&future));
    REQUIRE_OK(bl_future_share(&future));
    REQUIRE_EQ(pthread_create(arg, NULL, sets_it, &future), 0);
    int rc = bl_future_wait(&future, NULL);
    bl_future_done(&future);
    return rc;
}

TEST(a_loop_may_close_while_the_thread_that_woke_it_returns, .no_loop = true) {
    bl_loop_options options = quiet_options();
    pthread_t thread;
    for (int i = 0; i < 300; i++) {
        CHECK_EQ(bl_run_with(waits_for_a_thread, &thread, &options), 7);
        REQUIRE_EQ(pthread_join(thread, NULL), 0);
    }
}
