/* SPDX-License-Identifier: MIT */
/*
 * test/run/tool.h - one test under a debugger or a checker
 */
#ifndef BL__TEST_TOOL_H
#define BL__TEST_TOOL_H

#include "test/case.h"
#include "test/options.h"

/*
 * Becomes the tool that the settings ask for, which runs this program again
 * for the one test.  Returns only if that cannot be, which has been said.
 */
void bl__tool_exec(const struct bl__test_settings *settings,
                   const struct bl__test_cases *cases);

#endif
