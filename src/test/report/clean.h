/* SPDX-License-Identifier: MIT */
/*
 * test/report/clean.h - what tests have printed, made fit to be printed
 */
#ifndef BL__TEST_CLEAN_H
#define BL__TEST_CLEAN_H

#include <stddef.h>
#include <stdio.h>

/*
 * Writes text that anybody may have made, so that it is UTF-8 without control
 * characters: newlines and tabs stay, other bytes become \xNN.
 */
void bl__put_clean(FILE *file, const char *text);

/*
 * The same, line by line: `indent`, then a line, then a newline.  So no line
 * of it can be taken for one of ours.
 */
void bl__put_clean_lines(FILE *file, const char *indent, const char *text);

/*
 * Takes the next character of `*text` into `clean`, as bytes that may be
 * written.  Returns how many those are; 0 at the end.
 */
size_t bl__clean_next(const char **text, char clean[8]);

/* Writes `text` as a JSON string, quotes included; NULL as null. */
void bl__put_json(FILE *file, const char *text);

#endif
