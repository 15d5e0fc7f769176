/* SPDX-License-Identifier: MIT */
/*
 * test/explore/input.c - the inputs of a FUZZ test
 *
 * Without knowledge of the program's branches a generator is blind, so it does
 * what finds most: it changes valid inputs a little.  Bits are flipped, bytes
 * become limits or signs that parsers know, parts are left out, doubled, or
 * taken from another input.
 *
 * A failing input is made smaller by leaving out parts, half of it at first and
 * single bytes at last.
 */
#include "test/explore/input.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/random.h"

enum {
    BYTES_DEFAULT = 4096,
    FILES_MAX = 10000,
    CHANGES_MAX = 8,
    SHRINK_RUNS_MAX = 300
};

/* ---- the corpus ---------------------------------------------------------- */

void bl__input_done(struct bl__input *input) {
    free(input->bytes);
    *input = (struct bl__input){ .count = 0 };
}

struct bl__input bl__input_copy(const struct bl__input *input) {
    struct bl__input copy = { .bytes = bl__host_alloc(input->count),
                              .count = input->count };
    if (input->count > 0) memcpy(copy.bytes, input->bytes, input->count);
    return copy;
}

bool bl__input_read(struct bl__input *input, const char *path,
                    size_t bytes_max) {
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    input->bytes = bl__host_alloc(bytes_max);
    input->count = fread(input->bytes, 1, bytes_max, file);
    bool is_read = ferror(file) == 0;
    fclose(file);
    if (!is_read) bl__input_done(input);
    return is_read;
}

static int compare_names(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Returns the names of the files in a folder, sorted; NULL if there is none. */
static char **list_files(const char *folder, size_t *count) {
    DIR *directory = opendir(folder);
    if (directory == NULL) return NULL;
    char **names = bl__host_alloc(FILES_MAX * sizeof names[0]);
    for (struct dirent *entry = readdir(directory);
         entry != NULL && *count < FILES_MAX; entry = readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        names[(*count)++] = bl__host_format("%s/%s", folder, entry->d_name);
    }
    closedir(directory);
    qsort(names, *count, sizeof names[0], compare_names);
    return names;
}

void bl__corpus_load(struct bl__corpus *corpus, const struct bl__test *test) {
    size_t max = test->options.max_len;
    *corpus = (struct bl__corpus){ .bytes_max = max > 0 ? max : BYTES_DEFAULT };
    if (test->options.corpus == NULL) return;
    const char *slash = strrchr(test->file, '/');
    int length = slash != NULL ? (int)(slash - test->file) + 1 : 0;
    char *folder =
        bl__host_format("%.*s%s", length, test->file, test->options.corpus);
    size_t count = 0;
    char **names = list_files(folder, &count);
    corpus->items = bl__host_alloc(count * sizeof corpus->items[0]);
    for (size_t i = 0; i < count; i++) {
        struct bl__input *next = &corpus->items[corpus->count];
        if (bl__input_read(next, names[i], corpus->bytes_max)) corpus->count++;
        free(names[i]);
    }
    free(names);
    free(folder);
}

void bl__corpus_done(struct bl__corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++)
        bl__input_done(&corpus->items[i]);
    free(corpus->items);
    *corpus = (struct bl__corpus){ .count = 0 };
}

/* ---- changes ------------------------------------------------------------- */

/* An input that is being changed, in memory for the largest one. */
struct draft {
    uint8_t *bytes;
    size_t count;
    size_t max;
    uint64_t *random;
};

static size_t below(struct draft *draft, size_t limit) {
    return (size_t)bl__random_below(draft->random, limit);
}

static void erase(struct draft *draft) {
    size_t at = below(draft, draft->count);
    size_t count = 1 + below(draft, draft->count - at);
    memmove(draft->bytes + at, draft->bytes + at + count,
            draft->count - at - count);
    draft->count -= count;
}

/* Inserts `count` bytes of `from`, as many as there is room for. */
static void insert(struct draft *draft, const uint8_t *from, size_t count) {
    size_t at = below(draft, draft->count + 1);
    if (count > draft->max - draft->count) count = draft->max - draft->count;
    memmove(draft->bytes + at + count, draft->bytes + at, draft->count - at);
    memcpy(draft->bytes + at, from, count);
    draft->count += count;
}

static uint8_t telling_byte(struct draft *draft) {
    static const uint8_t bytes[] = { 0,   1,   0x7f, 0x80, 0xff, '\n', '\r',
                                     ' ', '"', '\'', '\\', '%',  '-',  '0',
                                     '9', ':', ',',  '.',  '/',  '{',  '}',
                                     '[', ']', '<',  '>',  '=',  'A',  'z' };
    if (below(draft, 4) == 0) return (uint8_t)bl__random_next(draft->random);
    return bytes[below(draft, sizeof bytes)];
}

