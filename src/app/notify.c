/* SPDX-License-Identifier: MIT */
/*
 * app/notify.c - datagrams to the service manager
 *
 * A notice is written as lines of NAME=value and sent as one datagram, from a
 * socket that is never connected: the manager may close its own and open it
 * again.  What finds the manager's socket full is kept in a buffer of the
 * handle, in order, and goes before anything newer; so nothing is allocated
 * after opening, and what the manager hears is never out of order.
 *
 * Invariant: kept_bytes > 0 -> the kept records are sent before the next one.
 */
#include <belay/error.h>
#include <belay/loop.h>
#include <belay/notify.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/sigpipe.h"
#include "sys/seam.h"

enum {
    NOTICE_BYTES = 2048,
    KEPT_BYTES = 4096,
    NAME_BYTES_MAX = 255
};

struct bl_notify {
    struct sockaddr_un address;
    socklen_t address_length; /* 0: there is no manager */
    int fd;                   /* -1: likewise */
    int ready_fd;             /* -1: there is none, or it was told */
    bl_ns watchdog;
    size_t kept_bytes;
    char kept[KEPT_BYTES]; /* records: a uint16_t of length, and the text */
};

/* A datagram that is being written; what does not fit is left out. */
struct notice_text {
    char bytes[NOTICE_BYTES];
    size_t length;
};

/* ---- sending ------------------------------------------------------------- */

static int notify_error(void) {
    if (errno == ENOBUFS || errno == ENOMEM) return BL_EAGAIN; /* will pass */
    return errno == ECANCELED ? BL_EIO : -errno;
}

/* Sends one datagram, with copies of descriptors if there are any. */
static int notify_datagram(struct bl_notify *notify, const char *text,
                           size_t length, const int *fds, size_t count) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(BL_NOTIFY_FDS_MAX * sizeof(int))];
    } control;
    struct iovec part = { .iov_len = length };
    struct msghdr message = {
        .msg_name = &notify->address,
        .msg_namelen = notify->address_length,
        .msg_iov = &part,
        .msg_iovlen = 1,
    };
    memcpy(&part.iov_base, &text, sizeof text); /* it has no const */
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    }
    ssize_t sent;
    do {
        sent = -1;
        if (bl__sys_fails(BL_IO_WRITE, notify->fd, NULL)) continue;
        sent = sendmsg(notify->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? notify_error() : 0;
}

/* Keeps the text for later, if there is room. */
static void notify_keep(struct bl_notify *notify, const char *text,
                        size_t length) {
    uint16_t prefix = (uint16_t)length;
    size_t room = KEPT_BYTES - notify->kept_bytes;
    if (length + sizeof prefix > room) return;
    char *at = notify->kept + notify->kept_bytes;
    memcpy(at, &prefix, sizeof prefix);
    memcpy(at + sizeof prefix, text, length);
    notify->kept_bytes += sizeof prefix + length;
}

int bl_notify_flush(bl_notify *notify) {
    int result = 0;
    if (notify == NULL) return BL_EINVAL;
    while (notify->kept_bytes > 0) {
        uint16_t length;
        memcpy(&length, notify->kept, sizeof length);
        size_t record = sizeof length + length;
        BL__ASSERT(record <= notify->kept_bytes);
        int rc = notify_datagram(notify, notify->kept + sizeof length, length,
                                 NULL, 0);
        if (rc == BL_EAGAIN) return rc;
        if (rc < 0) result = rc;
        notify->kept_bytes -= record;
        memmove(notify->kept, notify->kept + record, notify->kept_bytes);
    }
    return result;
}

/* ---- writing a notice ---------------------------------------------------- */

BL__PRINTF(2, 3)
static void text_put(struct notice_text *text, const char *format, ...) {
    size_t room = sizeof text->bytes - text->length;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text->bytes + text->length, room, format, args);
    va_end(args);
    BL__ASSERT(length >= 0);
    BL__ASSERT((size_t)length < room); /* the status goes last, and is cut */
    text->length += (size_t)length;
}

static void text_put_status(struct notice_text *text, const char *status) {
    text_put(text, "STATUS=");
    size_t end = sizeof text->bytes - 1;
    for (; *status != '\0' && text->length < end; status++) {
        bool is_control = (unsigned char)*status < ' ';
        text->bytes[text->length++] = is_control ? ' ' : *status;
    }
    text->bytes[text->length++] = '\n';
}

