/* SPDX-License-Identifier: MIT */
/*
 * dns/ask.c - asking questions and waiting for the answers
 *
 * A look-up takes one of lookups_max places, or waits in line for one, hands
 * its questions to c-ares, and parks.  When the last answer has come, or the
 * look-up is cancelled, the place goes to the first in line.
 *
 * c-ares can give up all questions or none.  A look-up that is cancelled
 * leaves its questions behind; if no question is left that somebody waits for,
 * all are given up, and nothing is sent any more.
 *
 * Invariants:
 *   question->wait != NULL <-> its look-up is parked, or about to;
 *   dns->wanted counts the questions with a wait.
 */
#include <belay/error.h>

#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"
#include "dns/dns.h"

enum {
    ASK_HEADER_BYTES = 12,
    ASK_CLASS_IN = 1
};

/* ---- places -------------------------------------------------------------- */

static void ask_place_leave(bl_dns *dns) {
    bl_waiter *first = bl_waitq_first(&dns->line);
    if (first == NULL) {
        dns->free++;
    } else {
        bl_waitq_serve(first, 0); /* it has the place from now on */
    }
}

static int ask_place_enter(bl_dns *dns) {
    bl_waiter waiter;
    if (dns->free > 0) {
        dns->free--;
        return 0;
    }
    int rc = bl_waitq_wait(&dns->line, &waiter, "look-up in line", dns);
    if (rc < 0) return rc;
    return dns->is_closed ? BL_ECLOSED : 0;
}

/* ---- answers ------------------------------------------------------------- */

static void ask_question_free(struct bl__dns_question *question) {
    if (question == NULL) return;
    bl__free(question->answer);
    bl__free(question);
}

/* Called by c-ares, once for each question. */
static void ask_on_answer(void *arg, int status, int timeouts,
                          unsigned char *answer, int bytes) {
    struct bl__dns_question *question = arg;
    struct bl__dns_wait *wait = question->wait;
    bl_dns *dns = question->dns;
    (void)timeouts;

    bl__list_remove(&question->link);
    if (bl__list_is_empty(&dns->questions)) bl__dns_timer_stop(dns);
    if (wait == NULL) {
        ask_question_free(question);
        return;
    }

    question->status = status;
    if (status == ARES_SUCCESS) {
        question->answer = bl__alloc((size_t)bytes);
        if (question->answer == NULL) {
            question->status = ARES_ENOMEM;
        } else {
            memcpy(question->answer, answer, (size_t)bytes);
            question->answer_bytes = bytes;
        }
    }
    question->wait = NULL;
    dns->wanted--;
    wait->pending--;
    if (wait->pending > 0) return;
    ask_place_leave(dns);
    bl_park_wake(&wait->park, 0);
}

void bl__dns_note_datagram(bl_dns *dns, const unsigned char *packet,
                           size_t bytes) {
    char *name;
    long length;
    if (bytes < ASK_HEADER_BYTES) return;
    int rcode = packet[3] & 0xf;
    if (rcode == 0 || rcode == 3) return; /* no error, no such name */
    const unsigned char *at = packet + ASK_HEADER_BYTES;
    if (ares_expand_name(at, packet, (int)bytes, &name, &length) != 0) return;

    at += length;
    if (at + 2 <= packet + bytes) {
        int type = at[0] << 8 | at[1];
        bl__list_each(link, &dns->questions) {
            struct bl__dns_question *question =
                bl__container_of(link, struct bl__dns_question, link);
            if (question->type != type) continue;
            size_t count = strlen(name);
            if (strncasecmp(question->name, name, count) != 0) continue;
            const char *rest = question->name + count;
            bool is_same = rest[0] == '\0' || strcmp(rest, ".") == 0;
            if (is_same) question->rcode = rcode;
        }
    }
    ares_free_string(name);
}

/* ---- waiting ------------------------------------------------------------- */

static bl_abort ask_on_abort(bl_park *park) {
    struct bl__dns_wait *wait =
        bl__container_of(park, struct bl__dns_wait, park);
    bl_dns *dns = wait->dns;
    for (uint32_t i = 0; i < wait->count; i++) {
        struct bl__dns_question *question = wait->questions[i];
        if (question->wait == NULL) { /* answered before */
            ask_question_free(question);
            continue;
        }
        question->wait = NULL;
        dns->wanted--;
    }
    ask_place_leave(dns);
    if (dns->wanted == 0) ares_cancel(dns->channel);
    return BL_ABORTED;
}

/* Hands a question to c-ares, which may answer before this returns. */
static int ask_start(bl_dns *dns, struct bl__dns_question *question) {
    int rc = bl__dns_timer_start(dns);
    if (rc < 0) return rc;
    bl__list_append(&dns->questions, &question->link);
    ares_query(dns->channel, question->name, ASK_CLASS_IN, question->type,
               ask_on_answer, question);
    return 0;
}

