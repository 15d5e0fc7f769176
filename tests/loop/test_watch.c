/* SPDX-License-Identifier: MIT */
/*
 * tests/loop/test_watch.c - watches: descriptors at the level of callbacks
 *
 * Most tests run a loop of their own by steps, without a task, so that each
 * iteration is one call.  All of them run once with each driver.
 *
 *     Legs: threads valgrind
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/host.h"
#include "support/sockets.h"

/* A watch, and what its callback was told. */
struct spy {
    bl_watch watch;
    int calls;
    unsigned events;  /* of the last call */
    bl_watch *stops;  /* the callback stops this one */
    bl_watch *closes; /* ... closes this one */
    bool reads;       /* ... reads what is there */
};

struct rig {
    bl_loop *loop;
    int ends[2]; /* a pair: what is watched, and its peer */
};

static void on_event(void *context, unsigned events) {
    struct spy *spy = context;
    spy->calls++;
    spy->events = events;
    if (spy->reads) drain(spy->watch._fd);
    if (spy->stops != NULL) bl_watch_stop(spy->stops);
    if (spy->closes != NULL) CHECK_OK(bl_watch_close(spy->closes));
}

static void spy_on(struct spy *spy, int fd) {
    *spy = (struct spy){ .calls = 0 };
    bl_watch_init(&spy->watch, fd, on_event, spy);
}

static int start(struct rig *rig, struct spy *spy, unsigned events) {
    return bl_watch_start(rig->loop, &spy->watch, events);
}

/* One iteration that does not block. */
static void step(struct rig *rig) {
    CHECK_EQ(bl_loop_step(rig->loop, 0), 0);
}

static uint64_t watches_of(const bl_loop *loop) {
    bl_loop_info info;
    bl_loop_get_info(loop, &info);
    return info.watches;
}

PARAM(int, driver, BL_DRIVER_EPOLL, BL_DRIVER_URING);

static void with_rig(int driver, void (*fn)(struct rig *rig)) {
    struct rig rig;
    bl_loop_options options = { .size = sizeof options,
                                .driver = (bl_driver_kind)driver };
    REQUIRE_OK(bl_loop_open(&options, &rig.loop));
    socket_pair(rig.ends);
    fn(&rig);
    bl_loop_close(rig.loop);
    close(rig.ends[0]);
    close(rig.ends[1]);
}

/* ON_BOTH(name) { ... } tests a stepped loop, `rig`, with each driver. */
#define ON_BOTH(name)                         \
    static void name##_with(struct rig *rig); \
    TEST(name, (driver), .no_loop = true) {   \
        with_rig(driver, name##_with);        \
    }                                         \
    static void name##_with(BL__UNUSED struct rig *rig)

/* ---- level ------------------------------------------------------------- */

ON_BOTH(a_level_watch_is_called_once_per_iteration_while_ready) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    CHECK_OK(start(rig, &spy, BL_READABLE));
    step(rig);
    CHECK_EQ(spy.calls, 0);
    say(rig->ends[1], "x");
    for (int i = 1; i <= 3; i++) {
        step(rig);
        CHECK_EQ(spy.calls, i);
        CHECK_EQ(spy.events, BL_READABLE);
    }
    drain(rig->ends[0]);
    step(rig);
    CHECK_EQ(spy.calls, 3);
    bl_watch_stop(&spy.watch);
}

ON_BOTH(a_watch_may_stop_itself) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    spy.stops = &spy.watch;
    CHECK_OK(start(rig, &spy, BL_READABLE));
    say(rig->ends[1], "x");
    step(rig);
    step(rig);
    CHECK_EQ(spy.calls, 1);
    CHECK_EQ(watches_of(rig->loop), 0);
}

ON_BOTH(stopping_is_idempotent_and_can_be_undone) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    bl_watch_stop(&spy.watch);
    CHECK_OK(start(rig, &spy, BL_READABLE));
    CHECK_EQ(watches_of(rig->loop), 1);
    bl_watch_stop(&spy.watch);
    bl_watch_stop(&spy.watch);
    CHECK_EQ(watches_of(rig->loop), 0);
    say(rig->ends[1], "x");
    step(rig);
    CHECK_EQ(spy.calls, 0);
    CHECK_OK(start(rig, &spy, BL_READABLE));
    step(rig);
    CHECK_EQ(spy.calls, 1);
    bl_watch_stop(&spy.watch);
}

