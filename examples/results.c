/* SPDX-License-Identifier: MIT */
/*
 * examples/results.c - results of several tasks, where asyncio has gather()
 *
 * A group cannot outlive the function that opened it, so its children may
 * write straight into that function's variables.  Where one failure should
 * not end the others, a child keeps its error as a value (gather's
 * return_exceptions).  Where the result belongs to the task, a handle has it.
 */
#include <stdio.h>

#include <belay.h>

struct division {
    int of;
    int by;
    int result;
    int rc;
};

static int divide(void *arg) {
    struct division *division = arg;

    int rc = bl_sleep(BL_MS(5));
    if (rc < 0) return rc;
    if (division->by == 0) return BL_ERR(BL_EINVAL, "division by zero");
    division->result = division->of / division->by;
    return 0;
}

/* Keeps the error beside the result.  Cancellation still has to go on. */
static int divide_or_note(void *arg) {
    struct division *division = arg;

    division->rc = divide(division);
    if (division->rc == BL_ECANCELED) return division->rc;
    bl_error_handled();
    return 0;
}

static int divide_all(bl_task_fn *fn, struct division *all, int count) {
    int rc;
    BL_GROUP(tg, rc) {
        for (int i = 0; i < count && rc == 0; i++) {
            rc = bl_spawn(tg, fn, &all[i]);
        }
    }
    return rc;
}

static int answer(void *arg) {
    bl_task_set_value(arg);
    return 42;
}

/* A handle: the result stays readable after the group is closed. */
static int with_handle(void) {
    bl_task *task = NULL;
    int rc;
    BL_GROUP(tg, rc) {
        rc = bl_spawn_task(tg, answer, "a pointer as well", &task);
    }
    if (rc < 0) return rc;

    bl_outcome outcome;
    rc = bl_task_result(task, &outcome);
    if (rc == 0) {
        printf("handle: %d and %s\n", outcome.rc, (char *)outcome.value);
    }
    bl_task_unref(task);
    return rc;
}

static int main_task(void *arg) {
    (void)arg;
    struct division good[] = { { .of = 12, .by = 3 }, { .of = 12, .by = 4 } };
    int rc = divide_all(divide, good, 2);
    if (rc < 0) return rc;
    printf("all or nothing: %d and %d\n", good[0].result, good[1].result);

    struct division mixed[] = { { .of = 1, .by = 0 }, { .of = 12, .by = 6 } };
    rc = divide_all(divide_or_note, mixed, 2);
    if (rc < 0) return rc;
    printf("each its own: %s and %d\n", bl_error_name(mixed[0].rc),
           mixed[1].result);

    if (good[1].result != 3 || mixed[1].result != 2) return BL_EMISUSE;
    return with_handle();
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "results: %s\n", bl_strerror(rc));
    return rc < 0;
}
