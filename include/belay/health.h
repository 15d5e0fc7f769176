/* SPDX-License-Identifier: MIT */
/*
 * belay/health.h - an app's health, as load balancers and people ask for it
 *
 *     GET /livez            200 "ok": the loop goes round.  It never depends
 *                           on anything else: to start a program anew does
 *                           not mend its database
 *     GET /readyz           200 "ready", or 503 "not ready": send us no work
 *     GET /readyz?verbose   the same, with a line for each service
 *
 * It is part of the library belay-http.
 */
#ifndef BELAY_HEALTH_H
#define BELAY_HEALTH_H

#include <belay/app.h>
#include <belay/base.h>
#include <belay/http/server.h>

BL_BEGIN_DECLS

/*
 * Answers a request for /livez or /readyz; `app` is the bl_app.  A handler of
 * its own server, or of a route among others:
 *
 *     { "GET", "/livez", bl_health_reply, app },
 *     { "GET", "/readyz", bl_health_reply, app },
 *
 * The endpoints should outlive the drain of what they are about: let the other
 * services be bl_app_after the one that serves this.
 *
 * Returns 0 once it has answered; 404 for other paths; 405 for methods other
 * than GET and HEAD.
 *
 * Errors:
 *   BL_EINVAL  exchange or app is NULL; nothing was answered
 *
 * Any other code is one of bl_http_reply's.
 */
BL_MAY_WAIT
int bl_health_reply(bl_http_exchange *exchange, void *app);

BL_END_DECLS

#endif
