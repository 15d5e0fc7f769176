/* SPDX-License-Identifier: MIT */
/*
 * test/schedule.c - the choices of a run: where they come from, how they are
 * written down
 *
 * All that is free in a run passes through one function of the loop's, and so
 * through one here: which ready task is next, which of the timers due together
 * fires, and the like.  Each answer is noted in the record, so a run can be
 * repeated from its notes alone; answers that are not noted, or do not fit the
 * question any more, are the first choice, which is what production does.
 */
#include "test/schedule.h"

#include <stdlib.h>
#include <string.h>

static struct {
    const struct bl__test_choice *choices; /* to be repeated */
    size_t choice_count;
    bool is_random;
    uint64_t state; /* of the generator */
} source;

/* Spreads consecutive seeds over all numbers. */
static uint64_t next_random(void) {
    uint64_t z = (source.state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void bl__schedule_start(const struct bl__test_job *job, bool is_shuffled,
                        uint64_t seed) {
    source.choices = job->choices;
    source.choice_count = job->choice_count;
    source.is_random = job->mode == BL__JOB_SEED;
    source.state = job->number;
    if (is_shuffled && job->mode != BL__JOB_SEED &&
        job->mode != BL__JOB_REPLAY) {
        source.is_random = true;
        source.state = seed;
    }
}

static uint32_t answer(struct bl__test_record *record, uint32_t kind,
                       uint32_t count) {
    if (source.is_random) return (uint32_t)(next_random() % count);
    if (record->choice_count >= source.choice_count) return 0;
    const struct bl__test_choice *noted = &source.choices[record->choice_count];
    /* A token tells picks alone; what they were picks of is known later. */
    bool is_known = noted->count > 0;
    if (noted->picked >= count ||
        (is_known && (noted->kind != kind || noted->count != count))) {
        record->choices_differ = true;
    }
    return noted->picked < count ? noted->picked : 0;
}

static uint32_t choose(void *context, bl_choice kind, uint32_t count,
                       const uint64_t *ids) {
    (void)context;
    (void)ids;
    struct bl__test_record *record = bl__test_record;
    uint32_t picked = answer(record, (uint32_t)kind, count);
    if (record->choice_count == BL__RECORD_CHOICES_MAX) {
        record->choices_are_cut = true;
        return picked;
    }
    record->choices[record->choice_count++] = (struct bl__test_choice){
        .kind = (uint32_t)kind, .count = count, .picked = picked
    };
    return picked;
}

bl__choose_fn *bl__schedule_seam(void) {
    if (!source.is_random && source.choice_count == 0) return NULL;
    return choose;
}

/* ---- tokens ------------------------------------------------------------- */

/* a to z are the choices 1 to 26; a greater one is in parentheses. */
enum {
    LETTERS = 26
};

void bl__schedule_format(struct bl__text *text,
                         const struct bl__test_choice *choices, size_t count) {
    size_t defaults = 0;
    bl__text_add(text, "s1:");
    for (size_t i = 0; i < count; i++) {
        uint32_t picked = choices[i].picked;
        if (picked == 0) {
            defaults++;
            continue;
        }
        if (defaults > 0) bl__text_add(text, "%zu.", defaults);
        defaults = 0;
        if (picked <= LETTERS) {
            bl__text_add(text, "%c", 'a' + (int)picked - 1);
        } else {
            bl__text_add(text, "(%u)", picked);
        }
    }
}

/* Reads one item: a run of defaults, or one choice.  False if it is neither. */
static bool parse_item(const char **at, size_t *run, uint32_t *picked) {
    char *end;
    *run = 1;
    *picked = 0;
    if (**at >= 'a' && **at <= 'z') {
        *picked = (uint32_t)(**at - 'a') + 1;
        ++*at;
        return true;
    }
    bool is_choice = **at == '(';
    if (is_choice) ++*at;
    if (**at < '0' || **at > '9') return false;
    unsigned long number = strtoul(*at, &end, 10);
    if (*end != (is_choice ? ')' : '.')) return false;
    if (is_choice) {
        *picked = (uint32_t)number;
    } else {
        *run = number;
    }
    *at = end + 1;
    return true;
}

bl_ssize bl__schedule_parse(const char *token, struct bl__test_choice *choices,
                            size_t count_max) {
    size_t count = 0;
    if (strncmp(token, "s1:", 3) != 0) return BL_EINVAL;
    token += 3;
    while (*token != '\0') {
        size_t run;
        uint32_t picked;
        if (!parse_item(&token, &run, &picked)) return BL_EINVAL;
        if (run > count_max - count) return BL_EINVAL;
        for (size_t i = 0; i < run; i++) {
            choices[count++] = (struct bl__test_choice){ .picked = picked };
        }
    }
    return (bl_ssize)count;
}
