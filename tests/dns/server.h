/* SPDX-License-Identifier: MIT */
/*
 * dns/server.h - a name server of the tests, on loopback, made of tasks
 *
 * It answers what its zone says, by UDP and TCP on one port, and builds each
 * answer byte by byte: nothing of what is tested takes part.  What a zone
 * cannot say, a function of the test does.
 */
#ifndef TESTS_DNS_SERVER_H
#define TESTS_DNS_SERVER_H

#include <belay/dns.h>
#include <belay/test.h>

enum zone_type {
    ZONE_END = 0,
    ZONE_A = 1,
    ZONE_CNAME = 5,
    ZONE_PTR = 12,
    ZONE_MX = 15,
    ZONE_TXT = 16,
    ZONE_AAAA = 28,
    ZONE_SRV = 33,
    /* What happens instead of an answer, or before it: */
    ZONE_RCODE = 1000, /* `number` is the code of the answer */
    ZONE_SILENCE,      /* there is none */
    ZONE_DELAY,        /* it comes `number` milliseconds later */
    ZONE_TRUNCATED,    /* by UDP it is cut off */
    ZONE_RAW           /* `raw` makes it */
};

/* A message that is being built. */
struct message {
    size_t length;
    unsigned char bytes[4096];
};

/* What was asked. */
struct request {
    struct server *server;
    char name[256];
    int type;
    bool is_tcp;
    int fd;
    struct sockaddr_storage from;
    socklen_t from_length;
    size_t question_bytes;
    unsigned char question[512]; /* the whole message */
};

typedef void raw_fn(struct message *answer, const struct request *request);

/* One record, or one rule.  Names end without a dot. */
struct zone {
    const char *name;
    enum zone_type type;
    const char *data; /* "192.0.2.1", "10 mail.test", "1 2 443 host.test" */
    int number;
    raw_fn *raw;
};

struct server {
    const struct zone *zone;
    bl_group *group;
    bl_addr address;
    int udp;
    int tcp;
    int drops; /* so many datagrams are lost from now on */
    int asked; /* by UDP, lost ones included */
    int asked_tcp;
    bl_ns drip;     /* by TCP: before each byte of an answer; 0: all at once */
    bool is_cut;    /* by TCP: it closes after so many bytes of an answer */
    size_t cut_at;  /* with the two of its length */
    char last[256]; /* the name of the last question */
};

/* Opens a server whose tasks are daemons of `group`. */
void server_open(struct server *server, const struct zone *zone,
                 bl_group *group);
void server_close(struct server *server);

/* The zone of the server below: each test program has one. */
extern const struct zone server_zone[];

/* A server with that zone. */
FIXTURE_DECL(struct server *, server);

/*
 * Options with this server alone, and with no file.  It has more time than any
 * test takes, however slow the machine is; but little where the server, which
 * is injected into as well, may never answer.
 */
bl_dns_options server_options(const struct server *server);

/* The parts of a message, for raw_fn. */
void message_begin(struct message *message, const struct request *request,
                   int rcode, int answers);
void message_put8(struct message *message, unsigned value);
void message_put16(struct message *message, unsigned value);
void message_put_name(struct message *message, const char *name);
/* A record of the name that was asked for, with an address. */
void message_put_a(struct message *message, const char *address);

#endif