static uint64_t microseconds(bl_ns duration) {
    return (uint64_t)(duration / 1000);
}

static void notice_write(const bl_notice *notice, struct notice_text *text) {
    if (notice->is_ready) text_put(text, "READY=1\n");
    if (notice->is_reloading) {
        text_put(text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
                 microseconds(bl_now_real()));
    }
    if (notice->is_stopping) text_put(text, "STOPPING=1\n");
    if (notice->is_alive) text_put(text, "WATCHDOG=1\n");
    if (notice->extend > 0) {
        text_put(text, "EXTEND_TIMEOUT_USEC=%" PRIu64 "\n",
                 microseconds(notice->extend));
    }
    if (notice->error < 0) text_put(text, "ERRNO=%d\n", -notice->error);
    if (notice->main_pid > 0) {
        text_put(text, "MAINPID=%ld\n", (long)notice->main_pid);
    }
    if (notice->watchdog_reset > 0) {
        text_put(text, "WATCHDOG_USEC=%" PRIu64 "\n",
                 microseconds(notice->watchdog_reset));
    }
    if (notice->status != NULL) text_put_status(text, notice->status);
    if (text->length > 0) text->length--; /* the last line end */
}

/* A full pipe is left alone: who does not read one byte does not care. */
static void notify_newline(struct bl_notify *notify) {
    if (notify->ready_fd < 0) return;
    struct pollfd can = { .fd = notify->ready_fd, .events = POLLOUT };
    if (poll(&can, 1, 0) == 1 && (can.revents & POLLOUT) != 0) {
        struct bl__sigpipe held;
        bl__sigpipe_hold(&held);
        ssize_t moved = write(notify->ready_fd, "\n", 1);
        bl__sigpipe_drop(&held, moved < 0 ? errno : 0);
    }
    close(notify->ready_fd);
    notify->ready_fd = -1;
}

static int notice_check(const bl_notify *notify, const bl_notice *notice) {
    if (notify == NULL || notice == NULL) return BL_EINVAL;
    if (notice->size < sizeof *notice) return BL_EINVAL;
    if (notice->extend < 0 || notice->watchdog_reset < 0) return BL_EINVAL;
    return notice->error > 0 || notice->main_pid < 0 ? BL_EINVAL : 0;
}

int bl_notify_send(bl_notify *notify, const bl_notice *notice) {
    struct notice_text text = { .length = 0 };
    int rc = notice_check(notify, notice);
    if (rc < 0) return rc;
    if (notice->is_ready) notify_newline(notify);
    if (notify->address_length == 0) return 0;
    notice_write(notice, &text);
    if (text.length == 0) return 0;

    rc = bl_notify_flush(notify);
    if (rc != BL_EAGAIN) {
        rc = notify_datagram(notify, text.bytes, text.length, NULL, 0);
    }
    if (rc != BL_EAGAIN) return rc;
    /* A beat that comes late would say that we were alive when we were not. */
    if (strcmp(text.bytes, "WATCHDOG=1\n") == 0) return rc;
    notify_keep(notify, text.bytes, text.length);
    return rc;
}

/* ---- descriptors that the manager keeps ---------------------------------- */

static bool is_fd_name(const char *name) {
    size_t length = name != NULL ? strlen(name) : 0;
    if (length == 0 || length > NAME_BYTES_MAX) return false;
    for (; *name != '\0'; name++) {
        if (*name == ':' || !isprint((unsigned char)*name)) return false;
    }
    return true;
}

int bl_notify_store_fds(bl_notify *notify, const char *name, const int *fds,
                        size_t count) {
    struct notice_text text = { .length = 0 };
    if (notify == NULL || fds == NULL || !is_fd_name(name)) return BL_EINVAL;
    if (count == 0 || count > BL_NOTIFY_FDS_MAX) return BL_EINVAL;
    if (notify->address_length == 0) return 0;
    int rc = bl_notify_flush(notify);
    if (rc == BL_EAGAIN) return rc;
    text_put(&text, "FDSTORE=1\nFDNAME=%s", name);
    return notify_datagram(notify, text.bytes, text.length, fds, count);
}

