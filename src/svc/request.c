/* SPDX-License-Identifier: MIT */
/*
 * svc/request.c - being asked to stop from another thread or a signal handler
 *
 *     NONE --asked--> ASKED --posted--> POSTED --the loop runs it--> ARRIVED
 *                       |                                               ^
 *                       +--the loop finds it where it begins to listen--+
 *
 * The first three steps are atomic and take no lock, so a signal handler may
 * make them wherever it interrupts.  The post is part of who is asked, a
 * service or an app, and goes to `_home`, the loop, while that listens.  When
 * it ceases to, it waits for who is just asking, a few instructions from the
 * end of it, and for a post that is on its way, which comes in the next
 * iteration: afterwards nobody outside knows its address.
 *
 * A request belongs to one start.  What was asked before the first start is
 * remembered for it; what comes after the end has nothing left to ask for, and
 * is forgotten by the next start.
 */
#include <belay/loop.h>
#include <belay/thread.h>

#include <sched.h>

#include "base/assert.h"
#include "base/list.h"
#include "svc/service.h"

enum {
    NONE = 0,
    ASKED,
    POSTED,
    ARRIVED
};

static bool request_move(struct bl__requests *requests, int from, int to) {
    return __atomic_compare_exchange_n(&requests->_state, &from, to, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static int request_state(const struct bl__requests *requests) {
    return __atomic_load_n(&requests->_state, __ATOMIC_SEQ_CST);
}

static void request_arrive(void *context) {
    struct bl__requests *requests = context;
    bool was_posted = request_move(requests, POSTED, ARRIVED);
    BL__ASSERT(was_posted);
    requests->_on_arrival(requests);
    bl_waitq_serve_all(&requests->_arrivals, 0);
}

void bl__requests_init(struct bl__requests *requests,
                       void (*on_arrival)(struct bl__requests *requests)) {
    *requests = (struct bl__requests){ ._on_arrival = on_arrival };
    bl_waitq_init(&requests->_arrivals);
}

void bl__requests_ask(struct bl__requests *requests) {
    __atomic_fetch_add(&requests->_askers, 1, __ATOMIC_SEQ_CST);
    if (request_move(requests, NONE, ASKED)) {
        bl_loop *home = __atomic_load_n(&requests->_home, __ATOMIC_SEQ_CST);
        if (home != NULL && request_move(requests, ASKED, POSTED)) {
            bl_thread_post_pinned(home, &requests->_post, request_arrive,
                                  requests);
        }
    }
    __atomic_fetch_sub(&requests->_askers, 1, __ATOMIC_SEQ_CST);
}

bool bl__requests_take(struct bl__requests *requests) {
    int before = __atomic_exchange_n(&requests->_state, NONE, __ATOMIC_SEQ_CST);
    BL__ASSERT(before != POSTED);
    return before == ASKED;
}

void bl__requests_open(struct bl__requests *requests, bl_loop *home) {
    __atomic_store_n(&requests->_home, home, __ATOMIC_SEQ_CST);
    if (request_move(requests, ASKED, ARRIVED)) requests->_on_arrival(requests);
}

void bl__requests_close(struct bl__requests *requests) {
    __atomic_store_n(&requests->_home, NULL, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&requests->_askers, __ATOMIC_SEQ_CST) > 0) {
        sched_yield();
    }
    if (request_state(requests) != POSTED) return;
    bl_waiter waiter;
    BL_IGNORE(bl_waitq_wait_shielded(&requests->_arrivals, &waiter,
                                     "request to stop", requests));
    BL__ASSERT(request_state(requests) == ARRIVED);
}

/* ---- services ------------------------------------------------------------ */

void bl__service_on_request(struct bl__requests *requests) {
    bl_service *service = bl__container_of(requests, bl_service, _requests);
    bl__service_stop_for(service, BL_WHY_REQUESTED, BL_FOREVER);
}

void bl_thread_service_request_stop(struct bl_service *service) {
    bl__requests_ask(&service->_requests);
}
