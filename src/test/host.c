/* SPDX-License-Identifier: MIT */
/*
 * test/host.c - small needs of the runner's own process
 *
 * Tools that a build may contain (sanitizers, coverage) are found by weak
 * symbols: the runner is compiled once, the program that links it decides.
 * The processes of tests leave by _exit, which skips what these tools do at
 * exit, so bl__host_leave does it for them.
 */
#include "test/host.h"

#include <belay/loop.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern void __asan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __lsan_do_leak_check(void) __attribute__((weak));
extern void __gcov_dump(void) __attribute__((weak));
extern int __llvm_profile_write_file(void) __attribute__((weak));

/* ---- memory ------------------------------------------------------------- */

void *bl__host_alloc(size_t bytes) {
    void *memory = calloc(1, bytes > 0 ? bytes : 1);
    if (memory == NULL) bl__host_die("out of memory");
    return memory;
}

void *bl__host_resize(void *memory, size_t bytes) {
    memory = realloc(memory, bytes > 0 ? bytes : 1);
    if (memory == NULL) bl__host_die("out of memory");
    return memory;
}

char *bl__host_format(const char *format, ...) {
    char *string;
    va_list args;
    va_start(args, format);
    int length = vasprintf(&string, format, args);
    va_end(args);
    if (length < 0) bl__host_die("out of memory");
    return string;
}

static void (*end_report)(const char *problem);

void bl__host_at_death(void (*end)(const char *problem)) {
    end_report = end;
}

void bl__host_die(const char *format, ...) {
    char problem[300];
    va_list args;
    va_start(args, format);
    vsnprintf(problem, sizeof problem, format, args);
    va_end(args);
    fflush(stdout);
    fprintf(stderr, "belay-test: internal error: %s\n", problem);
    /* The last line says so too, whoever reads only that. */
    if (end_report != NULL) {
        end_report(problem);
    } else {
        printf("0 passed, 1 failed\n");
    }
    fflush(stdout);
    _exit(3);
}

/* ---- the machine -------------------------------------------------------- */

bl_ns bl__host_now(void) {
    return bl_now_real();
}

int bl__host_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}

int bl__host_tracer(void) {
    char line[256];
    int tracer = 0;
    FILE *file = fopen("/proc/self/status", "re");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "TracerPid: %d", &tracer) == 1) break;
    }
    fclose(file);
    return tracer;
}

/* ---- tools -------------------------------------------------------------- */

/* Valgrind's own library is preloaded into what it runs. */
bool bl__host_has_valgrind(void) {
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

bool bl__host_has_asan(void) {
    return __asan_init != NULL;
}

bool bl__host_tracks_undefined(void) {
    return bl__host_has_valgrind() || __msan_init != NULL;
}

double bl__host_slowness(void) {
    if (bl__host_has_valgrind() || __tsan_init != NULL) return 10;
    if (__asan_init != NULL || __msan_init != NULL) return 4;
    return 1;
}

/* Whether `found` stands at the start of a line, or behind "==PID==" there. */
static bool begins_line(const char *output, const char *found) {
    while (found > output && strchr("=0123456789", found[-1]) != NULL)
        found--;
    return found == output || found[-1] == '\n';
}

/* ---- the end of a child -------------------------------------------------- */

/* Not on the heap, where it would be a leak of each child that is forked. */
static struct vigil {
    atomic_bool is_kept;
    int pid;
    int fd; /* the thread's own: its twin may be closed any time */
} vigils[256];

static void *keep_vigil(void *arg) {
    struct vigil *vigil = arg;
    const uint64_t one = 1;
    siginfo_t info;
    BL_IGNORE(waitid(P_PID, (id_t)vigil->pid, &info, WEXITED | WNOWAIT));
    BL_IGNORE(write(vigil->fd, &one, sizeof one) < 0);
    close(vigil->fd);
    atomic_store(&vigil->is_kept, false);
    return NULL;
}

/* Old kernels have no pidfd, and Valgrind does not know it: a thread waits. */
static int start_vigil(int pid) {
    pthread_t thread;
    struct vigil *vigil = vigils;
    while (atomic_exchange(&vigil->is_kept, true)) {
        if (++vigil == vigils + sizeof vigils / sizeof *vigils) return -1;
    }
    int fd = eventfd(0, EFD_CLOEXEC);
    vigil->pid = pid;
    vigil->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* fails if the eventfd did */
    if (vigil->fd >= 0 &&
        pthread_create(&thread, NULL, keep_vigil, vigil) == 0) {
        pthread_detach(thread);
        return fd;
    }
    if (vigil->fd >= 0) close(vigil->fd);
    if (fd >= 0) close(fd);
    atomic_store(&vigil->is_kept, false);
    return -1;
}

int bl__host_end_fd(int pid) {
    int fd = -1;
    errno = ENOSYS;
    if (!bl__host_has_valgrind()) fd = (int)syscall(SYS_pidfd_open, pid, 0);
    return fd >= 0 || errno == EMFILE ? fd : start_vigil(pid);
}

unsigned bl__host_share(unsigned count) {
    enum {
        FEW = 5
    };
    if (count <= FEW) return count;
    unsigned share = (unsigned)(count / bl__host_slowness());
    return share > FEW ? share : FEW;
}

const char *bl__host_complaint(const char *output) {
    static const char *const words[] = {
        "WARNING: ThreadSanitizer: ",
        "ERROR: AddressSanitizer: ",
        "ERROR: LeakSanitizer: ",
    };
    if (__asan_init == NULL && __tsan_init == NULL) return NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *found = strstr(output, words[i]);
        while (found != NULL && !begins_line(output, found))
            found = strstr(found + 1, words[i]);
        if (found != NULL) return found;
    }
    return NULL;
}

void bl__host_leave(int status) {
    fflush(NULL);
    if (__lsan_do_leak_check != NULL) __lsan_do_leak_check();
    if (__gcov_dump != NULL) __gcov_dump();
    if (__llvm_profile_write_file != NULL) {
        BL_IGNORE(__llvm_profile_write_file()); /* nothing to do about it */
    }
    _exit(status);
}
