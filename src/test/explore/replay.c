/* SPDX-License-Identifier: MIT */
/*
 * test/explore/replay.c - the token that names one run of one case
 *
 *     ID@s1:5.a2.a      the seed and the choices, after shrinking
 *     ID@random@7       that of the walk, where there were too many choices
 *     ID@pct@7.3.120    likewise, with the depth and the number of steps
 *     ID@cancel@3       a point of a sweep; also oom, oomfrom
 *     ID@io@3.104       likewise, and the error: its number, or "short"
 *     ID@input@6869     an input, its bytes in hexadecimal
 *     ID@file@PATH      an input, in a file, as libFuzzer leaves them
 *
 * The seed is the one that t_rng draws from.  Where a token does not begin with
 * it, it is 1, or stands at the end: ID@cancel@3@7.
 */
#include "test/explore/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

#include "test/explore/input.h"
#include "test/explore/token.h"
#include "test/host.h"

enum {
    TOKEN_BYTES = 8192,
    INPUT_BYTES = 1 << 20,
    SEED_DEFAULT = 1
};

static const char *const mode_words[BL__JOB_MODES] = {
    [BL__JOB_CANCEL] = "cancel",
    [BL__JOB_OOM] = "oom",
    [BL__JOB_OOM_FROM] = "oomfrom",
    [BL__JOB_IO] = "io",
};

static void add_schedule(struct bl__text *text,
                         const struct bl__schedule *schedule) {
    unsigned long long seed = schedule->seed;
    if (schedule->kind == BL__SCHEDULE_PCT) {
        bl__text_add(text, "pct@%llu.%u.%llu", seed, schedule->depth,
                     (unsigned long long)schedule->steps);
    } else {
        bl__text_add(text, "random@%llu", seed);
    }
}

static void add_point(struct bl__text *text, const struct bl__test_job *job) {
    bl__text_add(text, "%s@%llu", mode_words[job->mode],
                 (unsigned long long)job->number);
    if (job->mode != BL__JOB_IO) return;
    if (job->error == 0) {
        bl__text_add(text, ".short");
    } else {
        bl__text_add(text, ".%d", job->error);
    }
}

static char *format_input(const struct bl__test_job *job) {
    const struct bl__input input = { (uint8_t *)(uintptr_t)job->schedule.bytes,
                                     job->schedule.byte_count };
    char *hex = bl__input_format(&input);
    char *token = bl__host_format("%s@input@%s", job->test_case->id, hex);
    free(hex);
    return token;
}

char *bl__replay_format(const struct bl__test_job *job,
                        const struct bl__test_choice *choices,
                        size_t choice_count) {
    char buffer[TOKEN_BYTES];
    struct bl__text text = bl__text_in(buffer, sizeof buffer);
    const char *id = job->test_case->id;
    if (choices != NULL) {
        bl__text_add(&text, "%s@", id);
        bl__token_format(&text, job->seed, choices, choice_count);
        if (!text.is_cut) return bl__host_format("%s", buffer);
        text = bl__text_in(buffer, sizeof buffer);
    }
    if (job->mode == BL__JOB_INPUT) return format_input(job);
    bl__text_add(&text, "%s@", id);
    if (job->schedule.kind != BL__SCHEDULE_FIFO) {
        add_schedule(&text, &job->schedule);
    } else if (mode_words[job->mode] != NULL) {
        add_point(&text, job);
    } else {
        return bl__host_format("%s", "");
    }
    if (job->seed != SEED_DEFAULT) {
        bl__text_add(&text, "@%llu", (unsigned long long)job->seed);
    }
    return bl__host_format("%s", buffer);
}

/* ---- reading ------------------------------------------------------------- */

static const struct bl__test_case *find(const struct bl__test_cases *cases,
                                        const char *id, size_t id_length) {
    for (size_t i = 0; i < cases->count; i++) {
        const struct bl__test_case *test_case = &cases->items[i];
        if (strlen(test_case->id) == id_length &&
            strncmp(test_case->id, id, id_length) == 0) {
            return test_case;
        }
    }
    return NULL;
}

static bool read_number(const char **at, uint64_t *number) {
    char *end;
    if (**at < '0' || **at > '9') return false;
    *number = strtoull(*at, &end, 10);
    *at = end;
    return true;
}

/* Reads `word` and what is behind it.  False if there is something else. */
static bool read_word(const char **at, const char *word) {
    size_t length = strlen(word);
    if (strncmp(*at, word, length) != 0) return false;
    *at += length;
    return true;
}

/* What may be behind it all: the seed. */
static bool read_end(const char *at, struct bl__test_job *job) {
    if (read_word(&at, "@") && !read_number(&at, &job->seed)) return false;
    return *at == '\0';
}

