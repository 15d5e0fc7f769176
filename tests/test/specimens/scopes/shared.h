/* SPDX-License-Identifier: MIT */
/*
 * specimens/scopes/shared.h - fixtures of several files, and what they say
 */
#ifndef SPECIMENS_SCOPES_SHARED_H
#define SPECIMENS_SCOPES_SHARED_H

#include <belay/test.h>

/* Prints a line at once: several processes write to one place. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

FIXTURE_DECL(int, session);
FIXTURE_DECL(int, whole_run);

#endif
