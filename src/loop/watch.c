/* SPDX-License-Identifier: MIT */
/*
 * loop/watch.c - descriptors that are watched
 *
 * A record has a place for a reader and one for a writer.  Starting a watch
 * puts it into the places it asks for; what the two places ask for together
 * is what the driver is given.  One watch may hold both places.
 *
 * The driver's reports are delivered after it has returned.  A watch that was
 * stopped, or started, in between has renewed the generation of the record's
 * poll, so a report from before is not delivered; what is still ready then
 * comes with the next iteration.
 *
 * Two watches of one descriptor of which only one has BL_EDGE share an edge-
 * triggered registration.  It is set again after each report to the other
 * one, since a level-triggered one would report again by itself.
 *
 * Invariants:
 *   record->reader == watch -> watch->_events has BL_READABLE, and likewise;
 *   watch->_loop != NULL <-> the watch is in a place of its record;
 *   poll->armed is what record_wants says, outside the functions here.
 */
#include "loop/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <belay/error.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hard.h"
#include "loop/loop.h"

enum {
    WATCH_ROW_RECORDS = BL__HARD_OR(2, 64),
    WATCH_ROWS_MIN = BL__HARD_OR(1, 16),
    WATCH_FETCHED_MIN = 4, /* fewer reports are not worth it */
    WATCH_FETCHED = 16,
    WATCH_DIRECTIONS = BL_READABLE | BL_WRITABLE,
    WATCH_EVENTS = WATCH_DIRECTIONS | BL_EDGE | BL__HANGUP | BL__SOCKET,
    WATCH_INTERNAL = 1 << 16 /* among the watch's _events: the loop's own */
};

/* ---- records ----------------------------------------------------------- */

static struct bl__fd_record *record_find(const struct bl__fd_table *table,
                                         int fd) {
    uint32_t row = (uint32_t)fd / WATCH_ROW_RECORDS;
    if (row >= table->row_count) return NULL;
    if (table->rows[row] == NULL) return NULL;
    return &table->rows[row][(uint32_t)fd % WATCH_ROW_RECORDS];
}

static int table_grow(struct bl__fd_table *table, uint32_t row) {
    uint32_t count = table->row_count;
    if (count == 0) count = WATCH_ROWS_MIN;
    while (count <= row)
        count *= 2;
    struct bl__fd_record **rows = bl_realloc(table->rows, count * sizeof *rows);
    if (rows == NULL) return BL_ENOMEM;

    size_t added = count - table->row_count;
    memset(rows + table->row_count, 0, added * sizeof *rows);
    table->rows = rows;
    table->row_count = count;
    return 0;
}

static int record_make(struct bl__fd_table *table, int fd,
                       struct bl__fd_record **record) {
    uint32_t row = (uint32_t)fd / WATCH_ROW_RECORDS;
    if (row >= table->row_count) {
        int rc = table_grow(table, row);
        if (rc < 0) return rc;
    }
    if (table->rows[row] == NULL) {
        struct bl__fd_record *made =
            bl__alloc_zeroed(WATCH_ROW_RECORDS, sizeof *made);
        if (made == NULL) return BL_ENOMEM;
        for (uint32_t i = 0; i < WATCH_ROW_RECORDS; i++) {
            bl__poll_init(&made[i].poll, (int)(row * WATCH_ROW_RECORDS + i));
        }
        table->rows[row] = made;
    }
    *record = record_find(table, fd);
    BL__ASSERT(*record != NULL);
    BL__ASSERT((*record)->poll.fd == fd);
    return 0;
}

static unsigned record_wants(const struct bl__fd_record *record) {
    unsigned events = 0;
    if (record->reader != NULL) {
        events |= BL_READABLE | (record->reader->_events & BL_EDGE);
    }
    if (record->writer != NULL) {
        events |= BL_WRITABLE | (record->writer->_events & BL_EDGE);
    }
    return events;
}

