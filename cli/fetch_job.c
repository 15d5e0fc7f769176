/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_job.c - one download
 *
 *     open the part -> ask -> write what comes -> check -> give it its name
 *                       ^            |
 *                       +-- pause ---+  the connection failed, or the server
 *                                       is busy: go on behind what has come
 *
 * What has come is only gone on with if the server says that it is the same
 * version still (If-Range): otherwise it sends the whole, and that is taken.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fetch.h"
#include "fetch_file.h"
#include "fetch_sum.h"

enum {
    BUFFER_BYTES = 128 * 1024,
    OWN_FIELDS = 2
};

static const bl_ns pause_first = BL_SEC(1);
static const bl_ns pause_max = BL_SEC(30);

/* ---- what the server says ------------------------------------------------ */

/* What names the version of a response; "" if nothing does for certain. */
static const char *tag_of(const bl_http_fields *fields) {
    const char *tag = bl_http_fields_get(fields, "ETag");
    if (tag == NULL) tag = bl_http_fields_get(fields, "Last-Modified");
    if (tag == NULL || strncmp(tag, "W/", 2) == 0) return "";
    return strlen(tag) < FETCH_TAG_BYTES ? tag : "";
}

/* Reads "bytes 7-9/10"; the length may be "*", which is -1. */
static bool read_range(const char *text, int64_t *first, int64_t *total) {
    int64_t last;
    char rest;
    if (text == NULL) return false;
    *total = -1;
    int count = sscanf(text, "bytes %" SCNd64 "-%" SCNd64 "/%" SCNd64 "%c",
                       first, &last, total, &rest);
    if (count == 3) return *first >= 0 && last >= *first && *total > last;
    return count == 2 && strchr(text, '*') != NULL;
}

static bool is_busy_status(int status) {
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504: return true;
    default: return false;
    }
}

/* Reads Retry-After.  Whatever it says, no pause is longer than pause_max. */
static bl_ns read_pause(const char *text) {
    long seconds = strtol(text, NULL, 10);
    if (seconds <= 0) return 0;
    return seconds < pause_max / BL_SEC(1) ? BL_SEC(seconds) : pause_max;
}

static int refuse_status(struct fetch_job *job, bl_http_call *call) {
    int status = bl_http_call_status(call);
    const char *wish =
        bl_http_fields_get(bl_http_call_fields(call), "Retry-After");
    job->is_temporary = is_busy_status(status);
    if (wish != NULL) job->retry_after = read_pause(wish);
    return BL_ERR(BL_EHTTP_UNEXPECTED, "the server answers %d %s", status,
                  bl_http_call_reason(call));
}

/* The whole comes, from its beginning. */
static int begin_whole(struct fetch_job *job, bl_http_call *call,
                       struct fetch_file *file) {
    job->begun_at = 0;
    job->total = bl_http_body_length(bl_http_call_body(call));
    return fetch_file_restart(file, tag_of(bl_http_call_fields(call)));
}

/* A part comes: is it the one that is missing? */
static int begin_part(struct fetch_job *job, bl_http_call *call,
                      const struct fetch_file *file) {
    int64_t first;
    const char *range =
        bl_http_fields_get(bl_http_call_fields(call), "Content-Range");
    if (read_range(range, &first, &job->total) && first == file->bytes) {
        job->begun_at = first;
        return 0;
    }
    return BL_ERR(BL_EHTTP_UNEXPECTED, "the server sends another part (%s)",
                  range == NULL ? "it does not say which" : range);
}

/* Nothing is behind what has come.  1: that was all; 0: begin anew. */
static int begin_nothing(bl_http_call *call, struct fetch_file *file) {
    char all[64];
    const char *range =
        bl_http_fields_get(bl_http_call_fields(call), "Content-Range");
    snprintf(all, sizeof all, "bytes */%" PRId64, file->bytes);
    if (range != NULL && strcmp(range, all) == 0) return 1;
    return fetch_file_restart(file, "");
}

/* ---- one try ------------------------------------------------------------- */

static int check_size(const struct fetch *fetch, int64_t bytes) {
    if (bytes <= 0 || (uint64_t)bytes <= fetch->options->bytes_max) return 0;
    return BL_ERR(BL_EFBIG, "the file is longer than --max");
}

static int load_body(const struct fetch *fetch, struct fetch_job *job,
                     bl_http_body *body, struct fetch_file *file) {
    char *buffer = malloc(BUFFER_BYTES);
    if (buffer == NULL) return BL_ENOMEM;
    int rc = check_size(fetch, job->total);
    job->phase = FETCH_LOADING;
    while (rc == 0) {
        bl_ssize count = bl_http_body_read(body, buffer, BUFFER_BYTES);
        if (count == 0) break;
        rc = (int)count;
        if (count > 0) rc = check_size(fetch, file->bytes + count);
        if (rc == 0) rc = fetch_file_write(file, buffer, (size_t)count);
        job->bytes = file->bytes;
    }
    free(buffer);
    return rc;
}

