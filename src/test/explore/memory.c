/* SPDX-License-Identifier: MIT */
/*
 * test/explore/memory.c - the library's memory in a test: counted, failed on
 * demand
 *
 * Live blocks are kept in a hash table beside them, not in a header in front
 * of them, so that what AddressSanitizer and malloc know about each block
 * stays exact.  Addresses are stored inverted: else the leak checker of a
 * sanitizer would find every block reachable.
 *
 * New memory is filled with one pattern and freed memory with another, so that
 * who reads either sees nonsense rather than zeroes or old values; unless a
 * tool
 * watches that, to which the filling would look like a first write.
 *
 * Invariant: an entry is free exactly if its key is 0; at most three quarters
 * of the table are in use.
 */
#include "test/explore/memory.h"

#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"

enum {
    ENTRIES_FIRST = 256,
    FRAMES_MAX = 7,
    FRAMES_OURS = 1,      /* the hook; bl_alloc may have jumped to it */
    TRACED_BLOCKS = 2000, /* unwinding is slow: later blocks have no trace */
    SHOWN_LEAKS_MAX = 5,
    FILL_NEW = 0xa5,
    FILL_FREED = 0xdd
};

struct entry {
    uintptr_t key; /* ~address, or 0 */
    size_t bytes;
    uint64_t number;   /* of the allocation, in the life of the process */
    const char *label; /* of the test that allocated it, or NULL */
    void *frames[FRAMES_MAX];
    int frame_count;
    bool is_forgiven; /* no leak, whatever becomes of it */
};

static struct {
    pthread_mutex_t mutex;
    struct entry *entries;
    size_t capacity;
    size_t count;
    uint64_t number_last;
    uint64_t label_start; /* number_last when the label was set */
    const char *label;
    bool is_counting;
    bool is_lasting;
    bool has_failed;
    bool fills;
    uint64_t count_start; /* number_last when counting began */
    uint64_t failing;
} memory = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* ---- the table ---------------------------------------------------------- */

static size_t slot_of(uintptr_t key) {
    uint64_t mixed = (uint64_t)key * 0x9e3779b97f4a7c15u;
    return (size_t)(mixed >> 32) & (memory.capacity - 1);
}

static struct entry *find(const void *block) {
    uintptr_t key = ~(uintptr_t)block;
    if (memory.capacity == 0) return NULL;
    for (size_t i = slot_of(key);; i = (i + 1) & (memory.capacity - 1)) {
        if (memory.entries[i].key == key) return &memory.entries[i];
        if (memory.entries[i].key == 0) return NULL;
    }
}

static void insert(const struct entry *entry) {
    size_t i = slot_of(entry->key);
    while (memory.entries[i].key != 0)
        i = (i + 1) & (memory.capacity - 1);
    memory.entries[i] = *entry;
}

static bool grow(void) {
    if (memory.count < memory.capacity / 4 * 3) return true;
    struct entry *before = memory.entries;
    size_t count = memory.capacity;
    size_t capacity = count > 0 ? count * 2 : ENTRIES_FIRST;
    struct entry *entries = calloc(capacity, sizeof *entries);
    if (entries == NULL) return false;

    memory.entries = entries;
    memory.capacity = capacity;
    for (size_t i = 0; i < count; i++) {
        if (before[i].key != 0) insert(&before[i]);
    }
    free(before);
    return true;
}

/* Linear probing: those behind the gap that would not be found move up. */
static void erase(struct entry *entry) {
    size_t mask = memory.capacity - 1;
    size_t gap = (size_t)(entry - memory.entries);
    for (size_t i = (gap + 1) & mask; memory.entries[i].key != 0;
         i = (i + 1) & mask) {
        size_t home = slot_of(memory.entries[i].key);
        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        memory.entries[gap] = memory.entries[i];
        gap = i;
    }
    memory.entries[gap].key = 0;
    memory.count--;
}

/* ---- the allocator ------------------------------------------------------ */

/* Numbers an allocation; true if it has to fail.  The mutex is held. */
static bool must_fail(void) {
    uint64_t number = ++memory.number_last - memory.count_start;
    if (!memory.is_counting || memory.failing == 0) return false;
    bool fails =
        memory.is_lasting ? number >= memory.failing : number == memory.failing;
    if (fails) memory.has_failed = true;
    return fails;
}

/* Enters a block; on failure frees it.  The mutex is held. */
static inline __attribute__((always_inline)) void *enter(void *block,
                                                         size_t bytes) {
    struct entry entry = { .key = ~(uintptr_t)block,
                           .bytes = bytes,
                           .number = memory.number_last,
                           .label = memory.label };
    if (block == NULL) return NULL;
    if (!grow()) {
        free(block);
        return NULL;
    }
    if (entry.number - memory.label_start <= TRACED_BLOCKS) {
        entry.frame_count = backtrace(entry.frames, FRAMES_MAX);
    }
    insert(&entry);
    memory.count++;
    return block;
}

