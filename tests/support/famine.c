/* SPDX-License-Identifier: MIT */
/*
 * support/famine.c - a time without memory; see famine.h
 */
#include "support/famine.h"

#include <belay.h>

static bl_allocator before;
static int spare_left;

static void *famine_alloc(void *context, size_t bytes) {
    (void)context;
    if (spare_left-- <= 0) return NULL;
    return before.alloc(before.context, bytes);
}

static void *famine_resize(void *context, void *memory, size_t bytes) {
    (void)context;
    if (spare_left-- <= 0) return NULL;
    return before.resize(before.context, memory, bytes);
}

static void famine_free(void *context, void *memory) {
    (void)context;
    before.free(before.context, memory);
}

void famine_begin(int spare) {
    static const bl_allocator hungry = { famine_alloc, famine_resize,
                                         famine_free, NULL };
    bl_allocator_get(&before);
    spare_left = spare;
    bl_allocator_set(&hungry);
}

void famine_end(void) {
    bl_allocator_set(&before);
}
