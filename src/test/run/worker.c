/* SPDX-License-Identifier: MIT */
/*
 * test/run/worker.c - one process that runs jobs
 *
 * The process is forked, not executed, so parameters may be pointers.  It
 * leads a process group, which is killed when it has ended; what escapes into
 * a session of its own is found by the leak check of the process itself.
 *
 * A shared process runs several jobs.  It answers each order of the runner
 * with one byte, and then blocks as a whole until the next comes: its fixtures
 * notice nothing of the time in between.
 *
 * Output goes to a file in memory, not to a pipe: a grandchild that keeps the
 * descriptor open cannot hold the runner up.
 */
#include "test/run/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/case.h"
#include "test/child/child.h"
#include "test/child/crash.h"
#include "test/child/leaks.h"
#include "test/child/tmpdir.h"
#include "test/explore/memory.h"
#include "test/host.h"
#include "test/run/orphan.h"
#include "test/run/peek.h"

enum {
    OUTPUT_HEAD_BYTES = 16 * 1024,
    OUTPUT_TAIL_BYTES = 16 * 1024,
    HURRY_DIVISOR = 8 /* of the limit is left for an end in good order */
};

#define WATCHDOG_DEFAULT BL_SEC(30)
#define LAST_WORDS_NS    BL_SEC(1)

