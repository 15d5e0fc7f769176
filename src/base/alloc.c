/* SPDX-License-Identifier: MIT */
/*
 * base/alloc.c - the one door through which memory comes
 *
 * Every allocation of the library goes through a replaceable table, so that a
 * host can count, pool or fail them.  Nothing on a hot path comes here.
 */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *context, size_t bytes) {
    (void)context;
    return malloc(bytes);
}

static void *default_resize(void *context, void *memory, size_t bytes) {
    (void)context;
    return realloc(memory, bytes);
}

static void default_free(void *context, void *memory) {
    (void)context;
    free(memory);
}

static const bl_allocator default_allocator = {
    .alloc = default_alloc,
    .resize = default_resize,
    .free = default_free,
};

static bl_allocator current_allocator = {
    .alloc = default_alloc,
    .resize = default_resize,
    .free = default_free,
};

void bl_allocator_set(const bl_allocator *allocator) {
    current_allocator = allocator != NULL ? *allocator : default_allocator;
}

void bl_allocator_get(bl_allocator *allocator) {
    *allocator = current_allocator;
}

/* malloc(0) may return NULL, which would look like failure. */
void *bl_alloc(size_t bytes) {
    if (bytes == 0) bytes = 1;
    return current_allocator.alloc(current_allocator.context, bytes);
}

void *bl_realloc(void *memory, size_t bytes) {
    if (bytes == 0) bytes = 1;
    return current_allocator.resize(current_allocator.context, memory, bytes);
}

void bl_free(void *memory) {
    if (memory == NULL) return;
    current_allocator.free(current_allocator.context, memory);
}

void *bl__alloc_zeroed(size_t count, size_t item_bytes) {
    size_t bytes;
    if (__builtin_mul_overflow(count, item_bytes, &bytes)) return NULL;

    void *memory = bl_alloc(bytes);
    if (memory != NULL) memset(memory, 0, bytes);
    return memory;
}
