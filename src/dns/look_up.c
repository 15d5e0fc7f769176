/* SPDX-License-Identifier: MIT */
/*
 * dns/look_up.c - from a name to its addresses
 *
 * Where the answer may be is tried in turn: in the text itself, in the hosts
 * file, for localhost in the standard (RFC 6761), and with the servers, for one
 * search domain after the other.  A domain counts as tried only if a server
 * says that the name, or an address of it, does not exist; any other failure
 * is the result, since a later domain might give the address of a stranger.
 */
#include <belay/error.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "dns/dns.h"

/* No record is smaller: a name of one byte, ten of head, the address. */
enum {
    LOOK_UP_V4_BYTES_MIN = 1 + 10 + 4,
    LOOK_UP_V6_BYTES_MIN = 1 + 10 + 16
};

/* What was asked for, and how much of it was found. */
struct look_up {
    int family;
    uint16_t port;
    bl_addr *addresses;
    size_t capacity;
    size_t count;
};

/* ---- addresses ----------------------------------------------------------- */

void bl__dns_set_port(bl_addr *address, uint16_t port) {
    if (address->storage.ss_family == AF_INET) {
        ((struct sockaddr_in *)(void *)&address->storage)->sin_port =
            htons(port);
    } else {
        ((struct sockaddr_in6 *)(void *)&address->storage)->sin6_port =
            htons(port);
    }
}

static bool look_up_wants(const struct look_up *found, int family) {
    return found->family == AF_UNSPEC || found->family == family;
}

static void look_up_add(struct look_up *found, const bl_addr *address) {
    if (!look_up_wants(found, address->storage.ss_family)) return;
    if (found->count == found->capacity) return;
    bl_addr *place = &found->addresses[found->count++];
    *place = *address;
    bl__dns_set_port(place, found->port);
}

static void look_up_add_v4(struct look_up *found, const void *bytes) {
    struct sockaddr_in in = { .sin_family = AF_INET };
    bl_addr address = { .length = sizeof in };
    memcpy(&in.sin_addr, bytes, sizeof in.sin_addr);
    memcpy(&address.storage, &in, sizeof in);
    look_up_add(found, &address);
}

static void look_up_add_v6(struct look_up *found, const void *bytes) {
    struct sockaddr_in6 in = { .sin6_family = AF_INET6 };
    bl_addr address = { .length = sizeof in };
    memcpy(&in.sin6_addr, bytes, sizeof in.sin6_addr);
    memcpy(&address.storage, &in, sizeof in);
    look_up_add(found, &address);
}

/* Whether this machine has a route there; nothing is sent. */
static bool look_up_has_route(const void *v6_bytes) {
    struct sockaddr_in6 in = { .sin6_family = AF_INET6, .sin6_port = 1 };
    memcpy(&in.sin6_addr, v6_bytes, sizeof in.sin6_addr);
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool has_route = connect(fd, (const struct sockaddr *)&in, sizeof in) == 0;
    close(fd);
    return has_route;
}

/* ---- without servers ----------------------------------------------------- */

/* Reads a numeric host, also with a zone. */
static bool look_up_numeric(struct look_up *found, const char *host) {
    char text[BL_ADDR_TEXT_BYTES];
    bl_addr address;
    if (host[0] == '\0') return false;
    bool is_v6 = strchr(host, ':') != NULL;
    if (!is_v6 && host[strspn(host, "0123456789.")] != '\0') return false;
    int length = snprintf(text, sizeof text, is_v6 ? "[%s]:0" : "%s:0", host);
    if (length < 0 || (size_t)length >= sizeof text) return false;
    if (bl_addr_parse(text, &address) < 0) return false;
    look_up_add(found, &address);
    return true;
}

static void look_up_hosts(struct look_up *found,
                          const struct bl__dns_hosts *hosts, const char *name) {
    const struct bl__dns_host *host = bl__dns_hosts_find(hosts, name);
    if (host == NULL) return;
    const struct bl__dns_host *end = hosts->items + hosts->count;
    for (; host < end && strcasecmp(host->name, name) == 0; host++) {
        look_up_add(found, &host->address);
    }
}

/* Whether it is "localhost" or below it; such names are never sent. */
static bool look_up_is_local(const char *name) {
    static const char local[] = "localhost";
    size_t length = strlen(name);
    size_t count = sizeof local - 1;
    if (length < count) return false;
    if (strcasecmp(name + length - count, local) != 0) return false;
    return length == count || name[length - count - 1] == '.';
}

/* ---- with servers -------------------------------------------------------- */

/*
 * Return how many addresses are in the answer, at least one, or a code; the
 * caller frees `*records`.
 */
