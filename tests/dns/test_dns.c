/* SPDX-License-Identifier: MIT */
/*
 * tests/dns/test_dns.c - opening and closing, many at once, leaving early
 *
 *     Legs: threads
 */
#include <belay/test.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "dns/server.h"
#include "support/famine.h"
#include "support/filter.h"
#include "support/host.h"
#include "support/sockets.h"

enum {
    MANY = 1000
};

const struct zone server_zone[] = {
    { "one.test", ZONE_A, "192.0.2.1", 0, NULL },
    { "silent.test", ZONE_SILENCE, NULL, 0, NULL },
    { "hour.test", ZONE_DELAY, NULL, 3600000, NULL },
    { "mail.test", ZONE_MX, "10 one.test", 0, NULL },
    { NULL, ZONE_END, NULL, 0, NULL },
};

static bl_dns *dns_for(const struct server *server) {
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    REQUIRE_OK(bl_dns_open(&options, &dns));
    return dns;
}

struct asking {
    bl_dns *dns;
    const char *name;
    int rc;
    bool closes;
};

static int ask(void *arg) {
    struct asking *asking = arg;
    bl_addr address;
    asking->rc =
        bl_dns_look_up(asking->dns, asking->name, AF_INET, 80, &address, 1);
    if (asking->closes) bl_dns_close(asking->dns);
    return 0;
}

/* Lets other tasks and the name server do all that they can do. */
static void settle(void) {
    for (int i = 0; i < 20; i++)
        REQUIRE_OK(bl_yield());
}

static uint64_t watches(void) {
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    return info.watches;
}

/* ---- opening and closing ------------------------------------------------- */

TEST(with_defaults_the_files_of_the_system_are_read) {
    bl_dns *dns = NULL;
    bl_addr address;
    REQUIRE_OK(bl_dns_open(NULL, &dns));
    CHECK_EQ(bl_dns_look_up(dns, "localhost", AF_UNSPEC, 80, &address, 1), 1);
    CHECK_EQ(bl_dns_look_up(dns, "127.0.0.1", AF_INET, 80, &address, 1), 1);
    bl_dns_close(dns);
    bl_dns_close(NULL);
}

TEST(options_out_of_range_are_refused, (server)) {
    bl_dns *dns = NULL;
    bl_addr none = { .length = 0 };
    const char *const domains[] = { "bad..domain" };
    bl_dns_options good = server_options(server);
    bl_dns_options bad;
    CHECK_ERR(bl_dns_open(&good, NULL), BL_EINVAL);
#define REFUSES(field, value) \
    bad = good;               \
    bad.field = value;        \
    CHECK_ERR(bl_dns_open(&bad, &dns), BL_EINVAL)
    REFUSES(size, 0);
    REFUSES(tries, -1);
    REFUSES(tries, 101);
    REFUSES(timeout, -1);
    REFUSES(timeout, SEC(3601));
    REFUSES(dots_min, -1);
    REFUSES(dots_min, 16);
    REFUSES(servers, NULL);
    REFUSES(servers, &none);
    REFUSES(server_count, 33);
    REFUSES(domain_count, 1);
    bad = good;
    bad.domains = domains;
    bad.domain_count = 1;
    CHECK_ERR(bl_dns_open(&bad, &dns), BL_EINVAL);
    CHECK(dns == NULL);
}

TEST(a_hosts_file_that_cannot_be_read_is_an_error, (server)) {
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    options.hosts_path = "/"; /* a folder */
    CHECK_ERR(bl_dns_open(&options, &dns), -EISDIR);
    options.hosts_path = "/no/such/file";
    CHECK_OK(bl_dns_open(&options, &dns));
    bl_dns_close(dns);
}

TEST(servers_come_from_the_configuration, (server)) {
    (void)server;
    bl_dns *dns = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s/resolv.conf", t_folder());
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fprintf(file, "nameserver 127.0.0.1:1\nsearch test\noptions ndots:2\n");
    fclose(file);
    bl_dns_options options = {
        .size = sizeof options,
        .config_path = path,
        .hosts_path = "/dev/null",
        .servers = &server->address,
        .server_count = 1,
    };
    bl_addr address;
    REQUIRE_OK(bl_dns_open(&options, &dns));
    CHECK_EQ(bl_dns_look_up(dns, "one", AF_INET, 80, &address, 1), 1);
    CHECK_STR(server->last, "one.test");
    CHECK_EQ(server->asked, 1);
    /* With two dots wanted, one dot is below the domain first. */
    CHECK_ERR(bl_dns_look_up(dns, "a.b", AF_INET, 80, &address, 1),
              BL_EDNS_NONAME);
    CHECK_STR(server->last, "a.b");
    bl_dns_close(dns);
}

TEST(without_memory_or_descriptors_nothing_is_opened, (server)) {
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    famine_begin(0);
    int rc = bl_dns_open(&options, &dns);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    limit_descriptors(0);
    rc = bl_dns_open(&options, &dns);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK(dns == NULL);
}

TEST(without_a_thread_nothing_is_opened, (server)) {
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    refuse_call(SYS_clone3, EAGAIN);
    CHECK_ERR(bl_dns_open(&options, &dns), BL_EAGAIN);
    CHECK(dns == NULL);
}

