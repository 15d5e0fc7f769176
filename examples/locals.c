/* SPDX-License-Identifier: MIT */
/*
 * examples/locals.c - values that follow a task and its children: contextvars
 *
 * A task-local is inherited at spawn from whoever spawns.  What a child sets
 * stays in the child.
 */
#include <stdio.h>

#include <belay.h>

static const bl_local request_id; /* plain pointers: nothing to count */

/* Deep inside, where nobody passes the request down. */
static void log_line(const char *text) {
    const char *id = bl_local_get(&request_id);
    printf("[%s] %s\n", id ? id : "-", text);
}

static int query(void *arg) {
    log_line(arg);
    return 0;
}

static int handle(void *arg) {
    int rc = bl_local_set(&request_id, arg);
    if (rc < 0) return rc;

    log_line("begins");
    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, query, "select name");
        if (rc == 0) rc = bl_spawn(tg, query, "select age");
    }
    log_line("ends");
    return rc;
}

static int main_task(void *arg) {
    (void)arg;
    int rc;
    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, handle, "req-1");
    }
    if (rc < 0) return rc;
    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, handle, "req-2");
    }
    log_line("outside");
    return rc < 0 ? rc : bl_local_get(&request_id) ? BL_EMISUSE : 0;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "locals: %s\n", bl_strerror(rc));
    return rc < 0;
}
