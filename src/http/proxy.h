/* SPDX-License-Identifier: MIT */
/*
 * http/proxy.h - which requests go through a proxy, and which one
 */
#ifndef BL__HTTP_PROXY_H
#define BL__HTTP_PROXY_H

#include <belay/http/url.h>

/* What was said about proxies, once, when a client was opened. */
struct bl__proxies {
    bl_url http;  /* the proxy for http; all-zero: none */
    bl_url https; /* the proxy for https; likewise */
    char *except; /* the hosts that are reached directly; NULL: none */
};

/*
 * Reads the proxies out of the environment if `text` is NULL, else uses `text`
 * for everything; "" is no proxy.  Nothing is to be undone after a failure.
 */
int bl__proxies_init(struct bl__proxies *proxies, const char *text);
void bl__proxies_done(struct bl__proxies *proxies);

/* Returns the proxy on the way to `url`, or NULL. */
const bl_url *bl__proxy_for(const struct bl__proxies *proxies,
                            const bl_url *url);

/* Returns whether `list`, the value of no_proxy, has an entry for `url`. */
bool bl__proxy_excepts(const char *list, const bl_url *url);

#endif
