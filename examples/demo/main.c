/* SPDX-License-Identifier: MIT */
/*
 * demo/main.c - a real service under a crowd, in one thread
 *
 * Four scenes on one loop: a server on loopback, a crowd that talks to it, a
 * group that fails, a stop in the middle of work.  The table at the end holds
 * what was measured against what had to be, and is the exit status.  With
 * --target the crowd talks to a server that is not ours.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "crowd.h"
#include "farewell.h"
#include "limits.h"
#include "mishap.h"
#include "server.h"
#include "target.h"
#include "verdict.h"

enum {
    CLIENTS = 10000,
    CLIENTS_MAX = 1000000,
    REQUESTS = 3,
    TARGET_CLIENTS = 100,
    TARGET_REQUESTS = 10,
    TARGET_LIMIT_MS = 2000,
    LATE_EVERY = 20,
    LATE_LIMIT_MS = 100,
    WORKERS_MAX = 100,
    BUSY_MAX = 1000,
    DESCRIPTORS_SPARE = 64 /* the program's own, and the loop's */
};

struct options {
    const char *target; /* NULL: the server of the demo itself */
    long clients;       /* 0: not given */
    long requests;
    long limit_ms;
};

struct demo {
    const struct options *options;
    size_t descriptors;
    struct server server;
    struct crowd_plan plan;
    struct crowd_report crowd;
    struct mishap_report mishap;
    struct farewell_report farewell;
    bl_loop_info info; /* after everything has ended, but for the root */
};

/* ---- the plan ------------------------------------------------------------ */

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Each connection has both of its ends in this process. */
static size_t connections_max(size_t clients, size_t descriptors) {
    return smaller(clients, (descriptors - DESCRIPTORS_SPARE) / 2);
}

static void make_plan(struct demo *demo) {
    const struct options *options = demo->options;
    size_t clients = options->clients ? (size_t)options->clients : CLIENTS;

    demo->plan = (struct crowd_plan){
        .clients = clients,
        .connections_max = connections_max(clients, demo->descriptors),
        .requests = options->requests ? (size_t)options->requests : REQUESTS,
        .late_every = LATE_EVERY,
        .late_limit =
            BL_MS(options->limit_ms ? options->limit_ms : LATE_LIMIT_MS),
    };
}

/* ---- the scenes ---------------------------------------------------------- */

static void say_who_we_are(const struct demo *demo) {
    char text[BL_ADDR_TEXT_BYTES];
    bl_loop_info info;

    bl_loop_get_info(bl_loop_running(), &info);
    bl_addr_format(&demo->server.address, text, sizeof(text));
    printf("Belay %s: one process, one thread, one loop\n", bl_version());
    printf("driver %s, stacks of %zu KiB guarded by %s, server at %s\n",
           info.driver, info.stack_bytes / 1024, info.guard, text);
}

static int crowd_scene(struct demo *demo) {
    const struct crowd_plan *plan = &demo->plan;
    struct crowd_report *report = &demo->crowd;
    char left[COUNT_TEXT_BYTES];
    char right[COUNT_TEXT_BYTES];

    printf("\n1. A crowd of %s clients\n", count_text(plan->clients, left));
    if (plan->connections_max < plan->clients) {
        printf("  limit       %s descriptors: %s connect at once, the others "
               "wait\n",
               count_text(demo->descriptors, left),
               count_text(plan->connections_max, right));
    }
    int rc = crowd_run(plan, report);
    if (rc < 0) return rc;

    printf("  connected   %s clients in %.2f s\n",
           count_text(report->together, left), seconds(report->connect_ns));
    printf("  future      set by a foreign thread, woke them all in %.1f ms\n",
           milliseconds(report->wake_ns));
    printf("  requests    %s answered and %s timed out as planned, in %.2f s\n",
           count_text(report->answered, left),
           count_text(report->timed_out, right), seconds(report->ask_ns));
    if (report->lost > 0) {
        printf("  lost        %zu clients, the first one by this:\n",
               report->lost);
        bl_error_print(report->first_error, stdout);
    }
    return 0;
}

