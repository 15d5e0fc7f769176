/* SPDX-License-Identifier: MIT */
/*
 * test/child/wrap.c - the system's clocks and sleeps, as the code under test
 * sees
 * them
 *
 * Linked with belay::test_wrap_time, calls of clock_gettime, gettimeofday and
 * time tell the time of the running loop's virtual clock, and calls of sleep,
 * usleep, nanosleep and clock_nanosleep in a task fail the test: they block
 * the whole loop.  The linker does it (--wrap), so it reaches what is linked
 * into the program, the code of static libraries too, and not what a shared
 * library calls.  Other threads than the loop's have real time, and may sleep.
 *
 * Virtual time of day begins with the year 2000, in every run.
 *
 * The names that the linker looks for are not ours to choose; they are given
 * as labels.  Without --wrap nobody refers to them, and this object is not
 * linked.
 */
#include <belay/test.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "test/record.h"

#define YEAR_2000 946684800 /* seconds since 1970 */

#define WRAPPED(name) __asm__("__wrap_" #name)
#define REAL(name)    __asm__("__real_" #name)

int bl__wrap_clock_gettime(clockid_t id, struct timespec *now)
    WRAPPED(clock_gettime);
int bl__wrap_gettimeofday(struct timeval *now, void *zone)
    WRAPPED(gettimeofday);
time_t bl__wrap_time(time_t *now) WRAPPED(time);
unsigned bl__wrap_sleep(unsigned seconds) WRAPPED(sleep);
int bl__wrap_usleep(useconds_t duration) WRAPPED(usleep);
int bl__wrap_nanosleep(const struct timespec *duration, struct timespec *rest)
    WRAPPED(nanosleep);
int bl__wrap_clock_nanosleep(clockid_t id, int flags,
                             const struct timespec *when, struct timespec *rest)
    WRAPPED(clock_nanosleep);

int bl__real_clock_gettime(clockid_t id, struct timespec *now)
    REAL(clock_gettime);
int bl__real_gettimeofday(struct timeval *now, void *zone) REAL(gettimeofday);
time_t bl__real_time(time_t *now) REAL(time);
unsigned bl__real_sleep(unsigned seconds) REAL(sleep);
int bl__real_usleep(useconds_t duration) REAL(usleep);
int bl__real_nanosleep(const struct timespec *duration, struct timespec *rest)
    REAL(nanosleep);
int bl__real_clock_nanosleep(clockid_t id, int flags,
                             const struct timespec *when, struct timespec *rest)
    REAL(clock_nanosleep);

/* ---- clocks -------------------------------------------------------------- */

static bool is_virtual(void) {
    bl_loop_info info;
    if (bl_loop_running() == NULL) return false;
    bl_loop_get_info(bl_loop_running(), &info);
    return strcmp(info.clock, "virtual") == 0 ||
           strcmp(info.clock, "manual") == 0;
}

int bl__wrap_clock_gettime(clockid_t id, struct timespec *now) {
    if (!is_virtual()) return bl__real_clock_gettime(id, now);
    bl_ns time = bl_now();
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI: time = bl_ns_add(time, BL_SEC(YEAR_2000)); break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME: break;
    default: return bl__real_clock_gettime(id, now);
    }
    now->tv_sec = (time_t)(time / 1000000000);
    now->tv_nsec = (long)(time % 1000000000);
    return 0;
}

int bl__wrap_gettimeofday(struct timeval *now, void *zone) {
    struct timespec time;
    if (!is_virtual()) return bl__real_gettimeofday(now, zone);
    bl__wrap_clock_gettime(CLOCK_REALTIME, &time);
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t bl__wrap_time(time_t *now) {
    struct timespec time;
    if (!is_virtual()) return bl__real_time(now);
    bl__wrap_clock_gettime(CLOCK_REALTIME, &time);
    if (now != NULL) *now = time.tv_sec;
    return time.tv_sec;
}

/* ---- sleeps -------------------------------------------------------------- */

/* Whether a task calls; then the test fails, and nothing sleeps. */
static bool is_refused(const char *call, void *caller) {
    char note[64];
    if (bl_task_current() == NULL) return false;
    bl__record_trouble(BL_TEST_FAILED,
                       "BLOCKING: task '%s' calls %s, which blocks its loop; "
                       "bl_sleep does not",
                       bl_task_name(bl_task_current()), call);
    snprintf(note, sizeof note, "called by <pc %p>", caller);
    bl__record_note(note);
    return true;
}

#define IS_REFUSED(call) is_refused(call, __builtin_return_address(0))

unsigned bl__wrap_sleep(unsigned seconds) {
    return IS_REFUSED("sleep") ? 0 : bl__real_sleep(seconds);
}

int bl__wrap_usleep(useconds_t duration) {
    return IS_REFUSED("usleep") ? 0 : bl__real_usleep(duration);
}

int bl__wrap_nanosleep(const struct timespec *duration, struct timespec *rest) {
    return IS_REFUSED("nanosleep") ? 0 : bl__real_nanosleep(duration, rest);
}

int bl__wrap_clock_nanosleep(clockid_t id, int flags,
                             const struct timespec *when,
                             struct timespec *rest) {
    if (IS_REFUSED("clock_nanosleep")) return 0;
    return bl__real_clock_nanosleep(id, flags, when, rest);
}
