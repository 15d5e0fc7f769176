/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_progress.h - how a run goes, while it runs
 */
#ifndef CLI_BLAST_PROGRESS_H
#define CLI_BLAST_PROGRESS_H

#include "blast_load.h"

enum {
    BLAST_PROGRESS_BYTES = 256
};

/* What the line shows. */
struct blast_progress {
    bl_ns elapsed;
    bl_ns duration;   /* BL_FOREVER: not known */
    uint32_t missing; /* connections that are not open yet */
    uint64_t sent;
    uint64_t answered;
    uint64_t failed;
    double rate; /* of answers, since the last line */
    bl_ns lag;   /* of the generator */
};

/* Writes the line into `text`, of BLAST_PROGRESS_BYTES. */
const char *blast_progress_text(const struct blast_progress *progress,
                                char *text);

/*
 * A watch of a load: draws the line on standard error, which is a terminal,
 * until it is cancelled, and takes it away.
 */
int blast_progress_watch(struct blast_load *load);

#endif
