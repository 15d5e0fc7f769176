/* SPDX-License-Identifier: MIT */
/*
 * net/addr.c - addresses as text, both ways
 *
 * One form per address is written, and all forms that are written are read:
 *
 *     127.0.0.1:80   [::1]:80   [fe80::1%eth0]:80   *:80   :80
 *
 * The last two are 0.0.0.0 and [::].  Nothing else is: no spaces, no names, no
 * signs, no numbers that the usual functions would round or wrap.
 */
#include <belay/error.h>
#include <belay/net.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum {
    ADDR_HOST_BYTES_MAX = INET6_ADDRSTRLEN + IF_NAMESIZE,
    ADDR_PORT_DIGITS_MAX = 5
};

/* ---- reading ----------------------------------------------------------- */

/* Reads up to `digits_max` decimal digits, and nothing else. */
static int addr_parse_number(const char *text, size_t digits_max,
                             uint32_t number_max, uint32_t *number) {
    uint64_t value = 0;
    size_t length = strlen(text);
    if (length == 0 || length > digits_max) return BL_EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') return BL_EINVAL;
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value > number_max) return BL_EINVAL;
    *number = (uint32_t)value;
    return 0;
}

static int addr_parse_port(const char *text, in_port_t *port) {
    uint32_t number;
    int rc = addr_parse_number(text, ADDR_PORT_DIGITS_MAX, 65535, &number);
    if (rc < 0) return rc;
    *port = htons((uint16_t)number);
    return 0;
}

/* A zone is the name of an interface, or its number. */
static int addr_parse_scope(const char *text, uint32_t *scope) {
    uint32_t index = if_nametoindex(text);
    if (index == 0) {
        int rc = addr_parse_number(text, 10, UINT32_MAX, &index);
        if (rc < 0) return rc;
        if (index == 0) return BL_EINVAL;
    }
    *scope = index;
    return 0;
}

/* `host` is what stands between the brackets; it is cut up. */
static int addr_parse_v6(char *host, in_port_t port, bl_addr *address) {
    struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_port = port };
    char *scope = strchr(host, '%');
    if (scope != NULL) {
        *scope++ = '\0';
        int rc = addr_parse_scope(scope, &in.sin6_scope_id);
        if (rc < 0) return rc;
    }
    if (inet_pton(AF_INET6, host, &in.sin6_addr) != 1) return BL_EINVAL;
    memset(address, 0, sizeof *address);
    memcpy(&address->storage, &in, sizeof in);
    address->length = sizeof in;
    return 0;
}

static int addr_parse_v4(const char *host, in_port_t port, bl_addr *address) {
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };
    if (strcmp(host, "*") == 0) host = "0.0.0.0";
    if (inet_pton(AF_INET, host, &in.sin_addr) != 1) return BL_EINVAL;
    memset(address, 0, sizeof *address);
    memcpy(&address->storage, &in, sizeof in);
    address->length = sizeof in;
    return 0;
}

int bl_addr_parse(const char *text, bl_addr *address) {
    char host[ADDR_HOST_BYTES_MAX + 2]; /* and the brackets */
    in_port_t port;
    if (text == NULL) return BL_EINVAL;
    if (address == NULL) return BL_EINVAL;

    const char *colon = strrchr(text, ':');
    if (colon == NULL) return BL_EINVAL;
    size_t length = (size_t)(colon - text);
    if (length >= sizeof host) return BL_EINVAL;
    int rc = addr_parse_port(colon + 1, &port);
    if (rc < 0) return rc;

    memcpy(host, text, length);
    host[length] = '\0';
    if (length == 0) {
        char any[] = "::";
        return addr_parse_v6(any, port, address);
    }
    if (host[0] != '[') return addr_parse_v4(host, port, address);
    if (length < 2 || host[length - 1] != ']') return BL_EINVAL;
    host[length - 1] = '\0';
    return addr_parse_v6(host + 1, port, address);
}

/* ---- writing ----------------------------------------------------------- */

static size_t addr_format_v6(const struct sockaddr_in6 *in, char *buffer,
                             size_t bytes) {
    char host[INET6_ADDRSTRLEN];
    char name[IF_NAMESIZE];
    unsigned port = ntohs(in->sin6_port);
    inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
    int length;
    if (in->sin6_scope_id == 0) {
        length = snprintf(buffer, bytes, "[%s]:%u", host, port);
    } else if (if_indextoname(in->sin6_scope_id, name) != NULL) {
        length = snprintf(buffer, bytes, "[%s%%%s]:%u", host, name, port);
    } else {
        unsigned scope = in->sin6_scope_id;
        length = snprintf(buffer, bytes, "[%s%%%u]:%u", host, scope, port);
    }
    return (size_t)length;
}

size_t bl_addr_format(const bl_addr *address, char *buffer, size_t bytes) {
    const struct sockaddr_storage *storage = &address->storage;
    BL__ASSERT(buffer != NULL || bytes == 0);
    if (address->length >= sizeof(struct sockaddr_in) &&
        storage->ss_family == AF_INET) {
        char host[INET_ADDRSTRLEN];
        const struct sockaddr_in *in = (const void *)storage;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        return (size_t)snprintf(buffer, bytes, "%s:%u", host,
                                (unsigned)ntohs(in->sin_port));
    }
    if (address->length >= sizeof(struct sockaddr_in6) &&
        storage->ss_family == AF_INET6) {
        return addr_format_v6((const void *)storage, buffer, bytes);
    }
    if (bytes > 0) buffer[0] = '\0'; /* no address, or of another family */
    return 0;
}

uint16_t bl_addr_port(const bl_addr *address) {
    const struct sockaddr_storage *storage = &address->storage;
    if (address->length == 0) return 0;
    if (storage->ss_family == AF_INET) {
        return ntohs(
            ((const struct sockaddr_in *)(const void *)storage)->sin_port);
    }
    if (storage->ss_family == AF_INET6) {
        return ntohs(
            ((const struct sockaddr_in6 *)(const void *)storage)->sin6_port);
    }
    return 0;
}
