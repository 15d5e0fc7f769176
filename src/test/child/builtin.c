/* SPDX-License-Identifier: MIT */
/*
 * test/child/builtin.c - fixtures that many tests need
 *
 * They are written as a test file would write them.  A fixture registers
 * itself when its object is linked, and that is when a test names it; so this
 * file holds just what has no reason to stand alone.
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/case.h"
#include "test/child/log.h"
#include "test/child/unwind.h"
#include "test/options.h"
#include "test/random.h"
#include "test/record.h"
#include "test/text.h"

/* ---- t_port -------------------------------------------------------------- */

/* Whether the number still stands for the same socket. */
static bool is_same_file(int fd, ino_t number) {
    struct stat status;
    return fstat(fd, &status) == 0 && status.st_ino == number;
}

FIXTURE_DEF(t_port) {
    bl_test_port port = { .address = { .length = sizeof(struct sockaddr_in) } };
    struct sockaddr *address = (struct sockaddr *)&port.address.storage;
    struct stat status;
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &port.address));
    port.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (port.fd < 0) t_fail("there is no socket: %s", strerror(errno));
    if (bind(port.fd, address, port.address.length) < 0 ||
        listen(port.fd, SOMAXCONN) < 0 ||
        getsockname(port.fd, address, &port.address.length) < 0 ||
        fstat(port.fd, &status) < 0) {
        t_fail("there is no port: %s", strerror(errno));
    }
    YIELD(port);
    if (is_same_file(port.fd, status.st_ino)) close(port.fd);
}

bl_stream *bl__test_connect(const struct bl__test_place *place,
                            const bl_test_port *port) {
    bl_stream *stream;
    int rc = bl_tcp_connect(&port->address, &stream);
    if (rc >= 0) return stream;
    bl__test_ok(place, rc);
    return NULL; /* not reached: a place that requires does not come back */
}

/* ---- t_log --------------------------------------------------------------- */

struct bl_test_log {
    int64_t begin;
    char *text;
};

const char *bl_test_log_text(bl_test_log *log) {
    free(log->text);
    log->text = bl__log_read(log->begin);
    return log->text;
}

size_t bl_test_log_count(bl_test_log *log, const char *text) {
    size_t count = 0;
    char *all = bl__log_read(log->begin);
    char *rest = all;
    for (char *line = strsep(&rest, "\n"); line != NULL;
         line = strsep(&rest, "\n")) {
        if (strstr(line, text) != NULL) count++;
    }
    free(all);
    return count;
}

void bl_test_log_clear(bl_test_log *log) {
    log->begin = bl__log_end();
}

FIXTURE_DEF(t_log) {
    if (!bl__log_is_captured()) {
        t_skip("it reads its output, which is not captured");
    }
    bl_test_log log = { .begin = bl__log_end() };
    YIELD(&log);
    free(log.text);
}

/* ---- t_env --------------------------------------------------------------- */

struct bl_test_env {
    char **kept; /* "NAME=value", ended by NULL */
};

static char **copy_environment(void) {
    size_t count = 0;
    while (environ != NULL && environ[count] != NULL)
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++)
        copy[i] = strdup(environ[i]);
    return copy;
}

/* Whether `variable` begins with the name of `other` and "=". */
static bool is_same_name(const char *variable, const char *other) {
    size_t length = strcspn(other, "=");
    return strncmp(variable, other, length) == 0 && variable[length] == '=';
}

static bool is_kept(const bl_test_env *env, const char *variable) {
    for (char **one = env->kept; *one != NULL; one++) {
        if (is_same_name(*one, variable)) return true;
    }
    return false;
}

/* Removes the first variable that was not there; false if there is none. */
static bool remove_added(const bl_test_env *env) {
    for (char **one = environ; one != NULL && *one != NULL; one++) {
        if (is_kept(env, *one)) continue;
        char *name = strndup(*one, strcspn(*one, "="));
        bool is_removed = name != NULL && unsetenv(name) == 0;
        free(name);
        return is_removed;
    }
    return false;
}

static void put_back(bl_test_env *env) {
    while (remove_added(env)) {}
    for (char **one = env->kept; *one != NULL; one++) {
        char *value = strchr(*one, '=');
        if (value != NULL) {
            *value = '\0';
            const char *now = getenv(*one);
            if (now == NULL || strcmp(now, value + 1) != 0) {
                setenv(*one, value + 1, 1);
            }
        }
        free(*one);
    }
    free(env->kept);
}

void bl_test_env_set(bl_test_env *env, const char *name, const char *value) {
    (void)env;
    int rc = value != NULL ? setenv(name, value, 1) : unsetenv(name);
    if (rc < 0) t_fail("'%s' cannot be in the environment", name);
}

FIXTURE_DEF(t_env) {
    bl_test_env env = { .kept = copy_environment() };
    REQUIRE_NE(env.kept, NULL);
    YIELD(&env);
    put_back(&env);
}

/* ---- t_rng --------------------------------------------------------------- */

uint64_t bl_test_rng_next(bl_test_rng *rng) {
    return bl__random_next(&rng->_state);
}

uint64_t bl_test_rng_below(bl_test_rng *rng, uint64_t count) {
    if (count == 0) return 0;
    /* Numbers above the last whole multiple would favour small results. */
    uint64_t excess = (UINT64_MAX % count + 1) % count;
    uint64_t number;
    do
        number = bl_test_rng_next(rng);
    while (number > UINT64_MAX - excess);
    return number % count;
}

void bl_test_rng_fill(bl_test_rng *rng, void *buffer, size_t bytes) {
    unsigned char *at = buffer;
    for (size_t i = 0; i < bytes; i++)
        at[i] = (unsigned char)(bl_test_rng_next(rng) >> 56);
}

FIXTURE_DEF(t_rng) {
    bl_test_rng rng = {
        ._state =
            bl__random_seed(bl__test_job->seed, bl__test_job->test_case->id),
    };
    YIELD(&rng);
}

/* ---- t_clock ------------------------------------------------------------- */

bl_ns bl_test_elapsed(bl_test_stopwatch stopwatch) {
    return bl_now() - stopwatch.began;
}

bl_ns bl_test_elapsed_real(bl_test_stopwatch stopwatch) {
    return bl_now_real() - stopwatch.began_real;
}

FIXTURE_DEF(t_clock) {
    YIELD(
        (bl_test_stopwatch){ .began = bl_now(), .began_real = bl_now_real() });
}