void bl__worker_open(struct bl__worker *worker) {
    memset(worker, 0, sizeof *worker);
    worker->record = mmap(NULL, sizeof *worker->record, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (worker->record == MAP_FAILED) bl__host_die("no memory for a record");
    worker->pid_fd = -1;
    worker->output_fd = -1;
    worker->channel = -1;
}

void bl__worker_close(struct bl__worker *worker) {
    bl__worker_kill(worker);
    munmap(worker->record, sizeof *worker->record);
    free(worker->output);
}

/* What the runner tells a shared process, and what that answers. */
struct message {
    enum bl__order order;
    const struct bl__test_case *test_case; /* of BL__ORDER_RUN */
};

/* ---- in the child -------------------------------------------------------- */

/* What a shared process has to do with the runner. */
static struct {
    int channel;
    bool has_begun;
    struct bl__test_job job;
} service;

/* Says that the order is done, and waits for the next. */
static enum bl__order next_order(void *context) {
    (void)context;
    struct message message;
    if (!service.has_begun) {
        service.has_begun = true;
        return BL__ORDER_RUN;
    }
    fflush(NULL);
    atomic_store(&bl__test_record->phase, BL__PHASE_DONE);
    if (send(service.channel, "", 1, MSG_NOSIGNAL) < 0) _exit(0);
    if (read(service.channel, &message, sizeof message) !=
        (ssize_t)sizeof message) {
        _exit(0); /* the runner is gone */
    }
    if (message.order == BL__ORDER_RUN) {
        service.job.test_case = message.test_case;
        bl__child_turn_to(&service.job);
    }
    return message.order;
}

static void serve(const struct bl__worker *worker,
                  const struct bl__test_settings *settings) {
    const struct bl__orders orders = { .next = next_order, .is_shared = true };
    service.job = worker->job;
    bl__child_serve(settings, &service.job, &orders, worker->record);
}

BL__NORETURN
static void run_child(struct bl__worker *worker,
                      const struct bl__test_settings *settings, pid_t runner) {
    /* Whatever ends the runner ends its processes too. */
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != runner) _exit(1);
    setpgid(0, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    if (worker->output_fd >= 0) {
        dup2(worker->output_fd, STDOUT_FILENO);
        dup2(worker->output_fd, STDERR_FILENO);
        close(worker->output_fd);
    }
    /* With a buffer of its own, since the runner has used the old one: lines
       stand in the order in which stdout and stderr got them. */
    static char buffer[BUFSIZ];
    setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
    bl__memory_watch();
    bl__leaks_note();
    service.channel = worker->channel;
    if (worker->channel >= 0 && !worker->is_anchor) {
        serve(worker, settings);
    } else {
        bl__child_run(settings, &worker->job, worker->record);
    }
    bl__host_leave(0);
}

/* ---- starting ------------------------------------------------------------ */

static bl_ns limit_of(const struct bl__test_settings *settings,
                      const struct bl__test_job *job) {
    bl_ns limit = job->test_case->test->options.watchdog;
    if (settings->watchdog > 0) limit = settings->watchdog;
    if (limit == 0) limit = WATCHDOG_DEFAULT;
    if (job->limit > 0 && job->limit < limit) limit = job->limit;
    double scale = bl__host_slowness();
    if (settings->timeout_scale > 0) scale *= settings->timeout_scale;
    return (bl_ns)((double)limit * scale);
}

/* Prepares for `job`: an empty record, and its time begins. */
static void begin_job(struct bl__worker *worker, const struct bl__test_job *job,
                      const struct bl__test_settings *settings) {
    worker->job = *job;
    worker->urgency = BL__URGENCY_NONE;
    worker->is_idle = false;
    worker->status = 0;
    free(worker->output);
    worker->output = NULL;
    bl__record_reset(worker->record);
    atomic_store(&worker->record->is_watchdogged, false);
    worker->began = bl__host_now();
    worker->limit =
        settings->has_watchdog ? limit_of(settings, job) : BL_FOREVER;
}

static void close_descriptor(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

/*
 * The test has not run: the reason is the machine's.  Returns false.
 */
static bool give_up(struct bl__worker *worker, const char *call) {
    char text[120];
    snprintf(text, sizeof text, "%s failed (%s): the test did not run", call,
             strerrorname_np(errno));
    bl__worker_blame(worker, text);
    worker->verdict = BL__VERDICT_BROKEN;
    close_descriptor(&worker->output_fd);
    close_descriptor(&worker->channel);
    return false;
}

/* Output is appended, so that a file cut between tests is filled anew. */
static bool open_output(struct bl__worker *worker) {
    worker->output_fd = memfd_create("output", MFD_CLOEXEC);
    return worker->output_fd >= 0 &&
           fcntl(worker->output_fd, F_SETFL, O_APPEND) == 0;
}

static bool start(struct bl__worker *worker,
                  const struct bl__test_settings *settings, int other_end) {
    pid_t self = getpid();
    fflush(NULL);
    worker->pid = fork();
    if (worker->pid == 0) {
        close_descriptor(&other_end);
        run_child(worker, settings, self);
    }
    if (worker->pid < 0) {
        worker->pid = 0;
        return give_up(worker, "fork");
    }
    bl__orphans_except(worker->pid);
    setpgid(worker->pid, worker->pid);
    worker->pid_fd = bl__host_end_fd(worker->pid);
    if (worker->pid_fd >= 0) return true;
    int error = errno;
    kill(worker->pid, SIGKILL);
    waitpid(worker->pid, NULL, 0);
    bl__orphans_forget(worker->pid);
    worker->pid = 0;
    errno = error;
    return give_up(worker, "pidfd_open");
}

bool bl__worker_start(struct bl__worker *worker,
                      const struct bl__test_settings *settings,
                      const struct bl__test_job *job) {
    begin_job(worker, job, settings);
    if (!settings->is_uncaptured && !open_output(worker)) {
        return give_up(worker, "memfd_create");
    }
    return start(worker, settings, -1);
}

bool bl__worker_start_shared(struct bl__worker *worker,
                             const struct bl__test_settings *settings,
                             const struct bl__test_job *job) {
    int ends[2];
    begin_job(worker, job, settings);
    if (!settings->is_uncaptured && !open_output(worker)) {
        return give_up(worker, "memfd_create");
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        return give_up(worker, "socketpair");
    }
    worker->channel = ends[1]; /* the child's, until it is started */
    bool has_started = start(worker, settings, ends[0]);
    if (has_started) {
        close(ends[1]);
        worker->channel = ends[0];
    } else {
        close(ends[0]);
    }
    return has_started;
}

bool bl__worker_start_anchor(struct bl__worker *worker,
                             const struct bl__test_settings *settings,
                             const struct bl__test_job *job) {
    worker->is_anchor = true;
    return bl__worker_start_shared(worker, settings, job);
}

int bl__worker_own_channel(void) {
    return service.channel;
}

bool bl__worker_is_alive(const struct bl__worker *worker) {
    if (worker->pid == 0) return false;
    struct pollfd end = { .fd = worker->pid_fd, .events = POLLIN };
    return poll(&end, 1, 0) == 0;
}

static void order(struct bl__worker *worker, enum bl__order order_next) {
    struct message message;
    memset(&message, 0, sizeof message); /* what lies between is sent, too */
    message.order = order_next;
    message.test_case = worker->job.test_case;
    /* To a process that has just ended: its end will be noticed. */
    BL_IGNORE(send(worker->channel, &message, sizeof message, MSG_NOSIGNAL) <
              0);
}

void bl__worker_give(struct bl__worker *worker,
                     const struct bl__test_settings *settings,
                     const struct bl__test_job *job) {
    begin_job(worker, job, settings);
    if (worker->output_fd >= 0) {
        BL_IGNORE(ftruncate(worker->output_fd, 0)); /* shown twice, at worst */
    }
    order(worker, BL__ORDER_RUN);
}

void bl__worker_end(struct bl__worker *worker,
                    const struct bl__test_settings *settings,
                    bool is_module_only) {
    const struct bl__test_job job = worker->job;
    begin_job(worker, &job, settings);
    if (worker->output_fd >= 0) {
        BL_IGNORE(ftruncate(worker->output_fd, 0)); /* shown twice, at worst */
    }
    order(worker, is_module_only ? BL__ORDER_END_MODULE : BL__ORDER_END);
}

/* ---- watching ------------------------------------------------------------ */

/* What has to happen next to a job that takes long, and when. */
static bl_ns next_step(const struct bl__worker *worker) {
    bl_ns due = bl_ns_add(worker->began, worker->limit);
    switch (worker->urgency) {
    case BL__URGENCY_NONE: return due - worker->limit / HURRY_DIVISOR;
    case BL__URGENCY_HURRIED: return due;
    case BL__URGENCY_WARNED: return due + LAST_WORDS_NS;
    case BL__URGENCY_KILLED: break;
    }
    return BL_FOREVER; /* its end will come */
}

/* Of a process that has not said where it is. */
static void find_stack(const struct bl__worker *worker) {
    struct bl__test_record *record = worker->record;
    if (record->crash_frame_count > 0) return;
    /* In front there are those of the handler, which are not shown. */
    int count =
        bl__peek_stack(worker->pid, record->crash_frames + BL__CRASH_FRAMES,
                       BL__RECORD_FRAMES_MAX - BL__CRASH_FRAMES);
    if (count > 0) record->crash_frame_count = count + BL__CRASH_FRAMES;
}

/* Who waits for a signal has no handlers of ours. */
static bool has_handlers(const struct bl__worker *worker) {
    return worker->job.test_case->test->options.signal == 0;
}

/*
 * First the loop of the test is asked to cancel it, which works while it waits
 * for something.  Then the crash handler is to leave the stack of the guilty
 * task behind.  Then it is over.
 */
static void urge(struct bl__worker *worker) {
    switch (worker->urgency) {
    case BL__URGENCY_NONE:
        worker->urgency = BL__URGENCY_HURRIED;
        if (has_handlers(worker)) kill(worker->pid, BL__CRASH_HURRY);
        return;
    case BL__URGENCY_HURRIED:
        worker->urgency = BL__URGENCY_WARNED;
        atomic_store(&worker->record->is_watchdogged, true);
        if (!has_handlers(worker)) break;
        kill(worker->pid, SIGABRT);
        return;
    case BL__URGENCY_WARNED:
    case BL__URGENCY_KILLED: break;
    }
    worker->urgency = BL__URGENCY_KILLED;
    find_stack(worker);
    kill(-worker->pid, SIGKILL);
}

bl_ns bl__worker_watch(struct bl__worker *worker, bl_ns now) {
    if (worker->limit == BL_FOREVER || worker->is_idle) return BL_FOREVER;
    while (now >= next_step(worker))
        urge(worker);
    return next_step(worker);
}

void bl__worker_kill(struct bl__worker *worker) {
    if (worker->pid == 0) return;
    kill(-worker->pid, SIGKILL);
    kill(worker->pid, SIGKILL);
    bl__worker_collect(worker);
}

/* ---- the end ------------------------------------------------------------- */

/*
 * What is printed may hold NULs, where a text would end.  They are written as
 * they would be shown.
 */
static char *spell_nuls(char *bytes, size_t length) {
    static const char nul[] = "\\x00";
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += bytes[i] == '\0';
    if (count == 0) return bytes;
    char *text = bl__host_alloc(length + count * (sizeof nul - 2) + 1);
    size_t at = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\0') {
            text[at++] = bytes[i];
        } else {
            memcpy(text + at, nul, sizeof nul - 1);
            at += sizeof nul - 1;
        }
    }
    text[at] = '\0';
    free(bytes);
    return text;
}

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
    return spell_nuls(text, length);
}

