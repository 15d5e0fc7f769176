/* SPDX-License-Identifier: MIT */
/*
 * belay/dns.h - names to addresses, and other records, without threads
 *
 * A library of its own, belay-dns, on c-ares.  A `bl_dns` asks the servers that
 * the system is configured with, from the loop that runs it; look-ups wait
 * like any other call, thousands at once, and can be cancelled: when the last
 * one that waited has left, nothing is asked any more.
 *
 * The files of the system are read once, by bl_dns_open, on a thread: open
 * another `bl_dns` to read them again.  Answers are not cached.
 *
 * Servers live by the real clock.  So does the time in which they have to
 * answer, under a virtual clock too; scopes live by the loop's.
 *
 * The memory of c-ares comes from bl_alloc.  A program that uses c-ares
 * elsewhere as well, and has replaced the allocator, has to open its first
 * `bl_dns` before its first channel.
 */
#ifndef BELAY_DNS_H
#define BELAY_DNS_H

#include <belay/base.h>
#include <belay/net.h>

BL_BEGIN_DECLS

typedef struct bl_dns bl_dns;

/*
 * What bl_dns_open can be told.  Zero means default.
 */
typedef struct bl_dns_options {
    size_t size;                /* sizeof(bl_dns_options) */
    const bl_addr *servers;     /* asked in this order; a port of 0 is 53 */
    size_t server_count;        /* 0: those of the configuration */
    const char *const *domains; /* appended to short names, in this order */
    size_t domain_count;        /* 0: those of the configuration */
    bool has_no_domains;        /* nothing is appended */
    int dots_min;         /* so many, and a name is tried as it is first; 1 */
    bl_ns timeout;        /* of the first try, doubled by each round; 2 s */
    int tries;            /* rounds through the servers; 3 */
    uint32_t lookups_max; /* that ask at once, others wait in line; 100 */
    const char *config_path; /* /etc/resolv.conf */
    const char *hosts_path;  /* /etc/hosts */
} bl_dns_options;

/*
 * Opens what look-ups are made with, for the running loop; `options` may be
 * NULL.  Reads the configuration and the hosts file on a thread of the pool.
 * A file that does not exist is taken for an empty one.
 *
 * Returns 0; the caller closes `*dns`.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; nothing was opened
 *   BL_EINVAL     dns is NULL, or an option is out of its range
 *   BL_ENOMEM     there was no memory; nothing was opened
 *   BL_EMFILE     no descriptor was left; nothing was opened
 *   BL_EAGAIN     no thread could be started; nothing was opened
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is the system's: the hosts file could not be read.
 */
BL_MAY_WAIT
int bl_dns_open(const bl_dns_options *options, bl_dns **dns);

/*
 * Closes it; those who wait for an answer get BL_ECLOSED.  Never waits.  NULL
 * is allowed.
 */
BL_API
void bl_dns_close(bl_dns *dns);

/*
 * Looks up the addresses of `host`, up to `capacity`, each with `port`.
 *
 * `family` is AF_INET, AF_INET6, or AF_UNSPEC for both, which are asked for at
 * the same time.  In this order: a numeric address, also with a zone
 * ("fe80::1%eth0"), is read; the hosts file; localhost; the servers, with and
 * without the search domains, unless the name ends with a dot.  With both
 * families IPv6 comes first, where this machine has a route for it.
 *
 * Returns how many there are in `addresses`, at least one.
 *
 * Errors:
 *   BL_ECANCELED        an enclosing scope was cancelled
 *   BL_EDNS_NONAME      there is no such name
 *   BL_EDNS_NODATA      it has no address of this family
 *   BL_EDNS_SERVER      no server could be asked, or each one failed
 *   BL_EDNS_REFUSED     the servers refuse to answer
 *   BL_EDNS_TIMEOUT     no server answered in time
 *   BL_EDNS_MALFORMED   a server broke the protocol
 *   BL_EINVAL           an argument is NULL, capacity is 0, the family is
 *                       unknown, or it cannot be a name
 *   BL_ECLOSED          bl_dns_close was called meanwhile
 *   BL_ENOMEM           there was no memory
 *   BL_EMFILE           no descriptor was left
 *   BL_ETHREAD          it belongs to another loop
 *   BL_ENOLOOP          no loop runs on this thread
 *   BL_ENOTASK          called from a loop callback
 */
