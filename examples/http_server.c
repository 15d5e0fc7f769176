/* SPDX-License-Identifier: MIT */
/*
 * examples/http_server.c - notes over HTTP: routes, bodies, events, a good end
 *
 *     http_server                  serves on a free port, and talks to itself
 *     http_server 127.0.0.1:8080   serves until Ctrl-C
 *
 *     curl -T letter.txt http://127.0.0.1:8080/notes/letter
 *     curl http://127.0.0.1:8080/notes/letter
 *     curl -N http://127.0.0.1:8080/countdown
 */
#include <stdio.h>
#include <string.h>

#include <belay.h>
#include <belay/http.h>

enum {
    NOTES_MAX = 16,
    NAME_BYTES = 32,
    NOTE_BYTES_MAX = 64 * 1024
};

struct note {
    char name[NAME_BYTES];
    char *text; /* NULL: this place is free */
};

struct board {
    struct note notes[NOTES_MAX];
};

/* ---- handlers ------------------------------------------------------------ */

static int hello(bl_http_exchange *exchange, void *arg) {
    char name[64];
    char text[100];
    (void)arg;
    if (bl_http_query_get(exchange->query, "name", name, sizeof(name)) < 0) {
        return 400;
    }
    snprintf(text, sizeof(text), "Hello, %s!\n", name);
    return bl_http_reply_text(exchange, 200, text);
}

/* The note that the path names, or a free place for it, or NULL. */
static struct note *find(struct board *board, const char *name) {
    struct note *place = NULL;
    for (int i = 0; i < NOTES_MAX; i++) {
        struct note *note = &board->notes[i];
        if (note->text == NULL && place == NULL) place = note;
        if (note->text != NULL && strcmp(note->name, name) == 0) return note;
    }
    return place;
}

static int note_name(const bl_http_exchange *exchange, char *name) {
    const char *encoded = exchange->path + strlen("/notes/");
    return bl_http_decode(encoded, name, NAME_BYTES) > 0 ? 0 : 404;
}

static int get_note(bl_http_exchange *exchange, void *arg) {
    struct board *board = arg;
    char name[NAME_BYTES];
    int rc = note_name(exchange, name);
    if (rc != 0) return rc;
    const struct note *note = find(board, name);
    if (note == NULL || note->text == NULL) return 404;
    return bl_http_reply_text(exchange, 200, note->text);
}

static int put_note(bl_http_exchange *exchange, void *arg) {
    struct board *board = arg;
    char name[NAME_BYTES];
    char *text;
    int rc = note_name(exchange, name);
    if (rc != 0) return rc;

    rc = bl_http_body_take(exchange->body, NOTE_BYTES_MAX, &text, NULL);
    if (rc < 0) return rc; /* answered by 413, 400 or 408 */
    struct note *note = find(board, name);
    if (note == NULL) {
        bl_free(text);
        return 507;
    }
    bool is_new = note->text == NULL;
    bl_free(note->text);
    note->text = text;
    strcpy(note->name, name);
    return bl_http_reply(exchange, is_new ? 201 : 204, NULL, NULL, 0);
}

/* Adds up the bytes of a body that may be far larger than memory. */
static int count_bytes(bl_http_exchange *exchange, void *arg) {
    char part[16 * 1024];
    char text[64];
    unsigned long long total = 0;
    bl_ssize count;
    (void)arg;
    bl_http_limit_body(exchange, UINT64_MAX);
    while ((count = bl_http_body_read(exchange->body, part, sizeof(part))) > 0)
        total += (unsigned long long)count;
    if (count < 0) return (int)count;
    snprintf(text, sizeof(text), "%llu bytes\n", total);
    return bl_http_reply_text(exchange, 200, text);
}

static int countdown(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    BL_TRY(bl_http_events_begin(exchange));
    for (int i = 3; i > 0; i--) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        const bl_http_event event = { .name = "tick", .data = text };
        BL_TRY(bl_http_event_send(exchange, &event));
        BL_TRY(bl_sleep(BL_MS(10)));
    }
    return 0;
}