static bool record_is_mixed(const struct bl__fd_record *record) {
    const bl_watch *reader = record->reader;
    const bl_watch *writer = record->writer;
    if (reader == NULL || writer == NULL) return false;
    return ((reader->_events ^ writer->_events) & BL_EDGE) != 0;
}

/* Tells the driver what the places ask for now. */
static int record_arm(bl_loop *loop, struct bl__fd_record *record) {
    unsigned events = record_wants(record);
    if (events == record->poll.armed && !record_is_mixed(record)) return 0;
    return loop->driver_ops->set(loop->driver, &record->poll, events);
}

/* ---- starting and stopping --------------------------------------------- */

void bl_watch_init(bl_watch *watch, int fd, bl_watch_fn *fn, void *context) {
    *watch = (bl_watch){ ._fn = fn, ._context = context, ._fd = fd };
}

void bl__watch_set_internal(bl_watch *watch) {
    BL__ASSERT(watch->_loop == NULL);
    watch->_events |= WATCH_INTERNAL;
}

static int watch_check(const bl_loop *loop, const bl_watch *watch,
                       unsigned events) {
    if (loop == NULL) return BL_EINVAL;
    if (watch == NULL || watch->_fn == NULL) return BL_EINVAL;
    if ((events & WATCH_DIRECTIONS) == 0) return BL_EINVAL;
    if ((events & ~(unsigned)WATCH_EVENTS) != 0) return BL_EINVAL;
    if (watch->_loop != NULL && watch->_loop != loop) return BL_EINVAL;
    if (bl__loop_is_forked(loop)) return BL_ECLOSED;
    if (watch->_fd < 0) return BL_EBADF;
    return 0;
}

/* Puts `watch` into the places that `events` name and out of the others. */
static void watch_place(bl_watch *watch, struct bl__fd_record *record,
                        unsigned events) {
    if (record->reader == watch) record->reader = NULL;
    if (record->writer == watch) record->writer = NULL;
    if (events & BL_READABLE) record->reader = watch;
    if (events & BL_WRITABLE) record->writer = watch;
    watch->_events = events | (watch->_events & WATCH_INTERNAL);
}

int bl_watch_start(bl_loop *loop, bl_watch *watch, unsigned events) {
    int rc = watch_check(loop, watch, events);
    if (rc < 0) return rc;
    rc = bl__loop_open_driver(loop);
    if (rc < 0) return rc;
    struct bl__fd_record *record;
    rc = record_make(&loop->fds, watch->_fd, &record);
    if (rc < 0) return rc;

    bl_watch *reader = record->reader;
    bl_watch *writer = record->writer;
    if ((events & BL_READABLE) && reader != NULL && reader != watch) {
        return BL_EBUSY;
    }
    if ((events & BL_WRITABLE) && writer != NULL && writer != watch) {
        return BL_EBUSY;
    }

    if (bl__sys_fails(BL_IO_WATCH, watch->_fd, NULL)) return -errno;
    unsigned events_before = watch->_events;
    record->poll.is_socket = (events & BL__SOCKET) != 0;
    watch_place(watch, record, events);
    rc = record_arm(loop, record);
    if (rc < 0) {
        record->reader = reader;
        record->writer = writer;
        watch->_events = events_before;
        return rc;
    }
    if (watch->_loop == NULL && (events_before & WATCH_INTERNAL) == 0) {
        loop->fds.watch_count++;
    }
    watch->_loop = loop;
    watch->_record = record;
    return 0;
}

