/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_report.c - what a run has shown, for people
 *
 * Figures come first, then what casts doubt on them: errors, requests that
 * were never sent, a generator that was itself too slow.
 */
#include "blast_report.h"

#include <string.h>

#include <belay/error.h>

#include "quantity.h"

enum {
    LAG_WARN_NS = 1000000 /* of the 99th percentile */
};

static const double cpu_warn = 0.9;
static const double waited_warn = 0.01;
static const double rate_held = 0.99;

/* ---- what follows from a tally ------------------------------------------- */

struct blast_report blast_report_of(const struct blast_options *options,
                                    const struct blast_tally *tally,
                                    uint64_t due) {
    struct blast_report report = {
        .options = options,
        .tally = tally,
        .due = due,
        .elapsed = tally->last_done - tally->first_due,
    };

    if (tally->first_due == 0 || report.elapsed < 0) report.elapsed = 0;
    /* With a rate, the time behind the last request was waited for as well. */
    if (options->rate_milli > 0 && due > 0) {
        double planned = (double)due * 1e12 / (double)options->rate_milli;
        if (planned > (double)report.elapsed) report.elapsed = (bl_ns)planned;
    }
    if (report.elapsed > 0) {
        report.rate = (double)tally->answered * 1e9 / (double)report.elapsed;
    }
    if (tally->wall_ns > 0) {
        report.cpu_share =
            (double)tally->cpu_ns / (double)tally->wall_ns / options->workers;
    }
    return report;
}

uint64_t blast_report_unsent(const struct blast_report *report) {
    const struct blast_tally *tally = report->tally;
    uint64_t seen = tally->sent + tally->called_off;
    return report->due > seen ? report->due - seen : 0;
}

bool blast_report_is_bad(const struct blast_report *report) {
    const struct blast_tally *tally = report->tally;
    uint64_t unsent = blast_report_unsent(report);
    uint64_t bad = tally->failed + unsent;
    uint64_t all = tally->sent + unsent;

    if (bad == 0) return false;
    return (double)bad > report->options->failures_max * (double)all;
}

/* ---- the parts ----------------------------------------------------------- */

static void print_plan(const struct blast_report *report, FILE *file) {
    const struct blast_options *options = report->options;
    char text[QUANTITY_TEXT_BYTES];

    fprintf(file, "%s", options->url);
    if (report->address != NULL) fprintf(file, " at %s", report->address);
    fprintf(file, "\n%s connection%s%s",
            quantity_count(options->connections, text),
            options->connections == 1 ? "" : "s",
            options->is_fresh ? ", a new one for each request" : "");
    if (options->workers > 1) fprintf(file, ", %u workers", options->workers);
    if (options->rate_milli > 0) {
        fprintf(file, ", %s requests/s",
                quantity_rate((double)options->rate_milli / 1000, text));
    } else {
        fprintf(file, ", closed loop");
    }
    if (options->duration != BL_FOREVER) {
        fprintf(file, " for %s", quantity_time(options->duration, text));
    }
    if (options->warmup > 0) {
        fprintf(file, " after %s of warm-up",
                quantity_time(options->warmup, text));
    }
    fprintf(file, "\n");
    if (report->is_interrupted) fprintf(file, "Interrupted: this is so far.\n");
}

static void print_counts(const struct blast_report *report, FILE *file) {
    const struct blast_tally *tally = report->tally;
    char sent[QUANTITY_TEXT_BYTES];
    char answered[QUANTITY_TEXT_BYTES];
    char failed[QUANTITY_TEXT_BYTES];
    char elapsed[QUANTITY_TEXT_BYTES];

    fprintf(file, "\nRequests   %s sent, %s answered, %s failed, in %s\n",
            quantity_count(tally->sent, sent),
            quantity_count(tally->answered, answered),
            quantity_count(tally->failed, failed),
            quantity_time(report->elapsed, elapsed));
    if (tally->dropped > 0) {
        fprintf(file, "           %s in flight when it was interrupted\n",
                quantity_count(tally->dropped, sent));
    }
    fprintf(file, "Rate       %s answers/s", quantity_rate(report->rate, sent));
    if (report->options->rate_milli > 0) {
        fprintf(
            file, " of %s",
            quantity_rate((double)report->options->rate_milli / 1000, sent));
    }
    double seconds = (double)report->elapsed / 1e9;
    if (seconds > 0) {
        fprintf(
            file, ", %s/s out, %s/s in",
            quantity_bytes((double)tally->bytes_sent / seconds, sent),
            quantity_bytes((double)tally->bytes_received / seconds, answered));
    }
    fprintf(file, "\n");
}

