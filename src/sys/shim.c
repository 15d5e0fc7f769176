/* SPDX-License-Identifier: MIT */
/*
 * sys/shim.c - a process between us and a program, to lose nobody below it
 *
 *     we --- shim (subreaper) --- program --- ...
 *                  '------------- whoever lost its parent
 *
 * A process that is left alone goes to the nearest subreaper above it.  So the
 * shim has the program and its orphans as children, knows when none is left,
 * and can signal and kill each by a number that nobody else can get before the
 * shim has reaped it.  To kill them all it kills its children, again and again:
 * those of who has died have become its own.
 *
 * The shim ends when the last of them has; that is how we know.  If we end
 * first, killed for example, the kernel tells the shim, and it kills them all.
 *
 * It borrows our memory, and has all signals blocked, a stack of its own, and
 * no descriptors but a socket to us and a signalfd.  It calls nothing of the C
 * library once the program runs, and touches nothing of ours but that stack.
 *
 * Invariant: the program is reaped only after we have a pidfd of it.
 */
#include "sys/spawn.h"

#include <belay/error.h>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/assert.h"
#include "sys/raw.h"
#include "sys/seam.h"

#ifndef SYS_pidfd_open
#    define SYS_pidfd_open 434
#endif
#ifndef CLONE_PIDFD
#    define CLONE_PIDFD 0x1000
#endif

enum {
    SHIM_SOCKET = 0, /* its descriptors, once the program runs */
    SHIM_SIGNALS = 1,
    SHIM_TOLD_MAX = 64, /* children whose signalling is remembered */
    SHIM_RESCAN_MS = 10 /* some become its children without any notice */
};

struct shim_order {
    int order;
    int number; /* of a signal */
};

/* All that the shim has; beneath its stack. */
struct shim {
    struct bl__spawn_plan *plan;
    void *stack; /* of the program, until it is one */
    int socket;
    int our_end; /* of the socket: its copy would hide that ours is closed */
    pid_t parent;
    pid_t leader;               /* the program; 0 once it is reaped */
    pid_t group;                /* of the program */
    struct shim_order standing; /* what is done to each child */
    /* Whom it was done to; a ring.  Volatile, or clearing it would become a
     * call of memset, which is not bare. */
    volatile pid_t told[SHIM_TOLD_MAX];
    unsigned told_next;
    struct bl__shim_report report;
};

/* ---- in the shim: its children ----------------------------------------- */

BL__BARE static bool shim_was_told(const struct shim *shim, pid_t pid) {
    for (int i = 0; i < SHIM_TOLD_MAX; i++) {
        if (shim->told[i] == pid) return true;
    }
    return false;
}

BL__BARE static void shim_do_to_child(struct shim *shim, pid_t pid) {
    const struct shim_order *order = &shim->standing;
    if (order->order == BL__SHIM_KILL) {
        BL__RAW2(kill, pid, SIGKILL);
        return;
    }
    if (order->order == BL__SHIM_SIGNAL_ORPHANS) {
        if (pid == shim->leader) return;
        if (BL__RAW1(getpgid, pid) == shim->group) return;
    }
    if (shim_was_told(shim, pid)) return;
    shim->told[shim->told_next++ % SHIM_TOLD_MAX] = pid;
    BL__RAW2(kill, pid, order->number);
    BL__RAW2(kill, pid, SIGCONT); /* or it would not notice */
}

/* The kernel lists children as "12 34 56 ". */
BL__BARE static void shim_do_to_all(struct shim *shim) {
    char text[256];
    pid_t pid = 0;
    int fd = (int)BL__RAW4(openat, AT_FDCWD, "/proc/thread-self/children",
                           O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0) {
        if (shim->leader > 0) shim_do_to_child(shim, shim->leader);
        return;
    }
    for (;;) {
        long count = BL__RAW3(read, fd, text, sizeof text);
        if (count <= 0) break;
        for (long i = 0; i < count; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid > 0) {
                shim_do_to_child(shim, pid);
                pid = 0;
            }
        }
    }
    BL__RAW1(close, fd);
}

