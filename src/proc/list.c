/* SPDX-License-Identifier: MIT */
/*
 * proc/list.c - who is alive below a process
 *
 * /proc says of each process who its parent is.  All are read once; then those
 * are marked whose parent is marked, until there are no more.
 */
#include "proc/process.h"

#include <belay/error.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LIST_ENTRIES_FIRST = 64
};

struct list {
    struct bl__process_entry *entries;
    size_t count;
    size_t room;
};

static int list_grow(struct list *list) {
    if (list->count < list->room) return 0;
    size_t room = list->room > 0 ? 2 * list->room : LIST_ENTRIES_FIRST;
    void *grown = bl_realloc(list->entries, room * sizeof *list->entries);
    if (grown == NULL) return BL_ENOMEM;
    list->entries = grown;
    list->room = room;
    return 0;
}

/* "12 (a name) S 34 ...", where the name may have anything in it. */
static bool list_parse(char *text, struct bl__process_entry *entry) {
    char *begin = strchr(text, '(');
    char *end = strrchr(text, ')');
    if (begin == NULL || end == NULL || end < begin) return false;
    if (end[1] != ' ' || end[2] == '\0') return false;
    *end = '\0';
    *entry = (struct bl__process_entry){ .state = end[2] };
    entry->pid = (pid_t)strtol(text, NULL, 10);
    entry->parent = (pid_t)strtol(end + 3, NULL, 10);
    snprintf(entry->name, sizeof entry->name, "%s", begin + 1);
    return true;
}

/* A process that ends meanwhile is none. */
static bool list_read(int proc, const char *number,
                      struct bl__process_entry *entry) {
    char path[300];
    char text[512];
    snprintf(path, sizeof path, "%s/stat", number);
    int fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    ssize_t bytes = read(fd, text, sizeof text - 1);
    close(fd);
    if (bytes <= 0) return false;
    text[bytes] = '\0';
    return list_parse(text, entry);
}

static int list_read_all(struct list *list, DIR *proc) {
    struct dirent *item;
    while ((item = readdir(proc)) != NULL) {
        struct bl__process_entry entry;
        if (item->d_name[0] < '0' || item->d_name[0] > '9') continue;
        if (!list_read(dirfd(proc), item->d_name, &entry)) continue;
        int rc = list_grow(list);
        if (rc < 0) return rc;
        list->entries[list->count++] = entry;
    }
    return 0;
}

static bool list_is_marked(const struct list *list, pid_t pid) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].pid == pid) return list->entries[i].is_below;
    }
    return false;
}

/* Marks one more generation; returns how many there are in it. */
static size_t list_mark(struct list *list, pid_t root) {
    size_t found = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct bl__process_entry *entry = &list->entries[i];
        if (entry->is_below || entry->pid == root) continue;
        if (entry->parent != root && !list_is_marked(list, entry->parent)) {
            continue;
        }
        entry->is_below = true;
        found++;
    }
    return found;
}

bl_ssize bl__process_look(const bl_process *process,
                          struct bl__process_entry **entries, size_t *count) {
    struct list list = { 0 };
    DIR *proc = opendir("/proc");
    if (proc == NULL) return -errno;
    int rc = list_read_all(&list, proc);
    closedir(proc);
    if (rc < 0) {
        bl_free(list.entries);
        return rc;
    }
    pid_t root = process->has_shim ? process->shim.pid : process->pid;
    bl_ssize below = 0;
    size_t found;
    while ((found = list_mark(&list, root)) > 0)
        below += (bl_ssize)found;
    for (size_t i = 0; i < list.count; i++) {
        struct bl__process_entry *entry = &list.entries[i];
        bool is_program = !process->has_shim && entry->pid == root;
        if (is_program) entry->is_below = true;
        if (is_program) below++;
        if (!entry->is_below || entry->state != 'Z') continue;
        entry->is_below = false;
        below--;
    }
    *entries = list.entries;
    *count = list.count;
    return below;
}

bl_ssize bl_process_list(const bl_process *process, pid_t *pids, size_t room) {
    struct bl__process_entry *entries;
    size_t count;
    size_t next = 0;
    if (process == NULL) return BL_EINVAL;
    if (pids == NULL && room > 0) return BL_EINVAL;
    bl_ssize below = bl__process_look(process, &entries, &count);
    if (below < 0) return below;
    for (size_t i = 0; i < count && next < room; i++) {
        if (entries[i].is_below) pids[next++] = entries[i].pid;
    }
    bl_free(entries);
    return below;
}
