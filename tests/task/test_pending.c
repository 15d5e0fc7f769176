/* SPDX-License-Identifier: MIT */
/*
 * tests/task/test_pending.c - what a loop still has to do, beside its tasks
 *
 *     Legs: sweep
 */
#include <string.h>
#include <unistd.h>

#include <belay/test.h>

enum {
    SEEN_MAX = 16
};

struct seen {
    bl_pending_view views[SEEN_MAX];
    size_t count;
    size_t max;
};

static bool collect(const bl_pending_view *view, void *context) {
    struct seen *seen = context;
    seen->views[seen->count++] = *view;
    return seen->count < seen->max;
}

static struct seen look(size_t max) {
    struct seen seen = { .max = max };
    bl_inspect_pending(bl_loop_running(), collect, &seen);
    return seen;
}

static const bl_pending_view *find(const struct seen *seen,
                                   const void *object) {
    for (size_t i = 0; i < seen->count; i++) {
        if (seen->views[i].object == object) return &seen->views[i];
    }
    return NULL;
}

static const void *code_of(void (*fn)(void *)) {
    return (const void *)(uintptr_t)fn;
}

static void ring(void *context) {
    (void)context;
}

static void see(void *context, unsigned events) {
    (void)context;
    (void)events;
}

TEST(a_loop_at_rest_has_nothing_pending) {
    CHECK_EQ(look(SEEN_MAX).count, 0u);
}

TEST(timers_are_shown_with_their_function) {
    bl_timer timers[6];
    for (int i = 0; i < 6; i++) {
        bl_timer_init(&timers[i], ring, NULL);
        bl_timer_start(bl_loop_running(), &timers[i], bl_now() + SEC(6 - i));
    }
    struct seen seen = look(SEEN_MAX);
    CHECK_EQ(seen.count, 6u);
    for (int i = 0; i < 6; i++) {
        const bl_pending_view *view = find(&seen, &timers[i]);
        REQUIRE_NE(view, NULL);
        CHECK_STR(view->kind, "timer");
        CHECK_EQ(view->code, code_of(ring));
        CHECK_EQ(view->due, bl_now() + SEC(6 - i));
        CHECK_EQ(view->fd, -1);
        bl_timer_stop(&timers[i]);
    }
    CHECK_EQ(look(SEEN_MAX).count, 0u);
}

TEST(both_watches_of_a_descriptor_are_shown) {
    int ends[2];
    bl_watch reader;
    bl_watch writer;
    REQUIRE_OK(pipe(ends));
    bl_watch_init(&reader, ends[0], see, NULL);
    bl_watch_init(&writer, ends[1], see, NULL);
    REQUIRE_OK(bl_watch_start(bl_loop_running(), &reader, BL_READABLE));
    REQUIRE_OK(bl_watch_start(bl_loop_running(), &writer, BL_WRITABLE));

    struct seen seen = look(SEEN_MAX);
    CHECK_EQ(seen.count, 2u);
    REQUIRE_NE(find(&seen, &reader), NULL);
    REQUIRE_NE(find(&seen, &writer), NULL);
    CHECK_STR(find(&seen, &reader)->kind, "watch");
    CHECK_EQ(find(&seen, &reader)->fd, ends[0]);
    CHECK_EQ(find(&seen, &writer)->fd, ends[1]);
    CHECK_EQ(find(&seen, &writer)->code, (const void *)(uintptr_t)see);

    bl_watch_stop(&reader);
    bl_watch_stop(&writer);
    close(ends[0]);
    close(ends[1]);
}

TEST(an_open_handle_is_shown_with_a_place) {
    bl_handle *handle;
    REQUIRE_OK(bl_handle_open(&handle));
    struct seen seen = look(SEEN_MAX);
    CHECK_EQ(seen.count, 1u);
    REQUIRE_NE(find(&seen, handle), NULL);
    CHECK_STR(find(&seen, handle)->kind, "handle");
    CHECK_NE(find(&seen, handle)->code, NULL);
    bl_thread_close(handle);
    CHECK_EQ(look(SEEN_MAX).count, 0u);
}

static int read_byte(void *arg) {
    char byte;
    return (int)read(*(int *)arg, &byte, 1);
}

static int read_elsewhere(void *arg) {
    return bl_to_thread(read_byte, arg);
}

static void free_nothing(void *arg) {
    (void)arg;
}

static int read_elsewhere_owned(void *arg) {
    return bl_to_thread_owned(read_byte, arg, free_nothing);
}

PARAM(bl_task_fn *, offload, read_elsewhere, read_elsewhere_owned);

TEST(a_job_is_shown_with_what_it_runs, (offload)) {
    int ends[2];
    REQUIRE_OK(pipe(ends));
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, offload, &ends[0]));
    t_settle();

    struct seen seen = look(SEEN_MAX);
    REQUIRE_EQ(seen.count, 1u);
    CHECK_STR(seen.views[0].kind, "thread job");
    CHECK_EQ(seen.views[0].code, (const void *)(uintptr_t)read_byte);

    REQUIRE_EQ(write(ends[1], "x", 1), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(look(SEEN_MAX).count, 0u);
    close(ends[0]);
    close(ends[1]);
}

TEST(the_walk_ends_when_it_is_told_to) {
    bl_handle *handle;
    bl_timer timer;
    REQUIRE_OK(bl_handle_open(&handle));
    bl_timer_init(&timer, ring, NULL);
    bl_timer_start(bl_loop_running(), &timer, bl_now() + SEC(1));
    CHECK_EQ(look(SEEN_MAX).count, 2u);
    CHECK_EQ(look(1).count, 1u);
    bl_timer_stop(&timer);
    bl_thread_close(handle);
}
