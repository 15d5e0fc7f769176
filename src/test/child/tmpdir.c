/* SPDX-License-Identifier: MIT */
/*
 * test/child/tmpdir.c - temporary folders that are gone afterwards in any case
 *
 *     /tmp/belay-test-XXXXXX/     of the run; the runner makes and removes it
 *         4711/                   of a process; the runner removes it
 *             1/  2/              of a test
 *
 * A test that is killed cannot clean up, so its runner does, which waits for
 * the end of the process anyhow.
 */
#include "test/child/tmpdir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/host.h"

enum {
    FOLDERS_MAX = 20 /* open at once while a tree is removed */
};

/* Only linked if a test asks for it. */
extern struct bl__fixture t_tmpdir__fixture_def __attribute__((weak));

static char *run_folder;
static pid_t runner;
static unsigned folder_count;

/* A folder may have been made unreadable: then its entries stay unless it is
 * opened up before it is entered. */
static int open_up(const char *path, const struct stat *status, int type,
                   struct FTW *place) {
    (void)place;
    if (type == FTW_DNR || (type == FTW_D && (status->st_mode & 0700) != 0700))
        chmod(path, 0700);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type,
                      struct FTW *place) {
    (void)status;
    (void)type;
    (void)place;
    remove(path);
    return 0;
}

static void remove_tree(const char *path) {
    if (nftw(path, remove_one, FOLDERS_MAX, FTW_DEPTH | FTW_PHYS) < 0) return;
    /* Each pass opens up one more level that could not be read. */
    for (int i = 0; i < FOLDERS_MAX && access(path, F_OK) == 0; i++) {
        nftw(path, open_up, FOLDERS_MAX, FTW_PHYS);
        nftw(path, remove_one, FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
    }
}

/* ---- in the runner ------------------------------------------------------- */

/* In whatever way the runner ends. */
static void close_run(void) {
    if (run_folder == NULL || getpid() != runner) return;
    if (getenv("BELAY_TEST_KEEP_TMPDIR") != NULL) {
        fprintf(stderr, "belay-test: temporary folders are kept in %s\n",
                run_folder);
    } else {
        remove_tree(run_folder);
    }
    free(run_folder);
    run_folder = NULL;
}

void bl__tmpdir_open(void) {
    if (&t_tmpdir__fixture_def == NULL) return;
    const char *base = getenv("TMPDIR");
    if (base == NULL || base[0] != '/') base = "/tmp";
    run_folder = bl__host_format("%s/belay-test-XXXXXX", base);
    if (mkdtemp(run_folder) == NULL) {
        bl__host_die("cannot make a folder in %s: %s", base, strerror(errno));
    }
    runner = getpid();
    atexit(close_run);
}

static char *folder_of(pid_t pid) {
    return bl__host_format("%s/%d", run_folder, (int)pid);
}

void bl__tmpdir_drop(pid_t pid) {
    if (run_folder == NULL) return;
    if (getenv("BELAY_TEST_KEEP_TMPDIR") != NULL) return;
    char *path = folder_of(pid);
    remove_tree(path);
    free(path);
}

/* ---- in the process of a test -------------------------------------------- */

char *bl__tmpdir_make(void) {
    char *own = folder_of(getpid());
    if (mkdir(own, 0700) < 0 && errno != EEXIST) {
        free(own);
        return NULL;
    }
    char *path = bl__host_format("%s/%u", own, ++folder_count);
    free(own);
    if (mkdir(path, 0700) == 0) return path;
    free(path);
    return NULL;
}

void bl__tmpdir_remove(char *path) {
    if (getenv("BELAY_TEST_KEEP_TMPDIR") == NULL) remove_tree(path);
    free(path);
}
