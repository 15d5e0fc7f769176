/* SPDX-License-Identifier: MIT */
/*
 * dns/server.c - a name server of the tests, on loopback, made of tasks
 */
#include "dns/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 12,
    TTL = 60,
    CHAIN_MAX = 8
};

/* ---- messages ------------------------------------------------------------ */

void message_put8(struct message *message, unsigned value) {
    REQUIRE_LT(message->length, sizeof message->bytes);
    message->bytes[message->length++] = (unsigned char)value;
}

void message_put16(struct message *message, unsigned value) {
    message_put8(message, value >> 8);
    message_put8(message, value & 0xff);
}

static void message_put_bytes(struct message *message, const void *bytes,
                              size_t count) {
    REQUIRE_LE(message->length + count, sizeof message->bytes);
    memcpy(message->bytes + message->length, bytes, count);
    message->length += count;
}

void message_put_name(struct message *message, const char *name) {
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        message_put8(message, (unsigned)label);
        message_put_bytes(message, name, label);
        name += label + (name[label] == '.');
    }
    message_put8(message, 0);
}

void message_begin(struct message *message, const struct request *request,
                   int rcode, int answers) {
    message->length = 0;
    message_put_bytes(message, request->question, 2); /* the id */
    message_put16(message, 0x8180u | (unsigned)rcode);
    message_put16(message, 1);
    message_put16(message, (unsigned)answers);
    message_put16(message, 0);
    message_put16(message, 0);
    message_put_name(message, request->name);
    message_put16(message, (unsigned)request->type);
    message_put16(message, 1);
}

static void message_put_head(struct message *message, const char *name,
                             unsigned type) {
    message_put_name(message, name);
    message_put16(message, type);
    message_put16(message, 1);
    message_put16(message, 0);
    message_put16(message, TTL);
}

void message_put_a(struct message *message, const char *address) {
    struct in_addr in;
    REQUIRE_EQ(inet_pton(AF_INET, address, &in), 1);
    message_put8(message, 0xc0);
    message_put8(message, HEADER_BYTES); /* the question's name */
    message_put16(message, ZONE_A);
    message_put16(message, 1);
    message_put16(message, 0);
    message_put16(message, TTL);
    message_put16(message, sizeof in);
    message_put_bytes(message, &in, sizeof in);
}

/* Text in pieces of 255 bytes. */
static void message_put_text(struct message *message, const char *text) {
    size_t length = strlen(text);
    do {
        size_t piece = length > 255 ? 255 : length;
        message_put8(message, (unsigned)piece);
        message_put_bytes(message, text, piece);
        text += piece;
        length -= piece;
    } while (length > 0);
}

/* Numbers and a name, separated by spaces, as SRV and MX have them. */
static void message_put_fields(struct message *message, const char *data) {
    char *end;
    for (;;) {
        unsigned long number = strtoul(data, &end, 10);
        if (*end != ' ' || end == data) break;
        message_put16(message, (unsigned)number);
        data = end + 1;
    }
    message_put_name(message, data);
}

static void message_put_data(struct message *message, const struct zone *item) {
    unsigned char address[16];
    switch (item->type) {
    case ZONE_A:
        REQUIRE_EQ(inet_pton(AF_INET, item->data, address), 1);
        message_put_bytes(message, address, 4);
        break;
    case ZONE_AAAA:
        REQUIRE_EQ(inet_pton(AF_INET6, item->data, address), 1);
        message_put_bytes(message, address, 16);
        break;
    case ZONE_TXT: message_put_text(message, item->data); break;
    default: message_put_fields(message, item->data); break;
    }
}

static void message_put_item(struct message *message, const struct zone *item) {
    message_put_head(message, item->name, item->type);
    size_t at = message->length;
    message_put16(message, 0);
    message_put_data(message, item);
    size_t bytes = message->length - at - 2;
    message->bytes[at] = (unsigned char)(bytes >> 8);
    message->bytes[at + 1] = (unsigned char)bytes;
    message->bytes[7]++; /* the count of answers; a test has few */
}

/* ---- the zone ------------------------------------------------------------ */

static const struct zone *zone_find(const struct zone *zone, const char *name,
                                    enum zone_type type) {
    for (; zone->type != ZONE_END; zone++) {
        bool is_same = strcasecmp(zone->name, name) == 0;
        if (is_same && zone->type == type) return zone;
    }
    return NULL;
}

