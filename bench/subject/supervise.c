/* SPDX-License-Identifier: MIT */
/*
 * bench/subject/supervise.c - the smallest supervisor: supervise PROGRAM ARG...
 *
 * It runs the program again when it ends, after a second, until SIGTERM comes;
 * then it ends the program, within three seconds, and all that came from it.
 */
#include <belay.h>

struct supervised {
    const char *const *argv;
    bl_signals *signals;
};

/* Returns 1 once it is to stop, 0 if the program is to be started again. */
static int run_once(struct supervised *self) {
    bl_process_options options = { .size = sizeof options, .grace = BL_SEC(3) };
    bl_process *process;
    bl_signal_event event;
    BL_TRY(bl_process_spawn(self->argv, &options, &process));
    bl_branch branches[] = { bl_on_process(process, NULL),
                             bl_on_signal(self->signals, &event) };
    int which = bl_select(branches, 2);
    int closed = bl_process_close(process);
    if (which != 0) return which < 0 ? which : 1;
    if (closed < 0) return closed;
    branches[0] = bl_on_sleep(BL_SEC(1));
    return bl_select(branches, 2);
}

static int supervise(void *arg) {
    struct supervised *self = arg;
    const int number = SIGTERM;
    BL_TRY(bl_signals_open(&number, 1, &self->signals));
    int rc = 0;
    while (rc == 0)
        rc = run_once(self);
    bl_signals_close(self->signals);
    return rc;
}

int main(int argc, char **argv) {
    struct supervised self = { .argv = (const char *const *)argv + 1 };
    if (argc < 2) return 2;
    return bl_run(supervise, &self) >= 0 ? 0 : 1;
}
