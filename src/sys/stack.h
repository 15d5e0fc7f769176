/* SPDX-License-Identifier: MIT */
/*
 * sys/stack.h - pools of stacks: mapped, guarded, coloured, kept warm
 *
 * A pool hands out *slots*, pieces of large mappings:
 *
 *     base                                                         base+bytes
 *     | guard page | usable, grows down  ...  | head | colour gap |
 *
 * The head is the client's: a task lives there, so that an idle task touches
 * one page.  Its first member is a struct bl__stack.  The colour gap differs
 * from slot to slot: stacks whose tops share their low address bits would
 * evict each other from the caches.
 *
 * A slot is *warm* (given back lately, kept in a last-in first-out list),
 * *cold* (its pages were given back to the kernel), or in use.
 *
 * Invariant: a slot that is not in use is in the warm list, or its bit is set
 * in its slab, never both.
 */
#ifndef BL__SYS_STACK_H
#define BL__SYS_STACK_H

#include <belay/base.h>

#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"

enum {
    BL__STACK_CLASS_COUNT = 12, /* 64 KiB << class: up to 128 MiB */
    BL__STACK_BYTES_MIN = 64 * 1024
};

/* How an overflow is caught; the process's strongest that still works. */
enum bl__guard {
    BL__GUARD_MADVISE,  /* MADV_GUARD_INSTALL: does not split the mapping */
    BL__GUARD_MPROTECT, /* a mapping of its own per guard: few stacks only */
    BL__GUARD_CANARY    /* a page that must stay zero, checked at switches */
};

struct bl__slab;

/* The first member of every head. */
struct bl__stack {
    bl_link link; /* in the warm list; zero while in use */
    struct bl__slab *slab;
    uint32_t index; /* of the slot in the slab */
    uint8_t class_index;
    uint8_t guard; /* enum bl__guard */
};

struct bl__stack_class {
    bl_link warm; /* most recently used first */
    struct bl__slab *slabs;
    struct bl__slab *cold; /* a slab that has cold slots, or NULL */
    uint32_t warm_count;
    uint32_t slab_stacks_next; /* how many the next slab will have */
};

struct bl__stack_pool {
    struct bl__stack_class classes[BL__STACK_CLASS_COUNT];
    size_t head_bytes;
    uint32_t warm_max;
    uint64_t mapped_count; /* slots that were ever handed out */
    uint64_t warm_count;
    uint8_t guard; /* of the slot handed out last */
};

void bl__stack_pool_init(struct bl__stack_pool *pool, size_t head_bytes,
                         uint32_t warm_max);

/* Unmaps everything; no slot may be in use. */
void bl__stack_pool_done(struct bl__stack_pool *pool);

/* Takes a slot that is not warm, or one of a larger class.  In hard mode each
 * slot comes from here, and is poison. */
struct bl__stack *bl__stack_get_slowly(struct bl__stack_pool *pool,
                                       size_t bytes);

/* Takes the slot that was given back last.  Hard mode takes the coldest, so
 * that who looks back finds a ruin. */
static BL__INLINE struct bl__stack *bl__stack_get_warm(
    struct bl__stack_pool *pool, struct bl__stack_class *from) {
    bool is_hard = BL__HARD && !bl__hard_is_soft();
    bl_link *link = is_hard ? from->warm._prev : from->warm._next;
    bl__list_unlink(link);
    link->_next = NULL;
    from->warm_count--;
    pool->warm_count--;
    return bl__container_of(link, struct bl__stack, link);
}

/*
 * Takes a slot with at least `bytes` of address space if a warm one of the
 * usual size is at hand; otherwise returns NULL, and bl__stack_get knows more.
 */
static BL__INLINE struct bl__stack *bl__stack_get_at_once(
    struct bl__stack_pool *pool, size_t bytes) {
    struct bl__stack_class *smallest = &pool->classes[0];
    bool is_usual = bytes <= BL__STACK_BYTES_MIN && smallest->warm_count > 0;
    if (BL__UNLIKELY(!is_usual || BL__HARD)) return NULL;
    return bl__stack_get_warm(pool, smallest);
}

/*
 * Takes a slot with at least `bytes` of address space.
 *
 * Returns its head, with the struct bl__stack filled and the rest undefined,
 * or NULL without memory.
 */
static inline struct bl__stack *bl__stack_get(struct bl__stack_pool *pool,
                                              size_t bytes) {
    struct bl__stack *stack = bl__stack_get_at_once(pool, bytes);
    return stack != NULL ? stack : bl__stack_get_slowly(pool, bytes);
}

/* Gives a slot back; its memory stays valid until the next bl__stack_get. */
static BL__INLINE void bl__stack_put(struct bl__stack_pool *pool,
                                     struct bl__stack *stack) {
    struct bl__stack_class *class = &pool->classes[stack->class_index];
    BL__ASSERT(stack->link._next == NULL);

    bl__list_insert_before(class->warm._next, &stack->link);
    class->warm_count++;
    pool->warm_count++;
}

/* Gives pages of warm slots beyond the limit back to the kernel, some at a
 * time.  For idle moments. */
void bl__stack_trim(struct bl__stack_pool *pool);

/* The usable part is [low, head); the guard lies right below low. */
__attribute__((pure)) char *bl__stack_low(const struct bl__stack *stack);
size_t bl__stack_bytes(const struct bl__stack *stack);

/* Whether `address` lies in the guard of this slot. */
bool bl__stack_is_guard(const struct bl__stack *stack, const void *address);

/* For BL__GUARD_CANARY: whether the page below is still untouched. */
bool bl__stack_is_whole(const struct bl__stack *stack);

const char *bl__guard_name(uint8_t guard);

#endif