void bl_watch_stop(bl_watch *watch) {
    bl_loop *loop = watch->_loop;
    if (loop == NULL) return;
    struct bl__fd_record *record = watch->_record;
    BL__ASSERT(record->reader == watch || record->writer == watch);

    watch_place(watch, record, 0);
    watch->_loop = NULL;
    watch->_record = NULL;
    if ((watch->_events & WATCH_INTERNAL) == 0) {
        BL__ASSERT(loop->fds.watch_count > 0);
        loop->fds.watch_count--;
    }
    if (bl__loop_is_forked(loop)) return; /* the driver is the parent's */
    if (record_arm(loop, record) < 0) {
        /* Only asking for something can fail: the other watch's number is
         * closed, and there is nothing left for it to be told. */
        BL__ASSERT(record->reader != NULL || record->writer != NULL);
    }
}

/* Stops a watch whose descriptor is about to be closed, and tells it so. */
static void watch_send_away(bl_watch *watch) {
    if (watch == NULL) return;
    bl_watch_stop(watch);
    watch->_fn(watch->_context, 0);
}

int bl_watch_close(bl_watch *watch) {
    bl_loop *loop = watch->_loop != NULL ? watch->_loop : bl__loop_current;
    bl_watch_stop(watch);

    int fd = watch->_fd;
    if (fd < 0) return BL_EBADF;
    struct bl__fd_record *record =
        loop != NULL ? record_find(&loop->fds, fd) : NULL;
    if (record != NULL) {
        watch_send_away(record->reader);
        watch_send_away(record->writer);
        /* Nobody begins anew with a number that ends here. */
        if (record->reader != NULL) bl_watch_stop(record->reader);
        if (record->writer != NULL) bl_watch_stop(record->writer);
        /* Where memory was short there is a record, but no driver. */
        if (loop->driver != NULL && !bl__loop_is_forked(loop)) {
            BL__ASSERT(record->poll.armed == 0);
            loop->driver_ops->flush(loop->driver, &record->poll);
        }
    }
    watch->_fd = -1;
    if (bl__sys_close(fd) == 0 || errno == EINTR) return 0;
    return -errno;
}

/* ---- reports ----------------------------------------------------------- */

static void watch_call(bl_watch *watch, unsigned events) {
    unsigned passed = WATCH_DIRECTIONS;
    if (watch->_events & BL__HANGUP) passed |= BL__HANGUP;
    watch->_fn(watch->_context, events & passed);
}

/* Where only one watch is level-triggered: has it been told something? */
static bool record_must_rearm(const struct bl__fd_record *record,
                              unsigned events) {
    if (!record_is_mixed(record)) return false;
    bool reads_by_edge = (record->reader->_events & BL_EDGE) != 0;
    return (events & (reads_by_edge ? BL_WRITABLE : BL_READABLE)) != 0;
}

static void record_deliver(bl_loop *loop, const struct bl__ready *ready) {
    struct bl__fd_record *record = record_find(&loop->fds, ready->fd);
    if (record == NULL) return;
    if (record->poll.generation != ready->generation) return;
    if (record->poll.armed == 0) return;

    /* The first callback may stop either watch, and free the other. */
    bl_watch *reader = record->reader;
    bl_watch *writer = record->writer;
    unsigned events = ready->events;
    if (reader == writer) {
        watch_call(reader, events);
    } else {
        const unsigned not_out = ~(unsigned)BL_WRITABLE;
        const unsigned not_in = ~(unsigned)BL_READABLE;
        if (reader != NULL && (events & BL_READABLE)) {
            watch_call(reader, events & not_out);
        }
        if (writer != NULL && (events & BL_WRITABLE) &&
            record->writer == writer) {
            watch_call(writer, events & not_in);
        }
    }
    if (record_must_rearm(record, events) && record_arm(loop, record) < 0) {
        BL__ASSERT(record->poll.armed != 0); /* closed behind our back */
    }
}

/*
 * Of many connections each was asleep since long, and is in no cache.  A call
 * waits for memory three times in a row, for the watch, for the park and for
 * the task; all of these are independent of those of the next report.  So they
 * are asked for together, ahead of the calls.  What is asked for may be gone:
 * a prefetch of anything does no harm.  (Inlined because gcc takes a function
 * that only prefetches for one without an effect, and does not call it.)
 */
