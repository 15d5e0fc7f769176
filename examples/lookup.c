/* SPDX-License-Identifier: MIT */
/*
 * examples/lookup.c - many names at once, with a limit on each
 *
 *     lookup [NAME...]
 *
 * Prints the addresses of all names.  Without names it shows how that goes
 * with a hosts file of its own, and with a name server that never answers.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belay.h>
#include <belay/dns.h>

enum {
    ADDRESSES_MAX = 8
};

struct name {
    bl_dns *dns;
    const char *text;
    bl_ns limit;
    int rc; /* how many addresses there are, or why there are none */
    bl_addr addresses[ADDRESSES_MAX];
};

/* One name, in a task of its own. */
static int look_up(void *arg) {
    struct name *name = arg;
    name->rc = bl_wait_for(bl_dns_look_up(name->dns, name->text, AF_UNSPEC, 0,
                                          name->addresses, ADDRESSES_MAX),
                           name->limit);
    return name->rc == BL_ECANCELED ? BL_ECANCELED : 0;
}

static void print(const struct name *name) {
    printf("%s:", name->text);
    if (name->rc < 0) printf(" %s", bl_strerror(name->rc));
    for (int i = 0; i < name->rc; i++) {
        char text[BL_ADDR_TEXT_BYTES];
        bl_addr_format(&name->addresses[i], text, sizeof(text));
        printf(" %.*s", (int)strlen(text) - 2, text); /* not ":0" */
    }
    printf("\n");
}

/* Looks all names up at once; at most 50 of them are asked for at a time. */
static int look_up_all(bl_dns_options *options, const char *const *texts,
                       size_t count, bl_ns limit) {
    bl_dns *dns;
    options->size = sizeof(*options);
    options->lookups_max = 50;
    BL_TRY(bl_dns_open(options, &dns));

    int rc = BL_ENOMEM;
    struct name *names = calloc(count, sizeof(*names));
    if (names == NULL) goto close_dns;

    BL_GROUP(group, rc) {
        for (size_t i = 0; i < count && rc == 0; i++) {
            names[i].dns = dns;
            names[i].text = texts[i];
            names[i].limit = limit;
            rc = bl_spawn(group, look_up, &names[i]);
        }
    }
    for (size_t i = 0; i < count && rc == 0; i++)
        print(&names[i]);
    free(names);

close_dns:
    bl_dns_close(dns);
    return rc;
}

/* ---- without arguments --------------------------------------------------- */

static const char hosts_text[] = "192.0.2.1  one one.example\n"
                                 "2001:db8::2  two\n"
                                 "192.0.2.2  two\n";

static int demonstrate(void) {
    static const char *const texts[] = {
        "one", "ONE.example.", "two", "127.0.0.1", "not a name", "three",
    };
    bl_addr server;
    char path[64];
    int rc = bl_addr_parse("127.0.0.1:0", &server);
    if (rc < 0) return rc;

    /* Datagrams that come here are never read. */
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    FILE *file = tmpfile();
    if (fd < 0 || file == NULL) return BL_EIO;
    struct sockaddr *where = (struct sockaddr *)&server.storage;
    if (bind(fd, where, server.length) < 0) return BL_EIO;
    if (getsockname(fd, where, &server.length) < 0) return BL_EIO;
    fputs(hosts_text, file);
    fflush(file);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fileno(file));

    bl_dns_options options = {
        .servers = &server,
        .server_count = 1,
        .has_no_domains = true,
        .hosts_path = path,
    };
    rc = look_up_all(&options, texts, sizeof(texts) / sizeof(texts[0]),
                     BL_MS(50));
    fclose(file);
    bl_fd_close(fd);
    return rc;
}

struct arguments {
    int count;
    char **texts;
};

static int main_task(void *arg) {
    const struct arguments *arguments = arg;
    bl_dns_options options = { .size = 0 };
    if (arguments->count == 0) return demonstrate();
    return look_up_all(&options, (const char *const *)arguments->texts,
                       (size_t)arguments->count, BL_SEC(5));
}

int main(int argc, char **argv) {
    struct arguments arguments = { argc - 1, argv + 1 };
    int rc = bl_run(main_task, &arguments);
    if (rc < 0) fprintf(stderr, "lookup: %s\n", bl_strerror(rc));
    return rc < 0;
}
