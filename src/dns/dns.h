/* SPDX-License-Identifier: MIT */
/*
 * dns/dns.h - what the files of belay-dns share
 *
 * A *question* is one name and one type, asked of c-ares.  A *look-up* is a
 * call of the user's that waits for one or two questions on its stack.
 */
#ifndef BL__DNS_DNS_H
#define BL__DNS_DNS_H

#include <ares.h>
#include <belay/dns.h>
#include <belay/loop.h>
#include <belay/park.h>
#include <string.h>

enum {
    BL__DNS_NAME_MAX = 253, /* bytes of a name, without a dot at the end */
    BL__DNS_LABEL_MAX = 63
};

/* Allocates zeroed memory; the core's own way is not in its shared library. */
static inline void *bl__dns_new(size_t bytes) {
    void *memory = bl_alloc(bytes);
    return memory == NULL ? NULL : memset(memory, 0, bytes);
}

/* One line of the hosts file for each name that stands on it. */
struct bl__dns_host {
    const char *name;
    bl_addr address;
    uint32_t order; /* in the file */
};

/* The hosts file, sorted by name and order. */
struct bl__dns_hosts {
    char *text; /* with the names */
    struct bl__dns_host *items;
    size_t count;
};

struct bl_dns {
    bl_loop *loop;
    ares_channel channel;
    struct bl__dns_hosts hosts;
    struct ares_options config; /* what c-ares read: domains, ndots */
    char **domains;             /* of the options, in one block, or NULL */
    int domain_count;           /* of them, or of config */
    bl_ns timeout;              /* of a question's first try */

    bl_link sockets;  /* struct dns_socket */
    int socket_error; /* why the last one could not be opened, or 0 */
    bl_watch timer;   /* of timer_fd, started while there are questions */
    int timer_fd;     /* of the real clock, which c-ares lives by */
    bl_ns timer_due;  /* BL_FOREVER while not armed */

    bl_link questions; /* that c-ares has, also those left behind */
    size_t wanted;     /* of them, those that somebody waits for */
    bl_waitq line;     /* look-ups beyond lookups_max */
    uint32_t free;     /* look-ups that may begin */
    uint32_t users;    /* calls that are under way */
    bool is_closed;
};

/* A type that only we ask for; the others are in enum bl_dns_type. */
enum {
    BL__DNS_A = 1,
    BL__DNS_AAAA = 28
};

struct bl__dns_wait;

/*
 * On the heap: c-ares cannot give a single question back, so one whose caller
 * has left stays until c-ares is done with it.
 */
struct bl__dns_question {
    bl_link link;
    bl_dns *dns;
    struct bl__dns_wait *wait; /* NULL: nobody waits */
    int type;
    int status; /* ARES_... */
    int error;  /* why it was not asked at all, or 0 */
    int rcode;  /* with which a server declined, or 0 */
    unsigned char *answer;
    int answer_bytes;
    char name[BL__DNS_NAME_MAX + 2];
};

/* A look-up that waits, on its task's stack. */
struct bl__dns_wait {
    bl_park park;
    bl_dns *dns;
    struct bl__dns_question *questions[2];
    uint32_t count;
    uint32_t pending;
};

/*
 * Checks the caller and enters a call; the one that succeeded is left by
 * bl__dns_leave.
 */
int bl__dns_enter(bl_dns *dns);
void bl__dns_leave(bl_dns *dns);

/* Watches the time, as long as there are questions. */
int bl__dns_timer_start(bl_dns *dns);
void bl__dns_timer_stop(bl_dns *dns);

/* Notes whether a server declined the question in a datagram. */
void bl__dns_note_datagram(bl_dns *dns, const unsigned char *packet,
                           size_t bytes);

/*
 * Asks for `name` with each of the `count` types and waits for all answers.
 *
 * Returns 0, and `wait` has the questions, for bl__dns_wait_done; or a code,
 * and there is nothing to be done.
 */
int bl__dns_ask(bl_dns *dns, const char *name, const int *types, uint32_t count,
                struct bl__dns_wait *wait);
void bl__dns_wait_done(struct bl__dns_wait *wait);

/* What the status of a question, or of reading its answer, means. */
int bl__dns_code(const struct bl__dns_question *question, int status);

/* Makes `code` the current error, with a text about `name`. */
int bl__dns_error(int code, const char *name);

void bl__dns_set_port(bl_addr *address, uint16_t port);

/* Whether a name can be asked for. */
bool bl__dns_name_is_valid(const char *name);

/* The hosts file: reading it (it blocks), looking it up, giving it back. */
int bl__dns_hosts_read(struct bl__dns_hosts *hosts, const char *path);
void bl__dns_hosts_done(struct bl__dns_hosts *hosts);
const struct bl__dns_host *bl__dns_hosts_find(const struct bl__dns_hosts *hosts,
                                              const char *name);
const struct bl__dns_host *bl__dns_hosts_find_address(
    const struct bl__dns_hosts *hosts, const bl_addr *address);

#endif
