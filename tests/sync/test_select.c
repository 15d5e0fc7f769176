/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_select.c - select: one branch happens, and of the others
 * nothing
 *
 *     Legs: valgrind sweep
 */
#include "sync/callers.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/famine.h"
#include "support/sockets.h"

/* One of everything that can be waited for. */
struct world {
    bl_event event;
    bl_lock lock;
    bl_sem sem;
    bl_queue full;  /* of one item, 1 */
    bl_queue empty; /* of one slot */
    bl_future future;
    int fds[2]; /* nothing to read; room to write */
    int got;
    int put;
    void *value;
};

static void world_unmake(struct world **world) {
    bl_queue_done(&(*world)->full);
    bl_queue_done(&(*world)->empty);
    close((*world)->fds[0]);
    close((*world)->fds[1]);
    bl_free(*world);
}

static struct world *world_make(void) {
    struct world *world = bl_alloc(sizeof(*world));
    int one = 1;
    REQUIRE(world != NULL);
    *world = (struct world){ .got = -1, .put = 2 };
    REQUIRE_OK(bl_sem_init(&world->sem, 0, 0));
    REQUIRE_OK(bl_queue_init(&world->full, sizeof(int), 1));
    REQUIRE_OK(bl_queue_init(&world->empty, sizeof(int), 1));
    REQUIRE_OK(bl_queue_try_put(&world->full, &one));
    REQUIRE_OK(bl_future_init(&world->future));
    REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, world->fds), 0);
    return world;
}

/* A world in which nothing is ready, freed with its block. */
#define WORLD(name) struct world BL__CLEANUP(world_unmake) *name = world_make()

/* The branches, in this order, of which none is ready. */
enum {
    ON_EVENT,
    ON_LOCK,
    ON_SEM,
    ON_GET,
    ON_PUT,
    ON_FUTURE,
    ON_SLEEP,
    ON_FD,
    BRANCHES
};

/* A task that selects over all of the world. */
struct chooser {
    struct world *world;
    bl_branch branches[BRANCHES];
};

static int choose(void *arg) {
    struct chooser *chooser = arg;
    struct world *world = chooser->world;
    bl_branch *branches = chooser->branches;
    branches[ON_EVENT] = bl_on_event(&world->event);
    branches[ON_LOCK] = bl_on_lock(&world->lock);
    branches[ON_SEM] = bl_on_sem(&world->sem);
    branches[ON_GET] = bl_on_get(&world->empty, &world->got);
    branches[ON_PUT] = bl_on_put(&world->full, &world->put);
    branches[ON_FUTURE] = bl_on_future(&world->future, &world->value);
    branches[ON_SLEEP] = bl_on_sleep(SEC(100));
    branches[ON_FD] = bl_on_fd(world->fds[0], BL_READABLE);
    int which = bl_select(branches, BRANCHES);
    if (which == ON_LOCK && branches[ON_LOCK].rc == 0) {
        CHECK_EQ(bl_lock_release(&world->lock), 0);
    }
    return which;
}

/* Makes the branch `which` ready.  The lock is owned by the calling task. */
static void make_ready(struct world *world, int which) {
    int item = 5;
    switch (which) {
    case ON_EVENT: bl_event_set(&world->event); break;
    case ON_LOCK: CHECK_OK(bl_lock_release(&world->lock)); break;
    case ON_SEM: CHECK_OK(bl_sem_release(&world->sem)); break;
    case ON_GET: CHECK_OK(bl_queue_try_put(&world->empty, &item)); break;
    case ON_PUT:
        CHECK_OK(bl_queue_try_get(&world->full, &item));
        CHECK_EQ(item, 1);
        break;
    case ON_FUTURE: CHECK_OK(bl_future_set(&world->future, 9, world)); break;
    case ON_SLEEP: CHECK_OK(bl_sleep(SEC(200))); break;
    case ON_FD: CHECK_EQ(write(world->fds[1], "x", 1), 1); break;
    default: t_fail("no such branch: %d", which);
    }
}

/*
 * Of the branch `which` everything has happened, and of the others nothing:
 * nobody is left in a line, and what they would have taken is still there.
 */