/* Asks for what is missing. */
static int ask(const struct fetch *fetch, const struct fetch_job *job,
               const struct fetch_file *file, bl_http_call **call) {
    const struct fetch_options *options = fetch->options;
    bl_http_field fields[FETCH_HEADERS_MAX + OWN_FIELDS];
    char range[64];
    size_t count = options->header_count;
    memcpy(fields, options->headers, count * sizeof fields[0]);
    if (file->bytes > 0) {
        snprintf(range, sizeof range, "bytes=%" PRId64 "-", file->bytes);
        fields[count++] = (bl_http_field){ "Range", range };
        fields[count++] = (bl_http_field){ "If-Range", file->tag };
    }
    bl_http_call_options request = { .size = sizeof request,
                                     .fields = fields,
                                     .field_count = count };
    return bl_http_call_open(fetch->client, "GET", job->url, &request, call);
}

/* Whether another try may succeed where this one has failed. */
static bool may_pass(int rc) {
    switch (rc) {
    case BL_ECONNREFUSED:
    case BL_ECONNRESET:
    case BL_EPIPE:
    case BL_ETIMEDOUT:
    case BL_EIO: /* the name is not known, now */
    case BL_EHTTP_TRUNCATED:
    case BL_ETLSTRUNCATED:
    case -ECONNABORTED:
    case -EHOSTUNREACH:
    case -ENETDOWN:
    case -ENETUNREACH: return true;
    default: return false;
    }
}

static int load(const struct fetch *fetch, struct fetch_job *job,
                struct fetch_file *file) {
    bl_http_call *call;
    job->phase = FETCH_ASKING;
    job->is_temporary = false;
    job->retry_after = 0;
    job->bytes = file->bytes;
    int rc = ask(fetch, job, file, &call);
    if (rc < 0) {
        job->is_temporary = may_pass(rc);
        return rc;
    }
    int status = bl_http_call_status(call);
    if (status == 200) {
        rc = begin_whole(job, call, file);
    } else if (status == 206 && file->bytes > 0) {
        rc = begin_part(job, call, file);
    } else if (status == 416 && file->bytes > 0) {
        rc = begin_nothing(call, file);
        job->is_temporary = rc == 0;
        if (rc == 0) rc = BL_ERR(BL_EHTTP_UNEXPECTED, "the file has changed");
    } else {
        rc = refuse_status(job, call);
    }
    if (rc == 0) {
        rc = load_body(fetch, job, bl_http_call_body(call), file);
        if (rc < 0) job->is_temporary = may_pass(rc);
    }
    bl_http_call_close(call);
    return rc < 0 ? rc : 0;
}

/* ---- all of it ----------------------------------------------------------- */

/* Each pause is twice the last, or as long as the server wishes. */
static int rest(struct fetch_job *job, uint32_t tries) {
    bl_ns pause = pause_first;
    for (uint32_t i = 0; i < tries && pause < pause_max; i++)
        pause *= 2;
    if (job->retry_after > pause) pause = job->retry_after;
    job->phase = FETCH_PAUSING;
    return bl_sleep(pause < pause_max ? pause : pause_max);
}

static int load_again(const struct fetch *fetch, struct fetch_job *job,
                      struct fetch_file *file) {
    for (uint32_t tries = 0;; tries++) {
        int64_t before = file->bytes;
        int rc = load(fetch, job, file);
        if (rc == 0 || !job->is_temporary) return rc;
        /* A part of an unknown version cannot be gone on with. */
        bool is_useful = file->tag[0] != '\0';
        if (is_useful && file->bytes > before) tries = 0; /* it comes */
        if (tries == fetch->options->retries) return rc;
        if (!is_useful) {
            int cut = fetch_file_restart(file, "");
            if (cut < 0) return cut;
        }
        rc = rest(job, tries);
        if (rc < 0) return rc;
    }
}

static int check_sum(const struct fetch *fetch, struct fetch_job *job,
                     struct fetch_file *file) {
    unsigned char sum[FETCH_SUM_BYTES];
    if (!fetch->options->has_sum) return 0;
    job->phase = FETCH_SUMMING;
    int rc = fetch_sum_of(file->part, sum);
    if (rc < 0) return rc;
    if (memcmp(sum, fetch->options->sum, sizeof sum) == 0) return 0;
    file->tag[0] = '\0'; /* nothing of it is of any use */
    return BL_ERR(BL_EPROTO, "the file has another SHA-256");
}

/* With --continue, what is there is there. */
static int is_there(const struct fetch *fetch, struct fetch_job *job) {
    bl_file_info info;
    if (!fetch->options->resumes) return 0;
    int rc = bl_file_stat(job->path, &info);
    if (rc == BL_ENOENT) return 0;
    if (rc < 0) return rc;
    job->was_there = true;
    job->bytes = info.bytes;
    return 1;
}

static int run(struct fetch *fetch, struct fetch_job *job) {
    struct fetch_file file;
    int rc = is_there(fetch, job);
    if (rc != 0) return rc < 0 ? rc : 0;
    rc = fetch_file_open(job->path, fetch->options->resumes, &file);
    if (rc < 0) return rc;
    rc = load_again(fetch, job, &file);
    if (rc == 0) rc = check_sum(fetch, job, &file);
    if (rc == 0) return fetch_file_finish(&file);
    fetch_file_leave(&file);
    return rc;
}

int fetch_job_run(struct fetch *fetch, struct fetch_job *job) {
    int rc = 0;
    job->began = bl_now();
    BL_TIMEOUT(rc, fetch->options->timeout) {
        rc = run(fetch, job);
    }
    job->phase = FETCH_ENDED;
    return rc;
}
