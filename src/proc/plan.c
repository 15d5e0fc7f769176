/* SPDX-License-Identifier: MIT */
/*
 * proc/plan.c - from options to what a child has to do
 *
 * The child may not allocate, so all lists and texts that it needs are made
 * here, in one piece of memory: first lists of pointers, then texts.  How much
 * that is, is found by making them twice, the first time without memory.
 */
#include "proc/plan.h"

#include <belay/error.h>

#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "sys/signals.h"

static const char plan_default_path[] = "/usr/local/bin:/usr/bin:/bin";

/* Where things are put; `list` and `text` are NULL in the first pass. */
struct plan_writer {
    char **list;
    char *text;
    size_t list_count;
    size_t text_bytes;
};

/* ---- writing ----------------------------------------------------------- */

static void plan_put(struct plan_writer *writer, const char *item) {
    if (writer->list != NULL) {
        writer->list[writer->list_count] = (char *)item; /* is only read */
    }
    writer->list_count++;
}

/* Puts `first`, a slash if that is not empty, and `second`. */
static const char *plan_join(struct plan_writer *writer, const char *first,
                             size_t first_bytes, const char *second) {
    size_t second_bytes = strlen(second) + 1;
    size_t slash = first_bytes > 0 ? 1 : 0;
    char *made = NULL;
    if (writer->text != NULL) {
        made = writer->text + writer->text_bytes;
        memcpy(made, first, first_bytes);
        if (slash > 0) made[first_bytes] = '/';
        memcpy(made + first_bytes + slash, second, second_bytes);
    }
    writer->text_bytes += first_bytes + slash + second_bytes;
    return made;
}

/* ---- the environment --------------------------------------------------- */

static size_t plan_name_bytes(const char *variable) {
    return strcspn(variable, "=");
}

static bool plan_is_same_name(const char *one, const char *other) {
    size_t bytes = plan_name_bytes(one);
    return bytes == plan_name_bytes(other) && memcmp(one, other, bytes) == 0;
}

static bool plan_is_overridden(const char *variable,
                               const char *const *changes) {
    for (; *changes != NULL; changes++) {
        if (plan_is_same_name(variable, *changes)) return true;
    }
    return false;
}

static void plan_write_env(struct plan_writer *writer, const char *const *env,
                           const char *const *changes) {
    for (; *env != NULL; env++) {
        if (!plan_is_overridden(*env, changes)) plan_put(writer, *env);
    }
    for (; *changes != NULL; changes++) {
        if (plan_is_overridden(*changes, changes + 1)) continue;
        if (strchr(*changes, '=') != NULL) plan_put(writer, *changes);
    }
    plan_put(writer, NULL);
}

static const char *plan_find_variable(const char *const *env,
                                      const char *name) {
    for (; *env != NULL; env++) {
        if (plan_is_same_name(*env, name)) return strchr(*env, '=');
    }
    return NULL;
}

static const char *plan_find_path(const char *const *env,
                                  const char *const *changes) {
    const char *found = plan_find_variable(env, "PATH");
    if (plan_is_overridden("PATH", changes)) {
        found = NULL;
        for (; *changes != NULL; changes++) {
            if (plan_is_same_name(*changes, "PATH")) {
                found = strchr(*changes, '=');
            }
        }
    }
    return found != NULL ? found + 1 : plan_default_path;
}

/* ---- where the program may be ------------------------------------------ */

static void plan_write_paths(struct plan_writer *writer, const char *program,
                             const char *path) {
    if (strchr(program, '/') != NULL) {
        plan_put(writer, program);
        plan_put(writer, NULL);
        return;
    }
    for (;;) {
        size_t bytes = strcspn(path, ":");
        bool is_here = bytes == 0; /* an empty one is the directory we are in */
        plan_put(writer, plan_join(writer, is_here ? "." : path,
                                   is_here ? 1 : bytes, program));
        if (path[bytes] == '\0') break;
        path += bytes + 1;
    }
    plan_put(writer, NULL);
}

