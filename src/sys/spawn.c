/* SPDX-License-Identifier: MIT */
/*
 * sys/spawn.c - the way of a child to its program
 *
 *     parent                        child
 *     block all signals
 *     clone, and stand still  --->  group, session, terminal
 *       .                           priority, descriptors, limits
 *       .                           user, directory
 *       .                           dispositions, mask
 *     go on  <-------------------   execve, or the failure and _exit
 *     mask as before
 *
 * Signals are blocked all along, so no handler of ours runs in the child, where
 * it would find our memory; dispositions are set before the mask is, for the
 * same reason.  Credentials are set by system calls, since the C library would
 * set those of all our threads.
 *
 * Invariant: from clone to execve the child writes to nothing of ours but its
 * stack, the sources of plan->fds, and the failure.
 */
#include "sys/spawn.h"

#include <belay/error.h>

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/assert.h"
#include "sys/raw.h"
#include "sys/seam.h"

#ifndef SYS_close_range
#    define SYS_close_range 436
#endif
#ifndef SYS_pidfd_open
#    define SYS_pidfd_open 434
#endif
#ifndef CLONE_PIDFD
#    define CLONE_PIDFD 0x1000
#endif
#ifndef P_PIDFD
#    define P_PIDFD 3
#endif

enum {
    SPAWN_STATUS_FAILED = 127,
    SPAWN_SEAL_CLOEXEC = 4, /* CLOSE_RANGE_CLOEXEC */
    SPAWN_SIGNALS = 64,
    SPAWN_SIGSET_BYTES = 8
};

/* What a child is given, and where it leaves a failure. */
struct spawn_launch {
    struct bl__spawn_plan *plan;
    struct bl__spawn_failure *failure;
    int report_fd; /* of a pipe, where memory is not shared; -1 */
    pid_t parent;
};

/* ---- signals ----------------------------------------------------------- */

BL__BARE uint64_t bl__spawn_block_signals(void) {
    uint64_t all = ~(uint64_t)0;
    uint64_t before = 0;
    BL__RAW4(rt_sigprocmask, SIG_SETMASK, &all, &before, SPAWN_SIGSET_BYTES);
    return before;
}

BL__BARE void bl__spawn_restore_signals(uint64_t mask) {
    BL__RAW4(rt_sigprocmask, SIG_SETMASK, &mask, NULL, SPAWN_SIGSET_BYTES);
}

/* The kernel's struct sigaction begins with the handler; the rest is 0. */
BL__BARE static void spawn_reset_signal(const struct bl__spawn_plan *plan,
                                        int number) {
    const unsigned long ignores = (unsigned long)SIG_IGN;
    unsigned long action[8] = { 0 };
    if (BL__RAW4(rt_sigaction, number, NULL, action, SPAWN_SIGSET_BYTES) < 0) {
        return;
    }
    bool is_ignored = action[0] == ignores;
    if (plan->ignored >> (number - 1) & 1) is_ignored = true;
    if (plan->resets_signals) is_ignored = false;
    for (int i = 0; i < 8; i++)
        action[i] = 0;
    if (is_ignored) action[0] = ignores;
    BL__RAW4(rt_sigaction, number, action, NULL, SPAWN_SIGSET_BYTES);
}

BL__BARE static long spawn_set_signals(const struct spawn_launch *launch) {
    for (int number = 1; number <= SPAWN_SIGNALS; number++)
        spawn_reset_signal(launch->plan, number);
    uint64_t mask = launch->plan->resets_signals ? 0 : launch->plan->mask;
    return BL__RAW4(rt_sigprocmask, SIG_SETMASK, &mask, NULL,
                    SPAWN_SIGSET_BYTES);
}

/* ---- descriptors ------------------------------------------------------- */

struct spawn_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short bytes;
    unsigned char type;
    char name[];
};

BL__BARE static void spawn_seal_one(const char *name, unsigned low,
                                    unsigned high, int keep, bool closes) {
    unsigned fd = 0;
    if (*name == '.') return;
    for (; *name >= '0' && *name <= '9'; name++)
        fd = fd * 10 + (unsigned)(*name - '0');
    if (fd < low || fd > high || (int)fd == keep) return;
    if (closes) {
        BL__RAW1(close, fd);
    } else {
        BL__RAW3(fcntl, fd, F_SETFD, FD_CLOEXEC);
    }
}

