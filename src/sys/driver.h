/* SPDX-License-Identifier: MIT */
/*
 * sys/driver.h - what the loop asks of the kernel about descriptors
 *
 * A driver tells which of the descriptors it was given are ready.  It knows
 * nothing of tasks, watches or callbacks: it gets polls, and reports keys.
 * Both drivers have the same shape, readiness first; the direct system call
 * that follows is made by the layer above.  Files, which are never ready and
 * never not, are another matter: a driver may carry operations on them, and
 * where it does not, threads do.
 *
 * A *key* is a descriptor number and a generation, which the driver renews
 * each time a poll is set.  Keys are all the kernel ever sees of us, so a poll
 * can be taken back at any moment: what it still reports carries an old key.
 *
 * Invariant: no report that `wait` returns after a `set` carries the key that
 * the poll had before it.
 */
#ifndef BL__SYS_DRIVER_H
#define BL__SYS_DRIVER_H

#include <belay/base.h>

struct bl__driver;
struct bl__op;

/*
 * Beside the events of <belay/loop.h>: the peer has closed, there is an error,
 * or there are urgent bytes.  What a read returned then says nothing about
 * what is left.  Reported always, passed on to watches that ask for it.
 */
enum {
    BL__HANGUP = 8
};

/* Asked for with the events by who knows that it is an open socket. */
enum {
    BL__SOCKET = 16
};

/* One descriptor's registration; its owner keeps it in place. */
struct bl__poll {
    int fd;
    uint32_t generation;
    unsigned armed; /* BL_READABLE | BL_WRITABLE | BL_EDGE: as last set */
    bool is_socket; /* and open: its owner says so, and a driver need not ask */

    /* The rest belongs to the io_uring driver. */
    bool is_submitted; /* one of the requests is for the present key */
    unsigned events;   /* reported by the kernel, not yet by us */
    uint32_t requests; /* of this number that the kernel has not ended */
    bl_link link;      /* in the driver's line of changes or of reports */
};

/* A report: whose, and what is ready. */
struct bl__ready {
    int fd;
    uint32_t generation;
    unsigned events; /* BL_READABLE | BL_WRITABLE | BL__HANGUP */
};

struct bl__driver_ops {
    const char *name;
    /* Returns 0, -ENOMEM, -EMFILE, or another code: the kernel refuses. */
    int (*open)(struct bl__driver **driver);
    /* Takes back what is still set; the polls are not touched afterwards. */
    void (*close)(struct bl__driver *driver);
    /*
     * A descriptor that is readable when `wait` would report something, as
     * long as every change was handed over with `commit`.  A driver that moved
     * to another thread has another one.
     */
    int (*fd)(struct bl__driver *driver);
    /*
     * Replaces what is asked for; 0 ends it and never fails.  What is ready
     * already is reported, also if it was before.
     */
    int (*set)(struct bl__driver *driver, struct bl__poll *poll,
               unsigned events);
    /* Makes the kernel let go of the file, so that close() closes it.  To be
     * called for a poll that was set to 0; it is not touched afterwards. */
    void (*flush)(struct bl__driver *driver, struct bl__poll *poll);
    /*
     * Hands over changes, waits up to `timeout` (0: not at all, BL_FOREVER:
     * no limit) and reports up to `count` ready polls.
     *
     * Returns how many; -EINTR if a signal came first.  May return 0 early.
     */
    int (*wait)(struct bl__driver *driver, bl_ns timeout,
                struct bl__ready *ready, int count);
    /* Hands over changes, for a host that is about to wait on `fd`. */
    void (*commit)(struct bl__driver *driver);
    /*
     * Whether `wait` with timeout 0 has something to do or could find
     * something.  No system call; true if the driver cannot know.
     */
    bool (*is_pending)(const struct bl__driver *driver);
    /*
     * Operations on files; all three are NULL in a driver that carries none.
     *
     * `start` takes `op` until it is finished, or returns false: the kernel
     * cannot make this call.  It is handed over by the next `wait`.  No
     * operation may be under way when the driver goes to another thread, or
     * is closed.
     */
    bool (*start)(struct bl__driver *driver, struct bl__op *op);
    /* Asks the kernel to call off what was started, which finishes either way:
     * with -ECANCELED, or interrupted, or as if nobody had asked. */
    void (*cancel)(struct bl__driver *driver, struct bl__op *op);
    /* Takes one that is finished, with its result, out of the line that `wait`
     * put it in; NULL if there is none. */
    struct bl__op *(*finished)(struct bl__driver *driver);
};

extern const struct bl__driver_ops bl__driver_epoll;
extern const struct bl__driver_ops bl__driver_uring;

/*
 * Opens the driver that `kind` asks for; for BL_DRIVER_DEFAULT the one that
 * the environment's BELAY_DRIVER names ("epoll" or "uring"), else io_uring.
 * Where the kernel or the container refuses io_uring, it is epoll.
 *
 * Returns 0 and both pointers, or the last driver's code.
 */
int bl__driver_open(bl_driver_kind kind, const struct bl__driver_ops **ops,
                    struct bl__driver **driver);

static inline void bl__poll_init(struct bl__poll *poll, int fd) {
    *poll = (struct bl__poll){ .fd = fd };
}

/* Both drivers put the key of a poll into 64 bits of the kernel's. */
static inline uint64_t bl__key_pack(int fd, uint32_t generation) {
    return (uint64_t)generation << 32 | (uint32_t)fd;
}

static inline int bl__key_fd(uint64_t key) {
    return (int)(uint32_t)key;
}

static inline uint32_t bl__key_generation(uint64_t key) {
    return (uint32_t)(key >> 32);
}

#endif
