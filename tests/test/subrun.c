/* SPDX-License-Identifier: MIT */
/*
 * test/subrun.c - running a test program as a user would, and reading it
 *
 * Output goes into files in memory, which nothing can fill up and nobody has
 * to empty.  The end is waited for by a descriptor of the process, for a
 * bounded time; a program that takes longer is killed, and fails the test.
 */
#include "test/subrun.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/host.h"

enum {
    ARGS_MAX = 32,
    ENV_MAX = 512,
    OWN_ENV_MAX = 8,
    SHOWN_LINES_MAX = 300
};

/* Of a whole program; a test's own process has 30 seconds. */
#define LIMIT BL_SEC(20)

static const char *own_env[OWN_ENV_MAX];
static size_t own_env_count;

void subrun_env(const char *assignment) {
    REQUIRE_LT(own_env_count, OWN_ENV_MAX);
    own_env[own_env_count++] = assignment;
}

/* ---- starting ------------------------------------------------------------ */

static void collect_env(char **env) {
    size_t count = 0;
    for (char **one = environ; *one != NULL; one++) {
        if (strncmp(*one, "BELAY_TEST_", 11) == 0) continue;
        REQUIRE_LT(count, ENV_MAX - OWN_ENV_MAX - 1);
        env[count++] = *one;
    }
    for (size_t i = 0; i < own_env_count; i++) {
        env[count++] = (char *)own_env[i];
    }
    env[count] = NULL;
}

/* The list of words behind `program`, which ends in NULL. */
static void collect_args(char **args, const char *program, va_list words) {
    size_t count = 0;
    args[count++] = (char *)program;
    do {
        REQUIRE_LT(count, ARGS_MAX);
        args[count] = va_arg(words, char *);
    } while (args[count++] != NULL);
}

/* Several processes write it at once: only what is appended is kept whole, for
 * such a file has no lock on where it stands. */
static int output_file(void) {
    int fd = memfd_create("subrun", MFD_CLOEXEC);
    REQUIRE_GE(fd, 0);
    REQUIRE_OK(fcntl(fd, F_SETFL, O_APPEND));
    return fd;
}

static struct subrun start(bool is_apart, const char *program, va_list words) {
    struct subrun run = { .output_fd = output_file(), .errors_fd = -1 };
    char *args[ARGS_MAX + 1];
    char *env[ENV_MAX];
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t none;

    if (is_apart) run.errors_fd = output_file();
    collect_args(args, program, words);
    collect_env(env);
    sigemptyset(&none);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, run.output_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(
        &files, is_apart ? run.errors_fd : run.output_fd, STDERR_FILENO);
    int rc = posix_spawn(&run.pid, program, &files, &attributes, args, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    /* An emulator runs this process, and the system does not know of it. */
    if (rc == ENOEXEC) t_skip("only an emulator could run %s", program);
    if (rc != 0) t_fail("cannot run %s: %s", program, strerror(rc));
    return run;
}

struct subrun subrun_start(const char *program, ...) {
    va_list words;
    va_start(words, program);
    struct subrun run = start(false, program, words);
    va_end(words);
    return run;
}

struct subrun subrun_run(const char *program, ...) {
    va_list words;
    va_start(words, program);
    struct subrun run = start(false, program, words);
    va_end(words);
    subrun_wait(&run);
    return run;
}

struct subrun subrun_run_apart(const char *program, ...) {
    va_list words;
    va_start(words, program);
    struct subrun run = start(true, program, words);
    va_end(words);
    subrun_wait(&run);
    return run;
}

/* ---- reading ------------------------------------------------------------- */

static char *read_all(int fd) {
    off_t size = lseek(fd, 0, SEEK_END);
    REQUIRE_GE(size, 0);
    char *text = calloc(1, (size_t)size + 1);
    REQUIRE_NE(text, NULL);
    ssize_t got = pread(fd, text, (size_t)size, 0);
    REQUIRE_EQ(got, size);
    return text;
}

const char *subrun_last_line(const struct subrun *run) {
    static char line[512];
    size_t end = strlen(run->output);
    if (end > 0 && run->output[end - 1] == '\n') end--;
    size_t begin = end;
    while (begin > 0 && run->output[begin - 1] != '\n')
        begin--;
    if (end - begin >= sizeof line) end = begin + sizeof line - 1;
    memcpy(line, run->output + begin, end - begin);
    line[end - begin] = '\0';
    return line;
}

int subrun_count(const struct subrun *run, const char *text) {
    int count = 0;
    for (const char *at = run->output; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

void subrun_token(const struct subrun *run, char *token, size_t bytes) {
    static const char before[] = "--replay='";
    const char *at = strstr(run->output, before);
    REQUIRE_NE(at, NULL);
    at += sizeof before - 1;
    size_t length = strcspn(at, "'");
    REQUIRE_LT(length, bytes);
    memcpy(token, at, length);
    token[length] = '\0';
}

/* ---- waiting ------------------------------------------------------------- */

static bl_ns time_limit(void) {
    return (bl_ns)((double)LIMIT * bl__host_slowness());
}

/* Waits for the process's end until `ends`.  Returns whether it came. */
static bool wait_end(const struct subrun *run, bl_ns ends) {
    int fd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    REQUIRE_GE(fd, 0);
    struct pollfd end = { .fd = fd, .events = POLLIN };
    int rc;
    do {
        bl_ns left = ends - bl__host_now();
        rc = poll(&end, 1, left > 0 ? (int)(left / 1000000) + 1 : 0);
    } while (rc < 0 && errno == EINTR);
    close(fd);
    return rc > 0;
}

/* It becomes visible if the test fails, and must not be taken for its own. */
static void show(const char *output) {
    for (int i = 0; i < SHOWN_LINES_MAX && *output != '\0'; i++) {
        int length = (int)strcspn(output, "\n");
        printf("> %.*s\n", length, output);
        output += length;
        if (*output == '\n') output++;
    }
}

void subrun_wait(struct subrun *run) {
    int status;
    bool has_ended = wait_end(run, bl__host_now() + time_limit());
    if (!has_ended) kill(run->pid, SIGKILL);
    REQUIRE_EQ(waitpid(run->pid, &status, 0), run->pid);
    run->pid = 0;
    run->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    run->output = read_all(run->output_fd);
    close(run->output_fd);
    if (run->errors_fd >= 0) {
        run->errors = read_all(run->errors_fd);
        close(run->errors_fd);
    }
    show(run->output);
    if (!has_ended) t_fail("the program was still running, and was killed");
}

/* A file in memory tells nobody that it grows: it is looked at. */
void subrun_wait_for(struct subrun *run, const char *text) {
    bl_ns ends = bl__host_now() + time_limit();
    for (;;) {
        char *output = read_all(run->output_fd);
        bool is_there = strstr(output, text) != NULL;
        free(output);
        if (is_there) return;
        if (wait_end(run, bl__host_now() + BL_MS(1))) break;
        if (bl__host_now() > ends) break;
    }
    subrun_wait(run);
    t_fail("the program has not printed '%s'", text);
}

void subrun_signal(const struct subrun *run, int number) {
    REQUIRE_OK(kill(run->pid, number));
}

void subrun_done(struct subrun *run) {
    free(run->output);
    free(run->errors);
    *run = (struct subrun){ .output_fd = -1, .errors_fd = -1 };
}
