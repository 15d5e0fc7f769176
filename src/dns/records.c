/* SPDX-License-Identifier: MIT */
/*
 * dns/records.c - SRV, MX, TXT and PTR records
 *
 * c-ares reads an answer into a list of its own.  What is in the list is
 * counted, and then copied into one block: the records, and behind them their
 * texts.
 */
#include <belay/error.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "dns/dns.h"

/* The block that is being filled; before that, what it has to hold. */
struct records {
    bl_dns_record *items; /* NULL while counting */
    size_t count;
    char *text; /* where the next one goes */
    size_t text_bytes;
};

/* ---- the block ----------------------------------------------------------- */

static void records_add(struct records *records, const bl_dns_record *record,
                        bool is_continued) {
    size_t bytes = record->bytes;
    if (!is_continued) records->count++;
    records->text_bytes += bytes + !is_continued; /* and the NUL */
    if (records->items == NULL) return;

    bl_dns_record *item = &records->items[records->count - 1];
    if (is_continued) {
        records->text--; /* over the NUL */
    } else {
        *item = *record;
        item->text = records->text;
        item->bytes = 0;
    }
    memcpy(records->text, record->text, bytes);
    records->text[bytes] = '\0';
    records->text += bytes + 1;
    item->bytes += bytes;
}

/* Makes room for what was counted, and starts again. */
static int records_reserve(struct records *records) {
    size_t head = records->count * sizeof records->items[0];
    records->items = bl__alloc(head + records->text_bytes);
    if (records->items == NULL) return BL_ENOMEM;
    records->text = (char *)records->items + head;
    records->count = 0;
    records->text_bytes = 0;
    return 0;
}

static bool records_is_before(const bl_dns_record *a, const bl_dns_record *b) {
    return a->priority < b->priority;
}

/* By insertion: answers are short, and equal ones keep their order. */
static void records_sort(struct records *records) {
    for (size_t i = 1; i < records->count; i++) {
        bl_dns_record item = records->items[i];
        size_t at = i;
        while (at > 0 && records_is_before(&item, &records->items[at - 1])) {
            records->items[at] = records->items[at - 1];
            at--;
        }
        records->items[at] = item;
    }
}

/* ---- lists of c-ares ----------------------------------------------------- */

typedef void records_walk_fn(struct records *records, const void *list);

static void records_walk_srv(struct records *records, const void *list) {
    const struct ares_srv_reply *srv = list;
    for (; srv != NULL; srv = srv->next) {
        bl_dns_record record = {
            .text = srv->host,
            .bytes = strlen(srv->host),
            .priority = srv->priority,
            .weight = srv->weight,
            .port = srv->port,
        };
        records_add(records, &record, false);
    }
}

static void records_walk_mx(struct records *records, const void *list) {
    const struct ares_mx_reply *mx = list;
    for (; mx != NULL; mx = mx->next) {
        bl_dns_record record = {
            .text = mx->host,
            .bytes = strlen(mx->host),
            .priority = mx->priority,
        };
        records_add(records, &record, false);
    }
}

/* A text comes in pieces of 255 bytes at most. */
static void records_walk_txt(struct records *records, const void *list) {
    const struct ares_txt_ext *txt = list;
    for (; txt != NULL; txt = txt->next) {
        bl_dns_record record = {
            .text = (const char *)txt->txt,
            .bytes = txt->length,
        };
        records_add(records, &record, !txt->record_start);
    }
}

static void records_walk_ptr(struct records *records, const void *list) {
    const struct hostent *host = list;
    for (char **name = host->h_aliases; *name != NULL; name++) {
        bl_dns_record record = { .text = *name, .bytes = strlen(*name) };
        records_add(records, &record, false);
    }
}

static int records_parse(const struct bl__dns_question *question, void **list,
                         records_walk_fn **walk) {
    const unsigned char *answer = question->answer;
    int bytes = question->answer_bytes;
    switch ((bl_dns_type)question->type) {
    case BL_DNS_SRV:
        *walk = records_walk_srv;
        return ares_parse_srv_reply(answer, bytes,
                                    (struct ares_srv_reply **)list);
    case BL_DNS_MX:
        *walk = records_walk_mx;
        return ares_parse_mx_reply(answer, bytes,
                                   (struct ares_mx_reply **)list);
    case BL_DNS_TXT:
        *walk = records_walk_txt;
        return ares_parse_txt_reply_ext(answer, bytes,
                                        (struct ares_txt_ext **)list);
    default:
        *walk = records_walk_ptr;
        return ares_parse_ptr_reply(answer, bytes, NULL, 0, AF_INET,
                                    (struct hostent **)list);
    }
}

