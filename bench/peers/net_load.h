/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/net_load.h - what a server costs per request, measured from
 * outside
 *
 * A contender is a server that is run as a process of its own on one CPU.  The
 * client, the same for all of them, runs on another and polls without ever
 * blocking, so that the server is what is measured.  The result is the CPU time
 * of the server's process per request (the kernel's part included), or the
 * number of requests per second, or the median time between a request and its
 * answer.
 *
 *     net.echo_<bytes>_c<connections>_d<depth>        ns_cpu_per_request
 *     net.echo_<bytes>_c<connections>_d<depth>_rate   requests_per_s
 *     net.echo_64_c1_d1_p50                           us
 *     net.accept                                      ns_cpu_per_connection
 *     net.udp_64                                      ns_cpu_per_packet
 *     net.workers2_<bytes>_c<connections>             ns_cpu_per_request
 *     net.http_c<connections>_d<depth>                ns_cpu_per_request
 *     net.tls_<bytes>_c<connections>                  ns_cpu_per_request
 *     net.tls_handshake                               ns_cpu_per_handshake
 *
 * The last two are for programs that define NET_WITH_TLS before they include
 * this, and have nothing else; see tls_client.h.  Two workers are for programs
 * that define NET_WITH_WORKERS.
 *
 * *Depth* is how many messages a connection has under way.  A server echoes
 * whatever comes, on a port of 127.0.0.1 that it prints on a line of its own;
 * it is told "tcp", "udp", "tls" or "workers", and is killed at the end.  A
 * server of HTTP is told "http", and answers GET / by 13 bytes; its program
 * calls net_main_http.
 *
 * The command line is that of measure.h.  Included once, by the file that has
 * main.
 */
#ifndef BENCH_PEERS_NET_LOAD_H
#define BENCH_PEERS_NET_LOAD_H

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"

enum {
    NET_CONNECTIONS_MAX = 1000,
    NET_BYTES_MAX = 65536,
    NET_BUFFER_BYTES = 4 * NET_BYTES_MAX, /* that servers read into */
    NET_PAGE_BYTES = 4096,
    NET_EVENTS_MAX = 256,
    NET_ACCEPT_AT_ONCE = 50,
    NET_UDP_DEPTH = 16,
    NET_UDP_BYTES = 64,
    NET_HTTP_BYTES = 13, /* of the body of an answer */
    NET_HTTP_DEPTH_MAX = 16,
    NET_TIMES_MAX = 1000000
};

#define NET_WARM_NS          150e6
#define NET_MEASURE_NS       500e6
#define NET_WARM_QUICK_NS    5e6
#define NET_MEASURE_QUICK_NS 20e6
#define NET_PATIENCE_NS      30e9 /* without an answer the server is broken */

/* Serves until it is killed; `mode` is as above.  It returns only if it
 * fails. */
typedef int net_server_fn(const char *mode, void *arg);

enum net_kind {
    NET_ECHO,
    NET_ACCEPT,
    NET_UDP,
    NET_HTTP,
    NET_WORKERS, /* as NET_ECHO; the server has all CPUs but the client's */
    NET_TLS_ECHO,
    NET_TLS_SHAKE
};

enum net_result {
    NET_CPU,
    NET_RATE,
    NET_P50 /* with depth 1 */
};

struct net_metric {
    const char *name;
    enum net_kind kind;
    int bytes; /* of a message; NET_HTTP: what comes, is found out */
    int connections;
    int depth;
    enum net_result result;
};

