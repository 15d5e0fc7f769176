/* SPDX-License-Identifier: MIT */
/*
 * sys/spawn.h - starting a program, directly or below a shim
 *
 * The child is made by clone(CLONE_VM | CLONE_VFORK): it borrows our memory and
 * the thread until it has become the program, so the cost does not grow with
 * the parent.  All it needs is written down in a *plan* before, because there
 * it may neither allocate nor lock nor touch errno.  If a step fails, the step
 * and its error are written into memory which we still share.
 *
 * A *shim* is a process between us and the program, and *subreaper* of all that
 * comes from it: whoever loses its parent becomes a child of the shim.  It
 * borrows our memory for as long as it lives, uses a stack of its own, and
 * talks to us by a socket.  It ends with the last of its descendants.
 *
 * Where memory is not shared although we asked for it (an emulator, Valgrind),
 * both are plain forks, and what is said between them goes by pipes.
 */
#ifndef BL__SYS_SPAWN_H
#define BL__SYS_SPAWN_H

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <belay/base.h>

/* Where the way of a child to its program may end. */
enum bl__spawn_step {
    BL__SPAWN_NONE,
    BL__SPAWN_CLONE,  /* there was no child at all */
    BL__SPAWN_PARENT, /* its parent has ended before it could say so */
    BL__SPAWN_GROUP,
    BL__SPAWN_TERMINAL,
    BL__SPAWN_CGROUP,
    BL__SPAWN_NICE,
    BL__SPAWN_FDS,
    BL__SPAWN_LIMIT,
    BL__SPAWN_USER,
    BL__SPAWN_DIRECTORY,
    BL__SPAWN_EXEC
};

struct bl__spawn_failure {
    int step;  /* BL__SPAWN_NONE: it became the program */
    int error; /* an error number of the system */
};

/* One descriptor of the child: `fd` of ours becomes its number `as`. */
struct bl__spawn_fd {
    int fd;
    int as;
};

struct bl__spawn_limit {
    int resource;
    struct rlimit limit;
};

struct bl__spawn_plan {
    char *const *paths; /* of the program, tried in order; NULL at the end */
    char *const *argv;
    char *const *envp;
    const char *directory;    /* NULL: ours */
    const char *cgroup_procs; /* the path of cgroup.procs, or NULL */
    struct bl__spawn_fd *fds; /* by `as`, ascending; written to */
    size_t fd_count;
    const struct bl__spawn_limit *limits;
    size_t limit_count;
    bool has_user;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
    bool has_umask;
    mode_t umask;
    int nice;
    bool has_group;      /* of its own */
    bool has_session;    /* of its own */
    int terminal;        /* becomes the controlling one; -1 */
    int death_signal;    /* when its parent ends; 0 */
    uint64_t mask;       /* of signals that are blocked */
    uint64_t ignored;    /* though their handlers say otherwise */
    bool resets_signals; /* what is ignored too */
};

/* A child that became its program. */
struct bl__spawned {
    pid_t pid;
    int pidfd;
};

/* A stack for children that share our memory; 16-byte aligned. */
enum {
    BL__SPAWN_STACK_BYTES = 16 * 1024,
    BL__SHIM_STACK_BYTES = 2 * BL__SPAWN_STACK_BYTES
};

/*
 * Starts the program of `plan` as our child.  `stack` has
 * BL__SPAWN_STACK_BYTES.
 *
 * Returns 0, or a code with `*failure`; then there is no child.
 */
int bl__spawn(struct bl__spawn_plan *plan, void *stack,
              struct bl__spawned *spawned, struct bl__spawn_failure *failure);

/* A shim from our side. */
struct bl__shim {
    pid_t pid;
    int pidfd; /* readable once it has ended, with all below it */
    int socket;
};

/* What a shim reports when the program has ended. */
struct bl__shim_report {
    int kind; /* BL__SHIM_... */
    pid_t pid;
    int status; /* as of wait4 */
    struct bl__spawn_failure failure;
    struct rusage usage;
};

enum {
    BL__SHIM_STARTED = 1,
    BL__SHIM_FAILED,
    BL__SHIM_EXITED
};

/* What a shim can be told. */
enum {
    BL__SHIM_SIGNAL_GROUP = 1, /* the program's group */
    BL__SHIM_SIGNAL_ORPHANS,   /* whoever is not in it, and loses its parent */
    BL__SHIM_SIGNAL_ALL,       /* each of its children, and who becomes one */
    BL__SHIM_KILL              /* everybody, until nobody is left */
};

/*
 * Starts the program of `plan` below a shim.  `stack` has BL__SHIM_STACK_BYTES
 * and is the shim's until it has been reaped.
 */
int bl__shim_spawn(struct bl__spawn_plan *plan, void *stack,
                   struct bl__shim *shim, struct bl__spawned *spawned,
                   struct bl__spawn_failure *failure);

/* Tells the shim; no effect once it has ended. */
void bl__shim_tell(const struct bl__shim *shim, int order, int number);

/* Takes the report of the program's end, if there is one. */
bool bl__shim_read_report(const struct bl__shim *shim,
                          struct bl__shim_report *report);

/* ---- between the two sources ------------------------------------------- */

/* Whether a child can share our memory. */
bool bl__spawn_is_shared(void);

/* Whether pidfds can be waited for (Linux 5.4); Valgrind 3.19 has none. */
bool bl__spawn_is_possible(void);

/* Makes the child of `plan`, in whatever process calls it, with signals
 * blocked.  Returns its pid or a negative error number; `*pidfd` may stay -1.
 * Bare, if memory is shared. */
long bl__spawn_launch(struct bl__spawn_plan *plan, void *stack, int *pidfd,
                      struct bl__spawn_failure *failure);

/* Blocks all signals of the thread / blocks exactly those of `mask`. */
uint64_t bl__spawn_block_signals(void);
void bl__spawn_restore_signals(uint64_t mask);

/* Marks all descriptors from `low` to `high` close-on-exec, or closes them. */
void bl__spawn_seal(unsigned low, unsigned high, bool closes);

#endif
