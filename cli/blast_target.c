/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_target.c - what a URL says about where to send requests
 */
#include "blast_target.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    HOST_BYTES_MAX = TARGET_TEXT_BYTES - 8 /* with its port, or ours */
};

struct scheme {
    const char *prefix;
    bool is_http;
    bool is_tls;
    const char *port; /* if none is given; NULL: one has to be */
};

static const struct scheme schemes[] = {
    { "http://", true, false, "80" },
    { "https://", true, true, "443" },
    { "tcp://", false, false, NULL },
    { "tls://", false, true, NULL },
};

#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

static const struct scheme *scheme_of(const char **url) {
    for (size_t i = 0; i < SCHEMES; i++) {
        size_t length = strlen(schemes[i].prefix);
        if (strncasecmp(*url, schemes[i].prefix, length) != 0) continue;
        *url += length;
        return &schemes[i];
    }
    return strstr(*url, "://") == NULL ? &schemes[0] : NULL;
}

/* Divides "host:port" or "[host]:port" at the colon; `*port` is "" without. */
static bool divide(const char *authority, size_t length, char *host,
                   const char **port) {
    const char *end = authority + length;
    const char *host_end;

    if (authority[0] == '[') {
        host_end = memchr(authority, ']', length);
        if (host_end == NULL) return false;
        authority++;
        *port = host_end + 1;
    } else {
        host_end = memchr(authority, ':', length);
        if (host_end == NULL) host_end = end;
        *port = host_end;
    }
    if (host_end == authority) return false;
    memcpy(host, authority, (size_t)(host_end - authority));
    host[host_end - authority] = '\0';
    if (*port == end) return true;
    if (**port != ':') return false;
    ++*port;
    return *port < end;
}

static bool is_number(const char *text, size_t length) {
    return length > 0 && length <= 5 && strspn(text, "0123456789") >= length;
}

/* What no part of a request line or a header may contain. */
static bool has_bad_bytes(const char *text) {
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte <= ' ' || byte == 0x7f) return true;
    }
    return false;
}

static const char *read_authority(const char *text, size_t length,
                                  const struct scheme *scheme,
                                  struct blast_target *target) {
    const char *port;

    if (memchr(text, '@', length) != NULL) {
        return "has a user in it, which is not supported: use -H";
    }
    if (length == 0) return "names no host";
    if (length > HOST_BYTES_MAX) return "has a host that is too long";
    if (!divide(text, length, target->host, &port)) {
        return "has no valid host and port";
    }
    size_t port_length = (size_t)(text + length - port);
    if (port_length > 0 && !is_number(port, port_length)) {
        return "has a port that is no number";
    }
    if (port_length == 0 && scheme->port == NULL) return "names no port";
    if (port_length == 0) {
        port = scheme->port;
        port_length = strlen(port);
    }
    snprintf(target->authority, sizeof(target->authority), "%.*s", (int)length,
             text);
    bool has_colon = strchr(target->host, ':') != NULL;
    snprintf(target->where, sizeof(target->where), "%s%.*s%s:%.*s",
             has_colon ? "[" : "", (int)HOST_BYTES_MAX, target->host,
             has_colon ? "]" : "", (int)port_length, port);
    return NULL;
}

static const char *read_local(const char *url, struct blast_target *target) {
    if (strncmp(url, "unix://", 7) == 0)
        url += 7;
    else
        url += 5;
    if (*url == '\0') return "names no path";
    if (strlen(url) + 6 > TARGET_TEXT_BYTES) return "is too long";
    snprintf(target->where, sizeof(target->where), "unix:%s", url);
    target->path = "";
    return NULL;
}

const char *blast_target_read(const char *url, struct blast_target *target) {
    memset(target, 0, sizeof(*target));
    if (has_bad_bytes(url)) return "has spaces or control characters in it";
    if (strncmp(url, "unix:", 5) == 0) return read_local(url, target);

    const struct scheme *scheme = scheme_of(&url);
    if (scheme == NULL) return "has a scheme that is not known";
    size_t length = strcspn(url, "/?#");
    const char *wrong = read_authority(url, length, scheme, target);
    if (wrong != NULL) return wrong;

    target->is_http = scheme->is_http;
    target->is_tls = scheme->is_tls;
    target->path = url + length;
    if (!target->is_http && strcmp(target->path, "/") == 0) target->path = "";
    if (!target->is_http && target->path[0] != '\0') {
        return "has a path, but bytes are sent to no path";
    }
    return NULL;
}
