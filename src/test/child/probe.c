/* SPDX-License-Identifier: MIT */
/*
 * test/child/probe.c - counting the probes that the code under test passes
 *
 * Probes are few, and are compared by their text, since one name may stand in
 * several sources.  They may be passed on any thread.
 */
#include "test/child/probe.h"

#include <belay/probe.h>
#include <belay/test.h>

#include <pthread.h>
#include <string.h>

#include "test/child/watch.h"
#include "test/text.h"

enum {
    PROBES_MAX = 100
};

static struct {
    const char *name;
    uint64_t count;
} probes[PROBES_MAX];

static size_t probe_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

/* The number of a probe, or `probe_count` if it was never passed. */
static size_t find(const char *name) {
    size_t i = 0;
    while (i < probe_count && strcmp(probes[i].name, name) != 0)
        i++;
    return i;
}

/* Names are literals in product code, and live as long as it. */
static void on_probe(const char *name) {
    pthread_mutex_lock(&mutex);
    size_t i = find(name);
    if (i == probe_count && i < PROBES_MAX) {
        probes[probe_count++].name = name;
        probes[i].count = 0;
    }
    if (i < PROBES_MAX) probes[i].count++;
    pthread_mutex_unlock(&mutex);
}

void bl__probes_start(void) {
    probe_count = 0;
    bl_probe_set_hook(on_probe);
}

uint64_t bl_test_probe_count(const char *name) {
    pthread_mutex_lock(&mutex);
    size_t i = find(name);
    uint64_t count = i < probe_count ? probes[i].count : 0;
    pthread_mutex_unlock(&mutex);
    return count;
}

/* ---- waiting ------------------------------------------------------------- */

struct wanted {
    const char *name;
    uint64_t count;
};

static bool has_come(void *context) {
    const struct wanted *wanted = context;
    return bl_test_probe_count(wanted->name) >= wanted->count;
}

static void add_all(struct bl__text *text) {
    pthread_mutex_lock(&mutex);
    bl__text_add(text, probe_count > 0
                           ? "probes that were passed:\n"
                           : "no probe was passed; is the code under test "
                             "compiled with BELAY_PROBES=1?\n");
    for (size_t i = 0; i < probe_count; i++) {
        bl__text_add(text, "  %s, %llu times\n", probes[i].name,
                     (unsigned long long)probes[i].count);
    }
    pthread_mutex_unlock(&mutex);
}

bool bl__test_wait_probe(const struct bl__test_place *place, const char *name,
                         uint64_t count, bl_ns limit) {
    char details_text[2000];
    struct wanted wanted = { name, count };
    if (bl__test_wait_until(place, limit, has_come, &wanted)) return true;
    struct bl__text details = bl__text_in(details_text, sizeof details_text);
    add_all(&details);
    bl__test_not_come(place, details.data);
}
