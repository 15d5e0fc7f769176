/* SPDX-License-Identifier: MIT */
/*
 * base/error_tree.c - what a group failed with: collected, searched, split
 *
 * A tree is one block: the object, then its children.  A group that collects
 * its first error already allocates that block and collects into it, so the
 * tree it ends with cannot fail for want of memory.  An error for which the
 * block cannot grow is lost as an object; its code is kept.
 *
 * Trees can be nested 100,000 deep, and tasks have small stacks, so nothing
 * here recurses.  A search needs no order and gets along with a stack of fixed
 * size: it enters the child with the most leaves last, and in place of its
 * parent, so each other step down at least halves the leaves.  A split needs
 * the order; its stack is on the heap.
 *
 * Invariant: a tree has at least one leaf, so does each of its children, and
 * its sums (leaf_count, first, heavy) are right after every append.
 */
#include "base/error.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"

#define LOST_CODES_MAX 4

static_assert(sizeof((struct bl__errors *)0)->_lost_codes ==
                  LOST_CODES_MAX * sizeof(int),
              "a tree keeps what the group kept");
static_assert(sizeof((struct bl__tree *)0)->lost_codes ==
                  LOST_CODES_MAX * sizeof(int),
              "a tree keeps what the group kept");

/* ---- building ----------------------------------------------------------- */

static size_t tree_bytes(uint32_t capacity) {
    return sizeof(struct bl__tree) + (size_t)capacity * sizeof(bl_error *);
}

static void tree_add(struct bl__tree *tree, bl_error *child) {
    BL__ASSERT(child != NULL);
    size_t leaf_count = bl_error_leaf_count(child);
    BL__ASSERT(leaf_count > 0);
    if (tree->count == 0) {
        tree->first = bl_error_first(child);
    } else if (leaf_count > bl_error_leaf_count(tree->children[tree->heavy])) {
        tree->heavy = tree->count;
    }
    tree->children[tree->count++] = child;
    tree->leaf_count += leaf_count;
}

/* Makes a childless tree that is like `node` in everything else. */
static struct bl__tree *tree_like(const bl_error *node, uint32_t capacity) {
    const char *task = bl_error_task(node);
    size_t task_bytes = strlen(task) + 1;
    struct bl__tree *tree = bl__alloc(tree_bytes(capacity) + task_bytes);
    if (tree == NULL) return NULL;

    memset(tree, 0, sizeof *tree);
    bool is_thin = bl__error_is_thin(node);
    bl__error_init(&tree->error, bl_error_code(node), bl__error_site(node),
                   is_thin ? NULL : node->trail);
    tree->error.is_tree = true;
    tree->error.task = memcpy(&tree->children[capacity], task, task_bytes);
    return tree;
}

bl_error *bl__tree_copy(const bl_error *error) {
    uint32_t count = (uint32_t)bl_error_count(error);
    struct bl__tree *copy = tree_like(error, count);
    if (copy == NULL) return NULL;
    for (uint32_t i = 0; i < count; i++) {
        tree_add(copy, bl_error_ref(bl_error_child(error, i)));
    }
    BL__ASSERT(copy->leaf_count == bl_error_leaf_count(error));
    return &copy->error;
}

/* ---- what a group collects ---------------------------------------------- */

static struct bl__tree *collected(const struct bl__errors *errors) {
    if (errors->_items == NULL) return NULL;
    return bl__container_of(errors->_items, struct bl__tree, children);
}

bool bl__errors_reserve(struct bl__errors *errors, uint32_t count) {
    if (count <= errors->_capacity) return true;
    struct bl__tree *tree = collected(errors);
    bool is_new = tree == NULL;
    tree = bl_realloc(tree, tree_bytes(count));
    if (tree == NULL) return false;

    if (is_new) {
        memset(tree, 0, sizeof *tree);
        bl__error_init(&tree->error, BL_EGROUP, NULL, NULL);
        tree->error.is_tree = true;
    }
    errors->_items = tree->children;
    errors->_capacity = count;
    return true;
}

static bool errors_grow(struct bl__errors *errors) {
    uint32_t capacity = errors->_capacity;
    if (capacity > UINT32_MAX / 2) return false;
    return bl__errors_reserve(errors, capacity > 0 ? capacity * 2 : 4);
}

