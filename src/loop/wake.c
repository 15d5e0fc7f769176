/* SPDX-License-Identifier: MIT */
/*
 * loop/wake.c - how other threads reach a loop
 *
 * Posts form a lock-free stack, newest first; the loop takes it whole and
 * turns it round, so the calls of one thread are made in order.  The thread
 * that finds the flag is_woken down raises it and, unless the loop spins,
 * writes the wake-up descriptor; the loop lowers it before it takes the posts,
 * so a post that comes later writes again.
 *
 * A handle keeps a small object alive, not the loop: when the loop closes, it
 * takes itself out of its handles under each one's mutex, and later posts get
 * BL_ECLOSED.
 */
#include <belay/error.h>
#include <belay/thread.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"
#include "loop/loop.h"
#include "loop/offload.h"

struct bl_handle {
    pthread_mutex_t mutex;
    bl_loop *loop;        /* NULL once the loop is closed; guarded by mutex */
    bl_link link;         /* in the loop's handles; by its handle_mutex */
    const void *opener;   /* the place in the code; for people */
    atomic_uint refcount; /* one of the user, one of the loop's list */
};

struct call_post {
    struct bl__post post;
    bl_callback *fn;
    void *context;
    bl_loop *loop;
};

/* ---- the wake-up ------------------------------------------------------- */

void bl__wake(bl_loop *loop) {
    if (atomic_exchange(&loop->is_woken, true)) return;
    if (atomic_load(&loop->is_looking)) return;
    uint64_t one = 1;
    ssize_t count;
    do {
        count = -1;
        if (bl__hard_interrupts()) continue;
        count = write(loop->wake_fd, &one, sizeof one);
    } while (count < 0 && errno == EINTR);
}

void bl__wake_drain(bl_loop *loop) {
    if (!atomic_load_explicit(&loop->is_woken, memory_order_relaxed)) return;
    uint64_t count;
    BL_IGNORE(read(loop->wake_fd, &count, sizeof count) < 0);
    atomic_store(&loop->is_woken, false);
}

/*
 * As soon as the post is in the stack the loop may run it, and end: the count
 * of posters keeps the loop's memory until this thread has let go of it.
 */
void bl__post(bl_loop *loop, struct bl__post *post) {
    atomic_fetch_add(&loop->posters, 1);
    post->next = atomic_load_explicit(&loop->posts, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&loop->posts, &post->next,
                                                  post, memory_order_release,
                                                  memory_order_relaxed)) {}
    bl__wake(loop);
    atomic_fetch_sub(&loop->posters, 1);
}

bool bl__posts_run(bl_loop *loop) {
    bl__wake_drain(loop);
    if (atomic_load_explicit(&loop->posts, memory_order_relaxed) == NULL) {
        return false;
    }
    struct bl__post *newest =
        atomic_exchange_explicit(&loop->posts, NULL, memory_order_acquire);
    struct bl__post *oldest = NULL;
    while (newest != NULL) {
        struct bl__post *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        struct bl__post *next = oldest->next; /* fn may free the post */
        oldest->fn(oldest);
        oldest = next;
    }
    bl__pool_deliver(loop);
    return true;
}

/* ---- handles ----------------------------------------------------------- */