/* ---- the plan ---------------------------------------------------------- */

/* Writes everything; the places of the lists are known in the second pass. */
static void plan_write(struct plan_writer *writer, struct bl__plan *plan,
                       const char *program, const bl_process_options *options) {
    static const char *const none[] = { NULL };
    const char *const *env = options->env;
    const char *const *changes = options->env_set;
    if (env == NULL) env = (const char *const *)environ;
    if (changes == NULL) changes = none;

    plan->spawn.envp = writer->list;
    plan_write_env(writer, env, changes);
    if (writer->list != NULL) {
        plan->spawn.paths = writer->list + writer->list_count;
    }
    plan_write_paths(writer, program, plan_find_path(env, changes));
    if (options->cgroup != NULL) {
        plan->spawn.cgroup_procs = plan_join(
            writer, options->cgroup, strlen(options->cgroup), "cgroup.procs");
    }
}

static void plan_set_user(struct bl__spawn_plan *spawn,
                          const bl_process_user *user) {
    if (user == NULL) return;
    spawn->has_user = true;
    spawn->uid = user->uid;
    spawn->gid = user->gid;
    spawn->groups = user->groups;
    spawn->group_count = user->group_count;
}

static void plan_set_values(struct bl__plan *plan,
                            const bl_process_options *options) {
    struct bl__spawn_plan *spawn = &plan->spawn;
    spawn->directory = options->directory;
    spawn->has_umask = options->has_umask;
    spawn->umask = options->umask;
    spawn->nice = options->nice;
    spawn->has_group = options->place == BL_PROCESS_OWN_GROUP;
    spawn->has_session = options->place == BL_PROCESS_OWN_SESSION;
    spawn->terminal = -1;
    spawn->death_signal = options->death_signal;
    if (options->reach == BL_PROCESS_TREE && options->death_signal == 0) {
        spawn->death_signal = SIGKILL;
    }
    spawn->resets_signals = options->resets_signals;
    spawn->ignored = bl__signals_ignored();
    plan_set_user(spawn, options->user);
    for (size_t i = 0; i < options->limit_count; i++) {
        plan->limits[i].resource = options->limits[i].resource;
        plan->limits[i].limit = options->limits[i].limit;
    }
    spawn->limits = plan->limits;
    spawn->limit_count = options->limit_count;
}

int bl__plan_make(struct bl__plan *plan, const char *const *argv,
                  const bl_process_options *options) {
    struct plan_writer writer = { 0 };
    const char *program = options->program != NULL ? options->program : argv[0];
    if (program[0] == '\0') return BL_ERR(BL_ENOENT, "a program without name");
    plan->spawn = (struct bl__spawn_plan){ 0 };
    plan_write(&writer, plan, program, options);
    size_t list_bytes = writer.list_count * sizeof(char *);
    plan->memory = bl_alloc(list_bytes + writer.text_bytes);
    if (plan->memory == NULL) return BL_ENOMEM;

    size_t text_bytes = writer.text_bytes;
    writer = (struct plan_writer){ .list = (void *)plan->memory,
                                   .text = plan->memory + list_bytes };
    plan_write(&writer, plan, program, options);
    BL__ASSERT(writer.list_count * sizeof(char *) == list_bytes);
    BL__ASSERT(writer.text_bytes == text_bytes);
    plan->spawn.argv = (char *const *)argv; /* is only read */
    plan_set_values(plan, options);
    return 0;
}

void bl__plan_done(struct bl__plan *plan) {
    bl_free(plan->memory);
}

static void plan_insert_fd(struct bl__plan *plan, int fd, int as) {
    size_t place = plan->spawn.fd_count++;
    for (; place > 0 && plan->fds[place - 1].as > as; place--)
        plan->fds[place] = plan->fds[place - 1];
    plan->fds[place] = (struct bl__spawn_fd){ .fd = fd, .as = as };
}