static void check_happened(struct world *world, const bl_branch *branches,
                           int which) {
    static const int codes[BRANCHES] = {
        [ON_FUTURE] = 9, [ON_FD] = BL_READABLE
    };
    int item = 0;
    CHECK_EQ(branches[which].rc, codes[which]);
    CHECK_EQ(world->got, which == ON_GET ? 5 : -1);
    CHECK_EQ(world->value, which == ON_FUTURE ? (void *)world : NULL);

    CHECK_OK(bl_sem_release(&world->sem));
    CHECK_EQ(bl_sem_value(&world->sem), 1);
    CHECK_OK(bl_queue_try_put(&world->empty, &item));
    CHECK_EQ(bl_queue_count(&world->empty), 1);
    CHECK_OK(bl_queue_try_get(&world->full, &item));
    CHECK_EQ(item, which == ON_PUT ? 2 : 1);
    CHECK_EQ(bl_queue_count(&world->full), 0);
    if (which != ON_LOCK) CHECK_OK(bl_lock_release(&world->lock));
    CHECK(!bl_lock_is_held(&world->lock));

    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    CHECK_EQ(info.timers_armed, 0);
    CHECK_EQ(info.watches, 0);
}

PARAM(int, which, ON_EVENT, ON_LOCK, ON_SEM, ON_GET, ON_PUT, ON_FUTURE,
      ON_SLEEP, ON_FD);

/* ---- exactly one --------------------------------------------------------- */

TEST(the_branch_that_is_served_wins_and_nothing_else_happens, (which)) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    struct caller caller = calls(choose, &chooser);
    CHECK_OK(bl_lock_acquire(&world->lock));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    make_ready(world, which);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, which);
    check_happened(world, chooser.branches, which);
}

static int release_lock(void *lock) {
    return bl_lock_release(lock);
}

TEST(a_branch_that_is_ready_wins_without_a_wait, (which)) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    struct caller owner = calls(release_lock, &world->lock);
    BL_GROUP_SCOPED(group);
    bl_branch branch = bl_on_sleep(0);
    bool has_limit = which == ON_SLEEP;
    CHECK_OK(bl_lock_acquire(&world->lock));
    if (!has_limit) make_ready(world, which);
    callers_start(&group, &owner, 1); /* may not release it */
    CHECK(which == ON_LOCK || owner.rc == BL_EPERM);
    if (has_limit) {
        CHECK_EQ(bl_select(&branch, 1), 0);
    } else {
        struct caller caller = calls(choose, &chooser);
        callers_start(&group, &caller, 1);
        CHECK(caller.is_done);
        CHECK_EQ(caller.rc, which);
        check_happened(world, chooser.branches, which);
    }
    REQUIRE_OK(bl_group_exit(&group, 0));
    if (bl_lock_is_held(&world->lock)) BL_IGNORE(bl_lock_release(&world->lock));
}

TEST(two_branches_that_become_ready_together_are_not_both_taken) {
    for (int first = 0; first < BRANCHES; first++) {
        for (int second = 0; second < BRANCHES; second++) {
            if (first == second) continue;
            if (first == ON_SLEEP || second == ON_SLEEP) continue;
            if (first == ON_FD || second == ON_FD) continue;
            T_INFO("branch %d, then %d", first, second);
            WORLD(world);
            struct chooser chooser = { .world = world };
            struct caller caller = calls(choose, &chooser);
            CHECK_OK(bl_lock_acquire(&world->lock));
            BL_GROUP_SCOPED(group);
            callers_start(&group, &caller, 1);
            make_ready(world, first);
            make_ready(world, second);
            REQUIRE_OK(bl_group_exit(&group, 0));
            CHECK_EQ(caller.rc, first);
            CHECK(first == ON_GET || world->got == -1);
            CHECK(first == ON_FUTURE || world->value == NULL);
            CHECK_EQ(bl_sem_value(&world->sem), second == ON_SEM);
            CHECK_EQ(bl_queue_count(&world->empty), second == ON_GET);
            CHECK_EQ(bl_queue_count(&world->full), second != ON_PUT);
            if (bl_lock_is_held(&world->lock)) {
                BL_IGNORE(bl_lock_release(&world->lock)); /* if it is ours */
            }
        }
    }
}

