/* SPDX-License-Identifier: MIT */
/*
 * base/alloc.h - the allocator, as the library's own files use it
 */
#ifndef BL__BASE_ALLOC_H
#define BL__BASE_ALLOC_H

#include <belay/base.h>

static inline void *bl__alloc(size_t bytes) {
    return bl_alloc(bytes);
}

static inline void bl__free(void *memory) {
    bl_free(memory);
}

/* Allocates zeroed memory for `count` items; NULL also on overflow. */
void *bl__alloc_zeroed(size_t count, size_t item_bytes);

#endif
