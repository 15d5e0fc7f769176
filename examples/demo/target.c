/* SPDX-License-Identifier: MIT */
/*
 * demo/target.c - drives a server that is not ours
 *
 * One client tries the server out first: where that fails, one clear sentence
 * is better than a thousand errors.  Then all clients send their requests, and
 * every request ends as one of the kinds below.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "target.h"
#include "verdict.h"

/* How a request, or the connection for it, can end. */
enum ending {
    ANSWERED,
    TIMED_OUT,
    REFUSED,
    CLOSED,
    GARBLED,
    FAILED,
    ENDINGS
};

struct target {
    const struct target_plan *plan;
    bl_addr address;
    bl_sem dials;
    size_t counts[ENDINGS];
    uint32_t *answer_us; /* of each request that was answered */
    bool is_connected;   /* the trial got as far as that */
};

struct client {
    struct target *target;
    size_t number;
};

static enum ending ending_of(int rc) {
    switch (rc) {
    case 0: return ANSWERED;
    case BL_ETIMEDOUT: return TIMED_OUT;
    case BL_ECONNREFUSED: return REFUSED;
    case BL_ECONNRESET:
    case BL_EPIPE: return CLOSED;
    case -EPROTO: return GARBLED;
    default: return FAILED;
    }
}

/* ---- one client ---------------------------------------------------------- */

static int dial(struct target *target, bl_stream **stream) {
    int rc = bl_sem_acquire(&target->dials);
    if (rc < 0) return rc;
    rc = bl_wait_for(bl_tcp_connect(&target->address, stream),
                     target->plan->limit);
    bl_sem_release(&target->dials);
    return rc;
}

static int ask(struct client *client, bl_stream *stream, size_t request) {
    struct target *target = client->target;
    char line[LINE_BYTES_MAX];
    snprintf(line, sizeof(line), "belay client %zu request %zu\n",
             client->number, request);

    bl_ns sent = clock_read();
    int rc = bl_wait_for(client_ask(stream, line), target->plan->limit);
    if (rc == 0) {
        bl_ns took_us = (clock_read() - sent) / BL_US(1);
        target->answer_us[target->counts[ANSWERED]] = (uint32_t)took_us;
    }
    return rc;
}

/* Sends all requests of one client; stops at the first that fails. */
static int client_run(void *arg) {
    struct client *client = arg;
    struct target *target = client->target;
    bl_stream *stream = NULL;

    int rc = dial(target, &stream);
    for (size_t i = 0; i < target->plan->requests && rc == 0; i++) {
        rc = ask(client, stream, i);
        if (rc == 0) target->counts[ANSWERED]++;
    }
    bl_stream_abort(stream);
    if (rc == BL_ECANCELED) return rc;
    if (rc < 0) target->counts[ending_of(rc)]++;
    bl_error_handled();
    return 0;
}

/* ---- the trial ----------------------------------------------------------- */

static int try_out(struct target *target) {
    bl_stream *stream = NULL;
    struct client client = { target, 0 };

    int rc = dial(target, &stream);
    if (rc < 0) return rc;
    target->is_connected = true;
    rc = ask(&client, stream, 0);
    bl_stream_abort(stream);
    return rc;
}

/* Says in one sentence why the server cannot be driven. */
static void explain(const struct target *target, int rc) {
    const char *where = target->plan->where;
    double limit_ms = milliseconds(target->plan->limit);

    fprintf(stderr, "demo: %s ", where);
    switch (ending_of(rc)) {
    case REFUSED: fprintf(stderr, "refuses: nobody listens there\n"); break;
    case TIMED_OUT:
        fprintf(stderr, "%s within %g ms\n",
                target->is_connected ? "accepts, but does not answer"
                                     : "cannot be reached",
                limit_ms);
        break;
    case CLOSED:
        fprintf(stderr, "closes the connection before it answers\n");
        break;
    case GARBLED:
        fprintf(stderr, "is not an echo server: %s\n", bl_error_text(rc));
        break;
    default:
        fprintf(stderr, "cannot be used: %s\n",
                rc == BL_EINVAL ? "it is not of the form HOST:PORT"
                                : bl_error_text(rc));
    }
    if (target->is_connected) {
        fprintf(stderr, "demo: a target has to send each line back as it is\n");
    }
}

/* ---- all clients --------------------------------------------------------- */

static int run_clients(struct target *target) {
    int rc;
    BL_GROUP(clients, rc) {
        for (size_t i = 0; i < target->plan->clients && rc == 0; i++) {
            struct client client = { target, i };
            rc = bl_spawn_copy(clients, client_run, &client, sizeof(client));
        }
    }
    return rc;
}

static int compare_us(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double percentile_ms(const struct target *target, size_t percent) {
    size_t count = target->counts[ANSWERED];
    size_t index = (count - 1) * percent / 100;
    return milliseconds(BL_US(target->answer_us[index]));
}

static void report(struct target *target, bl_ns took) {
    const size_t *counts = target->counts;
    size_t answered = counts[ANSWERED];
    char text[COUNT_TEXT_BYTES];

    printf("  answered    %s requests in %.2f s, %.0f per second\n",
           count_text(answered, text), seconds(took),
           (double)answered / seconds(took));
    if (answered > 0) {
        qsort(target->answer_us, answered, sizeof(uint32_t), compare_us);
        printf("  after       %.2f ms in the middle, %.2f ms for 99 %%, "
               "%.2f ms at worst\n",
               percentile_ms(target, 50), percentile_ms(target, 99),
               percentile_ms(target, 100));
    }
    printf("  clients     %zu timed out, %zu refused, %zu cut off, "
           "%zu garbled, %zu failed\n",
           counts[TIMED_OUT], counts[REFUSED], counts[CLOSED], counts[GARBLED],
           counts[FAILED]);
}

static int drive(struct target *target) {
    const struct target_plan *plan = target->plan;
    char text[COUNT_TEXT_BYTES];

    int rc = bl_wait_for(bl_addr_resolve(plan->where, &target->address),
                         plan->limit);
    if (rc == 0) rc = try_out(target);
    if (rc == BL_ECANCELED) return rc;
    if (rc < 0) {
        explain(target, rc);
        return 1;
    }

    printf("  target      %s\n", plan->where);
    printf("  clients     %s at once, %zu requests each\n",
           count_text(plan->clients, text), plan->requests);
    bl_ns begun = clock_read();
    rc = run_clients(target);
    report(target, clock_read() - begun);
    if (rc < 0) return rc;

    bool is_complete =
        target->counts[ANSWERED] == plan->clients * plan->requests;
    printf("  %s\n", is_complete ? "PASSED" : "FAILED: not all were answered");
    return is_complete ? 0 : 1;
}

int target_run(const struct target_plan *plan) {
    struct target target = { .plan = plan };

    BL_TRY(bl_sem_init(&target.dials, 256, 256));
    target.answer_us =
        calloc(plan->clients * plan->requests + 1, sizeof(*target.answer_us));
    if (target.answer_us == NULL) return BL_ENOMEM;

    int rc = drive(&target);
    free(target.answer_us);
    return rc;
}