BL__BARE static void shim_send(const struct shim *shim, int socket) {
    BL__RAW5(sendto, socket, &shim->report, sizeof shim->report, MSG_NOSIGNAL,
             NULL);
}

/* Returns false once there is nobody left. */
BL__BARE static bool shim_reap(struct shim *shim) {
    for (;;) {
        long pid = BL__RAW4(wait4, -1, &shim->report.status, WNOHANG | __WALL,
                            &shim->report.usage);
        if (pid == -EINTR) continue;
        if (pid < 0) return false;
        if (pid == 0) return true;
        if (pid != shim->leader) continue;
        shim->leader = 0;
        shim->report.kind = BL__SHIM_EXITED;
        shim->report.pid = (pid_t)pid;
        shim_send(shim, SHIM_SOCKET);
    }
}

/* ---- in the shim: what it is told -------------------------------------- */

/* While one of its children is in the group, its number is nobody else's. */
BL__BARE static void shim_signal_group(const struct shim *shim, int number) {
    if (shim->leader == 0 || shim->group == 0) return;
    BL__RAW2(kill, -shim->group, number);
}

BL__BARE static void shim_obey(struct shim *shim,
                               const struct shim_order *order) {
    if (order->order == BL__SHIM_SIGNAL_GROUP) {
        shim_signal_group(shim, order->number);
        return;
    }
    if (shim->standing.order == BL__SHIM_KILL) return;
    shim->standing.order = order->order;
    shim->standing.number = order->number;
    for (int i = 0; i < SHIM_TOLD_MAX; i++)
        shim->told[i] = 0;
}

BL__BARE static void shim_lose_parent(struct shim *shim) {
    shim->standing.order = BL__SHIM_KILL;
    shim->standing.number = SIGKILL;
}

BL__BARE static void shim_read_orders(struct shim *shim) {
    struct shim_order order;
    for (;;) {
        long count = BL__RAW5(recvfrom, SHIM_SOCKET, &order, sizeof order,
                              MSG_DONTWAIT, NULL);
        if (count == -EINTR) continue;
        if (count == -EAGAIN) return;
        if (count != (long)sizeof order) {
            shim_lose_parent(shim);
            return;
        }
        shim_obey(shim, &order);
    }
}

BL__BARE static void shim_read_signals(struct shim *shim, int signals) {
    struct signalfd_siginfo info;
    while (BL__RAW3(read, signals, &info, sizeof info) > 0) {
        if (info.ssi_signo == SIGUSR1) shim_lose_parent(shim);
    }
}

/* Waits for orders or signals; returns whether there are orders to read. */
BL__BARE static bool shim_wait(int socket, int signals,
                               const struct timespec *limit) {
    struct pollfd items[2];
    items[0].fd = socket;
    items[1].fd = signals;
    items[0].events = items[1].events = POLLIN;
    items[0].revents = items[1].revents = 0;
    BL__RAW5(ppoll, items, 2, limit, NULL, 0);
    return items[0].revents != 0;
}

BL__BARE static void shim_serve(struct shim *shim) {
    while (shim_reap(shim)) {
        bool is_busy = shim->standing.order != 0;
        struct timespec rescan;
        rescan.tv_sec = 0;
        rescan.tv_nsec = SHIM_RESCAN_MS * 1000000L;
        if (is_busy) shim_do_to_all(shim);
        shim_wait(SHIM_SOCKET, SHIM_SIGNALS, is_busy ? &rescan : NULL);
        shim_read_signals(shim, SHIM_SIGNALS);
        shim_read_orders(shim);
    }
}

/* ---- in the shim: how it begins ---------------------------------------- */

/* SIGCHLD is as the system has it, or children would be reaped unseen. */
BL__BARE static long shim_open_signals(void) {
    unsigned long action[8] = { 0 };
    uint64_t set = (uint64_t)1 << (SIGCHLD - 1) | (uint64_t)1 << (SIGUSR1 - 1);
    long rc = BL__RAW4(rt_sigaction, SIGCHLD, action, NULL, sizeof set);
    if (rc < 0) return rc;
    return BL__RAW4(signalfd4, -1, &set, sizeof set,
                    SFD_NONBLOCK | SFD_CLOEXEC);
}