/* For a kernel before 5.11. */
BL__BARE static void spawn_seal_by_list(unsigned low, unsigned high,
                                        bool closes) {
    union {
        struct spawn_entry entry;
        char bytes[2048];
    } list;
    int fd = (int)BL__RAW4(openat, AT_FDCWD, "/proc/self/fd",
                           O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (fd < 0) return;
    for (;;) {
        long count = BL__RAW3(getdents64, fd, &list, sizeof list);
        if (count <= 0) break;
        for (long at = 0; at < count;) {
            struct spawn_entry *entry = (void *)(list.bytes + at);
            spawn_seal_one(entry->name, low, high, fd, closes);
            at += entry->bytes;
        }
    }
    BL__RAW1(close, fd);
}

BL__BARE void bl__spawn_seal(unsigned low, unsigned high, bool closes) {
    if (low > high) return;
    long rc = BL__RAW3(close_range, low, high, closes ? 0 : SPAWN_SEAL_CLOEXEC);
    if (rc < 0) spawn_seal_by_list(low, high, closes);
}

/* The first number above all that the program is to have. */
BL__BARE static int spawn_fds_end(const struct bl__spawn_plan *plan) {
    return plan->fd_count > 0 ? plan->fds[plan->fd_count - 1].as + 1 : 0;
}

/*
 * First whatever stands where something else is to go is moved out of the way,
 * then each goes to its place, then all that is in between is sealed.
 */
BL__BARE static long spawn_place_fds(const struct spawn_launch *launch) {
    struct bl__spawn_fd *fds = launch->plan->fds;
    size_t count = launch->plan->fd_count;
    int end = spawn_fds_end(launch->plan);
    for (size_t i = 0; i < count; i++) {
        if (fds[i].fd >= end || fds[i].fd == fds[i].as) continue;
        long moved = BL__RAW3(fcntl, fds[i].fd, F_DUPFD_CLOEXEC, end);
        if (moved < 0) return moved;
        fds[i].fd = (int)moved;
    }
    unsigned next = 0;
    for (size_t i = 0; i < count; i++) {
        long rc = fds[i].fd == fds[i].as
                      ? BL__RAW3(fcntl, fds[i].fd, F_SETFD, 0)
                      : BL__RAW3(dup3, fds[i].fd, fds[i].as, 0);
        if (rc < 0) return rc;
        if ((unsigned)fds[i].as > next) {
            bl__spawn_seal(next, (unsigned)fds[i].as - 1, false);
        }
        next = (unsigned)fds[i].as + 1;
    }
    bl__spawn_seal(next, ~0U, false);
    return 0;
}

/* ---- the other steps --------------------------------------------------- */

BL__BARE static long spawn_set_group(const struct spawn_launch *launch) {
    if (launch->plan->has_session) return BL__RAW0(setsid);
    if (launch->plan->has_group) return BL__RAW2(setpgid, 0, 0);
    return 0;
}

BL__BARE static long spawn_set_terminal(const struct spawn_launch *launch) {
    if (launch->plan->terminal < 0) return 0;
    return BL__RAW3(ioctl, launch->plan->terminal, TIOCSCTTY, 0);
}

BL__BARE static long spawn_enter_cgroup(const struct spawn_launch *launch) {
    if (launch->plan->cgroup_procs == NULL) return 0;
    long fd = BL__RAW4(openat, AT_FDCWD, launch->plan->cgroup_procs,
                       O_WRONLY | O_CLOEXEC, 0);
    if (fd < 0) return fd;
    long rc = BL__RAW3(write, fd, "0", 1);
    BL__RAW1(close, fd);
    return rc;
}

BL__BARE static long spawn_set_nice(const struct spawn_launch *launch) {
    if (launch->plan->nice == 0) return 0;
    /* The kernel answers 20 minus the value. */
    long now = BL__RAW2(getpriority, PRIO_PROCESS, 0);
    if (now < 0) return now;
    return BL__RAW3(setpriority, PRIO_PROCESS, 0,
                    20 - now + launch->plan->nice);
}

BL__BARE static long spawn_set_limits(const struct spawn_launch *launch) {
    const struct bl__spawn_plan *plan = launch->plan;
    for (size_t i = 0; i < plan->limit_count; i++) {
        long rc = BL__RAW4(prlimit64, 0, plan->limits[i].resource,
                           &plan->limits[i].limit, NULL);
        if (rc < 0) return rc;
    }
    if (plan->has_umask) BL__RAW1(umask, plan->umask);
    return 0;
}

BL__BARE static long spawn_set_user(const struct spawn_launch *launch) {
    const struct bl__spawn_plan *plan = launch->plan;
    if (!plan->has_user) return 0;
    long rc = BL__RAW2(setgroups, plan->group_count, plan->groups);
    if (rc < 0) return rc;
    rc = BL__RAW3(setresgid, plan->gid, plan->gid, plan->gid);
    if (rc < 0) return rc;
    return BL__RAW3(setresuid, plan->uid, plan->uid, plan->uid);
}

BL__BARE static long spawn_set_directory(const struct spawn_launch *launch) {
    if (launch->plan->directory == NULL) return 0;
    return BL__RAW1(chdir, launch->plan->directory);
}

/* After the user, for a change of that takes it back. */
BL__BARE static long spawn_set_death(const struct spawn_launch *launch) {
    if (launch->plan->death_signal == 0) return 0;
    long rc = BL__RAW2(prctl, PR_SET_PDEATHSIG, launch->plan->death_signal);
    if (rc < 0) return rc;
    return BL__RAW0(getppid) == launch->parent ? 0 : -ESRCH;
}

/* As execvp: goes on behind what is not there or must not be executed. */
BL__BARE static long spawn_exec(const struct spawn_launch *launch) {
    const struct bl__spawn_plan *plan = launch->plan;
    long rc = spawn_set_signals(launch);
    bool is_denied = false;
    if (rc < 0) return rc;
    for (size_t i = 0; plan->paths[i] != NULL; i++) {
        rc = BL__RAW3(execve, plan->paths[i], plan->argv, plan->envp);
        if (rc == -EACCES) is_denied = true;
        bool goes_on = rc == -EACCES || rc == -ENOENT || rc == -ENOTDIR ||
                       rc == -ESTALE || rc == -ENODEV || rc == -ETIMEDOUT;
        if (!goes_on) return rc;
    }
    return is_denied ? -EACCES : rc;
}

/* ---- the child --------------------------------------------------------- */

typedef long spawn_step_fn(const struct spawn_launch *launch);

static const struct spawn_step {
    int step;
    spawn_step_fn *take;
} spawn_steps[] = {
    { BL__SPAWN_GROUP, spawn_set_group },
    { BL__SPAWN_TERMINAL, spawn_set_terminal },
    { BL__SPAWN_CGROUP, spawn_enter_cgroup },
    { BL__SPAWN_NICE, spawn_set_nice },
    { BL__SPAWN_FDS, spawn_place_fds },
    { BL__SPAWN_LIMIT, spawn_set_limits },
    { BL__SPAWN_USER, spawn_set_user },
    { BL__SPAWN_DIRECTORY, spawn_set_directory },
    { BL__SPAWN_PARENT, spawn_set_death },
    { BL__SPAWN_EXEC, spawn_exec },
};

BL__BARE static int spawn_child(void *arg) {
    const struct spawn_launch *launch = arg;
    for (size_t i = 0; i < sizeof spawn_steps / sizeof spawn_steps[0]; i++) {
        long rc = spawn_steps[i].take(launch);
        if (rc >= 0) continue;
        launch->failure->error = (int)-rc;
        launch->failure->step = spawn_steps[i].step;
        break;
    }
    if (launch->report_fd >= 0) {
        BL__RAW3(write, launch->report_fd, launch->failure,
                 sizeof *launch->failure);
    }
    return SPAWN_STATUS_FAILED; /* clone exits with it */
}

/* ---- whether memory is shared ------------------------------------------ */

static pthread_once_t spawn_once = PTHREAD_ONCE_INIT;
static bool spawn_shares;
static bool spawn_has_pidfds;

BL__BARE static int spawn_probe_child(void *arg) {
    volatile bool *flag = arg;
    *flag = true;
    return 0;
}

/* A system that can wait for pidfds says that this one is not open. */
static bool spawn_find_pidfds(void) {
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    if (pidfd < 0 && errno == ENOSYS) return false;
    if (pidfd >= 0) close(pidfd);
    long rc = syscall(SYS_waitid, P_PIDFD, INT_MAX, NULL, WEXITED, NULL);
    return rc == 0 || errno != EINVAL;
}

static void spawn_probe(void) {
    static _Alignas(16) char stack[8 * 1024];
    volatile bool flag = false;
    spawn_has_pidfds = spawn_find_pidfds();
    uint64_t mask = bl__spawn_block_signals();
    long pid = bl__raw_clone(CLONE_VM | CLONE_VFORK, stack + sizeof stack,
                             spawn_probe_child, (void *)&flag, NULL);
    if (pid > 0) {
        BL_IGNORE(waitpid((pid_t)pid, NULL, __WALL) < 0); /* it has ended */
    }
    bl__spawn_restore_signals(mask);
    spawn_shares = flag && bl__raw_is_bare;
}

bool bl__spawn_is_shared(void) {
    pthread_once(&spawn_once, spawn_probe);
    return spawn_shares;
}

bool bl__spawn_is_possible(void) {
    pthread_once(&spawn_once, spawn_probe);
    return spawn_has_pidfds;
}

/* ---- the parent -------------------------------------------------------- */

BL__BARE static long spawn_launch_shared(struct spawn_launch *launch,
                                         void *stack, int *pidfd) {
    long flags = CLONE_VM | CLONE_VFORK | SIGCHLD;
    char *top = (char *)stack + BL__SPAWN_STACK_BYTES;
    if (pidfd != NULL) flags |= CLONE_PIDFD;
    return bl__raw_clone(flags, top, spawn_child, launch, pidfd);
}

/* In the child: where nothing of the program's will be put in its place. */
BL__BARE static int spawn_move_report(const struct spawn_launch *launch) {
    long moved = BL__RAW3(fcntl, launch->report_fd, F_DUPFD_CLOEXEC,
                          spawn_fds_end(launch->plan));
    return moved < 0 ? launch->report_fd : (int)moved;
}

/* The end of the pipe is that of exec; what came before is the failure. */
BL__BARE static long spawn_launch_forked(struct spawn_launch *launch) {
    int ends[2];
    long rc = BL__RAW2(pipe2, ends, O_CLOEXEC);
    if (rc < 0) return rc;
    launch->report_fd = ends[1];
    long pid = BL__RAW2(clone, SIGCHLD, 0);
    if (pid == 0) {
        launch->report_fd = spawn_move_report(launch);
        bl__raw_exit(spawn_child(launch));
    }
    BL__RAW1(close, ends[1]);
    if (pid > 0) {
        do {
            rc = BL__RAW3(read, ends[0], launch->failure,
                          sizeof *launch->failure);
        } while (rc == -EINTR);
    }
    BL__RAW1(close, ends[0]);
    return pid;
}

BL__BARE long bl__spawn_launch(struct bl__spawn_plan *plan, void *stack,
                               int *pidfd, struct bl__spawn_failure *failure) {
    struct spawn_launch launch;
    failure->step = BL__SPAWN_NONE;
    failure->error = 0;
    launch.plan = plan;
    launch.failure = failure;
    launch.report_fd = -1;
    launch.parent = (pid_t)BL__RAW0(getpid);
    if (!spawn_shares) return spawn_launch_forked(&launch);
    return spawn_launch_shared(&launch, stack, pidfd);
}

static void spawn_reap(pid_t pid) {
    int status;
    while (waitpid(pid, &status, __WALL) < 0 && errno == EINTR) {}
}

static int spawn_fail(struct bl__spawn_failure *failure, int error) {
    failure->step = BL__SPAWN_CLONE;
    failure->error = error;
    return -error;
}

int bl__spawn(struct bl__spawn_plan *plan, void *stack,
              struct bl__spawned *spawned, struct bl__spawn_failure *failure) {
    int pidfd = -1;
    if (bl__sys_fails(BL_IO_SPAWN, -1, NULL)) return spawn_fail(failure, errno);
    if (!bl__spawn_is_possible()) return spawn_fail(failure, ENOSYS);
    plan->mask = bl__spawn_block_signals();
    long pid = bl__spawn_launch(plan, stack, &pidfd, failure);
    bl__spawn_restore_signals(plan->mask);
    if (pid < 0) return spawn_fail(failure, (int)-pid);
    if (failure->step != BL__SPAWN_NONE) {
        if (pidfd >= 0) close(pidfd);
        spawn_reap((pid_t)pid);
        return -failure->error;
    }
    if (pidfd < 0) pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        int error = errno;
        kill((pid_t)pid, SIGKILL);
        spawn_reap((pid_t)pid);
        return spawn_fail(failure, error);
    }
    *spawned = (struct bl__spawned){ .pid = (pid_t)pid, .pidfd = pidfd };
    return 0;
}
