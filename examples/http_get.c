/* SPDX-License-Identifier: MIT */
/*
 * examples/http_get.c - asks HTTP servers: answers, bodies as streams, events
 *
 *     http_get          asks a small server of its own
 *     http_get URL...   gets all of these at once, and says what came
 *
 * One limit of ten seconds covers everything: names, connections, redirects,
 * all answers.
 */
#include <stdio.h>
#include <string.h>

#include <belay.h>
#include <belay/http.h>

enum {
    URLS_MAX = 16,
    URL_BYTES = 200
};

/* ---- whole answers, several at once -------------------------------------- */

struct page {
    bl_http_client *client;
    const char *url;
    bl_http_answer *answer;
};

static int get_page(void *arg) {
    struct page *page = arg;
    return bl_http_get(page->client, page->url, &page->answer);
}

/* Gets all pages; if one fails, the others are given up. */
static int get_all(bl_http_client *client, int count, char **urls) {
    struct page pages[URLS_MAX] = { { 0 } };
    int rc;
    BL_GROUP(group, rc) {
        for (int i = 0; rc == 0 && i < count; i++) {
            pages[i] = (struct page){ .client = client, .url = urls[i] };
            rc = bl_spawn(group, get_page, &pages[i]);
        }
    }
    for (int i = 0; i < count; i++) {
        const bl_http_answer *answer = pages[i].answer;
        if (answer == NULL) continue;
        const char *type = bl_http_fields_get(&answer->fields, "Content-Type");
        printf("%d %s, %zu bytes, %s\n", answer->status, answer->reason,
               answer->body_bytes, type != NULL ? type : "of no type");
        bl_http_answer_free(pages[i].answer);
    }
    return rc;
}

/* ---- a body as a stream -------------------------------------------------- */

/* Counts the lines of a body that need not fit into memory. */
static int count_lines(bl_http_body *body, int *lines) {
    char part[4096];
    bl_ssize count;
    while ((count = bl_http_body_read(body, part, sizeof(part))) > 0) {
        for (bl_ssize i = 0; i < count; i++)
            *lines += part[i] == '\n';
    }
    return (int)count; /* a body that was cut off is an error, never short */
}

static int count_lines_of(bl_http_client *client, const char *url) {
    bl_http_call *call;
    int lines = 0;
    BL_TRY(bl_http_call_open(client, "GET", url, NULL, &call));
    int rc = count_lines(bl_http_call_body(call), &lines);
    bl_http_call_close(call); /* the connection is kept for the next one */
    if (rc == 0) printf("%d lines\n", lines);
    return rc;
}

/* Sends a body piece by piece. */
static int send_pieces(bl_http_client *client, const char *url) {
    bl_http_call_options options = { .size = sizeof(options),
                                     .is_written = true };
    bl_http_call *call;
    BL_TRY(bl_http_call_open(client, "POST", url, &options, &call));
    int rc = bl_http_call_write(call, "piece by ", 9);
    if (rc == 0) rc = bl_http_call_write(call, "piece", 5);
    if (rc == 0 || rc == BL_EHTTP_EARLY) {
        rc = bl_http_call_receive(call); /* the status */
    }
    if (rc > 0) {
        char text[100];
        bl_ssize count =
            bl_http_body_read_all(bl_http_call_body(call), text, sizeof(text));
        rc = count < 0 ? (int)count : 0;
        if (rc == 0) printf("%.*s\n", (int)count, text);
    }
    bl_http_call_close(call);
    return rc;
}

/* ---- events -------------------------------------------------------------- */

static int listen_to(bl_http_client *client, const char *url) {
    bl_http_event_source *source;
    bl_http_received_event event;
    BL_TRY(bl_http_event_source_open(client, url, NULL, &source));
    int rc;
    do {
        rc = bl_http_event_source_next(source, &event);
        if (rc > 0) printf("%s: %s\n", event.type, event.data);
    } while (rc > 0 && strcmp(event.type, "end") != 0);
    bl_http_event_source_close(source);
    return rc < 0 ? rc : 0;
}