/* Keeps the codes of an error for which there is no room. */
static void errors_lose(struct bl__errors *errors, bl_error *error) {
    size_t leaf_count = bl_error_leaf_count(error);
    for (size_t i = 0; i < leaf_count; i++) {
        size_t index = errors->_lost_count + i;
        if (index >= LOST_CODES_MAX) break;
        errors->_lost_codes[index] = bl_error_code(bl__error_leaf(error, i));
    }
    size_t room = UINT32_MAX - errors->_lost_count;
    errors->_lost_count += (uint32_t)(leaf_count < room ? leaf_count : room);
    bl_error_unref(error);
}

static void strip_below(bl_error *error);

void bl__errors_append(struct bl__errors *errors, bl_error *error) {
    BL__ASSERT(error != NULL);
    if (errors->_count == errors->_capacity && !errors_grow(errors)) {
        errors_lose(errors, error);
        return;
    }
    struct bl__tree *tree = collected(errors);
    if (tree->leaf_count >= BL__ERROR_LEAVES_FRAMED_MAX) strip_below(error);
    tree_add(tree, error);
    errors->_count++;
    BL__ASSERT(errors->_count == tree->count);
}

void bl__errors_clear(struct bl__errors *errors) {
    struct bl__tree *tree = collected(errors);
    memset(errors, 0, sizeof *errors);
    if (tree != NULL) bl_error_unref(&tree->error);
}

/* Gives the tree its final size and, if there is memory, its task. */
static struct bl__tree *tree_finish(struct bl__tree *tree, const char *task) {
    if (task == NULL) task = "";
    size_t task_bytes = strlen(task) + 1;
    struct bl__tree *sized =
        bl_realloc(tree, tree_bytes(tree->count) + task_bytes);
    if (sized == NULL) return tree;
    sized->error.task =
        memcpy(&sized->children[sized->count], task, task_bytes);
    return sized;
}

bl_error *bl__error_new_group(struct bl__errors *errors, const char *site,
                              const char *task_path) {
    uint32_t lost_count = errors->_lost_count;
    BL__ASSERT(errors->_count > 0 || lost_count > 0);
    if (errors->_count == 0 && !bl__errors_reserve(errors, 1)) {
        bl_error *thin = bl__thin_tree(errors->_lost_codes, lost_count);
        memset(errors, 0, sizeof *errors);
        return thin;
    }

    struct bl__tree *tree = tree_finish(collected(errors), task_path);
    tree->error.site = site;
    tree->lost_count = lost_count;
    memcpy(tree->lost_codes, errors->_lost_codes, sizeof tree->lost_codes);
    tree->leaf_count += lost_count;
    if (tree->count == 0) tree->first = bl__thin_leaf(tree->lost_codes[0]);
    memset(errors, 0, sizeof *errors);
    BL__ASSERT(tree->leaf_count > 0);
    return &tree->error;
}

/* ---- asking a tree ------------------------------------------------------ */

size_t bl_error_count(const bl_error *error) {
    if (error == NULL) return 0;
    if (bl__error_is_thin(error)) return bl__thin_count(error);
    if (!error->is_tree) return 0;
    const struct bl__tree *tree = bl__tree_of(error);
    return (size_t)tree->count + tree->lost_count;
}

/* Returns a stand-in for a lost child: memory is what it died of. */
static bl_error *lost_child(const struct bl__tree *tree, size_t index) {
    bool is_known = index < LOST_CODES_MAX;
    return bl__thin_leaf(is_known ? tree->lost_codes[index] : BL_ENOMEM);
}

const bl_error *bl_error_child(const bl_error *error, size_t index) {
    if (index >= bl_error_count(error)) return NULL;
    if (bl__error_is_thin(error)) return bl__thin_child(error, index);
    const struct bl__tree *tree = bl__tree_of(error);
    if (index < tree->count) return tree->children[index];
    return lost_child(tree, index - tree->count);
}

size_t bl_error_leaf_count(const bl_error *error) {
    if (error == NULL) return 0;
    if (bl__error_is_tree(error)) return bl__tree_of(error)->leaf_count;
    size_t count = bl_error_count(error);
    return count > 0 ? count : 1;
}

const bl_error *bl_error_first(const bl_error *error) {
    if (error == NULL) return NULL;
    if (bl__error_is_tree(error)) return bl__tree_of(error)->first;
    return bl_error_count(error) > 0 ? bl_error_child(error, 0) : error;
}

const bl_error *bl_error_collapse(const bl_error *error) {
    return bl_error_leaf_count(error) == 1 ? bl_error_first(error) : error;
}