static const struct net_metric net_metrics[] = {
#ifdef NET_WITH_TLS
    { "net.tls_64_c50", NET_TLS_ECHO, 64, 50, 1, NET_CPU },
    { "net.tls_16384_c50", NET_TLS_ECHO, 16384, 50, 1, NET_CPU },
    { "net.tls_16384_c1_rate", NET_TLS_ECHO, 16384, 1, 4, NET_RATE },
    { "net.tls_handshake", NET_TLS_SHAKE, 1, 20, 1, NET_CPU },
#else
    { "net.echo_64_c1_d1", NET_ECHO, 64, 1, 1, NET_CPU },
    { "net.echo_64_c50_d1", NET_ECHO, 64, 50, 1, NET_CPU },
    { "net.echo_64_c1000_d1", NET_ECHO, 64, 1000, 1, NET_CPU },
    { "net.echo_64_c50_d16", NET_ECHO, 64, 50, 16, NET_CPU },
    { "net.echo_4096_c1_d1", NET_ECHO, 4096, 1, 1, NET_CPU },
    { "net.echo_4096_c50_d1", NET_ECHO, 4096, 50, 1, NET_CPU },
    { "net.echo_4096_c1000_d1", NET_ECHO, 4096, 1000, 1, NET_CPU },
    { "net.echo_4096_c50_d16", NET_ECHO, 4096, 50, 16, NET_CPU },
    { "net.echo_65536_c1_d1", NET_ECHO, 65536, 1, 1, NET_CPU },
    { "net.echo_65536_c50_d1", NET_ECHO, 65536, 50, 1, NET_CPU },
    { "net.echo_65536_c1000_d1", NET_ECHO, 65536, 1000, 1, NET_CPU },
    { "net.echo_65536_c50_d16", NET_ECHO, 65536, 50, 16, NET_CPU },
    { "net.echo_64_c1_d16", NET_ECHO, 64, 1, 16, NET_CPU },
    { "net.echo_64_c1000_d16", NET_ECHO, 64, 1000, 16, NET_CPU },
    { "net.echo_64_c1_d1_rate", NET_ECHO, 64, 1, 1, NET_RATE },
    { "net.echo_64_c50_d1_rate", NET_ECHO, 64, 50, 1, NET_RATE },
    { "net.echo_64_c1_d1_p50", NET_ECHO, 64, 1, 1, NET_P50 },
    { "net.accept", NET_ACCEPT, 1, NET_ACCEPT_AT_ONCE, 1, NET_CPU },
    { "net.udp_64", NET_UDP, NET_UDP_BYTES, 1, NET_UDP_DEPTH, NET_CPU },
    { "net.http_c64_d1", NET_HTTP, 0, 64, 1, NET_CPU },
    { "net.http_c64_d16", NET_HTTP, 0, 64, 16, NET_CPU },
    { "net.http_c1_d1", NET_HTTP, 0, 1, 1, NET_CPU },
#endif
#ifdef NET_WITH_WORKERS
    { "net.workers2_64_c50", NET_WORKERS, 64, 50, 1, NET_CPU },
    { "net.workers2_64_c50_rate", NET_WORKERS, 64, 50, 1, NET_RATE },
#endif
};

#define NET_REQUEST "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"

#define NET_METRIC_COUNT (sizeof net_metrics / sizeof *net_metrics)

/* One connection of the client. */
struct net_peer {
    int fd;
    size_t received; /* of the message under way */
    size_t to_send;  /* owed to the server */
    double asked_ns; /* NET_P50: when the message under way was sent */
    void *tls;
};

struct net_load {
    const struct net_metric *metric;
    pid_t server;
    clockid_t server_clock;
    struct sockaddr_in address;
    int epoll;
    struct net_peer peers[NET_CONNECTIONS_MAX];
    uint64_t done; /* requests answered */
    size_t question_bytes;
    size_t answer_bytes;
    bool speaks_http;    /* the program's metrics are those of NET_HTTP */
    bool is_about_spins; /* ... echoes of 64 bytes, one under way; accept */
    double *times_ns;    /* NET_P50: of messages */
    size_t time_count;
};

static struct net_load net_load;
static char net_bytes[NET_BYTES_MAX];

static inline void net_fail(const char *what) {
    fprintf(stderr, "net: %s: %s\n", what, strerror(errno));
    if (net_load.server > 0) kill(net_load.server, SIGKILL);
    exit(EXIT_FAILURE);
}

static inline bool net_is_tls(void) {
    return net_load.metric->kind >= NET_TLS_ECHO;
}

/* ---- processes --------------------------------------------------------- */

/* Leaves the first CPU that it may use to the client, if there is another. */
static inline void net_unpin(void) {
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) < 0) net_fail("affinity");
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&all) > 2; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        CPU_CLR(cpu, &all);
        break;
    }
    if (sched_setaffinity(0, sizeof all, &all) < 0) net_fail("affinity");
}

/* Holds this process to the first or the last CPU that it may use. */
static inline void net_pin(bool to_last) {
    cpu_set_t all;
    cpu_set_t one;
    int chosen = -1;
    if (sched_getaffinity(0, sizeof all, &all) < 0) net_fail("affinity");
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &all)) continue;
        if (chosen < 0 || to_last) chosen = cpu;
    }
    CPU_ZERO(&one);
    CPU_SET(chosen, &one);
    if (sched_setaffinity(0, sizeof one, &one) < 0) net_fail("affinity");
}

