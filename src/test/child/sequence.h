/* SPDX-License-Identifier: MIT */
/*
 * test/child/sequence.h - SEQ: blocks of several tasks in a fixed order
 */
#ifndef BL__TEST_SEQUENCE_H
#define BL__TEST_SEQUENCE_H

/* Begins again with SEQ(0), for the next test of the process. */
void bl__sequence_reset(void);

#endif
