/* SPDX-License-Identifier: MIT */
/*
 * tests/peers/test_dns.c - dnsmasq and unbound answer, dig hears the same
 */
#include <belay/dns.h>

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "peers/peer.h"

enum {
    MANY = 100, /* addresses of one name: more than a datagram has room for */
    LINES_MAX = 2 * MANY,
    LINE_BYTES = 128,
    ARGUMENTS_MAX = MANY + 40,
    CONFIG_BYTES = 16 * 1024
};

PEER_NEEDED(dig)

/* ---- the servers --------------------------------------------------------- */

/* Both have these records; dnsmasq is told by arguments. */
static const char *const dnsmasq_usual[] = {
    "dnsmasq",
    "--no-daemon",
    "--conf-file=/dev/null",
    "--no-resolv",
    "--no-hosts",
    "--bind-interfaces",
    "--listen-address=127.0.0.1",
    "--pid-file=",
    "--user=root",
    "--edns-packet-max=1232",
    "--local=/test/",
    "--host-record=one.test,192.0.2.1",
    "--host-record=both.test,192.0.2.2,2001:db8::2",
    "--cname=alias.test,one.test",
    "--mx-host=mail.test,second.test,20",
    "--mx-host=mail.test,first.test,10",
    "--srv-host=_sip._tcp.test,one.test,443,1,2",
    "--txt-record=text.test,hello world",
};

static const char unbound_usual[] =
    "server:\n"
    "  do-daemonize: no\n"
    "  username: \"\"\n"
    "  chroot: \"\"\n"
    "  pidfile: \"\"\n"
    "  use-syslog: no\n"
    "  verbosity: 1\n"
    "  num-threads: 1\n"
    "  local-zone: \"test.\" static\n"
    "  local-data: \"one.test. A 192.0.2.1\"\n"
    "  local-data: \"both.test. A 192.0.2.2\"\n"
    "  local-data: \"both.test. AAAA 2001:db8::2\"\n"
    "  local-data: \"alias.test. CNAME one.test.\"\n"
    "  local-data: \"mail.test. MX 20 second.test.\"\n"
    "  local-data: \"mail.test. MX 10 first.test.\"\n"
    "  local-data: \"_sip._tcp.test. SRV 1 2 443 one.test.\"\n"
    "  local-data: 'text.test. TXT \"hello world\"'\n"
    "  local-data-ptr: \"192.0.2.1 one.test.\"\n";

static const char *many_address(int number) {
    static char text[32];
    snprintf(text, sizeof text, "198.51.100.%d", number + 1);
    return text;
}

static struct peer dnsmasq(const char *folder, const bl_addr *address) {
    static char many[MANY][64];
    char port[32];
    const char *argv[ARGUMENTS_MAX] = { NULL };
    size_t count = sizeof dnsmasq_usual / sizeof *dnsmasq_usual;
    (void)folder;
    memcpy(argv, dnsmasq_usual, sizeof dnsmasq_usual);
    snprintf(port, sizeof port, "--port=%s", peer_port(address));
    argv[count++] = port;
    for (int i = 0; i < MANY; i++) {
        snprintf(many[i], sizeof many[i], "--host-record=many.test,%s",
                 many_address(i));
        argv[count++] = many[i];
    }
    REQUIRE_LT(count, ARGUMENTS_MAX);
    return peer_start_all(PEER_HEARD, argv);
}

static struct peer unbound(const char *folder, const bl_addr *address) {
    static char config[CONFIG_BYTES];
    int used = snprintf(config, sizeof config, "%s  interface: 127.0.0.1@%s\n",
                        unbound_usual, peer_port(address));
    for (int i = 0; i < MANY; i++) {
        used +=
            snprintf(config + used, sizeof config - (size_t)used,
                     "  local-data: \"many.test. A %s\"\n", many_address(i));
    }
    snprintf(config + used, sizeof config - (size_t)used,
             "remote-control:\n  control-enable: no\n");
    return peer_start_heard("unbound", "-d", "-c",
                            peer_file(folder, "unbound.conf", config));
}

