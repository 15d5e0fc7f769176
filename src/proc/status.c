/* SPDX-License-Identifier: MIT */
/*
 * proc/status.c - how a program has ended, in words
 */
#include <belay/process.h>
#include <belay/signal.h>

#include <stdio.h>

bool bl_process_status_is_ok(const bl_process_status *status) {
    if (status->is_unknown) return false;
    return status->signal == 0 && status->code == 0;
}

void bl_process_status_format(const bl_process_status *status, char *text,
                              size_t bytes) {
    if (status->is_unknown) {
        snprintf(text, bytes, "ended, nobody knows how");
    } else if (status->signal != 0) {
        const char *core = status->has_core ? " (core dumped)" : "";
        snprintf(text, bytes, "killed by %s%s", bl_signal_name(status->signal),
                 core);
    } else {
        snprintf(text, bytes, "exited with %d", status->code);
    }
}
