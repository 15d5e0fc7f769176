/* SPDX-License-Identifier: MIT */
/*
 * test/run/anchor.c - the process in which T_RUN fixtures stand
 *
 * Fixtures that live as long as the whole run cannot stand in a process of a
 * test, of which there are many.  They get one of their own, whose "test" has
 * them all and does nothing but hand out their values: it copies them into
 * memory that every process shares, says so, and waits until the run is over.
 * So set-up, tear-down, limits, crashes and leaks are those of any test.
 *
 * Its loop lives by the real clock, and goes on while the tests run: a server
 * that is a T_RUN fixture serves them.
 */
#include "test/run/anchor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "test/host.h"

enum {
    ALIGNMENT = 16
};

/* Longer than any run. */
#define LIFETIME BL_SEC(100 * 1000 * 1000)

static struct {
    struct bl__fixture **fixtures;
    char **values; /* beside them, in shared memory */
    size_t count;
    bool is_here; /* this is the process in which they stand */
} run;

const void *bl__anchor_value(const struct bl__fixture *fixture) {
    if (run.is_here || fixture->options.scope != BL_TEST_SCOPE_RUN) return NULL;
    for (size_t i = 0; i < run.count; i++) {
        if (run.fixtures[i] == fixture) return run.values[i];
    }
    return NULL;
}

/* ---- in the process ------------------------------------------------------ */

/* The body of the "test"; its values stand in front of where it points. */
static void hold(const void *const *values) {
    int channel = bl__worker_own_channel();
    for (size_t i = 0; i < run.count; i++) {
        memcpy(run.values[i], values[(ptrdiff_t)i - (ptrdiff_t)run.count],
               run.fixtures[i]->value_bytes);
    }
    if (send(channel, "", 1, MSG_NOSIGNAL) < 0) return;
    /* Cancelled: a fixture has died, and is torn down with the others. */
    BL_IGNORE(bl_fd_wait(channel, BL_READABLE));
}

/* ---- in the runner ------------------------------------------------------- */

static void add(struct bl__fixture *fixture) {
    for (size_t i = 0; i < run.count; i++) {
        if (run.fixtures[i] == fixture) return;
    }
    run.fixtures =
        bl__host_resize(run.fixtures, (run.count + 1) * sizeof run.fixtures[0]);
    run.fixtures[run.count++] = fixture;
}

static void collect(const struct bl__units *units) {
    for (size_t i = 0; i < units->count; i++) {
        for (size_t k = 0; k < units->items[i].count; k++) {
            const struct bl__test_case *one = units->items[i].cases[k];
            if (one->error != NULL || one->skip != NULL) continue;
            for (size_t n = 0; n < one->fixture_count; n++) {
                struct bl__fixture *fixture = one->fixtures[n];
                if (fixture->options.scope == BL_TEST_SCOPE_RUN) add(fixture);
            }
        }
    }
}

static size_t padded(size_t bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void share_values(void) {
    size_t bytes = 0;
    for (size_t i = 0; i < run.count; i++) {
        bytes += padded(run.fixtures[i]->value_bytes);
    }
    char *memory = mmap(NULL, bytes > 0 ? bytes : 1, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) bl__host_die("no memory for T_RUN fixtures");
    run.values = bl__host_alloc(run.count * sizeof run.values[0]);
    for (size_t i = 0; i < run.count; i++) {
        run.values[i] = memory;
        memory += padded(run.fixtures[i]->value_bytes);
    }
}

void bl__anchor_init(struct bl__anchor *anchor, const struct bl__units *units) {
    *anchor = (struct bl__anchor){ .is_needed = false };
    collect(units);
    if (run.count == 0) return;
    share_values();
    anchor->is_needed = true;
    anchor->needs = bl__host_alloc((run.count + 1) * sizeof anchor->needs[0]);
    memcpy(anchor->needs + 1, run.fixtures,
           run.count * sizeof anchor->needs[0]);
    anchor->test = (struct bl__test){
        .name = "T_RUN",
        .file = run.fixtures[0]->file,
        .line = run.fixtures[0]->line,
        .body = hold,
        .needs = anchor->needs,
        .need_count = run.count,
        .options = { .size = sizeof(bl_test_options),
                     .clock = BL_TEST_CLOCK_REAL,
                     .timeout = LIFETIME },
    };
    anchor->test_case = (struct bl__test_case){
        .test = &anchor->test,
        .file = bl__test_base_name(anchor->test.file),
        .name = bl__host_format("T_RUN fixtures"),
        .id = bl__host_format("T_RUN fixtures"),
        .fixtures = run.fixtures,
        .fixture_count = run.count,
        .values = bl__host_alloc(run.count * sizeof(void *)),
    };
    bl__worker_open(&anchor->worker);
}

/* The process is over: keeps what is to be said about it. */
static void bury(struct bl__anchor *anchor) {
    anchor->is_over = true;
    bl__result_take(&anchor->result, &anchor->worker);
    bl__result_close(&anchor->result, &anchor->test_case);
    if (bl__verdict_is_bad(anchor->result.verdict)) {
        anchor->problem = bl__host_format("its T_RUN fixtures do not stand: %s",
                                          anchor->result.headline);
    }
}

void bl__anchor_start(struct bl__anchor *anchor,
                      const struct bl__test_settings *settings) {
    const struct bl__test_job job = { .test_case = &anchor->test_case,
                                      .seed = settings->seed };
    struct bl__test_settings own = *settings;
    if (!anchor->is_needed) return;
    own.timeout = 0;
    own.isolation = BL__ISOLATE_AUTO;
    run.is_here = true; /* in the child */
    bool has_started = bl__worker_start_anchor(&anchor->worker, &own, &job);
    run.is_here = false;
    if (has_started) {
        bl__worker_wait(&anchor->worker);
    }
    if (anchor->worker.pid == 0) bury(anchor);
}

static bool needs_any(const struct bl__test_case *test_case) {
    for (size_t i = 0; i < test_case->fixture_count; i++) {
        if (test_case->fixtures[i]->options.scope == BL_TEST_SCOPE_RUN) {
            return true;
        }
    }
    return false;
}

const char *bl__anchor_problem(struct bl__anchor *anchor,
                               const struct bl__test_case *test_case) {
    if (!anchor->is_needed || !needs_any(test_case)) return NULL;
    if (!anchor->is_over && !bl__worker_is_alive(&anchor->worker)) {
        bl__worker_collect(&anchor->worker);
        bury(anchor);
        if (anchor->problem == NULL) {
            anchor->problem = bl__host_format(
                "its T_RUN fixtures do not stand any more: they have ended");
        }
    }
    return anchor->problem;
}

bool bl__anchor_finish(struct bl__anchor *anchor,
                       const struct bl__test_settings *settings) {
    if (!anchor->is_needed) return false;
    if (!anchor->is_over) {
        bl__worker_end(&anchor->worker, settings, false);
        bl__worker_wait(&anchor->worker);
        if (anchor->worker.pid == 0) bury(anchor);
    }
    bl__worker_close(&anchor->worker);
    return anchor->is_over && bl__verdict_is_bad(anchor->result.verdict);
}
