/* SPDX-License-Identifier: MIT */
/*
 * sys/stack.c - pools of stacks
 *
 * Slots come from slabs: MAP_NORESERVE mappings, since a million stacks of
 * 64 KiB are more address space than a careful kernel would promise, without
 * huge pages, which would give each idle stack 64 KiB of memory.
 *
 * Guards are installed ahead, in batches that double, because one
 * process_madvise call for many costs less than many calls for one, and a
 * short-lived loop needs just one.
 *
 * The LIFO list of warm slots is the main lever of the spawn path: the first
 * touch of a page costs about 40 times a warm one.
 */
#include "sys/stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"

/* Linux 6.13; not in the C library's headers everywhere. */
#ifndef MADV_GUARD_INSTALL
#    define MADV_GUARD_INSTALL 102
#endif

enum {
    PAGE_BYTES = 4096,
    COLOUR_COUNT = 16,
    COLOUR_BYTES = 128,
    SLAB_STACKS_FIRST = 16,
    SLAB_STACKS_MAX = 4096,
    GUARD_BATCH_MAX = 512,
    TRIM_BATCH = 64,
    /* Half of the default vm.max_map_count of 65530 is two per guard; leave
     * as much again to the rest of the program. */
    MPROTECT_GUARDS_MAX = 16000,
    CANARY_WORDS = 8
};

static_assert(COLOUR_COUNT * COLOUR_BYTES <= PAGE_BYTES / 2,
              "an idle task fits into one page beside its colour gap");

struct bl__slab {
    struct bl__slab *next;
    struct bl__slab *next_cold;
    char *base;
    size_t slot_bytes;
    uint32_t stack_count;
    uint32_t carved_count;  /* slots handed out at least once */
    uint32_t guarded_count; /* slots whose guard is installed */
    uint32_t canary_from;   /* the first slot that has a canary instead */
    uint32_t guard_batch;
    uint32_t cold_count;
    uint32_t mprotect_count; /* of the process's limited number */
    bool is_in_cold_list;
    uint8_t guard;
    uint64_t cold[]; /* a bit per slot */
};

static atomic_uint guard_mode = BL__GUARD_MADVISE;
static atomic_uint mprotect_guard_count;

static size_t slot_bytes(uint8_t class_index) {
    return (size_t)BL__STACK_BYTES_MIN << class_index;
}

const char *bl__guard_name(uint8_t guard) {
    static const char *const names[] = { "madvise", "mprotect", "canary" };
    BL__ASSERT(guard <= BL__GUARD_CANARY);
    return names[guard];
}

/* ---- guards ------------------------------------------------------------ */

/* Installs guards for slots [from, to) with one call; 0 or -errno. */
static int guard_by_madvise(struct bl__slab *slab, uint32_t from, uint32_t to) {
    struct iovec pages[GUARD_BATCH_MAX];
    uint32_t count = to - from;
    BL__ASSERT(count <= GUARD_BATCH_MAX);

    for (uint32_t i = 0; i < count; i++) {
        pages[i].iov_base = slab->base + (from + i) * slab->slot_bytes;
        pages[i].iov_len = PAGE_BYTES;
    }
#ifdef SYS_process_madvise
    static const int self = -10000; /* PIDFD_SELF, Linux 6.14 */
    if (count > 1) {
        long done = syscall(SYS_process_madvise, self, pages, (long)count,
                            MADV_GUARD_INSTALL, 0);
        if (done == (long)count * PAGE_BYTES) return 0;
    }
#endif
    for (uint32_t i = 0; i < count; i++) {
        int rc = madvise(pages[i].iov_base, PAGE_BYTES, MADV_GUARD_INSTALL);
        if (rc < 0) return -errno;
    }
    return 0;
}

/* Returns the first slot of [from, to) that it could not guard, or `to`. */
static uint32_t guard_by_mprotect(struct bl__slab *slab, uint32_t from,
                                  uint32_t to) {
    for (uint32_t i = from; i < to; i++) {
        char *page = slab->base + i * slab->slot_bytes;
        if (atomic_load(&mprotect_guard_count) >= MPROTECT_GUARDS_MAX) return i;
        if (mprotect(page, PAGE_BYTES, PROT_NONE) < 0) return i;
        atomic_fetch_add(&mprotect_guard_count, 1);
        slab->mprotect_count++;
    }
    return to;
}

/*
 * Guards the next slots of the slab by the strongest means that works.  A slab
 * keeps its means; a weaker one takes effect with the next slab, except that
 * the canary, which needs nothing, takes over from some slot on: those before
 * it have a page that must not even be looked at.
 */
