/* SPDX-License-Identifier: MIT */
/*
 * task/slow.c - telling of tasks that keep the loop to themselves
 *
 * One loop runs one task at a time: who computes for long, or blocks in a call
 * of the system's, holds up all the others.  Builds with audits look at the
 * clock whenever a task gives way, and name a task that took more than a tenth
 * of a second.
 *
 * A machine that is busy with something else makes every task look slow.  So
 * the time counts only if the thread has computed for most of it, or has given
 * its processor away by itself, which is what blocking is.
 */
#include <errno.h>
#include <sys/resource.h>
#include <time.h>

#include "base/site.h"
#include "task/task.h"

#define STEP_MAX_NS BL_MS(100)

static bl_ns read_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (bl_ns)time.tv_sec * 1000000000 + time.tv_nsec;
}

static long count_blockings(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nvcsw : 0;
}

void bl__steps_begin(struct bl__sched *sched) {
    sched->step_began = read_clock(CLOCK_MONOTONIC);
    sched->cpu_began = read_clock(CLOCK_THREAD_CPUTIME_ID);
    sched->blockings_before = count_blockings();
}

static void judge_step(struct bl__sched *sched, const bl_task *task,
                       bl_ns elapsed) {
    bl_ns cpu = read_clock(CLOCK_THREAD_CPUTIME_ID) - sched->cpu_began;
    bool has_computed = cpu >= STEP_MAX_NS / 2;
    bool has_blocked = count_blockings() > sched->blockings_before;
    bl__steps_begin(sched);
    if (!has_computed && !has_blocked) return;
    const char *site = bl_task_site(task);
    bl_report("task \"%s\" #%llu kept the loop to itself for %lld ms, %s, up "
              "to %s at %s%s%s",
              bl_task_name(task), (unsigned long long)task->id,
              (long long)(elapsed / 1000000),
              has_computed ? "computing" : "blocked in a call of the system",
              bl__site_call(task->wait_site), bl__site_place(task->wait_site),
              site[0] != '\0' ? "; spawned at " : "", site);
}

void bl__step_end(struct bl__sched *sched) {
    int saved_errno = errno;
    bl_ns now = read_clock(CLOCK_MONOTONIC);
    bl_ns elapsed = now - sched->step_began;
    sched->step_began = now;
    if (BL__UNLIKELY(elapsed > STEP_MAX_NS) && sched->current != NULL) {
        judge_step(sched, sched->current, elapsed);
    }
    errno = saved_errno;
}
