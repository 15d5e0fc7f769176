/* SPDX-License-Identifier: MIT */
/*
 * sys/driver_epoll.c - readiness by epoll
 *
 * Each change is one system call, made at once, so nothing has to be handed
 * over later and a descriptor that was taken back is out of the kernel's set.
 * epoll keeps the order in which descriptors became ready.
 *
 * The set's own key is (number, open file).  A user who closes a watched
 * descriptor himself takes the number out of the set behind our back; the two
 * ways in which that shows, ENOENT and EEXIST, are met by the other operation.
 */
#include "sys/driver.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"

enum {
    EPOLL_FOUND_MAX = BL__HARD_OR(4, 256)
};

struct epoll_driver {
    int fd;
    uint32_t generation;
    uint32_t armed_count;
    bool lacks_pwait2;
    struct epoll_event found[EPOLL_FOUND_MAX];
};

static struct epoll_driver *epoll_self(struct bl__driver *driver) {
    return (struct epoll_driver *)(void *)driver;
}

static int epoll_open(struct bl__driver **driver) {
    struct epoll_driver *self = bl__alloc_zeroed(1, sizeof *self);
    if (self == NULL) return -ENOMEM;
    self->fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->fd < 0) {
        int rc = -errno;
        bl__free(self);
        return rc;
    }
    *driver = (struct bl__driver *)(void *)self;
    return 0;
}

static void epoll_shut(struct bl__driver *driver) {
    struct epoll_driver *self = epoll_self(driver);
    close(self->fd);
    bl__free(self);
}

static int epoll_fd(struct bl__driver *driver) {
    return epoll_self(driver)->fd;
}

/* ---- changes ----------------------------------------------------------- */

static uint32_t epoll_mask(unsigned events) {
    uint32_t mask = 0;
    if (events & BL_READABLE) mask |= EPOLLIN | EPOLLRDHUP;
    if (events & BL_WRITABLE) mask |= EPOLLOUT;
    if (events & BL_EDGE) {
        mask |= EPOLLET;
        if (events & BL_READABLE) mask |= EPOLLPRI;
    }
    return mask;
}

static int epoll_control(const struct epoll_driver *self, int operation, int fd,
                         struct epoll_event *event) {
    if (epoll_ctl(self->fd, operation, fd, event) == 0) return 0;
    /* A limit on watches per user is a lack of memory like any other. */
    return errno == ENOSPC ? -ENOMEM : -errno;
}

static int epoll_set(struct bl__driver *driver, struct bl__poll *poll,
                     unsigned events) {
    struct epoll_driver *self = epoll_self(driver);
    bool was_armed = poll->armed != 0;
    if (!was_armed && events == 0) return 0;

    uint32_t generation = ++self->generation;
    if (events == 0) {
        /* Fails if the user has closed the number: then it is out as well. */
        BL_IGNORE(epoll_control(self, EPOLL_CTL_DEL, poll->fd, NULL) < 0);
        BL__ASSERT(self->armed_count > 0);
        self->armed_count--;
    } else {
        struct epoll_event event = {
            .events = epoll_mask(events),
            .data = { .u64 = bl__key_pack(poll->fd, generation) },
        };
        int first = was_armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        int second = was_armed ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        int rc = epoll_control(self, first, poll->fd, &event);
        if (rc == -ENOENT || rc == -EEXIST) {
            rc = epoll_control(self, second, poll->fd, &event);
        }
        if (rc < 0) return rc;
        if (!was_armed) self->armed_count++;
    }
    poll->generation = generation;
    poll->armed = events;
    return 0;
}

static void epoll_flush(struct bl__driver *driver, struct bl__poll *poll) {
    (void)driver;
    BL__ASSERT(poll->armed == 0); /* so it is out of the set already */
}

static void epoll_commit(struct bl__driver *driver) {
    (void)driver;
}

static bool epoll_is_pending(const struct bl__driver *driver) {
    const struct epoll_driver *self = (const void *)driver;
    return self->armed_count > 0;
}

/* ---- reports ----------------------------------------------------------- */

static unsigned epoll_events_of(uint32_t mask) {
    unsigned events = 0;
    if (mask & EPOLLIN) events |= BL_READABLE;
    if (mask & EPOLLOUT) events |= BL_WRITABLE;
    if (mask & (EPOLLRDHUP | EPOLLPRI)) events |= BL_READABLE | BL__HANGUP;
    if (mask & (EPOLLERR | EPOLLHUP)) {
        events |= BL_READABLE | BL_WRITABLE | BL__HANGUP;
    }
    return events;
}

/* For kernels before 5.11: whole milliseconds, rounded up, never early. */
static int epoll_wait_ms(struct epoll_driver *self, bl_ns timeout, int count) {
    bl_ns timeout_ms = -1;
    if (timeout != BL_FOREVER) {
        timeout_ms = timeout / 1000000 + (timeout % 1000000 != 0);
        if (timeout_ms > INT_MAX) timeout_ms = INT_MAX;
    }
    return epoll_wait(self->fd, self->found, count, (int)timeout_ms);
}

static int epoll_wait_ns(struct epoll_driver *self, bl_ns timeout, int count) {
    if (timeout == 0 || self->lacks_pwait2) {
        return epoll_wait_ms(self, timeout, count);
    }
    struct timespec limit = {
        .tv_sec = (time_t)(timeout / 1000000000),
        .tv_nsec = (long)(timeout % 1000000000),
    };
    int found = epoll_pwait2(self->fd, self->found, count,
                             timeout == BL_FOREVER ? NULL : &limit, NULL);
    if (found >= 0 || (errno != ENOSYS && errno != EPERM)) return found;
    self->lacks_pwait2 = true;
    return epoll_wait_ms(self, timeout, count);
}

static int epoll_wait_ready(struct bl__driver *driver, bl_ns timeout,
                            struct bl__ready *ready, int count) {
    struct epoll_driver *self = epoll_self(driver);
    BL__ASSERT(timeout >= 0);
    BL__ASSERT(count > 0);

    int found = epoll_wait_ns(
        self, timeout, count < EPOLL_FOUND_MAX ? count : EPOLL_FOUND_MAX);
    if (found < 0) return -errno;
    for (int i = 0; i < found; i++) {
        uint64_t key = self->found[i].data.u64;
        ready[i] = (struct bl__ready){
            .fd = bl__key_fd(key),
            .generation = bl__key_generation(key),
            .events = epoll_events_of(self->found[i].events),
        };
    }
    return found;
}

const struct bl__driver_ops bl__driver_epoll = {
    .name = "epoll",
    .open = epoll_open,
    .close = epoll_shut,
    .fd = epoll_fd,
    .set = epoll_set,
    .flush = epoll_flush,
    .wait = epoll_wait_ready,
    .commit = epoll_commit,
    .is_pending = epoll_is_pending,
};
