/* SPDX-License-Identifier: MIT */
/*
 * net/addr.c - addresses as text, both ways
 *
 * One form per address is written, and all forms that are written are read:
 *
 *     127.0.0.1:80   [::1]:80   [fe80::1%eth0]:80   *:80   :80
 *     unix:/path   unix:@name
 *
 * "*" and nothing are 0.0.0.0 and [::].  Nothing else is read: no spaces, no
 * names, no signs, no numbers that the usual functions would round or wrap.
 *
 * A local name that comes from the kernel may have bytes that would do harm in
 * a log; these are written as "?", and not read at all.
 */
#include <belay/error.h>
#include <belay/net.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/assert.h"
#include "net/socket.h"

#define ADDR_UNIX_PREFIX "unix:"

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

static bool addr_byte_is_text(char byte) {
    return (unsigned char)byte >= ' ' && byte != 0x7f;
}

/* A name that begins with "@" is in no directory: NUL stands for it. */
static int addr_parse_unix(const char *path, bl_addr *address) {
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof un.sun_path) return BL_EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (!addr_byte_is_text(path[i])) return BL_EINVAL;
    }
    memcpy(un.sun_path, path, length);
    bool is_abstract = path[0] == '@';
    if (is_abstract && length == 1) return BL_EINVAL; /* has no name */
    if (is_abstract) un.sun_path[0] = '\0';
    memset(address, 0, sizeof *address);
    memcpy(&address->storage, &un, sizeof un);
    /* The NUL behind a path counts, and would be a part of a name. */
    length += offsetof(struct sockaddr_un, sun_path);
    address->length = (socklen_t)(is_abstract ? length : length + 1);
    return 0;
}

int bl_addr_parse(const char *text, bl_addr *address) {
    char host[ADDR_HOST_BYTES_MAX + 2]; /* and the brackets */
    in_port_t port;
    if (text == NULL) return BL_EINVAL;
    if (address == NULL) return BL_EINVAL;
    if (strncmp(text, ADDR_UNIX_PREFIX, sizeof ADDR_UNIX_PREFIX - 1) == 0) {
        return addr_parse_unix(text + sizeof ADDR_UNIX_PREFIX - 1, address);
    }

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

/* Bytes of a name that are not text are written as "?". */
static size_t addr_format_unix(const bl_addr *address, char *buffer,
                               size_t bytes) {
    char text[sizeof ADDR_UNIX_PREFIX + sizeof(struct sockaddr_un)] =
        ADDR_UNIX_PREFIX;
    const struct sockaddr_un *un = (const void *)&address->storage;
    size_t length = address->length - offsetof(struct sockaddr_un, sun_path);
    if (length == 0) { /* a socket that was never given one */
        if (bytes > 0) buffer[0] = '\0';
        return 0;
    }
    bool is_abstract = un->sun_path[0] == '\0';
    size_t used = sizeof ADDR_UNIX_PREFIX - 1;
    for (size_t i = 0; i < length; i++) {
        char byte = un->sun_path[i];
        if (byte == '\0' && !is_abstract) break;
        text[used++] = addr_byte_is_text(byte) ? byte : '?';
    }
    if (is_abstract) text[sizeof ADDR_UNIX_PREFIX - 1] = '@';
    text[used] = '\0';
    return (size_t)snprintf(buffer, bytes, "%s", text);
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
    if (bl_addr_is_unix(address)) {
        return addr_format_unix(address, buffer, bytes);
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

/* ---- asking ------------------------------------------------------------ */

bool bl_addr_is_unix(const bl_addr *address) {
    if (address->length < offsetof(struct sockaddr_un, sun_path)) return false;
    return address->storage.ss_family == AF_UNIX;
}

/* The part of a path that counts. */
static size_t addr_path_bytes(const bl_addr *address) {
    const struct sockaddr_un *un = (const void *)&address->storage;
    size_t length = address->length - offsetof(struct sockaddr_un, sun_path);
    if (length == 0 || un->sun_path[0] == '\0') return length;
    return strnlen(un->sun_path, length);
}

const char *bl__addr_path(const bl_addr *address) {
    const struct sockaddr_un *un = (const void *)&address->storage;
    if (!bl_addr_is_unix(address)) return NULL;
    if (address->length == offsetof(struct sockaddr_un, sun_path)) return NULL;
    return un->sun_path[0] != '\0' ? un->sun_path : NULL;
}

bool bl_addr_is_equal(const bl_addr *a, const bl_addr *b) {
    if (a->length == 0 || b->length == 0) return a->length == b->length;
    if (a->storage.ss_family != b->storage.ss_family) return false;
    if (a->storage.ss_family == AF_INET) {
        const struct sockaddr_in *one = (const void *)&a->storage;
        const struct sockaddr_in *two = (const void *)&b->storage;
        return one->sin_port == two->sin_port &&
               one->sin_addr.s_addr == two->sin_addr.s_addr;
    }
    if (a->storage.ss_family == AF_INET6) {
        const struct sockaddr_in6 *one = (const void *)&a->storage;
        const struct sockaddr_in6 *two = (const void *)&b->storage;
        return one->sin6_port == two->sin6_port &&
               one->sin6_scope_id == two->sin6_scope_id &&
               IN6_ARE_ADDR_EQUAL(&one->sin6_addr, &two->sin6_addr);
    }
    if (bl_addr_is_unix(a)) {
        const struct sockaddr_un *one = (const void *)&a->storage;
        const struct sockaddr_un *two = (const void *)&b->storage;
        size_t bytes = addr_path_bytes(a);
        return bytes == addr_path_bytes(b) &&
               memcmp(one->sun_path, two->sun_path, bytes) == 0;
    }
    return a->length == b->length &&
           memcmp(&a->storage, &b->storage, a->length) == 0;
}

/* The host in host byte order, if it is an IPv4 address, also a mapped one. */
static bool addr_v4_host(const bl_addr *address, uint32_t *host) {
    const struct sockaddr_in *in = (const void *)&address->storage;
    const struct sockaddr_in6 *in6 = (const void *)&address->storage;
    if (address->length == 0) return false;
    if (address->storage.ss_family == AF_INET) {
        *host = ntohl(in->sin_addr.s_addr);
        return true;
    }
    if (address->storage.ss_family != AF_INET6) return false;
    if (!IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) return false;
    const unsigned char *bytes = in6->sin6_addr.s6_addr + 12;
    *host = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
            (uint32_t)bytes[2] << 8 | bytes[3];
    return true;
}

bool bl_addr_is_loopback(const bl_addr *address) {
    const struct sockaddr_in6 *in6 = (const void *)&address->storage;
    uint32_t host;
    if (bl_addr_is_unix(address)) return true;
    if (addr_v4_host(address, &host)) return host >> 24 == 127;
    if (address->length == 0 || in6->sin6_family != AF_INET6) return false;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

bool bl_addr_is_any(const bl_addr *address) {
    const struct sockaddr_in6 *in6 = (const void *)&address->storage;
    uint32_t host;
    if (addr_v4_host(address, &host)) return host == 0;
    if (address->length == 0 || in6->sin6_family != AF_INET6) return false;
    return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}
