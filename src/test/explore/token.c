/* SPDX-License-Identifier: MIT */
/*
 * test/explore/token.c - the choices of a run, as a text that can be pasted
 *
 * Nearly all choices of a run that was made simple are first ones, so a run of
 * them is a number.  What is not there is a first choice too: a token survives
 * small changes of the test.
 */
#include "test/explore/token.h"

#include <stdlib.h>

#include <belay/error.h>

/* a to z are the choices 1 to 26; a greater one is in parentheses. */
enum {
    LETTERS = 26
};

void bl__token_format(struct bl__text *text, uint64_t seed,
                      const struct bl__test_choice *choices, size_t count) {
    size_t defaults = 0;
    bl__text_add(text, "s%llu:", (unsigned long long)seed);
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

/* Reads "s" and the seed, up to behind the colon. */
static bool parse_seed(const char **at, uint64_t *seed) {
    char *end;
    if (**at != 's') return false;
    if ((*at)[1] < '0' || (*at)[1] > '9') return false;
    *seed = strtoull(*at + 1, &end, 10);
    if (*end != ':') return false;
    *at = end + 1;
    return true;
}

bl_ssize bl__token_parse(const char *token, uint64_t *seed,
                         struct bl__test_choice *choices, size_t count_max) {
    size_t count = 0;
    if (!parse_seed(&token, seed)) return BL_EINVAL;
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
