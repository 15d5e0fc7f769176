/* SPDX-License-Identifier: MIT */
/*
 * base/error.c - one error: made, gathered upon, counted, let go
 *
 * A leaf and its texts are one block.  What it gathers on its way up, its
 * trail, comes in a second block when the first frame is added.  Error and
 * trail are changed by a sole owner only; whoever wants to change a shared one
 * changes a copy.
 *
 * An error may contain others: the children of a tree, and what was
 * suppressed.  Both can be nested without bound, so letting go is a loop over
 * a chain of the dying, threaded through the objects themselves.
 *
 * Memory that cannot be had never costs a code: a leaf that cannot be made is
 * thin (error.h), and what cannot be added is left out.
 */
#include "base/error.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/site.h"

#define FRAMES_KEPT_MAX (BL__ERROR_FRAMES_FIRST + BL__ERROR_FRAMES_LAST)
#define FRAMES_AT_FIRST 4

/* ---- making a leaf ------------------------------------------------------ */

void bl__error_init(bl_error *error, int code, const char *site,
                    struct bl__trail *trail) {
    memset(error, 0, sizeof *error);
    atomic_init(&error->ref_count, 1);
    error->code = code;
    error->site = site;
    error->task = "";
    error->message = "";
    error->trail = trail;
    if (trail != NULL) {
        atomic_fetch_add_explicit(&trail->ref_count, 1, memory_order_relaxed);
    }
}

static bl_error *leaf_make(int code, const char *function, const char *site,
                           const char *task, const char *message,
                           struct bl__trail *trail) {
    size_t function_bytes = function != NULL ? strlen(function) + 1 : 0;
    size_t task_bytes = strlen(task) + 1;
    size_t message_bytes = strlen(message) + 1;
    bl_error *error =
        bl__alloc(sizeof *error + function_bytes + task_bytes + message_bytes);
    if (error == NULL) return NULL;

    bl__error_init(error, code, site, trail);
    char *text = (char *)(error + 1);
    if (function != NULL) {
        error->function = memcpy(text, function, function_bytes);
    }
    error->task = memcpy(text + function_bytes, task, task_bytes);
    error->message =
        memcpy(text + function_bytes + task_bytes, message, message_bytes);
    return error;
}

bl_error *bl__error_new(int code, const char *function, const char *site,
                        const char *task_path, const char *format,
                        va_list args) {
    char message[BL__ERROR_TEXT_BYTES_MAX] = "";
    if (format != NULL) {
        int length = vsnprintf(message, sizeof message, format, args);
        if (length < 0) message[0] = '\0';
        if (length >= (int)sizeof message) {
            message[bl__utf8_cut(message, sizeof message - 1)] = '\0';
        }
    }
    bl_error *error =
        leaf_make(code, function, site, task_path != NULL ? task_path : "",
                  message, NULL);
    return error != NULL ? error : bl__thin_leaf(code);
}

bl_error *bl__error_new_bare(int code, const char *function, const char *site,
                             const char *task_path) {
    bl_error *error = leaf_make(code, function, site,
                                task_path != NULL ? task_path : "", "", NULL);
    return error != NULL ? error : bl__thin_leaf(code);
}

/* ---- references --------------------------------------------------------- */

bl_error *bl_error_ref(const bl_error *error) {
    bl_error *shared = (bl_error *)(uintptr_t)error;
    if (error == NULL || bl__error_is_thin(error)) return shared;

    unsigned before =
        atomic_fetch_add_explicit(&shared->ref_count, 1, memory_order_relaxed);
    BL__ASSERT(before > 0);
    BL__ASSERT(before < UINT32_MAX);
    return shared;
}

/* Gives a reference back; an error without any joins the chain `*dying`. */
static void error_drop(bl_error *error, bl_error **dying) {
    if (error == NULL || bl__error_is_thin(error)) return;

    unsigned before =
        atomic_fetch_sub_explicit(&error->ref_count, 1, memory_order_acq_rel);
    BL__ASSERT(before > 0);
    if (before > 1) return;
    error->dying = *dying;
    *dying = error;
}

