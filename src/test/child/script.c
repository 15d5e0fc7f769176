/* SPDX-License-Identifier: MIT */
/*
 * test/child/script.c - the other end of a stream, played from a script
 *
 * The player is a task of the caller's group, with the script copied to its
 * stack.  It compares what comes as far as it has come, so that a wrong byte
 * is reported at once and not when the right number is there.
 *
 * A script that is cut short by a cancellation fails as one that ends early
 * does: whoever cancels a conversation writes it into the script.  Checks keep
 * quiet in runs with injected faults, and so does this.
 */
#include <belay/test.h>

#include <stdio.h>
#include <string.h>

#include "test/record.h"
#include "test/text.h"

enum {
    SCRIPT_READ_BYTES = 256,
    SCRIPT_TEXT_BYTES = 1024,
    SCRIPT_QUOTE_MAX = 160
};

struct script {
    const struct bl__test_place *place;
    const bl_test_step *steps;
    size_t count;
    size_t at; /* the step being played */
    bl_stream *stream;
};

static void step_describe(struct bl__text *text, const bl_test_step *step) {
    switch (step->kind) {
    case BL_TEST_STEP_EXPECT:
        bl__text_add(text, "expect ");
        bl__text_add_quoted(text, step->bytes, SCRIPT_QUOTE_MAX);
        break;
    case BL_TEST_STEP_SEND:
        bl__text_add(text, "send ");
        bl__text_add_quoted(text, step->bytes, SCRIPT_QUOTE_MAX);
        break;
    case BL_TEST_STEP_WAIT: bl__text_add(text, "wait"); break;
    case BL_TEST_STEP_EXPECT_END: bl__text_add(text, "expect the end"); break;
    case BL_TEST_STEP_END: bl__text_add(text, "end"); break;
    }
}

/* Reports that the step went otherwise; `got` may be NULL. */
static void script_fail(const struct script *script, const char *what,
                        const char *got) {
    char buffer[SCRIPT_TEXT_BYTES];
    struct bl__text text = bl__text_in(buffer, sizeof buffer);
    bl__text_add(&text, "script %s, step %zu of %zu, ", script->place->left,
                 script->at + 1, script->count);
    step_describe(&text, &script->steps[script->at]);
    bl__text_add(&text, ": %s", what);
    if (got != NULL) bl__text_add_quoted(&text, got, SCRIPT_QUOTE_MAX);
    bl__record_failure(script->place, buffer, "");
}

/* ---- steps ------------------------------------------------------------- */

/* Returns 1 if all has come, 0 if it differs, which is reported. */
static int play_expect(const struct script *script, const bl_test_step *step) {
    char bytes[SCRIPT_READ_BYTES + 1];
    size_t done = 0;
    while (done < step->count) {
        size_t room = step->count - done;
        if (room > SCRIPT_READ_BYTES) room = SCRIPT_READ_BYTES;
        bl_ssize count = bl_stream_read(script->stream, bytes, room);
        if (count < 0) return (int)count;
        bytes[count] = '\0';
        if (count == 0) {
            script_fail(script, "the peer has ended", NULL);
            return 0;
        }
        if (memcmp(bytes, step->bytes + done, (size_t)count) != 0) {
            script_fail(script, "the peer sent ", bytes);
            return 0;
        }
        done += (size_t)count;
    }
    return 1;
}

static int play_expect_end(const struct script *script) {
    char bytes[SCRIPT_READ_BYTES + 1];
    bl_ssize count = bl_stream_read(script->stream, bytes, SCRIPT_READ_BYTES);
    if (count < 0) return (int)count;
    if (count == 0) return 1;
    bytes[count] = '\0';
    script_fail(script, "the peer sent ", bytes);
    return 0;
}

static int play_step(const struct script *script) {
    const bl_test_step *step = &script->steps[script->at];
    int rc = 0;
    switch (step->kind) {
    case BL_TEST_STEP_EXPECT: return play_expect(script, step);
    case BL_TEST_STEP_EXPECT_END: return play_expect_end(script);
    case BL_TEST_STEP_SEND:
        rc =
            bl_stream_write_all(script->stream, step->bytes, step->count, NULL);
        break;
    case BL_TEST_STEP_WAIT: rc = bl_sleep(step->duration); break;
    case BL_TEST_STEP_END: rc = bl_stream_shutdown_write(script->stream); break;
    }
    return rc < 0 ? rc : 1;
}

static int script_play(void *arg) {
    struct script *script = arg;
    int rc = 1;
    while (rc == 1 && script->at < script->count) {
        rc = play_step(script);
        if (rc == 1) script->at++;
    }
    if (rc == BL_ECANCELED) {
        script_fail(script, "it was cancelled before its end", NULL);
    } else if (rc < 0) {
        script_fail(script, bl_strerror(rc), NULL);
    }
    bl_stream_abort(script->stream);
    return rc == BL_ECANCELED ? rc : 0;
}

bl_stream *bl__test_peer(const struct bl__test_place *place, bl_group *group,
                         const bl_test_step *steps, size_t count) {
    bl_stream *ends[2] = { NULL, NULL };
    int rc = bl_mem_pair(0, ends);
    if (rc == 0) {
        struct script script = {
            .place = place, .steps = steps, .count = count, .stream = ends[1]
        };
        rc = bl_spawn_copy(group, script_play, &script, sizeof script);
    }
    if (rc < 0) {
        struct bl__test_place here = *place;
        here.severity = BL__TEST_REQUIRE;
        bl_stream_abort(ends[0]);
        bl_stream_abort(ends[1]);
        bl__test_ok(&here, rc); /* does not come back */
    }
    return ends[0];
}
