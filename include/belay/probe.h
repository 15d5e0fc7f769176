/* SPDX-License-Identifier: MIT */
/*
 * belay/probe.h - named moments inside a program, which its tests wait for
 *
 * A server that has accepted a connection does not show it to anybody.  Its
 * test should neither guess how long that takes nor make the server keep
 * books.  So the code says `BL_PROBE("accepted")`, and the test waits for it:
 * bl_test_wait_probe in <belay/test/time.h>.
 *
 * A probe is compiled only where BELAY_PROBES is defined as 1; elsewhere
 * nothing of it is left, not even its name.
 */
#ifndef BELAY_PROBE_H
#define BELAY_PROBE_H

#include <belay/base.h>

BL_BEGIN_DECLS

/* Called when a probe is passed, on whatever thread passes it. */
typedef void bl_probe_fn(const char *name);

/*
 * Tells the hook, if there is one, that the moment `name` has come.  From any
 * thread; without a hook it costs one load.  BL_PROBE calls it.
 */
BL_API
void bl_probe_hit(const char *name);

/*
 * Makes `fn` the hook that is told of probes; NULL: none.
 *
 * Returns the one before.
 */
BL_API
bl_probe_fn *bl_probe_set_hook(bl_probe_fn *fn);

BL_END_DECLS

/* BL_PROBE(name) marks a moment; nothing, unless BELAY_PROBES is 1. */
#if defined(BELAY_PROBES) && BELAY_PROBES
#    define BL_PROBE(name) bl_probe_hit(name)
#else
#    define BL_PROBE(name) ((void)0)
#endif

#endif
