/* SPDX-License-Identifier: MIT */
/*
 * belay/process.h - starting programs, and leaving none of them behind
 *
 *     const char *argv[] = { "sort", "-n", NULL };
 *     bl_process_result result;
 *     int rc = bl_process_run(argv, NULL, &result);
 *
 * A process has an owner: whoever called bl_process_spawn calls
 * bl_process_close (or bl_process_abort), which ends whatever is still alive:
 * the program is asked to stop, given a time of grace, and killed, and so is
 * each process that it has started, wherever it may have hidden.  It is always
 * reaped.  Waiting for the end of the program does not end it, and a wait that
 * is cancelled leaves it running, so
 *
 *     rc = bl_process_wait(process, &status);
 *     int closed = bl_process_close(process);
 *
 * is all it takes: cancelled, the wait returns, and the close terminates.
 *
 * By default the program runs below a small process of ours, a shim, which is
 * the subreaper of all that comes from it; no setting of this process is
 * changed, and nobody else's child is reaped.  If this process is killed, the
 * shim kills them all.  See bl_process_reach for less.
 *
 * The child gets the descriptors that it is given and no others, and signals as
 * they were before anybody subscribed to them.
 */
#ifndef BELAY_PROCESS_H
#define BELAY_PROCESS_H

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <belay/base.h>
#include <belay/select.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

typedef struct bl_process bl_process;

/* What a standard descriptor of the child is. */
typedef enum bl_stdio_kind {
    BL_STDIO_DEFAULT = 0, /* spawn: INHERIT.  run: PIPE; input: NULL */
    BL_STDIO_INHERIT,     /* this program's; NULL if that is closed, or
                           * close-on-exec */
    BL_STDIO_NULL,        /* /dev/null */
    BL_STDIO_PIPE,        /* a pipe to a stream of the process */
    BL_STDIO_FD,          /* the descriptor `fd`, which stays the caller's */
    BL_STDIO_OUT,         /* of `err` alone: the same as `out` */
    BL_STDIO_TERMINAL     /* a terminal of its own; see bl_process_terminal */
} bl_stdio_kind;

typedef struct bl_process_stdio {
    bl_stdio_kind kind;
    int fd; /* of BL_STDIO_FD */
} bl_process_stdio;

/* A descriptor to pass: `fd` of this program is the child's number `as`. */
typedef struct bl_process_fd {
    int fd;
    int as;
} bl_process_fd;

/* The most descriptors that can be passed besides the standard ones. */
#define BL_PROCESS_FDS_MAX 64

/* A limit of a resource, as for setrlimit. */
typedef struct bl_process_limit {
    int resource; /* RLIMIT_NOFILE, ... */
    struct rlimit limit;
} bl_process_limit;

/* The most groups of a bl_process_user besides its own. */
#define BL_PROCESS_GROUPS_MAX 64

/* Whom a program is to run as; bl_process_find_user fills it by name. */
typedef struct bl_process_user {
    uid_t uid;
    gid_t gid;
    size_t group_count;
    gid_t groups[BL_PROCESS_GROUPS_MAX];
} bl_process_user;

/* With whom the child shares its signals from the terminal. */
typedef enum bl_process_place {
    BL_PROCESS_OWN_GROUP = 0, /* Ctrl-C comes to us, and we decide */
    BL_PROCESS_SAME_GROUP,    /* as we: Ctrl-C comes to both */
    BL_PROCESS_OWN_SESSION    /* without a terminal, or with its own */
} bl_process_place;

/* What ends with the process. */
typedef enum bl_process_reach {
    BL_PROCESS_TREE = 0, /* all that comes from it; costs a shim */
    BL_PROCESS_GROUP,    /* its group; who has left that escapes */
    BL_PROCESS_ALONE     /* the program itself */
} bl_process_reach;

/* For `grace`: kill at once. */
#define BL_PROCESS_NO_GRACE ((bl_ns)-1)