static int look_up_read_v4(const struct bl__dns_question *question,
                           struct ares_addrttl **records) {
    int status = question->status;
    if (status != ARES_SUCCESS) return bl__dns_code(question, status);
    int count = question->answer_bytes / LOOK_UP_V4_BYTES_MIN + 1;
    *records = bl__alloc((size_t)count * sizeof **records);
    if (*records == NULL) return BL_ENOMEM;
    status = ares_parse_a_reply(question->answer, question->answer_bytes, NULL,
                                *records, &count);
    /* An alias of a name without an address is there, and has none. */
    if (status == ARES_SUCCESS && count == 0) status = ARES_ENODATA;
    return status == ARES_SUCCESS ? count : bl__dns_code(question, status);
}

static int look_up_read_v6(const struct bl__dns_question *question,
                           struct ares_addr6ttl **records) {
    int status = question->status;
    if (status != ARES_SUCCESS) return bl__dns_code(question, status);
    int count = question->answer_bytes / LOOK_UP_V6_BYTES_MIN + 1;
    *records = bl__alloc((size_t)count * sizeof **records);
    if (*records == NULL) return BL_ENOMEM;
    status = ares_parse_aaaa_reply(question->answer, question->answer_bytes,
                                   NULL, *records, &count);
    if (status == ARES_SUCCESS && count == 0) status = ARES_ENODATA;
    return status == ARES_SUCCESS ? count : bl__dns_code(question, status);
}

static bool look_up_says_no(int rc) {
    return rc == BL_EDNS_NONAME || rc == BL_EDNS_NODATA;
}

/* What two failures are together: the worse of them. */
static int look_up_join(int v4, int v6) {
    if (!look_up_says_no(v4)) return v4;
    if (!look_up_says_no(v6)) return v6;
    bool is_nameless = v4 != BL_EDNS_NODATA && v6 != BL_EDNS_NODATA;
    return is_nameless ? BL_EDNS_NONAME : BL_EDNS_NODATA;
}

/* At least one of the counts is positive. */
static void look_up_add_all(struct look_up *found,
                            const struct ares_addrttl *v4, int v4_count,
                            const struct ares_addr6ttl *v6, int v6_count) {
    bool is_v4_first =
        v4_count > 0 && v6_count > 0 && !look_up_has_route(&v6[0].ip6addr);
    for (int i = 0; is_v4_first && i < v4_count; i++) {
        look_up_add_v4(found, &v4[i].ipaddr);
    }
    for (int i = 0; i < v6_count; i++)
        look_up_add_v6(found, &v6[i].ip6addr);
    for (int i = 0; !is_v4_first && i < v4_count; i++) {
        look_up_add_v4(found, &v4[i].ipaddr);
    }
}

/* Puts the answers together.  A family that is not asked for is NULL. */
static int look_up_merge(struct look_up *found,
                         const struct bl__dns_question *a,
                         const struct bl__dns_question *aaaa) {
    struct ares_addrttl *v4 = NULL;
    struct ares_addr6ttl *v6 = NULL;
    int v4_count = a == NULL ? BL_EDNS_NONAME : look_up_read_v4(a, &v4);
    int v6_count = aaaa == NULL ? BL_EDNS_NONAME : look_up_read_v6(aaaa, &v6);
    int rc = 0;
    if (v4_count == BL_ENOMEM || v6_count == BL_ENOMEM) {
        rc = BL_ENOMEM;
    } else if (v4_count < 0 && v6_count < 0) {
        rc = look_up_join(v4_count, v6_count);
    } else {
        look_up_add_all(found, v4, v4_count, v6, v6_count);
    }
    bl__free(v4);
    bl__free(v6);
    return rc;
}

/* Asks for one name, as it is. */
static int look_up_ask(bl_dns *dns, struct look_up *found, const char *name) {
    struct bl__dns_wait wait;
    struct bl__dns_question *a = NULL;
    struct bl__dns_question *aaaa = NULL;
    int types[2];
    uint32_t count = 0;
    if (look_up_wants(found, AF_INET)) types[count++] = BL__DNS_A;
    if (look_up_wants(found, AF_INET6)) types[count++] = BL__DNS_AAAA;

    int rc = bl__dns_ask(dns, name, types, count, &wait);
    if (rc < 0) return rc;
    if (look_up_wants(found, AF_INET)) a = wait.questions[0];
    if (look_up_wants(found, AF_INET6)) aaaa = wait.questions[count - 1];
    rc = look_up_merge(found, a, aaaa);
    bl__dns_wait_done(&wait);
    return rc;
}

/* Asks for the name below a domain; one that gets too long does not exist. */
static int look_up_ask_below(bl_dns *dns, struct look_up *found,
                             const char *name, const char *domain) {
    char whole[BL__DNS_NAME_MAX + 2];
    int length = snprintf(whole, sizeof whole, "%s.%s", name, domain);
    if (length < 0 || (size_t)length >= sizeof whole) return BL_EDNS_NONAME;
    if (!bl__dns_name_is_valid(whole)) return BL_EDNS_NONAME;
    return look_up_ask(dns, found, whole);
}

