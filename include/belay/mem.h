/* SPDX-License-Identifier: MIT */
/*
 * belay/mem.h - streams in memory: two ends, nothing of the system between
 *
 * For tests of whatever talks over a stream, and for tasks that talk to each
 * other in bytes.  Both ends behave as the ends of a socket do: a bounded
 * buffer per direction makes a writer wait, an end that is closed is an end
 * for the other, and one that was aborted in the middle is a reset.
 */
#ifndef BELAY_MEM_H
#define BELAY_MEM_H

#include <belay/base.h>
#include <belay/stream.h>

BL_BEGIN_DECLS

/*
 * Makes two connected streams; each direction holds up to `capacity` bytes, 0
 * means 64 KiB.
 *
 * Where a run's order is chosen (bl_loop_options.choose) so is the number of
 * bytes that each call moves, between one and all.
 *
 * Returns 0; the caller closes both.
 *
 * Errors:
 *   BL_EINVAL   ends is NULL, or capacity is too large
 *   BL_ENOMEM   there was no memory; nothing was written
 *   BL_ENOLOOP  no loop runs on this thread; nothing was written
 */
BL_MAY_FAIL
int bl_mem_pair(size_t capacity, bl_stream *ends[2]);

/*
 * Lets each read and write of this end move at most so many bytes; 0 removes
 * the limit.  With 1 a peer is tested as if each byte came alone.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  the stream is not one in memory
 */
BL_MAY_FAIL
int bl_mem_limit(bl_stream *stream, size_t read_bytes_max,
                 size_t write_bytes_max);

BL_END_DECLS

#endif