/*
 * How a program is started and ended.  Zero means default.
 *
 * All is borrowed for the call.  Things are done in this order: group or
 * session, terminal, cgroup, priority, descriptors, limits, umask, user,
 * directory, signals.
 */
typedef struct bl_process_options {
    size_t size;            /* sizeof(bl_process_options) */
    const char *program;    /* the file, if it is not argv[0]; found likewise */
    const char *const *env; /* all of the environment; NULL: ours */
    const char *const *env_set; /* changes it: "NAME=value"; "NAME" removes */
    const char *directory;      /* to start in; NULL: ours */
    bl_process_stdio in;
    bl_process_stdio out;
    bl_process_stdio err;
    const bl_process_fd *fds; /* to be passed besides */
    size_t fd_count;
    const bl_process_user *user; /* NULL: who we are */
    const bl_process_limit *limits;
    size_t limit_count;
    bool has_umask;
    mode_t umask; /* counts if has_umask */
    int nice;     /* added to ours */
    bl_process_place place;
    bl_process_reach reach;
    unsigned short rows;    /* of a terminal; default 24 */
    unsigned short columns; /* default 80 */
    int death_signal; /* sent to the program when its parent (a thread of ours,
                       * or the shim) ends; TREE: SIGKILL by default */
    int stop_signal;  /* how it is asked to stop; default SIGTERM */
    bl_ns grace;      /* then it is killed; default 5 s */
    const char *cgroup; /* a directory of cgroup v2: it is started in there, and
                         * what is left in there is killed with it */
    bool resets_signals; /* none is ignored or blocked */
} bl_process_options;

/* How a program has ended. */
typedef struct bl_process_status {
    int code;   /* that it exited with; 0 if a signal ended it */
    int signal; /* that killed it, or 0 */
    bool has_core;
    bool is_unknown;     /* somebody else of this program has reaped it */
    struct rusage usage; /* of the program, and of those that it reaped */
} bl_process_status;

/*
 * Starts the program `argv[0]` with the arguments `argv`, a list with NULL at
 * its end.
 *
 * A name without a slash is looked up in the PATH of the child's environment.
 * The call takes as long as the system does, a millisecond perhaps, and does
 * not depend on the size of this process.  It fails if the program could not be
 * executed; the text of the error says which step failed.
 *
 * PDEATHSIG, and the shim's notice of our end, are about the *thread* that
 * started the process: close it before its loop moves to another one.
 *
 * Returns 0; the caller closes `*process`.  In all other cases no child is
 * left.
 *
 * Errors:
 *   BL_EINVAL   argv or process is NULL, argv is empty, or an option is out of
 *               its range
 *   BL_ENOENT   there is no such program, or no such directory
 *   BL_EACCES   it must not be executed, or the directory not entered
 *   BL_ENOEXEC  it is no program: a script without "#!", another CPU's
 *   BL_EPERM    the user, a limit or the priority cannot be had
 *   BL_EBADF    a descriptor to be passed is not open
 *   BL_EAGAIN   there are too many processes
 *   BL_EMFILE   there was no descriptor left
 *   BL_ENOMEM   there was no memory
 *   BL_ENOLOOP  no loop runs on this thread
 *
 * Any other code is the system's.
 */
BL_MAY_FAIL
int bl_process_spawn(const char *const *argv, const bl_process_options *options,
                     bl_process **process);

/*
 * Waits until the program has ended, and tells how.  It is left running if the
 * wait is cancelled.  Any number of tasks may wait.
 *
 * Its descendants may live on until bl_process_close.
 *
 * Returns 0; `*status` (may be NULL) is filled.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; the program runs on
 *   BL_ECLOSED    the process was closed meanwhile
 *   BL_EINVAL     process is NULL
 *   BL_ETHREAD    the process belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_process_wait(bl_process *process, bl_process_status *status);

/*
 * Tells how the program has ended, if it has.
 *
 * Returns 0; `*status` (may be NULL) is filled.
 *
 * Errors:
 *   BL_EAGAIN   it has not ended, or the loop has not been told yet
 *   BL_EINVAL   process is NULL
 *   BL_ETHREAD  the process belongs to another loop
 */
