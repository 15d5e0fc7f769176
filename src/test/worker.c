/* SPDX-License-Identifier: MIT */
/*
 * test/worker.c - one process that runs one job
 *
 * The process is forked, not executed, so parameters may be pointers.  It
 * leads a process group, which is killed when it has ended; what escapes into
 * a session of its own is found by the leak check of the process itself.
 *
 * Output goes to a file in memory, not to a pipe: a grandchild that keeps the
 * descriptor open cannot hold the runner up.
 */
#include "test/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/case.h"
#include "test/child.h"
#include "test/crash.h"
#include "test/host.h"
#include "test/leaks.h"
#include "test/memory.h"

enum {
    OUTPUT_HEAD_BYTES = 16 * 1024,
    OUTPUT_TAIL_BYTES = 16 * 1024
};

#define WATCHDOG_DEFAULT BL_SEC(30)
#define LAST_WORDS_NS    BL_SEC(2)

void bl__worker_open(struct bl__worker *worker) {
    memset(worker, 0, sizeof *worker);
    worker->record = mmap(NULL, sizeof *worker->record, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (worker->record == MAP_FAILED) bl__host_die("no memory for a record");
    worker->pid_fd = -1;
    worker->output_fd = -1;
}

void bl__worker_close(struct bl__worker *worker) {
    bl__worker_kill(worker);
    munmap(worker->record, sizeof *worker->record);
    free(worker->output);
}

static void judge_trouble(struct bl__worker *worker, const char *what) {
    struct bl__test_record *record = worker->record;
    int length =
        snprintf(record->text + record->text_length,
                 sizeof record->text - record->text_length, "  %s\n", what);
    if (length > 0) record->text_length += (size_t)length;
    if (record->text_length >= sizeof record->text) {
        record->text_length = sizeof record->text - 1;
    }
    if (record->headline[0] == '\0') {
        snprintf(record->headline, sizeof record->headline, "%.300s", what);
        snprintf(record->culprit, sizeof record->culprit, "%.100s", what);
    }
}

/* ---- in the child -------------------------------------------------------- */

BL__NORETURN
static void run_child(struct bl__worker *worker,
                      const struct bl__test_settings *settings) {
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    if (worker->output_fd >= 0) {
        dup2(worker->output_fd, STDOUT_FILENO);
        dup2(worker->output_fd, STDERR_FILENO);
        close(worker->output_fd);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    bl__memory_watch();
    bl__leaks_note_descriptors();
    bl__child_run(settings, &worker->job, worker->record);
    bl__host_leave(0);
}

/* ---- starting ------------------------------------------------------------ */

static bl_ns limit_of(const struct bl__test_settings *settings,
                      const struct bl__test_job *job) {
    bl_ns limit = job->test_case->test->options.watchdog;
    if (settings->watchdog > 0) limit = settings->watchdog;
    if (limit == 0) limit = WATCHDOG_DEFAULT;
    double scale = bl__host_slowness();
    if (settings->timeout_scale > 0) scale *= settings->timeout_scale;
    return (bl_ns)((double)limit * scale);
}

bool bl__worker_start(struct bl__worker *worker,
                      const struct bl__test_settings *settings,
                      const struct bl__test_job *job) {
    worker->job = *job;
    worker->is_warned = false;
    worker->status = 0;
    free(worker->output);
    worker->output = NULL;
    bl__record_reset(worker->record);
    atomic_store(&worker->record->is_watchdogged, false);
    worker->output_fd = -1;
    if (!settings->is_uncaptured) {
        worker->output_fd = memfd_create("output", 0);
        if (worker->output_fd < 0) {
            judge_trouble(worker, "memfd_create failed: the test did not run");
            worker->verdict = BL__VERDICT_BROKEN;
            return false;
        }
    }
    fflush(NULL);
    worker->began = bl__host_now();
    worker->limit =
        settings->has_watchdog ? limit_of(settings, job) : BL_FOREVER;
    worker->pid = fork();
    if (worker->pid == 0) run_child(worker, settings);
    if (worker->pid < 0) {
        worker->pid = 0;
        judge_trouble(worker, "fork failed: the test did not run");
        worker->verdict = BL__VERDICT_BROKEN;
        if (worker->output_fd >= 0) close(worker->output_fd);
        return false;
    }
    setpgid(worker->pid, worker->pid);
    worker->pid_fd = (int)syscall(SYS_pidfd_open, worker->pid, 0);
    return true;
}

/* ---- watching ------------------------------------------------------------ */

bl_ns bl__worker_watch(struct bl__worker *worker, bl_ns now) {
    if (worker->limit == BL_FOREVER) return BL_FOREVER;
    bl_ns due = worker->began + worker->limit;
    if (worker->is_warned) due += LAST_WORDS_NS;
    if (now < due) return due;

    atomic_store(&worker->record->is_watchdogged, true);
    if (worker->is_warned) {
        kill(-worker->pid, SIGKILL);
        return now + BL_SEC(1);
    }
    /* The crash handler leaves the stack of the guilty task behind. */
    worker->is_warned = true;
    kill(worker->pid, SIGABRT);
    return now + LAST_WORDS_NS;
}

void bl__worker_kill(struct bl__worker *worker) {
    if (worker->pid == 0) return;
    kill(-worker->pid, SIGKILL);
    kill(worker->pid, SIGKILL);
    bl__worker_collect(worker);
}

/* ---- judging ------------------------------------------------------------- */

/* The head and the tail of what was printed. */
static char *read_output(int fd) {
    off_t size = lseek(fd, 0, SEEK_END);
    if (size <= 0) return NULL;
    size_t bytes = (size_t)size;
    size_t head = bytes;
    size_t tail = 0;
    if (bytes > OUTPUT_HEAD_BYTES + OUTPUT_TAIL_BYTES) {
        head = OUTPUT_HEAD_BYTES;
        tail = OUTPUT_TAIL_BYTES;
    }
    char *text = bl__host_alloc(head + tail + 80);
    ssize_t got = pread(fd, text, head, 0);
    size_t length = got > 0 ? (size_t)got : 0;
    if (tail > 0) {
        length += (size_t)sprintf(text + length, "\n[... %zu bytes ...]\n",
                                  bytes - head - tail);
        got = pread(fd, text + length, tail, (off_t)(bytes - tail));
        if (got > 0) length += (size_t)got;
    }
    text[length] = '\0';
    return text;
}

static enum bl__verdict judge_signal(struct bl__worker *worker, int number) {
    char text[160];
    struct bl__test_record *record = worker->record;
    int expected = worker->job.test_case->test->options.signal;
    if (number == expected && record->failure_count == 0) {
        return BL__VERDICT_PASSED;
    }
    if (atomic_load(&record->is_watchdogged)) {
        snprintf(text, sizeof text,
                 "HANG: still running after %.1f s of real time, and killed",
                 (double)worker->limit / 1e9);
    } else {
        snprintf(text, sizeof text, "killed by SIG%s (%s)",
                 sigabbrev_np(number) ? sigabbrev_np(number) : "?",
                 strsignal(number));
    }
    judge_trouble(worker, text);
    if (record->crash_frame_count > 0) {
        struct bl__text details =
            bl__text_in(record->text + record->text_length,
                        sizeof record->text - record->text_length);
        bl__crash_describe(&details, record);
        record->text_length += details.length;
    }
    return atomic_load(&record->is_watchdogged) ? BL__VERDICT_TIMEOUT
                                                : BL__VERDICT_CRASHED;
}

static enum bl__verdict judge_outcome(const struct bl__test_record *record) {
    switch (record->outcome) {
    case BL_TEST_FAILED: return BL__VERDICT_FAILED;
    case BL_TEST_TIMEOUT: return BL__VERDICT_TIMEOUT;
    case BL_TEST_SKIPPED: return BL__VERDICT_SKIPPED;
    case BL_TEST_BROKEN: return BL__VERDICT_BROKEN;
    case BL_TEST_PASSED: break;
    }
    return BL__VERDICT_PASSED;
}

static enum bl__verdict judge(struct bl__worker *worker) {
    char text[200];
    const struct bl__test_record *record = worker->record;
    const bl_test_options *options = &worker->job.test_case->test->options;

    const char *complaint =
        worker->output != NULL ? bl__host_complaint(worker->output) : NULL;
    bool is_expected = WIFSIGNALED(worker->status) &&
                       WTERMSIG(worker->status) == options->signal;
    if (complaint != NULL && !is_expected) {
        judge_trouble(worker, complaint);
        return BL__VERDICT_CRASHED;
    }
    if (WIFSIGNALED(worker->status)) {
        return judge_signal(worker, WTERMSIG(worker->status));
    }
    if (WEXITSTATUS(worker->status) != 0) {
        snprintf(text, sizeof text, "its process exited with status %d",
                 WEXITSTATUS(worker->status));
        judge_trouble(worker, text);
        return BL__VERDICT_CRASHED;
    }
    if (record->phase != BL__PHASE_DONE) {
        judge_trouble(worker, "its process exited in the middle of the test");
        return BL__VERDICT_CRASHED;
    }
    if (options->signal != 0 && record->outcome == BL_TEST_PASSED &&
        !bl__job_is_injected(&worker->job)) {
        judge_trouble(worker, "the expected signal did not come");
        return BL__VERDICT_FAILED;
    }
    return judge_outcome(record);
}

/* What a test must print counts in its plain runs alone. */
static void check_output(struct bl__worker *worker) {
    const char *wanted = worker->job.test_case->test->options.output;
    if (wanted == NULL) return;
    if (worker->verdict != BL__VERDICT_PASSED) return;
    if (worker->job.mode != BL__JOB_PLAIN) return;
    if (worker->output != NULL && strstr(worker->output, wanted) != NULL) {
        return;
    }
    judge_trouble(worker, "its output lacks the text that it must have:");
    judge_trouble(worker, wanted);
    worker->verdict = BL__VERDICT_FAILED;
}

void bl__worker_collect(struct bl__worker *worker) {
    while (waitpid(worker->pid, &worker->status, 0) < 0 && errno == EINTR) {}
    kill(-worker->pid, SIGKILL); /* whatever it has left behind */
    worker->pid = 0;
    if (worker->pid_fd >= 0) close(worker->pid_fd);
    worker->pid_fd = -1;
    if (worker->output_fd >= 0) {
        worker->output = read_output(worker->output_fd);
        close(worker->output_fd);
        worker->output_fd = -1;
    }
    worker->verdict = judge(worker);
    check_output(worker);
}
