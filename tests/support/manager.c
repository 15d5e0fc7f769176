/* SPDX-License-Identifier: MIT */
/*
 * support/manager.c - a stand-in notify socket; see manager.h
 */
#include "support/manager.h"

#include <belay/test.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    FDS_MAX = 64
};

static socklen_t manager_address(const struct manager *manager,
                                 struct sockaddr_un *address) {
    size_t length = strlen(manager->address);
    *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(address->sun_path, manager->address, length);
    bool is_path = manager->address[0] == '/';
    if (!is_path) address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length +
                       (is_path ? 1 : 0));
}

void manager_open(struct manager *manager, const char *folder) {
    static unsigned number;
    struct sockaddr_un address;
    number++;
    if (folder != NULL) {
        snprintf(manager->address, sizeof manager->address, "%s/notify%u",
                 folder, number);
    } else {
        snprintf(manager->address, sizeof manager->address,
                 "@belay-test-%ld-%u", (long)getpid(), number);
    }
    socklen_t length = manager_address(manager, &address);
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(manager->fd >= 0);
    REQUIRE(bind(manager->fd, (struct sockaddr *)&address, length) == 0);
}

void manager_close(struct manager *manager) {
    if (manager->address[0] == '/') unlink(manager->address);
    close(manager->fd);
    manager->fd = -1;
}

const char *manager_gets(struct manager *manager, int *fds, size_t *count) {
    static char text[4096];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = { text, sizeof text - 1 };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof control,
    };
    *count = 0;
    ssize_t length = recvmsg(manager->fd, &message, MSG_DONTWAIT);
    if (length < 0) REQUIRE_EQ(errno, EAGAIN);
    text[length < 0 ? 0 : length] = '\0';
    if (length < 0) return text;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header != NULL && header->cmsg_type == SCM_RIGHTS) {
        *count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(header), *count * sizeof(int));
    }
    return text;
}

const char *manager_hears(struct manager *manager) {
    int fds[FDS_MAX];
    size_t count;
    const char *text = manager_gets(manager, fds, &count);
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
    return text;
}

void manager_fill(struct manager *manager) {
    struct sockaddr_un address;
    socklen_t length = manager_address(manager, &address);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0);
    for (;;) {
        ssize_t sent = sendto(fd, "STATUS=fill", 11, MSG_DONTWAIT,
                              (struct sockaddr *)&address, length);
        if (sent < 0) break;
    }
    CHECK_EQ(errno, EAGAIN);
    close(fd);
}
