/* SPDX-License-Identifier: MIT */
/*
 * svc/request.c - being asked to stop from another thread or a signal handler
 *
 *     NONE --asked--> ASKED --posted--> POSTED --the loop runs it--> ARRIVED
 *                       |                                               ^
 *                       +--the loop finds it where it begins to listen--+
 *
 * The first three steps are atomic and take no lock, so a signal handler may
 * make them wherever it interrupts.  The post is part of the service and goes
 * to `_home`, the loop, while it listens.  When it ceases to, it waits for who
 * is just asking, a few instructions from the end of it, and for a post that is
 * on its way, which comes in the next iteration: afterwards nobody outside
 * knows the service's address.
 *
 * A request belongs to one start.  What was asked before the first start is
 * remembered for it; what comes after the end has nothing left to ask for, and
 * is forgotten by the next start.
 */
#include <belay/loop.h>
#include <belay/thread.h>

#include <sched.h>

#include "base/assert.h"
#include "svc/service.h"

enum {
    NONE = 0,
    ASKED,
    POSTED,
    ARRIVED
};

static bool request_move(bl_service *service, int from, int to) {
    return __atomic_compare_exchange_n(&service->_request, &from, to, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static int request_state(const bl_service *service) {
    return __atomic_load_n(&service->_request, __ATOMIC_SEQ_CST);
}

static void request_arrive(void *context) {
    bl_service *service = context;
    bool was_posted = request_move(service, POSTED, ARRIVED);
    BL__ASSERT(was_posted);
    bl__service_stop_for(service, BL_WHY_REQUESTED, BL_FOREVER);
    bl_waitq_serve_all(&service->_arrivals, 0);
}

void bl_thread_service_request_stop(struct bl_service *service) {
    __atomic_fetch_add(&service->_requesters, 1, __ATOMIC_SEQ_CST);
    if (request_move(service, NONE, ASKED)) {
        bl_loop *home = __atomic_load_n(&service->_home, __ATOMIC_SEQ_CST);
        if (home != NULL && request_move(service, ASKED, POSTED)) {
            bl_thread_post_pinned(home, &service->_post, request_arrive,
                                  service);
        }
    }
    __atomic_fetch_sub(&service->_requesters, 1, __ATOMIC_SEQ_CST);
}

bool bl__requests_take(bl_service *service) {
    bool is_first = service->_state == BL_SERVICE_NEW;
    int before =
        __atomic_exchange_n(&service->_request, NONE, __ATOMIC_SEQ_CST);
    BL__ASSERT(before != POSTED);
    return is_first && before == ASKED;
}

void bl__requests_open(bl_service *service) {
    __atomic_store_n(&service->_home, service->_loop, __ATOMIC_SEQ_CST);
    if (!request_move(service, ASKED, ARRIVED)) return;
    bl__service_stop_for(service, BL_WHY_REQUESTED, BL_FOREVER);
}

void bl__requests_close(bl_service *service) {
    __atomic_store_n(&service->_home, NULL, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&service->_requesters, __ATOMIC_SEQ_CST) > 0) {
        sched_yield();
    }
    if (request_state(service) != POSTED) return;
    bl_waiter waiter;
    BL_IGNORE(bl_waitq_wait_shielded(&service->_arrivals, &waiter,
                                     "request to stop", service));
    BL__ASSERT(request_state(service) == ARRIVED);
}