const bl_error *bl__error_leaf(const bl_error *error, size_t index) {
    if (index >= bl_error_leaf_count(error)) return NULL;
    while (bl_error_count(error) > 0) {
        const bl_error *child = bl_error_child(error, 0);
        for (size_t i = 1; index >= bl_error_leaf_count(child); i++) {
            index -= bl_error_leaf_count(child);
            child = bl_error_child(error, i);
        }
        error = child;
    }
    return error;
}

/* ---- searching, in any order -------------------------------------------- */

/* One entry per halving of the leaves, and one for the root. */
#define SEARCH_DEPTH_MAX (sizeof(size_t) * CHAR_BIT + 1)

struct search {
    size_t depth;
    struct {
        const struct bl__tree *tree;
        uint32_t next; /* child */
    } stack[SEARCH_DEPTH_MAX];
};

/* Makes the children of `tree` part of the search. */
static void search_enter(struct search *search, const struct bl__tree *tree) {
    if (tree->count == 0) return;
    BL__ASSERT(search->depth < SEARCH_DEPTH_MAX);
    search->stack[search->depth].tree = tree;
    search->stack[search->depth].next = 0;
    search->depth++;
}

/* Returns the next child of a tree that was entered, NULL after the last. */
static bl_error *search_next(struct search *search) {
    if (search->depth == 0) return NULL;
    size_t top = search->depth - 1;
    const struct bl__tree *tree = search->stack[top].tree;
    uint32_t *next = &search->stack[top].next;
    if (*next == tree->heavy) ++*next;
    if (*next < tree->count) return tree->children[(*next)++];

    search->depth--; /* the heavy child takes its parent's place */
    return tree->children[tree->heavy];
}

/* Whether `error` has `code`, or is a tree that lost an error with `code`. */
static bool has_code_itself(const bl_error *error, int code) {
    size_t count = bl_error_count(error);
    if (count == 0) return bl_error_code(error) == code;

    size_t i = bl__error_is_tree(error) ? bl__tree_of(error)->count : 0;
    size_t end =
        count < i + LOST_CODES_MAX + 1 ? count : i + LOST_CODES_MAX + 1;
    for (; i < end; i++) {
        if (bl_error_code(bl_error_child(error, i)) == code) return true;
    }
    return false;
}

bool bl_error_match(const bl_error *error, int code) {
    struct search search = { .depth = 0 };
    for (; error != NULL; error = search_next(&search)) {
        if (has_code_itself(error, code)) return true;
        if (bl__error_is_tree(error)) search_enter(&search, bl__tree_of(error));
    }
    BL__ASSERT(search.depth == 0);
    return false;
}

/*
 * Drops the frames of `error` and of all below it that has no other owner.
 * What was stripped once is not entered again, so that the cost of it stays
 * linear when groups fail into groups.
 */
static void strip_below(bl_error *error) {
    struct search search = { .depth = 0 };
    for (; error != NULL; error = search_next(&search)) {
        if (bl__error_is_thin(error)) continue;
        if (!bl__error_has_one_owner(error)) continue;
        if (error->is_stripped) continue;
        bl__error_strip(error);
        if (!error->is_tree) continue;
        error->is_stripped = true;
        search_enter(&search, bl__tree_of(error));
    }
}

/* ---- splitting ---------------------------------------------------------- */

/* What became of one node: its share of each part, NULL if it has none. */
struct halves {
    bl_error *match;
    bl_error *rest;
};

/* A node of which the first `next` children have been split. */
struct visit {
    const bl_error *node;
    size_t next;
};

/* Two stacks: the path from the root, and the children split so far. */
struct split {
    bl_error_predicate *predicate;
    void *context;
    struct visit *path;
    size_t depth;
    size_t path_capacity;
    struct halves *done;
    size_t done_count;
    size_t done_capacity;
};

/* Returns `stack` with room for item number `count`, NULL without memory. */
static void *stack_grow(void *stack, size_t *capacity, size_t count,
                        size_t item_bytes) {
    if (count < *capacity) return stack;
    size_t larger = *capacity > 0 ? *capacity * 2 : 16;
    stack = bl_realloc(stack, larger * item_bytes);
    if (stack != NULL) *capacity = larger;
    return stack;
}

static int split_enter(struct split *split, const bl_error *node) {
    struct visit *path = stack_grow(split->path, &split->path_capacity,
                                    split->depth, sizeof *path);
    if (path == NULL) return BL_ENOMEM;
    split->path = path;
    split->path[split->depth++] = (struct visit){ .node = node };
    return 0;
}