TEST(without_memory_or_descriptors_nothing_is_asked, (server)) {
    bl_dns *dns = dns_for(server);
    bl_dns_record *records;
    bl_addr address;
    famine_begin(0);
    int rc = bl_dns_look_up(dns, "one.test", AF_INET, 80, &address, 1);
    int records_rc = bl_dns_query(dns, "mail.test", BL_DNS_MX, &records);
    famine_end();
    CHECK_ERR(rc, BL_ENOMEM);
    CHECK_ERR(records_rc, BL_ENOMEM);
    limit_descriptors(0);
    rc = bl_dns_look_up(dns, "one.test", AF_INET, 80, &address, 1);
    records_rc = bl_dns_query(dns, "mail.test", BL_DNS_MX, &records);
    unlimit_descriptors();
    CHECK_ERR(rc, BL_EMFILE);
    CHECK_ERR(records_rc, BL_EMFILE);
    CHECK_EQ(bl_dns_look_up(dns, "one.test", AF_INET, 80, &address, 1), 1);
    bl_dns_close(dns);
}

TEST(while_nobody_asks_nothing_is_watched, (server), .tags = "order") {
    uint64_t before = watches();
    bl_dns *dns = dns_for(server);
    struct asking asking = { .dns = dns, .name = "one.test" };
    CHECK_EQ(watches(), before);
    ask(&asking);
    CHECK_EQ(asking.rc, 1);
    CHECK_EQ(watches(), before);
    bl_dns_close(dns);
}

/* ---- many at once -------------------------------------------------------- */

TEST(a_thousand_at_once, (server), .tags = "large") {
    static struct asking askings[MANY];
    bl_dns *dns = dns_for(server);
    BL_GROUP_SCOPED(group);
    for (int i = 0; i < MANY; i++) {
        askings[i] = (struct asking){ .dns = dns, .name = "one.test" };
        REQUIRE_OK(bl_spawn(&group, ask, &askings[i]));
    }
    CHECK_OK(bl_group_exit(&group, 0));
    for (int i = 0; i < MANY; i++)
        CHECK_EQ(askings[i].rc, 1);
    CHECK_EQ(server->asked, MANY);
    bl_loop_info info;
    bl_loop_get_info(bl_loop_running(), &info);
    CHECK_EQ(info.thread_jobs, 0);
    bl_dns_close(dns);
}

TEST(beyond_the_limit_they_wait_in_line, (server)) {
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    struct asking first = { .name = "hour.test" };
    struct asking second = { .name = "one.test" };
    options.lookups_max = 1;
    REQUIRE_OK(bl_dns_open(&options, &dns));
    first.dns = second.dns = dns;
    bl_scope scope;
    BL_GROUP_SCOPED(group);
    bl_task *task;
    REQUIRE_OK(bl_spawn_task(&group, ask, &first, &task));
    settle();
    REQUIRE_OK(bl_spawn(&group, ask, &second));
    settle();
    CHECK_EQ(server->asked, 1);
    bl_scope_enter_timeout(&scope, 0); /* who is in line can be cancelled */
    bl_addr address;
    int rc = bl_dns_look_up(dns, "one.test", AF_INET, 80, &address, 1);
    CHECK_ERR(bl_scope_exit(&scope, rc), BL_ETIMEDOUT);

    bl_task_cancel(task); /* and who leaves makes room */
    bl_task_unref(task);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(first.rc, BL_ECANCELED);
    CHECK_EQ(second.rc, 1);
    bl_dns_close(dns);
}

/* ---- leaving early ------------------------------------------------------- */

TEST(a_limit_ends_a_look_up_at_once, (server)) {
    bl_dns *dns = dns_for(server);
    bl_addr address;
    bl_dns_record *records;
    uint64_t before = watches();
    CHECK_ERR(bl_wait_for(
                  bl_dns_look_up(dns, "silent.test", AF_INET, 80, &address, 1),
                  SEC(5)),
              BL_ETIMEDOUT);
    CHECK_ERR(bl_wait_for(bl_dns_query(dns, "silent.test", BL_DNS_MX, &records),
                          SEC(5)),
              BL_ETIMEDOUT);
    CHECK_EQ(watches(), before); /* nothing is asked any more */
    bl_dns_close(dns);
}

TEST(in_a_cancelled_scope_nothing_is_asked, (server)) {
    bl_dns *dns = dns_for(server);
    bl_dns *other = NULL;
    bl_dns_record *records;
    bl_addr address;
    bl_scope scope;
    bl_scope_enter(&scope);
    bl_scope_cancel(&scope, NULL);
    CHECK_ERR(bl_dns_look_up(dns, "one.test", AF_INET, 80, &address, 1),
              BL_ECANCELED);
    CHECK_ERR(bl_dns_resolve(dns, "127.0.0.1:80", &address, 1), BL_ECANCELED);
    CHECK_ERR(bl_dns_query(dns, "mail.test", BL_DNS_MX, &records),
              BL_ECANCELED);
    CHECK_ERR(bl_dns_open(NULL, &other), BL_ECANCELED);
    CHECK_OK(bl_scope_exit(&scope, BL_ECANCELED));
    CHECK_EQ(server->asked, 0);
    bl_dns_close(dns);
}

