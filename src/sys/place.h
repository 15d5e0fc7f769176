/* SPDX-License-Identifier: MIT */
/*
 * sys/place.h - what stands at an address of code
 */
#ifndef BL__SYS_PLACE_H
#define BL__SYS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include <belay/base.h>

/*
 * Tells what a frame is (trace.h), as well as the build knows: the function and
 * the place in its source, "read_request http.c:212", and behind " <- " what it
 * was inlined into; or the function and an offset; or a file and an offset.
 * Writes it into `buffer`, cut to `bytes`, ended by NUL.  Names are those that
 * have been read.
 *
 * Returns the length of the whole text.
 */
size_t bl__place_format(const void *frame, char *buffer, size_t bytes);

/* Reads the symbols of the program, unless somebody does or has. */
void bl__place_read(void);

/*
 * Has a thread read the symbols of the program, unless somebody does or has,
 * and waits for them at most `patience`.
 *
 * Returns whether they have been read; true in a build that can read none.
 */
bool bl__place_learn(bl_ns patience);

#endif
