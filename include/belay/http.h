/* SPDX-License-Identifier: MIT */
/*
 * belay/http.h - HTTP/1.1: all of the library belay-http
 *
 * Link belay-http (pkg-config belay-http, CMake belay::http).
 */
#ifndef BELAY_HTTP_H
#define BELAY_HTTP_H

#include <belay/http/client.h>
#include <belay/http/event_source.h>
#include <belay/http/events.h>
#include <belay/http/message.h>
#include <belay/http/server.h>
#include <belay/http/url.h>

#endif
