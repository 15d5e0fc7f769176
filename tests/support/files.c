/* SPDX-License-Identifier: MIT */
/*
 * support/files.c - files to test with, made and read by plain system calls
 */
#include "support/files.h"

#include <belay/test.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *below(const char *folder, const char *name) {
    static char paths[8][512];
    static unsigned turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

void put_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    REQUIRE_OK(fd);
    ssize_t length = (ssize_t)strlen(text);
    REQUIRE_EQ(write(fd, text, (size_t)length), length);
    close(fd);
}

const char *text_of(const char *path) {
    static char text[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE_OK(fd);
    ssize_t count = read(fd, text, sizeof text - 1);
    close(fd);
    REQUIRE_GE(count, 0);
    text[count] = '\0';
    return text;
}

bool is_there(const char *path) {
    struct stat status;
    return lstat(path, &status) == 0;
}

static int is_name(const struct dirent *entry) {
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

const char *names_in(const char *folder) {
    static char names[1024];
    struct dirent **entries;
    int count = scandir(folder, &entries, is_name, alphasort);
    REQUIRE_GE(count, 0);
    size_t length = 0;
    names[0] = '\0';
    for (int i = 0; i < count; i++) {
        int added = snprintf(names + length, sizeof names - length, "%s%s",
                             i > 0 ? " " : "", entries[i]->d_name);
        length += (size_t)added;
        if (length >= sizeof names) length = sizeof names - 1;
        free(entries[i]);
    }
    free(entries);
    return names;
}
