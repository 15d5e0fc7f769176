/* SPDX-License-Identifier: MIT */
/*
 * belay/notify.h - telling the service manager how we are, and taking its
 * sockets
 *
 * The protocol of systemd's sd_notify, which other managers speak too, and the
 * notification descriptor of s6, without a library of either.  Who started us
 * is found in the environment; where there is no manager every call here
 * succeeds and does nothing, so a program need not ask.
 *
 * Nothing here waits or can be made to wait.  A manager that does not read
 * gets what matters later (bl_notify_flush); one that is gone costs an error
 * code, which is safe to ignore.
 *
 * bl_app_run does all of this by itself.
 */
#ifndef BELAY_NOTIFY_H
#define BELAY_NOTIFY_H

#include <sys/types.h>

#include <belay/base.h>
#include <belay/net.h>

BL_BEGIN_DECLS

/* ---- what the manager is told -------------------------------------------- */

typedef struct bl_notify bl_notify;

/* The most descriptors that one call stores. */
#define BL_NOTIFY_FDS_MAX 64

/*
 * Where the manager is found.  Zero means default.
 */
typedef struct bl_notify_options {
    size_t size;         /* sizeof(bl_notify_options) */
    const char *address; /* "/path" or "@name"; default: $NOTIFY_SOCKET */
    int ready_fd;        /* gets a newline when we are ready, as s6 wants it, */
                         /* and is closed; 0: there is none */
} bl_notify_options;

/*
 * What to say; zero says nothing.  All of it goes in one datagram, in this
 * order, so that the manager takes it as one.
 */
typedef struct bl_notice {
    size_t size;          /* sizeof(bl_notice) */
    bool is_ready;        /* READY=1: start-up, or a reload, is over */
    bool is_reloading;    /* RELOADING=1, with the time as MONOTONIC_USEC */
    bool is_stopping;     /* STOPPING=1 */
    bool is_alive;        /* WATCHDOG=1; once per half a bl_notify_watchdog */
    const char *status;   /* STATUS=, a line for people */
    bl_ns extend;         /* EXTEND_TIMEOUT_USEC=: need so much longer */
    int error;            /* ERRNO=, of a negative code */
    pid_t main_pid;       /* MAINPID=, if it is another process than ours */
    bl_ns watchdog_reset; /* WATCHDOG_USEC=: from now on this interval */
} bl_notice;

/*
 * Finds the manager, and takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID
 * out of the environment, so that no child takes itself for the service.
 *
 * Call it before there are threads: the environment is the whole process's.
 * `options` may be NULL.  It needs no loop.
 *
 * Returns 0, with or without a manager; the caller closes `*notify`.
 *
 * Errors:
 *   BL_EINVAL  notify is NULL, an option is out of range, or the address or
 *              WATCHDOG_USEC makes no sense; the current error says which
 *   BL_ENOMEM  there was no memory
 *   BL_EMFILE  no descriptor was left
 *
 * After an error the variables are gone from the environment all the same, and
 * nothing was written.
 */
BL_MAY_FAIL
int bl_notify_open(const bl_notify_options *options, bl_notify **notify);

/*
 * Gives back what it holds, and forgets what could not be sent yet.  NULL is
 * allowed.
 */
BL_API
void bl_notify_close(bl_notify *notify);

/*
 * Returns whether somebody listens: a notify socket, or a descriptor that
 * waits for its newline.
 */
BL_API
bool bl_notify_is_managed(const bl_notify *notify);

/*
 * Returns the time within which the manager wants to hear WATCHDOG=1, or 0 if
 * it does not.  Say it twice as often.
 */
BL_API
bl_ns bl_notify_watchdog(const bl_notify *notify);

/*
 * Tells the manager.  Texts are cut where the datagram would be longer than
 * 2,048 bytes, and line ends in them become spaces.
 *
 * Returns 0: it was sent, or there is no manager.
 *
 * Errors:
 *   BL_EAGAIN  the manager's socket is full; it is kept, and bl_notify_flush
 *              or the next notice sends it.  WATCHDOG=1 alone is not kept, nor
 *              is what comes when 4 KiB are kept already: it is lost
 *   BL_EINVAL  notify or notice is NULL, or a field is out of range; nothing
 *              was sent
 *
 * Any other code is the system's, such as BL_ENOENT or BL_ECONNREFUSED when
 * the manager is gone: the notice is lost, and life goes on.
 */
BL_MAY_FAIL
int bl_notify_send(bl_notify *notify, const bl_notice *notice);

/*
 * Sends what was kept, oldest first.
 *
 * Returns 0: nothing is kept any more.
 *
 * Errors:
 *   BL_EAGAIN  the socket is full again; the rest is still kept
 *   BL_EINVAL  notify is NULL
 *
 * Any other code is the system's; what it befell is lost.
 */