static bool zone_has(const struct zone *zone, const char *name) {
    for (; zone->type != ZONE_END; zone++) {
        if (strcasecmp(zone->name, name) == 0) return true;
    }
    return false;
}

static void zone_answer(const struct zone *zone, const struct request *request,
                        struct message *answer) {
    const char *name = request->name;
    const struct zone *rule = zone_find(zone, name, ZONE_RCODE);
    int rcode = rule != NULL ? rule->number : zone_has(zone, name) ? 0 : 3;
    message_begin(answer, request, rcode, 0);

    for (int i = 0; i < CHAIN_MAX; i++) {
        const struct zone *alias = zone_find(zone, name, ZONE_CNAME);
        if (alias == NULL) break;
        message_put_item(answer, alias);
        name = alias->data;
    }
    for (; zone->type != ZONE_END; zone++) {
        bool is_same = strcasecmp(zone->name, name) == 0;
        if (is_same && (int)zone->type == request->type) {
            message_put_item(answer, zone);
        }
    }
}

/* ---- serving ------------------------------------------------------------- */

static int send_all(int fd, const void *bytes, size_t count) {
    while (count > 0) {
        bl_ssize sent = bl_fd_write(fd, bytes, count);
        if (sent < 0) return (int)sent;
        bytes = (const char *)bytes + sent;
        count -= (size_t)sent;
    }
    return 0;
}

static int request_reply_tcp(const struct request *request,
                             const struct message *answer) {
    const struct server *server = request->server;
    unsigned char bytes[2 + sizeof answer->bytes];
    size_t count = 2 + answer->length;
    bytes[0] = (unsigned char)(answer->length >> 8);
    bytes[1] = (unsigned char)answer->length;
    memcpy(bytes + 2, answer->bytes, answer->length);
    if (server->is_cut && server->cut_at < count) count = server->cut_at;
    if (server->drip == 0) return send_all(request->fd, bytes, count);

    int rc = 0;
    for (size_t i = 0; i < count && rc == 0; i++) {
        rc = bl_sleep(server->drip);
        if (rc == 0) rc = send_all(request->fd, bytes + i, 1);
    }
    return rc;
}

static int request_reply(const struct request *request,
                         const struct message *answer) {
    if (!request->is_tcp) {
        ssize_t sent = sendto(request->fd, answer->bytes, answer->length, 0,
                              (const struct sockaddr *)&request->from,
                              request->from_length);
        return sent < 0 ? -errno : 0;
    }
    return request_reply_tcp(request, answer);
}

static int request_serve(void *arg) {
    const struct request *request = arg;
    const struct zone *zone = request->server->zone;
    struct message answer = { .length = 0 };
    const struct zone *rule = zone_find(zone, request->name, ZONE_DELAY);
    if (rule != NULL) {
        int rc = bl_sleep(BL_MS(rule->number));
        if (rc < 0) return rc;
    }
    rule = zone_find(zone, request->name, ZONE_SILENCE);
    if (rule != NULL) return 0;

    rule = zone_find(zone, request->name, ZONE_RAW);
    if (rule != NULL) {
        rule->raw(&answer, request);
    } else {
        zone_answer(zone, request, &answer);
    }
    rule = zone_find(zone, request->name, ZONE_TRUNCATED);
    if (rule != NULL && !request->is_tcp) {
        message_begin(&answer, request, 0, 0);
        answer.bytes[2] |= 2;
    }
    if (answer.length == 0) return 0;
    int rc = request_reply(request, &answer);
    return rc == BL_ECANCELED ? rc : 0; /* who asked may have left */
}

/* Reads the question; false if it is none. */
static bool request_read(struct request *request) {
    const unsigned char *at = request->question + HEADER_BYTES;
    const unsigned char *end = request->question + request->question_bytes;
    size_t length = 0;
    if (request->question_bytes < HEADER_BYTES) return false;
    while (at < end && *at != 0) {
        size_t label = *at++;
        if (label > 63 || at + label >= end) return false;
        if (length > 0) request->name[length++] = '.';
        memcpy(request->name + length, at, label);
        length += label;
        at += label;
    }
    if (at + 3 > end) return false;
    request->name[length] = '\0';
    request->type = at[1] << 8 | at[2];
    memcpy(request->server->last, request->name, length + 1);
    return true;
}

