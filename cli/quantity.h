/* SPDX-License-Identifier: MIT */
/*
 * cli/quantity.h - numbers with units, as people write and read them
 *
 * The readers take the whole text or nothing: they return false, and write
 * nothing, if it is anything else than one such quantity.
 */
#ifndef CLI_QUANTITY_H
#define CLI_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <belay/base.h>

/* Enough for any text written here. */
#define QUANTITY_TEXT_BYTES 32

/* "1000", "20k", "1.5M": a count. */
bool quantity_read_count(const char *text, uint64_t max, uint64_t *count);

/* The same, but not "0". */
bool quantity_read_some(const char *text, uint32_t max, uint32_t *count);

/* "64", "4K", "1.5M", "1G": bytes, in powers of 1024. */
bool quantity_read_bytes(const char *text, uint64_t max, uint64_t *bytes);

/* "10", "10s", "250ms", "50us", "2m", "1h": a duration; seconds if bare. */
bool quantity_read_time(const char *text, bl_ns *time);

/*
 * "2000", "2000/s", "1.5k/s", "90/m", "0": a rate, in thousandths of one per
 * second, at most `max`.
 */
bool quantity_read_rate(const char *text, uint64_t max, uint64_t *milli);

/* Each writes into `text`, of QUANTITY_TEXT_BYTES, and returns it. */
const char *quantity_count(uint64_t count, char *text);   /* "20,000" */
const char *quantity_bytes(double bytes, char *text);     /* "1.50 MB" */
const char *quantity_time(bl_ns time, char *text);        /* "1.23 ms" */
const char *quantity_rate(double per_second, char *text); /* "19,998.7" */

#endif