static void guard_next(struct bl__slab *slab) {
    uint32_t from = slab->guarded_count;
    uint32_t to = from + slab->guard_batch;
    if (to > slab->stack_count) to = slab->stack_count;
    if (slab->guard_batch < GUARD_BATCH_MAX) slab->guard_batch *= 2;

    if (slab->guard == BL__GUARD_MADVISE && guard_by_madvise(slab, from, to)) {
        slab->guard = BL__GUARD_MPROTECT;
        atomic_store(&guard_mode, BL__GUARD_MPROTECT);
    }
    if (slab->guard == BL__GUARD_MPROTECT && slab->canary_from >= from) {
        uint32_t first = guard_by_mprotect(slab, from, to);
        if (first < to) slab->canary_from = first;
    }
    slab->guarded_count = to;
}

static uint8_t guard_of(const struct bl__slab *slab, uint32_t index) {
    return index < slab->canary_from ? slab->guard : BL__GUARD_CANARY;
}

/* ---- slabs ------------------------------------------------------------- */

static struct bl__slab *slab_open(struct bl__stack_class *class,
                                  uint8_t class_index) {
    uint32_t count = class->slab_stacks_next;
    size_t bytes = count * slot_bytes(class_index);
    size_t words = (count + 63) / 64;
    struct bl__slab *slab =
        bl__alloc_zeroed(1, sizeof *slab + words * sizeof slab->cold[0]);
    if (slab == NULL) return NULL;

    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        bl__free(slab);
        return NULL;
    }
    /* Fails on kernels without huge pages, which is as good. */
    BL_IGNORE(madvise(base, bytes, MADV_NOHUGEPAGE));

    slab->base = base;
    slab->slot_bytes = slot_bytes(class_index);
    slab->stack_count = count;
    slab->guard_batch = 1;
    slab->canary_from = count;
    slab->guard = (uint8_t)atomic_load(&guard_mode);
    slab->next = class->slabs;
    class->slabs = slab;
    if (count < SLAB_STACKS_MAX && class_index < 4) {
        class->slab_stacks_next = count * 4;
        if (class->slab_stacks_next > SLAB_STACKS_MAX) {
            class->slab_stacks_next = SLAB_STACKS_MAX;
        }
    }
    return slab;
}

static void slab_close(struct bl__slab *slab) {
    atomic_fetch_sub(&mprotect_guard_count, slab->mprotect_count);
    munmap(slab->base, slab->stack_count * slab->slot_bytes);
    bl__free(slab);
}

/* The head's place; it depends on the slot alone. */
static struct bl__stack *slot_head(const struct bl__stack_pool *pool,
                                   const struct bl__slab *slab,
                                   uint32_t index) {
    char *top = slab->base + (index + 1) * slab->slot_bytes;
    size_t colour = (size_t)(index % COLOUR_COUNT) * COLOUR_BYTES;
    uintptr_t head = (uintptr_t)(top - colour - pool->head_bytes);
    return (struct bl__stack *)(head & ~(uintptr_t)63);
}

static struct bl__stack *slot_open(struct bl__stack_pool *pool,
                                   struct bl__slab *slab, uint32_t index,
                                   uint8_t class_index) {
    struct bl__stack *stack = slot_head(pool, slab, index);
    stack->slab = slab;
    stack->index = index;
    stack->class_index = class_index;
    stack->guard = guard_of(slab, index);
    stack->link._next = NULL;
    pool->guard = stack->guard;
    return stack;
}

static struct bl__stack *carve(struct bl__stack_pool *pool,
                               uint8_t class_index) {
    struct bl__stack_class *class = &pool->classes[class_index];
    struct bl__slab *slab = class->slabs;
    if (slab == NULL || slab->carved_count == slab->stack_count) {
        slab = slab_open(class, class_index);
        if (slab == NULL) return NULL;
    }
    if (slab->carved_count == slab->guarded_count) guard_next(slab);
    BL__ASSERT(slab->carved_count < slab->guarded_count);

    pool->mapped_count++;
    return slot_open(pool, slab, slab->carved_count++, class_index);
}

/* ---- cold slots -------------------------------------------------------- */

static struct bl__stack *take_cold(struct bl__stack_pool *pool,
                                   uint8_t class_index) {
    struct bl__stack_class *class = &pool->classes[class_index];
    struct bl__slab *slab = class->cold;
    BL__ASSERT(slab->cold_count > 0);

    uint32_t word = 0;
    while (slab->cold[word] == 0)
        word++;
    uint32_t bit = (uint32_t)__builtin_ctzll(slab->cold[word]);
    slab->cold[word] &= slab->cold[word] - 1;
    slab->cold_count--;
    if (slab->cold_count == 0) {
        class->cold = slab->next_cold;
        slab->is_in_cold_list = false;
    }
    return slot_open(pool, slab, word * 64 + bit, class_index);
}