/* A child that has ended, and whatever it has left behind. */
static void bury(struct bl__worker *worker) {
    while (waitpid(worker->pid, &worker->status, 0) < 0 && errno == EINTR) {}
    kill(-worker->pid, SIGKILL);
    bl__orphans_forget(worker->pid);
    bool is_orderly = WIFEXITED(worker->status) &&
                      WEXITSTATUS(worker->status) == 0 &&
                      !worker->record->is_cut;
    if (!is_orderly) bl__orphans_kill(); /* it has not done so itself */
    bl__tmpdir_drop(worker->pid);
    worker->pid = 0;
    close_descriptor(&worker->pid_fd);
    close_descriptor(&worker->channel);
}

void bl__worker_collect(struct bl__worker *worker) {
    bury(worker);
    if (worker->output_fd >= 0) {
        worker->output = read_output(worker->output_fd);
        close_descriptor(&worker->output_fd);
    }
    bl__worker_judge(worker);
}

bool bl__worker_look(struct bl__worker *worker) {
    char answer;
    if (worker->channel >= 0 &&
        recv(worker->channel, &answer, 1, MSG_DONTWAIT) == 1) {
        worker->is_idle = true;
        if (worker->output_fd >= 0) {
            worker->output = read_output(worker->output_fd);
        }
        bl__worker_judge(worker);
        return true;
    }
    if (bl__worker_is_alive(worker)) return false;
    bl__worker_collect(worker);
    return true;
}

void bl__worker_wait(struct bl__worker *worker) {
    do {
        bl_ns now = bl__host_now();
        bl_ns due = bl__worker_watch(worker, now);
        struct pollfd fds[2] = {
            { .fd = worker->pid_fd, .events = POLLIN },
            { .fd = worker->channel, .events = POLLIN },
        };
        int timeout_ms =
            due == BL_FOREVER ? -1 : (int)((due - now) / 1000000) + 1;
        BL_IGNORE(poll(fds, 2, timeout_ms)); /* interrupted: looks again */
    } while (!bl__worker_look(worker));
}
