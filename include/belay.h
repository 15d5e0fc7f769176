/* SPDX-License-Identifier: MIT */
/*
 * belay.h - all of Belay's core: asyncio for C
 */
#ifndef BELAY_H
#define BELAY_H

#include <belay/app.h>
#include <belay/base.h>
#include <belay/datagram.h>
#include <belay/error.h>
#include <belay/file.h>
#include <belay/frame.h>
#include <belay/future.h>
#include <belay/group.h>
#include <belay/inspect.h>
#include <belay/io.h>
#include <belay/loop.h>
#include <belay/mem.h>
#include <belay/net.h>
#include <belay/notify.h>
#include <belay/park.h>
#include <belay/probe.h>
#include <belay/process.h>
#include <belay/queue.h>
#include <belay/reader.h>
#include <belay/scope.h>
#include <belay/select.h>
#include <belay/serve.h>
#include <belay/service.h>
#include <belay/signal.h>
#include <belay/stream.h>
#include <belay/supervise.h>
#include <belay/sync.h>
#include <belay/task.h>
#include <belay/thread.h>
#include <belay/unix.h>
#include <belay/workers.h>
#include <belay/writer.h>

#endif
