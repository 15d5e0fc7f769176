/* SPDX-License-Identifier: MIT */
/*
 * sync/channel.c - a bounded line of items between tasks of any loops
 *
 * The queue (queue.c) under a mutex, which is held for a few instructions and
 * never across a wait.  Whoever puts an item into the hands of a getter that
 * waits, or moves the item of a putter that waits into a slot, does it while
 * the other is in line and asleep: the other is *served*, leaves the line, and
 * is told after the mutex was released.  On another loop it is told by a post,
 * whose node is on its stack like the rest of its place in line, so that
 * nothing is allocated; a plain thread is told by a condition.
 *
 * A cancellation comes before or after the moment of service, since it takes
 * the mutex too.  Before, the waiter leaves the line and nothing has happened.
 * After, the wait is complete although the news is still on its way: the abort
 * hook answers BL_PENDING, and the wait returns what it was served with.
 *
 * Invariants, under the mutex:
 *   while a getter waits, the channel is empty;
 *   while a putter waits, the channel is full;
 *   once the channel is shut down, nobody waits.
 */
#include <belay/thread.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <belay/error.h>
#include <belay/park.h>

#include "base/assert.h"
#include "base/list.h"

struct bl_channel {
    pthread_mutex_t mutex;
    bl_link getters; /* struct visitor, as are the putters */
    bl_link putters;
    size_t item_bytes;
    size_t capacity;
    size_t first; /* slot of the oldest item */
    size_t count;
    bool is_shut_down;
    atomic_uint refcount;
    unsigned char items[]; /* a ring */
};

/* One who waits, on its own stack: a task, or a thread without a loop. */
struct visitor {
    bl_link link;
    bl_channel *channel;
    void *item; /* to copy from, or to */
    bool is_served;
    int rc;
    bl_loop *loop; /* NULL: a thread */
    bl_park park;
    bl_post post;
    pthread_cond_t told; /* of a thread */
};

/* ---- the ring ------------------------------------------------------------ */

static void *channel_slot(bl_channel *channel, size_t offset) {
    size_t slot = channel->first + offset;
    if (slot >= channel->capacity) slot -= channel->capacity;
    BL__ASSERT(slot < channel->capacity);
    return channel->items + slot * channel->item_bytes;
}

static void channel_push(bl_channel *channel, const void *item) {
    BL__ASSERT(channel->count < channel->capacity);
    memcpy(channel_slot(channel, channel->count), item, channel->item_bytes);
    channel->count++;
}

/* Takes the oldest item out; its bytes stay until the next push. */
static void *channel_pop(bl_channel *channel) {
    BL__ASSERT(channel->count > 0);
    void *item = channel_slot(channel, 0);
    channel->first++;
    if (channel->first == channel->capacity) channel->first = 0;
    channel->count--;
    return item;
}

/* ---- serving ------------------------------------------------------------- */

static struct visitor *line_first(const bl_link *line) {
    bl_link *first = bl__list_first(line);
    return first != NULL ? bl__container_of(first, struct visitor, link) : NULL;
}

/*
 * Completes the wait of `visitor`.  Under the mutex, where a thread is told at
 * once, since it may be gone afterwards.  Returns a task that the caller has to
 * tell later, or NULL.
 */
static struct visitor *serve(struct visitor *visitor, int rc) {
    BL__ASSERT(!visitor->is_served);
    bl__list_remove(&visitor->link);
    visitor->rc = rc;
    visitor->is_served = true;
    if (visitor->loop != NULL) return visitor;
    pthread_cond_signal(&visitor->told);
    return NULL;
}

/* On the loop of the task. */
static void on_told(void *context) {
    struct visitor *visitor = context;
    bl_loop_unexpect(visitor->loop);
    bl_park_wake(&visitor->park, visitor->rc);
}

/* Without the mutex.  NULL is allowed. */
static void tell(struct visitor *visitor) {
    if (visitor == NULL) return;
    if (visitor->loop == bl_loop_running()) {
        on_told(visitor);
    } else {
        bl_thread_post_pinned(visitor->loop, &visitor->post, on_told, visitor);
    }
}

