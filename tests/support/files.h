/* SPDX-License-Identifier: MIT */
/*
 * support/files.h - files to test with, made and read by plain system calls
 *
 * They fail the test by REQUIRE if the system refuses.
 */
#ifndef SUPPORT_FILES_H
#define SUPPORT_FILES_H

#include <stdbool.h>

/* Returns the path of `name` in `folder`; valid for the next seven calls. */
const char *below(const char *folder, const char *name);

/* Makes the file at `path` contain `text`. */
void put_text(const char *path, const char *text);

/* Returns up to 4095 bytes of the file at `path`; valid until the next call. */
const char *text_of(const char *path);

/* Whether there is something at `path`. */
bool is_there(const char *path);

/* Returns the names in `folder`, sorted, with a space between them; valid
 * until the next call. */
const char *names_in(const char *folder);

#endif
