/* SPDX-License-Identifier: MIT */
/*
 * demo/mishap.c - a group in which one worker fails
 *
 * The worker that fails has a group of its own, so its error arrives as a
 * tree inside the tree.
 */
#include <stdio.h>

#include "client.h"
#include "mishap.h"
#include "verdict.h"

enum {
    PARTS = 3
};

struct mishap {
    struct mishap_report *report;
    struct dialler dialler;
    bl_event all_asking; /* every other worker waits for its answer */
    size_t asking;
    bl_ns failed_at;
};

/* ---- the worker that fails ----------------------------------------------- */

struct part {
    struct mishap *mishap;
    int number;
};

static int check_part(void *arg) {
    const struct part *part = arg;

    if (part->number != 2) return bl_sleep(BL_SEC(60)); /* still reading */
    part->mishap->failed_at = clock_read();
    return BL_ERR(BL_EIO, "part %d of %d is damaged: it was made to fail",
                  part->number, PARTS);
}

static int failing_worker(void *arg) {
    struct mishap *mishap = arg;

    int rc = bl_event_wait(&mishap->all_asking);
    if (rc < 0) return rc;

    BL_GROUP(parts, rc) {
        for (int i = 1; i <= PARTS && rc == 0; i++) {
            struct part part = { mishap, i };
            rc = bl_spawn_copy(parts, check_part, &part, sizeof(part));
        }
    }
    return BL_TRACE(rc);
}

/* ---- the others ---------------------------------------------------------- */

static int ask(struct mishap *mishap) {
    bl_stream *stream = NULL;
    int rc = dialler_dial(&mishap->dialler, &stream);
    if (rc < 0) return rc;

    mishap->asking++;
    if (mishap->asking == mishap->report->workers - 1) {
        bl_event_set(&mishap->all_asking);
    }
    rc = client_ask(stream, "nap 60000\n");
    bl_stream_abort(stream);
    return rc;
}

static int worker(void *arg) {
    struct mishap *mishap = arg;

    int rc = ask(mishap);
    if (rc == BL_ECANCELED) mishap->report->cancelled++;
    return rc;
}

/* ---- all of them --------------------------------------------------------- */

static int spawn_all(struct mishap *mishap, bl_group *workers) {
    int rc = bl_spawn(workers, failing_worker, mishap);
    for (size_t i = 1; i < mishap->report->workers && rc == 0; i++) {
        rc = bl_spawn(workers, worker, mishap);
    }
    return rc;
}

int mishap_run(const bl_addr *server, size_t workers,
               struct mishap_report *report) {
    struct mishap mishap = { .report = report };
    report->workers = workers;
    BL_TRY(dialler_init(&mishap.dialler, server));

    int rc;
    BL_GROUP(group, rc) {
        rc = spawn_all(&mishap, group);
    }
    report->cancel_ns = clock_read() - mishap.failed_at;
    if (rc == 0) return BL_ERR(BL_EMISUSE, "the worker did not fail");
    if (rc != BL_EGROUP) return rc;

    const bl_error *tree = bl_error_current(rc);
    report->leaves = bl_error_leaf_count(tree);
    report->is_the_one = bl_error_match(tree, BL_EIO);
    bl_error_print(tree, stdout);
    bl_error_handled(); /* it was planned */
    return 0;
}
