/* SPDX-License-Identifier: MIT */
/*
 * test/child/unwind.c - ending a task in the middle of its code
 *
 * A failed REQUIRE cannot return, and must not jump: the frames in between
 * hold groups, scopes and memory, with cleanup attributes that give them back.
 * So the stack is unwound as a foreign exception would, frame by frame, with
 * no handler in sight.  Cleanup functions may wait, like any code of the task.
 *
 * Code that was compiled without -fexceptions is passed without cleanup.
 *
 * A landing is in the frame of bl__unwind_catch.  It lives on the stack of its
 * task, further out than what is unwound, and holds the exception object,
 * since the frames below the landing are reused while they are unwound.
 *
 * At the end of the stack of a task that has no landing, the loop's own entry
 * function ends the task (its cleanup attribute does).
 */
#include "test/child/unwind.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "test/child/child.h"
#include "test/child/stage.h"

struct landing {
    jmp_buf env;
    struct _Unwind_Exception exception;
    const bl_task *task; /* NULL: plain code, outside a loop */
    pthread_t thread;
    struct landing *outer;
};

static struct landing *innermost;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void add(struct landing *landing) {
    pthread_mutex_lock(&mutex);
    landing->outer = innermost;
    innermost = landing;
    pthread_mutex_unlock(&mutex);
}

static void take_out(struct landing *landing) {
    pthread_mutex_lock(&mutex);
    struct landing **link = &innermost;
    while (*link != landing)
        link = &(*link)->outer;
    *link = landing->outer;
    pthread_mutex_unlock(&mutex);
}

/* The landing of the calling task or, outside a loop, of its thread. */
static struct landing *find(void) {
    const bl_task *task = bl_task_current();
    if (task == NULL && bl_loop_running() != NULL) return NULL;
    pthread_mutex_lock(&mutex);
    struct landing *landing = innermost;
    while (landing != NULL &&
           (landing->task != task ||
            !pthread_equal(landing->thread, pthread_self()))) {
        landing = landing->outer;
    }
    pthread_mutex_unlock(&mutex);
    return landing;
}

__attribute__((noinline)) bool bl__unwind_catch(void (*fn)(void *arg),
                                                void *arg) {
    struct landing landing;
    memset(&landing, 0, sizeof landing);
    landing.task = bl_task_current();
    landing.thread = pthread_self();
    add(&landing);
    bool has_returned = false;
    if (setjmp(landing.env) == 0) {
        fn(arg);
        has_returned = true;
    }
    take_out(&landing);
    return has_returned;
}

/* Whether the code that runs has interrupted other code. */
static _Unwind_Reason_Code look_for_signal(struct _Unwind_Context *context,
                                           void *arg) {
    bool *found = arg;
    int is_before = 0;
    _Unwind_GetIPInfo(context, &is_before);
    if (is_before) *found = true;
    return _URC_NO_REASON;
}

static bool is_in_signal_handler(void) {
    bool found = false;
    _Unwind_Backtrace(look_for_signal, &found);
    return found;
}

/*
 * Asked at each frame, after those further in were cleaned up.  Stacks grow
 * downward: the first frame that stands above the landing is its caller's.
 */
static _Unwind_Reason_Code stop(int version, _Unwind_Action actions,
                                _Unwind_Exception_Class class,
                                struct _Unwind_Exception *exception,
                                struct _Unwind_Context *context, void *arg) {
    (void)version;
    (void)class;
    (void)exception;
    struct landing *landing = arg;
    if (landing != NULL && ((actions & _UA_END_OF_STACK) != 0 ||
                            _Unwind_GetCFA(context) > (uintptr_t)landing)) {
        longjmp(landing->env, 1);
    }
    if ((actions & _UA_END_OF_STACK) != 0) {
        bl__child_end("it cannot be unwound");
    }
    return _URC_NO_REASON;
}

/*
 * An exception without a landing.  It is not given back: nobody knows when the
 * unwinder is done with it.  Being in a list it is no leak either.
 */
static struct _Unwind_Exception *lasting_exception(void) {
    static struct lasting {
        struct _Unwind_Exception exception;
        struct lasting *next;
    } * all;
    struct lasting *one = calloc(1, sizeof *one);
    if (one == NULL) bl__child_end("there is no memory for it");
    pthread_mutex_lock(&mutex);
    one->next = all;
    all = one;
    pthread_mutex_unlock(&mutex);
    return &one->exception;
}

void bl__unwind(void) {
    struct _Unwind_Exception *exception;
    struct landing *landing = find();
    if (is_in_signal_handler()) bl__child_end("it is in a signal handler");
    if (landing == NULL && bl_task_current() == NULL) {
        bl__child_end(bl_loop_running() != NULL
                          ? "it is in a callback of the loop"
                          : "it is in another thread");
    }
    if (landing != NULL) {
        exception = &landing->exception;
    } else {
        exception = lasting_exception();
    }
    memset(exception, 0, sizeof *exception);
    _Unwind_ForcedUnwind(exception, stop, landing);
    bl__child_end("it cannot be unwound");
}

void bl__unwind_failed(void) {
    bl__stage_stop();
    bl__unwind();
}
