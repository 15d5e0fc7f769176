/* SPDX-License-Identifier: MIT */
/*
 * base/error.h - the inside of error objects
 *
 * The words.  A *leaf* is one failure.  A *tree* is what a group failed with:
 * errors in the order in which they happened, each a leaf or a tree.  A *trail*
 * is what an error gathers on its way up: frames, notes, suppressed errors.
 *
 *     bl_error (leaf)                      bl__tree
 *     +-----------------------------+      +--------------------------+
 *     | code, site, texts           |      | bl_error                 |
 *     | trail ---> frames, remarks  |      | sums over the children   |
 *     +-----------------------------+      | children[] ---> bl_error |
 *     | bytes of the texts          |      +--------------------------+
 *     +-----------------------------+      | bytes of the texts       |
 *                                          +--------------------------+
 *
 * A *thin* error is what is left without memory: a code, or for a tree the
 * number of its leaves and the codes of the first, inside the pointer itself.
 * It owns nothing, is never freed, and every function here takes it like any
 * other, so a `bl_error *` is read through functions only.
 *
 * Invariants:
 *   a leaf or tree with more than one reference never changes;
 *   a trail with more than one reference never changes;
 *   therefore nothing can come to contain itself, and counting references is
 *   enough.
 */
#ifndef BL__BASE_ERROR_H
#define BL__BASE_ERROR_H

#include <stdarg.h>
#include <stdatomic.h>

#include <belay/error.h>

/* A message or a note is cut to this many bytes, its NUL included. */
#define BL__ERROR_TEXT_BYTES_MAX 1024

/* Of the frames that an error passes, this many first and last are kept. */
#define BL__ERROR_FRAMES_FIRST 16
#define BL__ERROR_FRAMES_LAST  16

/* Leaves of a group beyond this number keep their texts, but no frames. */
#define BL__ERROR_LEAVES_FRAMED_MAX 256

/* How much of a tree is printed: leaves, and levels of nesting. */
#define BL__ERROR_LEAVES_SHOWN_MAX 50
#define BL__ERROR_LEVELS_SHOWN_MAX 16

/* ---- making errors; none of these ever fails ---------------------------- */

/*
 * Makes a leaf; without memory, a thin one.
 *
 * `site` is a static string, which is kept; all other texts are copied.  Each
 * of them may be NULL.
 */
bl_error *bl__error_new(int code, const char *function, const char *site,
                        const char *task_path, const char *format,
                        va_list args);

/* Makes a leaf without a message. */
bl_error *bl__error_new_bare(int code, const char *function, const char *site,
                             const char *task_path);

struct bl__errors;

/*
 * Appends, taking over the reference.
 *
 * Without memory the codes of its leaves stay in _lost_codes, as far as there
 * is room, and their number in _lost_count.
 */
void bl__errors_append(struct bl__errors *errors, bl_error *error);

/* Makes room for `count` errors in all, which bl__errors_append then keeps. */
bool bl__errors_reserve(struct bl__errors *errors, uint32_t count);

/* Gives all references back. */
void bl__errors_clear(struct bl__errors *errors);

/*
 * Makes a tree of the collected errors, of which there is at least one.
 *
 * Takes over their references and leaves `errors` empty.  `site` is where the
 * group was entered.  The first append has already taken the memory.
 */
bl_error *bl__error_new_group(struct bl__errors *errors, const char *site,
                              const char *task_path);

/* ---- adding to an error on its way up ----------------------------------- */

/*
 * These change the error at `*place`, whose reference the caller owns.  One
 * that is shared is replaced by a copy first, as others must not see it
 * change.  Without memory nothing is added.  `function` and `site` are static
 * strings; a note is copied; `other` gets a reference more.
 */
void bl__error_add_frame(bl_error **place, const char *function,
                         const char *site);
void bl__error_add_note(bl_error **place, const char *note);
void bl__error_add_suppressed(bl_error **place, const bl_error *other);

/* Returns the site as it was given, or NULL. */
const char *bl__error_site(const bl_error *error);

/* ---- the objects, for base/error*.c alone ------------------------------- */

struct bl__frame {
    const char *function;
    const char *site;
};

/* A note, or an error that was suppressed. */
struct bl__remark {
    struct bl__remark *next;
    bl_error *suppressed; /* NULL for a note */
    char note[];
};

/* What an error gathered; the parts of a split tree share it. */
struct bl__trail {
    atomic_uint ref_count;
    uint32_t frame_count;    /* passed, kept or not */
    uint32_t frame_capacity; /* how many fit into `frames` */
    struct bl__remark *first;
    struct bl__remark *last;
    struct bl__frame frames[]; /* the first ones, then a ring of the last */
};

struct bl_error {
    atomic_uint ref_count;
    int code;
    bool is_tree;
    bool is_stripped;     /* a tree below which all frames were dropped */
    const char *function; /* after the object, or NULL */
    const char *site;     /* static, or NULL */
    const char *task;     /* never NULL; after the object, or static */
    union {
        const char *message; /* never NULL; after the object, or static */
        bl_error *dying;     /* while being freed: the next to be freed */
    };
    struct bl__trail *trail; /* NULL as long as nothing was added */
};

struct bl__tree {
    bl_error error;
    uint32_t count;
    uint32_t heavy;        /* the child with the most leaves */
    uint32_t lost_count;   /* further children, of which the code is known */
    int lost_codes[4];     /* of the first of them; the others count only */
    size_t leaf_count;     /* in all children, lost ones included */
    const bl_error *first; /* the first leaf; NULL without children */
    bl_error *children[];
};

static inline const struct bl__tree *bl__tree_of(const bl_error *error) {
    return (const struct bl__tree *)(const void *)error;
}

/* ---- thin errors: the low two bits of the pointer tell them apart ------- */

static inline bool bl__error_is_thin(const bl_error *error) {
    return ((uintptr_t)error & 3) != 0;
}

/* Whether there is an object of the kind `struct bl__tree` behind it. */
static inline bool bl__error_is_tree(const bl_error *error) {
    return !bl__error_is_thin(error) && error->is_tree;
}

bl_error *bl__thin_leaf(int code);

/*
 * `codes` has the first of `count` codes, at least three if there are as many.
 * Those for which there is no room read as BL_ENOMEM, which they died of.
 */
bl_error *bl__thin_tree(const int *codes, size_t count);

int bl__thin_code(const bl_error *error);
size_t bl__thin_count(const bl_error *error);
bl_error *bl__thin_child(const bl_error *error, size_t index);

/* ---- between error.c and error_tree.c ----------------------------------- */

/* Initialises the fields of a new object; `trail` is shared. */
void bl__error_init(bl_error *error, int code, const char *site,
                    struct bl__trail *trail);

/* Returns the frame number `index`, one of the first or of the last. */
const struct bl__frame *bl__error_frame(const bl_error *error, uint32_t index);

/* Returns a tree with the same children, or NULL without memory. */
bl_error *bl__tree_copy(const bl_error *error);

/* Whether the caller, who owns a reference, is the only one who does. */
bool bl__error_has_one_owner(const bl_error *error);

/* Drops the frames of an error that has one owner. */
void bl__error_strip(bl_error *error);

/* Returns leaf number `index` in depth-first order, NULL past the end. */
const bl_error *bl__error_leaf(const bl_error *error, size_t index);

/* Returns how much of `text` is left without a character cut in two. */
size_t bl__utf8_cut(const char *text, size_t length);

#endif
