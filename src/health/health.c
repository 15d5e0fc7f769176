/* SPDX-License-Identifier: MIT */
/*
 * health/health.c - /livez and /readyz
 *
 * That /livez is answered at all is what it says: this code runs in a task of
 * the loop that is asked about.
 */
#include <belay/error.h>
#include <belay/health.h>

#include <string.h>

static bool is_verbose(const bl_http_exchange *exchange) {
    char value[1]; /* whatever it is */
    return bl_http_query_get(exchange->query, "verbose", value, sizeof value) !=
           BL_ENOENT;
}

static int health_reply(bl_http_exchange *exchange, int status,
                        const char *text) {
    int rc = bl_http_add_field(exchange, "Cache-Control", "no-store");
    if (rc < 0) return rc;
    return bl_http_reply_text(exchange, status, text);
}

static int health_reply_verbose(bl_http_exchange *exchange, const bl_app *app,
                                int status) {
    size_t bytes = bl_app_format_health(app, NULL, 0) + 1;
    char *text = bl_alloc(bytes);
    if (text == NULL) return BL_ENOMEM;
    bl_app_format_health(app, text, bytes);
    int rc = health_reply(exchange, status, text);
    bl_free(text);
    return rc;
}

static int health_readyz(bl_http_exchange *exchange, const bl_app *app) {
    bool is_ready = bl_app_is_ready(app);
    int status = is_ready ? 200 : 503;
    if (is_verbose(exchange)) {
        return health_reply_verbose(exchange, app, status);
    }
    return health_reply(exchange, status, is_ready ? "ready\n" : "not ready\n");
}

int bl_health_reply(bl_http_exchange *exchange, void *app) {
    if (exchange == NULL || app == NULL) return BL_EINVAL;
    bool is_live = strcmp(exchange->path, "/livez") == 0;
    bool is_ready = strcmp(exchange->path, "/readyz") == 0;
    if (!is_live && !is_ready) return 404;
    if (exchange->method != BL_HTTP_GET && exchange->method != BL_HTTP_HEAD) {
        return 405;
    }
    if (is_live) return health_reply(exchange, 200, "ok\n");
    return health_readyz(exchange, app);
}