BL_MAY_FAIL
int bl_notify_flush(bl_notify *notify);

/*
 * Gives the manager copies of descriptors to keep for our next incarnation,
 * which finds them by `name` (bl_activation).  They stay the caller's.
 *
 * Returns 0: they were sent, or there is no manager.
 *
 * Errors:
 *   BL_EAGAIN  the socket is full; nothing was kept
 *   BL_EINVAL  an argument is NULL, count is 0 or more than BL_NOTIFY_FDS_MAX,
 *              or name is empty, longer than 255 bytes or has a ':' or a
 *              character that is not printable; nothing was sent
 *   BL_EBADF   a descriptor is not open; nothing was sent
 *
 * Any other code is the system's.
 */
BL_MAY_FAIL
int bl_notify_store_fds(bl_notify *notify, const char *name, const int *fds,
                        size_t count);

/*
 * Has the manager close the descriptors that it keeps by `name`.
 *
 * Returns and fails as bl_notify_store_fds does.
 *
 * Errors:
 *   BL_EINVAL  notify or name is NULL, or name is no name of descriptors
 */
BL_MAY_FAIL
int bl_notify_remove_fds(bl_notify *notify, const char *name);

/* ---- what the manager gives ---------------------------------------------- */

/*
 * Descriptors that we were started with: sockets that the manager opened
 * (socket activation), and what an earlier incarnation stored.
 */
typedef struct bl_activation bl_activation;

/*
 * Takes the descriptors that LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES speak
 * of, closes them on exec at once, and takes the variables out of the
 * environment.  Variables that speak to another process are left alone.
 *
 * Call it before there are threads.  It needs no loop.
 *
 * Returns 0, also if there are no descriptors; the caller closes
 * `*activation`.
 *
 * Errors:
 *   BL_EINVAL  activation is NULL, or the variables contradict themselves; the
 *              current error says how.  The variables are gone all the same
 *   BL_EBADF   a descriptor that is announced is not open; likewise
 *   BL_ENOMEM  there was no memory; the environment is as before
 */
BL_MAY_FAIL
int bl_activation_open(bl_activation **activation);

/*
 * Closes the descriptors that nobody took.  NULL is allowed.
 */
BL_API
void bl_activation_close(bl_activation *activation);

/*
 * Returns how many descriptors are left.
 */
BL_API
size_t bl_activation_count(const bl_activation *activation);

/*
 * Returns the name of descriptor number `index` of those left, borrowed, in
 * the manager's order; NULL past the end.  Without a name it is "unknown".
 */
BL_API
const char *bl_activation_name(const bl_activation *activation, size_t index);

/*
 * Takes the first descriptor called `name`, whatever it is; NULL takes the
 * first of all.
 *
 * Returns the descriptor, which is the caller's now.
 *
 * Errors:
 *   BL_EINVAL  activation is NULL
 *   BL_ENOENT  there is none of this name; the current error names those left
 */
BL_MAY_FAIL
int bl_activation_take_fd(bl_activation *activation, const char *name);

/*
 * Takes the first descriptor called `name` and makes a listener of it; NULL
 * takes the first of all.
 *
 * Returns 0; the caller closes `*listener`.
 *
 * Errors:
 *   BL_EINVAL   activation or listener is NULL
 *   BL_ENOENT   there is none of this name; the current error names those left
 *   BL_EPROTO   it is no stream socket that listens; the current error says
 *               what it is.  It is not taken
 *   BL_ENOLOOP  no loop runs on this thread; it is not taken
 *   BL_ENOMEM   there was no memory; it is not taken
 */
BL_MAY_FAIL
int bl_activation_take_listener(bl_activation *activation, const char *name,
                                bl_listener **listener);

/*
 * Listens with a copy of the descriptor called `name` if the manager gave one,
 * and otherwise opens a socket at `address`: a program that works with socket
 * activation, and without.  `activation` may be NULL: there is none.
 *
 * The descriptor itself is not taken: a service that is begun again listens
 * with it again, and nobody who waits in its queue is reset meanwhile.
 *
 * Returns 1 if the manager gave it, 0 if it was opened; the caller closes
 * `*listener`.
 *
 * Errors:
 *   BL_EINVAL      name, address or listener is NULL, or an option is out of
 *                  range
 *   BL_EPROTO      the manager gave something that does not listen
 *   BL_EADDRINUSE  somebody else listens there
 *   BL_ENOLOOP     no loop runs on this thread
 *   BL_ENOMEM      there was no memory
 *
 * Any other code is one of bl_listen's.
 */
BL_MAY_FAIL
int bl_activation_listen(bl_activation *activation, const char *name,
                         const bl_addr *address,
                         const bl_listen_options *options,
                         bl_listener **listener);

BL_END_DECLS

#endif