static int mishap_scene(struct demo *demo) {
    struct mishap_report *report = &demo->mishap;
    size_t workers = smaller(WORKERS_MAX, demo->plan.connections_max + 1);

    printf("\n2. A group of %zu workers, one of which fails\n", workers);
    int rc = mishap_run(&demo->server.address, workers, report);
    if (rc < 0) return rc;
    printf("  cancelled   %zu siblings, the last one gone after %.1f ms\n",
           report->cancelled, milliseconds(report->cancel_ns));
    return 0;
}

static int farewell_scene(struct demo *demo) {
    struct farewell_report *report = &demo->farewell;
    size_t room = demo->plan.connections_max;
    size_t busy = smaller(BUSY_MAX, room / 2 + 1);

    printf("\n3. A stop while the server works\n");
    int rc = farewell_run(&demo->server, busy, room / 10, report);
    if (rc < 0) return rc;
    printf("  in flight   %zu requests when the stop event was set\n",
           report->in_flight);
    printf("  finished    %zu of them, cut %zu; %zu idle connections closed\n",
           report->finished, demo->server.cut, report->idle);
    printf("  stopped     in %.1f ms; a new connection is %s\n",
           milliseconds(report->stop_ns),
           report->is_refused ? "refused" : "NOT REFUSED");
    return 0;
}

static int demo_task(void *arg) {
    struct demo *demo = arg;
    int rc;

    BL_GROUP(services, rc) {
        rc = bl_start(services, server_run, &demo->server, NULL);
        demo->plan.server = demo->server.address;
        if (rc == 0) say_who_we_are(demo);
        if (rc == 0) rc = crowd_scene(demo);
        if (rc == 0) rc = mishap_scene(demo);
        if (rc == 0) rc = farewell_scene(demo);
    } /* the server has ended too */

    bl_loop_get_info(bl_loop_running(), &demo->info);
    return rc;
}

/* ---- the verdict --------------------------------------------------------- */

static void fill_table(const struct demo *demo, struct verdict *verdict) {
    const struct crowd_plan *plan = &demo->plan;
    const struct crowd_report *crowd = &demo->crowd;
    const struct mishap_report *mishap = &demo->mishap;
    const struct farewell_report *farewell = &demo->farewell;
    const struct server *server = &demo->server;
    size_t late = (plan->clients + plan->late_every - 1) / plan->late_every;
    size_t crowd_requests = plan->clients * (plan->requests + 1);
    size_t hellos = mishap->workers - 1 + farewell->hellos;

    verdict_figure(verdict, "tasks run", demo->info.tasks_spawned);
    verdict_exact(verdict, "clients run", crowd->clients, plan->clients);
    verdict_exact(verdict, "connected at once", crowd->together,
                  plan->connections_max);
    verdict_exact(verdict, "requests answered to the crowd", crowd->answered,
                  crowd_requests);
    verdict_exact(verdict, "timed out as planned", crowd->timed_out, late);
    verdict_exact(verdict, "lost", crowd->lost, 0);
    verdict_exact(verdict, "siblings cancelled", mishap->cancelled,
                  mishap->workers - 1);
    verdict_exact(verdict, "errors in the tree, the planned one",
                  mishap->is_the_one ? mishap->leaves : 0, 1);
    verdict_exact(verdict, "in flight at the stop, finished",
                  farewell->finished, farewell->in_flight);
    verdict_exact(verdict, "cut", server->cut, 0);
    verdict_exact(verdict, "requests served, says the server", server->answered,
                  crowd->answered + hellos + farewell->finished);
    verdict_exact(verdict, "given up, says the server", server->abandoned,
                  crowd->timed_out + mishap->cancelled);
    verdict_exact(verdict, "connections after the stop",
                  server->connections + !farewell->is_refused, 0);
    verdict_exact(verdict, "tasks left", demo->info.tasks_alive - 1, 0);
}

static bool run_demo(const struct options *options, size_t descriptors) {
    struct demo demo = { .options = options, .descriptors = descriptors };
    struct verdict verdict = { 0 };
    size_t open_before = limits_open_count();
    bl_ns begun = clock_read();

    make_plan(&demo);
    int rc = bl_run(demo_task, &demo);
    bl_ns wall_time = clock_read() - begun;
    if (rc < 0)
        bl_error_report(rc, stdout);
    else
        fill_table(&demo, &verdict);

    bl_error_unref(demo.crowd.first_error);
    verdict_exact(&verdict, "descriptors left",
                  limits_open_count() - open_before, 0);
    return verdict_close(&verdict, rc, wall_time);
}