static void trail_drop(struct bl__trail *trail, bl_error **dying) {
    if (trail == NULL) return;
    unsigned before =
        atomic_fetch_sub_explicit(&trail->ref_count, 1, memory_order_acq_rel);
    BL__ASSERT(before > 0);
    if (before > 1) return;

    struct bl__remark *next;
    for (struct bl__remark *remark = trail->first; remark; remark = next) {
        next = remark->next;
        error_drop(remark->suppressed, dying);
        bl__free(remark);
    }
    bl__free(trail);
}

/* Frees what is dying, and what dies of that. */
static void error_bury(bl_error *dying) {
    while (dying != NULL) {
        bl_error *error = dying;
        dying = error->dying;
        trail_drop(error->trail, &dying);
        if (error->is_tree) {
            const struct bl__tree *tree = bl__tree_of(error);
            for (uint32_t i = 0; i < tree->count; i++) {
                error_drop(tree->children[i], &dying);
            }
        }
        bl__free(error);
    }
}

void bl_error_unref(bl_error *error) {
    bl_error *dying = NULL;
    error_drop(error, &dying);
    error_bury(dying);
}

/* ---- what an error gathers ---------------------------------------------- */

bool bl__error_has_one_owner(const bl_error *error) {
    return atomic_load_explicit(&error->ref_count, memory_order_acquire) == 1;
}

/* Makes sure that the caller is the only owner of `*place`. */
static bool error_own(bl_error **place) {
    bl_error *error = *place;
    BL__ASSERT(error != NULL);
    bool is_thin = bl__error_is_thin(error);
    if (!is_thin && bl__error_has_one_owner(error)) return true;

    bl_error *copy;
    if (bl_error_count(error) > 0) {
        copy = bl__tree_copy(error);
    } else if (is_thin) {
        copy = leaf_make(bl__thin_code(error), NULL, NULL, "", "", NULL);
    } else {
        copy = leaf_make(error->code, error->function, error->site, error->task,
                         error->message, error->trail);
    }
    if (copy == NULL) return false;
    bl_error_unref(error);
    *place = copy;
    return true;
}

static struct bl__trail *trail_make(uint32_t frame_capacity) {
    struct bl__trail *trail =
        bl__alloc(sizeof *trail + frame_capacity * sizeof trail->frames[0]);
    if (trail == NULL) return NULL;
    memset(trail, 0, sizeof *trail);
    atomic_init(&trail->ref_count, 1);
    trail->frame_capacity = frame_capacity;
    return trail;
}

static struct bl__remark *remark_make(const char *note,
                                      const bl_error *suppressed) {
    size_t bytes = strlen(note) + 1;
    struct bl__remark *remark = bl__alloc(sizeof *remark + bytes);
    if (remark == NULL) return NULL;
    remark->next = NULL;
    remark->suppressed = bl_error_ref(suppressed);
    memcpy(remark->note, note, bytes);
    return remark;
}

static void trail_append(struct bl__trail *trail, struct bl__remark *remark) {
    BL__ASSERT((trail->first == NULL) == (trail->last == NULL));
    if (trail->last != NULL) {
        trail->last->next = remark;
    } else {
        trail->first = remark;
    }
    trail->last = remark;
}

static struct bl__trail *trail_copy(const struct bl__trail *trail) {
    struct bl__trail *copy = trail_make(trail->frame_capacity);
    if (copy == NULL) return NULL;
    copy->frame_count = trail->frame_count;
    if (trail->frame_capacity > 0) {
        memcpy(copy->frames, trail->frames,
               trail->frame_capacity * sizeof trail->frames[0]);
    }
    for (const struct bl__remark *from = trail->first; from;
         from = from->next) {
        struct bl__remark *to = remark_make(from->note, from->suppressed);
        if (to == NULL) goto drop_copy;
        trail_append(copy, to);
    }
    return copy;

drop_copy:;
    bl_error *dying = NULL;
    trail_drop(copy, &dying);
    /* `trail` still holds every error that the copy did. */
    BL__ASSERT(dying == NULL);
    return NULL;
}