/* Puts without waiting, or says BL_EAGAIN.  `*served` is to be told. */
static int channel_offer(bl_channel *channel, void *item,
                         struct visitor **served) {
    if (channel->is_shut_down) return BL_ESHUTDOWN;

    struct visitor *getter = line_first(&channel->getters);
    if (getter != NULL) {
        BL__ASSERT(channel->count == 0);
        memcpy(getter->item, item, channel->item_bytes);
        *served = serve(getter, 0);
        return 0;
    }
    if (channel->count == channel->capacity) return BL_EAGAIN;
    channel_push(channel, item);
    return 0;
}

/* Gets without waiting, or says BL_EAGAIN.  `*served` is to be told. */
static int channel_take(bl_channel *channel, void *item,
                        struct visitor **served) {
    if (channel->count == 0) {
        return channel->is_shut_down ? BL_ESHUTDOWN : BL_EAGAIN;
    }
    memcpy(item, channel_pop(channel), channel->item_bytes);

    struct visitor *putter = line_first(&channel->putters);
    if (putter != NULL) {
        channel_push(channel, putter->item);
        *served = serve(putter, 0);
    }
    return 0;
}

/* ---- waiting ------------------------------------------------------------- */

/* One of the two directions. */
struct way {
    int (*deal)(bl_channel *channel, void *item, struct visitor **served);
    const char *what;
    bool is_put;
};

static const struct way way_in = { channel_offer, "channel put", true };
static const struct way way_out = { channel_take, "channel get", false };

static bl_link *line_of(bl_channel *channel, const struct way *way) {
    return way->is_put ? &channel->putters : &channel->getters;
}

static int deal_now(bl_channel *channel, const struct way *way, void *item) {
    if (channel == NULL || item == NULL) return BL_EINVAL;
    struct visitor *served = NULL;
    pthread_mutex_lock(&channel->mutex);
    int rc = way->deal(channel, item, &served);
    pthread_mutex_unlock(&channel->mutex);
    tell(served);
    return rc;
}

static bl_abort visit_abort(bl_park *park) {
    struct visitor *visitor = bl__container_of(park, struct visitor, park);
    bl_channel *channel = visitor->channel;
    pthread_mutex_lock(&channel->mutex);
    bool is_served = visitor->is_served;
    if (!is_served) bl__list_remove(&visitor->link);
    pthread_mutex_unlock(&channel->mutex);
    if (is_served) return BL_PENDING; /* the news is on its way */
    bl_loop_unexpect(visitor->loop);
    return BL_ABORTED;
}

/* The task joins the line in the same moment in which it finds no deal. */
static int deal_as_task(bl_channel *channel, const struct way *way,
                        void *item) {
    if (channel == NULL || item == NULL) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;

    struct visitor visitor;
    struct visitor *served = NULL;
    pthread_mutex_lock(&channel->mutex);
    rc = way->deal(channel, item, &served);
    if (rc == BL_EAGAIN) {
        visitor.channel = channel;
        visitor.item = item;
        visitor.is_served = false;
        visitor.loop = bl_loop_running();
        bl_park_init(&visitor.park, way->what, channel, visit_abort);
        bl_loop_expect(visitor.loop);
        bl__list_append(line_of(channel, way), &visitor.link);
    }
    pthread_mutex_unlock(&channel->mutex);
    tell(served);
    return rc == BL_EAGAIN ? bl_park_wait(&visitor.park) : rc;
}

static int deal_as_thread(bl_channel *channel, const struct way *way,
                          void *item) {
    if (channel == NULL || item == NULL) return BL_EINVAL;
    if (bl_loop_running() != NULL) return BL_EMISUSE;

    struct visitor *served = NULL;
    pthread_mutex_lock(&channel->mutex);
    int rc = way->deal(channel, item, &served);
    if (rc == BL_EAGAIN) {
        struct visitor visitor = { .channel = channel, .item = item };
        pthread_cond_init(&visitor.told, NULL);
        bl__list_append(line_of(channel, way), &visitor.link);
        while (!visitor.is_served)
            pthread_cond_wait(&visitor.told, &channel->mutex);
        pthread_cond_destroy(&visitor.told);
        rc = visitor.rc;
    }
    pthread_mutex_unlock(&channel->mutex);
    tell(served);
    return rc;
}

int bl_channel_put(bl_channel *channel, const void *item) {
    return deal_as_task(channel, &way_in, (void *)item); /* is only read */
}

