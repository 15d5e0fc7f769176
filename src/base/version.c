/* SPDX-License-Identifier: MIT */
/*
 * base/version.c - the version, and the thread's call-site record
 */
#include <belay/base.h>

__thread const char *bl__site;

const char *bl_version(void) {
    return BL_VERSION;
}
