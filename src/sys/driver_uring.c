/* SPDX-License-Identifier: MIT */
/*
 * sys/driver_uring.c - readiness by io_uring's poll requests
 *
 * BL_EDGE is a multishot poll, which the kernel keeps until it is cancelled;
 * without it a poll is one shot, made anew after each report.  Nothing is
 * handed to the kernel before `wait`: a poll that was set joins the line of
 * *changes*, and its request is written immediately before the system call
 * that submits it.  So a request never names a number that was meanwhile
 * closed and used again.  Cancelling names a key, not a number, and is written
 * at once.
 *
 *     set -> [changes] -> request in the kernel -> completion
 *                ^                                     |
 *                |   one shot, still armed             v
 *                +----------------------------- [reported] -> wait
 *
 * Completions are taken from the ring whenever one has to look into it, also
 * by `flush`; what they say waits in the line of *reported* polls.
 *
 * A ring serves one thread, the first that uses it (that is what makes it
 * cheap).  A driver that finds itself on another thread leaves the ring behind
 * and makes all requests again on a new one.
 *
 * Operations on files are requests of their own.  One is written to the ring
 * when it is started, and its key is the operation's address: unlike a poll it
 * cannot be forgotten before the kernel is done with it.
 *
 * Invariants:
 *   a poll is in one line at most;
 *   armed and not submitted -> in a line;
 *   poll->requests counts its completions that are still to come, of all keys;
 *   op_count counts the operations whose completion is still to come.
 */
#include "sys/driver.h"

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "base/list.h"
#include "sys/op.h"

enum {
    /* Requests written between two submissions; completions, of which more
     * cost the kernel a list. */
    URING_ENTRIES = BL__HARD_OR(2, 64),
    URING_COMPLETIONS = BL__HARD_OR(4, 1024),
    URING_POLLS_MIN = BL__HARD_OR(1, 64),
    URING_TRANSFER_MAX = 0x7ffff000 /* the system moves no more at a time */
};

/* The key of requests whose completion nobody waits for. */
static const uint64_t URING_NO_KEY = UINT64_MAX;

/* In the key of an operation; in no poll's, for numbers are not negative. */
static const uint64_t URING_OP_BIT = (uint64_t)1 << 31;

struct uring_driver {
    struct io_uring ring;
    bool has_ring;
    bool is_hosted;          /* somebody else waits for the ring's descriptor */
    uint64_t thread;         /* that the ring belongs to */
    uint32_t generation;     /* of the poll that was set last */
    uint32_t request_count;  /* completions still to come, of all polls */
    struct bl__poll **polls; /* by descriptor number; NULL if never set */
    uint32_t poll_capacity;
    bl_link changes;
    bl_link reported;
    uint32_t able;     /* 1 << code: operations that the kernel carries */
    bool was_probed;   /* it was asked for them */
    uint32_t op_count; /* operations under way */
    bl_link finished;  /* operations with their results */
};

static struct uring_driver *uring_self(struct bl__driver *driver) {
    return (struct uring_driver *)(void *)driver;
}

/* A number that no other thread of this process ever had or will have. */
static uint64_t uring_thread(void) {
    static atomic_uint_fast64_t last;
    static __thread uint64_t number;
    if (BL__UNLIKELY(number == 0)) number = atomic_fetch_add(&last, 1) + 1;
    return number;
}

/* ---- the ring ---------------------------------------------------------- */

/*
 * What this file needs of the kernel: no lost completions, timeouts as an
 * argument, multishot polls (which came with the same release as tags).
 */
static bool uring_is_able(const struct io_uring *ring) {
    const unsigned needed =
        IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_RSRC_TAGS;
    return (ring->features & needed) == needed;
}

/* Makes a ring with the best of what the kernel has: 6.1, 5.19, older. */
static int uring_make(struct io_uring *ring) {
    static const unsigned flag_sets[] = {
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
            IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,
        0,
    };
    int rc = -EINVAL;
    for (size_t i = 0; i < sizeof flag_sets / sizeof *flag_sets; i++) {
        struct io_uring_params params = {
            .flags = flag_sets[i] | IORING_SETUP_CQSIZE,
            .cq_entries = URING_COMPLETIONS,
        };
        rc = io_uring_queue_init_params(URING_ENTRIES, ring, &params);
        if (rc != -EINVAL) break;
    }
    if (rc < 0) return rc;
    if (uring_is_able(ring)) return 0;
    io_uring_queue_exit(ring);
    return -ENOSYS;
}

