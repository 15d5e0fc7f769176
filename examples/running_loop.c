/* SPDX-License-Identifier: MIT */
/*
 * examples/running_loop.c - the loop that runs us: asyncio.get_running_loop()
 *
 * There is a loop on this thread exactly while bl_run or a host runs one.  No
 * call makes a loop by surprise.  A call that would have to wait where there
 * is nothing to wait on says so with a code of its own.
 */
#include <stdio.h>

#include <belay.h>

/* What the callback below tells the task. */
struct note {
    int rc;
    bool has_loop;
    bl_event written;
};

/* A loop callback runs between tasks: it has a loop, but no task to suspend. */
static void on_call(void *context) {
    struct note *note = context;

    note->has_loop = bl_loop_running() != NULL;
    note->rc = bl_sleep(BL_MS(1));
    bl_event_set(&note->written);
}

static int main_task(void *arg) {
    (void)arg;
    bl_loop *loop = bl_loop_running();
    bl_loop_info info;
    bl_loop_get_info(loop, &info);
    printf("inside:   a loop with a %s clock\n", info.clock);

    struct note note = { .written = BL_EVENT_INIT };
    bl_call call = { 0 };
    bl_call_soon(loop, &call, on_call, &note);
    int rc = bl_event_wait(&note.written);
    if (rc < 0) return rc;

    printf("callback: %s: %s\n", bl_error_name(note.rc), bl_strerror(note.rc));
    return note.has_loop && note.rc == BL_ENOTASK ? 0 : BL_EMISUSE;
}

int main(void) {
    bl_loop *before = bl_loop_running();
    int outside = bl_sleep(BL_MS(1));
    printf("outside:  %s: %s\n", bl_error_name(outside), bl_strerror(outside));

    int rc = bl_run(main_task, NULL);
    printf("after:    %s\n", bl_loop_running() == NULL ? "no loop" : "a loop");
    return !(before == NULL && outside == BL_ENOLOOP && rc == 0);
}