static int udp_serve(void *arg) {
    struct server *server = arg;
    for (;;) {
        struct request request = { .server = server, .fd = server->udp };
        int rc = bl_fd_wait(server->udp, BL_READABLE);
        if (rc < 0) return rc;
        request.from_length = sizeof request.from;
        ssize_t count =
            recvfrom(server->udp, request.question, sizeof request.question,
                     MSG_DONTWAIT, (struct sockaddr *)&request.from,
                     &request.from_length);
        if (count < 0) continue;
        request.question_bytes = (size_t)count;
        server->asked++;
        if (!request_read(&request)) continue;
        if (server->drops > 0) {
            server->drops--;
            continue;
        }
        if (zone_find(server->zone, request.name, ZONE_DELAY) == NULL) {
            rc = request_serve(&request);
        } else {
            rc = bl_spawn_copy(server->group, request_serve, &request,
                               sizeof request);
        }
        if (rc < 0) return rc;
    }
}

static int receive_all(int fd, void *bytes, size_t count) {
    size_t length = 0;
    while (length < count) {
        bl_ssize got = bl_fd_read(fd, (char *)bytes + length, count - length);
        if (got < 0) return (int)got;
        if (got == 0) return BL_EPIPE;
        length += (size_t)got;
    }
    return 0;
}

/* One connection at a time is enough. */
static int tcp_serve_one(struct server *server, int fd) {
    for (;;) {
        struct request request = {
            .server = server,
            .fd = fd,
            .is_tcp = true,
        };
        unsigned char head[2];
        int rc = receive_all(fd, head, sizeof head);
        if (rc < 0) return rc;
        request.question_bytes = (size_t)(head[0] << 8 | head[1]);
        if (request.question_bytes > sizeof request.question) return BL_EINVAL;
        rc = receive_all(fd, request.question, request.question_bytes);
        if (rc < 0) return rc;
        server->asked_tcp++;
        if (!request_read(&request)) return BL_EINVAL;
        rc = request_serve(&request);
        if (rc == 0 && server->is_cut) rc = BL_EPIPE; /* that was all */
        if (rc < 0) return rc;
    }
}

static int tcp_serve(void *arg) {
    struct server *server = arg;
    for (;;) {
        int fd = bl_fd_accept(server->tcp, NULL, NULL);
        if (fd < 0) return fd;
        int rc = tcp_serve_one(server, fd);
        bl_fd_close(fd);
        if (rc == BL_ECANCELED) return rc;
    }
}

static int server_socket(int type, struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE_GE(fd, 0);
    int rc = bind(fd, (struct sockaddr *)address, length);
    if (rc == 0) {
        rc = getsockname(fd, (struct sockaddr *)address, &length);
    }
    if (rc == 0) return fd;
    close(fd);
    return -1;
}

/* Two sockets on one port, which the kernel chooses for the first of them. */
static void server_bind(struct server *server) {
    for (int i = 0; i < 100; i++) {
        struct sockaddr_in address = {
            .sin_family = AF_INET,
            .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) },
        };
        server->tcp = server_socket(SOCK_STREAM, &address);
        REQUIRE_GE(server->tcp, 0);
        server->udp = server_socket(SOCK_DGRAM, &address);
        memcpy(&server->address.storage, &address, sizeof address);
        server->address.length = sizeof address;
        if (server->udp >= 0) return;
        close(server->tcp);
    }
    t_fail("no port was free for both");
}

void server_open(struct server *server, const struct zone *zone,
                 bl_group *group) {
    *server = (struct server){ .zone = zone, .group = group };
    server_bind(server);
    REQUIRE_OK(listen(server->tcp, 16));
    REQUIRE_OK(bl_spawn_daemon(group, udp_serve, server));
    REQUIRE_OK(bl_spawn_daemon(group, tcp_serve, server));
}

void server_close(struct server *server) {
    bl_fd_close(server->udp);
    bl_fd_close(server->tcp);
}

FIXTURE_DEF(server) {
    struct server made;
    BL_GROUP_SCOPED(group);
    server_open(&made, server_zone, &group);
    t_settle(); /* what a test injects is for others than the server */
    YIELD(&made);
    bl_group_cancel(&group);
    CHECK_OK(bl_group_exit(&group, 0));
    server_close(&made);
}

bl_dns_options server_options(const struct server *server) {
    return (bl_dns_options){
        .size = sizeof(bl_dns_options),
        .servers = &server->address,
        .server_count = 1,
        .has_no_domains = true,
        .timeout = t_injected() ? MS(10) : SEC(600),
        .tries = 2,
        .hosts_path = "/dev/null",
        .config_path = "/dev/null",
    };
}