static int uring_ensure_ring(struct uring_driver *self) {
    if (BL__LIKELY(self->has_ring)) return 0;
    int rc = uring_make(&self->ring);
    if (rc < 0) return rc;
    self->has_ring = true;
    self->thread = uring_thread();
    return 0;
}

/* Leaves the ring and its requests; those still armed will be made again. */
static void uring_leave_ring(struct uring_driver *self) {
    BL__ASSERT(self->op_count == 0); /* nobody would ever hear of them */
    io_uring_queue_exit(&self->ring);
    self->has_ring = false;
    self->request_count = 0;
    for (uint32_t fd = 0; fd < self->poll_capacity; fd++) {
        struct bl__poll *poll = self->polls[fd];
        if (poll == NULL) continue;
        poll->requests = 0;
        poll->is_submitted = false;
        bool is_waiting = bl__list_is_linked(&poll->link);
        if (poll->armed == 0 || is_waiting) continue;
        bl__list_append(&self->changes, &poll->link);
    }
}

/* To be called before the ring is used: it may be another thread's. */
static void uring_adopt(struct uring_driver *self) {
    if (!self->has_ring) return;
    if (BL__LIKELY(self->thread == uring_thread())) return;
    uring_leave_ring(self);
}

/* ---- keys of operations -------------------------------------------------- */

static_assert(_Alignof(struct bl__op) >= 4, "two bits of an address are free");

/* An address without its last two bits goes around the bit that marks it. */
static uint64_t uring_op_key(const struct bl__op *op) {
    uint64_t bits = (uint64_t)(uintptr_t)op >> 2;
    uint64_t low = bits & (URING_OP_BIT - 1);
    return (bits >> 31) << 32 | URING_OP_BIT | low;
}

static struct bl__op *uring_op_of(uint64_t key) {
    uint64_t low = key & (URING_OP_BIT - 1);
    uint64_t bits = (key >> 32) << 31 | low;
    return (struct bl__op *)(uintptr_t)(bits << 2);
}

/* ---- completions ------------------------------------------------------- */

static void uring_take_op(struct uring_driver *self, uint64_t key, int result) {
    struct bl__op *op = uring_op_of(key);
    BL__ASSERT(self->op_count > 0);
    BL__ASSERT(!op->was_made);
    self->op_count--;
    op->result = result;
    op->was_made = true;
    bl__list_append(&self->finished, &op->link);
}

/*
 * The result is either what the file said when it was asked, or what the call
 * that woke us said.  Sockets wake their readers with POLLPRI and POLLRDBAND
 * whatever came, but answer with POLLPRI alone if bytes are urgent.  (Urgent
 * bytes wake twice, and then the file is asked.)
 */
static unsigned uring_events_of(int result) {
    const unsigned everything = BL_READABLE | BL_WRITABLE | BL__HANGUP;
    if (result < 0) return everything; /* who tries it gets the same error */
    unsigned events = 0;
    if (result & POLLRDBAND) result &= ~POLLPRI;
    if (result & POLLIN) events |= BL_READABLE;
    if (result & POLLOUT) events |= BL_WRITABLE;
    /* The kernel may say POLLPRI with ordinary data: a doubt too many. */
    if (result & (POLLRDHUP | POLLPRI)) events |= BL_READABLE | BL__HANGUP;
    if (result & (POLLERR | POLLHUP)) events |= everything;
    return events;
}

