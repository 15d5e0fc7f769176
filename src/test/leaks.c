/* SPDX-License-Identifier: MIT */
/*
 * test/leaks.c - what a test has left behind outside its loop
 *
 * The runner lists its descriptors once; the process of each test inherits
 * just these, so whatever else is open at its end is the test's.  The process
 * adopts its orphaned descendants, so they are its children at the end,
 * wherever they had gone.
 */
#include "test/leaks.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/memory.h"
#include "test/record.h"

enum {
    DESCRIPTORS_MAX = 4096,
    SHOWN_MAX = 8,
    DETAILS_BYTES = 3000
};

static unsigned char was_open[DESCRIPTORS_MAX];

/* Calls `fn` for each descriptor but the one used for listing. */
static void each_descriptor(void (*fn)(int fd, void *context), void *context) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return;
    for (struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        int fd = atoi(entry->d_name);
        if (fd != dirfd(directory)) fn(fd, context);
    }
    closedir(directory);
}

static void note(int fd, void *context) {
    (void)context;
    if (fd < DESCRIPTORS_MAX) was_open[fd] = 1;
}

void bl__leaks_note_descriptors(void) {
    memset(was_open, 0, sizeof was_open);
    each_descriptor(note, NULL);
}

/* ---- descriptors --------------------------------------------------------- */

struct findings {
    struct bl__text text;
    int count;
};

static void look_at(int fd, void *context) {
    struct findings *found = context;
    char path[64];
    char target[256];
    if (fd < DESCRIPTORS_MAX && was_open[fd]) return;
    if (found->count++ >= SHOWN_MAX) return;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target - 1);
    target[length > 0 ? length : 0] = '\0';
    bl__text_add(&found->text, "%d -> %s\n", fd, target);
}

static void check_descriptors(void) {
    char details[DETAILS_BYTES];
    struct findings found = { .text = bl__text_in(details, sizeof details) };
    each_descriptor(look_at, &found);
    if (found.count == 0) return;
    bl__record_trouble(BL_TEST_BROKEN, "LEAK: %d open descriptors",
                       found.count);
    bl__record_note(details);
}

/* ---- memory -------------------------------------------------------------- */

static void check_memory(void) {
    char details[DETAILS_BYTES];
    struct bl__text text = bl__text_in(details, sizeof details);
    size_t count = bl__memory_leaks(&text);
    if (count == 0) return;
    bl__record_trouble(BL_TEST_BROKEN,
                       "LEAK: %zu blocks of the library's memory", count);
    bl__record_note(details);
}

/* ---- processes ----------------------------------------------------------- */

static bool has_children(void) {
    siginfo_t info = { .si_pid = 0 };
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == 0) {
        if (info.si_pid == 0) return true; /* there are some, and they live */
        info.si_pid = 0;
    }
    return false;
}

static void describe_process(struct bl__text *text, int pid) {
    char path[64];
    char name[64] = "?";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) == NULL) name[0] = '\0';
        name[strcspn(name, "\n")] = '\0';
        fclose(file);
    }
    bl__text_add(text, "%d (%s)\n", pid, name);
}

/* Kills the children that still run.  Returns how many there were. */
static int kill_children(struct bl__text *text) {
    char path[64];
    int count = 0;
    int pid;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    while (fscanf(file, "%d", &pid) == 1) {
        if (count++ < SHOWN_MAX) describe_process(text, pid);
        kill(pid, SIGKILL);
    }
    fclose(file);
    return count;
}

/* Those that are killed may leave children of their own to us. */
static void check_processes(void) {
    char details[DETAILS_BYTES];
    struct bl__text text = bl__text_in(details, sizeof details);
    int total = 0;
    while (has_children()) {
        int count = kill_children(&text);
        if (count == 0) break;
        total += count;
        while (count-- > 0)
            waitpid(-1, NULL, 0);
    }
    if (total == 0) return;
    bl__record_trouble(BL_TEST_BROKEN, "LEAK: %d processes still ran", total);
    bl__record_note(details);
}

void bl__leaks_check(void) {
    check_processes();
    check_descriptors();
    check_memory();
}