/* A line for each share: the latency, and the time from the real sending. */
static void print_times(const struct blast_report *report, FILE *file) {
    static const struct {
        const char *name;
        double share;
    } shares[] = {
        { "p50", 0.5 },     { "p90", 0.9 },       { "p99", 0.99 },
        { "p99.9", 0.999 }, { "p99.99", 0.9999 }, { "max", 1 },
    };
    const struct histogram *latency = &report->tally->latency;
    const struct histogram *service = &report->tally->service;
    bool has_rate = report->options->rate_milli > 0;
    char left[QUANTITY_TEXT_BYTES];
    char right[QUANTITY_TEXT_BYTES];

    if (latency->count == 0) return;
    fprintf(file, "\nLatency    %10s", has_rate ? "from due" : "from sent");
    fprintf(file, "%s\n", has_rate ? "    from sent" : "");
    fprintf(file, "  mean     %10s",
            quantity_time((bl_ns)histogram_mean(latency), left));
    if (has_rate) {
        fprintf(file, "   %10s",
                quantity_time((bl_ns)histogram_mean(service), right));
    }
    fprintf(file, "\n");
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        bl_ns time = histogram_percentile(latency, shares[i].share);
        fprintf(file, "  %-7s  %10s", shares[i].name,
                quantity_time(time, left));
        time = histogram_percentile(service, shares[i].share);
        if (has_rate) fprintf(file, "   %10s", quantity_time(time, right));
        fprintf(file, "\n");
    }
}

static void print_statuses(const struct blast_tally *tally, FILE *file) {
    char text[QUANTITY_TEXT_BYTES];
    const char *before = "\nStatus    ";

    for (int i = 0; i < BLAST_STATUSES; i++) {
        if (tally->statuses[i] == 0) continue;
        fprintf(file, "%s %d: %s", before, i,
                quantity_count(tally->statuses[i], text));
        before = ",";
    }
    if (before[0] == ',') fprintf(file, "\n");
}

static void print_errors(const struct blast_report *report, FILE *file) {
    const struct blast_tally *tally = report->tally;
    char count[QUANTITY_TEXT_BYTES];
    char text[BLAST_ERROR_TEXT_BYTES];

    if (tally->failed == 0) return;
    fprintf(file, "\nErrors\n");
    for (size_t i = 0; i < BLAST_ERRORS_MAX; i++) {
        const struct blast_error *error = &tally->errors[i];
        if (error->count == 0) break;
        fprintf(file, "  %9s  %s\n", quantity_count(error->count, count),
                blast_error_text(error, text));
        if (error->code == -EADDRNOTAVAIL) {
            fprintf(file, "             (no local port is left: they come free "
                          "more slowly than\n             connections are "
                          "closed, or --from another address)\n");
        }
    }
    if (tally->other_errors > 0) {
        fprintf(file, "  %9s  of other kinds\n",
                quantity_count(tally->other_errors, count));
    }
}

/* ---- doubts -------------------------------------------------------------- */