static void *watched_alloc(void *context, size_t bytes) {
    (void)context;
    void *block = NULL;
    pthread_mutex_lock(&memory.mutex);
    if (!must_fail()) block = enter(malloc(bytes), bytes);
    pthread_mutex_unlock(&memory.mutex);
    if (block != NULL && memory.fills) memset(block, FILL_NEW, bytes);
    return block;
}

BL__NORETURN
static void die_of_bad_free(const void *block) {
    fprintf(stderr,
            "belay-test: bl_free of %p, which bl_alloc has not given, or which "
            "was given back before\n",
            block);
    abort();
}

static void watched_free(void *context, void *block) {
    (void)context;
    pthread_mutex_lock(&memory.mutex);
    struct entry *entry = find(block);
    if (entry == NULL) die_of_bad_free(block);
    memset(block, FILL_FREED, entry->bytes);
    erase(entry);
    pthread_mutex_unlock(&memory.mutex);
    free(block);
}

/* Always moves, so that who keeps the old address is found out. */
static void *watched_resize(void *context, void *block, size_t bytes) {
    void *moved = watched_alloc(context, bytes);
    if (moved == NULL || block == NULL) return moved;
    pthread_mutex_lock(&memory.mutex);
    const struct entry *entry = find(block);
    if (entry == NULL) die_of_bad_free(block);
    size_t kept = entry->bytes < bytes ? entry->bytes : bytes;
    pthread_mutex_unlock(&memory.mutex);
    memcpy(moved, block, kept);
    watched_free(context, block);
    return moved;
}

void bl__memory_watch(void) {
    static const bl_allocator allocator = {
        .alloc = watched_alloc,
        .resize = watched_resize,
        .free = watched_free,
    };
    void *frames[FRAMES_MAX];
    memory.fills = !bl__host_tracks_undefined();
    backtrace(frames, FRAMES_MAX); /* loads the unwinder, here and not later */
    bl_allocator_set(&allocator);
}

/* ---- counting and failing ----------------------------------------------- */

void bl__memory_count_start(uint64_t failing, bool is_lasting) {
    pthread_mutex_lock(&memory.mutex);
    memory.count_start = memory.number_last;
    memory.failing = failing;
    memory.is_lasting = is_lasting;
    memory.has_failed = false;
    memory.is_counting = true;
    pthread_mutex_unlock(&memory.mutex);
}

uint64_t bl__memory_count_stop(void) {
    pthread_mutex_lock(&memory.mutex);
    memory.is_counting = false;
    uint64_t count = memory.number_last - memory.count_start;
    pthread_mutex_unlock(&memory.mutex);
    return count;
}

bool bl__memory_has_failed(void) {
    return memory.has_failed;
}

/* ---- leaks -------------------------------------------------------------- */

static int compare_numbers(const void *left, const void *right) {
    uint64_t a = ((const struct entry *)left)->number;
    uint64_t b = ((const struct entry *)right)->number;
    return (a > b) - (a < b);
}

void bl__memory_label(const char *id) {
    pthread_mutex_lock(&memory.mutex);
    memory.label = id;
    memory.label_start = memory.number_last;
    pthread_mutex_unlock(&memory.mutex);
}

void bl__memory_forgive(void) {
    pthread_mutex_lock(&memory.mutex);
    for (size_t i = 0; i < memory.capacity; i++) {
        struct entry *entry = &memory.entries[i];
        if (entry->number > memory.label_start) entry->is_forgiven = true;
    }
    pthread_mutex_unlock(&memory.mutex);
}

/* The runner turns <pc ...> into the name of the function. */
static void describe(struct bl__text *text, const struct entry *entry) {
    bl__text_add(text, "%zu bytes, allocation %llu%s%s\n", entry->bytes,
                 (unsigned long long)entry->number,
                 entry->label != NULL ? ", in " : "",
                 entry->label != NULL ? entry->label : "");
    for (int i = FRAMES_OURS; i < entry->frame_count; i++) {
        bl__text_add(text, "  <pc %p>\n", entry->frames[i]);
    }
}

/* Moves the entries of leaked blocks to the front.  Returns how many. */
static size_t gather(void) {
    size_t kept = 0;
    for (size_t i = 0; i < memory.capacity; i++) {
        const struct entry *entry = &memory.entries[i];
        if (entry->key == 0 || entry->is_forgiven) continue;
        memory.entries[kept++] = *entry;
    }
    if (kept > 0) {
        qsort(memory.entries, kept, sizeof(struct entry), compare_numbers);
    }
    return kept;
}

size_t bl__memory_leaks(struct bl__text *text) {
    size_t shown = 0;
    pthread_mutex_lock(&memory.mutex);
    size_t count = gather();
    for (; shown < count && shown < SHOWN_LEAKS_MAX; shown++) {
        describe(text, &memory.entries[shown]);
    }
    if (shown < count) bl__text_add(text, "and %zu more\n", count - shown);
    if (memory.capacity > 0) {
        memset(memory.entries, 0, memory.capacity * sizeof(struct entry));
    }
    memory.count = 0;
    pthread_mutex_unlock(&memory.mutex);
    return count;
}