TEST(the_first_of_those_that_are_ready_wins) {
    bl_event events[3] = { BL_EVENT_INIT, BL_EVENT_INIT, BL_EVENT_INIT };
    bl_event_set(&events[1]);
    bl_event_set(&events[2]);
    for (int i = 0; i < 5; i++) {
        bl_branch branches[] = { bl_on_event(&events[0]),
                                 bl_on_event(&events[1]),
                                 bl_on_event(&events[2]) };
        CHECK_EQ(bl_select(branches, 3), 1);
    }
}

TEST(a_ready_descriptor_goes_before_a_later_ready_branch) {
    WORLD(world);
    bl_event_set(&world->event);
    bl_branch branches[] = { bl_on_fd(world->fds[0], BL_READABLE),
                             bl_on_fd(world->fds[0], BL_WRITABLE),
                             bl_on_event(&world->event) };
    CHECK_EQ(bl_select(branches, 3), 1);
    CHECK_EQ(branches[1].rc, BL_WRITABLE);
}

TEST(a_fair_select_leaves_nobody_out) {
    int wins[3] = { 0 };
    size_t turn = 0;
    bl_event events[3] = { BL_EVENT_INIT, BL_EVENT_INIT, BL_EVENT_INIT };
    bl_event_set(&events[0]);
    bl_event_set(&events[2]);
    for (int i = 0; i < 10; i++) {
        bl_branch branches[] = { bl_on_event(&events[0]),
                                 bl_on_event(&events[1]),
                                 bl_on_event(&events[2]) };
        int winner = bl_select_fair(branches, 3, &turn);
        REQUIRE_GE(winner, 0);
        CHECK_EQ(turn, (size_t)(winner + 1) % 3);
        wins[winner]++;
    }
    CHECK_EQ(wins[0], 5);
    CHECK_EQ(wins[1], 0);
    CHECK_EQ(wins[2], 5);
}

TEST(a_fair_select_takes_any_turn_and_keeps_it_when_it_fails) {
    bl_event event = BL_EVENT_INIT;
    bl_branch branches[] = { bl_on_event(&event), bl_on_sleep(SEC(1)) };
    size_t turn = SIZE_MAX;
    CHECK_EQ(bl_select_fair(branches, 2, &turn), 1);
    CHECK_EQ(turn, 0);
    turn = 7;
    CHECK_ERR(bl_select_fair(branches, 0, &turn), BL_EINVAL);
    CHECK_ERR(bl_select_fair(NULL, 2, &turn), BL_EINVAL);
    CHECK_ERR(bl_select_fair(branches, 2, NULL), BL_EINVAL);
    CHECK_EQ(turn, 7);
}

TEST(a_select_has_its_place_in_line_like_anybody_else) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    struct caller select = calls_as("select", choose, &chooser);
    struct deal {
        bl_queue *queue;
        int item;
    } deals[] = { { &world->empty, -1 }, { &world->empty, -1 } };
    CHECK_OK(bl_lock_acquire(&world->lock));
    BL_GROUP_SCOPED(group);
    bl_branch only[] = { bl_on_get(&world->empty, &deals[0].item) };
    callers_start(&group, &select, 1);
    int item = 5;
    CHECK_OK(bl_queue_try_put(&world->empty, &item));
    item = 6;
    CHECK_OK(bl_queue_try_put(&world->empty, &item));
    CHECK_EQ(bl_select(only, 1), 0);
    CHECK_EQ(deals[0].item, 6);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(select.rc, ON_GET);
    CHECK_EQ(world->got, 5);
    CHECK_OK(bl_lock_release(&world->lock));
}

static int select_twice_the_same(void *event) {
    bl_branch branches[] = { bl_on_event(event), bl_on_event(event),
                             bl_on_event(event) };
    return bl_select(branches, 3);
}

static int wait_for(void *event) {
    return bl_event_wait(event);
}

