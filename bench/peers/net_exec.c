/* SPDX-License-Identifier: MIT */
/*
 * bench/peers/net_exec.c - measures a server that is a program of its own
 *
 *     net_exec CONTENDER COMMAND... -- --list | METRIC [REPS] [--quick]
 *     net_exec --http CONTENDER COMMAND... -- --list | ...
 *
 * The command is run with "tcp", "udp" or "http" behind it, and does what
 * net_load.h asks of a server.
 */
#include "net_load.h"

/* The command, and room for the mode behind it. */
static int run_server(const char *mode, void *arg) {
    static char last[8];
    char **command = arg;
    size_t count = 0;
    snprintf(last, sizeof last, "%s", mode);
    while (command[count] != NULL)
        count++;
    char **all = calloc(count + 2, sizeof *all);
    if (all == NULL) return -ENOMEM;
    memcpy(all, command, count * sizeof *all);
    all[count] = last;
    execvp(all[0], all);
    fprintf(stderr, "net_exec: %s: %s\n", all[0], strerror(errno));
    return -errno;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--http") == 0) {
        net_load.speaks_http = true;
        argv[1] = argv[0];
        argv++;
        argc--;
    }
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--") != 0) continue;
        argv[i] = NULL; /* ends the command */
        char *contender = argv[1];
        char **rest = &argv[i];
        rest[0] = argv[0];
        char **command = calloc((size_t)i, sizeof *command);
        if (command == NULL) return EXIT_FAILURE;
        memcpy(command, &argv[2], (size_t)(i - 2) * sizeof *command);
        return net_main(argc - i, rest, contender, run_server, command);
    }
    fprintf(stderr,
            "usage: net_exec [--http] CONTENDER COMMAND... -- --list | ...\n");
    return 2;
}
