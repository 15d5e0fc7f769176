/* SPDX-License-Identifier: MIT */
/*
 * loop/test_handle.c - a handle that is closed while its loop closes
 *
 * Either side may be first, and neither may touch what the other has freed.
 * What these tests look for shows under ThreadSanitizer.
 *
 * Legs: threads
 */
#include <belay/test.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum {
    ROUNDS = 500
};

/* A thread that gets a handle in each round and lets go of it at once. */
struct closer {
    _Atomic(bl_handle *) handle;
    atomic_bool is_over;
};

static void *close_handles(void *arg) {
    struct closer *closer = arg;
    while (!atomic_load(&closer->is_over)) {
        bl_handle *handle = atomic_exchange(&closer->handle, NULL);
        if (handle != NULL) {
            bl_thread_close(handle);
        } else {
            sched_yield();
        }
    }
    return NULL;
}

static int give_handle(void *arg) {
    struct closer *closer = arg;
    bl_handle *handle;
    BL_TRY(bl_handle_open(&handle));
    atomic_store(&closer->handle, handle);
    while (atomic_load(&closer->handle) != NULL)
        sched_yield();
    return 0; /* the other side has it in its hands, or closed, by now */
}

TEST(a_loop_and_its_handle_may_close_at_the_same_time, .no_loop = true) {
    struct closer closer = { .is_over = false };
    pthread_t thread;
    REQUIRE_EQ(pthread_create(&thread, NULL, close_handles, &closer), 0);
    for (int i = 0; i < ROUNDS; i++) {
        CHECK_OK(bl_run(give_handle, &closer));
    }
    atomic_store(&closer.is_over, true);
    pthread_join(thread, NULL);
}