ON_BOTH(one_watch_can_have_both_directions) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    CHECK_OK(start(rig, &spy, BL_READABLE | BL_WRITABLE));
    CHECK_EQ(watches_of(rig->loop), 1);
    say(rig->ends[1], "x");
    step(rig);
    CHECK_EQ(spy.calls, 1);
    CHECK_EQ(spy.events, BL_READABLE | BL_WRITABLE);
    bl_watch_stop(&spy.watch);
}

ON_BOTH(two_watches_can_share_a_descriptor) {
    struct spy reader;
    struct spy writer;
    spy_on(&reader, rig->ends[0]);
    spy_on(&writer, rig->ends[0]);
    CHECK_OK(start(rig, &reader, BL_READABLE));
    CHECK_OK(start(rig, &writer, BL_WRITABLE));
    CHECK_EQ(watches_of(rig->loop), 2);
    step(rig);
    CHECK_EQ(reader.calls, 0);
    CHECK_EQ(writer.calls, 1);
    CHECK_EQ(writer.events, BL_WRITABLE);
    bl_watch_stop(&writer.watch);
    say(rig->ends[1], "x");
    step(rig);
    CHECK_EQ(reader.calls, 1);
    CHECK_EQ(reader.events, BL_READABLE);
    CHECK_EQ(writer.calls, 1);
    bl_watch_stop(&reader.watch);
}

ON_BOTH(starting_again_replaces_the_events) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    say(rig->ends[1], "x");
    CHECK_OK(start(rig, &spy, BL_READABLE));
    CHECK_OK(start(rig, &spy, BL_WRITABLE));
    CHECK_EQ(watches_of(rig->loop), 1);
    step(rig);
    CHECK_EQ(spy.calls, 1);
    CHECK_EQ(spy.events, BL_WRITABLE);
    CHECK_OK(start(rig, &spy, BL_WRITABLE)); /* the same: no effect */
    step(rig);
    CHECK_EQ(spy.calls, 2);
    bl_watch_stop(&spy.watch);
}

/* ---- edge -------------------------------------------------------------- */

ON_BOTH(an_edge_watch_is_called_when_it_becomes_ready) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    CHECK_OK(start(rig, &spy, BL_READABLE | BL_EDGE));
    step(rig);
    CHECK_EQ(spy.calls, 0);
    for (int i = 1; i <= 2; i++) {
        say(rig->ends[1], "x"); /* unread: still an edge each time */
        step(rig);
        CHECK_EQ(spy.calls, i);
        step(rig);
        CHECK_EQ(spy.calls, i);
    }
    bl_watch_stop(&spy.watch);
}

ON_BOTH(an_edge_watch_that_starts_late_is_told) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    say(rig->ends[1], "x");
    CHECK_OK(start(rig, &spy, BL_READABLE | BL_EDGE));
    step(rig);
    CHECK_EQ(spy.calls, 1);
    CHECK_EQ(spy.events, BL_READABLE);
    bl_watch_stop(&spy.watch);
}

ON_BOTH(an_edge_watch_does_not_spin_beside_a_level_one) {
    struct spy edge;
    struct spy level;
    spy_on(&edge, rig->ends[0]);
    spy_on(&level, rig->ends[0]);
    CHECK_OK(start(rig, &edge, BL_WRITABLE | BL_EDGE));
    step(rig);
    CHECK_EQ(edge.calls, 1);
    /* Always writable, never readable: nothing happens from now on. */
    CHECK_OK(start(rig, &level, BL_READABLE));
    step(rig);
    int calls = edge.calls;
    for (int i = 0; i < 5; i++)
        step(rig);
    CHECK_EQ(edge.calls, calls);
    CHECK_EQ(level.calls, 0);
    /* The level one is called in each iteration all the same. */
    say(rig->ends[1], "x");
    for (int i = 1; i <= 3; i++) {
        step(rig);
        CHECK_EQ(level.calls, i);
    }
    drain(rig->ends[0]);
    step(rig);
    CHECK_EQ(level.calls, 3);
    bl_watch_stop(&level.watch);
    bl_watch_stop(&edge.watch);
}

