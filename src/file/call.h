/* SPDX-License-Identifier: MIT */
/*
 * file/call.h - waiting for one operation on a file
 *
 * Both calls return what the system call returned, an error as its code.
 */
#ifndef BL__FILE_CALL_H
#define BL__FILE_CALL_H

#include <belay/base.h>

#include "sys/op.h"

/*
 * Has `op` made elsewhere and waits for it.  BL_ECANCELED: it did not happen.
 * Call bl_checkpoint first.
 */
bl_ssize bl__file_call(struct bl__op *op);

/*
 * Likewise, but cancellation does not reach it: for what must happen, such as
 * clean-up.  Where nobody else can make the call it is made here.
 */
bl_ssize bl__file_call_always(struct bl__op *op);

#endif
