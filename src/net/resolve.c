/* SPDX-License-Identifier: MIT */
/*
 * net/resolve.c - names to addresses, on a thread
 *
 * getaddrinfo blocks and cannot be stopped, so it runs on a thread of the
 * pool, with a job that two sides hold: the task that asked, and the thread.
 * A task that is cancelled lets go and leaves; the answer that comes later is
 * freed with the job.
 */
#include <belay/error.h>
#include <belay/net.h>
#include <belay/park.h>
#include <belay/thread.h>

#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"

enum {
    RESOLVE_ADDRESSES_MAX = 32,
    RESOLVE_NAME_BYTES_MAX = NI_MAXHOST + NI_MAXSERV
};

struct resolve_job {
    atomic_uint refcount; /* of the task, of the thread */
    int rc;               /* of getaddrinfo: 0 or EAI_... */
    int system_error;     /* errno, if it was EAI_SYSTEM */
    bool is_bracketed;    /* the host was, so that it is an IPv6 address */
    const char *host;     /* both in `name` */
    const char *port;
    size_t count;
    bl_addr addresses[RESOLVE_ADDRESSES_MAX];
    char name[RESOLVE_NAME_BYTES_MAX];
};

static void resolve_unref(void *arg) {
    struct resolve_job *job = arg;
    if (atomic_fetch_sub(&job->refcount, 1) == 1) bl__free(job);
}

static int resolve_run(void *arg) {
    struct resolve_job *job = arg;
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_ADDRCONFIG,
    };
    struct addrinfo *found;
    if (job->is_bracketed) {
        hints.ai_family = AF_INET6;
        hints.ai_flags = AI_NUMERICHOST;
    }
    job->rc = getaddrinfo(job->host, job->port, &hints, &found);
    job->system_error = errno;
    if (job->rc != 0) return 0;

    for (struct addrinfo *item = found; item != NULL; item = item->ai_next) {
        if (job->count == RESOLVE_ADDRESSES_MAX) break;
        bl_addr *address = &job->addresses[job->count++];
        BL__ASSERT(item->ai_addrlen <= sizeof address->storage);
        memcpy(&address->storage, item->ai_addr, item->ai_addrlen);
        address->length = item->ai_addrlen;
    }
    freeaddrinfo(found);
    return 0;
}

/* Such a port would be one of getaddrinfo's, which cuts numbers to 16 bits. */
static bool resolve_port_is_too_high(const char *port) {
    size_t digits = strspn(port, "0123456789");
    return port[digits] == '\0' && strtoul(port, NULL, 10) > UINT16_MAX;
}

static int resolve_no_address(const char *host) {
    return BL_ERR(BL_EINVAL, "%s: not an IPv6 address", host);
}

/* Cuts "host:port" or "[address]:port" in two. */
static int resolve_split(struct resolve_job *job, const char *text) {
    size_t length = strlen(text);
    if (length >= sizeof job->name) return BL_EINVAL;
    memcpy(job->name, text, length + 1);
    char *colon = strrchr(job->name, ':');
    if (colon == NULL || colon == job->name || colon[1] == '\0') {
        return BL_EINVAL;
    }
    job->host = job->name;
    job->port = colon + 1;
    *colon = '\0';
    job->is_bracketed = job->name[0] == '[';
    if (job->is_bracketed) {
        if (colon[-1] != ']') return resolve_no_address(job->host);
        colon[-1] = '\0';
        job->host++;
    }
    if (resolve_port_is_too_high(job->port)) {
        return BL_ERR(BL_EINVAL, "%s: no such port", job->port);
    }
    return 0;
}

static int resolve_error(const struct resolve_job *job) {
    switch (job->rc) {
    case EAI_MEMORY: return BL_ENOMEM;
    case EAI_NONAME:
    case EAI_ADDRFAMILY:
        if (job->is_bracketed) return resolve_no_address(job->host);
        break;
    case EAI_SERVICE: return BL_ERR(BL_EINVAL, "%s: no such port", job->port);
    case EAI_SYSTEM:
        return BL_ERR(BL_EIO, "%s: %s", job->host,
                      bl_strerror(-job->system_error));
    default: break;
    }
    return BL_ERR(BL_EIO, "%s: %s", job->host, gai_strerror(job->rc));
}

int bl_addr_resolve(const char *host_and_port, bl_addr *address) {
    int rc = bl_addr_resolve_all(host_and_port, address, 1);
    return rc < 0 ? rc : 0;
}

int bl_addr_resolve_all(const char *host_and_port, bl_addr *addresses,
                        size_t capacity) {
    if (host_and_port == NULL) return BL_EINVAL;
    if (addresses == NULL || capacity == 0) return BL_EINVAL;
    int rc = bl_checkpoint();
    if (rc < 0) return rc;
    if (bl_addr_parse(host_and_port, addresses) == 0) return 1;

    struct resolve_job *job = bl__alloc_zeroed(1, sizeof *job);
    if (job == NULL) return BL_ENOMEM;
    atomic_init(&job->refcount, 1);
    rc = resolve_split(job, host_and_port);
    if (rc < 0) goto unref_job;

    atomic_fetch_add(&job->refcount, 1);
    rc = bl_to_thread_owned(resolve_run, job, resolve_unref);
    if (rc < 0) goto unref_job;
    if (job->rc != 0) {
        rc = resolve_error(job);
        goto unref_job;
    }
    size_t count = job->count < capacity ? job->count : capacity;
    BL__ASSERT(count > 0);
    memcpy(addresses, job->addresses, count * sizeof *addresses);
    rc = (int)count;

unref_job:
    resolve_unref(job);
    return rc;
}
