/* SPDX-License-Identifier: MIT */
/*
 * examples/service_printer.c - a service that starts, jams, and comes back
 *
 * The same printer as in service_by_hand.c.  What was written there by hand,
 * waiting until it is ready, the event, the time to finish, the cancellation,
 * is bl_service; and a jam in the middle is answered by another start.
 */
#include <stdio.h>

#include <belay.h>

struct printer {
    bl_service service;
    bl_queue pages;  /* outlives a jam */
    bl_event enough; /* four of five: the third is jammed */
    int printed;
    int jams;
};

static int print_page(struct printer *printer, int page) {
    int rc = bl_sleep(BL_MS(10));
    if (rc < 0) return rc;
    if (page == 3 && printer->jams == 0) {
        printer->jams++;
        return BL_ERR(BL_EIO, "page %d is jammed", page);
    }
    printf("page %d\n", page);
    if (++printer->printed == 4) bl_event_set(&printer->enough);
    return 0;
}

/* The body: until the event is raised, each page is finished. */
static int printer_run(bl_service *self, void *arg) {
    struct printer *printer = arg;
    int rc = bl_service_ready(self, NULL); /* from here on it has started */
    while (rc == 0) {
        int page = 0;
        bl_branch branches[] = {
            bl_on_event(bl_service_stopping(self)),
            bl_on_get(&printer->pages, &page),
        };
        int which = bl_select(branches, 2);
        if (which < 0) return which;
        if (which == 0) return 0;
        rc = print_page(printer, page);
    }
    return rc;
}

static void show(bl_service *service, const bl_service_change *change,
                 void *context) {
    (void)context;
    if (change->subject != BL_CHANGE_STATE) return;
    printf("%s: %s", bl_service_name(service),
           bl_service_state_name(change->to));
    if (change->rc < 0) printf(" (%s)", bl_strerror(change->rc));
    printf("\n");
}

static int use(struct printer *printer) {
    for (int page = 1; page <= 5; page++) {
        int rc = bl_queue_put(&printer->pages, &page);
        if (rc < 0) return rc;
    }
    return bl_event_wait(&printer->enough);
}

static int run_printer(struct printer *printer) {
    int rc;
    BL_GROUP(services, rc) {
        rc = bl_service_start(&printer->service, services, NULL);
        if (rc >= 0) rc = use(printer);
        int stop_rc = bl_service_stop(&printer->service);
        if (rc >= 0) rc = stop_rc;
    }
    return rc;
}

static int main_task(void *arg) {
    (void)arg;
    struct printer printer = { .enough = BL_EVENT_INIT };
    bl_service_observer observer;
    const bl_restart_policy restart = {
        .size = sizeof restart,
        .when = BL_RESTART_ON_FAILURE,
        .delay_min = BL_MS(20),
    };
    const bl_service_options options = {
        .size = sizeof options,
        .name = "printer",
        .stop_timeout = BL_SEC(1),
        .restart = &restart,
    };

    int rc = bl_queue_init(&printer.pages, sizeof(int), 16);
    if (rc < 0) return rc;
    rc = bl_service_init(&printer.service, printer_run, &printer, &options);
    if (rc < 0) goto done_pages;
    bl_service_observe(&printer.service, &observer, show, NULL);

    rc = run_printer(&printer);
    if (rc == 0 && printer.printed != 4) rc = BL_EMISUSE;
    bl_service_done(&printer.service);
done_pages:
    bl_queue_done(&printer.pages);
    return rc;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "service_printer: %s\n", bl_strerror(rc));
    return rc < 0;
}
