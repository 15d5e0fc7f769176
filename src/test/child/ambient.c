/* SPDX-License-Identifier: MIT */
/*
 * test/child/ambient.c - what a process has only one of, put back between tests
 *
 * Signal handlers, the signal mask, the current directory, the umask, the
 * environment and the locale.  Where each test has a process of its own they
 * end with it, and nobody minds; where tests share one, what one of them has
 * changed would change the next.
 */
#include "test/child/ambient.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/host.h"

enum {
    PATH_BYTES = 4096,
    SIGNALS = 65
};

static struct {
    struct sigaction actions[SIGNALS];
    sigset_t mask;
    char directory[PATH_BYTES];
    mode_t umask;
    char **environment; /* copies */
    char *locale;
} noted;

/* ---- signals ------------------------------------------------------------- */

static bool is_same_action(const struct sigaction *a,
                           const struct sigaction *b) {
    bool a_is_full = (a->sa_flags & SA_SIGINFO) != 0;
    bool b_is_full = (b->sa_flags & SA_SIGINFO) != 0;
    if (a_is_full != b_is_full) return false;
    if (a_is_full) return a->sa_sigaction == b->sa_sigaction;
    return a->sa_handler == b->sa_handler;
}

static int restore_actions(struct bl__text *text) {
    int count = 0;
    for (int i = 1; i < SIGNALS; i++) {
        struct sigaction now;
        if (sigaction(i, NULL, &now) < 0) continue;
        if (is_same_action(&now, &noted.actions[i])) continue;
        sigaction(i, &noted.actions[i], NULL);
        const char *name = sigabbrev_np(i);
        bl__text_add(text, "the handler of SIG%s\n", name ? name : "RT");
        count++;
    }
    return count;
}

static int restore_mask(struct bl__text *text) {
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    bool is_same = true;
    for (int i = 1; i < SIGNALS; i++) {
        if (sigismember(&now, i) != sigismember(&noted.mask, i)) {
            is_same = false;
        }
    }
    if (is_same) return 0;
    pthread_sigmask(SIG_SETMASK, &noted.mask, NULL);
    bl__text_add(text, "the mask of blocked signals\n");
    return 1;
}

/* ---- files --------------------------------------------------------------- */

static int restore_directory(struct bl__text *text) {
    char now[PATH_BYTES];
    if (getcwd(now, sizeof now) == NULL) now[0] = '\0';
    if (strcmp(now, noted.directory) == 0) return 0;
    bl__text_add(text, "the current directory: %s\n", now);
    if (chdir(noted.directory) < 0) {
        bl__text_add(text, "  which cannot be put back\n");
    }
    return 1;
}

static int restore_umask(struct bl__text *text) {
    mode_t now = umask(noted.umask);
    if (now == noted.umask) return 0;
    bl__text_add(text, "the umask: %03o\n", (unsigned)now);
    return 1;
}

/* ---- the environment ----------------------------------------------------- */

static size_t count_strings(char **strings) {
    size_t count = 0;
    while (strings != NULL && strings[count] != NULL)
        count++;
    return count;
}

static bool has_string(char **strings, const char *wanted) {
    for (size_t i = 0; strings != NULL && strings[i] != NULL; i++) {
        if (strcmp(strings[i], wanted) == 0) return true;
    }
    return false;
}

static void note_environment(void) {
    size_t count = count_strings(environ);
    for (size_t i = 0; noted.environment != NULL && noted.environment[i]; i++) {
        free(noted.environment[i]);
    }
    noted.environment =
        bl__host_resize(noted.environment, (count + 1) * sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        noted.environment[i] = bl__host_format("%s", environ[i]);
    }
    noted.environment[count] = NULL;
}

/* Names `string`, "NAME=value", by what stands before the "=". */
static int name_strings(struct bl__text *text, char **strings, char **others) {
    int count = 0;
    for (size_t i = 0; strings != NULL && strings[i] != NULL; i++) {
        if (has_string(others, strings[i])) continue;
        bl__text_add(text, "the environment: %.*s\n",
                     (int)strcspn(strings[i], "="), strings[i]);
        count++;
    }
    return count;
}

static int restore_environment(struct bl__text *text) {
    int count = name_strings(text, environ, noted.environment);
    /* A variable that has another value was named already. */
    if (count == 0) count = name_strings(text, noted.environment, environ);
    if (count == 0) return 0;
    clearenv();
    for (size_t i = 0; noted.environment[i] != NULL; i++) {
        char *copy = bl__host_format("%s", noted.environment[i]);
        char *equals = strchr(copy, '=');
        if (equals != NULL) {
            *equals = '\0';
            setenv(copy, equals + 1, 1);
        }
        free(copy);
    }
    return count;
}

static int restore_locale(struct bl__text *text) {
    const char *now = setlocale(LC_ALL, NULL);
    if (now == NULL || strcmp(now, noted.locale) == 0) return 0;
    bl__text_add(text, "the locale: %s\n", now);
    setlocale(LC_ALL, noted.locale);
    return 1;
}

/* ---- all of it ----------------------------------------------------------- */

void bl__ambient_note(void) {
    for (int i = 1; i < SIGNALS; i++) {
        sigaction(i, NULL, &noted.actions[i]);
    }
    pthread_sigmask(SIG_SETMASK, NULL, &noted.mask);
    if (getcwd(noted.directory, sizeof noted.directory) == NULL) {
        noted.directory[0] = '\0';
    }
    noted.umask = umask(0);
    umask(noted.umask);
    note_environment();
    const char *name = setlocale(LC_ALL, NULL);
    free(noted.locale);
    noted.locale = bl__host_format("%s", name != NULL ? name : "C");
}

int bl__ambient_restore(struct bl__text *text) {
    return restore_actions(text) + restore_mask(text) +
           restore_directory(text) + restore_umask(text) +
           restore_environment(text) + restore_locale(text);
}