/* Returns a trail of `*place` that may be changed, or NULL without memory. */
static struct bl__trail *trail_own(bl_error **place, uint32_t frame_capacity) {
    if (!error_own(place)) return NULL;
    bl_error *error = *place;
    struct bl__trail *trail = error->trail;
    if (trail == NULL) return error->trail = trail_make(frame_capacity);
    if (atomic_load_explicit(&trail->ref_count, memory_order_acquire) == 1) {
        return trail;
    }

    struct bl__trail *copy = trail_copy(trail);
    if (copy == NULL) return NULL;
    bl_error *dying = NULL;
    trail_drop(trail, &dying);
    error_bury(dying);
    return error->trail = copy;
}

/* Returns where frame number `index` is, or will be, kept. */
static uint32_t frame_slot(uint32_t index) {
    if (index < BL__ERROR_FRAMES_FIRST) return index;
    return BL__ERROR_FRAMES_FIRST +
           (index - BL__ERROR_FRAMES_FIRST) % BL__ERROR_FRAMES_LAST;
}

const struct bl__frame *bl__error_frame(const bl_error *error, uint32_t index) {
    BL__ASSERT(!bl__error_is_thin(error));
    BL__ASSERT(index < error->trail->frame_count);
    return &error->trail->frames[frame_slot(index)];
}

/* Makes room for one more frame in the trail of an error that has one owner. */
static bool trail_grow(bl_error *error) {
    struct bl__trail *trail = error->trail;
    uint32_t capacity = trail->frame_capacity;
    if (frame_slot(trail->frame_count) < capacity) return true;

    capacity = capacity > 0 ? capacity * 2 : FRAMES_AT_FIRST;
    if (capacity > FRAMES_KEPT_MAX) capacity = FRAMES_KEPT_MAX;
    trail =
        bl_realloc(trail, sizeof *trail + capacity * sizeof trail->frames[0]);
    if (trail == NULL) return false;
    trail->frame_capacity = capacity;
    error->trail = trail;
    BL__ASSERT(frame_slot(trail->frame_count) < capacity);
    return true;
}

void bl__error_add_frame(bl_error **place, const char *function,
                         const char *site) {
    if (trail_own(place, FRAMES_AT_FIRST) == NULL) return;
    if (!trail_grow(*place)) return;

    struct bl__trail *trail = (*place)->trail;
    if (trail->frame_count == UINT32_MAX) return;
    trail->frames[frame_slot(trail->frame_count)] = (struct bl__frame){
        .function = function,
        .site = site,
    };
    trail->frame_count++;
}

static void add_remark(bl_error **place, const char *note,
                       const bl_error *suppressed) {
    struct bl__trail *trail = trail_own(place, 0);
    if (trail == NULL) return;
    struct bl__remark *remark = remark_make(note, suppressed);
    if (remark != NULL) trail_append(trail, remark);
}

void bl__error_add_note(bl_error **place, const char *note) {
    BL__ASSERT(note != NULL);
    add_remark(place, note, NULL);
}

void bl__error_add_suppressed(bl_error **place, const bl_error *other) {
    BL__ASSERT(other != NULL);
    if (other == *place) return; /* an error does not suppress itself */
    add_remark(place, "", other);
}

void bl__error_strip(bl_error *error) {
    BL__ASSERT(bl__error_has_one_owner(error));
    struct bl__trail *trail = error->trail;
    if (trail == NULL || trail->frame_count == 0) return;
    if (atomic_load_explicit(&trail->ref_count, memory_order_acquire) > 1) {
        return; /* the memory stays in use by others anyway */
    }

    trail->frame_count = 0;
    trail->frame_capacity = 0;
    if (trail->first == NULL) {
        bl__free(trail);
        error->trail = NULL;
        return;
    }
    struct bl__trail *smaller = bl_realloc(trail, sizeof *trail);
    if (smaller != NULL) error->trail = smaller;
}

