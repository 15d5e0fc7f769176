/* SPDX-License-Identifier: MIT */
/*
 * tests/sys/test_op.c - operations on files, made by a thread and by a driver
 *
 * What can be told without blocking is asked of both carriers, which have to
 * give the same answers.  Pipes stand for files that take their time.
 */
#include <belay/test.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/list.h"
#include "support/files.h"
#include "support/sockets.h"
#include "sys/driver.h"
#include "sys/op.h"

/* A driver that no loop knows of. */
struct rig {
    const struct bl__driver_ops *ops;
    struct bl__driver *driver;
};

FIXTURE(struct rig *, rig) {
    struct rig made = { 0 };
    REQUIRE_OK(bl__driver_open(BL_DRIVER_URING, &made.ops, &made.driver));
    if (made.ops->start == NULL) {
        made.ops->close(made.driver);
        t_skip("this system refuses io_uring");
    }
    YIELD(&made);
    made.ops->close(made.driver);
}

static void wait_once(struct rig *rig, bl_ns timeout) {
    struct bl__ready ready[4];
    CHECK_EQ(rig->ops->wait(rig->driver, timeout, ready, 4), 0);
}

/* Starts `op` and waits for its end. */
static int64_t carried(struct rig *rig, struct bl__op *op) {
    if (!rig->ops->start(rig->driver, op)) t_skip("an older kernel");
    struct bl__op *finished;
    while ((finished = rig->ops->finished(rig->driver)) == NULL)
        wait_once(rig, BL_FOREVER);
    CHECK(finished == op);
    CHECK(op->was_made);
    return op->result;
}

/* What a thread would say, and then the driver. */
static int64_t run(struct rig *rig, struct bl__op *op, bool is_carried) {
    if (is_carried) return carried(rig, op);
    bl__op_run(op);
    CHECK(op->was_made);
    return op->result;
}

PARAM(bool, is_carried, false, true);

TEST(both_carriers_do_what_the_system_call_does, (t_tmpdir, rig, is_carried)) {
    char bytes[16];
    struct iovec parts[] = { { "hello ", 6 }, { "world", 5 } };
    struct iovec all = { bytes, sizeof bytes };
    struct bl__op op = { .code = BL__OP_MKDIR,
                         .fd = AT_FDCWD,
                         .path = below(t_tmpdir, "folder"),
                         .mode = 0700 };
    CHECK_EQ(run(rig, &op, is_carried), 0);
    CHECK_EQ(run(rig, &op, is_carried), -EEXIST);

    struct bl__op open_op = { .code = BL__OP_OPEN,
                              .fd = AT_FDCWD,
                              .path = below(t_tmpdir, "folder/file"),
                              .flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
                              .mode = 0600 };
    int fd = (int)run(rig, &open_op, is_carried);
    REQUIRE_OK(fd);
    CHECK_EQ(run(rig, &open_op, is_carried), -EEXIST);

    op = (struct bl__op){ .code = BL__OP_WRITE,
                          .fd = fd,
                          .parts = parts,
                          .part_count = 2,
                          .offset = BL__OP_CURRENT };
    CHECK_EQ(run(rig, &op, is_carried), 11);
    op.parts = &all;
    op.part_count = 1;
    op.code = BL__OP_READ;
    CHECK_EQ(run(rig, &op, is_carried), 0); /* it stands at its end */
    op.offset = 4;
    CHECK_EQ(run(rig, &op, is_carried), 7);
    CHECK_MEM(bytes, 7, "o world", 7);
    op = (struct bl__op){ .code = BL__OP_SYNC, .fd = fd };
    CHECK_EQ(run(rig, &op, is_carried), 0);
    op.flags = 1;
    CHECK_EQ(run(rig, &op, is_carried), 0);
    op = (struct bl__op){ .code = BL__OP_CLOSE, .fd = fd };
    CHECK_EQ(run(rig, &op, is_carried), 0);
    CHECK(!is_open(fd));
}

TEST(both_carriers_do_the_same_with_names, (t_tmpdir, rig, is_carried)) {
    struct statx status;
    REQUIRE_OK(mkdir(below(t_tmpdir, "folder"), 0700));
    put_text(below(t_tmpdir, "folder/file"), "hello world");
    struct bl__op op = { .code = BL__OP_STAT,
                         .fd = AT_FDCWD,
                         .path = below(t_tmpdir, "folder/file"),
                         .status = &status };
    CHECK_EQ(run(rig, &op, is_carried), 0);
    CHECK_EQ(status.stx_size, 11u);
    op = (struct bl__op){ .code = BL__OP_RENAME,
                          .fd = AT_FDCWD,
                          .path = below(t_tmpdir, "folder/file"),
                          .new_path = below(t_tmpdir, "file") };
    CHECK_EQ(run(rig, &op, is_carried), 0);
    CHECK_EQ(run(rig, &op, is_carried), -ENOENT);
    op = (struct bl__op){ .code = BL__OP_UNLINK,
                          .fd = AT_FDCWD,
                          .path = below(t_tmpdir, "folder"),
                          .flags = AT_REMOVEDIR };
    CHECK_EQ(run(rig, &op, is_carried), 0);
    CHECK_STR(names_in(t_tmpdir), "file");
}

