/* SPDX-License-Identifier: MIT */
/*
 * examples/files.c - a directory copied by several tasks, and settings that
 * are saved all or nothing
 *
 * Each file is copied by a task of its own, so that the disk has several
 * things to do at a time; a semaphore says how many files may be open.  If one
 * copy fails, the others are cancelled and the error comes out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belay.h>

enum {
    OPEN_MAX = 4,
    PATH_BYTES = 512,
    SETTINGS_MAX = 1024
};

/* What all tasks of one copy share. */
struct tree {
    bl_group *group;
    bl_sem open_files;
    int files;
    int folders;
};

/* One file or folder on its way; on its task's stack. */
struct item {
    struct tree *tree;
    char from[PATH_BYTES];
    char to[PATH_BYTES];
};

static int join(char *path, const char *folder, const char *name) {
    int length = snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return length < PATH_BYTES ? 0 : BL_EINVAL;
}

/* ---- copying ------------------------------------------------------------- */

static int copy_bytes(bl_file *from, bl_file *to) {
    char buffer[16 * 1024];
    for (;;) {
        bl_ssize count = bl_file_read(from, buffer, sizeof buffer);
        if (count <= 0) return (int)count;
        int rc = bl_file_write_all(to, buffer, (size_t)count, NULL);
        if (rc < 0) return rc;
    }
}

static int copy_file(const char *from_path, const char *to_path) {
    const unsigned fresh = BL_OPEN_WRITE | BL_OPEN_CREATE | BL_OPEN_EXCLUSIVE;
    bl_file *from, *to;
    BL_TRY(bl_file_open(from_path, BL_OPEN_READ, NULL, &from));
    int rc = bl_file_open(to_path, fresh, NULL, &to);
    if (rc < 0) goto abort_from;

    rc = copy_bytes(from, to);
    if (rc < 0) goto abort_to;
    rc = bl_file_close(to); /* this may still say that the disk is full */
    goto abort_from;

abort_to:
    bl_file_abort(to);
abort_from:
    bl_file_abort(from);
    return rc;
}

/* A task per file. */
static int copy_item(void *arg) {
    struct item *item = arg;
    BL_TRY(bl_sem_acquire(&item->tree->open_files));
    int rc = copy_file(item->from, item->to);
    bl_sem_release(&item->tree->open_files);
    if (rc == 0) item->tree->files++;
    return rc;
}

/* A task per folder, which starts those for what is in it. */
static int copy_folder(void *arg) {
    struct item *item = arg;
    struct item next = { .tree = item->tree };
    bl_dir_entry entry;
    bl_dir *dir;
    BL_TRY(bl_dir_make(item->to, 0777));
    BL_TRY(bl_dir_open(item->from, &dir));
    item->tree->folders++;

    int rc;
    while ((rc = bl_dir_next(dir, &entry)) > 0) {
        bool is_folder = entry.kind == BL_FILE_DIRECTORY;
        rc = join(next.from, item->from, entry.name);
        if (rc == 0) rc = join(next.to, item->to, entry.name);
        if (rc == 0) {
            rc = bl_spawn_copy(item->tree->group,
                               is_folder ? copy_folder : copy_item, &next,
                               sizeof next);
        }
        if (rc < 0) break;
    }
    bl_dir_abort(dir);
    return rc;
}

static int copy_tree(const char *from, const char *to, struct tree *tree) {
    struct item top = { .tree = tree };
    int rc = bl_sem_init(&tree->open_files, OPEN_MAX, OPEN_MAX);
    if (rc < 0) return rc;
    BL_TRY(join(top.from, from, "."));
    BL_TRY(join(top.to, to, ""));
    BL_GROUP(group, rc) {
        tree->group = group;
        rc = bl_spawn(group, copy_folder, &top);
    }
    return rc;
}

/* ---- settings ------------------------------------------------------------ */

/* Whoever reads the settings, also after a crash, finds the old or the new. */
static int save(const char *path, int volume) {
    char text[64];
    int length = snprintf(text, sizeof text, "volume = %d\n", volume);
    return bl_file_write_whole(path, text, (size_t)length, NULL);
}

static int load(const char *path, int *volume) {
    char *text;
    size_t bytes;
    BL_TRY(bl_file_read_whole(path, SETTINGS_MAX, &text, &bytes));
    int found = sscanf(text, "volume = %d", volume);
    bl_free(text);
    return found == 1 ? 0 : BL_EINVAL;
}

static int settings(const char *folder) {
    char path[PATH_BYTES];
    int volume = 0;
    BL_TRY(join(path, folder, "settings"));
    BL_TRY(save(path, 3));
    /* No time at all: it is cancelled before it has begun. */
    int late = bl_wait_for(save(path, 11), 0);
    BL_TRY(load(path, &volume));
    printf("saving in no time: %s; the volume is %d\n", bl_error_name(late),
           volume);
    return volume == 3 ? 0 : BL_EMISUSE;
}

/* ---- the program --------------------------------------------------------- */

/* Three folders with ten files each. */
static int plant(const char *root) {
    char folder[PATH_BYTES], path[PATH_BYTES], text[32];
    BL_TRY(bl_dir_make(root, 0777));
    for (int i = 0; i < 3; i++) {
        snprintf(text, sizeof text, "folder%d", i);
        BL_TRY(join(folder, root, text));
        BL_TRY(bl_dir_make(folder, 0777));
        for (int k = 0; k < 10; k++) {
            snprintf(text, sizeof text, "file%d", k);
            BL_TRY(join(path, folder, text));
            BL_TRY(bl_file_write_whole(path, text, strlen(text), NULL));
        }
    }
    return 0;
}

static int main_task(void *arg) {
    char from[PATH_BYTES], to[PATH_BYTES], path[PATH_BYTES];
    struct tree tree = { .files = 0 };
    bl_file_info info;
    BL_TRY(join(from, arg, "from"));
    BL_TRY(join(to, arg, "to"));
    BL_TRY(plant(from));

    BL_TRY(copy_tree(from, to, &tree));
    printf("copied %d files in %d folders\n", tree.files, tree.folders);
    BL_TRY(join(path, to, "folder2/file9"));
    BL_TRY(bl_file_stat(path, &info));
    printf("folder2/file9 has %d bytes\n", (int)info.bytes);
    struct tree again = { .files = 0 };
    int rc = copy_tree(from, to, &again);
    printf("copying it again: %s\n", bl_error_name(rc));
    return settings(arg);
}

int main(void) {
    char folder[] = "/tmp/belay-files-XXXXXX";
    if (mkdtemp(folder) == NULL) return 1;
    int rc = bl_run(main_task, folder);
    if (rc < 0) fprintf(stderr, "files: %s\n", bl_strerror(rc));
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) != 0 || rc < 0;
}
