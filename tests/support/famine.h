/* SPDX-License-Identifier: MIT */
/*
 * support/famine.h - a time without memory
 *
 * A sweep (BL_TEST_SWEEP_OOM) fails one allocation after the other; a famine
 * fails all of them, which shows what a certain call says.
 */
#ifndef SUPPORT_FAMINE_H
#define SUPPORT_FAMINE_H

/* From now on the library gets memory `spare` times more, then no more. */
void famine_begin(int spare);

/* As much as it wants again. */
void famine_end(void);

#endif