BL_MAY_FAIL
int bl_process_try_wait(bl_process *process, bl_process_status *status);

/*
 * Makes a branch of bl_select that waits for the end of the program; `*status`
 * (may be NULL) is filled.
 */
BL_API
bl_branch bl_on_process(bl_process *process, bl_process_status *status);

/*
 * Sends a signal to the program, and to no other process: its number cannot
 * have gone to somebody else.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  process is NULL, or there is no such signal
 *   BL_ESRCH   the program has ended
 *   BL_EPERM   the program has become another user's
 */
BL_MAY_FAIL
int bl_process_signal(bl_process *process, int number);

/*
 * Sends a signal to the program's own group.  Below a shim it is on its way
 * when this returns.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  process is NULL, there is no such signal, or the program has no
 *              group of its own
 *   BL_ESRCH   the program has ended
 */
BL_MAY_FAIL
int bl_process_signal_group(bl_process *process, int number);

/*
 * Returns the number of the program's process, for people; 0 for NULL.
 */
BL_API
pid_t bl_process_pid(const bl_process *process);

/*
 * Writes the numbers of the processes that are alive below `process`, itself
 * included, to `pids`, up to `room`.
 *
 * It is a look at something that moves.  With BL_PROCESS_TREE whoever has come
 * from the program is found, else whoever still has it as an ancestor.
 *
 * Returns how many there were, perhaps more than `room`.
 *
 * Errors:
 *   BL_EINVAL  process is NULL, or pids is NULL with room > 0
 *
 * Any other code is the system's: there is no /proc.
 */
BL_MAY_FAIL
bl_ssize bl_process_list(const bl_process *process, pid_t *pids, size_t room);

/*
 * Returns the stream that writes to the program's input, if that is a pipe;
 * else NULL.  It is the process's, and is closed with it.
 */
BL_API
bl_stream *bl_process_in(const bl_process *process);

/*
 * Returns the stream that reads the program's output, if that is a pipe; else
 * NULL.
 */
BL_API
bl_stream *bl_process_out(const bl_process *process);

/*
 * Returns the stream that reads the program's errors, if that is a pipe; else
 * NULL.
 */
BL_API
bl_stream *bl_process_err(const bl_process *process);

/*
 * Returns the stream of the other side of the program's terminal, if it has one
 * of its own; else NULL.
 *
 * What the program prints is read there, and what is written there it reads as
 * typed, echo included.  Reading ends when nobody has the terminal any more.
 */
BL_API
bl_stream *bl_process_terminal(const bl_process *process);

/*
 * Closes the program's input: it reads to the end.  Never waits; NULL, or a
 * process without such a stream, is allowed.
 */
BL_API
void bl_process_close_in(bl_process *process);

/*
 * Tells the terminal how large it is; programs are told by SIGWINCH.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  process is NULL, or has no terminal of its own
 */
BL_MAY_FAIL
int bl_process_resize(bl_process *process, unsigned short rows,
                      unsigned short columns);

/*
 * Ends the process and frees it.
 *
 * If anything is alive, it is asked to stop: the program's group by
 * `stop_signal`, and once the program has ended those that it left, too; who
 * is stopped is continued.  What is alive after `grace` is killed.  With
 * BL_PROCESS_GROUP, what is left of the group when the program has ended is
 * killed at once.  Input is closed first, output when all have ended, so
 * another task can go on reading.
 *
 * A cancelled caller waits all the same, by a shield of its own; one that is
 * cancelled by force (a second signal) kills and does not wait.  NULL is
 * allowed.
 *
 * Returns 0 once all have ended.  The process is freed in every case but
 * BL_ENOTASK and BL_ETHREAD.
 *
 * Errors:
 *   BL_EBUSY      2 s after they were killed some are still there, held by the
 *                 kernel or another user's; the text names them.  The shim goes
 *                 on trying
 *   BL_ECANCELED  cancelled by force; they have been killed, and not seen to
 *                 end
 *   BL_ETHREAD    the process belongs to another loop; nothing was done
 *   BL_ENOLOOP    no loop runs on this thread; nothing was done
 *   BL_ENOTASK    called from a loop callback; nothing was done
 */
