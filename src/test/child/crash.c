/* SPDX-License-Identifier: MIT */
/*
 * test/child/crash.c - what a test process says when it is dying
 *
 * The handler writes addresses into the record and nothing else: names are
 * found later by the runner, which was forked from the same image and so has
 * the same code at the same addresses.  Then the signal has its usual effect.
 *
 * The handler runs on a stack of its own, since an overflow leaves none.  A
 * process that the test itself forks has neither: what becomes of it is the
 * test's business.
 */
#include "test/child/crash.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/child/stage.h"
#include "test/host.h"

enum {
    ALT_STACK_BYTES = 64 * 1024,
    TREE_BYTES = 8192,
    LINE_BYTES = 512
};

static const int faults[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE };
static char alt_stack[ALT_STACK_BYTES] __attribute__((aligned(16)));

static void write_text(const char *text) {
    BL_IGNORE(write(STDERR_FILENO, text, strlen(text)) < 0);
}

/* Not safe in every case, but the process is lost already. */
static void write_tree(void) {
    static char tree[TREE_BYTES];
    if (bl_loop_running() == NULL) return;
    bl_inspect_format(bl_loop_running(), tree, sizeof tree);
    write_text("tasks when it was stopped:\n");
    write_text(tree);
}

static void on_crash(int number, siginfo_t *info, void *context) {
    struct bl__test_record *record = bl__test_record;
    (void)context;
    signal(number, SIG_DFL);
    if (record == NULL || record->crash_signal != 0) {
        raise(number);
        return;
    }
    record->crash_signal = number;
    const bl_task *task = bl_task_current();
    if (task != NULL) {
        snprintf(record->crash_task, sizeof record->crash_task, "%s",
                 bl_task_name(task));
    }
    record->is_overflow =
        number != SIGABRT && bl_inspect_is_overflow(info->si_addr);
    record->crash_frame_count =
        backtrace(record->crash_frames, BL__RECORD_FRAMES_MAX);
    if (atomic_load(&record->is_watchdogged)) write_tree();
    raise(number);
}

static void on_hurry(int number) {
    (void)number;
    bl__stage_hurry();
}

static void unwatch_in_child(void) {
    static const stack_t off = { .ss_flags = SS_DISABLE };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        signal(faults[i], SIG_DFL);
    }
    signal(SIGABRT, SIG_DFL);
    sigaltstack(&off, NULL);
}

static void watch_faults(struct sigaction *action) {
    const stack_t stack = { .ss_sp = alt_stack, .ss_size = sizeof alt_stack };
    if (bl__host_has_asan()) return; /* it knows more */
    sigaltstack(&stack, NULL);
    action->sa_flags |= SA_ONSTACK;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigaction(faults[i], action, NULL);
    }
}

void bl__crash_watch(bool is_full) {
    struct sigaction action = { .sa_sigaction = on_crash,
                                .sa_flags = SA_SIGINFO };
    sigemptyset(&action.sa_mask);
    if (is_full) watch_faults(&action);
    sigaction(SIGABRT, &action, NULL);
    action.sa_handler = on_hurry;
    action.sa_flags = 0; /* no SA_RESTART: it has to end a wait */
    sigaction(BL__CRASH_HURRY, &action, NULL);
    pthread_atfork(NULL, NULL, unwatch_in_child);
}

/* ---- in the runner ------------------------------------------------------- */

/* Not safe in every case, but better than to end without a last line. */
static void on_runner_crash(int number) {
    signal(number, SIG_DFL);
    bl__host_die("%s in the runner, perhaps in a function of .skip_if",
                 strsignal(number));
}

void bl__crash_watch_runner(bool is_on) {
    void (*handler)(int) = is_on ? on_runner_crash : SIG_DFL;
    signal(SIGABRT, handler);
    if (bl__host_has_asan()) return; /* it knows more of the others */
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        signal(faults[i], handler);
    }
}

void bl__crash_describe(struct bl__text *text,
                        const struct bl__test_record *record) {
    if (record->is_overflow) {
        bl__text_add(text, "    its stack has overflowed: give it more by "
                           ".stack_bytes of the test,\n    or by "
                           "bl_spawn_options.stack_bytes\n");
    }
    if (record->crash_frame_count == 0) return;
    bl__text_add(text, "    stack");
    if (record->crash_task[0] != '\0') {
        bl__text_add(text, " of task '%s'", record->crash_task);
    }
    bl__text_add(text, ":\n");
    for (int i = BL__CRASH_FRAMES; i < record->crash_frame_count; i++) {
        bl__text_add(text, "      <pc %p>\n", record->crash_frames[i]);
    }
}

/* Runs addr2line for one address.  False if there is nothing to learn. */
static bool ask_addr2line(const char *file, uintptr_t offset, char *line,
                          size_t bytes) {
    char place[LINE_BYTES];
    char *command = bl__host_format("addr2line -f -e '%s' 0x%llx 2>/dev/null",
                                    file, (unsigned long long)offset);
    FILE *pipe = popen(command, "re");
    free(command);
    if (pipe == NULL) return false;
    bool has_both = fgets(line, (int)bytes, pipe) != NULL &&
                    fgets(place, sizeof place, pipe) != NULL;
    pclose(pipe);
    if (!has_both || line[0] == '?') return false;
    line[strcspn(line, "\n")] = '\0';
    place[strcspn(place, "\n")] = '\0';
    if (place[0] == '?') return true;
    size_t length = strlen(line);
    char *note = strstr(place, " (discriminator");
    if (note != NULL) *note = '\0';
    snprintf(line + length, bytes - length, " at %s",
             bl__test_short_path(place));
    return true;
}

static void add_symbol(FILE *out, uintptr_t address) {
    char line[LINE_BYTES * 2];
    char self[LINE_BYTES];
    Dl_info info;
    /* A return address is behind the call: step back into it. */
    uintptr_t inside = address - 1;
    if (dladdr((void *)inside, &info) == 0 || info.dli_fname == NULL) {
        fprintf(out, "%p", (void *)address);
        return;
    }
    const char *file = info.dli_fname;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    if (access(file, R_OK) != 0) file = self;
    uintptr_t offset = inside - (uintptr_t)info.dli_fbase;
    if (ask_addr2line(file, offset, line, sizeof line) ||
        ask_addr2line(file, inside, line, sizeof line)) {
        fprintf(out, "%s", line);
    } else {
        fprintf(out, "%s in %s+0x%llx",
                info.dli_sname != NULL ? info.dli_sname : "?",
                bl__test_base_name(file), (unsigned long long)offset);
    }
}

char *bl__crash_symbolize(const char *text) {
    char *result;
    size_t bytes;
    FILE *out = open_memstream(&result, &bytes);
    if (out == NULL) bl__host_die("out of memory");
    for (;;) {
        const char *found = strstr(text, "<pc ");
        if (found == NULL) break;
        char *end;
        uintptr_t address = (uintptr_t)strtoull(found + 4, &end, 16);
        fwrite(text, 1, (size_t)(found - text), out);
        add_symbol(out, address);
        text = *end == '>' ? end + 1 : end;
    }
    fputs(text, out);
    fclose(out);
    return result;
}