BL__BARE static long shim_become(const struct shim *shim) {
    long rc = BL__RAW2(prctl, PR_SET_CHILD_SUBREAPER, 1);
    if (rc < 0) return rc;
    rc = BL__RAW2(prctl, PR_SET_PDEATHSIG, SIGUSR1);
    if (rc < 0) return rc;
    if (BL__RAW0(getppid) != shim->parent) return -ESRCH;
    BL__RAW2(prctl, PR_SET_NAME, "belay-shim");
    return 0;
}

/* Our descriptors are closed here, and those of the program with them: first
 * those that are in the way, since there may be no other left. */
BL__BARE static void shim_keep(int socket, int signals) {
    unsigned low = (unsigned)(socket < signals ? socket : signals);
    unsigned high = (unsigned)(socket < signals ? signals : socket);
    if (low > 2) bl__spawn_seal(2, low - 1, true);
    if (high > 2) bl__spawn_seal(low < 2 ? 2 : low + 1, high - 1, true);
    bl__spawn_seal(high < 2 ? 2 : high + 1, ~0U, true);
    socket = (int)BL__RAW3(fcntl, socket, F_DUPFD_CLOEXEC, 2);
    signals = (int)BL__RAW3(fcntl, signals, F_DUPFD_CLOEXEC, 2);
    BL__RAW3(dup3, socket, SHIM_SOCKET, O_CLOEXEC);
    BL__RAW3(dup3, signals, SHIM_SIGNALS, O_CLOEXEC);
    bl__spawn_seal(2, ~0U, true);
    BL__RAW1(chdir, "/");
}

/* Until we have taken notice of the program; or have ended, or given up. */
BL__BARE static void shim_await_go(struct shim *shim, int signals) {
    bool has_orders = false;
    while (!has_orders && shim->standing.order != BL__SHIM_KILL) {
        has_orders = shim_wait(shim->socket, signals, NULL);
        shim_read_signals(shim, signals);
    }
}

BL__BARE static void shim_run(struct shim *shim) {
    struct bl__shim_report *report = &shim->report;
    BL__RAW1(close, shim->our_end);
    report->kind = BL__SHIM_FAILED;
    report->failure.step = BL__SPAWN_CLONE;
    long rc = shim_become(shim);
    long signals = rc < 0 ? rc : shim_open_signals();
    rc = signals;
    if (rc >= 0) {
        rc = bl__spawn_launch(shim->plan, shim->stack, NULL, &report->failure);
        report->pid = (pid_t)rc;
    }
    bool is_started = rc >= 0 && report->failure.step == BL__SPAWN_NONE;
    if (is_started) report->kind = BL__SHIM_STARTED;
    if (rc < 0) {
        report->failure.step = BL__SPAWN_CLONE;
        report->failure.error = (int)-rc;
    } else if (!is_started) {
        BL__RAW4(wait4, rc, NULL, __WALL, NULL);
    }
    bool has_group = shim->plan->has_group || shim->plan->has_session;
    shim->leader = report->pid;
    shim->group = has_group ? report->pid : 0;
    shim_send(shim, shim->socket);
    if (!is_started) return;

    shim_await_go(shim, (int)signals);
    /* Now the plan is not there any more, and neither is the C library. */
    shim_keep(shim->socket, (int)signals);
    shim_serve(shim);
}

BL__BARE static int shim_main(void *arg) {
    shim_run(arg);
    return 0;
}

/* ---- our side ---------------------------------------------------------- */

