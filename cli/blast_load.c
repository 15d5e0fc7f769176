/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_load.c - the workers of a load, and their common start
 *
 *     each link:  connect -> arrive -> wait for `go` -> requests -> close
 *
 * Who arrives last writes when the schedule begins and sets `go` in every
 * worker.  A link that is cancelled arrives too, so `go` is always set in the
 * end, and a worker stays until it is: other threads write to it.
 *
 * Invariant: `missing` is the number of links that have not arrived.
 */
#include "blast_load.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum {
    OPENINGS = 64,     /* a worker's connections that open at once */
    LEAD_NS = 2000000, /* from `go` to the first request of a schedule */
    GRACE_MIN_NS = 1000000000,  /* for requests that are late at the end */
    REFUSED_PAUSE_NS = 10000000 /* between attempts, where no rate sets them */
};

/* ---- the start ----------------------------------------------------------- */

static void set_go(struct blast_worker *worker, bool is_shared) {
    int rc = is_shared ? bl_thread_future_set(&worker->go, 0, NULL)
                       : bl_future_set(&worker->go, 0, NULL);
    BL_IGNORE(rc); /* it is set once, by the last to arrive */
}

static void arrive(struct blast_load *load, uint32_t count) {
    uint32_t workers = load->options->workers;

    if (count == 0) return;
    if (atomic_fetch_sub(&load->missing, count) != count) return;
    bool has_rate = load->options->rate_milli > 0;
    load->begin = bl_ns_add(bl_now(), has_rate ? LEAD_NS : 0);
    for (uint32_t i = 0; i < workers; i++)
        set_go(&load->workers[i], workers > 1);
}

static int open_early(struct blast_link *link) {
    struct blast_load *load = link->load;
    struct blast_worker *worker = link->worker;
    struct blast_reply reply = { 0 };

    if (load->options->is_fresh) {
        atomic_fetch_add(&load->opened, 1);
        return 0;
    }
    int rc = bl_sem_acquire(&worker->openings);
    if (rc < 0) return rc;
    rc = bl_wait_for(blast_link_open(link, &reply), load->options->timeout);
    bl_sem_release(&worker->openings);
    if (rc == BL_ECANCELED) return rc;
    if (rc < 0) {
        /* It tries again when it has a request; then a failure counts. */
        atomic_store(&load->refusal, rc);
        bl_error_handled();
        return 0;
    }
    atomic_fetch_add(&load->opened, 1);
    return 0;
}

/* The CPU time of this thread: the loop's and the kernel's on its behalf. */
static bl_ns cpu_time(void) {
    struct rusage usage;
    if (getrusage(RUSAGE_THREAD, &usage) != 0) return 0;
    return BL_SEC(usage.ru_utime.tv_sec) + BL_US(usage.ru_utime.tv_usec) +
           BL_SEC(usage.ru_stime.tv_sec) + BL_US(usage.ru_stime.tv_usec);
}

/* How long behind the end late requests may still be sent. */
static bl_ns grace_of(bl_ns duration) {
    bl_ns tenth = duration / 10;
    return tenth > GRACE_MIN_NS ? tenth : GRACE_MIN_NS;
}

/* Done by each link that is sent off; it comes to the same. */
static void begin_schedule(struct blast_worker *worker) {
    const struct blast_load *load = worker->load;
    const struct blast_options *options = load->options;

    if (worker->schedule.begin == load->begin) return;
    worker->schedule.begin = load->begin;
    worker->measured_from = bl_ns_add(load->begin, options->warmup);
    worker->schedule.end = bl_ns_add(worker->measured_from, options->duration);
    worker->schedule.stop =
        bl_ns_add(worker->schedule.end, grace_of(options->duration));
    worker->begun_at = bl_now();
    worker->cpu_before = cpu_time();
}

/* Connects, and waits for everybody else. */
static int get_ready(struct blast_link *link) {
    struct blast_worker *worker = link->worker;

    int rc = open_early(link);
    arrive(link->load, 1);
    if (rc < 0) return rc;
    rc = bl_future_wait(&worker->go, NULL);
    if (rc < 0) return rc;
    begin_schedule(worker);
    return 0;
}

/* ---- one connection ------------------------------------------------------ */

/* Sleeps until the request is due.  How late it woke is the generator's lag. */
static int wait_until(struct blast_worker *worker, bl_ns due) {
    bool is_measured = due >= worker->measured_from;
    int rc = bl_sleep_until(due);
    bl_ns lag = bl_now() - due;
    if (rc < 0) {
        if (is_measured && lag >= 0) worker->tally.called_off++;
        return rc;
    }
    if (is_measured) histogram_record(&worker->tally.lag, lag);
    atomic_store_explicit(&worker->live.lag_ns, (uint64_t)lag,
                          memory_order_relaxed);
    return 0;
}

static int next_request(struct blast_link *link, bl_ns now, bl_ns due) {
    struct blast_worker *worker = link->worker;
    bool has_rate = worker->schedule.rate_milli > 0;
    int rc = 0;

    if (due > now)
        rc = wait_until(worker, due);
    else if (has_rate && due < now && due >= worker->measured_from)
        worker->tally.waited++;
    if (rc == 0) rc = blast_link_request(link, due);
    if (rc == 0 && !has_rate && link->is_refused) {
        rc = bl_sleep(REFUSED_PAUSE_NS);
    }
    return rc;
}