/* ---- reports of one iteration ------------------------------------------ */

ON_BOTH(a_watch_stopped_by_another_callback_is_not_called) {
    struct spy spies[2];
    int ends[2];
    socket_pair(ends);
    spy_on(&spies[0], rig->ends[0]);
    spy_on(&spies[1], ends[0]);
    spies[0].stops = &spies[1].watch;
    spies[1].stops = &spies[0].watch;
    CHECK_OK(start(rig, &spies[0], BL_READABLE));
    CHECK_OK(start(rig, &spies[1], BL_READABLE));
    say(rig->ends[1], "x");
    say(ends[1], "x");
    step(rig);
    CHECK_EQ(spies[0].calls + spies[1].calls, 1);
    bl_watch_stop(&spies[0].watch);
    bl_watch_stop(&spies[1].watch);
    close(ends[0]);
    close(ends[1]);
}

ON_BOTH(the_writer_can_be_stopped_by_the_reader) {
    struct spy reader;
    struct spy writer;
    spy_on(&reader, rig->ends[0]);
    spy_on(&writer, rig->ends[0]);
    reader.stops = &writer.watch;
    CHECK_OK(start(rig, &reader, BL_READABLE));
    CHECK_OK(start(rig, &writer, BL_WRITABLE));
    say(rig->ends[1], "x");
    step(rig);
    CHECK_EQ(reader.calls, 1);
    CHECK_EQ(writer.calls, 0);
    bl_watch_stop(&reader.watch);
}

/* In a callback: the watched socket is replaced by another of its number. */
static void on_event_reopen(void *context, unsigned events) {
    struct rig *rig = context;
    (void)events;
    if (rig->ends[0] < 0) return;
    close(rig->ends[0]);
    close(rig->ends[1]);
    rig->ends[0] = -1;
}

ON_BOTH(a_late_report_does_not_reach_a_new_watch_of_the_number) {
    struct spy first;
    struct spy second;
    bl_watch closer;
    int ends[2];
    int trigger = eventfd(1, EFD_CLOEXEC);
    socket_pair(ends);
    struct rig victim = { .ends = { ends[0], ends[1] } };
    bl_watch_init(&closer, trigger, on_event_reopen, &victim);
    CHECK_OK(bl_watch_start(rig->loop, &closer, BL_READABLE | BL_EDGE));
    spy_on(&first, ends[0]);
    CHECK_OK(start(rig, &first, BL_READABLE));
    say(ends[1], "x");
    bl_watch_stop(&first.watch);
    step(rig); /* closes both ends */
    CHECK_EQ(victim.ends[0], -1);

    int again[2];
    socket_pair(again);
    CHECK_EQ(again[0], ends[0]);
    spy_on(&second, again[0]);
    CHECK_OK(start(rig, &second, BL_READABLE));
    step(rig);
    step(rig);
    CHECK_EQ(first.calls, 0);
    CHECK_EQ(second.calls, 0);
    say(again[1], "x");
    step(rig);
    CHECK_EQ(second.calls, 1);
    bl_watch_stop(&second.watch);
    bl_watch_stop(&closer);
    close(trigger);
    close(again[0]);
    close(again[1]);
}

/* ---- closing ----------------------------------------------------------- */

ON_BOTH(closing_stops_and_closes) {
    struct spy spy;
    int fds[2];
    tcp_pair(fds);
    spy_on(&spy, fds[0]);
    CHECK_OK(start(rig, &spy, BL_READABLE | BL_EDGE));
    step(rig);
    CHECK_OK(bl_watch_close(&spy.watch));
    CHECK(!is_open(fds[0]));
    CHECK(is_at_end(fds[1])); /* nobody in the kernel holds on to it */
    CHECK_EQ(spy.calls, 0);
    CHECK_EQ(watches_of(rig->loop), 0);
    CHECK_ERR(bl_watch_close(&spy.watch), BL_EBADF);
    close(fds[1]);
}