static void records_free_list(int type, void *list) {
    if (list == NULL) return;
    if (type == BL_DNS_PTR) {
        ares_free_hostent(list);
    } else {
        ares_free_data(list);
    }
}

static int records_read(const struct bl__dns_question *question,
                        struct records *records) {
    void *list = NULL;
    records_walk_fn *walk = NULL;
    int status = question->status;
    if (status == ARES_SUCCESS) status = records_parse(question, &list, &walk);
    if (status != ARES_SUCCESS) return bl__dns_code(question, status);

    walk(records, list);
    int rc = records->count == 0 ? BL_EDNS_NODATA : records_reserve(records);
    if (rc == 0) {
        walk(records, list);
        records_sort(records);
    }
    records_free_list(question->type, list);
    return rc;
}

/* ---- the calls ----------------------------------------------------------- */

static int records_ask(bl_dns *dns, const char *name, int type,
                       struct records *records) {
    struct bl__dns_wait wait;
    int rc = bl__dns_ask(dns, name, &type, 1, &wait);
    if (rc < 0) return rc;
    rc = records_read(wait.questions[0], records);
    bl__dns_wait_done(&wait);
    return rc;
}

static bool records_type_is_known(bl_dns_type type) {
    switch (type) {
    case BL_DNS_PTR:
    case BL_DNS_MX:
    case BL_DNS_TXT:
    case BL_DNS_SRV: return true;
    default: return false;
    }
}

int bl_dns_query(bl_dns *dns, const char *name, bl_dns_type type,
                 bl_dns_record **records) {
    struct records found = { .count = 0 };
    if (dns == NULL || name == NULL || records == NULL) return BL_EINVAL;
    if (!records_type_is_known(type)) return BL_EINVAL;
    if (!bl__dns_name_is_valid(name)) {
        return BL_ERR(BL_EINVAL, "this cannot be a name");
    }
    int rc = bl__dns_enter(dns);
    if (rc < 0) return rc;

    rc = records_ask(dns, name, (int)type, &found);
    bl__dns_leave(dns);
    if (rc < 0) return bl__dns_error(rc, name);
    *records = found.items;
    return (int)found.count;
}

/* Writes the name under which an address has its PTR records. */
static void records_name_v4(const unsigned char *bytes, char *name) {
    sprintf(name, "%u.%u.%u.%u.in-addr.arpa", bytes[3], bytes[2], bytes[1],
            bytes[0]);
}

static void records_name_v6(const unsigned char *bytes, char *name) {
    for (int i = 15; i >= 0; i--) {
        name += sprintf(name, "%x.%x.", bytes[i] & 0xfu, bytes[i] >> 4);
    }
    strcpy(name, "ip6.arpa");
}

static int records_from_host(const struct bl__dns_host *host,
                             struct records *records) {
    bl_dns_record record = { .text = host->name, .bytes = strlen(host->name) };
    records_add(records, &record, false);
    int rc = records_reserve(records);
    if (rc < 0) return rc;
    records_add(records, &record, false);
    return 0;
}

int bl_dns_names(bl_dns *dns, const bl_addr *address, bl_dns_record **records) {
    struct records found = { .count = 0 };
    char name[80];
    if (dns == NULL || address == NULL || records == NULL) return BL_EINVAL;
    const struct sockaddr_in *v4 = (const void *)&address->storage;
    const struct sockaddr_in6 *v6 = (const void *)&address->storage;
    int family = address->length == 0 ? AF_UNSPEC : v4->sin_family;
    if (family == AF_INET) {
        records_name_v4((const unsigned char *)&v4->sin_addr, name);
    } else if (family == AF_INET6) {
        records_name_v6((const unsigned char *)&v6->sin6_addr, name);
    } else {
        return BL_EINVAL;
    }
    int rc = bl__dns_enter(dns);
    if (rc < 0) return rc;

    const struct bl__dns_host *host =
        bl__dns_hosts_find_address(&dns->hosts, address);
    rc = host != NULL ? records_from_host(host, &found)
                      : records_ask(dns, name, BL_DNS_PTR, &found);
    bl__dns_leave(dns);
    if (rc < 0) return bl__dns_error(rc, name);
    *records = found.items;
    return (int)found.count;
}
