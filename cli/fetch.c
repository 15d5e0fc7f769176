/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch.c - `belay fetch`: downloads files, several at once
 *
 * A few workers take one URL after the other off the list; one more task draws
 * how far they are.  The parts: the command line (fetch_options), one download
 * (fetch_job), its file (fetch_file, fetch_sum), the bars (fetch_screen).
 *
 * Ctrl-C cancels the whole tree of tasks, and each of them cleans up: there is
 * no other code for that.
 */
#include "fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if BELAY_CLI_TLS
#    include <belay/tls.h>
#endif

#include "command.h"
#include "fetch_file.h"
#include "quantity.h"

static const bl_ns draw_period = BL_MS(100);

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* ---- the bars ------------------------------------------------------------ */

static const char *word_of(enum fetch_phase phase) {
    switch (phase) {
    case FETCH_ASKING: return "asking";
    case FETCH_PAUSING: return "waiting for another try";
    case FETCH_SUMMING: return "checking";
    default: return NULL;
    }
}

static void draw(struct fetch *fetch) {
    struct fetch_line lines[FETCH_JOBS_MAX];
    int count = 0;
    for (size_t i = 0; i < fetch->job_count && count < FETCH_JOBS_MAX; i++) {
        const struct fetch_job *job = &fetch->jobs[i];
        if (job->phase == FETCH_WAITING || job->phase == FETCH_ENDED) continue;
        double seconds = (double)(bl_now() - job->began) / 1e9;
        lines[count++] = (struct fetch_line){
            .name = name_of(job->path),
            .word = word_of(job->phase),
            .bytes = job->bytes,
            .total = job->total,
            .rate = (double)(job->bytes - job->begun_at) / (seconds + 0.001),
        };
    }
    fetch_screen_draw(&fetch->screen, lines, count);
}

/* A daemon: it ends when the workers have. */
static int draw_task(void *arg) {
    struct fetch *fetch = arg;
    for (;;) {
        int rc = bl_sleep(draw_period);
        if (rc < 0) return rc;
        draw(fetch);
    }
}

/* ---- telling ------------------------------------------------------------- */

static void tell_success(struct fetch *fetch, const struct fetch_job *job) {
    char size[QUANTITY_TEXT_BYTES];
    char time[QUANTITY_TEXT_BYTES];
    if (fetch->options->is_quiet) return;
    fetch_screen_clear(&fetch->screen);
    quantity_bytes((double)job->bytes, size);
    if (job->was_there) {
        printf("%s: was there, %s\n", job->path, size);
    } else {
        printf("%s: %s in %s\n", job->path, size,
               quantity_time(bl_now() - job->began, time));
    }
    fflush(stdout);
}

static void tell_failure(struct fetch *fetch, const struct fetch_job *job,
                         int rc) {
    const char *why = bl_error_text(rc);
    fetch_screen_clear(&fetch->screen);
    fprintf(stderr, "belay fetch: %s: %s\n", job->url, why);
}

/* ---- the work ------------------------------------------------------------ */

static int work_task(void *arg) {
    struct fetch *fetch = arg;
    while (fetch->next < fetch->job_count) {
        struct fetch_job *job = &fetch->jobs[fetch->next++];
        int rc = fetch_job_run(fetch, job);
        if (rc == BL_ECANCELED) return rc;
        if (rc == 0) {
            tell_success(fetch, job);
        } else {
            fetch->failed++;
            tell_failure(fetch, job, rc);
        }
    }
    return 0;
}

static int work_all(struct fetch *fetch) {
    int rc = 0;
    BL_GROUP(group, rc) {
        if (fetch->screen.is_drawn) {
            rc = bl_spawn_daemon(group, draw_task, fetch);
        }
        for (uint32_t i = 0; rc == 0 && i < fetch->options->jobs; i++) {
            rc = bl_spawn(group, work_task, fetch);
        }
    }
    fetch_screen_clear(&fetch->screen);
    return rc;
}

#if BELAY_CLI_TLS

struct trust {
    bl_tls_context *context;
    bool is_unverified;
};

static int secure(void *arg, bl_stream *under, const char *host,
                  bl_stream **stream) {
    const struct trust *trust = arg;
    bl_tls_options options = { .size = sizeof options,
                               .is_unverified = trust->is_unverified };
    return bl_tls_connect(trust->context, under, host, &options, stream);
}

#endif

static int main_task(void *arg) {
    struct fetch *fetch = arg;
    const char *folder = fetch->options->directory;
    if (folder != NULL) BL_TRY(fetch_folder_make(folder));
    bl_http_client_options options = {
        .size = sizeof options,
        .host_connections_max = fetch->options->jobs,
    };
#if BELAY_CLI_TLS
    struct trust trust = { .is_unverified = fetch->options->is_unverified };
    bl_tls_config config = { .size = sizeof config,
                             .roots_file = fetch->options->roots_file };
    BL_TRY(bl_tls_context_new(&config, &trust.context));
    options.secure = secure;
    options.secure_arg = &trust;
#endif
    int rc = bl_http_client_open(&options, &fetch->client);
    if (rc == 0) {
        rc = work_all(fetch);
        bl_http_client_close(fetch->client);
    }
#if BELAY_CLI_TLS
    bl_tls_context_unref(trust.context);
#endif
    return rc;
}

/* ---- the command --------------------------------------------------------- */

static int run_jobs(struct fetch *fetch) {
    const struct fetch_options *options = fetch->options;
    for (size_t i = 0; i < fetch->job_count; i++) {
        fetch->jobs[i] = (struct fetch_job){ .url = options->urls[i],
                                             .path = options->paths[i],
                                             .total = -1 };
    }
    int rc = bl_run(main_task, fetch);
    if (rc == BL_EINTERRUPTED) return STATUS_INTERRUPTED;
    if (rc == 0) return fetch->failed > 0 ? STATUS_FAILED : STATUS_GOOD;
    fprintf(stderr, "belay fetch: %s\n", bl_error_text(rc));
    return STATUS_FAILED;
}

static int run(int argc, char **argv) {
    struct fetch_options options;
    int status = fetch_options_read(argc, argv, &options);
    if (status >= 0) return status;
    struct fetch fetch = {
        .options = &options,
        .job_count = options.url_count,
        .screen = fetch_screen_of(stderr, options.is_quiet),
        .jobs = calloc(options.url_count, sizeof fetch.jobs[0]),
    };
    if (fetch.jobs == NULL) {
        status = command_refuse(&fetch_command, "no memory");
    } else {
        status = run_jobs(&fetch);
    }
    free(fetch.jobs);
    fetch_options_done(&options);
    return status;
}

const struct command fetch_command = {
    .name = "fetch",
    .summary = "downloads files by HTTP, several at once",
    .usage = fetch_usage,
    .run = run,
};
