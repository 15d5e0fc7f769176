/* SPDX-License-Identifier: MIT */
/*
 * task/overflow.c - saying whose stack was too small
 *
 * A fault in the guard of the current task's stack is a stack overflow.  The
 * handler runs on a stack of its own, says which task it was, and lets the
 * fault happen again with the default effect, so that a core file shows it.
 * It is installed where the default stood, and a sanitizer's or a program's
 * own handler is left alone.
 */
#include <belay/inspect.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "task/task.h"

enum {
    ALT_STACK_BYTES = 32 * 1024
};

static void say_overflow(const bl_task *task) {
    char text[512];
    int length = snprintf(
        text, sizeof text,
        "belay: stack overflow in task \"%s\" #%llu: its stack has %zu bytes; "
        "it was spawned at %s\n  give it more with bl_spawn_options."
        "stack_bytes\n",
        bl_task_name(task), (unsigned long long)task->id,
        bl__stack_bytes(&task->stack),
        bl_task_site(task)[0] != '\0' ? bl_task_site(task) : "(unknown)");
    BL_IGNORE(write(STDERR_FILENO, text, (size_t)length) < 0);
}

bool bl_inspect_is_overflow(const void *address) {
    const bl_task *task = bl__task_current();
    return task != NULL && bl__stack_is_guard(&task->stack, address);
}

static void on_fault(int number, siginfo_t *info, void *context) {
    (void)context;
    if (bl_inspect_is_overflow(info->si_addr)) {
        say_overflow(bl__task_current());
    }
    /* Returning repeats the fault. */
    signal(number, SIG_DFL);
}

static void install(int number) {
    struct sigaction current;
    if (sigaction(number, NULL, &current) < 0) return;
    if (current.sa_flags & SA_SIGINFO) return;
    if (current.sa_handler != SIG_DFL) return;

    struct sigaction action = { .sa_sigaction = on_fault };
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

/* Without memory for it there is no report, just the fault. */
void bl__overflow_watch(struct bl__sched *sched) {
    stack_t current;
    if (sched->loop.options.signals == BL_SIGNALS_HOST) return;
    if (sigaltstack(NULL, &current) < 0) return;
    if ((current.ss_flags & SS_DISABLE) == 0) return;
    void *memory = bl__alloc(ALT_STACK_BYTES);
    if (memory == NULL) return;

    stack_t alt = { .ss_sp = memory, .ss_size = ALT_STACK_BYTES };
    if (sigaltstack(&alt, NULL) < 0) {
        bl__free(memory);
        return;
    }
    sched->alt_stack = memory;
    install(SIGSEGV);
    install(SIGBUS);
}

void bl__overflow_unwatch(struct bl__sched *sched) {
    if (sched->alt_stack == NULL) return;
    stack_t off = { .ss_flags = SS_DISABLE };
    sigaltstack(&off, NULL);
    bl__free(sched->alt_stack);
    sched->alt_stack = NULL;
}
