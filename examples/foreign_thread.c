/* SPDX-License-Identifier: MIT */
/*
 * examples/foreign_thread.c - a thread that is not ours: call_soon_threadsafe
 *
 * Other threads reach a loop in two ways: through a handle, which makes the
 * loop call a function, and by setting a future that was shared with them.
 * All they may call is in <belay/thread.h>.
 */
#include <pthread.h>
#include <stdio.h>

#include <belay.h>

struct sensor {
    bl_handle *handle; /* the thread's, which closes it */
    bl_future last;    /* set by the thread when it is done */
    int readings;      /* touched by the loop alone */
    int degrees;
};

/* Called by the loop, so plain variables need no lock. */
static void on_reading(void *context) {
    struct sensor *sensor = context;
    sensor->readings++;
}

static void *sensor_thread(void *arg) {
    struct sensor *sensor = arg;

    for (int i = 0; i < 3; i++) {
        BL_IGNORE(bl_thread_post(sensor->handle, on_reading, sensor));
    }
    bl_thread_close(sensor->handle);

    sensor->degrees = 21;
    BL_IGNORE(bl_thread_future_set(&sensor->last, 0, &sensor->degrees));
    return NULL; /* the sensor may be gone from here on */
}

static int measure(struct sensor *sensor) {
    int rc = bl_handle_open(&sensor->handle);
    if (rc < 0) return rc;
    rc = bl_future_share(&sensor->last);
    if (rc < 0) goto close_handle;

    pthread_t thread;
    if (pthread_create(&thread, NULL, sensor_thread, sensor) != 0) {
        BL_IGNORE(bl_thread_future_set(&sensor->last, BL_EAGAIN, NULL));
        rc = BL_EAGAIN;
        goto close_handle;
    }

    void *degrees = NULL;
    BL_SHIELD(BL_SHIELD_FOREVER) { /* the thread uses our stack: stay */
        rc = bl_future_wait(&sensor->last, &degrees);
    }
    pthread_join(thread, NULL); /* it has nothing left to do */
    if (rc == 0) {
        printf("%d readings, then %d degrees\n", sensor->readings,
               *(int *)degrees);
    }
    return rc;

close_handle:
    bl_thread_close(sensor->handle);
    return rc;
}

static int main_task(void *arg) {
    (void)arg;
    struct sensor sensor = { .readings = 0 };
    int rc = bl_future_init(&sensor.last);
    if (rc < 0) return rc;

    rc = measure(&sensor);
    bl_future_done(&sensor.last);
    if (rc < 0) return rc;
    return sensor.readings == 3 && sensor.degrees == 21 ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "foreign_thread: %s\n", bl_strerror(rc));
    return rc < 0;
}