TEST(the_same_object_may_be_in_several_branches) {
    bl_event event = BL_EVENT_INIT;
    struct caller callers[] = { calls(wait_for, &event),
                                calls(select_twice_the_same, &event),
                                calls(wait_for, &event) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 3);
    bl_event_set(&event);
    REQUIRE_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < 3; i++)
        CHECK_EQ(callers[i].rc, 0);
}

TEST(many_branches_can_be_selected_over_again) {
    enum {
        MANY = 100
    };
    bl_event events[MANY];
    bl_branch branches[MANY];
    for (int i = 0; i < MANY; i++) {
        bl_event_init(&events[i]);
        branches[i] = bl_on_event(&events[i]);
    }
    for (int i = MANY - 1; i >= 0; i -= 33) {
        bl_event_set(&events[i]);
        CHECK_EQ(bl_select(branches, MANY), i);
        bl_event_clear(&events[i]);
        CHECK_ERR(bl_wait_for(bl_select(branches, MANY), SEC(1)), BL_ETIMEDOUT);
    }
}

/* ---- what each kind says ------------------------------------------------- */

TEST(a_shutdown_is_a_result_of_its_branch, (which)) {
    if (which != ON_GET && which != ON_PUT) return;
    WORLD(world);
    bl_queue *queue = which == ON_GET ? &world->empty : &world->full;
    struct chooser chooser = { .world = world };
    struct caller caller = calls(choose, &chooser);
    CHECK_OK(bl_lock_acquire(&world->lock));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    bl_queue_shutdown(queue);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, which);
    CHECK_ERR(chooser.branches[which].rc, BL_ESHUTDOWN);
    CHECK_EQ(world->got, -1);

    bl_branch branch = which == ON_GET ? bl_on_get(queue, &world->got)
                                       : bl_on_put(queue, &world->put);
    CHECK_EQ(bl_select(&branch, 1), 0);
    CHECK_ERR(branch.rc, BL_ESHUTDOWN);
    CHECK_OK(bl_lock_release(&world->lock));
}

static int acquire_and_die(void *lock) {
    int rc = bl_lock_acquire(lock);
    return rc < 0 ? rc : bl_sleep(SEC(1));
}

/* Rigid: if no owner died it owns the lock itself, and ends with it. */
TEST(a_lock_that_breaks_is_a_result_of_its_branch, .tags = "rigid") {
    WORLD(world);
    struct chooser chooser = { .world = world };
    struct caller callers[] = { calls(acquire_and_die, &world->lock),
                                calls(choose, &chooser) };
    BL_GROUP_SCOPED(group);
    callers_start(&group, callers, 2);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(callers[1].rc, ON_LOCK);
    CHECK_ERR(chooser.branches[ON_LOCK].rc, BL_EOWNERDEAD);

    bl_branch branch = bl_on_lock(&world->lock);
    CHECK_EQ(bl_select(&branch, 1), 0);
    CHECK_ERR(branch.rc, BL_EOWNERDEAD);
}

TEST(an_error_in_a_future_is_a_result_of_its_branch) {
    WORLD(world);
    bl_branch branches[] = { bl_on_sleep(SEC(1)),
                             bl_on_future(&world->future, &world->value) };
    CHECK_EQ(bl_select(branches, 2), 0);
    CHECK_OK(bl_future_set(&world->future, BL_EIO, world));
    CHECK_EQ(bl_select(branches, 2), 1);
    CHECK_ERR(branches[1].rc, BL_EIO);
    CHECK_EQ(world->value, NULL);
}

static int return_seven(void *arg) {
    int rc = bl_sleep(SEC(NUMBER(arg)));
    bl_task_set_value(arg);
    return rc < 0 ? rc : 7;
}

