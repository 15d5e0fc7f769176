/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch.h - what the parts of `belay fetch` share
 *
 * A *job* is one URL and the file that it is saved in.  A few tasks, the
 * workers, take one after the other off the list.
 */
#ifndef CLI_FETCH_H
#define CLI_FETCH_H

#include <belay.h>
#include <belay/http.h>

#include "fetch_options.h"
#include "fetch_screen.h"

/* What a job is doing. */
enum fetch_phase {
    FETCH_WAITING,
    FETCH_ASKING,
    FETCH_LOADING,
    FETCH_PAUSING, /* until the next try */
    FETCH_SUMMING,
    FETCH_ENDED
};

struct fetch_job {
    const char *url;
    char *path; /* of the file */
    enum fetch_phase phase;
    bl_ns began;
    int64_t begun_at; /* bytes that were there before */
    int64_t bytes;
    int64_t total;     /* -1: nobody knows */
    bl_ns retry_after; /* as the server wishes; 0: it does not say */
    bool is_temporary; /* its failure: it may be tried again */
    bool was_there;    /* the file is complete since an earlier run */
};

struct fetch {
    const struct fetch_options *options;
    struct fetch_job *jobs;
    size_t job_count;
    size_t next; /* the first that nobody has taken */
    size_t failed;
    bl_http_client *client;
    struct fetch_screen screen;
};

/*
 * Downloads one job's URL into its file: again and again where that may help.
 *
 * Returns 0 if the file is there, whole and checked; else a code, and the
 * current error tells why.  Then what has come is kept for the next run, or
 * removed, as the options say.
 */
int fetch_job_run(struct fetch *fetch, struct fetch_job *job);

#endif