static void uring_take(struct uring_driver *self,
                       const struct io_uring_cqe *completion) {
    uint64_t key = completion->user_data;
    if (key == URING_NO_KEY) return;
    if (key & URING_OP_BIT) {
        uring_take_op(self, key, completion->res);
        return;
    }
    uint32_t fd = (uint32_t)bl__key_fd(key);
    BL__ASSERT(fd < self->poll_capacity);
    struct bl__poll *poll = self->polls[fd];
    BL__ASSERT(poll != NULL);

    bool is_final = (completion->flags & IORING_CQE_F_MORE) == 0;
    if (is_final) {
        BL__ASSERT(poll->requests > 0);
        poll->requests--;
        self->request_count--;
    }
    if (bl__key_generation(key) != poll->generation) return;
    if (poll->armed == 0) return;
    /* That a number is closed is said once: nothing would ever change it. */
    if (is_final && completion->res != -EBADF) poll->is_submitted = false;

    /* Nobody asked to cancel the present key: the kernel gave the poll up, as
     * when the thread that made it ended.  It is made again. */
    unsigned events = 0;
    if (completion->res != -ECANCELED) {
        events = uring_events_of(completion->res);
    }
    poll->events |= events;
    if (bl__list_is_linked(&poll->link)) return;
    if (poll->events != 0) {
        bl__list_append(&self->reported, &poll->link);
    } else if (!poll->is_submitted) {
        bl__list_append(&self->changes, &poll->link);
    }
}

static void uring_harvest(struct uring_driver *self) {
    struct io_uring_cqe *completion;
    unsigned head;
    unsigned count = 0;
    io_uring_for_each_cqe(&self->ring, head, completion) {
        uring_take(self, completion);
        count++;
    }
    io_uring_cq_advance(&self->ring, count);
}

/* ---- system calls ------------------------------------------------------ */

/*
 * Submits what is written and waits for a completion for up to `timeout`.
 *
 * Returns 0, or what went wrong.  The kernel may be short of memory or of room
 * for completions: then what was not submitted stays written.
 */
static int uring_enter(struct uring_driver *self, bl_ns timeout) {
    int rc;
    if (timeout == 0) {
        rc = io_uring_submit_and_get_events(&self->ring);
    } else if (timeout == BL_FOREVER) {
        rc = io_uring_submit_and_wait(&self->ring, 1);
    } else {
        struct __kernel_timespec limit = {
            .tv_sec = timeout / 1000000000,
            .tv_nsec = timeout % 1000000000,
        };
        struct io_uring_cqe *first;
        rc = io_uring_submit_and_wait_timeout(&self->ring, &first, 1, &limit,
                                              NULL);
    }
    if (rc >= 0 || rc == -ETIME) return 0;
    BL__ASSERT(rc != -EBADF);
    BL__ASSERT(rc != -EEXIST); /* that is what uring_adopt is for */
    return rc;
}

/* A place for one more request; makes room if there is none. */
static struct io_uring_sqe *uring_request(struct uring_driver *self) {
    for (;;) {
        struct io_uring_sqe *request = io_uring_get_sqe(&self->ring);
        if (request != NULL) return request;
        BL_IGNORE(uring_enter(self, 0) < 0); /* short of memory: once more */
        uring_harvest(self);
    }
}

static uint32_t uring_mask(unsigned events) {
    uint32_t mask = 0;
    if (events & BL_READABLE) mask |= POLLIN | POLLRDHUP;
    if (events & BL_WRITABLE) mask |= POLLOUT;
    if ((events & BL_EDGE) && (events & BL_READABLE)) {
        mask |= POLLPRI | POLLRDBAND; /* see uring_events_of */
    }
    return mask;
}

/* Writes a request for each poll that changed.  They are submitted next. */
static void uring_write_changes(struct uring_driver *self) {
    while (!bl__list_is_empty(&self->changes)) {
        struct io_uring_sqe *request = uring_request(self);
        bl_link *first = bl__list_first(&self->changes);
        struct bl__poll *poll = bl__container_of(first, struct bl__poll, link);
        BL__ASSERT(poll->armed != 0);
        BL__ASSERT(!poll->is_submitted);

        uint32_t mask = uring_mask(poll->armed);
        if (poll->armed & BL_EDGE) {
            io_uring_prep_poll_multishot(request, poll->fd, mask);
        } else {
            io_uring_prep_poll_add(request, poll->fd, mask);
        }
        request->user_data = bl__key_pack(poll->fd, poll->generation);
        bl__list_remove(&poll->link);
        poll->is_submitted = true;
        poll->requests++;
        self->request_count++;
    }
}

static void uring_write_cancel(struct uring_driver *self, uint64_t key) {
    struct io_uring_sqe *request = uring_request(self);
    io_uring_prep_cancel64(request, key, 0);
    request->user_data = URING_NO_KEY;
}

