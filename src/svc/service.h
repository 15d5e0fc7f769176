/* SPDX-License-Identifier: MIT */
/*
 * svc/service.h - the inside of a service, shared by its files
 *
 *     service.c   start, stop, wait: the owner's side
 *     keeper.c    the task that runs the body and decides what follows
 *     escalate.c  deadlines: of a start, of the phases of a stop
 *     body.c      what the body says: ready, alive, healthy
 *     change.c    transitions: recorded, told to observers
 *     request.c   being asked to stop from outside the loop
 *     reload.c    prepare, then commit or discard
 *     stuck.c     who is inside a service, and who does not leave
 *     ask.c       what a service says about itself
 *
 * The words.  The *keeper* is the task of a service, a child of the group it
 * was started in.  One run of the body is an *incarnation*; a keeper may see
 * several, with delays between them.  A service has *ended* when it has no
 * keeper.  It is *abandoned* when it was given up while its body still runs:
 * then there is a keeper, though the state says FAILED.
 *
 * Invariants:
 *   a keeper exists in STARTING, RUNNING, STOPPING and BACKOFF, and otherwise
 *   only if the service is abandoned;
 *   the timer is armed only in STARTING, STOPPING and BACKOFF;
 *   nobody waits in a service that has ended.
 */
#ifndef BL__SVC_SERVICE_H
#define BL__SVC_SERVICE_H

#include <belay/service.h>

/* Somebody who waits for a service, on his stack; his waiter's data. */
struct bl__service_wait {
    bl_waiter waiter;
    bool is_served; /* or else the wait was cancelled */
    int rc;
    void *value;
    bl_error *error; /* with a reference of its own */
};

/* The shortest time that a phase has. */
#define BL__SERVICE_TICK BL_MS(1)

/* change.c */
void bl__service_enter(bl_service *service, bl_service_state to,
                       bl_service_cause cause, int rc);
void bl__service_enter_phase(bl_service *service, bl_service_phase phase);
void bl__service_tell(bl_service *service, bl_service_subject subject, int rc);

/* keeper.c: the function of the keeper's task, and what begins a start */
int bl__service_keep(void *service);
void bl__service_begin(bl_service *service, bl_service_cause cause);
/* Hands all who wait in `line` the result. */
void bl__service_serve(bl_service *service, bl_waitq *line, int rc);
/* Replaces the stored result; a reference of the error is taken. */
void bl__service_store(bl_service *service, int rc, const bl_error *error);

/* escalate.c */
void bl__service_arm(bl_service *service, bl_ns due);
void bl__service_disarm(bl_service *service);
void bl__service_on_timer(void *service);
bool bl__service_stop_for(bl_service *service, bl_service_cause cause,
                          bl_ns deadline);

/* Cancels the body at once, and gives it up at `deadline`: for the app. */
void bl__service_cancel(bl_service *service, bl_ns deadline);

/* keeper.c: while it is held, a service does not begin again by itself; the
 * delay goes on.  For the app, which lets others end first. */
void bl__service_hold(bl_service *service);
void bl__service_release(bl_service *service);

/* body.c: whether it may be used at all */
int bl__service_check(const bl_service *service);
void bl__service_lose_readiness(bl_service *service);
void bl__service_raise_stop(bl_service *service);
void bl__service_cancel_until_stop(bl_service *service);

/* request.c: `on_arrival` is called on the loop, once between open and close */
void bl__requests_init(struct bl__requests *requests,
                       void (*on_arrival)(struct bl__requests *requests));
/* From any thread, and from signal handlers. */
void bl__requests_ask(struct bl__requests *requests);
/* Returns whether one came while they were not open; forgets it. */
bool bl__requests_take(struct bl__requests *requests);
void bl__requests_open(struct bl__requests *requests, bl_loop *home);
/* Waits, in a shield, for one that is on its way. */
void bl__requests_close(struct bl__requests *requests);
void bl__service_on_request(struct bl__requests *requests);

/* stuck.c */
bool bl__service_is_inside(const bl_service *service);
void bl__service_report_stuck(const bl_service *service);

#endif