int bl_handle_open(bl_handle **handle) {
    if (handle == NULL) return BL_EINVAL;
    bl_loop *loop = bl__loop_current;
    if (loop == NULL) return BL_ENOLOOP;

    bl_handle *made = bl__alloc_zeroed(1, sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    pthread_mutex_init(&made->mutex, NULL);
    made->loop = loop;
    made->opener = __builtin_return_address(0);
    atomic_init(&made->refcount, 2);

    pthread_mutex_lock(&loop->handle_mutex);
    bl__list_append(&loop->handles, &made->link);
    pthread_mutex_unlock(&loop->handle_mutex);
    atomic_fetch_add(&loop->pins, 1);
    *handle = made;
    return 0;
}

static void call_run(struct bl__post *post) {
    struct call_post *call = bl__container_of(post, struct call_post, post);
    bl_callback *fn = call->fn;
    void *context = call->context;
    bl__free(call);
    fn(context);
}

/* Posts under the mutex, so that the loop cannot close meanwhile. */
static int handle_post(bl_handle *handle, struct bl__post *post) {
    int rc = 0;
    pthread_mutex_lock(&handle->mutex);
    if (handle->loop != NULL) {
        bl__post(handle->loop, post);
    } else {
        rc = BL_ECLOSED;
    }
    pthread_mutex_unlock(&handle->mutex);
    return rc;
}

int bl_thread_post(bl_handle *handle, bl_callback *fn, void *context) {
    if (handle == NULL) return BL_EINVAL;
    if (fn == NULL) return BL_EINVAL;
    struct call_post *call = bl__alloc(sizeof *call);
    if (call == NULL) return BL_ENOMEM;

    *call = (struct call_post){ .post = { .fn = call_run },
                                .fn = fn,
                                .context = context };
    int rc = handle_post(handle, &call->post);
    if (rc < 0) bl__free(call);
    return rc;
}

void bl_thread_wake(bl_handle *handle) {
    pthread_mutex_lock(&handle->mutex);
    if (handle->loop != NULL) bl__wake(handle->loop);
    pthread_mutex_unlock(&handle->mutex);
}

static void handle_unref(bl_handle *handle) {
    if (atomic_fetch_sub(&handle->refcount, 1) > 1) return;
    pthread_mutex_destroy(&handle->mutex);
    bl__free(handle);
}

/*
 * Takes `handle` out of its loop's list.  Whoever finds it linked drops the
 * reference of the list: the user who closes it, or the loop that closes.
 */
static bool handle_unlink(bl_loop *loop, bl_handle *handle) {
    pthread_mutex_lock(&loop->handle_mutex);
    bool was_linked = bl__list_is_linked(&handle->link);
    bl__list_remove(&handle->link);
    pthread_mutex_unlock(&loop->handle_mutex);
    return was_linked;
}

/*
 * While the mutex is held and the handle is in its loop's list, the loop cannot
 * finish closing: bl__handles_done takes the mutex of each of its handles
 * first.  Once the handle is out of the list, the count of posters keeps it.
 */
static bool handle_leave(bl_handle *handle) {
    bl_loop *loop = handle->loop;
    if (loop == NULL) return false;
    atomic_fetch_add(&loop->posters, 1);
    bool was_linked = handle_unlink(loop, handle);
    if (was_linked) {
        handle->loop = NULL;
        atomic_fetch_sub(&loop->pins, 1);
        bl__wake(loop); /* it may be in a deadlock now, and has to look */
    }
    atomic_fetch_sub(&loop->posters, 1);
    return was_linked;
}

void bl_thread_close(bl_handle *handle) {
    if (handle == NULL) return;

    pthread_mutex_lock(&handle->mutex);
    bool was_linked = handle_leave(handle);
    pthread_mutex_unlock(&handle->mutex);
    if (was_linked) handle_unref(handle);
    handle_unref(handle);
}

void bl__handles_done(bl_loop *loop) {
    for (;;) {
        pthread_mutex_lock(&loop->handle_mutex);
        bl_link *first = bl__list_first(&loop->handles);
        if (first != NULL) bl__list_remove(first);
        pthread_mutex_unlock(&loop->handle_mutex);
        if (first == NULL) break;

        bl_handle *handle = bl__container_of(first, bl_handle, link);
        pthread_mutex_lock(&handle->mutex);
        handle->loop = NULL;
        pthread_mutex_unlock(&handle->mutex);
        atomic_fetch_sub(&loop->pins, 1);
        handle_unref(handle);
    }
    /* Posters that still hold on to the loop are about to let go. */
    while (atomic_load(&loop->posters) > 0)
        sched_yield();
}

bool bl__handles_each(bl_loop *loop,
                      bool (*fn)(const bl_handle *handle, const void *opener,
                                 void *context),
                      void *context) {
    bool goes_on = true;
    pthread_mutex_lock(&loop->handle_mutex);
    bl__list_each(link, &loop->handles) {
        const bl_handle *handle = bl__container_of(link, bl_handle, link);
        if (goes_on) goes_on = fn(handle, handle->opener, context);
    }
    pthread_mutex_unlock(&loop->handle_mutex);
    return goes_on;
}

/* ---- posts that allocate nothing --------------------------------------- */

void bl_loop_pin(bl_loop *loop) {
    atomic_fetch_add(&loop->pins, 1);
}

void bl_loop_unpin(bl_loop *loop) {
    unsigned before = atomic_fetch_sub(&loop->pins, 1);
    BL__ASSERT(before > 0);
}

void bl_loop_expect(bl_loop *loop) {
    loop->expectations++;
}

void bl_loop_unexpect(bl_loop *loop) {
    BL__ASSERT(loop->expectations > 0);
    loop->expectations--;
}

static void pinned_run(struct bl__post *post) {
    bl_post *pinned = bl__container_of(post, bl_post, _node);
    pinned->_fn(pinned->_context);
}

void bl_thread_post_pinned(bl_loop *loop, bl_post *post, bl_callback *fn,
                           void *context) {
    post->_node.fn = pinned_run;
    post->_fn = fn;
    post->_context = context;
    bl__post(loop, &post->_node);
}