int bl_channel_get(bl_channel *channel, void *item) {
    return deal_as_task(channel, &way_out, item);
}

int bl_channel_try_put(bl_channel *channel, const void *item) {
    return deal_now(channel, &way_in, (void *)item); /* as above */
}

int bl_channel_try_get(bl_channel *channel, void *item) {
    return deal_now(channel, &way_out, item);
}

int bl_thread_channel_put(bl_channel *channel, const void *item) {
    return deal_as_thread(channel, &way_in, (void *)item); /* as above */
}

int bl_thread_channel_get(bl_channel *channel, void *item) {
    return deal_as_thread(channel, &way_out, item);
}

/* ---- the two ends of a channel ------------------------------------------- */

/* Moves all of a line that have to be told to `served`. */
static void refuse_all(bl_link *line, bl_link *served) {
    struct visitor *first;
    while ((first = line_first(line)) != NULL) {
        struct visitor *task = serve(first, BL_ESHUTDOWN);
        if (task != NULL) bl__list_append(served, &task->link);
    }
}

void bl_channel_shutdown(bl_channel *channel) {
    bl_link served;
    bl__list_init(&served);
    pthread_mutex_lock(&channel->mutex);
    channel->is_shut_down = true;
    refuse_all(&channel->putters, &served);
    refuse_all(&channel->getters, &served);
    pthread_mutex_unlock(&channel->mutex);

    struct visitor *first;
    while ((first = line_first(&served)) != NULL) {
        bl__list_remove(&first->link);
        tell(first);
    }
}

/*
 * An item leaves the channel before `drop` sees it, which may use the channel.
 * Its slot is not used again: nothing can be put any more.
 */
void bl_channel_shutdown_now(bl_channel *channel, void (*drop)(void *item)) {
    bl_channel_shutdown(channel);
    for (;;) {
        void *item = NULL;
        pthread_mutex_lock(&channel->mutex);
        if (channel->count > 0) item = channel_pop(channel);
        pthread_mutex_unlock(&channel->mutex);
        if (item == NULL) return;
        if (drop != NULL) drop(item);
    }
}

int bl_channel_new(size_t item_bytes, size_t capacity, bl_channel **channel) {
    if (channel == NULL) return BL_EINVAL;
    if (item_bytes == 0 || capacity == 0) return BL_EINVAL;
    size_t bytes;
    if (__builtin_mul_overflow(item_bytes, capacity, &bytes)) return BL_EINVAL;
    if (__builtin_add_overflow(bytes, sizeof **channel, &bytes)) {
        return BL_EINVAL;
    }
    bl_channel *made = bl_alloc(bytes);
    if (made == NULL) return BL_ENOMEM;

    *made = (bl_channel){ .item_bytes = item_bytes, .capacity = capacity };
    pthread_mutex_init(&made->mutex, NULL);
    bl__list_init(&made->getters);
    bl__list_init(&made->putters);
    atomic_init(&made->refcount, 1);
    *channel = made;
    return 0;
}

bl_channel *bl_channel_ref(bl_channel *channel) {
    atomic_fetch_add_explicit(&channel->refcount, 1, memory_order_relaxed);
    return channel;
}

/* Whoever gave a reference back has left the mutex before. */
void bl_channel_unref(bl_channel *channel) {
    if (channel == NULL) return;
    if (atomic_fetch_sub(&channel->refcount, 1) > 1) return;
    BL__ASSERT(bl__list_is_empty(&channel->getters));
    BL__ASSERT(bl__list_is_empty(&channel->putters));
    pthread_mutex_destroy(&channel->mutex);
    bl_free(channel);
}

size_t bl_channel_count(bl_channel *channel) {
    pthread_mutex_lock(&channel->mutex);
    size_t count = channel->count;
    pthread_mutex_unlock(&channel->mutex);
    return count;
}

size_t bl_channel_capacity(const bl_channel *channel) {
    return channel->capacity;
}

bool bl_channel_is_shut_down(bl_channel *channel) {
    pthread_mutex_lock(&channel->mutex);
    bool is_shut_down = channel->is_shut_down;
    pthread_mutex_unlock(&channel->mutex);
    return is_shut_down;
}