static void insert_bytes(struct draft *draft) {
    uint8_t bytes[8];
    size_t count = 1 + below(draft, sizeof bytes);
    for (size_t i = 0; i < count; i++)
        bytes[i] = telling_byte(draft);
    insert(draft, bytes, count);
}

static void insert_part(struct draft *draft, const struct bl__input *other) {
    if (other->count == 0) return;
    size_t at = below(draft, other->count);
    uint8_t part[64];
    size_t count = 1 + below(draft, other->count - at);
    if (count > sizeof part) count = sizeof part;
    memcpy(part, other->bytes + at, count);
    insert(draft, part, count);
}

static void change(struct draft *draft, const struct bl__input *other) {
    const struct bl__input self = { draft->bytes, draft->count };
    size_t kind = draft->count > 0 ? below(draft, 6) : 5;
    size_t at = draft->count > 0 ? below(draft, draft->count) : 0;
    switch (kind) {
    case 0: draft->bytes[at] ^= (uint8_t)(1u << below(draft, 8)); return;
    case 1: draft->bytes[at] = telling_byte(draft); return;
    case 2: erase(draft); return;
    case 3: insert_part(draft, &self); return;
    case 4: insert_part(draft, other); return;
    default: insert_bytes(draft); return;
    }
}

struct bl__input bl__input_make(const struct bl__corpus *corpus, uint64_t seed,
                                uint64_t number) {
    static const struct bl__input nothing;
    if (number < corpus->count) return bl__input_copy(&corpus->items[number]);
    uint64_t random = bl__random_seed(seed, "input") + number;
    struct draft draft = { .bytes = bl__host_alloc(corpus->bytes_max),
                           .max = corpus->bytes_max,
                           .random = &random };
    const struct bl__input *base = &nothing;
    const struct bl__input *other = &nothing;
    if (corpus->count > 0) {
        base = &corpus->items[below(&draft, corpus->count)];
        other = &corpus->items[below(&draft, corpus->count)];
        memcpy(draft.bytes, base->bytes, base->count);
        draft.count = base->count;
    }
    for (size_t i = 1 + below(&draft, CHANGES_MAX); i > 0; i--) {
        change(&draft, other);
    }
    struct bl__input made = { draft.bytes, draft.count };
    struct bl__input exact = bl__input_copy(&made);
    bl__input_done(&made);
    return exact;
}

/* ---- as text ------------------------------------------------------------- */

char *bl__input_format(const struct bl__input *input) {
    char *text = bl__host_alloc(input->count * 2 + 1);
    for (size_t i = 0; i < input->count; i++) {
        snprintf(text + i * 2, 3, "%02x", input->bytes[i]);
    }
    return text;
}

bool bl__input_parse(struct bl__input *input, const char *text) {
    size_t length = strlen(text);
    if (length % 2 != 0) return false;
    if (strspn(text, "0123456789abcdef") != length) return false;
    input->count = length / 2;
    input->bytes = bl__host_alloc(input->count);
    for (size_t i = 0; i < input->count; i++) {
        const char digits[] = { text[i * 2], text[i * 2 + 1], '\0' };
        input->bytes[i] = (uint8_t)strtoul(digits, NULL, 16);
    }
    return true;
}

/* ---- making it smaller --------------------------------------------------- */

void bl__input_shrink_begin(struct bl__input_shrink *shrink,
                            const struct bl__input *input) {
    *shrink = (struct bl__input_shrink){
        .best = bl__input_copy(input),
        .trial = bl__input_copy(input),
        .width = input->count / 2 + input->count % 2,
    };
}

bool bl__input_shrink_next(struct bl__input_shrink *shrink) {
    const struct bl__input *best = &shrink->best;
    if (shrink->runs == SHRINK_RUNS_MAX || best->count == 0) return false;
    if (shrink->at >= best->count) {
        if (shrink->width <= 1) return false;
        shrink->width /= 2;
        shrink->at = 0;
    }
    size_t width = best->count - shrink->at;
    if (width > shrink->width) width = shrink->width;
    memcpy(shrink->trial.bytes, best->bytes, shrink->at);
    memcpy(shrink->trial.bytes + shrink->at, best->bytes + shrink->at + width,
           best->count - shrink->at - width);
    shrink->trial.count = best->count - width;
    shrink->runs++;
    return true;
}

void bl__input_shrink_judge(struct bl__input_shrink *shrink, bool fails_alike) {
    if (!fails_alike) {
        shrink->at += shrink->width;
        return;
    }
    memcpy(shrink->best.bytes, shrink->trial.bytes, shrink->trial.count);
    shrink->best.count = shrink->trial.count;
}

void bl__input_shrink_done(struct bl__input_shrink *shrink) {
    bl__input_done(&shrink->best);
    bl__input_done(&shrink->trial);
}
