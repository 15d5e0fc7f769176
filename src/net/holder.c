/* SPDX-License-Identifier: MIT */
/*
 * net/holder.c - who has the address that we wanted
 *
 * The system lists its sockets in /proc/net, each with an inode; the one that
 * listens where we could not is looked up there.  Then some process has a
 * descriptor of that inode, among the links in /proc/PID/fd.  Of processes that
 * are not ours, and of sockets that are bound and do not listen, nothing can be
 * seen: then nothing is said.
 *
 * It blocks, but only on the way to an error, and looks at so many descriptors
 * and no more.
 */
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/socket.h"

enum {
    HOLDER_LOOKS_MAX = 20000,
    HOLDER_LINE_BYTES = 512,
    HOLDER_PATH_BYTES = 320,
    HOLDER_IS_LISTENING = 0x0A,  /* TCP_LISTEN */
    HOLDER_DOES_ACCEPT = 0x10000 /* __SO_ACCEPTCON */
};

/* A line of a table: the inode of the socket that it tells of, if that is in
 * our way; else 0. */
typedef unsigned long holder_match_fn(const char *line, const bl_addr *address);

/* ---- the tables ---------------------------------------------------------- */

/* An address as the system prints it: the words of it, in hexadecimal. */
static bool holder_is_in_the_way(const char *digits, const bl_addr *address) {
    char own[2 * sizeof(struct in6_addr) + 1] = "";
    const struct sockaddr_in *in = (const void *)&address->storage;
    const struct sockaddr_in6 *in6 = (const void *)&address->storage;
    size_t length = strspn(digits, "0123456789ABCDEF");
    if (strspn(digits, "0") == length) return true; /* it stands for all */
    if (in->sin_family == AF_INET) {
        snprintf(own, sizeof own, "%08X", in->sin_addr.s_addr);
    } else {
        for (size_t i = 0; i < 4; i++) {
            uint32_t word;
            memcpy(&word, (const char *)&in6->sin6_addr + 4 * i, sizeof word);
            snprintf(own + 8 * i, sizeof own - 8 * i, "%08X", word);
        }
    }
    if (strspn(own, "0") == strlen(own)) return true; /* or ours does */
    return strlen(own) == length && strncmp(own, digits, length) == 0;
}

/* "  0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 4711 ..." */
static unsigned long holder_match_tcp(const char *line,
                                      const bl_addr *address) {
    char digits[40];
    unsigned port;
    unsigned state;
    unsigned long inode;
    int found = sscanf(line,
                       " %*u: %39[0-9A-F]:%x %*[0-9A-F:] %x %*[0-9A-F:] "
                       "%*[0-9A-F:] %*x %*u %*u %lu",
                       digits, &port, &state, &inode);
    if (found != 4 || state != HOLDER_IS_LISTENING) return 0;
    if ((int)port != bl_addr_port(address)) return 0;
    return holder_is_in_the_way(digits, address) ? inode : 0;
}

/* "0000000000000000: 00000002 00000000 00010000 0001 01 4711 /run/a.sock" */
static unsigned long holder_match_unix(const char *line,
                                       const bl_addr *address) {
    char own[BL_ADDR_TEXT_BYTES];
    unsigned flags;
    unsigned long inode;
    int at = 0;
    int found =
        sscanf(line, "%*x: %*x %*x %x %*x %*x %lu %n", &flags, &inode, &at);
    if (found != 2 || (flags & HOLDER_DOES_ACCEPT) == 0 || at == 0) return 0;
    bl_addr_format(address, own, sizeof own);
    const char *name = strncmp(own, "unix:", 5) == 0 ? own + 5 : own;
    return strcmp(name, line + at) == 0 ? inode : 0;
}

static unsigned long holder_look_up(const char *table, holder_match_fn *match,
                                    const bl_addr *address) {
    char line[HOLDER_LINE_BYTES];
    unsigned long inode = 0;
    FILE *file = fopen(table, "re");
    if (file == NULL) return 0;
    while (inode == 0 && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        inode = match(line, address);
    }
    fclose(file);
    return inode;
}

static unsigned long holder_inode(const bl_addr *address) {
    if (bl_addr_is_unix(address)) {
        return holder_look_up("/proc/net/unix", holder_match_unix, address);
    }
    /* A socket of [::] may stand for the addresses of IPv4 too. */
    unsigned long inode =
        holder_look_up("/proc/net/tcp", holder_match_tcp, address);
    if (inode != 0) return inode;
    return holder_look_up("/proc/net/tcp6", holder_match_tcp, address);
}

/* ---- the processes ------------------------------------------------------- */

static bool holder_has(const char *pid, const char *wanted, int *looks_left) {
    char path[HOLDER_PATH_BYTES];
    char target[64];
    bool has_it = false;
    snprintf(path, sizeof path, "/proc/%s/fd", pid);
    DIR *fds = opendir(path);
    if (fds == NULL) return false;
    const struct dirent *item;
    while (!has_it && (item = readdir(fds)) != NULL && --*looks_left > 0) {
        ssize_t length =
            readlinkat(dirfd(fds), item->d_name, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        has_it = strcmp(target, wanted) == 0;
    }
    closedir(fds);
    return has_it;
}

static void holder_tell(const char *pid, char *text, size_t bytes) {
    char path[HOLDER_PATH_BYTES];
    char name[64] = "";
    if (strtol(pid, NULL, 10) == getpid()) {
        snprintf(text, bytes, " by this process");
        return;
    }
    snprintf(path, sizeof path, "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) == NULL) name[0] = '\0';
        fclose(file);
    }
    name[strcspn(name, "\n")] = '\0';
    snprintf(text, bytes, " by pid %s (%s)", pid, name);
}

void bl__addr_find_holder(const bl_addr *address, char *text, size_t bytes) {
    char wanted[64];
    int looks_left = HOLDER_LOOKS_MAX;
    text[0] = '\0';
    unsigned long inode = holder_inode(address);
    if (inode == 0) return;
    snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    DIR *proc = opendir("/proc");
    if (proc == NULL) return;
    const struct dirent *item;
    while (looks_left > 0 && (item = readdir(proc)) != NULL) {
        if (item->d_name[0] < '0' || item->d_name[0] > '9') continue;
        if (!holder_has(item->d_name, wanted, &looks_left)) continue;
        holder_tell(item->d_name, text, bytes);
        break;
    }
    closedir(proc);
}