BL_MAY_WAIT
int bl_dns_look_up(bl_dns *dns, const char *host, int family, uint16_t port,
                   bl_addr *addresses, size_t capacity);

/*
 * Looks up "host:port", the port a number, as bl_addr_resolve_all does: what
 * bl_addr_parse reads is not looked up.  `dns` is a `bl_dns *`, so that this
 * function can be given to whoever connects by name.
 *
 * Returns and fails as bl_dns_look_up does.
 *
 * Errors:
 *   BL_EINVAL  an argument is NULL, capacity is 0, or there is no port in it
 */
BL_MAY_WAIT
int bl_dns_resolve(void *dns, const char *host_and_port, bl_addr *addresses,
                   size_t capacity);

/* What bl_dns_query can ask for. */
typedef enum bl_dns_type {
    BL_DNS_PTR = 12,
    BL_DNS_MX = 15,
    BL_DNS_TXT = 16,
    BL_DNS_SRV = 33
} bl_dns_type;

/*
 * One record of an answer.
 *
 * `text` is the name of the host that an MX or SRV record means, the name that
 * a PTR record has, or the whole text of a TXT record, which may have a NUL in
 * it.  It ends with a NUL that `bytes` does not count.
 */
typedef struct bl_dns_record {
    const char *text;
    size_t bytes;
    uint16_t priority; /* SRV, MX: the lowest is tried first */
    uint16_t weight;   /* SRV: its share among equal priorities */
    uint16_t port;     /* SRV */
} bl_dns_record;

/*
 * Asks the servers for the records of `name` that have this type.  Search
 * domains are not appended.  SRV and MX records come in the order of their
 * priority.
 *
 * Returns how many there are, at least one; `*records`, one block with all
 * texts, is given back with bl_free.
 *
 * Errors:
 *   BL_ECANCELED       an enclosing scope was cancelled
 *   BL_EDNS_NONAME     there is no such name
 *   BL_EDNS_NODATA     it has no record of this type
 *   BL_EDNS_SERVER     no server could be asked, or each one failed
 *   BL_EDNS_REFUSED    the servers refuse to answer
 *   BL_EDNS_TIMEOUT    no server answered in time
 *   BL_EDNS_MALFORMED  a server broke the protocol
 *   BL_EINVAL          an argument is NULL, the type is unknown, or it cannot
 *                      be a name
 *   BL_ECLOSED         bl_dns_close was called meanwhile
 *   BL_ENOMEM          there was no memory
 *   BL_EMFILE          no descriptor was left
 *   BL_ETHREAD         it belongs to another loop
 *   BL_ENOLOOP         no loop runs on this thread
 *   BL_ENOTASK         called from a loop callback
 */
BL_MAY_WAIT
int bl_dns_query(bl_dns *dns, const char *name, bl_dns_type type,
                 bl_dns_record **records);

/*
 * Looks up the names of an IP address: the first one in the hosts file, else
 * its PTR records.
 *
 * Returns and fails as bl_dns_query does.
 *
 * Errors:
 *   BL_EINVAL  an argument is NULL, or it is no IP address
 */
BL_MAY_WAIT
int bl_dns_names(bl_dns *dns, const bl_addr *address, bl_dns_record **records);

#ifndef BL_NO_SITES
#    define bl_dns_open(...) \
        BL__AT("bl_dns_open(" #__VA_ARGS__ ")", bl_dns_open(__VA_ARGS__))
#    define bl_dns_look_up(...) \
        BL__AT("bl_dns_look_up(" #__VA_ARGS__ ")", bl_dns_look_up(__VA_ARGS__))
#    define bl_dns_query(...) \
        BL__AT("bl_dns_query(" #__VA_ARGS__ ")", bl_dns_query(__VA_ARGS__))
#    define bl_dns_names(...) \
        BL__AT("bl_dns_names(" #__VA_ARGS__ ")", bl_dns_names(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
