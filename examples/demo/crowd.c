/* SPDX-License-Identifier: MIT */
/*
 * demo/crowd.c - ten thousand clients at once
 *
 * The clients are children of one group.  What they count they write straight
 * into the report: tasks of one loop never run at the same time, and a child
 * cannot outlive the function whose variables it uses.
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "client.h"
#include "crowd.h"
#include "verdict.h"

/* A thread outside of Belay, which sets the future everybody waits for. */
struct starter {
    bl_future go;
    bl_ns set_at;
    char word[16]; /* the value of the future: what the clients shall say */
};

struct crowd {
    const struct crowd_plan *plan;
    struct crowd_report *report;
    struct dialler dialler;
    struct starter starter;
    bl_sem connections; /* as many as there are descriptors for */
    bl_event arrived;   /* as many clients are connected as fit */
    size_t arrived_count;
    size_t connected;
    bl_ns woken_at;
};

/* One client: copied onto the stack of its task. */
struct client {
    struct crowd *crowd;
    size_t number;
};

/* ---- the thread ---------------------------------------------------------- */

static void *starter_thread(void *arg) {
    struct starter *starter = arg;
    struct timespec pause = { .tv_nsec = BL_MS(20) };

    nanosleep(&pause, NULL); /* work of its own, blocking as threads do */
    snprintf(starter->word, sizeof(starter->word), "go-%x", 0xbe1a);
    starter->set_at = clock_read();
    BL_IGNORE(bl_thread_future_set(&starter->go, 0, starter->word));
    return NULL;
}

/* Waits for the thread, which uses our stack: cancelled or not. */
static int await_thread(struct starter *starter, pthread_t thread) {
    int rc = 0;
    BL_SHIELD(BL_SHIELD_FOREVER) {
        rc = bl_future_wait(&starter->go, NULL);
    }
    pthread_join(thread, NULL); /* setting the future was its last act */
    return rc;
}

static int start_everybody(struct crowd *crowd) {
    struct starter *starter = &crowd->starter;
    pthread_t thread;

    int rc = bl_future_share(&starter->go);
    if (rc < 0) return rc;
    if (pthread_create(&thread, NULL, starter_thread, starter) != 0) {
        BL_IGNORE(bl_thread_future_set(&starter->go, BL_EAGAIN, NULL));
        return BL_ERR(BL_EAGAIN, "no thread could be started");
    }
    return await_thread(starter, thread);
}

/* ---- one client ---------------------------------------------------------- */

/* Also for a client that could not connect: the others need not wait. */
static void arrive(struct crowd *crowd) {
    crowd->arrived_count++;
    if (crowd->arrived_count == crowd->plan->connections_max) {
        bl_event_set(&crowd->arrived);
    }
}

static int wait_for_start(struct crowd *crowd, const char **word) {
    void *value = NULL;
    bool was_early = !bl_future_is_set(&crowd->starter.go);

    int rc = bl_future_wait(&crowd->starter.go, &value);
    if (rc < 0) return rc;
    if (was_early) crowd->woken_at = clock_read();
    *word = value;
    return bl_yield(); /* all are awake before the first one speaks */
}

/* Asks for what takes a minute, and gives up as planned. */
static int ask_in_vain(struct client *client, bl_stream *stream) {
    const struct crowd_plan *plan = client->crowd->plan;

    int rc = bl_wait_for(client_ask(stream, "nap 60000\n"), plan->late_limit);
    if (rc == BL_ETIMEDOUT) {
        client->crowd->report->timed_out++;
        return 0;
    }
    return rc < 0 ? rc : BL_ERR(BL_EIO, "a minute has passed too soon");
}

static int ask_all(struct client *client, bl_stream *stream) {
    struct crowd *crowd = client->crowd;
    const char *word = NULL;
    char line[LINE_BYTES_MAX];

    int rc = wait_for_start(crowd, &word);
    for (size_t i = 0; i < crowd->plan->requests && rc == 0; i++) {
        snprintf(line, sizeof(line), "%s: client %zu, request %zu\n", word,
                 client->number, i);
        rc = client_ask(stream, line);
        if (rc == 0) crowd->report->answered++;
    }
    if (rc == 0 && client->number % crowd->plan->late_every == 0) {
        rc = ask_in_vain(client, stream);
    }
    return rc;
}

static int session(struct client *client) {
    struct crowd *crowd = client->crowd;
    bl_stream *stream = NULL;

    int rc = dialler_dial(&crowd->dialler, &stream);
    if (rc == 0) {
        crowd->connected++;
        crowd->report->answered++;
    }
    arrive(crowd);
    if (rc == 0) rc = ask_all(client, stream);

    /* Also after a limit has passed: the late answer may still come, so the
     * connection is of no use to anybody. */
    bl_stream_abort(stream);
    return rc;
}

static int client_run(void *arg) {
    struct client *client = arg;
    struct crowd *crowd = client->crowd;
    struct crowd_report *report = crowd->report;

    report->clients++;
    int rc = bl_sem_acquire(&crowd->connections);
    if (rc < 0) return rc;
    rc = session(client);
    bl_sem_release(&crowd->connections);
    if (rc >= 0 || rc == BL_ECANCELED) return rc;

    /* Lost clients are counted; they do not end the others. */
    if (report->lost++ == 0) report->first_error = bl_error_take(rc);
    bl_error_handled();
    return 0;
}

/* ---- all of them --------------------------------------------------------- */

static int spawn_all(struct crowd *crowd, bl_group *clients) {
    int rc = 0;
    for (size_t i = 0; i < crowd->plan->clients && rc == 0; i++) {
        struct client client = { crowd, i };
        rc = bl_spawn_copy(clients, client_run, &client, sizeof(client));
    }
    return rc;
}

static int conduct(struct crowd *crowd) {
    struct crowd_report *report = crowd->report;
    bl_ns begun = clock_read();
    int rc;

    BL_GROUP(clients, rc) {
        rc = spawn_all(crowd, clients);
        if (rc == 0) rc = bl_event_wait(&crowd->arrived);
        report->connect_ns = clock_read() - begun;
        report->together = crowd->connected;
        if (rc == 0) rc = start_everybody(crowd);
    }

    report->wake_ns = crowd->woken_at - crowd->starter.set_at;
    report->ask_ns = clock_read() - crowd->starter.set_at;
    return rc;
}

int crowd_run(const struct crowd_plan *plan, struct crowd_report *report) {
    struct crowd crowd = { .plan = plan, .report = report };

    BL_TRY(dialler_init(&crowd.dialler, &plan->server));
    BL_TRY(bl_sem_init(&crowd.connections, plan->connections_max, 0));
    BL_TRY(bl_future_init(&crowd.starter.go));

    int rc = conduct(&crowd);
    bl_future_done(&crowd.starter.go);
    return rc;
}