static void print_generator(const struct blast_report *report, FILE *file) {
    const struct histogram *lag = &report->tally->lag;
    char p50[QUANTITY_TEXT_BYTES];
    char p99[QUANTITY_TEXT_BYTES];
    char max[QUANTITY_TEXT_BYTES];

    fprintf(file, "\nGenerator  ");
    if (lag->count > 0) {
        fprintf(file, "late by p50 %s, p99 %s, max %s; ",
                quantity_time(histogram_percentile(lag, 0.5), p50),
                quantity_time(histogram_percentile(lag, 0.99), p99),
                quantity_time(lag->max, max));
    }
    if (report->options->is_precise) {
        fprintf(file, "it never slept\n");
        return;
    }
    fprintf(file, "busy %.0f%%%s\n", 100 * report->cpu_share,
            report->options->workers > 1 ? " of its workers' time" : "");
}

static void print_backlog(const struct blast_report *report, FILE *file) {
    const struct blast_tally *tally = report->tally;
    uint64_t unsent = blast_report_unsent(report);
    char first[QUANTITY_TEXT_BYTES];
    char second[QUANTITY_TEXT_BYTES];

    if (tally->waited > 0) {
        fprintf(file,
                "           %s of %s requests found no free connection when "
                "due\n",
                quantity_count(tally->waited, first),
                quantity_count(tally->sent, second));
    }
    if (tally->reopened > 0) {
        fprintf(file,
                "           %s times an idle connection had been closed by the "
                "server\n",
                quantity_count(tally->reopened, first));
    }
    if (unsent == 0) return;
    fprintf(file,
            "\nNOT SENT   %s of %s requests that were due: all connections "
            "were busy.\n           Their latency would be the highest of "
            "all.\n",
            quantity_count(unsent, first), quantity_count(report->due, second));
}

/* Whether the generator had so much to do that it may have been in its own way:
 * with a rate, only if requests had to wait for it. */
static bool is_overworked(const struct blast_report *report) {
    const struct blast_tally *tally = report->tally;
    uint64_t waited = tally->waited + blast_report_unsent(report);

    if (report->options->is_precise) return false;
    if (report->cpu_share <= cpu_warn) return false;
    if (report->options->rate_milli == 0) return true;
    return (double)waited > waited_warn * (double)report->due;
}

static void print_warnings(const struct blast_report *report, FILE *file) {
    const struct blast_tally *tally = report->tally;
    bool has_rate = report->options->rate_milli > 0;
    char text[QUANTITY_TEXT_BYTES];

    if (!has_rate) {
        fprintf(file, "\nNote: a closed loop waits for a slow answer before it "
                      "sends the next\nrequest, so what a server is asked "
                      "while it is slow is the less, and the\npercentiles are "
                      "better than what users would see (coordinated "
                      "omission).\nUse -r to measure latency.\n");
    }
    if (is_overworked(report)) {
        fprintf(file,
                "\nWARNING: the generator itself was busy %.0f%% of the time, "
                "so it may be what was\nslow; -w %u shares the load among more "
                "threads.\n",
                100 * report->cpu_share, report->options->workers * 2);
    } else if (has_rate &&
               histogram_percentile(&tally->lag, 0.99) > LAG_WARN_NS) {
        fprintf(
            file,
            "\nWARNING: the generator woke up late, by %s or more in one of "
            "100 requests:\nthis machine is busy with other work, and the "
            "latencies are too high by as much.\n",
            quantity_time(histogram_percentile(&tally->lag, 0.99), text));
    }
    if (has_rate && blast_report_unsent(report) > 0 &&
        report->rate < rate_held * (double)report->options->rate_milli / 1000) {
        fprintf(file, "\nWARNING: the rate was not held.\n");
    }
}

void blast_report_print(const struct blast_report *report,
                        const struct terminal *terminal) {
    FILE *file = terminal->file;

    print_plan(report, file);
    print_counts(report, file);
    print_times(report, file);
    if (report->tally->latency.count > 0) fprintf(file, "\n");
    blast_chart_print(&report->tally->latency, terminal);
    print_statuses(report->tally, file);
    print_errors(report, file);
    print_generator(report, file);
    print_backlog(report, file);
    print_warnings(report, file);
}
