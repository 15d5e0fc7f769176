/* SPDX-License-Identifier: MIT */
/*
 * test/child/probe.h - counting the probes that the code under test passes
 */
#ifndef BL__TEST_PROBE_H
#define BL__TEST_PROBE_H

/* From now on counts, beginning with nothing. */
void bl__probes_start(void);

#endif