static int handle(bl_http_exchange *exchange, void *arg) {
    const bl_http_route routes[] = {
        { "GET", "/hello", hello, NULL },
        { "GET", "/notes/*", get_note, arg },
        { "PUT", "/notes/*", put_note, arg },
        { "POST", "/count", count_bytes, NULL },
        { "GET", "/countdown", countdown, NULL },
    };
    return bl_http_dispatch(exchange, routes, 5);
}

static void complain(const bl_http_exchange *exchange, const bl_addr *peer,
                     int rc, void *arg) {
    char text[BL_ADDR_TEXT_BYTES] = "accepting";
    (void)arg;
    if (peer != NULL) bl_addr_format(peer, text, sizeof(text));
    fprintf(stderr, "http_server: %s: %s: %s\n", text,
            exchange != NULL ? exchange->path : "-", bl_strerror(rc));
}

/* ---- serving, and a conversation with itself ----------------------------- */

struct service {
    struct board board;
    bl_listener *listener;
    bl_event stop;
    bl_http_stats stats;
};

static int serve(void *arg) {
    struct service *service = arg;
    bl_http_options options = {
        .size = sizeof(options),
        .arg = &service->board,
        .stop = &service->stop,
        .grace = BL_SEC(10),
        .connections_max = 1000,
        .stats = &service->stats,
        .on_error = complain,
    };
    return bl_http_serve(service->listener, handle, &options);
}

static int ask(bl_http_client *client, const bl_addr *address,
               const char *method, const char *path, const char *body) {
    char where[BL_ADDR_TEXT_BYTES];
    char url[200];
    bl_http_answer *answer;
    bl_http_call_options options = {
        .size = sizeof(options),
        .body = body,
        .body_bytes = body != NULL ? strlen(body) : 0,
    };
    bl_addr_format(address, where, sizeof(where));
    snprintf(url, sizeof(url), "http://%s%s", where, path);
    BL_TRY(bl_http_send(client, method, url, &options, &answer));
    printf("%-4s %-17s -> %d %s\n%s", method, path, answer->status,
           answer->reason, answer->body);
    bl_http_answer_free(answer);
    return 0;
}

static int talk(const bl_addr *address, bl_http_client *client) {
    BL_TRY(ask(client, address, "GET", "/hello?name=you+all", NULL));
    BL_TRY(ask(client, address, "GET", "/notes/milk", NULL));
    BL_TRY(ask(client, address, "PUT", "/notes/milk", "two litres\n"));
    BL_TRY(ask(client, address, "GET", "/notes/milk", NULL));
    BL_TRY(ask(client, address, "DELETE", "/notes/milk", NULL));
    BL_TRY(ask(client, address, "POST", "/count", "0123456789"));
    BL_TRY(ask(client, address, "GET", "/countdown", NULL));
    return 0;
}

static int visit(struct service *service) {
    bl_addr address = bl_listener_address(service->listener);
    bl_http_client_options options = { .size = sizeof(options), .proxy = "" };
    bl_http_client *client;
    BL_TRY(bl_http_client_open(&options, &client));
    int rc = talk(&address, client);
    bl_http_client_close(client);
    return rc;
}

static int main_task(void *arg) {
    static struct service service;
    const char *text = arg;
    bl_addr address;
    int rc;

    bl_event_init(&service.stop);
    BL_TRY(bl_addr_parse(text != NULL ? text : "127.0.0.1:0", &address));
    BL_TRY(bl_listen(&address, NULL, &service.listener));
    if (text != NULL) return serve(&service);

    BL_GROUP(tasks, rc) {
        rc = bl_spawn(tasks, serve, &service);
        if (rc < 0) break;
        rc = visit(&service);
        bl_event_set(&service.stop);
    }
    for (int i = 0; i < NOTES_MAX; i++)
        bl_free(service.board.notes[i].text);
    printf("%llu requests on %llu connection\n",
           (unsigned long long)service.stats.requests,
           (unsigned long long)service.stats.connections.accepted);
    return rc;
}

int main(int argc, char **argv) {
    int rc = bl_run(main_task, argc > 1 ? argv[1] : NULL);
    if (rc == BL_EINTERRUPTED) return 0; /* Ctrl-C is how it is stopped */
    if (rc < 0) fprintf(stderr, "http_server: %s\n", bl_strerror(rc));
    return rc < 0;
}
