/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_progress.c - how a run goes, while it runs
 *
 * The line is drawn by a thread of the pool: a terminal that is slow, or that
 * somebody has stopped, must not hold up the loop that sends the requests.
 */
#include "blast_progress.h"

#include "quantity.h"
#include "terminal.h"

enum {
    PERIOD_NS = 100000000
};

struct line {
    struct terminal terminal;
    char text[BLAST_PROGRESS_BYTES];
    bool is_gone;
};

const char *blast_progress_text(const struct blast_progress *progress,
                                char *text) {
    char sent[QUANTITY_TEXT_BYTES];
    char answered[QUANTITY_TEXT_BYTES];
    char failed[QUANTITY_TEXT_BYTES];
    char flying[QUANTITY_TEXT_BYTES];
    char rate[QUANTITY_TEXT_BYTES];
    char lag[QUANTITY_TEXT_BYTES];
    char duration[QUANTITY_TEXT_BYTES + 4] = "";
    uint64_t ended = progress->answered + progress->failed;

    if (progress->missing > 0) {
        snprintf(text, BLAST_PROGRESS_BYTES, "connecting: %s to go",
                 quantity_count(progress->missing, sent));
        return text;
    }
    if (progress->duration != BL_FOREVER) {
        snprintf(duration, sizeof(duration), "/%.0f",
                 (double)progress->duration / 1e9);
    }
    snprintf(text, BLAST_PROGRESS_BYTES,
             "%.0f%s s  %s sent  %s ok  %s failed  %s in flight  %s/s  lag %s",
             (double)progress->elapsed / 1e9, duration,
             quantity_count(progress->sent, sent),
             quantity_count(progress->answered, answered),
             quantity_count(progress->failed, failed),
             quantity_count(progress->sent - ended, flying),
             quantity_count((uint64_t)progress->rate, rate),
             quantity_time(progress->lag, lag));
    return text;
}

/* Adds up the workers; ended first, so that none is in flight twice. */
static void look(struct blast_load *load, struct blast_progress *progress) {
    memory_order order = memory_order_relaxed;

    progress->answered = progress->failed = progress->sent = 0;
    progress->lag = 0;
    progress->missing = atomic_load_explicit(&load->missing, order);
    for (uint32_t i = 0; i < load->options->workers; i++) {
        struct blast_live *live = &load->workers[i].live;
        progress->answered += atomic_load_explicit(&live->answered, order);
        progress->failed += atomic_load_explicit(&live->failed, order);
        bl_ns lag = (bl_ns)atomic_load_explicit(&live->lag_ns, order);
        if (lag > progress->lag) progress->lag = lag;
    }
    for (uint32_t i = 0; i < load->options->workers; i++) {
        progress->sent +=
            atomic_load_explicit(&load->workers[i].live.sent, order);
    }
    uint64_t ended = progress->answered + progress->failed;
    if (progress->sent < ended) progress->sent = ended;
}

static int draw(void *arg) {
    const struct line *line = arg;
    terminal_redraw(&line->terminal, line->is_gone ? NULL : line->text);
    return 0;
}

int blast_progress_watch(struct blast_load *load) {
    const struct blast_options *options = load->options;
    struct line line = { .terminal = terminal_of(stderr) };
    struct blast_progress progress = {
        .duration = options->duration == BL_FOREVER
                        ? BL_FOREVER
                        : options->duration + options->warmup,
    };
    bl_ns begin = bl_now();
    bl_ns before = begin;
    uint64_t answered = 0;

    int rc = bl_sleep(PERIOD_NS);
    while (rc == 0) {
        bl_ns now = bl_now();
        look(load, &progress);
        if (progress.missing > 0) begin = now;
        progress.elapsed = now - begin;
        progress.rate = (double)(progress.answered - answered) * 1e9 /
                        (double)(now - before);
        blast_progress_text(&progress, line.text);
        rc = bl_to_thread(draw, &line);
        before = now;
        answered = progress.answered;
        if (rc == 0) rc = bl_sleep(PERIOD_NS);
    }
    line.is_gone = true;
    draw(&line);
    return rc;
}