ON_BOTH(closing_tells_the_other_watch_of_the_descriptor) {
    struct spy reader;
    struct spy writer;
    int ends[2];
    socket_pair(ends);
    fill(ends[0]);
    spy_on(&reader, ends[0]);
    spy_on(&writer, ends[0]);
    CHECK_OK(start(rig, &reader, BL_READABLE));
    CHECK_OK(start(rig, &writer, BL_WRITABLE));
    step(rig);
    CHECK_OK(bl_watch_close(&reader.watch));
    CHECK_EQ(reader.calls, 0);
    CHECK_EQ(writer.calls, 1);
    CHECK_EQ(writer.events, 0);
    CHECK_EQ(watches_of(rig->loop), 0);
    close(ends[1]);
}

ON_BOTH(a_callback_may_close_what_it_watches) {
    struct spy spy;
    int ends[2];
    socket_pair(ends);
    spy_on(&spy, ends[0]);
    spy.closes = &spy.watch;
    CHECK_OK(start(rig, &spy, BL_READABLE));
    say(ends[1], "x");
    step(rig);
    step(rig);
    CHECK_EQ(spy.calls, 1);
    CHECK(!is_open(ends[0]));
    close(ends[1]);
}

TEST(closing_what_was_never_started_closes) {
    struct spy spy;
    int ends[2];
    socket_pair(ends);
    spy_on(&spy, ends[0]);
    CHECK_OK(bl_watch_close(&spy.watch));
    CHECK(!is_open(ends[0]));
    close(ends[1]);
}

ON_BOTH(a_number_closed_by_its_user_can_be_watched_again) {
    struct spy first;
    struct spy second;
    int ends[2];
    int again[2];
    socket_pair(ends);
    spy_on(&first, ends[0]);
    CHECK_OK(start(rig, &first, BL_READABLE));
    step(rig);
    bl_watch_stop(&first.watch);
    close(ends[0]); /* not by bl_watch_close: allowed after a stop */
    close(ends[1]);
    socket_pair(again);
    CHECK_EQ(again[0], ends[0]);
    spy_on(&second, again[0]);
    CHECK_OK(start(rig, &second, BL_READABLE));
    say(again[1], "x");
    step(rig);
    CHECK_EQ(first.calls, 0);
    CHECK_EQ(second.calls, 1);
    bl_watch_stop(&second.watch);
    close(again[0]);
    close(again[1]);
}

ON_BOTH(a_number_closed_behind_our_back_does_no_harm) {
    struct spy spy;
    int ends[2];
    int again[2];
    socket_pair(ends);
    spy_on(&spy, ends[0]);
    CHECK_OK(start(rig, &spy, BL_READABLE));
    step(rig);
    close(ends[0]);
    close(ends[1]);
    step(rig);
    bl_watch_stop(&spy.watch);
    socket_pair(again);
    CHECK_EQ(again[0], ends[0]);
    spy_on(&spy, again[0]);
    CHECK_OK(start(rig, &spy, BL_READABLE));
    say(again[1], "x");
    step(rig);
    CHECK_EQ(spy.calls, 1);
    bl_watch_stop(&spy.watch);
    close(again[0]);
    close(again[1]);
}

/* ---- refusals ---------------------------------------------------------- */

ON_BOTH(bad_arguments_are_refused) {
    struct spy spy;
    bl_watch empty;
    spy_on(&spy, rig->ends[0]);
    CHECK_ERR(bl_watch_start(NULL, &spy.watch, BL_READABLE), BL_EINVAL);
    CHECK_ERR(bl_watch_start(rig->loop, NULL, BL_READABLE), BL_EINVAL);
    CHECK_ERR(start(rig, &spy, 0), BL_EINVAL);
    CHECK_ERR(start(rig, &spy, BL_EDGE), BL_EINVAL);
    CHECK_ERR(start(rig, &spy, BL_READABLE | 64), BL_EINVAL);
    bl_watch_init(&empty, rig->ends[0], NULL, NULL);
    CHECK_ERR(bl_watch_start(rig->loop, &empty, BL_READABLE), BL_EINVAL);
    CHECK_EQ(watches_of(rig->loop), 0);
}

