/* SPDX-License-Identifier: MIT */
/*
 * support/host.c - threads, loops and processes for tests; see host.h
 *
 * A helper that cannot do its work ends the test's process: nothing that the
 * test could say afterwards would mean anything.
 */
#include "support/host.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct errand {
    void (*fn)(void *arg);
    void *arg;
};

struct run {
    bl_task_fn *fn;
    void *arg;
    const bl_loop_options *options;
    int rc;
};

static char captured[65536];
static int stderr_before = -1;
static FILE *stderr_now;

static void insist(bool fact, const char *what) {
    if (fact) return;
    perror(what);
    abort();
}

static void *do_errand(void *arg) {
    struct errand *errand = arg;
    errand->fn(errand->arg);
    return NULL;
}

void on_thread(void (*fn)(void *arg), void *arg) {
    struct errand errand = { fn, arg };
    pthread_t thread;
    insist(pthread_create(&thread, NULL, do_errand, &errand) == 0, "thread");
    insist(pthread_join(thread, NULL) == 0, "join");
}

static void do_run(void *arg) {
    struct run *run = arg;
    run->rc = bl_run_with(run->fn, run->arg, run->options);
}

int run_elsewhere(bl_task_fn *fn, void *arg, const bl_loop_options *options) {
    bl_loop_options quiet = quiet_options();
    struct run run = { fn, arg, options == NULL ? &quiet : options, 0 };
    on_thread(do_run, &run);
    return run.rc;
}

bl_loop_options quiet_options(void) {
    return (bl_loop_options){
        .size = sizeof(bl_loop_options),
        .clock = BL_CLOCK_VIRTUAL,
        .signals = BL_SIGNALS_HOST,
        .is_quiet = true,
    };
}

static void default_signals(void) {
    static const int numbers[] = { SIGINT, SIGTERM, SIGQUIT, SIGABRT };
    sigset_t none;
    sigemptyset(&none);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        insist(signal(numbers[i], SIG_DFL) != SIG_ERR, "signal");
    }
    insist(sigprocmask(SIG_SETMASK, &none, NULL) == 0, "sigprocmask");
}

int in_child(int (*fn)(void *arg), void *arg) {
    pid_t pid = fork();
    insist(pid >= 0, "fork");
    if (pid == 0) {
        default_signals();
        _exit(fn(arg));
    }
    int status = 0;
    insist(waitpid(pid, &status, 0) == pid, "waitpid");
    return status;
}

/* Its runtime brings this function. */
extern void __tsan_init(void) __attribute__((weak));

bool has_thread_sanitizer(void) {
    return __tsan_init != NULL;
}

bool shows_stacks(void) {
#if defined(BELAY_CTX_GENERIC)
    return false;
#else
    return true;
#endif
}

bool shows_names(void) {
    char place[256];
    const char *code = (const char *)(uintptr_t)shows_names;
    bl_inspect_place(code + 1, place, sizeof place); /* reads them, or else */
    while (!bl_inspect_learn_names(BL_SEC(1))) {}    /* somebody does */
    bl_inspect_place(code + 1, place, sizeof place);
    return strstr(place, "shows_names") != NULL;
}

void *shared_memory(size_t bytes) {
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    insist(memory != MAP_FAILED, "mmap");
    return memory;
}

void capture_stderr(void) {
    (void)fflush(stderr);
    stderr_now = tmpfile();
    insist(stderr_now != NULL, "tmpfile");
    stderr_before = dup(STDERR_FILENO);
    insist(stderr_before >= 0, "dup");
    insist(dup2(fileno(stderr_now), STDERR_FILENO) >= 0, "dup2");
}

const char *captured_stderr(void) {
    (void)fflush(stderr);
    insist(dup2(stderr_before, STDERR_FILENO) >= 0, "dup2");
    close(stderr_before);
    rewind(stderr_now);
    size_t length = fread(captured, 1, sizeof(captured) - 1, stderr_now);
    captured[length] = '\0';
    (void)fclose(stderr_now);
    return captured;
}
