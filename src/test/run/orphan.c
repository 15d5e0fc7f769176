/* SPDX-License-Identifier: MIT */
/*
 * test/run/orphan.c - what processes of tests leave behind when they crash
 *
 * A process of a test adopts its descendants and looks for them at its end.
 * If it does not live to see that, they come to the runner, wherever they had
 * gone: in a session of its own a process is out of reach of its old group.
 *
 * Invariant: the children of the runner are those that it had before, the
 * workers, and orphans.
 */
#include "test/run/orphan.h"

#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belay/base.h>

enum {
    KNOWN_MAX = 512
};

static pid_t known[KNOWN_MAX];
static size_t known_count;
static bool is_adopting;

static bool is_known(pid_t pid) {
    for (size_t i = 0; i < known_count; i++) {
        if (known[i] == pid) return true;
    }
    return false;
}

void bl__orphans_except(pid_t pid) {
    if (known_count < KNOWN_MAX) known[known_count++] = pid;
}

void bl__orphans_forget(pid_t pid) {
    size_t i = 0;
    while (i < known_count && known[i] != pid)
        i++;
    if (i < known_count) known[i] = known[--known_count];
}

/* Calls `fn` for each child.  Returns whether that said true of one. */
static bool any_child(bool (*fn)(pid_t pid)) {
    char path[64];
    int pid;
    bool is_any = false;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL) return false;
    while (fscanf(file, "%d", &pid) == 1) {
        if (fn(pid)) is_any = true;
    }
    fclose(file);
    return is_any;
}

static bool note(pid_t pid) {
    bl__orphans_except(pid);
    return true;
}

static bool end(pid_t pid) {
    if (is_known(pid)) return false;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return true;
}

void bl__orphans_adopt(void) {
    any_child(note);
    is_adopting = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

/* Each that ends may leave others. */
void bl__orphans_kill(void) {
    while (is_adopting && any_child(end)) {}
}