/* ---- thin errors -------------------------------------------------------- */

/*
 * Above the tag, a leaf has its code.  A tree has the magnitudes of the codes
 * of its first children, 15 bits each, and above them the number of children:
 *
 *     63      47      32      17      2   0
 *     | count | code 2 | code 1 | code 0 | tag |
 */
#define THIN_LEAF      1u
#define THIN_TREE      2u
#define THIN_TAG_BITS  2
#define THIN_CODE_BITS 15
#define THIN_CODE_MAX  ((1u << THIN_CODE_BITS) - 1)
#define THIN_BITS      (sizeof(uintptr_t) * CHAR_BIT)
#define THIN_CODES_MAX ((THIN_BITS - THIN_TAG_BITS) / THIN_CODE_BITS - 1)
#define THIN_COUNT_BIT (THIN_TAG_BITS + THIN_CODES_MAX * THIN_CODE_BITS)
#define THIN_COUNT_MAX (UINTPTR_MAX >> THIN_COUNT_BIT)

static_assert(_Alignof(bl_error) > (THIN_LEAF | THIN_TREE),
              "the address of an object has no tag");
static_assert(ENOMEM <= THIN_CODE_MAX, "the stand-in fits");

bl_error *bl__thin_leaf(int code) {
    uintptr_t value = (uintptr_t)(intptr_t)code << THIN_TAG_BITS | THIN_LEAF;
    bl_error *error = (bl_error *)value;
    BL__ASSERT(bl__thin_code(error) == code);
    return error;
}

bl_error *bl__thin_tree(const int *codes, size_t count) {
    BL__ASSERT(count > 0);
    size_t kept = count < THIN_COUNT_MAX ? count : THIN_COUNT_MAX;
    uintptr_t value = (uintptr_t)kept << THIN_COUNT_BIT | THIN_TREE;
    for (size_t i = 0; i < count && i < THIN_CODES_MAX; i++) {
        bool fits = codes[i] < 0 && codes[i] >= -(int)THIN_CODE_MAX;
        uintptr_t magnitude = (uintptr_t)(fits ? -codes[i] : ENOMEM);
        value |= magnitude << (THIN_TAG_BITS + i * THIN_CODE_BITS);
    }
    return (bl_error *)value;
}

static bool thin_is_tree(const bl_error *error) {
    return ((uintptr_t)error & THIN_TREE) != 0;
}

int bl__thin_code(const bl_error *error) {
    if (thin_is_tree(error)) return BL_EGROUP;
    return (int)((intptr_t)error >> THIN_TAG_BITS);
}

size_t bl__thin_count(const bl_error *error) {
    return thin_is_tree(error) ? (uintptr_t)error >> THIN_COUNT_BIT : 0;
}

bl_error *bl__thin_child(const bl_error *error, size_t index) {
    BL__ASSERT(index < bl__thin_count(error));
    if (index >= THIN_CODES_MAX) return bl__thin_leaf(BL_ENOMEM);
    uintptr_t codes =
        (uintptr_t)error >> (THIN_TAG_BITS + index * THIN_CODE_BITS);
    return bl__thin_leaf(-(int)(codes & THIN_CODE_MAX));
}

/* ---- asking an error ---------------------------------------------------- */

int bl_error_code(const bl_error *error) {
    if (error == NULL) return 0;
    return bl__error_is_thin(error) ? bl__thin_code(error) : error->code;
}

const char *bl_error_message(const bl_error *error) {
    if (error == NULL || bl__error_is_thin(error)) return "";
    return error->message;
}

const char *bl__error_site(const bl_error *error) {
    if (error == NULL || bl__error_is_thin(error)) return NULL;
    return error->site;
}

const char *bl_error_origin(const bl_error *error) {
    return bl__site_place(bl__error_site(error));
}

const char *bl_error_task(const bl_error *error) {
    if (error == NULL || bl__error_is_thin(error)) return "";
    return error->task;
}
