/* SPDX-License-Identifier: MIT */
/*
 * cli/blast.c - `belay blast`: load at a fixed rate, and what becomes of it
 *
 * Looks the server up, runs the load in one loop or several, and reports.  The
 * parts: what is asked for (blast_options), when each request is due
 * (blast_schedule), the connections (blast_load, blast_link), how to talk
 * (blast_bytes, blast_http), what was measured (blast_tally), and how that is
 * told (blast_report, blast_chart, blast_json, blast_progress).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "blast_http.h"
#include "blast_load.h"
#include "blast_progress.h"
#include "blast_report.h"
#include "command.h"

enum {
    ADDRESSES_MAX = 8,     /* of a name */
    DESCRIPTORS_SPARE = 64 /* the program's own, and the loops' */
};

/* ---- before -------------------------------------------------------------- */

/* Descriptors for all connections, or a complaint. */
static int raise_limit(const struct blast_options *options) {
    struct rlimit limit;
    rlim_t wanted = (rlim_t)options->connections + DESCRIPTORS_SPARE +
                    8 * (rlim_t)options->workers;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    if (limit.rlim_cur >= wanted) return -1;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted) {
        return command_refuse(&blast_command,
                              "%u connections need %llu descriptors, and this "
                              "process may have %llu: see ulimit -n",
                              options->connections, (unsigned long long)wanted,
                              (unsigned long long)limit.rlim_max);
    }
    limit.rlim_cur = wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    return -1;
}

static int fail(const struct blast_load *load, const char *what, int rc) {
    fprintf(stderr, "belay blast: %s %s: %s\n", what, load->options->url,
            bl_error_text(rc));
    return STATUS_FAILED;
}

/* The first of several addresses that somebody listens at; if there is none,
 * the first of all, and the load will say why. */
static int choose(struct blast_load *load, const bl_addr *addresses,
                  int count) {
    load->address = addresses[0];
    for (int i = 0; i < count && count > 1; i++) {
        bl_stream *stream = NULL;
        int rc = bl_wait_for(bl_connect(&addresses[i], NULL, &stream),
                             load->options->timeout);
        if (rc == BL_ECANCELED) return rc;
        bl_error_handled();
        if (rc < 0) continue;
        bl_stream_abort(stream);
        load->address = addresses[i];
        return 0;
    }
    return 0;
}

static int look_up_task(void *arg) {
    struct blast_load *load = arg;
    const struct blast_options *options = load->options;
    const char *where =
        options->connect != NULL ? options->connect : options->target.where;
    bl_addr addresses[ADDRESSES_MAX];

    int rc = bl_addr_resolve_all(where, addresses, ADDRESSES_MAX);
    return rc < 0 ? rc : choose(load, addresses, rc);
}

static int make_tls(struct blast_load *load) {
#if BELAY_CLI_TLS
    const struct blast_options *options = load->options;
    bl_tls_config config = {
        .size = sizeof(config),
        .roots_file = options->roots_file,
        .alpn = options->target.is_http ? "http/1.1" : NULL,
    };
    if (!options->target.is_tls) return 0;
    return bl_tls_context_new(&config, &load->tls);
#else
    (void)load;
    return 0;
#endif
}

/* ---- the run ------------------------------------------------------------- */

static int work_task(void *arg) {
    return blast_load_work(arg, bl_worker_index());
}

static int run_load(struct blast_load *load) {
    if (load->options->workers == 1) return bl_run(work_task, load);
    return bl_run_workers(load->options->workers, work_task, load);
}

/* ---- afterwards ---------------------------------------------------------- */

static int write_json(const struct blast_report *report) {
    const char *path = report->options->json;
    bool is_stdout = strcmp(path, "-") == 0;
    FILE *file = is_stdout ? stdout : fopen(path, "w");

    if (file == NULL) {
        fprintf(stderr, "belay blast: cannot write '%s': %s\n", path,
                strerror(errno));
        return STATUS_FAILED;
    }
    blast_report_json(report, file);
    bool is_bad = ferror(file) != 0;
    if (!is_stdout && fclose(file) != 0) is_bad = true;
    if (!is_bad) return STATUS_GOOD;
    fprintf(stderr, "belay blast: cannot write '%s'\n", path);
    return STATUS_FAILED;
}

/* Tells everything, and returns what the exit status is. */
static int tell(const struct blast_load *load, int rc,
                struct blast_tally *tally) {
    const struct blast_options *options = load->options;
    char address[BL_ADDR_TEXT_BYTES];
    int status = STATUS_GOOD;

    blast_load_sum(load, tally);
    struct blast_report report =
        blast_report_of(options, tally, blast_load_due(load));
    report.is_interrupted = rc == BL_EINTERRUPTED;
    bl_addr_format(&load->address, address, sizeof(address));
    report.address = address;

    if (options->json == NULL || strcmp(options->json, "-") != 0) {
        struct terminal terminal = terminal_of(stdout);
        blast_report_print(&report, &terminal);
    }
    if (options->json != NULL) status = write_json(&report);
    if (report.is_interrupted) return STATUS_INTERRUPTED;
    return blast_report_is_bad(&report) ? STATUS_FAILED : status;
}

static int run_and_tell(struct blast_load *load) {
    struct blast_tally *tally = calloc(1, sizeof(*tally));
    if (tally == NULL) return fail(load, "cannot measure", BL_ENOMEM);
    int rc = blast_load_init(load);
    if (rc < 0) {
        free(tally);
        return fail(load, "cannot measure", rc);
    }

    rc = run_load(load);
    int status;
    if (rc < 0 && rc != BL_EINTERRUPTED)
        status = fail(load, "cannot connect to", rc);
    else
        status = tell(load, rc, tally);
    blast_load_done(load);
    free(tally);
    return status;
}

static int prepare_and_run(struct blast_load *load) {
    const struct blast_options *options = load->options;
    unsigned char *request = NULL;
    int status;

    int rc = bl_run(look_up_task, load);
    if (rc == BL_EINTERRUPTED) return STATUS_INTERRUPTED;
    if (rc < 0) return fail(load, "cannot look up", rc);
    rc = make_tls(load);
    if (rc < 0) return fail(load, "cannot prepare TLS for", rc);

    load->wire = &blast_wire_bytes;
    load->request = options->body;
    load->request_bytes = options->body_bytes;
#if BELAY_CLI_HTTP
    if (options->target.is_http) {
        load->wire = &blast_wire_http;
        request = blast_http_request(options, &load->request_bytes);
        load->request = request;
    }
#endif
    if (load->request == NULL)
        status = fail(load, "cannot prepare", BL_ENOMEM);
    else
        status = run_and_tell(load);
    free(request);
    return status;
}

static int run(int argc, char **argv) {
    struct blast_options options;
    int status = blast_options_read(argc, argv, &options);
    if (status >= 0) return status;

    struct blast_load load = { .options = &options };
    if (!options.is_quiet && terminal_of(stderr).is_terminal) {
        load.watch = blast_progress_watch;
    }
    status = raise_limit(&options);
    if (status < 0) status = prepare_and_run(&load);
#if BELAY_CLI_TLS
    bl_tls_context_unref(load.tls);
#endif
    blast_options_done(&options);
    return status;
}

const struct command blast_command = {
    .name = "blast",
    .summary = "sends requests at a fixed rate and tells how long answers take",
    .usage = blast_usage,
    .run = run,
};