/* Ends the innermost visit with `halves`; there is room, see split_step. */
static void split_leave(struct split *split, struct halves halves) {
    BL__ASSERT(split->depth > 0);
    BL__ASSERT(split->done_count < split->done_capacity);
    split->done[split->done_count++] = halves;
    split->depth--;
}

/* Makes a tree like `node` of one half of its children, which it refers to. */
static bl_error *tree_of_half(const bl_error *node, const struct halves *halves,
                              size_t count, bool is_match) {
    uint32_t half_count = 0;
    for (size_t i = 0; i < count; i++) {
        if ((is_match ? halves[i].match : halves[i].rest) != NULL) half_count++;
    }
    BL__ASSERT(half_count > 0);
    struct bl__tree *tree = tree_like(node, half_count);
    if (tree == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        bl_error *half = is_match ? halves[i].match : halves[i].rest;
        if (half != NULL) tree_add(tree, bl_error_ref(half));
    }
    BL__ASSERT(tree->count == half_count);
    return &tree->error;
}

static void halves_drop(struct halves *halves, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bl_error_unref(halves[i].match);
        bl_error_unref(halves[i].rest);
    }
}

/* Puts the halves of the children of `node` together. */
static int split_join(const bl_error *node, const struct halves *children,
                      size_t count, struct halves *joined) {
    bool has_match = false;
    bool has_rest = false;
    for (size_t i = 0; i < count; i++) {
        has_match = has_match || children[i].match != NULL;
        has_rest = has_rest || children[i].rest != NULL;
    }
    BL__ASSERT(has_match || has_rest);
    *joined = (struct halves){ .match = NULL, .rest = NULL };
    if (!has_rest || !has_match) { /* the part is the whole */
        *(has_match ? &joined->match : &joined->rest) = bl_error_ref(node);
        return 0;
    }
    joined->match = tree_of_half(node, children, count, true);
    if (joined->match == NULL) return BL_ENOMEM;
    joined->rest = tree_of_half(node, children, count, false);
    if (joined->rest == NULL) {
        bl_error_unref(joined->match);
        return BL_ENOMEM;
    }
    return 0;
}

/* Goes one step: down to a child, or up with a node that is split. */
static int split_step(struct split *split) {
    struct visit *visit = &split->path[split->depth - 1];
    const bl_error *node = visit->node;
    size_t count = bl_error_count(node);
    if (visit->next < count) {
        const bl_error *child = bl_error_child(node, visit->next++);
        return split_enter(split, child);
    }

    struct halves *done = stack_grow(split->done, &split->done_capacity,
                                     split->done_count, sizeof *done);
    if (done == NULL) return BL_ENOMEM;
    split->done = done;

    struct halves joined = { .match = NULL, .rest = NULL };
    if (count == 0) {
        bool is_match = split->predicate(node, split->context);
        *(is_match ? &joined.match : &joined.rest) = bl_error_ref(node);
    } else {
        BL__ASSERT(split->done_count >= count);
        struct halves *children = &split->done[split->done_count - count];
        int rc = split_join(node, children, count, &joined);
        if (rc < 0) return rc;
        halves_drop(children, count);
        split->done_count -= count;
    }
    split_leave(split, joined);
    return 0;
}

int bl_error_split_if(const bl_error *error, bl_error_predicate *predicate,
                      void *context, bl_error **match, bl_error **rest) {
    if (error == NULL || predicate == NULL) return BL_EINVAL;
    if (match == NULL || rest == NULL) return BL_EINVAL;
    struct split split = { .predicate = predicate, .context = context };

    int rc = split_enter(&split, error);
    while (rc == 0 && split.depth > 0)
        rc = split_step(&split);

    if (rc == 0) {
        BL__ASSERT(split.done_count == 1);
        *match = split.done[0].match;
        *rest = split.done[0].rest;
    } else {
        halves_drop(split.done, split.done_count);
    }
    bl__free(split.done);
    bl__free(split.path);
    return rc;
}

static bool leaf_has_code(const bl_error *leaf, void *code) {
    return bl_error_code(leaf) == *(const int *)code;
}

int bl_error_split(const bl_error *error, int code, bl_error **match,
                   bl_error **rest) {
    return bl_error_split_if(error, leaf_has_code, &code, match, rest);
}