static int look_up_count_dots(const char *name) {
    int count = 0;
    for (; *name != '\0'; name++)
        count += *name == '.';
    return count;
}

/*
 * Asks for all that a name may mean, until one has an address.  Nothing found
 * counts as "no data" if any of them existed.
 */
static int look_up_search(bl_dns *dns, struct look_up *found,
                          const char *name) {
    char *const *names =
        dns->domains != NULL ? dns->domains : dns->config.domains;
    bool is_whole = name[strlen(name) - 1] == '.';
    bool is_first = is_whole || look_up_count_dots(name) >= dns->config.ndots;
    int domains = is_whole ? 0 : dns->domain_count;
    int result = BL_EDNS_NONAME;

    /* -1 is the name as it is, before the domains or behind them. */
    for (int i = 0; i <= domains; i++) {
        int domain = is_first ? i - 1 : i == domains ? -1 : i;
        int rc = domain < 0
                     ? look_up_ask(dns, found, name)
                     : look_up_ask_below(dns, found, name, names[domain]);
        if (rc == 0 || !look_up_says_no(rc)) return rc;
        if (rc == BL_EDNS_NODATA) result = rc;
    }
    return result;
}

/* ---- the call ------------------------------------------------------------ */

static int look_up_find(bl_dns *dns, struct look_up *found, const char *host) {
    char name[BL__DNS_NAME_MAX + 2]; /* without a dot at the end */
    if (look_up_numeric(found, host)) {
        return found->count > 0 ? 0 : BL_EDNS_NODATA;
    }
    bool is_name = bl__dns_name_is_valid(host) && strchr(host, ':') == NULL;
    if (!is_name) {
        return BL_ERR(BL_EINVAL, "this cannot be the name of a host");
    }
    size_t length = strlen(host);
    if (host[length - 1] == '.') length--;
    memcpy(name, host, length);
    name[length] = '\0';

    look_up_hosts(found, &dns->hosts, name);
    if (found->count > 0) return 0;
    if (look_up_is_local(name)) {
        static const unsigned char v6[16] = { [15] = 1 };
        static const unsigned char v4[4] = { 127, 0, 0, 1 };
        look_up_add_v6(found, v6);
        look_up_add_v4(found, v4);
        return 0;
    }
    return look_up_search(dns, found, host);
}

int bl_dns_look_up(bl_dns *dns, const char *host, int family, uint16_t port,
                   bl_addr *addresses, size_t capacity) {
    struct look_up found = {
        .family = family,
        .port = port,
        .addresses = addresses,
        .capacity = capacity,
    };
    if (dns == NULL || host == NULL || addresses == NULL) return BL_EINVAL;
    if (capacity == 0 || capacity > INT32_MAX) return BL_EINVAL;
    if (family != AF_UNSPEC && family != AF_INET && family != AF_INET6) {
        return BL_EINVAL;
    }
    int rc = bl__dns_enter(dns);
    if (rc < 0) return rc;

    rc = look_up_find(dns, &found, host);
    bl__dns_leave(dns);
    if (rc < 0) return bl__dns_error(rc, host);
    BL__ASSERT(found.count > 0);
    return (int)found.count;
}

/* Reads a port, which ends the text. */
static int look_up_read_port(const char *text, uint16_t *port) {
    uint32_t value = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0') return BL_EINVAL;
    for (; *text != '\0'; text++)
        value = value * 10 + (uint32_t)(*text - '0');
    if (value > UINT16_MAX) return BL_EINVAL;
    *port = (uint16_t)value;
    return 0;
}

int bl_dns_resolve(void *dns, const char *host_and_port, bl_addr *addresses,
                   size_t capacity) {
    char host[BL__DNS_NAME_MAX + 2];
    uint16_t port;
    if (dns == NULL || host_and_port == NULL || addresses == NULL) {
        return BL_EINVAL;
    }
    if (capacity == 0) return BL_EINVAL;
    if (bl_addr_parse(host_and_port, &addresses[0]) == 0) {
        int rc = bl__dns_enter(dns);
        if (rc < 0) return rc;
        bl__dns_leave(dns);
        return 1;
    }

    const char *colon = strrchr(host_and_port, ':');
    if (colon == NULL) return BL_ERR(BL_EINVAL, "there is no port");
    size_t length = (size_t)(colon - host_and_port);
    if (length >= sizeof host) return BL_ERR(BL_EINVAL, "the name is too long");
    memcpy(host, host_and_port, length);
    host[length] = '\0';
    if (look_up_read_port(colon + 1, &port) < 0) {
        return BL_ERR(BL_EINVAL, "%s is no port", colon + 1);
    }
    return bl_dns_look_up(dns, host, AF_UNSPEC, port, addresses, capacity);
}