void bl__plan_set_fds(struct bl__plan *plan, const int standard[3],
                      const bl_process_options *options) {
    plan->spawn.fds = plan->fds;
    plan->spawn.fd_count = 0;
    for (int i = 0; i < 3; i++)
        plan_insert_fd(plan, standard[i], i);
    for (size_t i = 0; i < options->fd_count; i++)
        plan_insert_fd(plan, options->fds[i].fd, options->fds[i].as);
}

/* ---- what may be asked for --------------------------------------------- */

static bool plan_is_stdio(const bl_process_stdio *stdio, bool can_be_out) {
    if ((unsigned)stdio->kind > BL_STDIO_TERMINAL) return false;
    return stdio->kind != BL_STDIO_OUT || can_be_out;
}

static bool plan_has_good_fds(const bl_process_options *options) {
    if (options->fd_count > BL_PROCESS_FDS_MAX) return false;
    if (options->fd_count > 0 && options->fds == NULL) return false;
    for (size_t i = 0; i < options->fd_count; i++) {
        if (options->fds[i].as < 3) return false;
        for (size_t j = 0; j < i; j++) {
            if (options->fds[j].as == options->fds[i].as) return false;
        }
    }
    return true;
}

static bool plan_is_signal(int number) {
    return number >= 0 && number <= BL__SIGNAL_LAST;
}

static bool plan_has_good_limits(const bl_process_options *options) {
    if (options->limit_count > RLIM_NLIMITS) return false;
    return options->limit_count == 0 || options->limits != NULL;
}

static bool plan_is_good(const bl_process_options *options) {
    if (!plan_is_stdio(&options->in, false)) return false;
    if (!plan_is_stdio(&options->out, false)) return false;
    if (!plan_is_stdio(&options->err, true)) return false;
    if (!plan_has_good_fds(options)) return false;
    if (!plan_has_good_limits(options)) return false;
    if ((unsigned)options->place > BL_PROCESS_OWN_SESSION) return false;
    if ((unsigned)options->reach > BL_PROCESS_ALONE) return false;
    if (options->reach == BL_PROCESS_GROUP &&
        options->place == BL_PROCESS_SAME_GROUP) {
        return false;
    }
    if (!plan_is_signal(options->stop_signal)) return false;
    if (!plan_is_signal(options->death_signal)) return false;
    if (options->grace < BL_PROCESS_NO_GRACE) return false;
    if (options->umask > 0777) return false;
    if (options->user == NULL) return true;
    return options->user->group_count <= BL_PROCESS_GROUPS_MAX;
}

int bl__plan_check(const char *const *argv, const bl_process_options *options) {
    if (argv == NULL || argv[0] == NULL) return BL_EINVAL;
    if (plan_is_good(options)) return 0;
    return BL_ERR(BL_EINVAL, "%s: an option is out of its range", argv[0]);
}

/* ---- what went wrong --------------------------------------------------- */

int bl__plan_error(const struct bl__plan *plan,
                   const struct bl__spawn_failure *failure) {
    static const char *const steps[] = {
        [BL__SPAWN_CLONE] = "make a process for",
        [BL__SPAWN_PARENT] = "keep the parent of",
        [BL__SPAWN_GROUP] = "make a group for",
        [BL__SPAWN_TERMINAL] = "set the terminal of",
        [BL__SPAWN_CGROUP] = "enter the cgroup of",
        [BL__SPAWN_NICE] = "set the priority of",
        [BL__SPAWN_FDS] = "pass descriptors to",
        [BL__SPAWN_LIMIT] = "set a limit of",
        [BL__SPAWN_USER] = "become the user of",
    };
    const char *program = plan->spawn.paths[0];
    if (plan->spawn.paths[1] != NULL) program = plan->spawn.argv[0];
    int code = -failure->error;
    if (failure->step == BL__SPAWN_EXEC) {
        return BL_ERR(code, "cannot execute %s", program);
    }
    if (failure->step == BL__SPAWN_DIRECTORY) {
        return BL_ERR(code, "cannot enter %s to run %s", plan->spawn.directory,
                      program);
    }
    return BL_ERR(code, "cannot %s %s", steps[failure->step], program);
}