void bl__shim_tell(const struct bl__shim *shim, int order, int number) {
    struct shim_order message = { .order = order, .number = number };
    ssize_t sent;
    do {
        sent = send(shim->socket, &message, sizeof message,
                    MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
}

static ssize_t shim_recv(int socket, struct bl__shim_report *report,
                         int flags) {
    ssize_t count;
    do {
        count = recv(socket, report, sizeof *report, flags);
    } while (count < 0 && errno == EINTR);
    return count;
}

bool bl__shim_read_report(const struct bl__shim *shim,
                          struct bl__shim_report *report) {
    ssize_t count = shim_recv(shim->socket, report, MSG_DONTWAIT);
    /* It has ended without having read an order: that is said once, before
     * what it has sent. */
    if (count < 0 && errno == ECONNRESET) {
        count = shim_recv(shim->socket, report, MSG_DONTWAIT);
    }
    return count == (ssize_t)sizeof *report;
}

static void shim_reap_itself(pid_t pid) {
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR) {}
}

static long shim_clone(struct shim *shim, void *stack, int *pidfd) {
    if (!bl__spawn_is_shared()) {
        long pid = BL__RAW2(clone, 0, 0);
        if (pid == 0) bl__raw_exit(shim_main(shim));
        return pid;
    }
    char *top = (char *)stack + BL__SHIM_STACK_BYTES;
    return bl__raw_clone(CLONE_VM | CLONE_PIDFD, top, shim_main, shim, pidfd);
}

/* Waits until the program runs, or does not; true if it does. */
static bool shim_await(const struct bl__shim *shim, struct bl__spawned *spawned,
                       struct bl__spawn_failure *failure) {
    struct bl__shim_report report;
    struct pollfd items[2] = { { .fd = shim->socket, .events = POLLIN },
                               { .fd = shim->pidfd, .events = POLLIN } };
    while (poll(items, 2, -1) < 0 && errno == EINTR) {}
    *failure = (struct bl__spawn_failure){ BL__SPAWN_CLONE, EIO };
    if (!bl__shim_read_report(shim, &report)) return false;
    *failure = report.failure;
    if (report.kind != BL__SHIM_STARTED) return false;
    spawned->pid = report.pid;
    spawned->pidfd = (int)syscall(SYS_pidfd_open, report.pid, 0);
    if (spawned->pidfd >= 0) return true;
    *failure = (struct bl__spawn_failure){ BL__SPAWN_CLONE, errno };
    return false;
}

static int shim_open_pidfd(long pid, int *pidfd) {
    if (*pidfd < 0) *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return *pidfd < 0 ? -errno : 0;
}

int bl__shim_spawn(struct bl__spawn_plan *plan, void *stack,
                   struct bl__shim *shim, struct bl__spawned *spawned,
                   struct bl__spawn_failure *failure) {
    int ends[2];
    *failure = (struct bl__spawn_failure){ .step = BL__SPAWN_CLONE };
    bool fails = bl__sys_fails(BL_IO_SPAWN, -1, NULL);
    if (!fails && !bl__spawn_is_possible()) {
        failure->error = ENOSYS;
        return -ENOSYS;
    }
    if (fails || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)) {
        failure->error = errno;
        return -failure->error;
    }
    /* Beneath its stack, where it stays. */
    struct shim *made = (void *)((char *)stack + BL__SPAWN_STACK_BYTES);
    *made = (struct shim){ .plan = plan,
                           .socket = ends[1],
                           .our_end = ends[0],
                           .stack = stack,
                           .parent = getpid() };
    struct bl__shim opened = { .pidfd = -1, .socket = ends[0] };
    plan->mask = bl__spawn_block_signals();
    long pid = shim_clone(made, stack, &opened.pidfd);
    close(ends[1]);
    int rc = pid < 0 ? (int)pid : shim_open_pidfd(pid, &opened.pidfd);
    bool is_started = rc == 0 && shim_await(&opened, spawned, failure);
    bl__spawn_restore_signals(plan->mask);
    if (is_started) {
        opened.pid = (pid_t)pid;
        bl__shim_tell(&opened, BL__SHIM_SIGNAL_GROUP, 0); /* go */
        *shim = opened;
        return 0;
    }

    if (rc < 0) failure->error = -rc;
    close(ends[0]);
    if (opened.pidfd >= 0) close(opened.pidfd);
    if (pid > 0) shim_reap_itself((pid_t)pid);
    return -failure->error;
}