/* A kind of server, and what it says when it is ready. */
struct kind {
    const char *program;
    struct peer (*start)(const char *folder, const bl_addr *address);
    const char *greeting;
    bool follows_aliases;
};

static const struct kind kinds[] = {
    { "dnsmasq", dnsmasq, "started", true },
    { "unbound", unbound, "start of service", false },
};

PARAM(int, server, 0, 1);

/* Somebody may take the port that was free: then another one is tried. */
static struct peer start_server(const struct kind *kind, const char *folder,
                                bl_addr *address) {
    if (!peer_is_installed(kind->program)) {
        t_skip("the program %s is not installed", kind->program);
    }
    for (;;) {
        *address = peer_free_address();
        struct peer peer = kind->start(folder, address);
        if (peer_try_await(&peer, kind->greeting) != NULL) return peer;
        peer_end(&peer);
    }
}

static bl_dns *open_at(const bl_addr *address) {
    bl_dns *dns;
    bl_dns_options options = {
        .size = sizeof options,
        .servers = address,
        .server_count = 1,
        .has_no_domains = true,
        .hosts_path = "/dev/null",
        .config_path = "/dev/null",
    };
    REQUIRE_OK(bl_dns_open(&options, &dns));
    return dns;
}

/* ---- what was heard ------------------------------------------------------ */

struct lines {
    int count;
    char texts[LINES_MAX][LINE_BYTES];
};

static void add_line(struct lines *lines, const char *text) {
    REQUIRE_LT(lines->count, LINES_MAX);
    snprintf(lines->texts[lines->count++], LINE_BYTES, "%s", text);
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

static void sort_lines(struct lines *lines) {
    qsort(lines->texts, (size_t)lines->count, LINE_BYTES, compare);
}

/* What dig says: a line each, and of addresses not the names on the way. */
static void hear_dig(const bl_addr *address, const char *name, const char *type,
                     struct lines *lines) {
    char *line;
    bool is_address = type[0] == 'A';
    struct peer peer = peer_start("dig", "+short", "@127.0.0.1", "-p",
                                  peer_port(address), name, type);
    lines->count = 0;
    while (bl_reader_line(&peer.reader, &line, NULL) == 1) {
        bool is_name = line[strlen(line) - 1] == '.';
        if (!is_address || !is_name) add_line(lines, line);
    }
    CHECK_EQ(peer_end(&peer), 0);
    sort_lines(lines);
}

static void hear_addresses(bl_dns *dns, const char *name, int family,
                           struct lines *lines) {
    bl_addr addresses[LINES_MAX];
    char text[BL_ADDR_TEXT_BYTES];
    int count = bl_dns_look_up(dns, name, family, 80, addresses, LINES_MAX);
    REQUIRE_OK(count < 0 ? count : 0);
    lines->count = 0;
    for (int i = 0; i < count; i++) {
        bl_addr_format(&addresses[i], text, sizeof text);
        *strrchr(text, ':') = '\0'; /* the port, and then brackets */
        text[strcspn(text, "]")] = '\0';
        add_line(lines, text + strspn(text, "["));
    }
    sort_lines(lines);
}

/* As dig prints them. */
static void hear_records(bl_dns *dns, const char *name, bl_dns_type type,
                         struct lines *lines) {
    bl_dns_record *records;
    int count = bl_dns_query(dns, name, type, &records);
    REQUIRE_OK(count < 0 ? count : 0);
    lines->count = 0;
    for (int i = 0; i < count; i++) {
        const bl_dns_record *record = &records[i];
        char text[LINE_BYTES];
        switch (type) {
        case BL_DNS_MX:
            snprintf(text, sizeof text, "%u %s.", record->priority,
                     record->text);
            break;
        case BL_DNS_SRV:
            snprintf(text, sizeof text, "%u %u %u %s.", record->priority,
                     record->weight, record->port, record->text);
            break;
        case BL_DNS_PTR:
            snprintf(text, sizeof text, "%s.", record->text);
            break;
        default: snprintf(text, sizeof text, "\"%s\"", record->text);
        }
        add_line(lines, text);
    }
    bl_free(records);
    sort_lines(lines);
}

static void check_same(const struct lines *ours, const struct lines *digs,
                       int count) {
    CHECK_EQ(ours->count, count);
    CHECK_EQ(digs->count, count);
    for (int i = 0; i < count; i++)
        CHECK_STR(ours->texts[i], digs->texts[i]);
}

/* A server, and a resolver that asks it. */
struct visit {
    struct peer peer;
    bl_addr address;
    bl_dns *dns;
    bool is_over; /* the server has been killed */
};

static void visit_kill(struct visit *visit) {
    if (!visit->is_over) peer_kill(&visit->peer);
    visit->is_over = true;
}

FIXTURE(struct visit *, visit, (t_tmpdir, server)) {
    struct visit made = { .is_over = false };
    made.peer = start_server(&kinds[server], t_tmpdir, &made.address);
    made.dns = open_at(&made.address);
    YIELD(&made);
    bl_dns_close(made.dns);
    visit_kill(&made);
}

/* ---- the tests ----------------------------------------------------------- */

TEST(addresses_are_those_that_dig_hears, (visit), .clock = T_CLOCK_REAL,
     .skip_if = no_dig) {
    static const struct {
        const char *name;
        const char *type;
        int family;
        int count;
    } questions[] = {
        { "one.test", "A", AF_INET, 1 },
        { "both.test", "A", AF_INET, 1 },
        { "many.test", "A", AF_INET, MANY }, /* by TCP, in the end */
    };
    static struct lines ours;
    static struct lines digs;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        const char *name = questions[i].name;
        hear_addresses(visit->dns, name, questions[i].family, &ours);
        hear_dig(&visit->address, name, questions[i].type, &digs);
        check_same(&ours, &digs, questions[i].count);
    }
}