ON_BOTH(closed_and_plain_files_are_refused) {
    struct spy spy;
    int fd = plain_file();
    spy_on(&spy, fd);
    CHECK_ERR(start(rig, &spy, BL_READABLE), BL_EPERM);
    close(fd);
    CHECK_ERR(start(rig, &spy, BL_READABLE), BL_EBADF);
    spy_on(&spy, -1);
    CHECK_ERR(start(rig, &spy, BL_READABLE), BL_EBADF);
    CHECK_EQ(watches_of(rig->loop), 0);
}

ON_BOTH(a_direction_has_one_watch) {
    struct spy first;
    struct spy second;
    spy_on(&first, rig->ends[0]);
    spy_on(&second, rig->ends[0]);
    CHECK_OK(start(rig, &first, BL_READABLE));
    CHECK_ERR(start(rig, &second, BL_READABLE), BL_EBUSY);
    CHECK_ERR(start(rig, &second, BL_READABLE | BL_WRITABLE), BL_EBUSY);
    CHECK_EQ(watches_of(rig->loop), 1);
    bl_watch_stop(&first.watch);
    CHECK_OK(start(rig, &second, BL_READABLE | BL_WRITABLE));
    CHECK_ERR(start(rig, &first, BL_WRITABLE), BL_EBUSY);
    bl_watch_stop(&second.watch);
}

ON_BOTH(a_loop_without_a_descriptor_left_says_so) {
    struct spy spy;
    spy_on(&spy, rig->ends[0]);
    limit_descriptors(0);
    int rc = start(rig, &spy, BL_READABLE);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK_EQ(watches_of(rig->loop), 0);
    CHECK_OK(start(rig, &spy, BL_READABLE)); /* and later it works */
    say(rig->ends[1], "x");
    step(rig);
    CHECK_EQ(spy.calls, 1);
    bl_watch_stop(&spy.watch);
}

TEST(without_memory_a_watch_is_not_started, .sweep = T_OOM) {
    struct spy spy;
    int ends[2];
    socket_pair(ends);
    /* A high number needs a row of the table, and more rows. */
    int high = fcntl(ends[0], F_DUPFD_CLOEXEC, 5000);
    REQUIRE_GE(high, 5000);
    spy_on(&spy, high);
    int rc = bl_watch_start(bl_loop_running(), &spy.watch, BL_READABLE);
    CHECK_ALWAYS(rc == 0 || rc == BL_ENOMEM);
    CHECK_ALWAYS(watches_of(bl_loop_running()) == (rc == 0));
    bl_watch_stop(&spy.watch);
    close(high);
    close(ends[0]);
    close(ends[1]);
}

/* ---- other threads, other processes, the end --------------------------- */

static int wait_for_byte(void *arg) {
    struct spy *spy = arg;
    int calls = spy->calls;
    while (spy->calls == calls) {
        int rc = bl_sleep(BL_US(50));
        if (rc < 0) return rc;
    }
    return 0;
}

struct moving {
    bl_loop *loop;
    struct spy *spy;
};

static void run_here(void *arg) {
    struct moving *moving = arg;
    CHECK_OK(bl_loop_run(moving->loop, wait_for_byte, moving->spy));
}

ON_BOTH(a_watch_moves_with_its_loop_from_thread_to_thread) {
    struct spy spy;
    struct moving moving = { .loop = rig->loop, .spy = &spy };
    spy_on(&spy, rig->ends[0]);
    spy.reads = true;
    CHECK_OK(start(rig, &spy, BL_READABLE | BL_EDGE));
    for (int i = 1; i <= 3; i++) {
        say(rig->ends[1], "x");
        on_thread(run_here, &moving);
        CHECK_EQ(spy.calls, i);
        say(rig->ends[1], "x");
        run_here(&moving);
        CHECK_EQ(spy.calls, ++i);
    }
    bl_watch_stop(&spy.watch);
}