TEST(a_task_that_ends_tells_its_outcome) {
    bl_task *tasks[2];
    bl_outcome outcomes[2] = { { 0 }, { 0 } };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, return_seven, ARG(9), &tasks[0]));
    REQUIRE_OK(bl_spawn_task(&group, return_seven, ARG(2), &tasks[1]));
    bl_branch branches[] = { bl_on_task(tasks[0], &outcomes[0]),
                             bl_on_task(tasks[1], &outcomes[1]) };
    TAKES(SEC(2)) CHECK_EQ(bl_select(branches, 2), 1);
    CHECK_EQ(branches[1].rc, 0);
    CHECK_EQ(outcomes[1].rc, 7);
    CHECK_EQ(outcomes[1].value, ARG(2));
    CHECK_EQ(outcomes[0].rc, 0);
    TAKES(0) CHECK_EQ(bl_select(branches, 2), 1); /* ended already */
    branches[1] = bl_on_task(tasks[0], NULL);
    TAKES(SEC(7)) CHECK_EQ(bl_select(&branches[1], 1), 0);
    REQUIRE_OK(bl_group_exit(&group, 0));
    bl_task_unref(tasks[0]);
    bl_task_unref(tasks[1]);
}

static int select_on_task(void *task) {
    bl_branch branches[] = { bl_on_task(task, NULL), bl_on_sleep(SEC(100)) };
    return bl_select(branches, 2);
}

TEST(a_task_may_be_let_go_of_while_a_select_waits_for_it) {
    bl_task *task;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn_task(&group, kid_sleeps, ARG(SEC(1)), &task));
    struct caller caller = calls(select_on_task, task);
    callers_start(&group, &caller, 1);
    bl_task_unref(task);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
}

TEST(a_sleep_is_counted_from_the_select) {
    bl_branch branches[] = { bl_on_sleep(SEC(3)), bl_on_sleep(SEC(2)) };
    CHECK_OK(bl_sleep(SEC(10)));
    TAKES(SEC(2)) CHECK_EQ(bl_select(branches, 2), 1);
    TAKES(SEC(2)) CHECK_EQ(bl_select(branches, 2), 1);
}

TEST(a_sleep_of_nothing_is_over_when_its_turn_comes) {
    bl_event event = BL_EVENT_INIT;
    bl_event_set(&event);
    bl_branch branches[] = { bl_on_event(&event), bl_on_sleep(-1) };
    CHECK_EQ(bl_select(branches, 2), 0);
    bl_event_clear(&event);
    TAKES(0) CHECK_EQ(bl_select(branches, 2), 1);
    branches[0] = bl_on_sleep(BL_FOREVER);
    branches[1] = bl_on_sleep(INT64_MIN);
    TAKES(0) CHECK_EQ(bl_select(branches, 2), 1);
}

TEST(a_hang_up_makes_a_descriptor_ready) {
    int fds[2];
    REQUIRE_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    bl_branch branches[] = { bl_on_sleep(SEC(1)),
                             bl_on_fd(fds[0], BL_READABLE) };
    CHECK_EQ(bl_select(branches, 2), 0);
    close(fds[1]);
    CHECK_EQ(bl_select(branches, 2), 1);
    CHECK_EQ(branches[1].rc, BL_READABLE);
    close(fds[0]);
}

/* ---- a kind of one's own ------------------------------------------------- */

/* A bell: whoever waits hears each stroke, with its number. */
struct bell {
    bl_waitq listeners;
    bl_branch *ringing; /* by a branch that does not stand in line */
    int begun;
    int ended;
};

static bool bell_try(bl_branch *branch) {
    (void)branch;
    return false;
}

static int bell_join(bl_branch *branch) {
    struct bell *bell = branch->object;
    bl_branch_join(branch, &bell->listeners, NULL);
    return 0;
}

static int bell_begin(bl_branch *branch) {
    struct bell *bell = branch->object;
    bell->ringing = branch;
    bell->begun++;
    return 0;
}

static void bell_end(bl_branch *branch) {
    struct bell *bell = branch->object;
    bell->ringing = NULL;
    bell->ended++;
}

static const bl_branch_ops in_line = { .try_commit = bell_try,
                                       .begin = bell_join };
static const bl_branch_ops by_hand = { .try_commit = bell_try,
                                       .begin = bell_begin,
                                       .end = bell_end };

struct listener {
    struct bell *bell;
    const bl_branch_ops *ops;
    int heard;
};

static int listen_to(void *arg) {
    struct listener *listener = arg;
    bl_branch branches[] = {
        bl_on_sleep(SEC(1)), { .ops = listener->ops, .object = listener->bell }
    };
    int which = bl_select(branches, 2);
    if (which == 1) listener->heard = branches[1].rc;
    return which;
}

