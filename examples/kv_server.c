/* SPDX-License-Identifier: MIT */
/*
 * examples/kv_server.c - a server that speaks in lines, and its client
 *
 *     kv_server [ADDRESS]
 *
 * Keeps values under keys: SET KEY VALUE, GET KEY, DEL KEY, QUIT.  With an
 * ADDRESS it serves until Ctrl-C, and lets requests in progress finish; try it
 * with nc.  Without one it talks to itself, shows the conversation, and stops.
 */
#include <stdio.h>
#include <string.h>

#include <belay.h>

enum {
    PAIRS_MAX = 64,
    TEXT_BYTES = 64,
    LINE_BYTES = 256
};

struct pair {
    char key[TEXT_BYTES];
    char value[TEXT_BYTES];
};

/* Tasks of one loop never run at the same time, so there is no lock. */
struct store {
    struct pair pairs[PAIRS_MAX];
    size_t count;
};

/* ---- the store ----------------------------------------------------------- */

static struct pair *find(struct store *store, const char *key) {
    for (size_t i = 0; i < store->count; i++) {
        if (strcmp(store->pairs[i].key, key) == 0) return &store->pairs[i];
    }
    return NULL;
}

static const char *set(struct store *store, const char *key,
                       const char *value) {
    if (strlen(key) >= TEXT_BYTES || strlen(value) >= TEXT_BYTES) {
        return "ERR too long";
    }
    struct pair *pair = find(store, key);
    if (pair == NULL) {
        if (store->count == PAIRS_MAX) return "ERR full";
        pair = &store->pairs[store->count++];
    }
    strcpy(pair->key, key);
    strcpy(pair->value, value);
    return "OK";
}

static const char *get(struct store *store, const char *key) {
    const struct pair *pair = find(store, key);
    return pair != NULL ? pair->value : "NONE";
}

static const char *del(struct store *store, const char *key) {
    struct pair *pair = find(store, key);
    if (pair == NULL) return "NONE";
    *pair = store->pairs[--store->count];
    return "OK";
}

/* ---- one connection ------------------------------------------------------ */

/* Returns the answer, or NULL for the end. */
static const char *answer(struct store *store, char *line) {
    char *rest = line;
    const char *verb = strsep(&rest, " ");
    const char *key = rest != NULL ? strsep(&rest, " ") : NULL;

    if (strcmp(verb, "QUIT") == 0) return NULL;
    if (key == NULL) return "ERR what?";
    if (strcmp(verb, "GET") == 0) return get(store, key);
    if (strcmp(verb, "DEL") == 0) return del(store, key);
    if (strcmp(verb, "SET") == 0 && rest != NULL) {
        return set(store, key, rest);
    }
    return "ERR what?";
}

/* Answers every line; many that came together are answered together. */
static int converse(bl_connection *connection, bl_reader *reader,
                    bl_writer *writer) {
    for (;;) {
        char *line;
        if (bl_reader_buffered(reader) == 0) {
            BL_TRY(bl_writer_flush(writer));
            int rc = bl_connection_wait(connection); /* idle: may be stopped */
            if (rc <= 0) return rc;
        }
        int rc = bl_reader_line(reader, &line, NULL);
        if (rc <= 0) return rc;

        const char *text = answer(connection->arg, line);
        if (text == NULL) return bl_writer_flush(writer);
        BL_TRY(bl_writer_printf(writer, "%s\n", text));
    }
}

static int serve_client(bl_connection *connection) {
    char lines[LINE_BYTES]; /* a longer line is an error */
    char answers[1024];
    bl_reader reader;
    bl_writer writer;

    BL_TRY(bl_reader_init(&reader, connection->stream, lines, sizeof(lines)));
    BL_TRY(
        bl_writer_init(&writer, connection->stream, answers, sizeof(answers)));
    int rc = converse(connection, &reader, &writer);
    bl_writer_done(&writer);
    bl_reader_done(&reader);
    return rc;
}

static void complain(const bl_connection *connection, int rc, void *arg) {
    char text[BL_ADDR_TEXT_BYTES] = "accepting";
    (void)arg;
    if (connection != NULL) {
        bl_addr_format(&connection->peer, text, sizeof(text));
    }
    fprintf(stderr, "kv_server: %s: %s\n", text, bl_strerror(rc));
}

/* ---- a conversation with itself ------------------------------------------ */

struct service {
    struct store store;
    bl_listener *listener;
    bl_event stop;
};

static int serve(void *arg) {
    struct service *service = arg;
    bl_serve_options options = {
        .size = sizeof(options),
        .arg = &service->store,
        .stop = &service->stop,
        .connections_max = 1000,
        .on_error = complain,
    };
    return bl_serve(service->listener, serve_client, &options);
}

static int ask(bl_stream *stream, bl_reader *reader, const char *question) {
    char *line;
    BL_TRY(bl_stream_write_all(stream, question, strlen(question), NULL));
    int rc = bl_reader_line(reader, &line, NULL);
    if (rc < 0) return BL_TRACE(rc);
    printf("%-24.*s -> %s\n", (int)strcspn(question, "\n"), question,
           rc > 0 ? line : "(the end)");
    return 0;
}

static int talk(bl_stream *stream) {
    static const char *const questions[] = {
        "SET colour green\n",
        "GET colour\n",
        "SET colour dark blue\n",
        "GET colour\n",
        "DEL colour\n",
        "GET colour\n",
        "SING\n",
        "QUIT\n",
    };
    bl_reader reader;
    int rc = 0;
    BL_TRY(bl_reader_init(&reader, stream, NULL, LINE_BYTES));
    for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++) {
        rc = ask(stream, &reader, questions[i]);
        if (rc < 0) break;
    }
    bl_reader_done(&reader);
    return rc;
}

static int visit(struct service *service) {
    bl_addr address = bl_listener_address(service->listener);
    bl_stream *stream;
    BL_TRY(bl_connect(&address, NULL, &stream));
    int rc = talk(stream);
    bl_stream_abort(stream);
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
    return rc;
}

int main(int argc, char **argv) {
    int rc = bl_run(main_task, argc > 1 ? argv[1] : NULL);
    if (rc == BL_EINTERRUPTED) return 0; /* Ctrl-C is how it is stopped */
    if (rc < 0) fprintf(stderr, "kv_server: %s\n", bl_strerror(rc));
    return rc < 0;
}
