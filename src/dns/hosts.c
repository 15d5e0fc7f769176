/* SPDX-License-Identifier: MIT */
/*
 * dns/hosts.c - the hosts file, as a sorted table
 *
 *     127.0.0.1  localhost  me   # one address, names, a comment
 *
 * The file is read as a whole; the names of the table point into its text.
 * Lines that begin with no address are passed over, as everywhere.
 */
#include <belay/error.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "dns/dns.h"

enum {
    HOSTS_BYTES_MAX = 64 << 20
};

static const char blanks[] = " \t\r";

/* Reads the file into `*text`, which then ends with NUL. */
static int hosts_load(const char *path, char **text) {
    struct stat status;
    int rc = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -errno;
    if (fstat(fd, &status) < 0) {
        rc = -errno;
        goto close_fd;
    }
    if (status.st_size > HOSTS_BYTES_MAX) {
        rc = -EFBIG;
        goto close_fd;
    }

    size_t bytes = (size_t)status.st_size;
    size_t length = 0;
    *text = bl__alloc(bytes + 1);
    if (*text == NULL) {
        rc = BL_ENOMEM;
        goto close_fd;
    }
    while (length < bytes) {
        ssize_t count = read(fd, *text + length, bytes - length);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) rc = -errno;
        if (count <= 0) break;
        length += (size_t)count;
    }
    (*text)[length] = '\0';
    if (rc < 0) bl__free(*text);

close_fd:
    close(fd);
    return rc;
}

/* Reads an address without a port, such as "::1" or "fe80::1%2". */
static int hosts_parse(const char *word, bl_addr *address) {
    char text[BL_ADDR_TEXT_BYTES];
    const char *form = strchr(word, ':') == NULL ? "%s:0" : "[%s]:0";
    if (strchr("0123456789abcdefABCDEF:", word[0]) == NULL) return BL_EINVAL;
    int length = snprintf(text, sizeof text, form, word);
    if (length < 0 || (size_t)length >= sizeof text) return BL_EINVAL;
    return bl_addr_parse(text, address);
}

static int hosts_add(struct bl__dns_hosts *hosts, const char *name,
                     const bl_addr *address) {
    if ((hosts->count & (hosts->count - 1)) == 0) { /* 0, or a power of 2 */
        size_t capacity = hosts->count == 0 ? 1 : hosts->count * 2;
        void *more =
            bl_realloc(hosts->items, capacity * sizeof hosts->items[0]);
        if (more == NULL) return BL_ENOMEM;
        hosts->items = more;
    }
    hosts->items[hosts->count] = (struct bl__dns_host){
        .name = name,
        .address = *address,
        .order = (uint32_t)hosts->count,
    };
    hosts->count++;
    return 0;
}

static int hosts_add_line(struct bl__dns_hosts *hosts, char *line) {
    char *rest;
    bl_addr address;
    line[strcspn(line, "#")] = '\0';
    char *word = strtok_r(line, blanks, &rest);
    if (word == NULL) return 0;
    if (hosts_parse(word, &address) < 0) return 0;

    while ((word = strtok_r(NULL, blanks, &rest)) != NULL) {
        int rc = hosts_add(hosts, word, &address);
        if (rc < 0) return rc;
    }
    return 0;
}

static int hosts_compare(const void *left, const void *right) {
    const struct bl__dns_host *a = left;
    const struct bl__dns_host *b = right;
    int order = strcasecmp(a->name, b->name);
    if (order != 0) return order;
    return a->order < b->order ? -1 : a->order > b->order;
}

int bl__dns_hosts_read(struct bl__dns_hosts *hosts, const char *path) {
    *hosts = (struct bl__dns_hosts){ .text = NULL };
    int rc = hosts_load(path, &hosts->text);
    if (rc < 0) {
        hosts->text = NULL;
        return rc == -ENOENT ? 0 : rc;
    }

    char *rest;
    char *line = strtok_r(hosts->text, "\n", &rest);
    for (; line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        rc = hosts_add_line(hosts, line);
        if (rc < 0) {
            bl__dns_hosts_done(hosts);
            return rc;
        }
    }
    if (hosts->count > 1) {
        qsort(hosts->items, hosts->count, sizeof hosts->items[0],
              hosts_compare);
    }
    return 0;
}

void bl__dns_hosts_done(struct bl__dns_hosts *hosts) {
    bl__free(hosts->items);
    bl__free(hosts->text);
    *hosts = (struct bl__dns_hosts){ .text = NULL };
}

/* Returns the first entry of `name`; those that follow may have it as well. */
const struct bl__dns_host *bl__dns_hosts_find(const struct bl__dns_hosts *hosts,
                                              const char *name) {
    size_t low = 0;
    size_t high = hosts->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcasecmp(hosts->items[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == hosts->count) return NULL;
    const struct bl__dns_host *host = &hosts->items[low];
    return strcasecmp(host->name, name) == 0 ? host : NULL;
}

/* Returns the entry of `address` that stands first in the file, or NULL. */
const struct bl__dns_host *bl__dns_hosts_find_address(
    const struct bl__dns_hosts *hosts, const bl_addr *address) {
    const struct bl__dns_host *first = NULL;
    bl_addr portless = *address;
    bl__dns_set_port(&portless, 0);
    for (size_t i = 0; i < hosts->count; i++) {
        const struct bl__dns_host *host = &hosts->items[i];
        if (first != NULL && first->order < host->order) continue;
        if (bl_addr_is_equal(&host->address, &portless)) first = host;
    }
    return first;
}
