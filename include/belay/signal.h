/* SPDX-License-Identifier: MIT */
/*
 * belay/signal.h - signals as a stream of events
 *
 *     const int numbers[] = { SIGTERM, SIGHUP };
 *     bl_signals *signals;
 *     bl_signal_event event;
 *     int rc = bl_signals_open(numbers, 2, &signals);
 *     while (rc == 0) {
 *         rc = bl_signals_wait(signals, &event);
 *         if (rc < 0 || event.number == SIGTERM) break;
 *         reload();
 *     }
 *     bl_signals_close(signals);
 *
 * A subscription is told of each signal of its set that comes after it was
 * opened, whether somebody waits at that moment or not.  Any number may be
 * open, in any loop and for the same signals: each gets every event.
 *
 * While somebody subscribes to a signal, it has no other effect: not its
 * default one, not that of a handler or of SIG_IGN, and bl_run does not cancel
 * the root (BL_SIGNALS_ROOT).  What it did before is back when the last
 * subscription for it is closed, unless the program has put something else in
 * its place meanwhile.  This holds for loops of a host (BL_SIGNALS_HOST) too,
 * which only install nothing unasked.  Children start with what the signals did
 * before (<belay/process.h>).
 *
 * Like the system, which keeps of several pending signals with one number only
 * the first, a subscription folds what nobody has taken yet into one event for
 * each number.  It says how many it was told of, which may be fewer than were
 * sent.  So a signal says that something is to be looked at, not how often.
 */
#ifndef BELAY_SIGNAL_H
#define BELAY_SIGNAL_H

#include <signal.h>
#include <sys/types.h>

#include <belay/base.h>
#include <belay/select.h>

BL_BEGIN_DECLS

typedef struct bl_signals bl_signals;

/* What came. */
typedef struct bl_signal_event {
    int number;     /* of the signal */
    uint32_t count; /* how often since the last event of this number */
    pid_t pid;      /* who sent the last of them; 0: the system, a terminal */
    uid_t uid;      /* of that process */
} bl_signal_event;

/*
 * Opens a subscription of the running loop for the `count` signals of
 * `numbers`.  Signals that come from now on are kept until they are taken.
 *
 * A signal that the program was started with as ignored, such as SIGHUP under
 * nohup, is heard all the same; see bl_signal_is_ignored.
 *
 * Returns 0; the caller closes `*signals`, before the loop ends.
 *
 * Errors:
 *   BL_EINVAL   signals or numbers is NULL, count is 0, or a number is no
 *               signal or one that cannot be watched: SIGKILL, SIGSTOP, and
 *               those that tell of a fault (SIGSEGV, SIGBUS, SIGFPE, SIGILL,
 *               SIGTRAP, SIGSYS, SIGABRT); nothing was opened
 *   BL_ENOMEM   there was no memory; nothing was opened
 *   BL_EMFILE   there was no descriptor left; nothing was opened
 *   BL_ENOLOOP  no loop runs on this thread; nothing was opened
 */
BL_MAY_FAIL
int bl_signals_open(const int *numbers, size_t count, bl_signals **signals);

/*
 * Waits for the next signal of the subscription and copies it to `*event`.
 *
 * Signals with different numbers come in the order of their first arrival.  Of
 * several tasks that wait, the first in line gets the event.
 *
 * While a subscription is open, its loop is not in a deadlock.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_ECANCELED  an enclosing scope was cancelled; no event was taken
 *   BL_ECLOSED    the subscription was closed meanwhile
 *   BL_EINVAL     signals or event is NULL
 *   BL_ETHREAD    the subscription belongs to another loop
 *   BL_ENOLOOP    no loop runs on this thread
 *   BL_ENOTASK    called from a loop callback
 */
BL_MAY_WAIT
int bl_signals_wait(bl_signals *signals, bl_signal_event *event);

/*
 * Takes the next signal if one has come.
 *
 * Returns 0 with the event.
 *
 * Errors:
 *   BL_EAGAIN   none has come
 *   BL_EINVAL   signals or event is NULL
 *   BL_ETHREAD  the subscription belongs to another loop
 */
BL_MAY_FAIL
int bl_signals_try_wait(bl_signals *signals, bl_signal_event *event);

/*
 * Closes the subscription; whoever waits gets BL_ECLOSED.  Signals that nobody
 * took are forgotten.  Never waits.  NULL is allowed.
 */
BL_API
void bl_signals_close(bl_signals *signals);

/*
 * Makes a branch of bl_select that takes the next signal into `event`.
 */
BL_API
bl_branch bl_on_signal(bl_signals *signals, bl_signal_event *event);

/*
 * Returns whether the signal is ignored, apart from who may subscribe to it: a
 * daemon that was started so by nohup or a shell often leaves it like that.
 *
 * False for a number that is no signal.
 */
BL_API
bool bl_signal_is_ignored(int number);

/*
 * Returns the name of a signal, such as "SIGTERM", for people; "SIG?" for a
 * number without one.
 */
BL_API
const char *bl_signal_name(int number);

#ifndef BL_NO_SITES
#    define bl_signals_wait(...)                    \
        BL__AT("bl_signals_wait(" #__VA_ARGS__ ")", \
               bl_signals_wait(__VA_ARGS__))
#endif

BL_END_DECLS

#endif