static void uring_commit(struct bl__driver *driver) {
    struct uring_driver *self = uring_self(driver);
    uring_adopt(self);
    /* Without a ring there is nothing that a host could wait for: the next
     * `wait` tries again, and says why if it fails. */
    if (uring_ensure_ring(self) < 0) return;
    uring_write_changes(self);
    if (io_uring_sq_ready(&self->ring) == 0) return;
    BL_IGNORE(io_uring_submit(&self->ring) < 0); /* stays written */
}

/* ---- polls ------------------------------------------------------------- */

/* Notes where completions for poll->fd go. */
static int uring_know(struct uring_driver *self, struct bl__poll *poll) {
    uint32_t fd = (uint32_t)poll->fd;
    if (BL__UNLIKELY(fd >= self->poll_capacity)) {
        uint32_t capacity = self->poll_capacity;
        if (capacity == 0) capacity = URING_POLLS_MIN;
        while (capacity <= fd)
            capacity *= 2;
        size_t bytes = capacity * sizeof *self->polls;
        struct bl__poll **polls = bl_realloc(self->polls, bytes);
        if (polls == NULL) return -ENOMEM;
        size_t known = self->poll_capacity;
        memset(polls + known, 0, (capacity - known) * sizeof *polls);
        self->polls = polls;
        self->poll_capacity = capacity;
    }
    struct bl__poll *before = self->polls[fd];
    BL__ASSERT(before == NULL || before == poll || before->requests == 0);
    self->polls[fd] = poll;
    return 0;
}

/* No completion for it is on its way, so nobody has to find it any more. */
static void uring_forget(struct uring_driver *self,
                         const struct bl__poll *poll) {
    uint32_t fd = (uint32_t)poll->fd;
    BL__ASSERT(poll->requests == 0);
    if (fd >= self->poll_capacity) return;
    if (self->polls[fd] == poll) self->polls[fd] = NULL;
}

/*
 * io_uring calls a regular file always ready and finds out about a closed
 * number later; we want both to be refused at once, as by epoll.
 */
static int uring_check_file(int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    bool is_plain = S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ||
                    S_ISBLK(status.st_mode);
    return is_plain ? -EPERM : 0;
}

static int uring_set(struct bl__driver *driver, struct bl__poll *poll,
                     unsigned events) {
    struct uring_driver *self = uring_self(driver);
    if (poll->armed == 0) {
        if (events == 0) return 0;
        int rc = poll->is_socket ? 0 : uring_check_file(poll->fd);
        if (rc < 0) return rc;
        rc = uring_know(self, poll);
        if (rc < 0) return rc;
    }
    uring_adopt(self);
    if (poll->is_submitted) {
        uint64_t key = bl__key_pack(poll->fd, poll->generation);
        poll->is_submitted = false;
        uring_write_cancel(self, key);
    }
    bl__list_remove(&poll->link);
    poll->events = 0;
    poll->generation = ++self->generation;
    poll->armed = events;
    if (events != 0) bl__list_append(&self->changes, &poll->link);
    if (self->is_hosted) uring_commit(driver);
    return 0;
}

static void uring_flush(struct bl__driver *driver, struct bl__poll *poll) {
    struct uring_driver *self = uring_self(driver);
    BL__ASSERT(poll->armed == 0);
    if (poll->requests > 0) uring_adopt(self);
    bl_ns patience = 0; /* the cancelling usually ends it in the same call */
    while (poll->requests > 0) {
        BL_IGNORE(uring_enter(self, patience) < 0); /* interrupted: again */
        uring_harvest(self);
        patience = BL_FOREVER;
    }
    uring_forget(self, poll);
}

/* ---- waiting ----------------------------------------------------------- */

