/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_json.c - what a run has shown, for programs
 *
 * Names end in their unit.  All times are nanoseconds, but those that people
 * have written in seconds.
 */
#include <stdio.h>

#include <belay/base.h>
#include <belay/error.h>

#include "blast_report.h"
#include "json.h"

static void put_plan(struct json *json, const struct blast_report *report) {
    const struct blast_options *options = report->options;
    bool has_rate = options->rate_milli > 0;

    json_text(json, "belay", BL_VERSION);
    json_text(json, "url", options->url);
    json_text(json, "address", report->address);
    json_text(json, "loop", has_rate ? "open" : "closed");
    if (has_rate) {
        json_real(json, "rate_wanted", (double)options->rate_milli / 1000, 3);
    }
    if (options->duration != BL_FOREVER) {
        json_real(json, "duration_s", (double)options->duration / 1e9, 3);
    }
    json_real(json, "warmup_s", (double)options->warmup / 1e9, 3);
    json_uint(json, "connections", options->connections);
    json_uint(json, "workers", options->workers);
    json_bool(json, "keepalive", !options->is_fresh);
    json_real(json, "timeout_s", (double)options->timeout / 1e9, 3);
    json_bool(json, "interrupted", report->is_interrupted);
}

static void put_requests(struct json *json, const struct blast_report *report) {
    const struct blast_tally *tally = report->tally;

    json_object_begin(json, "requests");
    json_uint(json, "due", report->due);
    json_uint(json, "sent", tally->sent);
    json_uint(json, "answered", tally->answered);
    json_uint(json, "failed", tally->failed);
    json_uint(json, "interrupted", tally->dropped);
    json_uint(json, "unsent", blast_report_unsent(report));
    json_uint(json, "sent_late", tally->waited);
    json_object_end(json);

    json_object_begin(json, "connections_opened");
    json_uint(json, "all", tally->opened);
    json_uint(json, "after_idle_close", tally->reopened);
    json_object_end(json);

    json_uint(json, "elapsed_ns", (uint64_t)report->elapsed);
    json_real(json, "rate", report->rate, 3);
    json_uint(json, "bytes_sent", tally->bytes_sent);
    json_uint(json, "bytes_received", tally->bytes_received);
}

static void put_times(struct json *json, const char *key,
                      const struct histogram *times) {
    static const struct {
        const char *name;
        double share;
    } shares[] = {
        { "p50", 0.5 },  { "p75", 0.75 },    { "p90", 0.9 },
        { "p99", 0.99 }, { "p99.9", 0.999 }, { "p99.99", 0.9999 },
    };

    json_object_begin(json, key);
    json_uint(json, "count", times->count);
    json_int(json, "min", times->min);
    json_real(json, "mean", histogram_mean(times), 1);
    json_real(json, "deviation", histogram_deviation(times), 1);
    for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++) {
        json_int(json, shares[i].name,
                 histogram_percentile(times, shares[i].share));
    }
    json_int(json, "max", times->max);
    json_object_end(json);
}

static void put_statuses(struct json *json, const struct blast_tally *tally) {
    char status[16];

    json_object_begin(json, "statuses");
    for (int i = 0; i < BLAST_STATUSES; i++) {
        if (tally->statuses[i] == 0) continue;
        snprintf(status, sizeof(status), "%d", i);
        json_uint(json, status, tally->statuses[i]);
    }
    json_object_end(json);
}

static void put_errors(struct json *json, const struct blast_tally *tally) {
    char text[BLAST_ERROR_TEXT_BYTES];

    json_array_begin(json, "errors");
    for (size_t i = 0; i < BLAST_ERRORS_MAX; i++) {
        const struct blast_error *error = &tally->errors[i];
        bool is_status = error->phase == BLAST_STATUS;
        if (error->count == 0) break;
        json_object_begin(json, NULL);
        json_text(json, "phase", blast_phase_name(error->phase));
        if (is_status)
            json_int(json, "status", error->code);
        else
            json_text(json, "code", bl_error_name(error->code));
        json_text(json, "text", blast_error_text(error, text));
        json_uint(json, "count", error->count);
        json_object_end(json);
    }
    json_array_end(json);
    json_uint(json, "errors_of_other_kinds", tally->other_errors);
}

/* Each bucket that has values: its least and greatest value, and how many. */
static void put_buckets(struct json *json, const struct histogram *histogram) {
    json_array_begin(json, "latency_buckets_ns");
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (histogram->buckets[i] == 0) continue;
        json_array_begin(json, NULL);
        json_int(json, NULL, histogram_bucket_low(i));
        json_int(json, NULL, histogram_bucket_high(i));
        json_uint(json, NULL, histogram->buckets[i]);
        json_array_end(json);
    }
    json_array_end(json);
}

void blast_report_json(const struct blast_report *report, FILE *file) {
    const struct blast_tally *tally = report->tally;
    struct json json = { .file = file };

    json_object_begin(&json, NULL);
    put_plan(&json, report);
    put_requests(&json, report);
    put_times(&json, "latency_ns", &tally->latency);
    put_times(&json, "service_ns", &tally->service);
    put_times(&json, "generator_lag_ns", &tally->lag);
    json_real(&json, "generator_cpu_share", report->cpu_share, 4);
    put_statuses(&json, tally);
    put_errors(&json, tally);
    put_buckets(&json, &tally->latency);
    json_object_end(&json);
}
