/* SPDX-License-Identifier: MIT */
/*
 * base/probe.c - who is told of probes
 *
 * One hook for the process.  It is set before there are threads that pass
 * probes, or at a moment when either hook will do.
 */
#include <belay/probe.h>

#include <stdatomic.h>

static _Atomic(bl_probe_fn *) probe_hook;

void bl_probe_hit(const char *name) {
    bl_probe_fn *fn = atomic_load_explicit(&probe_hook, memory_order_acquire);
    if (fn != NULL) fn(name);
}

bl_probe_fn *bl_probe_set_hook(bl_probe_fn *fn) {
    return atomic_exchange(&probe_hook, fn);
}