/* Forgets the contents: after DONTNEED the head is gone, the bit remembers. */
static void make_cold(struct bl__stack_pool *pool, struct bl__stack *stack) {
    struct bl__slab *slab = stack->slab;
    struct bl__stack_class *class = &pool->classes[stack->class_index];
    uint32_t index = stack->index;

    bl__list_remove(&stack->link);
    class->warm_count--;
    pool->warm_count--;
    slab->cold[index / 64] |= (uint64_t)1 << (index % 64);
    slab->cold_count++;
    if (!slab->is_in_cold_list) {
        slab->is_in_cold_list = true;
        slab->next_cold = class->cold;
        class->cold = slab;
    }
    char *usable = slab->base + index * slab->slot_bytes + PAGE_BYTES;
    madvise(usable, slab->slot_bytes - PAGE_BYTES, MADV_DONTNEED);
}

void bl__stack_trim(struct bl__stack_pool *pool) {
    uint32_t left = TRIM_BATCH;
    if (pool->warm_count <= pool->warm_max) return;

    for (int i = 0; i < BL__STACK_CLASS_COUNT; i++) {
        struct bl__stack_class *class = &pool->classes[i];
        while (left > 0 && class->warm_count > pool->warm_max) {
            bl_link *coldest = class->warm._prev;
            make_cold(pool, bl__container_of(coldest, struct bl__stack, link));
            left--;
        }
    }
}

/* ---- the pool ---------------------------------------------------------- */

void bl__stack_pool_init(struct bl__stack_pool *pool, size_t head_bytes,
                         uint32_t warm_max) {
    BL__ASSERT(head_bytes >= sizeof(struct bl__stack));
    BL__ASSERT(head_bytes <= PAGE_BYTES / 2);
    memset(pool, 0, sizeof *pool);
    pool->head_bytes = head_bytes;
    pool->warm_max = warm_max;
    for (int i = 0; i < BL__STACK_CLASS_COUNT; i++) {
        bl__list_init(&pool->classes[i].warm);
        /* A few large stacks must not reserve gigabytes. */
        uint32_t first = SLAB_STACKS_FIRST >> i;
        pool->classes[i].slab_stacks_next = first > 0 ? first : 1;
    }
}

void bl__stack_pool_done(struct bl__stack_pool *pool) {
    for (int i = 0; i < BL__STACK_CLASS_COUNT; i++) {
        struct bl__slab *slab = pool->classes[i].slabs;
        while (slab != NULL) {
            struct bl__slab *next = slab->next;
            slab_close(slab);
            slab = next;
        }
        pool->classes[i].slabs = NULL;
    }
}

static struct bl__stack *take(struct bl__stack_pool *pool,
                              uint8_t class_index) {
    struct bl__stack_class *class = &pool->classes[class_index];
    if (class->warm_count > 0) return bl__stack_get_warm(pool, class);
    if (class->cold != NULL) return take_cold(pool, class_index);
    return carve(pool, class_index);
}

/* What the client does not write it must not read: its head, and the frames
 * below that most tasks never leave. */
static void poison(const struct bl__stack_pool *pool, struct bl__stack *stack) {
    memset(stack + 1, BL__HARD_POISON, pool->head_bytes - sizeof *stack);
    memset((char *)stack - PAGE_BYTES, BL__HARD_POISON, PAGE_BYTES);
}

struct bl__stack *bl__stack_get_slowly(struct bl__stack_pool *pool,
                                       size_t bytes) {
    uint8_t class_index = 0;
    while (slot_bytes(class_index) < bytes) {
        if (++class_index == BL__STACK_CLASS_COUNT) return NULL;
    }
    struct bl__stack *stack = take(pool, class_index);
    if (BL__HARD && !bl__hard_is_soft() && stack != NULL) poison(pool, stack);
    return stack;
}

char *bl__stack_low(const struct bl__stack *stack) {
    const struct bl__slab *slab = stack->slab;
    return slab->base + stack->index * slab->slot_bytes + PAGE_BYTES;
}

size_t bl__stack_bytes(const struct bl__stack *stack) {
    return stack->slab->slot_bytes;
}

bool bl__stack_is_guard(const struct bl__stack *stack, const void *address) {
    const char *low = bl__stack_low(stack);
    return (const char *)address >= low - PAGE_BYTES &&
           (const char *)address < low;
}

bool bl__stack_is_whole(const struct bl__stack *stack) {
    const uint64_t *low = (const uint64_t *)(void *)bl__stack_low(stack);
    uint64_t dirt = 0;
    for (int i = 1; i <= CANARY_WORDS; i++)
        dirt |= low[-i];
    return dirt == 0;
}