struct family {
    struct rig *rig;
    struct spy *spies[2];
};

/* In a forked child: the loop is the parent's, the numbers are its own. */
static int touch_in_child(void *arg) {
    struct family *family = arg;
    struct spy spy;
    spy_on(&spy, family->rig->ends[1]);
    if (bl_watch_start(family->rig->loop, &spy.watch, BL_READABLE) !=
        BL_ECLOSED) {
        return 1;
    }
    bl_watch_stop(&family->spies[0]->watch);
    if (bl_watch_close(&family->spies[1]->watch) != 0) return 2;
    return 0;
}

ON_BOTH(a_forked_child_leaves_the_watches_of_its_parent_alone) {
    struct spy spies[2];
    int ends[2];
    struct family family = { .rig = rig, .spies = { &spies[0], &spies[1] } };
    socket_pair(ends);
    spy_on(&spies[0], rig->ends[0]);
    spy_on(&spies[1], ends[0]);
    CHECK_OK(start(rig, &spies[0], BL_READABLE | BL_EDGE));
    CHECK_OK(start(rig, &spies[1], BL_READABLE));
    step(rig);
    CHECK_EQ(in_child(touch_in_child, &family), 0);
    say(rig->ends[1], "x");
    say(ends[1], "x");
    step(rig);
    CHECK_EQ(spies[0].calls, 1);
    CHECK_EQ(spies[1].calls, 1);
    bl_watch_stop(&spies[0].watch);
    bl_watch_stop(&spies[1].watch);
    close(ends[0]);
    close(ends[1]);
}

TEST(a_watch_outlives_its_loop_stopped, (driver)) {
    bl_loop_options options = { .size = sizeof options,
                                .driver = (bl_driver_kind)driver };
    bl_loop *loop;
    struct spy spy;
    int fds[2];
    tcp_pair(fds);
    REQUIRE_OK(bl_loop_open(&options, &loop));
    spy_on(&spy, fds[0]);
    CHECK_OK(bl_watch_start(loop, &spy.watch, BL_READABLE));
    bl_loop_close(loop);
    bl_watch_stop(&spy.watch);
    CHECK_OK(bl_watch_close(&spy.watch));
    CHECK(is_at_end(fds[1]));
    close(fds[1]);
}

/* ---- the order is the seam's ------------------------------------------- */

static uint32_t choose_last(void *context, bl_choice kind, uint32_t count,
                            const uint64_t *ids) {
    (void)ids;
    int *asked = context;
    if (kind != BL_CHOICE_IO) return 0;
    ++*asked;
    return count - 1;
}

static int order[3];
static int order_count;

static void on_event_note(void *context, unsigned events) {
    (void)events;
    order[order_count++] = *(int *)context;
}

TEST(the_order_of_reports_is_the_choice_of_the_seam, (driver),
     .no_loop = true) {
    static int numbers[3] = { 0, 1, 2 };
    int asked = 0;
    bl_loop_options options = {
        .size = sizeof options,
        .driver = (bl_driver_kind)driver,
        .choose = choose_last,
        .seam_context = &asked,
    };
    bl_loop *loop;
    bl_watch watches[3];
    REQUIRE_OK(bl_loop_open(&options, &loop));
    for (int i = 0; i < 3; i++) {
        int fd = eventfd(1, EFD_CLOEXEC);
        bl_watch_init(&watches[i], fd, on_event_note, &numbers[i]);
        CHECK_OK(bl_watch_start(loop, &watches[i], BL_READABLE));
    }
    CHECK_EQ(bl_loop_step(loop, 0), 0);
    CHECK_EQ(order_count, 3);
    CHECK_GE(asked, 2);
    CHECK_EQ(order[0], 2);
    CHECK_EQ(order[1], 1);
    CHECK_EQ(order[2], 0);
    for (int i = 0; i < 3; i++)
        CHECK_OK(bl_watch_close(&watches[i]));
    bl_loop_close(loop);
}
