/* SPDX-License-Identifier: MIT */
/*
 * examples/http_health.c - /livez and /readyz of an app
 *
 * A database that has lost its connection is not ready, and so neither is the
 * app; it is alive all the same, and to begin it again would help nobody.  The
 * health endpoints outlive what they are about, since the other services are
 * after them.
 */
#include <stdio.h>

#include <belay.h>
#include <belay/health.h>
#include <belay/http.h>

struct shop {
    bl_app *app;
    bl_http_client *client;
    uint16_t port; /* of the endpoints */
};

static int db_run(bl_service *self, void *arg) {
    (void)arg;
    int rc = bl_service_ready(self, NULL);
    return rc < 0 ? rc : bl_event_wait(bl_service_stopping(self));
}

static int dispatch(bl_http_exchange *exchange, void *app) {
    const bl_http_route routes[] = {
        { "GET", "/livez", bl_health_reply, app },
        { "GET", "/readyz", bl_health_reply, app },
    };
    return bl_http_dispatch(exchange, routes, 2);
}

static int health_run(bl_service *self, void *arg) {
    struct shop *shop = arg;
    bl_listener *listener;
    bl_addr any;
    BL_TRY(bl_addr_parse("127.0.0.1:0", &any));
    int rc = bl_app_listen(shop->app, "health", &any, NULL, &listener);
    if (rc < 0) return rc;
    bl_addr address = bl_listener_address(listener);
    shop->port = bl_addr_port(&address);
    bl_http_options options = { .size = sizeof options,
                                .arg = shop->app,
                                .serve = bl_service_serve,
                                .service = self };
    return bl_http_serve(listener, dispatch, &options);
}

/* Prints the status and the body of an answer. */
static int ask(const struct shop *shop, const char *target) {
    char url[100];
    bl_http_answer *answer;
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", (unsigned)shop->port,
             target);
    BL_TRY(bl_http_get(shop->client, url, &answer));
    printf("%s: %d\n%s", target, answer->status, answer->body);
    bl_http_answer_free(answer);
    return 0;
}

static int ask_everything(const struct shop *shop) {
    bl_service *db = bl_app_find(shop->app, "db");
    BL_TRY(ask(shop, "/readyz"));
    bl_service_set_ready(db, false);
    bl_service_set_health(db, BL_HEALTH_FAILING, "no connection");
    BL_TRY(ask(shop, "/readyz"));
    BL_TRY(ask(shop, "/livez"));
    return ask(shop, "/readyz?verbose");
}

static int visit(struct shop *shop) {
    bl_http_client_options options = { .size = sizeof options, .proxy = "" };
    BL_TRY(bl_http_client_open(&options, &shop->client));
    int rc = ask_everything(shop);
    bl_http_client_close(shop->client);
    return rc;
}

static int main_task(void *arg) {
    struct shop *shop = arg;
    int rc;
    BL_GROUP(services, rc) {
        rc = bl_app_start(shop->app, services);
        if (rc == 0) rc = visit(shop);
        int stop_rc = bl_app_stop(shop->app);
        if (rc == 0) rc = stop_rc;
    }
    return rc;
}

int main(void) {
    struct shop shop = { .app = bl_app_new(NULL) };
    bl_app_add(shop.app, "health", health_run, &shop, NULL);
    bl_app_add(shop.app, "db", db_run, &shop, NULL);
    bl_app_after(shop.app, "db", "health");
    int rc = bl_run(main_task, &shop);
    bl_app_free(shop.app);
    if (rc < 0) fprintf(stderr, "http_health: %s\n", bl_strerror(rc));
    return rc < 0;
}