static BL__INLINE void fetch_ahead(const bl_loop *loop,
                                   const struct bl__ready *ready, int count) {
    if (count > WATCH_FETCHED) count = WATCH_FETCHED;
    for (int i = 0; i < count; i++) {
        const struct bl__fd_record *record =
            record_find(&loop->fds, ready[i].fd);
        if (record == NULL || record->reader == NULL) continue;
        const bl_watch *watch = record->reader;
        __builtin_prefetch(watch->_fetch[0]);
        const char *task = watch->_fetch[1];
        if (task == NULL) continue;
        __builtin_prefetch(task);
        __builtin_prefetch(task + 64);
    }
}

static int ready_compare(const void *a, const void *b) {
    const struct bl__ready *left = a;
    const struct bl__ready *right = b;
    if (left->generation == right->generation) return 0;
    return left->generation < right->generation ? -1 : 1;
}

void bl__fd_table_dispatch(bl_loop *loop, struct bl__ready *ready, int count) {
    bool is_chosen = loop->options.choose != NULL && count > 1;
    if (is_chosen) {
        /* The order of registration, which is the same in every run. */
        qsort(ready, (size_t)count, sizeof *ready, ready_compare);
    }
    for (int i = 0; i < count; i++) {
        int left = count - i;
        if (i % WATCH_FETCHED == 0 && left >= WATCH_FETCHED_MIN && !is_chosen) {
            fetch_ahead(loop, &ready[i], left);
        }
        if (is_chosen) {
            uint32_t pick = bl__loop_choose(loop, BL_CHOICE_IO, (uint32_t)left);
            struct bl__ready picked = ready[i + (int)pick];
            memmove(&ready[i + 1], &ready[i], pick * sizeof *ready);
            ready[i] = picked;
        }
        record_deliver(loop, &ready[i]);
    }
}

void bl__fd_table_report_again(bl_loop *loop, int fd) {
    if (fd < 0) return;
    struct bl__fd_record *record = record_find(&loop->fds, fd);
    if (record == NULL || record->poll.armed == 0) return;
    BL_IGNORE(loop->driver_ops->set(loop->driver, &record->poll,
                                    record->poll.armed) < 0); /* no worse */
}

/* ---- the whole --------------------------------------------------------- */

struct bl__fd_record *bl__fd_table_next(struct bl__fd_table *table,
                                        uint32_t *cursor) {
    while (*cursor / WATCH_ROW_RECORDS < table->row_count) {
        uint32_t row = *cursor / WATCH_ROW_RECORDS;
        if (table->rows[row] == NULL) {
            *cursor = (row + 1) * WATCH_ROW_RECORDS;
            continue;
        }
        uint32_t place = (*cursor)++ % WATCH_ROW_RECORDS;
        struct bl__fd_record *record = &table->rows[row][place];
        bl_watch *watch =
            record->reader != NULL ? record->reader : record->writer;
        if (watch == NULL) continue;
        if ((watch->_events & WATCH_INTERNAL) == 0) return record;
    }
    return NULL;
}

/* What a loop leaves behind can still be stopped, and closed, later. */
static void watch_forget(bl_watch *watch) {
    if (watch == NULL) return;
    watch->_loop = NULL;
    watch->_record = NULL;
}

void bl__fd_table_done(bl_loop *loop) {
    struct bl__fd_table *table = &loop->fds;
    for (uint32_t row = 0; row < table->row_count; row++) {
        if (table->rows[row] == NULL) continue;
        for (uint32_t i = 0; i < WATCH_ROW_RECORDS; i++) {
            watch_forget(table->rows[row][i].reader);
            watch_forget(table->rows[row][i].writer);
        }
        bl__free(table->rows[row]);
    }
    bl_free(table->rows);
    *table = (struct bl__fd_table){ 0 };
}
