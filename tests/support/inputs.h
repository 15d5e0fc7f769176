/* SPDX-License-Identifier: MIT */
/*
 * support/inputs.h - very many inputs, most of them a little wrong
 *
 * A FUZZ test makes each input in a process of its own, or is led by libFuzzer;
 * a loop in one test has a hundred thousand in seconds.
 */
#ifndef SUPPORT_INPUTS_H
#define SUPPORT_INPUTS_H

#include <belay/test.h>

/* How many inputs are to be made: `usual`, or what BELAY_TEST_INPUTS says. */
int inputs_wanted(int usual);

/*
 * Changes some bytes, takes some out, puts some in, cuts the end off; now and
 * then it does nothing.  There is room for `room` bytes.
 *
 * Returns how many there are now.
 */
size_t spoil_bytes(bl_test_rng *rng, void *bytes, size_t count, size_t room);

#endif