TEST(records_are_those_that_dig_hears, (visit), .clock = T_CLOCK_REAL,
     .skip_if = no_dig) {
    static const struct {
        const char *name;
        const char *type_name;
        bl_dns_type type;
        int count;
    } questions[] = {
        { "mail.test", "MX", BL_DNS_MX, 2 },
        { "_sip._tcp.test", "SRV", BL_DNS_SRV, 1 },
        { "text.test", "TXT", BL_DNS_TXT, 1 },
        { "1.2.0.192.in-addr.arpa", "PTR", BL_DNS_PTR, 1 },
    };
    static struct lines ours;
    static struct lines digs;
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        const char *name = questions[i].name;
        hear_records(visit->dns, name, questions[i].type, &ours);
        hear_dig(&visit->address, name, questions[i].type_name, &digs);
        check_same(&ours, &digs, questions[i].count);
    }
}

TEST(an_alias_is_followed_by_some, (server, visit), .clock = T_CLOCK_REAL,
     .skip_if = no_dig) {
    static struct lines ours;
    static struct lines digs;
    bl_addr found;
    if (kinds[server].follows_aliases) {
        hear_addresses(visit->dns, "alias.test", AF_INET, &ours);
        hear_dig(&visit->address, "alias.test", "A", &digs);
        check_same(&ours, &digs, 1);
    } else {
        CHECK_ERR(
            bl_dns_look_up(visit->dns, "alias.test", AF_INET, 80, &found, 1),
            BL_EDNS_NODATA);
    }
}

TEST(what_is_not_there_is_told_apart, (visit), .clock = T_CLOCK_REAL,
     .skip_if = no_dig) {
    bl_addr found;
    bl_dns_record *records;
    CHECK_ERR(bl_dns_look_up(visit->dns, "none.test", AF_INET, 80, &found, 1),
              BL_EDNS_NONAME);
    CHECK_ERR(bl_dns_look_up(visit->dns, "one.test", AF_INET6, 80, &found, 1),
              BL_EDNS_NODATA);
    CHECK_ERR(bl_dns_query(visit->dns, "one.test", BL_DNS_MX, &records),
              BL_EDNS_NODATA);
    visit_kill(visit);
    CHECK_ERR(bl_dns_look_up(visit->dns, "both.test", AF_INET, 80, &found, 1),
              BL_EDNS_SERVER); /* the port is closed now */
}
