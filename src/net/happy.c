/* SPDX-License-Identifier: MIT */
/*
 * net/happy.c - the first of several addresses that answers (RFC 8305)
 *
 * Addresses are sorted so that families alternate, beginning with the family
 * of the first.  Each attempt is a task of a group.  The host starts one after
 * the other, the next when one has failed or the delay has passed, and then
 * waits for the rest.  The first attempt that succeeds puts its stream into
 * the race and cancels the group; one that succeeds too late closes its own.
 *
 *      attempt 0  |------------------------ ... cancelled
 *      attempt 1        |--x  refused: the next one starts at once
 *      attempt 2           |---------o  wins
 *                 <delay>
 */
#include <belay/error.h>
#include <belay/group.h>
#include <belay/scope.h>
#include <belay/sync.h>
#include <belay/task.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "net/socket.h"

enum {
    HAPPY_TEXT_BYTES = 1024
};

static const bl_ns happy_delay_default = BL_MS(250);

struct happy {
    bl_group group;
    bl__attempt_fn *attempt;
    void *context;
    bl_event has_moved; /* an attempt has ended */
    size_t running;
    bl_stream *winner;
    int rc; /* of the attempt that failed last */
    size_t text_used;
    char text[HAPPY_TEXT_BYTES]; /* what each attempt died of */
};

struct happy_attempt {
    struct happy *happy;
    const bl_addr *address;
};

/* ---- the order --------------------------------------------------------- */

/* Moves the next address of another family than the one before to its turn. */
static void happy_sort(bl_addr *addresses, size_t count) {
    for (size_t i = 1; i < count; i++) {
        int before = addresses[i - 1].storage.ss_family;
        size_t next = i;
        while (next < count && addresses[next].storage.ss_family == before)
            next++;
        if (next == count) return; /* only one family is left */
        bl_addr found = addresses[next];
        memmove(&addresses[i + 1], &addresses[i],
                (next - i) * sizeof *addresses);
        addresses[i] = found;
    }
}

/* ---- attempts ---------------------------------------------------------- */

static void happy_note(struct happy *happy, const bl_addr *address, int rc) {
    char where[BL_ADDR_TEXT_BYTES];
    bl_addr_format(address, where, sizeof where);
    size_t room = sizeof happy->text - happy->text_used;
    int length =
        snprintf(happy->text + happy->text_used, room, "%s%s: %s",
                 happy->text_used > 0 ? "; " : "", where, bl_strerror(rc));
    if (length > 0 && (size_t)length < room) {
        happy->text_used += (size_t)length;
    }
    happy->rc = rc;
}

static int happy_run(void *arg) {
    const struct happy_attempt *attempt = arg;
    struct happy *happy = attempt->happy;
    bl_stream *stream = NULL;
    bl_task_set_name("connect attempt");
    int rc = happy->attempt(happy->context, attempt->address, &stream);
    BL__ASSERT(happy->running > 0);
    happy->running--;
    if (rc < 0 && rc != BL_ECANCELED) {
        happy_note(happy, attempt->address, rc);
        bl_error_handled();
    } else if (rc == 0 && happy->winner == NULL) {
        happy->winner = stream;
        bl_group_cancel_because(&happy->group, "another address answered");
    } else if (rc == 0) {
        bl_stream_abort(stream);
    }
    bl_event_set(&happy->has_moved);
    return rc == BL_ECANCELED ? rc : 0;
}

static int happy_start(struct happy *happy, const bl_addr *address) {
    struct happy_attempt attempt = { .happy = happy, .address = address };
    int rc = bl_spawn_copy(&happy->group, happy_run, &attempt, sizeof attempt);
    if (rc == 0) happy->running++;
    return rc;
}

/* ---- the race ---------------------------------------------------------- */

/* Waits until an attempt has ended, or for `delay`. */
static int happy_wait(struct happy *happy, bl_ns delay) {
    bl_scope scope;
    bl_event_clear(&happy->has_moved);
    bl_scope_enter_move_on(&scope, delay);
    int rc = bl_event_wait(&happy->has_moved);
    return bl_scope_exit(&scope, rc);
}

static int happy_race(struct happy *happy, const bl_addr *addresses,
                      size_t count, bl_ns delay) {
    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = happy_start(happy, &addresses[i]);
        if (rc == 0 && i + 1 < count) rc = happy_wait(happy, delay);
    }
    while (rc == 0 && happy->running > 0) {
        rc = happy_wait(happy, BL_FOREVER);
    }
    return rc;
}

int bl__happy_connect(const char *name, bl_addr *addresses, size_t count,
                      bl_ns delay, bl__attempt_fn *attempt, void *context,
                      bl_stream **stream) {
    struct happy happy = { .attempt = attempt, .context = context };
    BL__ASSERT(count > 0);
    if (delay == 0) delay = happy_delay_default;
    bl_event_init(&happy.has_moved);
    happy_sort(addresses, count);

    int rc = bl_group_enter(&happy.group);
    if (rc < 0) return rc;
    rc = happy_race(&happy, addresses, count, delay);
    /* The winner's cancellation ends here; one from outside goes on, and so
     * does a lack of memory for the attempts. */
    int start_rc = rc == BL_ECANCELED ? 0 : rc;
    rc = bl_group_exit(&happy.group, rc == BL_ECANCELED ? rc : 0);
    if (happy.winner != NULL && rc < 0) {
        bl_stream_abort(happy.winner); /* the caller was cancelled meanwhile */
        return rc;
    }
    if (happy.winner != NULL) {
        *stream = happy.winner;
        return 0;
    }
    if (rc < 0) return rc;
    if (start_rc < 0) return start_rc;
    if (happy.rc == 0) {
        return BL_ERR(-ECONNABORTED,
                      "connecting to %s: its attempts were "
                      "cancelled, but not the whole",
                      name);
    }
    if (count == 1) return BL_ERR(happy.rc, "cannot connect to %s", happy.text);
    return BL_ERR(happy.rc, "cannot connect to %s: %s", name, happy.text);
}
