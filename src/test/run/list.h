/* SPDX-License-Identifier: MIT */
/*
 * test/run/list.h - telling what there is, instead of running it
 */
#ifndef BL__TEST_LIST_H
#define BL__TEST_LIST_H

#include "test/run/select.h"

/* Writes what settings->listing asks for to stdout. */
void bl__list(const struct bl__test_settings *settings,
              const struct bl__test_cases *cases,
              const struct bl__selection *selection);

#endif
