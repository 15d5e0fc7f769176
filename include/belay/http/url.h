/* SPDX-License-Identifier: MIT */
/*
 * belay/http/url.h - addresses of the web: read strictly, and resolved
 *
 * What is read is RFC 3986, for http and https alone.  Nothing is guessed: a
 * space, a control character, a letter beyond ASCII or a host that a resolver
 * may take for something else is an error, not a request to somewhere else.  A
 * name in another alphabet has to come in its ASCII form ("xn--...").
 */
#ifndef BELAY_HTTP_URL_H
#define BELAY_HTTP_URL_H

#include <belay/base.h>

BL_BEGIN_DECLS

/* No URL is longer, before or after it was resolved. */
#define BL_URL_BYTES_MAX 8192

/*
 * A URL, taken apart.  The texts are its own; do not change them.
 *
 * "HTTP://me:secret@Example.org:80/a/../b?c#d" has scheme "http", userinfo
 * "me:secret", host "example.org", port 80, authority "example.org", target
 * "/b?c", fragment "d" and text "http://example.org/b?c".
 */
typedef struct bl_url {
    const char *text;      /* the whole, without userinfo and fragment */
    const char *scheme;    /* "http" or "https" */
    const char *userinfo;  /* as it was written; NULL: none */
    const char *host;      /* in small letters; IPv6 without brackets */
    const char *authority; /* for the field Host: no port if it is the usual */
    const char *target;    /* for the request line: path and query */
    const char *fragment;  /* as it was written; NULL: none */
    uint16_t port;
    bool is_secure; /* https */
    bool is_v6;     /* host is an IPv6 address */
    char *_memory;
} bl_url;

/*
 * Reads an absolute URL.  Of the path, "." and ".." are taken out; percent
 * signs stay as they are.
 *
 * Returns 0; the caller gives it back with bl_url_done.
 *
 * Errors:
 *   BL_EINVAL    text or url is NULL, or it is no such URL; the current error
 *                says what is wrong; nothing was written
 *   BL_EMSGSIZE  it is longer than BL_URL_BYTES_MAX; nothing was written
 *   BL_ENOTSUP   its scheme is neither http nor https; nothing was written
 *   BL_ENOMEM    there was no memory; nothing was written
 */
BL_MAY_FAIL
int bl_url_parse(const char *text, bl_url *url);

/*
 * Reads a reference, such as the field Location of a response, as it is meant
 * at `base`: "/other", "?page=2", "//host/", or an absolute URL.
 *
 * Returns 0; the caller gives it back with bl_url_done.  `url` may be `base`'s
 * own address: then it takes the place of the old one.
 *
 * Errors:
 *   BL_EINVAL    an argument is NULL, or it is no reference
 *   BL_EMSGSIZE  the result would be too long
 *   BL_ENOTSUP   it leads to another scheme than http or https
 *   BL_ENOMEM    there was no memory; `url` is as it was, as with all errors
 */
BL_MAY_FAIL
int bl_url_resolve(const bl_url *base, const char *reference, bl_url *url);

/*
 * Gives the memory of a URL back.  NULL and an all-zero URL are allowed.
 */
BL_API
void bl_url_done(bl_url *url);

/*
 * Returns whether both have the same scheme, host and port.
 */
BL_API
bool bl_url_is_same_origin(const bl_url *a, const bl_url *b);

/*
 * Writes `bytes` of `data` so that they stand for themselves anywhere in a
 * URL: all but letters, digits and "-._~" becomes a percent sign and two
 * digits.  Cut to `capacity`, ended by NUL.  bl_http_decode takes it back.
 *
 * Returns the length of the whole text.
 */
BL_API
size_t bl_url_encode(const void *data, size_t bytes, char *buffer,
                     size_t capacity);

BL_END_DECLS

#endif