static bool uring_has_kernel_work(const struct uring_driver *self) {
    unsigned flags = IO_URING_READ_ONCE(*self->ring.sq.kflags);
    return (flags & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static bool uring_is_pending(const struct bl__driver *driver) {
    const struct uring_driver *self = (const void *)driver;
    if (!self->has_ring) return true;
    if (!bl__list_is_empty(&self->reported)) return true;
    if (!bl__list_is_empty(&self->finished)) return true;
    if (!bl__list_is_empty(&self->changes)) return true;
    if (io_uring_sq_ready(&self->ring) > 0) return true;
    if (io_uring_cq_ready(&self->ring) > 0) return true;
    return uring_has_kernel_work(self);
}

static int uring_report(struct uring_driver *self, struct bl__ready *ready,
                        int count) {
    int done = 0;
    while (done < count && !bl__list_is_empty(&self->reported)) {
        bl_link *first = bl__list_first(&self->reported);
        struct bl__poll *poll = bl__container_of(first, struct bl__poll, link);
        BL__ASSERT(poll->armed != 0);
        BL__ASSERT(poll->events != 0);
        ready[done++] = (struct bl__ready){
            .fd = poll->fd,
            .generation = poll->generation,
            .events = poll->events,
        };
        poll->events = 0;
        bl__list_remove(&poll->link);
        if (!poll->is_submitted) bl__list_append(&self->changes, &poll->link);
    }
    return done;
}

static int uring_wait(struct bl__driver *driver, bl_ns timeout,
                      struct bl__ready *ready, int count) {
    struct uring_driver *self = uring_self(driver);
    BL__ASSERT(timeout >= 0);
    BL__ASSERT(count > 0);
    uring_adopt(self);
    int rc = uring_ensure_ring(self);
    if (rc < 0) return rc;

    uring_write_changes(self);
    if (io_uring_cq_ready(&self->ring) > 0) timeout = 0;
    if (!bl__list_is_empty(&self->reported)) timeout = 0;
    if (!bl__list_is_empty(&self->finished)) timeout = 0;
    bool must_enter = timeout != 0 || io_uring_sq_ready(&self->ring) > 0 ||
                      uring_has_kernel_work(self);
    if (must_enter) rc = uring_enter(self, timeout);
    uring_harvest(self);

    int reported = uring_report(self, ready, count);
    return reported == 0 && rc < 0 ? rc : reported;
}

/* ---- operations ---------------------------------------------------------- */

/* Asks the kernel what it can carry.  If it does not say: nothing. */
static void uring_probe(struct uring_driver *self) {
    static const int requests[BL__OP_CODES] = {
        [BL__OP_OPEN] = IORING_OP_OPENAT,
        [BL__OP_CLOSE] = IORING_OP_CLOSE,
        [BL__OP_READ] = IORING_OP_READ,
        [BL__OP_WRITE] = IORING_OP_WRITE,
        [BL__OP_SYNC] = IORING_OP_FSYNC,
        [BL__OP_STAT] = IORING_OP_STATX,
        [BL__OP_RENAME] = IORING_OP_RENAMEAT,
        [BL__OP_UNLINK] = IORING_OP_UNLINKAT,
        [BL__OP_MKDIR] = IORING_OP_MKDIRAT,
    };
    self->was_probed = true;
    struct io_uring_probe *probe = io_uring_get_probe_ring(&self->ring);
    if (probe == NULL) return;
    for (unsigned code = 0; code < BL__OP_CODES; code++) {
        int request = requests[code];
        bool is_able =
            request != 0 && io_uring_opcode_supported(probe, request);
        if (is_able) self->able |= 1u << code;
    }
    io_uring_free_probe(probe);
}

static void uring_write_transfer(struct io_uring_sqe *request,
                                 const struct bl__op *op) {
    bool reads = op->code == BL__OP_READ;
    const struct iovec *first = op->parts;
    unsigned count = (unsigned)op->part_count;
    uint64_t offset = (uint64_t)op->offset;
    size_t length = first->iov_len;
    if (length > URING_TRANSFER_MAX) length = URING_TRANSFER_MAX;
    unsigned bytes = (unsigned)length;
    if (count > 1 && reads) {
        io_uring_prep_readv(request, op->fd, op->parts, count, offset);
    } else if (count > 1) {
        io_uring_prep_writev(request, op->fd, op->parts, count, offset);
    } else if (reads) {
        io_uring_prep_read(request, op->fd, first->iov_base, bytes, offset);
    } else {
        io_uring_prep_write(request, op->fd, first->iov_base, bytes, offset);
    }
}

static void uring_write_op(struct io_uring_sqe *request,
                           const struct bl__op *op) {
    const char *path = op->path;
    switch (op->code) {
    case BL__OP_OPEN:
        io_uring_prep_openat(request, op->fd, path, op->flags, op->mode);
        break;
    case BL__OP_CLOSE: io_uring_prep_close(request, op->fd); break;
    case BL__OP_READ:
    case BL__OP_WRITE: uring_write_transfer(request, op); break;
    case BL__OP_SYNC:
        io_uring_prep_fsync(request, op->fd,
                            op->flags != 0 ? IORING_FSYNC_DATASYNC : 0);
        break;
    case BL__OP_STAT:
        io_uring_prep_statx(request, op->fd, path, op->flags, STATX_BASIC_STATS,
                            op->status);
        break;
    case BL__OP_RENAME:
        io_uring_prep_renameat(request, op->fd, path, op->fd, op->new_path, 0);
        break;
    case BL__OP_UNLINK:
        io_uring_prep_unlinkat(request, op->fd, path, op->flags);
        break;
    case BL__OP_MKDIR:
        io_uring_prep_mkdirat(request, op->fd, path, op->mode);
        break;
    default: BL__ASSERT(false); /* uring_probe knows of none other */
    }
    request->user_data = uring_op_key(op);
}

static bool uring_start(struct bl__driver *driver, struct bl__op *op) {
    struct uring_driver *self = uring_self(driver);
    uring_adopt(self);
    if (uring_ensure_ring(self) < 0) return false;
    if (!self->was_probed) uring_probe(self);
    if ((self->able & (1u << op->code)) == 0) return false;
    op->was_made = false;
    op->was_cancelled = false;
    uring_write_op(uring_request(self), op);
    self->op_count++;
    return true;
}

static void uring_cancel(struct bl__driver *driver, struct bl__op *op) {
    struct uring_driver *self = uring_self(driver);
    BL__ASSERT(self->thread == uring_thread());
    uring_write_cancel(self, uring_op_key(op));
}

static struct bl__op *uring_finished(struct bl__driver *driver) {
    struct uring_driver *self = uring_self(driver);
    bl_link *first = bl__list_first(&self->finished);
    if (first == NULL) return NULL;
    bl__list_remove(first);
    return bl__container_of(first, struct bl__op, link);
}

/* ---- the whole --------------------------------------------------------- */

static int uring_open(struct bl__driver **driver) {
    struct uring_driver *self = bl__alloc_zeroed(1, sizeof *self);
    if (self == NULL) return -ENOMEM;
    bl__list_init(&self->changes);
    bl__list_init(&self->reported);
    bl__list_init(&self->finished);
    int rc = uring_ensure_ring(self);
    if (rc < 0) {
        bl__free(self);
        return rc;
    }
    *driver = (struct bl__driver *)(void *)self;
    return 0;
}

/* Has the kernel end every request, so that no file stays open behind us. */
static void uring_drain(struct uring_driver *self) {
    for (uint32_t fd = 0; fd < self->poll_capacity; fd++) {
        struct bl__poll *poll = self->polls[fd];
        if (poll == NULL || !poll->is_submitted) continue;
        poll->is_submitted = false;
        poll->armed = 0;
        uring_write_cancel(self, bl__key_pack(poll->fd, poll->generation));
    }
    while (self->request_count > 0) {
        BL_IGNORE(uring_enter(self, BL_FOREVER) < 0); /* interrupted: again */
        uring_harvest(self);
    }
}

static void uring_close(struct bl__driver *driver) {
    struct uring_driver *self = uring_self(driver);
    BL__ASSERT(self->op_count == 0);
    BL__ASSERT(bl__list_is_empty(&self->finished));
    if (self->has_ring && self->thread == uring_thread()) uring_drain(self);
    if (self->has_ring) io_uring_queue_exit(&self->ring);
    bl_free(self->polls);
    bl__free(self);
}

static int uring_fd(struct bl__driver *driver) {
    struct uring_driver *self = uring_self(driver);
    uring_adopt(self);
    int rc = uring_ensure_ring(self);
    if (rc < 0) return rc;
    self->is_hosted = true;
    uring_commit(driver);
    return self->ring.ring_fd;
}

const struct bl__driver_ops bl__driver_uring = {
    .name = "io_uring",
    .open = uring_open,
    .close = uring_close,
    .fd = uring_fd,
    .set = uring_set,
    .flush = uring_flush,
    .wait = uring_wait,
    .commit = uring_commit,
    .is_pending = uring_is_pending,
    .start = uring_start,
    .cancel = uring_cancel,
    .finished = uring_finished,
};
