/* SPDX-License-Identifier: MIT */
/*
 * loop/watch.h - the loop's table of descriptors
 *
 * One record per descriptor number that was ever watched.  A record joins the
 * watches of its two directions, which may be one and the same, into the one
 * registration that the driver has.
 */
#ifndef BL__LOOP_WATCH_H
#define BL__LOOP_WATCH_H

#include <belay/loop.h>

#include "sys/driver.h"

/* Who has the other end of what a descriptor stands for. */
enum bl__peer {
    BL__PEER_UNKNOWN = 0, /* not looked at yet */
    BL__PEER_LOCAL,       /* this process, as far as the kernel tells */
    BL__PEER_LOCAL_TCP,   /* likewise; bytes may wait for acknowledgements */
    BL__PEER_FOREIGN
};

/* What is known of one descriptor number.  Never moved: the table has rows. */
struct bl__fd_record {
    bl_watch *reader;
    bl_watch *writer;
    struct bl__poll poll;
    uint32_t peer_generation; /* of the poll, when `peer` was found out */
    enum bl__peer peer;
};

struct bl__fd_table {
    struct bl__fd_record **rows; /* NULL where no number was ever watched */
    uint32_t row_count;
    uint64_t watch_count; /* started watches, without the loop's own */
};

/* Frees the table.  Watches that are still started count as stopped. */
void bl__fd_table_done(bl_loop *loop);

/* Calls the watches that `ready` names, in the order the seam chooses. */
void bl__fd_table_dispatch(bl_loop *loop, struct bl__ready *ready, int count);

/* Has the driver report once more what is ready at `fd`, if it is watched. */
void bl__fd_table_report_again(bl_loop *loop, int fd);

/*
 * Returns the next record with a started watch that is not the loop's own, or
 * NULL.  `*cursor` is 0 at first.
 */
struct bl__fd_record *bl__fd_table_next(struct bl__fd_table *table,
                                        uint32_t *cursor);

/*
 * Whether nothing can be on its way to a started watch from inside this
 * process.  For the virtual clock; quiescence.c.
 */
bool bl__fd_table_is_quiescent(bl_loop *loop);

/* Whether some started watch may have a peer outside this process. */
bool bl__fd_table_has_foreign(bl_loop *loop);

/*
 * Says that `watch`, which is not started, is the loop's own: it does not
 * count as something that is waited for.
 */
void bl__watch_set_internal(bl_watch *watch);

#endif
