/* SPDX-License-Identifier: MIT */
/*
 * examples/signals.c - signals as events: to reload, to print, to stop
 *
 * The program sends the signals to itself; from a shell it would be kill.
 */
#include <belay.h>

#include <stdio.h>
#include <unistd.h>

static int listen_for_signals(void *arg) {
    const int numbers[] = { SIGHUP, SIGUSR1, SIGTERM };
    bl_signal_event event = { 0 };
    bl_signals *signals;
    bl_event *listening = arg;
    BL_TRY(bl_signals_open(numbers, 3, &signals));
    bl_event_set(listening);

    int rc = 0;
    while (rc == 0 && event.number != SIGTERM) {
        rc = bl_signals_wait(signals, &event);
        if (rc < 0) break;
        printf("%s (%u) from %s\n", bl_signal_name(event.number), event.count,
               event.pid == getpid() ? "myself" : "elsewhere");
    }
    bl_signals_close(signals);
    return rc;
}

static int send_signals(void *arg) {
    const int numbers[] = { SIGHUP, SIGUSR1, SIGUSR1, SIGTERM };
    bl_event *listening = arg;
    BL_TRY(bl_event_wait(listening));
    for (int i = 0; i < 4; i++) {
        if (kill(getpid(), numbers[i]) < 0) return BL_ERR(BL_EIO, "kill");
    }
    return 0;
}

static int main_task(void *arg) {
    bl_event listening = BL_EVENT_INIT;
    int rc = 0;
    (void)arg;
    BL_GROUP(group, rc) {
        rc = bl_spawn(group, listen_for_signals, &listening);
        if (rc == 0) rc = bl_spawn(group, send_signals, &listening);
    }
    return rc;
}

int main(void) {
    return bl_run(main_task, NULL) == 0 ? 0 : 1;
}