TEST(one_leaves_and_the_others_stay, (server)) {
    bl_dns *dns = dns_for(server);
    struct asking leaver = { .dns = dns, .name = "hour.test" };
    struct asking stayer = { .dns = dns, .name = "hour.test" };
    BL_GROUP_SCOPED(group);
    bl_task *task;
    REQUIRE_OK(bl_spawn_task(&group, ask, &leaver, &task));
    REQUIRE_OK(bl_spawn(&group, ask, &stayer));
    settle();
    CHECK_EQ(server->asked, 2);
    bl_task_cancel(task);
    bl_task_unref(task);
    CHECK_OK(bl_group_exit(&group, 0)); /* the answer comes in an hour */
    CHECK_EQ(leaver.rc, BL_ECANCELED);
    CHECK_EQ(stayer.rc, BL_EDNS_NODATA);
    bl_dns_close(dns);
}

TEST(closing_sends_those_who_wait_away, (server), .tags = "order") {
    bl_dns *dns = NULL;
    bl_dns_options options = server_options(server);
    struct asking asked = { .name = "silent.test" };
    struct asking in_line[2] = { { .name = "one.test" },
                                 { .name = "one.test" } };
    options.lookups_max = 1;
    REQUIRE_OK(bl_dns_open(&options, &dns));
    asked.dns = in_line[0].dns = in_line[1].dns = dns;
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, ask, &asked));
    REQUIRE_OK(bl_spawn(&group, ask, &in_line[0]));
    REQUIRE_OK(bl_spawn(&group, ask, &in_line[1]));
    settle();
    bl_dns_close(dns);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(asked.rc, BL_ECLOSED);
    CHECK_EQ(in_line[0].rc, BL_ECLOSED);
    CHECK_EQ(in_line[1].rc, BL_ECLOSED);
}

static int query(void *arg) {
    struct asking *asking = arg;
    bl_dns_record *records;
    asking->rc = bl_dns_query(asking->dns, asking->name, BL_DNS_MX, &records);
    return 0;
}

TEST(closing_ends_a_query, (server)) {
    bl_dns *dns = dns_for(server);
    struct asking asking = { .dns = dns, .name = "silent.test" };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, query, &asking));
    settle();
    bl_dns_close(dns);
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(asking.rc, BL_ECLOSED);
}

/* Two are answered in one iteration; the first that goes on closes. */
TEST(one_whose_answer_is_there_may_find_it_closed, (server)) {
    bl_dns *dns = dns_for(server);
    struct asking first = { .dns = dns, .name = "one.test", .closes = true };
    struct asking second = { .dns = dns, .name = "one.test" };
    BL_GROUP_SCOPED(group);
    REQUIRE_OK(bl_spawn(&group, ask, &first));
    REQUIRE_OK(bl_spawn(&group, ask, &second));
    CHECK_OK(bl_group_exit(&group, 0));
    CHECK_EQ(first.rc, 1);
    CHECK(second.rc == 1 || second.rc == BL_ECLOSED);
}

/* ---- where it cannot be called ------------------------------------------- */

static void without_a_loop(void *arg) {
    bl_addr address;
    bl_dns_record *records;
    bl_dns *other = NULL;
    CHECK_ERR(bl_dns_look_up(arg, "one.test", AF_INET, 80, &address, 1),
              BL_ENOLOOP);
    CHECK_ERR(bl_dns_query(arg, "one.test", BL_DNS_MX, &records), BL_ENOLOOP);
    CHECK_ERR(bl_dns_open(NULL, &other), BL_ENOLOOP);
}

static int on_another_loop(void *arg) {
    bl_addr address;
    bl_dns_record *records;
    CHECK_ERR(bl_dns_look_up(arg, "one.test", AF_INET, 80, &address, 1),
              BL_ETHREAD);
    CHECK_ERR(bl_dns_query(arg, "one.test", BL_DNS_MX, &records), BL_ETHREAD);
    return 0;
}

static void in_a_callback(void *arg) {
    bl_addr address;
    bl_dns_record *records;
    bl_dns *other = NULL;
    CHECK_ERR(bl_dns_look_up(arg, "one.test", AF_INET, 80, &address, 1),
              BL_ENOTASK);
    CHECK_ERR(bl_dns_query(arg, "one.test", BL_DNS_MX, &records), BL_ENOTASK);
    CHECK_ERR(bl_dns_open(NULL, &other), BL_ENOTASK);
}

TEST(only_tasks_of_its_loop_can_ask, (server)) {
    bl_dns *dns = dns_for(server);
    bl_call call = { ._fn = NULL };
    on_thread(without_a_loop, dns);
    CHECK_OK(run_elsewhere(on_another_loop, dns, NULL));
    bl_call_soon(bl_loop_running(), &call, in_a_callback, dns);
    settle();
    CHECK_EQ(server->asked, 0);
    bl_dns_close(dns);
}
