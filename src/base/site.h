/* SPDX-License-Identifier: MIT */
/*
 * base/site.h - the two halves of a call-site record
 *
 * A site is a string literal in one of two forms.  The macros that wrap calls
 * write "call\0file:line"; BL_HERE, which BL_ERR and BL_TRACE use, is the
 * place alone, "file:line".  The first string tells which form it is: only a
 * place ends in a colon and digits, as a call ends in a parenthesis or a name.
 */
#ifndef BL__BASE_SITE_H
#define BL__BASE_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <belay/base.h>

/*
 * Says that what this task waits for next is no call of the user's, such as a
 * delay between two calls of a function of theirs: the last call in there has
 * returned, and would be shown as the one that waits.
 */
static inline void bl__site_forget(void) {
    bl__site = "";
}

static inline bool bl__site_is_place(const char *text) {
    size_t length = strlen(text);
    size_t end = length;
    while (end > 0 && text[end - 1] >= '0' && text[end - 1] <= '9')
        end--;
    return end > 0 && end < length && text[end - 1] == ':';
}

/* Returns "file:line", or "" if `site` is NULL or empty. */
static inline const char *bl__site_place(const char *site) {
    if (site == NULL || site[0] == '\0') return "";
    return bl__site_is_place(site) ? site : site + strlen(site) + 1;
}

/* Returns the call, such as "bl_sleep(BL_SEC(1))", or "" if there is none. */
static inline const char *bl__site_call(const char *site) {
    if (site == NULL || site[0] == '\0') return "";
    return bl__site_is_place(site) ? "" : site;
}

#endif
