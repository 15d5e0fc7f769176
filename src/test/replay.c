/* SPDX-License-Identifier: MIT */
/*
 * test/replay.c - the token that names one run of one case
 *
 *     ID@MODE@NUMBER    a seed, or a point of a sweep
 *     ID@s1:5.a2.a      the choices themselves, after shrinking
 */
#include "test/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/schedule.h"

enum {
    TOKEN_BYTES = 8192
};

static const char *const mode_words[BL__JOB_MODES] = {
    [BL__JOB_SEED] = "seed",
    [BL__JOB_CANCEL] = "cancel",
    [BL__JOB_OOM] = "oom",
    [BL__JOB_OOM_FROM] = "oomfrom",
};

char *bl__replay_format(const struct bl__test_job *job,
                        const struct bl__test_choice *choices,
                        size_t choice_count) {
    const char *id = job->test_case->id;
    if (job->mode == BL__JOB_PLAIN) return bl__host_format("%s", "");
    if (job->mode == BL__JOB_SEED && choices != NULL) {
        char buffer[TOKEN_BYTES];
        struct bl__text text = bl__text_in(buffer, sizeof buffer);
        bl__schedule_format(&text, choices, choice_count);
        if (!text.is_cut) return bl__host_format("%s@%s", id, buffer);
    }
    return bl__host_format("%s@%s@%llu", id, mode_words[job->mode],
                           (unsigned long long)job->number);
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

/* Reads "MODE@NUMBER".  False if it is something else. */
static bool read_number(const char *text, struct bl__test_job *job) {
    for (int i = 0; i < BL__JOB_MODES; i++) {
        size_t length = mode_words[i] != NULL ? strlen(mode_words[i]) : 0;
        if (length == 0 || strncmp(text, mode_words[i], length) != 0 ||
            text[length] != '@') {
            continue;
        }
        job->mode = (enum bl__test_mode)i;
        job->number = strtoull(text + length + 1, NULL, 10);
        return true;
    }
    return false;
}

static bool read_choices(const char *text, struct bl__test_job *job) {
    static struct bl__test_choice choices[BL__RECORD_CHOICES_MAX];
    bl_ssize count = bl__schedule_parse(text, choices, BL__RECORD_CHOICES_MAX);
    if (count < 0) {
        fprintf(stderr, "belay-test: cannot read the choices %s\n", text);
        return false;
    }
    job->mode = BL__JOB_REPLAY;
    job->choices = choices;
    job->choice_count = (size_t)count;
    return true;
}

bool bl__replay_read(const char *token, const struct bl__test_cases *cases,
                     struct bl__test_job *job) {
    size_t id_length = strcspn(token, "@");
    *job = (struct bl__test_job){ .mode = BL__JOB_PLAIN };
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
    return read_number(rest, job) || read_choices(rest, job);
}