static struct bl__dns_question *ask_question_new(struct bl__dns_wait *wait,
                                                 const char *name, int type) {
    struct bl__dns_question *question = bl__dns_new(sizeof *question);
    if (question == NULL) return NULL;
    size_t length = strlen(name);
    BL__ASSERT(length < sizeof question->name);
    memcpy(question->name, name, length + 1);
    question->dns = wait->dns;
    question->wait = wait;
    question->type = type;
    return question;
}

static int ask_prepare(struct bl__dns_wait *wait, const char *name,
                       const int *types, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        wait->questions[i] = ask_question_new(wait, name, types[i]);
        if (wait->questions[i] == NULL) {
            bl__dns_wait_done(wait);
            return BL_ENOMEM;
        }
        wait->count++;
    }
    return 0;
}

/* Counts a question that could not be handed over as answered. */
static void ask_give_up(struct bl__dns_question *question, int code) {
    question->error = code;
    ask_on_answer(question, ARES_ENOMEM, 0, NULL, 0);
}

int bl__dns_ask(bl_dns *dns, const char *name, const int *types, uint32_t count,
                struct bl__dns_wait *wait) {
    *wait = (struct bl__dns_wait){ .dns = dns };
    if (dns->is_closed) return BL_ECLOSED;
    int rc = ask_place_enter(dns);
    if (rc < 0) return rc;
    rc = ask_prepare(wait, name, types, count);
    if (rc < 0) {
        ask_place_leave(dns);
        return rc;
    }

    bl_park_init(&wait->park, "name servers", dns, ask_on_abort);
    wait->pending = count;
    dns->wanted += count;
    for (uint32_t i = 0; i < count; i++) {
        rc = ask_start(dns, wait->questions[i]);
        if (rc < 0) ask_give_up(wait->questions[i], rc);
    }
    rc = bl_park_wait(&wait->park);
    if (rc < 0) return rc; /* the questions are left behind */

    BL__ASSERT(wait->pending == 0);
    return 0;
}

void bl__dns_wait_done(struct bl__dns_wait *wait) {
    for (uint32_t i = 0; i < wait->count; i++) {
        ask_question_free(wait->questions[i]);
    }
    wait->count = 0;
}

/* ---- what it means ------------------------------------------------------- */

int bl__dns_code(const struct bl__dns_question *question, int status) {
    int socket_error = question->dns->socket_error;
    if (question->error < 0) return question->error;
    switch (status) {
    case ARES_SUCCESS: return 0;
    case ARES_ENODATA: return BL_EDNS_NODATA;
    case ARES_ENOTFOUND: return BL_EDNS_NONAME;
    case ARES_ETIMEOUT: return BL_EDNS_TIMEOUT;
    case ARES_EREFUSED: return BL_EDNS_REFUSED;
    case ARES_ESERVFAIL:
    case ARES_ENOTIMP:
    case ARES_EFORMERR: return BL_EDNS_SERVER;
    case ARES_ENOMEM: return BL_ENOMEM;
    case ARES_EDESTRUCTION: return BL_ECLOSED;
    case ARES_ECONNREFUSED: /* no server is left to ask, whatever the reason */
        if (question->rcode == 5) return BL_EDNS_REFUSED;
        if (question->rcode != 0) return BL_EDNS_SERVER;
        if (socket_error == BL_ENOMEM) return BL_ENOMEM;
        if (socket_error == BL_EMFILE) return BL_EMFILE;
        return BL_EDNS_SERVER;
    /* A bad name is one in the answer: ours has been looked at. */
    default: return BL_EDNS_MALFORMED;
    }
}

int bl__dns_error(int code, const char *name) {
    if (code > BL_EDNS_NONAME || code < BL_EDNS_MALFORMED) return code;
    return BL_ERR(code, "%s: %s", name, bl_strerror(code));
}

static bool ask_byte_is_valid(char byte) {
    return byte > ' ' && byte < 0x7f && byte != '\\';
}

bool bl__dns_name_is_valid(const char *name) {
    size_t length = strnlen(name, BL__DNS_NAME_MAX + 2);
    if (length > 0 && name[length - 1] == '.') length--;
    if (length == 0 || length > BL__DNS_NAME_MAX) return false;

    size_t label = 0;
    for (size_t i = 0; i < length; i++) {
        if (!ask_byte_is_valid(name[i])) return false;
        label = name[i] == '.' ? 0 : label + 1;
        if (label > BL__DNS_LABEL_MAX) return false;
        if (name[i] == '.' && (i == 0 || name[i - 1] == '.')) return false;
    }
    return label > 0;
}
