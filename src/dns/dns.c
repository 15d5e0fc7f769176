/* SPDX-License-Identifier: MIT */
/*
 * dns/dns.c - an ares_channel that a loop drives
 *
 * c-ares opens and closes its sockets through functions of ours, so that each
 * is watched from its first moment to its last; what it wants to know of a
 * socket, it says by dns_on_state.  Its time-outs are told by a descriptor of
 * the real clock, since c-ares reads that clock: a virtual one would jump to a
 * time-out that c-ares does not see.
 *
 * c-ares is entered by the calls of tasks and by watches, and never from
 * inside itself: its callbacks ready tasks and run none.
 *
 * Invariants:
 *   the timer is watched <-> questions is not empty;
 *   is_closed -> channel, timer_fd and sockets are gone.
 */
#include "dns/dns.h"

#include <belay/error.h>
#include <belay/thread.h>

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/list.h"

enum {
    DNS_TRIES = 3,
    DNS_TRIES_MAX = 100,
    DNS_DOTS_MAX = 15, /* as many as resolv.conf(5) allows */
    DNS_SERVERS_MAX = 32,
    DNS_DOMAINS_MAX = 32,
    DNS_LOOKUPS = 100, /* so that their datagrams fit a socket's buffer */
    DNS_PORT = 53
};

#define DNS_TIMEOUT     BL_SEC(2)
#define DNS_TIMEOUT_MAX BL_SEC(3600)

/* A socket that c-ares has open. */
struct dns_socket {
    bl_link link;
    bl_watch watch;
    bl_dns *dns;
    int fd;
};

/* ---- time ---------------------------------------------------------------- */

