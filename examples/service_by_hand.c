/* SPDX-License-Identifier: MIT */
/*
 * examples/service_by_hand.c - start() and stop(), with an event between them
 *
 * start returns once the service is ready.  stop sets an event, which the
 * service notices where it waits for work, and gives what is in progress a
 * while to finish before it is cancelled.
 */
#include <stdio.h>

#include <belay.h>

struct printer {
    bl_event stopping;
    bl_event stopped;
    bl_queue pages;
    bl_task *task;
    int printed;
};

static int print_page(struct printer *printer, int page) {
    int rc = bl_sleep(BL_MS(10));
    if (rc < 0) return rc;
    printf("page %d\n", page);
    printer->printed++;
    return 0;
}

static int print_pages(struct printer *printer) {
    for (;;) {
        int page = 0;
        bl_branch branches[] = {
            bl_on_event(&printer->stopping),
            bl_on_get(&printer->pages, &page),
        };
        int which = bl_select(branches, 2);
        if (which < 0) return which;
        if (which == 0) return 0;

        int rc = print_page(printer, page); /* is finished, stop or not */
        if (rc < 0) return rc;
    }
}

static int printer_run(void *arg) {
    struct printer *printer = arg;

    int rc = bl_queue_init(&printer->pages, sizeof(int), 16);
    if (rc < 0) return rc;

    printer->task = bl_task_ref(bl_task_current());
    rc = bl_started(NULL); /* from here on others may use us */
    if (rc == 0) rc = print_pages(printer);

    bl_queue_done(&printer->pages);
    bl_event_set(&printer->stopped);
    return rc;
}

static int printer_start(struct printer *printer, bl_group *group) {
    bl_event_init(&printer->stopping);
    bl_event_init(&printer->stopped);
    return bl_start(group, printer_run, printer, NULL);
}

static int printer_stop(struct printer *printer, bl_ns grace) {
    bl_event_set(&printer->stopping);
    int rc = bl_wait_for(bl_event_wait(&printer->stopped), grace);
    if (rc == BL_ETIMEDOUT) {
        bl_task_cancel(printer->task);
        rc = bl_task_join(printer->task, NULL);
    }
    bl_task_unref(printer->task);
    printer->task = NULL;
    return rc;
}

static int use(struct printer *printer) {
    for (int page = 1; page <= 3; page++) {
        int rc = bl_queue_put(&printer->pages, &page);
        if (rc < 0) return rc;
    }
    return bl_sleep(BL_MS(15)); /* the second page is half printed now */
}

static int main_task(void *arg) {
    (void)arg;
    struct printer printer = { .printed = 0 };
    int rc;

    BL_GROUP(services, rc) {
        rc = printer_start(&printer, services);
        if (rc == 0) {
            printf("started\n");
            rc = use(&printer);
            int stop_rc = printer_stop(&printer, BL_SEC(1));
            if (rc == 0) rc = stop_rc;
            printf("stopped\n");
        }
    }

    if (rc < 0) return rc;
    return printer.printed > 0 && printer.printed < 3 ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "service_by_hand: %s\n", bl_strerror(rc));
    return rc < 0;
}
