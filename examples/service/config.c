/* SPDX-License-Identifier: MIT */
/*
 * service/config.c - the settings: lines of NAME = VALUE
 *
 * A reload reads the file into a new struct.  If that fails, the error names
 * the line, and nothing has changed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop.h"

static int set_text(char *text, size_t bytes, const char *value) {
    if (strlen(value) >= bytes) return BL_EMSGSIZE;
    strcpy(text, value);
    return 0;
}

static int set_number(long *number, const char *value) {
    char *end;
    *number = strtol(value, &end, 10);
    return *value != '\0' && *end == '\0' && *number >= 0 ? 0 : BL_EINVAL;
}

static int config_set(struct config *config, const char *name,
                      const char *value) {
    long number;
    if (strcmp(name, "listen") == 0) {
        return set_text(config->listen, sizeof config->listen, value);
    }
    if (strcmp(name, "data") == 0) {
        return set_text(config->data, sizeof config->data, value);
    }
    if (strcmp(name, "greeting") == 0) {
        return set_text(config->greeting, sizeof config->greeting, value);
    }
    int rc = set_number(&number, value);
    if (rc < 0) return rc;
    if (strcmp(name, "save_every_ms") == 0) {
        config->save_every = BL_MS(number);
        return number > 0 ? 0 : BL_EINVAL;
    }
    if (strcmp(name, "crash_every") != 0) return BL_ENOENT;
    config->crash_every = (int)number;
    return 0;
}

static int config_parse(struct config *config, const char *path, char *text) {
    char *line;
    for (int number = 1; (line = strsep(&text, "\n")) != NULL; number++) {
        char name[TEXT_BYTES];
        char value[4 * TEXT_BYTES] = "";
        if (line[0] == '#' || line[strspn(line, " \t")] == '\0') continue;
        int fields = sscanf(line, " %63[^ =] = %255[^\n]", name, value);
        int rc = fields == 2 ? config_set(config, name, value) : BL_EINVAL;
        if (rc < 0) {
            return BL_ERR(BL_EINVAL, "%s, line %d: what is \"%s\"?", path,
                          number, line);
        }
    }
    return 0;
}

int config_read(struct config *config, const char *path) {
    char *text;
    size_t bytes;
    *config = (struct config){ .listen = "127.0.0.1:7777",
                               .data = "shop.data",
                               .greeting = "hello",
                               .save_every = BL_SEC(1) };
    int rc = bl_file_read_whole(path, 65536, &text, &bytes);
    if (rc < 0) return BL_ERR(rc, "%s: %s", path, bl_strerror(rc));
    rc = config_parse(config, path, text);
    bl_free(text);
    return rc;
}

int config_load(bl_app *app, void **config, void *shop) {
    (void)app;
    struct config *made = bl_alloc(sizeof *made);
    if (made == NULL) return BL_ENOMEM;
    int rc = config_read(made, ((struct shop *)shop)->path);
    if (rc < 0) {
        bl_free(made);
        return rc;
    }
    *config = made;
    return 0;
}

void config_unload(void *config, void *shop) {
    (void)shop;
    bl_free(config);
}