TEST(a_driver_refuses_what_the_kernel_cannot_carry, (rig)) {
    struct bl__op op = { .code = BL__OP_LIST, .fd = 0 };
    CHECK(!rig->ops->start(rig->driver, &op));
    CHECK(!op.was_made);
}

TEST(epoll_carries_nothing) {
    CHECK(bl__driver_epoll.start == NULL);
}

TEST(more_than_a_ring_holds_go_at_once, (t_tmpdir, rig)) {
    enum {
        COUNT = 3000
    };
    static struct bl__op ops[COUNT];
    static char bytes[COUNT];
    static struct iovec parts[COUNT];
    const char *path = below(t_tmpdir, "file");
    put_text(path, "x");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE_OK(fd);
    int finished = 0;
    for (int i = 0; i < COUNT; i++) {
        parts[i] = (struct iovec){ &bytes[i], 1 };
        ops[i] = (struct bl__op){
            .code = BL__OP_READ, .fd = fd, .parts = &parts[i], .part_count = 1
        };
        REQUIRE(rig->ops->start(rig->driver, &ops[i]));
    }
    while (finished < COUNT) {
        while (rig->ops->finished(rig->driver) != NULL)
            finished++;
        if (finished < COUNT) wait_once(rig, BL_FOREVER);
    }
    for (int i = 0; i < COUNT; i++)
        CHECK(ops[i].was_made && ops[i].result == 1 && bytes[i] == 'x');
    close(fd);
}

/* A read that ends when somebody writes. */
struct slow {
    int fds[2];
    char bytes[8];
    struct iovec part;
    struct bl__op op;
};

static void slow_start(struct rig *rig, struct slow *slow) {
    pipe_pair(slow->fds);
    slow->part = (struct iovec){ slow->bytes, sizeof slow->bytes };
    slow->op = (struct bl__op){ .code = BL__OP_READ,
                                .fd = slow->fds[0],
                                .parts = &slow->part,
                                .part_count = 1,
                                .offset = BL__OP_CURRENT };
    REQUIRE(rig->ops->start(rig->driver, &slow->op));
    wait_once(rig, 0);
    CHECK(rig->ops->finished(rig->driver) == NULL);
    CHECK(!slow->op.was_made);
}

static void slow_end(struct slow *slow) {
    close(slow->fds[0]);
    close(slow->fds[1]);
}

TEST(an_operation_finishes_when_it_can, (rig)) {
    struct slow slow;
    slow_start(rig, &slow);
    say(slow.fds[1], "hello");
    while (!slow.op.was_made)
        wait_once(rig, BL_FOREVER);
    CHECK(rig->ops->is_pending(rig->driver)); /* it has not been taken yet */
    CHECK(rig->ops->finished(rig->driver) == &slow.op);
    CHECK_EQ(slow.op.result, 5);
    slow_end(&slow);
}

TEST(what_is_called_off_finishes_and_did_not_happen, (rig)) {
    struct slow slow;
    slow_start(rig, &slow);
    rig->ops->cancel(rig->driver, &slow.op);
    while (!slow.op.was_made)
        wait_once(rig, BL_FOREVER);
    CHECK(rig->ops->finished(rig->driver) == &slow.op);
    CHECK_EQ(slow.op.result, -ECANCELED);
    say(slow.fds[1], "hello");
    CHECK_STR(heard(slow.fds[0]), "hello");
    slow_end(&slow);
}

TEST(what_was_done_before_it_was_called_off_is_done, (rig)) {
    struct slow slow;
    slow_start(rig, &slow);
    say(slow.fds[1], "hello");
    rig->ops->cancel(rig->driver, &slow.op);
    while (!slow.op.was_made)
        wait_once(rig, BL_FOREVER);
    CHECK(rig->ops->finished(rig->driver) == &slow.op);
    if (slow.op.result == -ECANCELED) {
        CHECK_STR(heard(slow.fds[0]), "hello");
    } else {
        CHECK_EQ(slow.op.result, 5);
        CHECK_STR(heard(slow.fds[0]), "");
    }
    wait_once(rig, 0); /* the answer to the cancelling says nothing */
    slow_end(&slow);
}
