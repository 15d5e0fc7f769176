/* SPDX-License-Identifier: MIT */
/*
 * tests/docs/test_service.c - what docs/guide/service.md shows
 *
 * Legs: sweep
 */
#include <belay/test.h>

/* ---- a service, by the library ------------------------------------------- */

struct printer {
    bl_service service;
    bl_queue pages;
    int printed;
};

static int print_page(struct printer *printer, int page) {
    int rc = bl_sleep(MS(10));
    if (rc < 0) return rc;
    (void)page;
    printer->printed++;
    return 0;
}

static int print_pages(bl_service *self, struct printer *printer) {
    for (;;) {
        int page = 0;
        bl_branch branches[] = {
            bl_on_event(bl_service_stopping(self)),
            bl_on_get(&printer->pages, &page),
        };
        int which = bl_select(branches, 2);
        if (which < 0) return which;
        if (which == 0) return 0;

        int rc = print_page(printer, page); /* is finished, stop or not */
        if (rc < 0) return rc;
    }
}

static int printer_run(bl_service *self, void *arg) {
    struct printer *printer = arg;
    int rc = bl_queue_init(&printer->pages, sizeof(int), 16);
    if (rc < 0) return rc;

    rc = bl_service_ready(self, printer); /* from here on others may use us */
    if (rc == 0) rc = print_pages(self, printer);

    bl_queue_done(&printer->pages);
    return rc;
}

/* ---- used ---------------------------------------------------------------- */

static int use(struct printer *printer) {
    int page = 1;
    return bl_queue_put(&printer->pages, &page);
}

static int print_something(struct printer *printer) {
    int rc = bl_service_init(&printer->service, printer_run, printer, NULL);
    if (rc < 0) return rc;
    BL_GROUP(services, rc) {
        rc = bl_service_start(&printer->service, services, NULL);
        if (rc >= 0) rc = use(printer);
        int stop_rc = bl_service_stop(&printer->service);
        if (rc >= 0) rc = stop_rc;
    }
    bl_service_done(&printer->service);
    return rc;
}

TEST(a_service_is_started_used_and_stopped) {
    struct printer printer = { .printed = 0 };
    CHECK_OK(print_something(&printer));
    CHECK_LE(printer.printed, 1);
}

/* ---- the fixture --------------------------------------------------------- */

FIXTURE(struct printer *, printer) {
    struct printer made = { .printed = 0 };
    BL_GROUP_SCOPED(services);
    REQUIRE_OK(bl_service_init(&made.service, printer_run, &made, NULL));
    REQUIRE_OK(bl_service_start(&made.service, &services, NULL));
    YIELD(&made);
    CHECK_OK(bl_service_stop(&made.service));
}

TEST(a_page_is_printed, (printer)) {
    int page = 7;
    REQUIRE_OK(bl_queue_put(&printer->pages, &page));
    REQUIRE_EVENTUALLY(printer->printed == 1, SEC(1));
}

TEST(a_stop_waits_for_the_page_in_hand, (printer)) {
    int page = 7;
    REQUIRE_OK(bl_queue_put(&printer->pages, &page));
    REQUIRE_OK(bl_sleep(MS(3)));
    TAKES(MS(7)) CHECK_OK(bl_service_stop(&printer->service));
    CHECK_EQ(printer->printed, 1);
}

/* ---- until the stop ------------------------------------------------------ */

struct beacon {
    bl_service service;
    int beats;
};

static int beacon_run(bl_service *self, void *arg) {
    struct beacon *beacon = arg;
    int rc = bl_service_ready(self, NULL);
    if (rc < 0) return rc;
    BL_UNTIL_STOP(self, rc) {
        while (rc == 0) {
            beacon->beats++;
            rc = bl_sleep(SEC(1));
        }
    }
    return rc;
}

FIXTURE(struct beacon *, beacon) {
    struct beacon made = { .beats = 0 };
    BL_GROUP_SCOPED(services);
    REQUIRE_OK(bl_service_init(&made.service, beacon_run, &made, NULL));
    REQUIRE_OK(bl_service_start(&made.service, &services, NULL));
    YIELD(&made);
    CHECK_OK(bl_service_stop(&made.service));
}

TEST(what_has_no_end_of_its_own_runs_until_the_stop, (beacon)) {
    REQUIRE_OK(bl_sleep(MS(3500)));
    CHECK_EQ(beacon->beats, 4);
    TAKES(0) CHECK_OK(bl_service_stop(&beacon->service));
}

/* ---- restarts ------------------------------------------------------------ */

static int make_restless(struct printer *printer) {
    const bl_restart_policy restart = {
        .size = sizeof restart,
        .when = BL_RESTART_ON_FAILURE,
    };
    const bl_service_options options = {
        .size = sizeof options,
        .name = "printer",
        .restart = &restart,
    };
    return bl_service_init(&printer->service, printer_run, printer, &options);
}

TEST(a_policy_is_an_option) {
    struct printer printer = { .printed = 0 };
    CHECK_OK(make_restless(&printer));
    bl_service_done(&printer.service);
}

static int poll_once(void *arg) {
    int *left = arg;
    if (--*left > 0) return BL_ERR(BL_EIO, "not yet");
    return 0;
}

static int poll_until_it_works(int *left) {
    const bl_restart_policy policy = {
        .size = sizeof policy,
        .when = BL_RESTART_ON_FAILURE,
    };
    int rc;
    BL_GROUP(group, rc) {
        rc = bl_supervise(group, poll_once, left, &policy);
    }
    return rc;
}