TEST(a_kind_of_ones_own_can_be_served_in_line) {
    struct bell bell = { .begun = 0 };
    struct listener listener = { &bell, &in_line, 0 };
    struct caller caller = calls(listen_to, &listener);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_EQ(bl_waitq_serve_all(&bell.listeners, 3), 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 1);
    CHECK_EQ(listener.heard, 3);
    CHECK_EQ(listen_to(&listener), 0);
    CHECK_EQ(bl_waitq_serve_all(&bell.listeners, 3), 0);
}

TEST(a_kind_of_ones_own_can_commit_by_itself) {
    struct bell bell = { .begun = 0 };
    struct listener listener = { &bell, &by_hand, 0 };
    struct caller caller = calls(listen_to, &listener);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    REQUIRE(bell.ringing != NULL);
    bl_branch_commit(bell.ringing, 4);
    CHECK_EQ(bell.ended, 1);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 1);
    CHECK_EQ(listener.heard, 4);
    CHECK_EQ(listen_to(&listener), 0);
    CHECK_EQ(bell.begun, 2);
    CHECK_EQ(bell.ended, 2);
}

/* ---- cancellation -------------------------------------------------------- */

TEST(a_cancelled_select_leaves_everything_as_it_was) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    struct caller caller = calls(choose, &chooser);
    CHECK_OK(bl_lock_acquire(&world->lock));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    caller_cancel(&caller);
    make_ready(world, ON_EVENT);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ECANCELED);
    check_happened(world, chooser.branches, ON_EVENT);
}

TEST(a_select_that_was_served_survives_its_cancellation, (which)) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    struct caller caller = calls(choose, &chooser);
    if (which == ON_SLEEP || which == ON_FD) return; /* served by the loop */
    CHECK_OK(bl_lock_acquire(&world->lock));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    make_ready(world, which);
    caller_cancel(&caller);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, which);
    CHECK_ERR(caller.after_rc, BL_ECANCELED);
    check_happened(world, chooser.branches, which);
}

TEST(in_a_cancelled_scope_even_a_ready_branch_does_not_commit) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    CHECK_OK(bl_sem_release(&world->sem));
    CHECK_ERR(in_cancelled_scope(choose, &chooser), BL_ECANCELED);
    CHECK_EQ(bl_sem_value(&world->sem), 1);
}

/* ---- the wrong argument, the wrong place --------------------------------- */

TEST(a_select_needs_branches) {
    bl_event event = BL_EVENT_INIT;
    bl_branch branch = bl_on_event(&event);
    bl_branch none = { .rc = 0 };
    CHECK_ERR(bl_select(NULL, 1), BL_EINVAL);
    CHECK_ERR(bl_select(&branch, 0), BL_EINVAL);
    CHECK_ERR(bl_select(&branch, (size_t)INT_MAX + 1), BL_EINVAL);
    CHECK_ERR(bl_select(&none, 1), BL_EINVAL);
}

TEST(a_branch_needs_an_object) {
    WORLD(world);
    bl_sem no_sem = { 0 };
    bl_queue no_queue = { 0 };
    bl_future no_future = { 0 };
    int item = 0;
    bl_branch branches[] = {
        bl_on_event(NULL),
        bl_on_lock(NULL),
        bl_on_sem(NULL),
        bl_on_sem(&no_sem),
        bl_on_get(NULL, &item),
        bl_on_get(&world->empty, NULL),
        bl_on_put(NULL, &item),
        bl_on_put(&world->full, NULL),
        bl_on_get(&no_queue, &item),
        bl_on_future(NULL, NULL),
        bl_on_future(&no_future, NULL),
        bl_on_task(NULL, NULL),
        bl_on_fd(world->fds[0], 0),
        bl_on_fd(world->fds[0], 64),
    };
    for (size_t i = 0; i < sizeof(branches) / sizeof(branches[0]); i++) {
        T_INFO("branch %zu", i);
        bl_branch pair[] = { bl_on_sleep(0), branches[i] };
        CHECK_ERR(bl_select(pair, 2), BL_EINVAL);
    }
}