/* ---- a server to ask ----------------------------------------------------- */

static int answer(bl_http_exchange *exchange, void *arg) {
    (void)arg;
    if (strcmp(exchange->path, "/old") == 0) {
        BL_TRY(bl_http_add_field(exchange, "Location", "/poem"));
        return bl_http_reply(exchange, 301, NULL, NULL, 0);
    }
    if (strcmp(exchange->path, "/poem") == 0) {
        return bl_http_reply_text(exchange, 200,
                                  "Roses are red,\nviolets are blue,\n"
                                  "tasks that have waited\n"
                                  "are cancelled by you.\n");
    }
    if (strcmp(exchange->path, "/echo") == 0) {
        char text[100];
        bl_ssize count =
            bl_http_body_read_all(exchange->body, text, sizeof(text));
        if (count < 0) return (int)count;
        return bl_http_reply(exchange, 200, "text/plain", text, (size_t)count);
    }
    if (strcmp(exchange->path, "/events") == 0) {
        BL_TRY(bl_http_events_begin(exchange));
        BL_TRY(bl_http_event_send(exchange, &(bl_http_event){ .data = "a" }));
        return bl_http_event_send(
            exchange, &(bl_http_event){ .name = "end", .data = "b" });
    }
    return 404;
}

static int serve(void *arg) {
    return bl_http_serve(arg, answer, NULL);
}

static int ask_everything(bl_http_client *client, uint16_t port) {
    static const char *const paths[] = { "/poem", "/old", "/nothing", "/echo",
                                         "/events" };
    char texts[5][URL_BYTES];
    char *urls[5];
    for (int i = 0; i < 5; i++) {
        snprintf(texts[i], URL_BYTES, "http://127.0.0.1:%u%s", (unsigned)port,
                 paths[i]);
        urls[i] = texts[i];
    }
    BL_TRY(get_all(client, 3, urls));
    BL_TRY(count_lines_of(client, urls[0]));
    BL_TRY(send_pieces(client, urls[3]));
    return listen_to(client, urls[4]);
}

/* Asks a server that runs in a task beside. */
static int ask_ourselves(bl_http_client *client) {
    bl_addr address;
    bl_listener *listener;
    int rc;
    BL_TRY(bl_addr_parse("127.0.0.1:0", &address));
    BL_TRY(bl_tcp_listen(&address, &listener));
    address = bl_listener_address(listener);
    BL_GROUP(group, rc) {
        rc = bl_spawn_daemon(group, serve, listener);
        if (rc == 0) rc = ask_everything(client, bl_addr_port(&address));
    }
    return rc;
}

/* ---- the program --------------------------------------------------------- */

struct arguments {
    int count;
    char **urls;
};

static int ask(const struct arguments *arguments) {
    bl_http_client *client;
    bl_http_client_options options = { .size = sizeof(options) };
    if (arguments->count == 0) options.proxy = ""; /* it is right here */
    BL_TRY(bl_http_client_open(&options, &client));
    int rc = arguments->count > 0
                 ? get_all(client, arguments->count, arguments->urls)
                 : ask_ourselves(client);
    bl_http_client_close(client);
    return rc;
}

static int main_task(void *arg) {
    int rc;
    BL_TIMEOUT(rc, BL_SEC(10)) {
        rc = ask(arg);
    }
    return rc;
}

int main(int argc, char **argv) {
    struct arguments arguments = { .count = argc - 1, .urls = argv + 1 };
    if (arguments.count > URLS_MAX) {
        fprintf(stderr, "http_get: at most %d URLs\n", URLS_MAX);
        return 2;
    }
    int rc = bl_run(main_task, &arguments);
    if (rc < 0) bl_error_report(rc, stderr);
    return rc < 0;
}