static inline void net_raise_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static inline const char *net_mode(void) {
    switch (net_load.metric->kind) {
    case NET_UDP: return "udp";
    case NET_HTTP: return "http";
    case NET_WORKERS: return "workers";
    case NET_TLS_ECHO:
    case NET_TLS_SHAKE: return "tls";
    default: return "tcp";
    }
}

static inline void net_start_server(net_server_fn *server, void *arg) {
    const char *mode = net_mode();
    int ports[2];
    char line[32] = "";
    if (pipe(ports) < 0) net_fail("pipe");
    fflush(stdout);
    net_load.server = fork();
    if (net_load.server < 0) net_fail("fork");
    if (net_load.server == 0) {
        dup2(ports[1], STDOUT_FILENO);
        close(ports[0]);
        close(ports[1]);
        if (net_load.metric->kind == NET_WORKERS) {
            net_unpin();
        } else {
            net_pin(true);
        }
        _exit(server(mode, arg) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    close(ports[1]);
    size_t used = 0;
    while (used < sizeof line - 1 && strchr(line, '\n') == NULL) {
        ssize_t count = read(ports[0], line + used, 1);
        if (count <= 0) net_fail("the server did not start");
        used += (size_t)count;
    }
    close(ports[0]);
    net_load.address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtol(line, NULL, 10)),
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    if (clock_getcpuclockid(net_load.server, &net_load.server_clock) != 0) {
        net_fail("the server's clock");
    }
    net_pin(false);
}

static inline void net_stop_server(void) {
    kill(net_load.server, SIGKILL);
    waitpid(net_load.server, NULL, 0);
    net_load.server = 0;
}

/* What a server written in C says first. */
static inline void net_say_port(int fd) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("%u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
}

/* Servers written in C, on TCP: a socket that listens, or a failure. */
static inline int net_listen(void) {
    struct sockaddr_in any = {
        .sin_family = AF_INET,
        .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) return -errno;
    return listen(fd, 4096) < 0 ? -errno : fd;
}

/* The next connection; below 0 if there is none. */
static inline int net_accept(int listener) {
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

/* ---- the client -------------------------------------------------------- */

static inline void net_watch(struct net_peer *peer, int operation,
                             uint32_t events) {
    struct epoll_event event = { .events = events, .data = { .ptr = peer } };
    if (epoll_ctl(net_load.epoll, operation, peer->fd, &event) < 0) {
        net_fail("epoll_ctl");
    }
}

static inline void net_send(struct net_peer *peer) {
    while (peer->to_send > 0) {
        size_t bytes = peer->to_send;
        if (bytes > sizeof net_bytes) bytes = sizeof net_bytes;
        ssize_t count =
            send(peer->fd, net_bytes, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) net_fail("send");
        peer->to_send -= (size_t)count;
    }
}

static inline void net_connect(struct net_peer *peer, int type) {
    int on = 1;
    const struct sockaddr *where = (const void *)&net_load.address;
    *peer = (struct net_peer){ .fd = socket(AF_INET, type, 0) };
    if (peer->fd < 0) net_fail("socket");
    if (connect(peer->fd, where, sizeof net_load.address) < 0) {
        net_fail("connect");
    }
    if (type == SOCK_STREAM) {
        setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
}

static inline void net_note_time(struct net_peer *peer) {
    double now = measure_now_ns();
    if (peer->asked_ns > 0 && net_load.time_count < NET_TIMES_MAX) {
        net_load.times_ns[net_load.time_count++] = now - peer->asked_ns;
    }
    peer->asked_ns = now; /* the next one is about to be sent */
}

/* Takes what came; every whole message is answered by a new one.  There is no
 * further report of what is left behind. */
static inline void net_serve_peer(struct net_peer *peer) {
    static char sink[NET_BYTES_MAX];
    size_t size = net_load.answer_bytes;
    ssize_t count;
    do {
        count = recv(peer->fd, sink, sizeof sink, MSG_DONTWAIT);
        if (count == 0) errno = ECONNRESET;
        if (count == 0 || (count < 0 && errno != EAGAIN)) net_fail("recv");
        if (count > 0) peer->received += (size_t)count;
    } while (count == (ssize_t)sizeof sink);
    while (peer->received >= size) {
        peer->received -= size;
        peer->to_send += net_load.question_bytes;
        net_load.done++;
        if (net_load.times_ns != NULL) net_note_time(peer);
    }
    net_send(peer);
}

/* A connection that was answered is reset, which leaves nothing behind, and
 * followed by a new one. */
static inline void net_renew_peer(struct net_peer *peer) {
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    char byte;
    if (recv(peer->fd, &byte, 1, MSG_DONTWAIT) != 1) return;
    net_load.done++;
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(peer->fd);
    net_connect(peer, SOCK_STREAM);
    net_watch(peer, EPOLL_CTL_ADD, EPOLLIN);
    if (send(peer->fd, "x", 1, MSG_NOSIGNAL) != 1) net_fail("send");
}

/* A lost packet is sent again by nobody: on loopback there are none. */
static inline void net_serve_udp(struct net_peer *peer) {
    char bytes[NET_UDP_BYTES];
    while (recv(peer->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
        net_load.done++;
        if (send(peer->fd, bytes, sizeof bytes, 0) < 0) net_fail("send");
    }
}

#ifdef NET_WITH_TLS
#    include "tls_client.h"
#else
static inline void net_tls_begin(struct net_peer *peer) {
    (void)peer;
}
static inline void net_tls_serve(struct net_peer *peer) {
    (void)peer;
}
#endif

static inline void net_turn(void) {
    static double quiet_since;
    struct epoll_event events[NET_EVENTS_MAX];
    uint64_t before = net_load.done;
    int count = epoll_wait(net_load.epoll, events, NET_EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        struct net_peer *peer = events[i].data.ptr;
        switch (net_load.metric->kind) {
        case NET_ECHO:
        case NET_HTTP:
        case NET_WORKERS: net_serve_peer(peer); break;
        case NET_ACCEPT: net_renew_peer(peer); break;
        case NET_UDP: net_serve_udp(peer); break;
        case NET_TLS_ECHO:
        case NET_TLS_SHAKE: net_tls_serve(peer); break;
        }
    }
    if (net_load.done != before || quiet_since == 0) {
        quiet_since = measure_now_ns();
    } else if (measure_now_ns() - quiet_since > NET_PATIENCE_NS) {
        errno = ETIMEDOUT;
        net_fail("the server does not answer");
    }
}

/* Asks once, to see how long an answer is: each has as many bytes. */
static inline void net_learn_http(void) {
    static char answer[4096];
    struct net_peer peer;
    size_t count = 0;
    net_load.question_bytes = sizeof NET_REQUEST - 1;
    for (size_t i = 0; i < NET_HTTP_DEPTH_MAX; i++) {
        memcpy(net_bytes + i * net_load.question_bytes, NET_REQUEST,
               net_load.question_bytes);
    }
    net_connect(&peer, SOCK_STREAM);
    peer.to_send = net_load.question_bytes;
    net_send(&peer);
    const char *body = NULL;
    while (body == NULL || count < (size_t)(body - answer) + NET_HTTP_BYTES) {
        ssize_t got =
            recv(peer.fd, answer + count, sizeof answer - 1 - count, 0);
        if (got <= 0) net_fail("the first answer");
        count += (size_t)got;
        body = strstr(answer, "\r\n\r\n");
        if (body != NULL) body += 4;
    }
    if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0) net_fail("not 200");
    net_load.answer_bytes = count;
    close(peer.fd);
}

static inline void net_learn(void) {
    net_load.question_bytes = (size_t)net_load.metric->bytes;
    net_load.answer_bytes = (size_t)net_load.metric->bytes;
    if (net_load.metric->kind == NET_HTTP) net_learn_http();
}

static inline void net_open_peers(void) {
    const struct net_metric *metric = net_load.metric;
    bool is_udp = metric->kind == NET_UDP;
    net_load.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < metric->connections; i++) {
        struct net_peer *peer = &net_load.peers[i];
        net_connect(peer, is_udp ? SOCK_DGRAM : SOCK_STREAM);
        uint32_t events = EPOLLIN;
        if (metric->kind != NET_ACCEPT && !is_udp) {
            events |= EPOLLOUT | EPOLLET;
        }
        net_watch(peer, EPOLL_CTL_ADD, events);
        for (int j = 0; is_udp && j < metric->depth; j++) {
            if (send(peer->fd, net_bytes, NET_UDP_BYTES, 0) < 0) {
                net_fail("send");
            }
        }
        if (net_is_tls()) net_tls_begin(peer);
        if (is_udp || net_is_tls()) continue;
        peer->to_send = net_load.question_bytes * (size_t)metric->depth;
        net_send(peer);
    }
}

static inline int net_compare_times(const void *a, const void *b) {
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static inline double net_median_us(void) {
    size_t count = net_load.time_count;
    if (count == 0) return 0;
    qsort(net_load.times_ns, count, sizeof(double), net_compare_times);
    return net_load.times_ns[count / 2] / 1000;
}

static inline double net_result_of(double done, double took_ns, double cpu_ns) {
    switch (net_load.metric->result) {
    case NET_RATE: return done / took_ns * 1e9;
    case NET_P50: return net_median_us();
    case NET_CPU: break;
    }
    return cpu_ns / done;
}

/* One repetition, with a server of its own. */
static inline double net_measure(net_server_fn *server, void *arg, bool quick) {
    double warm_ns = quick ? NET_WARM_QUICK_NS : NET_WARM_NS;
    double measure_ns = quick ? NET_MEASURE_QUICK_NS : NET_MEASURE_NS;
    net_start_server(server, arg);
    if (net_load.metric->result == NET_P50) {
        net_load.times_ns = calloc(NET_TIMES_MAX, sizeof(double));
        if (net_load.times_ns == NULL) net_fail("calloc");
    }
    net_learn();
    net_open_peers();
    double start = measure_now_ns();
    /* Everybody has been answered once, and it is warm. */
    uint64_t warm = (uint64_t)net_load.metric->connections;
    while (net_load.done < warm || measure_now_ns() < start + warm_ns)
        net_turn();

    start = measure_now_ns();
    double cpu = measure_clock_ns(net_load.server_clock);
    uint64_t before = net_load.done;
    net_load.time_count = 0;
    while (net_load.done < before + 10 || measure_now_ns() < start + measure_ns)
        net_turn();
    cpu = measure_clock_ns(net_load.server_clock) - cpu;
    double took = measure_now_ns() - start;
    double done = (double)(net_load.done - before);
    net_stop_server();
    return net_result_of(done, took, cpu);
}

/* ---- the command line -------------------------------------------------- */

static inline const char *net_unit(const struct net_metric *metric) {
    if (metric->result == NET_RATE) return "requests_per_s";
    if (metric->result == NET_P50) return "us";
    switch (metric->kind) {
    case NET_ACCEPT: return "ns_cpu_per_connection";
    case NET_UDP: return "ns_cpu_per_packet";
    case NET_TLS_SHAKE: return "ns_cpu_per_handshake";
    default: return "ns_cpu_per_request";
    }
}

/* Each repetition is a process of its own: the server's, and the client's. */
static inline int net_repeat(const char *contender, net_server_fn *server,
                             void *arg, long reps, bool quick) {
    for (long i = 0; i < reps; i++) {
        fflush(stdout);
        pid_t child = fork();
        if (child < 0) net_fail("fork");
        if (child == 0) {
            double value = net_measure(server, arg, quick);
            printf("%s\t%s\t%.*f\t%s\n", net_load.metric->name, contender,
                   value < 1000 ? 2 : 0, value, net_unit(net_load.metric));
            fflush(stdout);
            _exit(EXIT_SUCCESS);
        }
        int status;
        if (waitpid(child, &status, 0) < 0 || status != 0) return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static inline bool net_is_ours(const struct net_metric *metric) {
    bool is_small = metric->kind == NET_ECHO && metric->bytes == 64;
    if (net_load.is_about_spins) {
        return (is_small && metric->depth == 1) || metric->kind == NET_ACCEPT;
    }
    return (metric->kind == NET_HTTP) == net_load.speaks_http;
}

static inline int net_main(int argc, char **argv, const char *contender,
                           net_server_fn *server, void *arg) {
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < NET_METRIC_COUNT; i++)
            if (net_is_ours(&net_metrics[i])) puts(net_metrics[i].name);
        return EXIT_SUCCESS;
    }
    bool quick = argc > 2 && strcmp(argv[argc - 1], "--quick") == 0;
    long reps = argc - quick > 2 ? strtol(argv[2], NULL, 10) : 1;
    net_raise_limit();
    for (size_t i = 0; i < NET_METRIC_COUNT && argc > 1; i++) {
        if (!net_is_ours(&net_metrics[i])) continue;
        if (strcmp(net_metrics[i].name, argv[1]) != 0) continue;
        if (reps < 1 || reps > MEASURE_REPS_MAX) break;
        net_load.metric = &net_metrics[i];
        return net_repeat(contender, server, arg, reps, quick);
    }
    fprintf(stderr, "usage: %s --list | METRIC [REPS] [--quick]\n", argv[0]);
    return 2;
}

/* The same for a server of HTTP. */
static inline int net_main_http(int argc, char **argv, const char *contender,
                                net_server_fn *server, void *arg) {
    net_load.speaks_http = true;
    return net_main(argc, argv, contender, server, arg);
}

#endif
