/* SPDX-License-Identifier: MIT */
/*
 * specimens/isolation.c - tests that reach beyond their process
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belay/test.h>

/* Forks a process that sleeps for ever, in a session of its own if asked. */
static pid_t leave_child(bool is_apart) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (is_apart) setsid();
        for (;;)
            pause();
    }
    return pid;
}

TEST(leaves_a_child, .no_loop = true) {
    leave_child(false);
}

/* The child in between ends, so the grandchild has no parent but ours. */
TEST(leaves_a_grandchild_apart, .no_loop = true) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (fork() == 0) {
            setsid();
            for (;;)
                pause();
        }
        _exit(0);
    }
    CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

/* It crashes, so it cannot look for what it has left. */
TEST(crashes_with_a_child_apart, .no_loop = true) {
    printf("child %d\n", (int)leave_child(true));
    fflush(stdout);
    kill(getpid(), SIGKILL);
}

TEST(crashes_with_a_child, .no_loop = true) {
    printf("child %d\n", (int)leave_child(false));
    fflush(stdout);
    kill(getpid(), SIGKILL);
}

TEST(passes_after_that, .no_loop = true) {
}

/* ---- output -------------------------------------------------------------- */

TEST(prints_a_lot, .no_loop = true) {
    static char line[1000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    printf("this is the head\n");
    for (int i = 0; i < 100 * 1000; i++)
        fwrite(line, 1, sizeof line, stdout);
    printf("this is the tail\n");
    CHECK(false);
}

TEST(closes_its_output, .no_loop = true) {
    printf("before\n");
    fflush(stdout);
    close(1);
    close(2);
    CHECK_EQ(3, 4);
}

TEST(redirects_its_output, .no_loop = true) {
    printf("before\n");
    fflush(stdout);
    int fd = open("/dev/null", O_WRONLY);
    dup2(fd, 1);
    dup2(fd, 2);
    close(fd);
    printf("swallowed\n");
    CHECK_EQ(3, 4);
}

TEST(prints_to_both, .no_loop = true) {
    printf("out 1\n");
    fprintf(stderr, "err 2\n");
    printf("out 3\n");
    fprintf(stderr, "err 4\n");
    CHECK(false);
}

TEST(prints_without_a_newline, .no_loop = true) {
    printf("no newline");
    CHECK(false);
}

TEST(prints_half_a_letter, .no_loop = true) {
    printf("half \xc3\n");
    CHECK(false);
}

/* ---- interrupts ---------------------------------------------------------- */

static void say(const char *text) {
    BL_IGNORE(write(STDERR_FILENO, text, strlen(text)) < 0);
}

FIXTURE(int, whole_run, .scope = T_RUN) {
    YIELD(1);
    say("the run is over\n");
}

TEST(waits_for_ever, (whole_run), .no_loop = true, .tags = ".interrupt") {
    char text[64];
    snprintf(text, sizeof text, "waiting in %d\n", (int)getpid());
    say(text);
    for (;;)
        pause();
}

TEST(is_never_reached, .no_loop = true, .tags = ".interrupt") {
}
