/* SPDX-License-Identifier: MIT */
/*
 * proc/user.c - users by their names
 *
 * The system may ask a server, and blocks meanwhile: so a thread does it.
 */
#include <belay/error.h>
#include <belay/process.h>
#include <belay/thread.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

enum {
    USER_TEXT_BYTES = 64 * 1024
};

struct user_question {
    const char *name;
    char *text; /* room for what the entry points to */
    bl_process_user user;
};

static int user_ask(void *arg) {
    struct user_question *question = arg;
    bl_process_user *user = &question->user;
    struct passwd entry;
    struct passwd *found = NULL;
    int error = getpwnam_r(question->name, &entry, question->text,
                           USER_TEXT_BYTES, &found);
    if (found == NULL) return error != 0 ? -error : BL_ENOENT;
    int count = BL_PROCESS_GROUPS_MAX;
    if (getgrouplist(entry.pw_name, entry.pw_gid, user->groups, &count) < 0) {
        return BL_EOVERFLOW;
    }
    user->uid = entry.pw_uid;
    user->gid = entry.pw_gid;
    user->group_count = (size_t)count;
    return 0;
}

int bl_process_find_user(const char *name, bl_process_user *user) {
    if (name == NULL || user == NULL) return BL_EINVAL;
    struct user_question question = { .name = name };
    question.text = bl_alloc(USER_TEXT_BYTES);
    if (question.text == NULL) return BL_ENOMEM;
    int rc = bl_to_thread(user_ask, &question);
    bl_free(question.text);
    if (rc == BL_ENOENT) return BL_ERR(rc, "no user is called %s", name);
    if (rc < 0) return rc;
    *user = question.user;
    return 0;
}