TEST(a_task_can_be_supervised) {
    int left = 4;
    CHECK_OK(poll_until_it_works(&left));
    CHECK_EQ(left, 0);
}

/* ---- reload -------------------------------------------------------------- */

struct config {
    int copies;
};

struct copier {
    bl_service service;
    struct config *config; /* in force */
};

static int copier_prepare(bl_service *self, bl_reload *reload) {
    const struct config *wanted = reload->config;
    (void)self;
    if (wanted->copies < 1) {
        return BL_ERR(BL_EINVAL, "copies: %d is too few", wanted->copies);
    }
    struct config *copy = bl_alloc(sizeof *copy);
    if (copy == NULL) return BL_ENOMEM;
    *copy = *wanted;
    reload->token = copy;
    return 0;
}

static void copier_commit(bl_service *self, bl_reload *reload) {
    struct copier *copier = bl_service_arg(self);
    bl_free(copier->config);
    copier->config = reload->token;
}

static void copier_discard(bl_service *self, bl_reload *reload) {
    (void)self;
    bl_free(reload->token);
}

static int copier_run(bl_service *self, void *arg) {
    struct copier *copier = arg;
    int rc = bl_service_ready(self, copier);
    if (rc == 0) rc = bl_event_wait(bl_service_stopping(self));
    return rc;
}

FIXTURE(struct copier *, copier) {
    struct copier made = { .config = NULL };
    const bl_service_options options = {
        .size = sizeof options,
        .prepare = copier_prepare,
        .commit = copier_commit,
        .discard = copier_discard,
    };
    BL_GROUP_SCOPED(services);
    REQUIRE_OK(bl_service_init(&made.service, copier_run, &made, &options));
    REQUIRE_OK(bl_service_start(&made.service, &services, NULL));
    YIELD(&made);
    CHECK_OK(bl_service_stop(&made.service));
    bl_free(made.config);
}

TEST(a_bad_configuration_is_refused_whole, (copier)) {
    struct config good = { .copies = 2 };
    struct config bad = { .copies = 0 };
    REQUIRE_OK(bl_service_reload(&copier->service, &good));
    CHECK_ERR(bl_service_reload(&copier->service, &bad), BL_EINVAL);
    CHECK_EQ(copier->config->copies, 2);
}

/* ---- a server ------------------------------------------------------------ */

struct echo {
    bl_service service;
    bl_addr address; /* where it listens, once it is ready */
};

static int echo_talk(bl_connection *connection) {
    char bytes[64];
    for (;;) {
        int rc = bl_connection_wait(connection);
        if (rc <= 0) return rc;
        bl_ssize count =
            bl_stream_read(connection->stream, bytes, sizeof bytes);
        if (count <= 0) return (int)count;
        rc = bl_sleep(SEC(1)); /* it is a thoughtful echo */
        if (rc < 0) return rc;
        rc =
            bl_stream_write_all(connection->stream, bytes, (size_t)count, NULL);
        if (rc < 0) return rc;
    }
}

static int echo_run(bl_service *self, void *arg) {
    struct echo *echo = arg;
    bl_listener *listener;
    bl_serve_options options = {
        .size = sizeof options,
        .stop = bl_service_stopping(self),
        .grace = BL_SEC(5),
    };

    int rc = bl_tcp_listen(&echo->address, &listener);
    if (rc < 0) return rc; /* the address is in use, say: so says the start */
    echo->address = bl_listener_address(listener);

    rc = bl_service_ready(self, NULL);
    if (rc < 0) {
        bl_listener_close(listener);
        return rc;
    }
    return bl_serve(listener, echo_talk, &options);
}

FIXTURE(struct echo *, echo) {
    struct echo made = { .service = { 0 } };
    BL_GROUP_SCOPED(services);
    REQUIRE_OK(bl_addr_parse("127.0.0.1:0", &made.address));
    REQUIRE_OK(bl_service_init(&made.service, echo_run, &made, NULL));
    REQUIRE_OK(bl_service_start(&made.service, &services, NULL));
    YIELD(&made);
    CHECK_OK(bl_service_stop(&made.service));
}

TEST(a_request_in_flight_is_answered_and_a_later_one_refused, (echo)) {
    char bytes[5];
    bl_stream *stream;
    bl_stream *late;
    REQUIRE_OK(bl_connect(&echo->address, NULL, &stream));
    REQUIRE_OK(bl_stream_write_all(stream, "hello", 5, NULL));
    REQUIRE_OK(bl_sleep(MS(500)));
    bl_service_begin_stop(&echo->service, BL_FOREVER);
    t_settle();
    CHECK_ERR(bl_connect(&echo->address, NULL, &late), BL_ECONNREFUSED);
    REQUIRE_OK(bl_stream_read_exactly(stream, bytes, 5, NULL));
    CHECK_MEM(bytes, 5, "hello", 5);
    bl_stream_abort(stream);
    CHECK_OK(bl_service_wait(&echo->service));
}

TEST(an_address_in_use_is_what_the_start_says, (echo)) {
    struct echo second = { .address = echo->address };
    BL_GROUP_SCOPED(services);
    REQUIRE_OK(bl_service_init(&second.service, echo_run, &second, NULL));
    CHECK_ERR(bl_service_start(&second.service, &services, NULL),
              BL_EADDRINUSE);
    bl_service_done(&second.service);
}