/* ---- a foreign server ---------------------------------------------------- */

static int target_task(void *arg) {
    return target_run(arg);
}

static bool run_target(const struct options *options, size_t descriptors) {
    size_t room = descriptors - DESCRIPTORS_SPARE;
    struct target_plan plan = {
        .where = options->target,
        .clients = options->clients ? (size_t)options->clients : TARGET_CLIENTS,
        .requests =
            options->requests ? (size_t)options->requests : TARGET_REQUESTS,
        .limit = BL_MS(options->limit_ms ? options->limit_ms : TARGET_LIMIT_MS),
    };
    if (plan.clients > room) {
        printf("demo: %zu descriptors are not enough for %zu clients; using "
               "%zu\n",
               descriptors, plan.clients, room);
        plan.clients = room;
    }

    int rc = bl_run(target_task, &plan);
    if (rc < 0) fprintf(stderr, "demo: %s\n", bl_strerror(rc));
    return rc == 0;
}

/* ---- the command line ---------------------------------------------------- */

static const char usage[] =
    "usage: demo [--clients N] [--requests N] [--timeout MS]\n"
    "            [--target HOST:PORT]\n"
    "\n"
    "Runs a TCP service and a crowd of clients in one thread, and checks that\n"
    "nothing is lost.  With --target the clients talk to another server: one\n"
    "that sends back every line (or every byte) it receives.\n"
    "\n"
    "  --clients N         clients at once       (10000; with --target 100)\n"
    "  --requests N        requests per client   (3; with --target 10)\n"
    "  --timeout MS        after which a client gives up: the late requests\n"
    "                      (100), or any request to a target (2000)\n"
    "  --target HOST:PORT  drives that server instead of our own\n"
    "  --help              shows this\n";

/* Reads a number from 1 to `max`, or fails with a sentence. */
static bool parse_number(const char *name, const char *text, long max,
                         long *number) {
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);

    if (errno != 0 || end == text || *end != '\0' || value < 1 || value > max) {
        fprintf(stderr, "demo: --%s takes a number from 1 to %ld, not '%s'\n",
                name, max, text);
        return false;
    }
    *number = value;
    return true;
}

/* Returns the exit status, or -1 to go on. */
static int parse(int argc, char **argv, struct options *options) {
    static const struct option known[] = {
        { "clients", required_argument, NULL, 'c' },
        { "requests", required_argument, NULL, 'r' },
        { "timeout", required_argument, NULL, 't' },
        { "target", required_argument, NULL, 'T' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    bool is_right = true;
    int letter;

    while (is_right &&
           (letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (letter) {
        case 'c':
            is_right =
                parse_number("clients", optarg, CLIENTS_MAX, &options->clients);
            break;
        case 'r':
            is_right =
                parse_number("requests", optarg, 100000, &options->requests);
            break;
        case 't':
            is_right =
                parse_number("timeout", optarg, 3600000, &options->limit_ms);
            break;
        case 'T': options->target = optarg; break;
        case 'h': fputs(usage, stdout); return 0;
        default: is_right = false;
        }
    }
    if (is_right && optind < argc) {
        fprintf(stderr, "demo: what is '%s'?\n", argv[optind]);
        is_right = false;
    }
    if (!is_right) fprintf(stderr, "Try --help.\n");
    return is_right ? -1 : 2;
}

int main(int argc, char **argv) {
    struct options options = { 0 };
    int status = parse(argc, argv, &options);
    if (status >= 0) return status;

    setvbuf(stdout, NULL, _IOLBF, 0); /* in order with stderr, in a pipe too */
    size_t descriptors = limits_raise();
    if (descriptors < 2 * DESCRIPTORS_SPARE) {
        fprintf(stderr, "demo: %zu descriptors are too few\n", descriptors);
        return 1;
    }
    bool passed = options.target ? run_target(&options, descriptors)
                                 : run_demo(&options, descriptors);
    return passed ? 0 : 1;
}
