/* SPDX-License-Identifier: MIT */
/*
 * http/proxy.c - which requests go through a proxy, and which one
 *
 * The environment is read once, so a client does not change its way in the
 * middle.  http_proxy, https_proxy and all_proxy name a proxy; the same in
 * capitals counts where that is not set.  HTTP_PROXY is passed over in a CGI
 * program, where it is a field of the request, which anybody may send
 * ("httpoxy").
 *
 * no_proxy is a list of hosts, separated by commas or spaces:
 *
 *     example.org  .example.org   the host, and all below it
 *     example.org:8080            likewise, for this port alone
 *     192.0.2.1  2001:db8::1      the address, if the URL has it as such
 *     192.0.2.0/24                all addresses of the network
 *     *                           everything
 */
#include "http/proxy.h"

#include <belay/error.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    PROXY_ENTRY_BYTES = 300, /* of no_proxy: longer than any host */
    PROXY_ADDRESS_BYTES = 16
};

/* ---- reading ------------------------------------------------------------- */

/* Returns a variable, or the same in capitals; NULL if neither says much. */
static const char *variable(const char *name, const char *capitals) {
    const char *value = getenv(name);
    if (value != NULL && value[0] != '\0') return value;
    value = capitals == NULL ? NULL : getenv(capitals);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* "host:port" without a scheme is usual, and means a proxy by http. */
static int proxy_parse(const char *text, bl_url *url) {
    char whole[BL_URL_BYTES_MAX + 1] = "http://";
    if (strstr(text, "://") != NULL) return bl_url_parse(text, url);
    size_t prefix = strlen(whole);
    size_t length = strlen(text);
    if (length >= sizeof whole - prefix) return BL_EMSGSIZE;
    memcpy(whole + prefix, text, length + 1);
    return bl_url_parse(whole, url);
}

static int proxy_read(const char *name, const char *text, bl_url *url) {
    if (text == NULL || text[0] == '\0') return 0;
    int rc = proxy_parse(text, url);
    if (rc < 0) bl_error_note(rc, "it is the value of %s", name);
    return rc;
}

static int proxies_from_environment(struct bl__proxies *proxies) {
    /* By CGI, "Proxy: evil" in a request becomes HTTP_PROXY=evil. */
    bool is_cgi = getenv("REQUEST_METHOD") != NULL;
    const char *all = variable("all_proxy", "ALL_PROXY");
    const char *http = variable("http_proxy", is_cgi ? NULL : "HTTP_PROXY");
    const char *https = variable("https_proxy", "HTTPS_PROXY");
    const char *except = variable("no_proxy", "NO_PROXY");

    int rc = proxy_read(http != NULL ? "http_proxy" : "all_proxy",
                        http != NULL ? http : all, &proxies->http);
    if (rc < 0) return rc;
    rc = proxy_read(https != NULL ? "https_proxy" : "all_proxy",
                    https != NULL ? https : all, &proxies->https);
    if (rc < 0) return rc;
    if (except == NULL) return 0;
    size_t bytes = strlen(except) + 1;
    proxies->except = bl__alloc(bytes);
    if (proxies->except == NULL) return BL_ENOMEM;
    memcpy(proxies->except, except, bytes);
    return 0;
}

int bl__proxies_init(struct bl__proxies *proxies, const char *text) {
    *proxies = (struct bl__proxies){ 0 };
    int rc;
    if (text == NULL) {
        rc = proxies_from_environment(proxies);
    } else {
        rc = proxy_read("the option", text, &proxies->http);
        if (rc == 0) rc = proxy_read("the option", text, &proxies->https);
    }
    if (rc < 0) bl__proxies_done(proxies);
    return rc;
}

void bl__proxies_done(struct bl__proxies *proxies) {
    bl_url_done(&proxies->http);
    bl_url_done(&proxies->https);
    bl__free(proxies->except);
    *proxies = (struct bl__proxies){ 0 };
}

const bl_url *bl__proxy_for(const struct bl__proxies *proxies,
                            const bl_url *url) {
    const bl_url *proxy = url->is_secure ? &proxies->https : &proxies->http;
    if (proxy->_memory == NULL) return NULL;
    if (proxies->except == NULL) return proxy;
    return bl__proxy_excepts(proxies->except, url) ? NULL : proxy;
}

/* ---- exceptions ---------------------------------------------------------- */

/* Reads an address; returns how many bytes it has, 0 if it is none. */
static size_t address_read(const char *text,
                           unsigned char bytes[PROXY_ADDRESS_BYTES]) {
    if (inet_pton(AF_INET, text, bytes) == 1) return 4;
    if (inet_pton(AF_INET6, text, bytes) == 1) return PROXY_ADDRESS_BYTES;
    return 0;
}

static bool bits_are_equal(const unsigned char *a, const unsigned char *b,
                           unsigned count) {
    if (memcmp(a, b, count / 8) != 0) return false;
    unsigned rest = count % 8;
    if (rest == 0) return true;
    unsigned mask = 0xff00u >> rest & 0xffu;
    return (a[count / 8] & mask) == (b[count / 8] & mask);
}

/* "address" or "network/bits"; the entry is taken apart in its place. */
static bool network_has(char *entry, const char *host) {
    unsigned char network[PROXY_ADDRESS_BYTES];
    unsigned char address[PROXY_ADDRESS_BYTES];
    char *slash = strchr(entry, '/');
    if (slash != NULL) *slash = '\0';
    size_t bytes = address_read(entry, network);
    if (bytes == 0 || address_read(host, address) != bytes) return false;

    unsigned long bits = bytes * 8;
    if (slash != NULL) {
        char *end;
        unsigned long given = strtoul(slash + 1, &end, 10);
        if (end == slash + 1 || *end != '\0' || given > bits) return false;
        bits = given;
    }
    return bits_are_equal(network, address, (unsigned)bits);
}

/* Without the dot that names may end with. */
static size_t name_length(const char *name) {
    size_t length = strlen(name);
    return length > 0 && name[length - 1] == '.' ? length - 1 : length;
}

/* Whether `host` is `domain`, or below it. */
static bool domain_has(const char *domain, const char *host) {
    while (*domain == '.')
        domain++;
    size_t domain_length = name_length(domain);
    size_t length = name_length(host);
    if (domain_length == 0 || length < domain_length) return false;
    const char *tail = host + (length - domain_length);
    if (strncasecmp(tail, domain, domain_length) != 0) return false;
    return tail == host || tail[-1] == '.';
}

/* Takes ":port" off the end of "name:port" or "[address]:port", and the
 * brackets.  Returns the entry that remains; NULL if the port is another. */
static char *entry_without_port(char *entry, uint16_t port) {
    char *colon = strchr(entry, ':');
    if (entry[0] == '[') {
        char *bracket = strchr(entry, ']');
        if (bracket == NULL) return NULL;
        *bracket = '\0';
        colon = bracket[1] == ':' ? bracket + 1 : NULL;
        entry++;
    } else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
        return entry; /* IPv6 */
    }
    if (colon == NULL) return entry;
    *colon = '\0';
    return strtoul(colon + 1, NULL, 10) == port ? entry : NULL;
}

static bool entry_has(char *entry, const bl_url *url) {
    unsigned char address[PROXY_ADDRESS_BYTES];
    if (strcmp(entry, "*") == 0) return true;
    entry = entry_without_port(entry, url->port);
    if (entry == NULL) return false;
    if (network_has(entry, url->host)) return true;
    /* "1.2.3.4" is not below "3.4". */
    if (address_read(url->host, address) > 0) return false;
    return domain_has(entry, url->host);
}

bool bl__proxy_excepts(const char *list, const bl_url *url) {
    static const char separators[] = ", \t";
    while (*list != '\0') {
        char entry[PROXY_ENTRY_BYTES];
        list += strspn(list, separators);
        size_t length = strcspn(list, separators);
        if (length > 0 && length < sizeof entry) {
            memcpy(entry, list, length);
            entry[length] = '\0';
            if (entry_has(entry, url)) return true;
        }
        list += length;
    }
    return false;
}