static void dns_timer_set(bl_dns *dns, bl_ns due) {
    struct itimerspec when = {
        .it_value = { .tv_sec = due / BL_SEC(1), .tv_nsec = due % BL_SEC(1) },
    };
    int rc = timerfd_settime(dns->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    BL__ASSERT(rc == 0);
    dns->timer_due = due;
}

static void dns_on_time(void *context, unsigned events) {
    bl_dns *dns = context;
    uint64_t count;
    (void)events;
    if (read(dns->timer_fd, &count, sizeof count) < 0) return;

    dns->timer_due = BL_FOREVER;
    ares_process_fd(dns->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    struct timeval rest;
    if (ares_timeout(dns->channel, NULL, &rest) == NULL) return;
    /* c-ares counts in microseconds and must not find that it is too early. */
    bl_ns wait = BL_SEC(rest.tv_sec) + BL_US(rest.tv_usec) + BL_MS(1);
    dns_timer_set(dns, bl_now_real() + wait);
}

/* Later tries take longer than the first, so no question is due earlier. */
int bl__dns_timer_start(bl_dns *dns) {
    bl_ns due = bl_now_real() + dns->timeout + BL_MS(1);
    if (bl__list_is_empty(&dns->questions)) {
        int rc = bl_watch_start(dns->loop, &dns->timer, BL_READABLE);
        if (rc < 0) return rc;
    }
    if (due < dns->timer_due) dns_timer_set(dns, due);
    return 0;
}

void bl__dns_timer_stop(bl_dns *dns) {
    BL__ASSERT(bl__list_is_empty(&dns->questions));
    bl_watch_stop(&dns->timer);
}

/* ---- sockets ------------------------------------------------------------- */

static struct dns_socket *dns_socket_of(bl_dns *dns, int fd) {
    bl__list_each(link, &dns->sockets) {
        struct dns_socket *sock =
            bl__container_of(link, struct dns_socket, link);
        if (sock->fd == fd) return sock;
    }
    return NULL;
}

/* Afterwards the socket may be closed. */
static void dns_on_ready(void *context, unsigned events) {
    struct dns_socket *sock = context;
    int fd = sock->fd;
    ares_process_fd(sock->dns->channel,
                    events & BL_READABLE ? fd : ARES_SOCKET_BAD,
                    events & BL_WRITABLE ? fd : ARES_SOCKET_BAD);
}

/* Called by c-ares: what it waits for; nothing, if it is about to close. */
static void dns_on_state(void *context, ares_socket_t fd, int is_readable,
                         int is_writable) {
    bl_dns *dns = context;
    struct dns_socket *sock = dns_socket_of(dns, fd);
    unsigned events = (is_readable ? (unsigned)BL_READABLE : 0u) |
                      (is_writable ? (unsigned)BL_WRITABLE : 0u);
    BL__ASSERT(sock != NULL);
    if (events == 0) {
        bl_watch_stop(&sock->watch);
        return;
    }
    /* If that fails the question runs into its time-out. */
    BL_IGNORE(bl_watch_start(dns->loop, &sock->watch, events));
}

static int dns_socket_fail(bl_dns *dns, int code) {
    dns->socket_error = code;
    errno = -code;
    return -1;
}

static ares_socket_t dns_socket_open(int family, int type, int protocol,
                                     void *context) {
    bl_dns *dns = context;
    struct dns_socket *sock = bl__dns_new(sizeof *sock);
    if (sock == NULL) return dns_socket_fail(dns, BL_ENOMEM);

    int rc;
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    sock->dns = dns;
    sock->fd = socket(family, type | flags, protocol);
    if (sock->fd < 0) {
        rc = -errno;
        goto free_socket;
    }
    if (type == SOCK_STREAM) {
        int on = 1;
        /* A socket that delays small segments works as well. */
        BL_IGNORE(
            setsockopt(sock->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0);
    }
    bl_watch_init(&sock->watch, sock->fd, dns_on_ready, sock);
    rc = bl_watch_start(dns->loop, &sock->watch, BL_READABLE);
    if (rc < 0) goto close_socket;

    bl__list_append(&dns->sockets, &sock->link);
    dns->socket_error = 0;
    return sock->fd;

close_socket:
    close(sock->fd);
free_socket:
    bl__free(sock);
    return dns_socket_fail(dns, rc);
}

static int dns_socket_close(ares_socket_t fd, void *context) {
    struct dns_socket *sock = dns_socket_of(context, fd);
    BL__ASSERT(sock != NULL);
    bl__list_remove(&sock->link);
    bl_watch_close(&sock->watch);
    bl__free(sock);
    return 0;
}

static int dns_socket_connect(ares_socket_t fd, const struct sockaddr *address,
                              ares_socklen_t length, void *context) {
    (void)context;
    return connect(fd, address, length);
}

static ares_ssize_t dns_socket_receive(ares_socket_t fd, void *buffer,
                                       size_t bytes, int flags,
                                       struct sockaddr *address,
                                       ares_socklen_t *length, void *context) {
    ssize_t count = recvfrom(fd, buffer, bytes, flags, address, length);
    /* c-ares asks for the sender of datagrams only. */
    if (count > 0 && address != NULL) {
        bl__dns_note_datagram(context, buffer, (size_t)count);
    }
    return count;
}

static ares_ssize_t dns_socket_send(ares_socket_t fd, const struct iovec *parts,
                                    int count, void *context) {
    (void)context;
    struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)parts, /* read only */
        .msg_iovlen = (size_t)count,
    };
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static const struct ares_socket_functions dns_socket_functions = {
    .asocket = dns_socket_open,
    .aclose = dns_socket_close,
    .aconnect = dns_socket_connect,
    .arecvfrom = dns_socket_receive,
    .asendv = dns_socket_send,
};

/* ---- opening ------------------------------------------------------------- */

static void dns_library_init(void) {
    int status =
        ares_library_init_mem(ARES_LIB_INIT_ALL, bl_alloc, bl_free, bl_realloc);
    BL__ASSERT(status == ARES_SUCCESS);
}

static bool dns_options_are_valid(const bl_dns_options *options) {
    if (options->size == 0) return false;
    if (options->server_count > DNS_SERVERS_MAX) return false;
    if (options->server_count > 0 && options->servers == NULL) return false;
    if (options->domain_count > DNS_DOMAINS_MAX) return false;
    if (options->domain_count > 0 && options->domains == NULL) return false;
    if (options->dots_min < 0 || options->dots_min > DNS_DOTS_MAX) return false;
    if (options->tries < 0 || options->tries > DNS_TRIES_MAX) return false;
    if (options->timeout < 0) return false;
    if (options->timeout > DNS_TIMEOUT_MAX) return false;
    for (size_t i = 0; i < options->server_count; i++) {
        int family = options->servers[i].storage.ss_family;
        if (options->servers[i].length == 0) return false;
        if (family != AF_INET && family != AF_INET6) return false;
    }
    for (size_t i = 0; i < options->domain_count; i++) {
        if (options->domains[i] == NULL) return false;
        if (!bl__dns_name_is_valid(options->domains[i])) return false;
    }
    return true;
}

/* What c-ares wants to read: addresses separated by commas. */
static int dns_set_servers(bl_dns *dns, const bl_dns_options *options) {
    char text[DNS_SERVERS_MAX * (BL_ADDR_TEXT_BYTES + 1)];
    size_t length = 0;
    for (size_t i = 0; i < options->server_count; i++) {
        bl_addr address = options->servers[i];
        if (bl_addr_port(&address) == 0) {
            bl__dns_set_port(&address, DNS_PORT);
        }
        if (i > 0) text[length++] = ',';
        length += bl_addr_format(&address, text + length, sizeof text - length);
    }
    int status = ares_set_servers_ports_csv(dns->channel, text);
    if (status == ARES_ENOMEM) return BL_ENOMEM;
    return status == ARES_SUCCESS ? 0 : BL_EINVAL;
}

/* Copies the domains into one block: pointers, and behind them the names. */
static int dns_copy_domains(bl_dns *dns, const bl_dns_options *options) {
    size_t count = options->domain_count;
    size_t bytes = count * sizeof dns->domains[0];
    if (count == 0) return 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(options->domains[i]) + 1;
    dns->domains = bl__alloc(bytes);
    if (dns->domains == NULL) return BL_ENOMEM;

    char *text = (char *)(dns->domains + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(options->domains[i]) + 1;
        dns->domains[i] = memcpy(text, options->domains[i], length);
        text += length;
    }
    dns->domain_count = (int)count;
    return 0;
}

static int dns_open_channel(bl_dns *dns, const bl_dns_options *options) {
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
               ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
    char lookups[] = "b"; /* the hosts file is ours */
    int tries = options->tries;
    struct ares_options config = {
        .flags = ARES_FLAG_NOALIASES | ARES_FLAG_NOSEARCH,
        .timeout = (int)((dns->timeout + BL_MS(1) - 1) / BL_MS(1)),
        .tries = tries == 0 ? DNS_TRIES : tries,
        .ndots = options->dots_min,
        .lookups = lookups,
        .sock_state_cb = dns_on_state,
        .sock_state_cb_data = dns,
        .resolvconf_path = (char *)(uintptr_t)options->config_path,
    };
    if (options->dots_min > 0) mask |= ARES_OPT_NDOTS;
    bool has_domains = options->domain_count > 0 || options->has_no_domains;
    if (has_domains) mask |= ARES_OPT_DOMAINS; /* none: they are ours */
    if (options->config_path != NULL) mask |= ARES_OPT_RESOLVCONF;

    int status = ares_init_options(&dns->channel, &config, mask);
    if (status != ARES_SUCCESS) {
        dns->channel = NULL;
        return status == ARES_ENOMEM ? BL_ENOMEM : BL_EIO;
    }
    ares_set_socket_functions(dns->channel, &dns_socket_functions, dns);
    if (ares_save_options(dns->channel, &dns->config, &mask) != ARES_SUCCESS) {
        return BL_ENOMEM;
    }
    if (!has_domains) dns->domain_count = dns->config.ndomains;
    if (options->server_count == 0) return 0;
    return dns_set_servers(dns, options);
}

struct dns_load {
    bl_dns *dns;
    const bl_dns_options *options;
};

/* On a thread: reads files. */
static int dns_load(void *arg) {
    const struct dns_load *load = arg;
    const char *path = load->options->hosts_path;
    int rc = bl__dns_hosts_read(&load->dns->hosts,
                                path == NULL ? "/etc/hosts" : path);
    if (rc < 0) return rc;
    rc = dns_copy_domains(load->dns, load->options);
    if (rc < 0) return rc;
    return dns_open_channel(load->dns, load->options);
}

static void dns_free(bl_dns *dns) {
    BL__ASSERT(dns->channel == NULL);
    BL__ASSERT(bl__list_is_empty(&dns->questions));
    BL__ASSERT(bl__list_is_empty(&dns->sockets));
    bl__dns_hosts_done(&dns->hosts);
    ares_destroy_options(&dns->config);
    bl__free(dns->domains);
    bl__free(dns);
}

int bl_dns_open(const bl_dns_options *options, bl_dns **dns) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const bl_dns_options defaults = { .size = sizeof defaults };
    if (options == NULL) options = &defaults;
    if (dns == NULL) return BL_EINVAL;
    if (!dns_options_are_valid(options)) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    pthread_once(&once, dns_library_init);

    bl_dns *made = bl__dns_new(sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    made->loop = bl_loop_running();
    made->timeout = options->timeout == 0 ? DNS_TIMEOUT : options->timeout;
    made->free = options->lookups_max == 0 ? DNS_LOOKUPS : options->lookups_max;
    made->users = 1; /* the owner */
    made->timer_due = BL_FOREVER;
    bl__list_init(&made->sockets);
    bl__list_init(&made->questions);
    bl_waitq_init(&made->line);

    made->timer_fd =
        timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (made->timer_fd < 0) {
        rc = -errno;
        dns_free(made);
        return rc;
    }
    bl_watch_init(&made->timer, made->timer_fd, dns_on_time, made);

    struct dns_load load = { .dns = made, .options = options };
    rc = bl_to_thread(dns_load, &load);
    if (rc < 0) {
        bl_dns_close(made);
        return rc;
    }
    *dns = made;
    return 0;
}

/* ---- closing ------------------------------------------------------------- */

void bl_dns_close(bl_dns *dns) {
    if (dns == NULL) return;
    BL__ASSERT(!dns->is_closed);
    dns->is_closed = true;
    if (dns->channel != NULL) ares_destroy(dns->channel);
    dns->channel = NULL;
    bl_watch_close(&dns->timer);
    bl_waitq_serve_all(&dns->line, BL_ECLOSED);
    bl__dns_leave(dns);
}

int bl__dns_enter(bl_dns *dns) {
    int rc = bl_loop_running() == NULL ? BL_ENOLOOP : 0;
    if (rc == 0 && dns->loop != bl_loop_running()) rc = BL_ETHREAD;
    if (rc < 0) return rc;

    dns->users++;
    rc = bl_checkpoint();
    if (rc == 0 && dns->is_closed) rc = BL_ECLOSED;
    if (rc < 0) bl__dns_leave(dns);
    return rc;
}

void bl__dns_leave(bl_dns *dns) {
    BL__ASSERT(dns->users > 0);
    dns->users--;
    if (dns->users > 0) return;
    BL__ASSERT(dns->is_closed);
    dns_free(dns);
}
