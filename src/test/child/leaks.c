/* SPDX-License-Identifier: MIT */
/*
 * test/child/leaks.c - what a test has left behind outside its loop
 *
 * A process lists its descriptors when it begins, so whatever else is open at
 * its end is the test's.  Where tests share a process, the list is made again
 * before each of them.  The process adopts its orphaned descendants, so they
 * are its children at the end, wherever they had gone.
 */
#include "test/child/leaks.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <belay/inspect.h>

#include "test/child/ambient.h"
#include "test/explore/memory.h"
#include "test/record.h"

enum {
    DESCRIPTORS_MAX = 4096,
    PROCESSES_MAX = 256,
    SHOWN_MAX = 8,
    DETAILS_BYTES = 3000,
    TARGET_BYTES = 256
};

static const bl_ns names_patience = BL_SEC(10);

/* What there was at some moment. */
struct inventory {
    unsigned char is_open[DESCRIPTORS_MAX];
    pid_t children[PROCESSES_MAX];
    size_t child_count;
};

static struct inventory at_start, at_test;

/* ---- descriptors --------------------------------------------------------- */

/*
 * Calls `fn` for each descriptor but the one used for listing.  Those above the
 * limit are not the program's: a tool such as Valgrind keeps its own there.
 */
static void each_descriptor(void (*fn)(int fd, void *context), void *context) {
    struct rlimit limit;
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) limit.rlim_cur = RLIM_INFINITY;
    for (struct dirent *entry = readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        int fd = atoi(entry->d_name);
        if (fd == dirfd(directory) || (rlim_t)fd >= limit.rlim_cur) continue;
        fn(fd, context);
    }
    closedir(directory);
}

static void note_descriptor(int fd, void *context) {
    struct inventory *inventory = context;
    if (fd < DESCRIPTORS_MAX) inventory->is_open[fd] = 1;
}

struct findings {
    const struct inventory *before;
    struct bl__text text;
    int count;
    bool skips_loop; /* what the loop may have made for itself */
};

/* Whether the loop makes such descriptors, and keeps them until it ends. */
static bool is_of_loop(const char *target) {
    return strcmp(target, "anon_inode:[eventpoll]") == 0 ||
           strcmp(target, "anon_inode:[eventfd]") == 0 ||
           strcmp(target, "anon_inode:[io_uring]") == 0;
}

/* Whether it is the test's, and then what it is. */
static bool is_left(const struct findings *found, int fd, char *target) {
    char path[64];
    if (fd < DESCRIPTORS_MAX && found->before->is_open[fd]) return false;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, TARGET_BYTES - 1);
    target[length > 0 ? length : 0] = '\0';
    return !found->skips_loop || !is_of_loop(target);
}

static void count_left(int fd, void *context) {
    struct findings *found = context;
    char target[TARGET_BYTES];
    if (is_left(found, fd, target)) found->count++;
}

static void look_at(int fd, void *context) {
    struct findings *found = context;
    char target[TARGET_BYTES];
    if (!is_left(found, fd, target)) return;
    if (fd < DESCRIPTORS_MAX) at_start.is_open[fd] = 1; /* said once */
    if (found->count++ >= SHOWN_MAX) return;
    bl__text_add(&found->text, "%d -> %s\n", fd, target);
}

static bool check_descriptors(const struct inventory *before, bool skips_loop) {
    char details[DETAILS_BYTES];
    struct findings found = { .before = before,
                              .text = bl__text_in(details, sizeof details),
                              .skips_loop = skips_loop };
    each_descriptor(count_left, &found);
    if (found.count == 0) return false;
    /* A thread that reads names for a report has files open until it is done,
     * and a test does not wait for it. */
    bl_inspect_learn_names(names_patience);
    found.count = 0;
    each_descriptor(look_at, &found);
    if (found.count == 0) return false;
    bl__record_trouble(BL_TEST_BROKEN, "LEAK: %d open descriptors",
                       found.count);
    bl__record_note(details);
    return true;
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
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Lists the children, those that have ended and were not waited for as well. */
static size_t list_children(pid_t *children) {
    char path[64];
    size_t count = 0;
    int pid;
    if (!has_children()) return 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    while (count < PROCESSES_MAX && fscanf(file, "%d", &pid) == 1) {
        children[count++] = pid;
    }
    fclose(file);
    return count;
}

static bool has_child(const struct inventory *inventory, pid_t pid) {
    for (size_t i = 0; i < inventory->child_count; i++) {
        if (inventory->children[i] == pid) return true;
    }
    return false;
}

static bool has_ended(pid_t pid) {
    siginfo_t info = { .si_pid = 0 };
    int rc = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return rc < 0 || info.si_pid != 0;
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

/*
 * Ends the children that were not there `before`.  Returns whether there were
 * any; `*live_count` counts those that still ran.
 */
static bool end_children(const struct inventory *before, struct bl__text *text,
                         int *live_count) {
    pid_t children[PROCESSES_MAX];
    size_t count = list_children(children);
    bool is_any = false;
    for (size_t i = 0; i < count; i++) {
        pid_t pid = children[i];
        if (has_child(before, pid)) continue;
        is_any = true;
        if (!has_ended(pid) && (*live_count)++ < SHOWN_MAX) {
            describe_process(text, pid);
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return is_any;
}

/* Those that end may leave children of their own to us. */
static bool check_processes(const struct inventory *before) {
    char details[DETAILS_BYTES];
    struct bl__text text = bl__text_in(details, sizeof details);
    int count = 0;
    while (end_children(before, &text, &count)) {}
    if (count == 0) return false;
    bl__record_trouble(BL_TEST_BROKEN, "LEAK: %d processes still ran", count);
    bl__record_note(details);
    return true;
}

/* ---- the whole ----------------------------------------------------------- */

static void take_inventory(struct inventory *inventory) {
    memset(inventory, 0, sizeof *inventory);
    each_descriptor(note_descriptor, inventory);
    inventory->child_count = list_children(inventory->children);
}

void bl__leaks_note(void) {
    take_inventory(&at_start);
}

void bl__leaks_check(void) {
    check_processes(&at_start);
    check_descriptors(&at_start, false);
    check_memory();
}

void bl__leaks_note_test(void) {
    take_inventory(&at_test);
    bl__ambient_note();
}

static void check_ambient(void) {
    char details[DETAILS_BYTES];
    struct bl__text text = bl__text_in(details, sizeof details);
    int count = bl__ambient_restore(&text);
    if (count == 0) return;
    bl__record_trouble(BL_TEST_BROKEN,
                       "LEAK: %d things of the whole process were changed for "
                       "the tests to come; they were put back",
                       count);
    bl__record_note(details);
}

bool bl__leaks_check_test(bool is_exact) {
    check_ambient();
    bool has_left = check_processes(&at_test);
    if (is_exact && check_descriptors(&at_test, true)) has_left = true;
    return has_left;
}