static bool read_error(const char **at, struct bl__test_job *job) {
    uint64_t error = 0;
    if (!read_word(at, ".")) return false;
    if (!read_word(at, "short") && !read_number(at, &error)) return false;
    job->error = (int)error;
    job->way = BL__WAY_OF_ERROR;
    return true;
}

/* Reads "cancel@NUMBER" and the like. */
static bool read_sweep(const char *at, struct bl__test_job *job) {
    for (int i = 0; i < BL__JOB_MODES; i++) {
        const char *rest = at;
        if (mode_words[i] == NULL) continue;
        if (!read_word(&rest, mode_words[i]) || !read_word(&rest, "@")) {
            continue;
        }
        job->mode = (enum bl__test_mode)i;
        if (!read_number(&rest, &job->number)) return false;
        if (i == BL__JOB_IO && !read_error(&rest, job)) return false;
        return read_end(rest, job);
    }
    return false;
}

/* Reads "random@SEED" and "pct@SEED.DEPTH.STEPS". */
static bool read_schedule(const char *at, struct bl__test_job *job) {
    uint64_t depth;
    job->mode = BL__JOB_SEED;
    if (read_word(&at, "random@")) {
        job->schedule.kind = BL__SCHEDULE_RANDOM;
        return read_number(&at, &job->schedule.seed) && read_end(at, job);
    }
    if (!read_word(&at, "pct@")) return false;
    job->schedule.kind = BL__SCHEDULE_PCT;
    if (!read_number(&at, &job->schedule.seed) || !read_word(&at, ".") ||
        !read_number(&at, &depth) || !read_word(&at, ".") ||
        !read_number(&at, &job->schedule.steps)) {
        return false;
    }
    job->schedule.depth = (unsigned)depth;
    return read_end(at, job);
}

static bool read_input(const char *at, struct bl__test_job *job) {
    static struct bl__input input; /* as long as the run */
    if (read_word(&at, "input@")) {
        if (!bl__input_parse(&input, at)) return false;
    } else {
        if (!read_word(&at, "file@")) return false;
        if (!bl__input_read(&input, at, INPUT_BYTES)) return false;
    }
    job->mode = BL__JOB_INPUT;
    job->schedule.kind = BL__SCHEDULE_BYTES;
    job->schedule.bytes = input.bytes;
    job->schedule.byte_count = input.count;
    return true;
}

static bool read_choices(const char *text, struct bl__test_job *job) {
    static struct bl__test_choice choices[BL__RECORD_CHOICES_MAX];
    bl_ssize count =
        bl__token_parse(text, &job->seed, choices, BL__RECORD_CHOICES_MAX);
    if (count < 0) return false;
    job->mode = BL__JOB_SEED;
    job->schedule.kind = BL__SCHEDULE_NOTED;
    job->schedule.choices = choices;
    job->schedule.choice_count = (size_t)count;
    return true;
}

bool bl__replay_read(const char *token, const struct bl__test_cases *cases,
                     struct bl__test_job *job) {
    size_t id_length = strcspn(token, "@");
    *job = (struct bl__test_job){ .seed = SEED_DEFAULT };
    if (token[id_length] == '\0') {
        fprintf(stderr, "belay-test: '%s' is not a replay token\n", token);
        return false;
    }
    job->test_case = find(cases, token, id_length);
    if (job->test_case == NULL) {
        fprintf(stderr, "belay-test: there is no test %.*s\n", (int)id_length,
                token);
        return false;
    }
    const char *rest = token + id_length + 1;
    if (read_choices(rest, job)) return true;
    if (read_sweep(rest, job) || read_schedule(rest, job)) return true;
    if (read_input(rest, job)) return true;
    fprintf(stderr, "belay-test: cannot read what is to be run: %s\n", rest);
    return false;
}

/*
 * The process is executed anew, since addresses are given out at its start.  A
 * container may forbid it; then the run differs in its addresses alone.
 */
void bl__replay_fix_addresses(char **argv) {
    int persona = personality(0xffffffff);
    if (persona < 0 || (persona & ADDR_NO_RANDOMIZE) != 0) return;
    if (bl__host_tracer() != 0 || bl__host_has_valgrind()) return;
    if (personality((unsigned)persona | ADDR_NO_RANDOMIZE) < 0) return;
    /* Not under the new personality: it was ignored, or this would go on. */
    persona = personality(0xffffffff);
    if (persona < 0 || (persona & ADDR_NO_RANDOMIZE) == 0) return;
    fflush(NULL);
    execv("/proc/self/exe", argv);
}