TEST(a_select_that_could_never_end_is_refused) {
    bl_lock lock = BL_LOCK_INIT;
    bl_branch branches[] = { bl_on_sleep(0), bl_on_lock(&lock) };
    CHECK_OK(bl_lock_acquire(&lock));
    CHECK_ERR(bl_select(branches, 2), BL_EDEADLK);
    CHECK_OK(bl_lock_release(&lock));
    branches[1] = bl_on_task(bl_task_current(), NULL);
    CHECK_ERR(bl_select(branches, 2), BL_EDEADLK);
}

TEST(a_descriptor_that_cannot_be_watched_fails_the_select) {
    WORLD(world);
    /* A number that the loop's own descriptors will not take meanwhile. */
    int closed = fcntl(world->fds[0], F_DUPFD_CLOEXEC, 200);
    REQUIRE_GE(closed, 0);
    close(closed);
    bl_branch branches[] = { bl_on_sleep(SEC(1)), bl_on_fd(closed, BL_READABLE),
                             bl_on_get(&world->empty, &world->got) };
    CHECK_ERR(bl_select(branches, 3), BL_EBADF);
    branches[1] = bl_on_fd(-1, BL_READABLE);
    CHECK_ERR(bl_select(branches, 3), BL_EBADF);
    CHECK_OK(bl_queue_try_put(&world->empty, &world->put));
    CHECK_EQ(bl_queue_count(&world->empty), 1);
}

static int select_on_fd(void *arg) {
    bl_branch branch = bl_on_fd((int)NUMBER(arg), BL_READABLE);
    return bl_select(&branch, 1);
}

TEST(a_direction_that_somebody_waits_for_is_busy) {
    WORLD(world);
    struct caller caller = calls(select_on_fd, ARG(world->fds[0]));
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    WITHIN(SEC(1)) {
        CHECK_ERR(select_on_fd(ARG(world->fds[0])), BL_EBUSY);
    }
    caller_cancel(&caller);
    REQUIRE_OK(bl_group_exit(&group, 0));
    CHECK_ERR(caller.rc, BL_ECANCELED);
}

TEST(a_select_says_where_it_cannot_be_made) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    CHECK_ERR(without_loop(choose, &chooser), BL_ENOLOOP);
    CHECK_ERR(in_callback(choose, &chooser), BL_ENOTASK);
}

static int select_one(void *branch) {
    return bl_select(branch, 1);
}

TEST(an_object_of_another_loop_is_refused) {
    WORLD(world);
    struct chooser chooser = { .world = world };
    CHECK_OK(bl_sem_release(&world->sem));
    CHECK_EQ(choose(&chooser), ON_LOCK); /* all of it is at home here now */
    for (int i = ON_EVENT; i <= ON_FUTURE; i++) {
        T_INFO("branch %d", i);
        CHECK_ERR(in_other_loop(select_one, &chooser.branches[i]), BL_ETHREAD);
    }
}

TEST(a_task_of_another_loop_is_refused) {
    bl_task *task;
    BL_GROUP_SCOPED(group);
    CHECK_OK(bl_spawn_task(&group, kid_sleeps, ARG(1), &task));
    CHECK(bl_task_loop(task) == bl_loop_running());
    bl_branch branch = bl_on_task(task, NULL);
    CHECK_ERR(in_other_loop(select_one, &branch), BL_ETHREAD);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_ERR(in_other_loop(select_one, &branch), BL_ETHREAD);
    bl_task_unref(task);
}

TEST(a_descriptor_that_is_closed_is_a_result_of_its_branch) {
    int fds[2];
    socket_pair(fds);
    bl_branch branch = bl_on_fd(fds[0], BL_READABLE);
    struct caller caller = calls(select_one, &branch);
    BL_GROUP_SCOPED(group);
    callers_start(&group, &caller, 1);
    CHECK_OK(bl_fd_close(fds[0]));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(caller.rc, 0);
    CHECK_ERR(branch.rc, BL_ECLOSED);
    close(fds[1]);
}