int bl_notify_remove_fds(bl_notify *notify, const char *name) {
    struct notice_text text = { .length = 0 };
    if (notify == NULL || !is_fd_name(name)) return BL_EINVAL;
    if (notify->address_length == 0) return 0;
    int rc = bl_notify_flush(notify);
    if (rc == BL_EAGAIN) return rc;
    text_put(&text, "FDSTOREREMOVE=1\nFDNAME=%s", name);
    return notify_datagram(notify, text.bytes, text.length, NULL, 0);
}

/* ---- opening ------------------------------------------------------------- */

static int notify_set_address(struct bl_notify *notify, const char *text) {
    size_t length = strlen(text);
    bool is_path = text[0] == '/';
    bool is_abstract = text[0] == '@';
    if (length < 2 || (!is_path && !is_abstract) ||
        length >= sizeof notify->address.sun_path) {
        return BL_ERR(BL_EINVAL,
                      "notify socket \"%s\": neither /path nor @name", text);
    }
    notify->address.sun_family = AF_UNIX;
    memcpy(notify->address.sun_path, text, length);
    if (is_abstract) notify->address.sun_path[0] = '\0';
    size_t bytes = offsetof(struct sockaddr_un, sun_path) + length;
    if (is_path) bytes++; /* its NUL */
    notify->address_length = (socklen_t)bytes;
    return 0;
}

/* Reads a number that is all of `text`; BL_EINVAL if it is not. */
static int read_number(const char *text, uint64_t *number) {
    char *end;
    if (!isdigit((unsigned char)text[0])) return BL_EINVAL;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0') return BL_EINVAL;
    *number = value;
    return 0;
}

static int notify_set_watchdog(struct bl_notify *notify) {
    const char *interval = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t number;
    if (interval == NULL) return 0;
    if (pid != NULL) {
        int rc = read_number(pid, &number);
        if (rc < 0) return BL_ERR(rc, "WATCHDOG_PID=%s is no number", pid);
        if (number != (uint64_t)getpid()) return 0; /* meant for another */
    }
    int rc = read_number(interval, &number);
    if (rc == 0 && number > INT64_MAX / 1000) rc = BL_EINVAL;
    if (rc < 0) return BL_ERR(rc, "WATCHDOG_USEC=%s is no time", interval);
    notify->watchdog = BL_US(number);
    return 0;
}

static int notify_find(struct bl_notify *notify,
                       const bl_notify_options *options) {
    const char *address = getenv("NOTIFY_SOCKET");
    if (options != NULL && options->address != NULL) address = options->address;
    if (options != NULL && options->ready_fd > 0) {
        notify->ready_fd = options->ready_fd;
    }
    int rc = notify_set_watchdog(notify);
    if (rc < 0 || address == NULL) return rc;
    rc = notify_set_address(notify, address);
    if (rc < 0) return rc;

    int type = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (bl__sys_fails(BL_IO_SOCKET, -1, NULL)) return -errno;
    notify->fd = socket(AF_UNIX, type, 0);
    return notify->fd < 0 ? -errno : 0;
}

int bl_notify_open(const bl_notify_options *options, bl_notify **notify) {
    if (notify == NULL) return BL_EINVAL;
    int rc = 0;
    if (options != NULL) {
        if (options->size < sizeof *options) rc = BL_EINVAL;
        if (options->ready_fd < 0) rc = BL_EINVAL;
    }
    struct bl_notify *made = NULL;
    if (rc == 0) made = bl__alloc_zeroed(1, sizeof *made);
    if (rc == 0 && made == NULL) rc = BL_ENOMEM;
    if (rc == 0) {
        made->fd = -1;
        made->ready_fd = -1;
        rc = notify_find(made, options);
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (rc < 0) {
        bl__free(made);
        return rc;
    }
    *notify = made;
    return 0;
}

void bl_notify_close(bl_notify *notify) {
    if (notify == NULL) return;
    if (notify->fd >= 0) close(notify->fd);
    if (notify->ready_fd >= 0) close(notify->ready_fd);
    bl__free(notify);
}

bool bl_notify_is_managed(const bl_notify *notify) {
    return notify->address_length > 0 || notify->ready_fd >= 0;
}

bl_ns bl_notify_watchdog(const bl_notify *notify) {
    return notify->watchdog;
}
