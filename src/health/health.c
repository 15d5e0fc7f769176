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

/* Whether `word` is one of those between the '&'s of the query. */
static bool query_has(const char *query, const char *word) {
    size_t length = strlen(word);
    while (query != NULL) {
        const char *end = strchr(query, '&');
        size_t bytes = end != NULL ? (size_t)(end - query) : strlen(query);
        if (bytes == length && memcmp(query, word, length) == 0) return true;
        query = end != NULL ? end + 1 : NULL;
    }
    return false;
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
    if (query_has(exchange->query, "verbose")) {
        return health_reply_verbose(exchange, app, status);
    }
    return health_reply(exchange, status, is_ready ? "ready\n" : "not ready\n");
}

int bl_health_reply(bl_http_exchange *exchange, void *app) {
    if (exchange == NULL || app == NULL) return BL_EINVAL;
    bool is_live = strcmp(exchange->path, "/livez") == 0;
    bool is_ready = strcmp(exchange->path, "/readyz") == 0;
    if (!is_live && !is_ready) return 404;
    bool is_get = strcmp(exchange->method_name, "GET") == 0;
    bool is_head = strcmp(exchange->method_name, "HEAD") == 0;
    if (!is_get && !is_head) return 405;
    if (is_live) return health_reply(exchange, 200, "ok\n");
    return health_readyz(exchange, app);
}