TEST(a_descriptor_for_which_there_is_no_memory_fails_the_select) {
    WORLD(world);
    bl_branch branches[] = { bl_on_get(&world->empty, &world->got),
                             bl_on_fd(world->fds[0], BL_READABLE) };
    famine_begin(0);
    int rc = bl_select(branches, 2);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_OK(bl_queue_try_put(&world->empty, &world->put));
    CHECK_EQ(bl_queue_count(&world->empty), 1);
}

TEST(without_descriptors_a_select_needs_no_memory) {
    WORLD(world);
    bl_branch branches[] = { bl_on_get(&world->empty, &world->got),
                             bl_on_event(&world->event),
                             bl_on_future(&world->future, NULL),
                             bl_on_sleep(SEC(1)) };
    famine_begin(0);
    int rc = bl_select(branches, 4);
    famine_end();
    CHECK_EQ(rc, 3);
}

/* ---- under every cancellation, in every order ---------------------------- */

enum {
    PUTTERS = 2,
    SELECTORS = 3,
    ITEMS = 3
};

/* Items go to and fro between two queues; none may be lost or doubled. */
struct market {
    bl_queue queues[2];
    bl_event closing;
    int put_count;
    int got_count;
    int sum; /* of what was put, less what was got */
};

static int put_either(void *arg) {
    struct market *market = arg;
    for (int i = 1; i <= ITEMS; i++) {
        int item = i;
        bl_branch branches[] = { bl_on_put(&market->queues[0], &item),
                                 bl_on_put(&market->queues[1], &item),
                                 bl_on_event(&market->closing) };
        int which = bl_select(branches, 3);
        if (which < 0 || which == 2) return which;
        CHECK_ALWAYS(branches[which].rc == 0);
        market->put_count++;
        market->sum += item;
    }
    return 0;
}

static int get_either(void *arg) {
    struct market *market = arg;
    for (;;) {
        int items[2] = { 0, 0 };
        bl_branch branches[] = { bl_on_get(&market->queues[0], &items[0]),
                                 bl_on_get(&market->queues[1], &items[1]),
                                 bl_on_event(&market->closing) };
        int which = bl_select(branches, 3);
        CHECK_ALWAYS(which == 0 || items[0] == 0);
        CHECK_ALWAYS(which == 1 || items[1] == 0);
        if (which < 0 || which == 2) return which;
        CHECK_ALWAYS(branches[which].rc == 0);
        market->got_count++;
        market->sum -= items[which];
    }
}

static void trade(struct market *market) {
    struct caller callers[PUTTERS + SELECTORS];
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < PUTTERS + SELECTORS; i++) {
        callers[i] = calls(i < PUTTERS ? put_either : get_either, market);
        BL_IGNORE(bl_spawn(&group, caller_run, &callers[i])); /* may fail */
    }
    BL_IGNORE(bl_yield()); /* may be cancelled */
    caller_cancel(&callers[PUTTERS]);
    BL_IGNORE(bl_sleep(SEC(1))); /* as above */
    bl_event_set(&market->closing);
    BL_IGNORE(bl_group_exit(&group, 0)); /* as above */

    int item;
    for (int i = 0; i < 2; i++) {
        while (bl_queue_try_get(&market->queues[i], &item) == 0) {
            market->got_count++;
            market->sum -= item;
        }
    }
    CHECK_ALWAYS(market->put_count == market->got_count);
    CHECK_ALWAYS(market->sum == 0);
    if (!t_injected()) CHECK_EQ(market->put_count, PUTTERS * ITEMS);
}

static void check_market(void) {
    struct market market = { .closing = BL_EVENT_INIT };
    int rc = bl_queue_init(&market.queues[0], sizeof(int), 1);
    if (rc == 0) rc = bl_queue_init(&market.queues[1], sizeof(int), 2);
    if (rc == 0) trade(&market);
    bl_queue_done(&market.queues[1]);
    bl_queue_done(&market.queues[0]);
}

TEST(selected_items_survive_every_cancellation, .sweep = T_CANCEL | T_OOM) {
    check_market();
}

TEST(selected_items_survive_every_order, .schedules = 300) {
    check_market();
}