BL_MAY_WAIT
int bl_process_close(bl_process *process);

/*
 * Kills the process with all that comes from it, without asking, and frees it.
 *
 * It never waits for the loop; the system is given a few milliseconds to take
 * away the dead, and if it takes longer they are reaped by and by.  NULL is
 * allowed.
 */
BL_API
void bl_process_abort(bl_process *process);

/*
 * Returns whether the program exited with 0.
 */
BL_API
bool bl_process_status_is_ok(const bl_process_status *status);

/*
 * Writes what happened to `text`, for people, such as "exited with 3" or
 * "killed by SIGSEGV (core dumped)", cut off to `bytes` with its end.
 */
BL_API
void bl_process_status_format(const bl_process_status *status, char *text,
                              size_t bytes);

/*
 * Looks up a user by name, and the groups it is in.  On a thread, since the
 * system may ask a server.
 *
 * Returns 0; `*user` is filled.
 *
 * Errors:
 *   BL_EINVAL     name or user is NULL
 *   BL_ENOENT     nobody is called that
 *   BL_EOVERFLOW  the user is in more than BL_PROCESS_GROUPS_MAX groups
 *   BL_ECANCELED  an enclosing scope was cancelled
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is the system's.
 */
BL_MAY_WAIT
int bl_process_find_user(const char *name, bl_process_user *user);

/* What bl_process_run can be told.  Zero means default. */
typedef struct bl_process_run_options {
    size_t size;                       /* sizeof(bl_process_run_options) */
    const bl_process_options *process; /* how to start it; NULL: all defaults */
    const void
        *input; /* what it reads; NULL: nothing, or as process->in says */
    size_t input_bytes;
    size_t output_bytes_max; /* of each of the two; default 16 MiB */
} bl_process_run_options;

/* What a program did. */
typedef struct bl_process_result {
    bl_process_status status;
    char *out; /* with a NUL behind the last byte; NULL if not a pipe */
    size_t out_bytes;
    char *err;
    size_t err_bytes;
} bl_process_result;

/*
 * Runs a program to its end: starts it, gives it its input, collects its output
 * and its errors, all at once so that no pipe can fill up and stop it, and
 * closes it.  What it has left running is ended (bl_process_close).
 *
 * That it failed is a result and not an error: see `status`.
 *
 * Returns 0; the caller frees what is in `*result` by bl_process_result_done.
 *
 * Errors:
 *   BL_EMSGSIZE   it wrote more than output_bytes_max, and was ended
 *   BL_ECANCELED  an enclosing scope was cancelled; it was ended
 *   BL_EINVAL     argv or result is NULL, or an option is out of its range
 *   BL_ENOMEM     there was no memory; it was ended
 *   BL_ENOTASK    called from a loop callback
 *
 * Any other code is one of bl_process_spawn's, or bl_process_close's.
 */
BL_MAY_WAIT
int bl_process_run(const char *const *argv,
                   const bl_process_run_options *options,
                   bl_process_result *result);

/*
 * Frees what a result points to.  NULL, and a zeroed result, are allowed.
 */
BL_API
void bl_process_result_done(bl_process_result *result);

#ifndef BL_NO_SITES
#    define bl_process_wait(...)                    \
        BL__AT("bl_process_wait(" #__VA_ARGS__ ")", \
               bl_process_wait(__VA_ARGS__))
#    define bl_process_close(...)                    \
        BL__AT("bl_process_close(" #__VA_ARGS__ ")", \
               bl_process_close(__VA_ARGS__))
#    define bl_process_find_user(...)                    \
        BL__AT("bl_process_find_user(" #__VA_ARGS__ ")", \
               bl_process_find_user(__VA_ARGS__))
#    define bl_process_run(...) \
        BL__AT("bl_process_run(" #__VA_ARGS__ ")", bl_process_run(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