static int link_task(void *arg) {
    struct blast_link *link = arg;
    struct blast_worker *worker = link->worker;
    bl_ns due;

    int rc = get_ready(link);
    bool is_reachable = atomic_load(&link->load->opened) > 0;
    while (rc == 0 && is_reachable) {
        bl_ns now = bl_now();
        if (!blast_schedule_take(&worker->schedule, now, &due)) break;
        rc = next_request(link, now, due);
    }
    if (worker->ended_at == 0 && rc < 0) worker->ended_at = bl_now();
    blast_link_drop(link);
    return rc;
}

/* ---- one worker ---------------------------------------------------------- */

static int watch_task(void *arg) {
    struct blast_load *load = arg;
    return load->watch(load);
}

/* As long as a task is ready the loop does not go to sleep, so it need not be
 * woken up, which takes tens of microseconds. */
static int stay_awake(void *arg) {
    int rc = 0;
    (void)arg;
    while (rc == 0)
        rc = bl_yield();
    return rc;
}

static int spawn_links(struct blast_worker *worker, bl_group *group) {
    struct blast_load *load = worker->load;
    uint32_t spawned = 0;
    int rc = 0;

    if (worker->index == 0 && load->watch != NULL) {
        rc = bl_spawn_daemon(group, watch_task, load);
    }
    if (rc == 0 && load->options->is_precise) {
        rc = bl_spawn_daemon(group, stay_awake, NULL);
    }
    while (rc == 0 && spawned < worker->link_count) {
        rc = bl_spawn(group, link_task, &worker->links[spawned]);
        if (rc == 0) spawned++;
    }
    arrive(load, worker->link_count - spawned);
    return rc;
}

static int run_links(struct blast_worker *worker) {
    int rc;
    BL_GROUP(group, rc) {
        rc = spawn_links(worker, group);
    }
    /* Others may still be about to set it. */
    BL_SHIELD(BL_SHIELD_FOREVER) {
        BL_IGNORE(bl_future_wait(&worker->go, NULL)); /* it carries nothing */
    }
    if (worker->begun_at > 0) {
        worker->tally.cpu_ns = cpu_time() - worker->cpu_before;
        worker->tally.wall_ns = bl_now() - worker->begun_at;
    }
    return rc;
}

int blast_load_work(struct blast_load *load, uint32_t index) {
    struct blast_worker *worker = &load->workers[index];

    /* By default the kernel may wake a thread 50 us late, to save power. */
    prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
    int rc = bl_sem_init(&worker->openings, OPENINGS, 0);
    if (rc == 0) rc = bl_future_init(&worker->go);
    if (rc == 0 && load->options->workers > 1) {
        rc = bl_future_share(&worker->go);
    }
    if (rc < 0) abort(); /* all of it is ours, and a loop runs here */

    rc = run_links(worker);
    bl_future_done(&worker->go);
    if (rc == 0 && atomic_load(&load->opened) == 0) {
        return atomic_load(&load->refusal);
    }
    return rc;
}

/* ---- all of them --------------------------------------------------------- */

static int init_worker(struct blast_load *load, uint32_t index) {
    const struct blast_options *options = load->options;
    struct blast_worker *worker = &load->workers[index];
    uint32_t count = options->connections / options->workers +
                     (index < options->connections % options->workers);

    worker->load = load;
    worker->index = index;
    worker->link_count = count;
    worker->schedule = (struct blast_schedule){
        .rate_milli = options->rate_milli,
        .count_max = options->count,
        .next = index,
        .stride = options->workers,
        .begin = -1,
    };
    worker->links = calloc(count, sizeof(*worker->links));
    worker->buffers = malloc((size_t)count * BLAST_BUFFER_BYTES);
    if (worker->links == NULL || worker->buffers == NULL) return BL_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        worker->links[i] = (struct blast_link){
            .worker = worker,
            .load = load,
            .buffer = worker->buffers + (size_t)i * BLAST_BUFFER_BYTES,
            .from = options->from_count > 0
                        ? &options->from[i % options->from_count]
                        : NULL,
        };
    }
    return 0;
}

int blast_load_init(struct blast_load *load) {
    uint32_t workers = load->options->workers;
    int rc = 0;

    load->workers = calloc(workers, sizeof(*load->workers));
    if (load->workers == NULL) return BL_ENOMEM;
    atomic_store(&load->missing, load->options->connections);
    for (uint32_t i = 0; i < workers && rc == 0; i++)
        rc = init_worker(load, i);
    if (rc < 0) blast_load_done(load);
    return rc;
}

void blast_load_done(struct blast_load *load) {
    for (uint32_t i = 0; i < load->options->workers; i++) {
        free(load->workers[i].links);
        free(load->workers[i].buffers);
    }
    free(load->workers);
    load->workers = NULL;
}

void blast_load_sum(const struct blast_load *load, struct blast_tally *tally) {
    for (uint32_t i = 0; i < load->options->workers; i++)
        blast_tally_add(tally, &load->workers[i].tally);
    blast_tally_sort(tally);
}

uint64_t blast_load_due(const struct blast_load *load) {
    uint64_t due = 0;
    for (uint32_t i = 0; i < load->options->workers; i++) {
        const struct blast_worker *worker = &load->workers[i];
        bl_ns until = worker->ended_at > 0 ? worker->ended_at : BL_FOREVER;
        due += worker->schedule.rate_milli == 0
                   ? worker->tally.sent
                   : blast_schedule_between(&worker->schedule,
                                            worker->measured_from, until);
    }
    return due;
}
