/* SPDX-License-Identifier: MIT */
/*
 * cli/main.c - the program `belay`: finds the command, and lets it run
 *
 * Everything a command does is its own; here are only the words that stand
 * before it.
 */
#include <stdio.h>
#include <string.h>

#include <belay.h>

#include "command.h"
#include "nearest.h"

enum {
    COMMANDS_MAX = 32
};

static void print_commands(FILE *file) {
    fprintf(file, "usage: belay COMMAND [OPTION...] [ARGUMENT...]\n"
                  "       belay help [COMMAND]\n"
                  "       belay --version\n"
                  "\n"
                  "Commands:\n");
    for (size_t i = 0; commands[i] != NULL; i++) {
        fprintf(file, "  %-8s  %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(file, "\n'belay help COMMAND' tells all about one of them.\n");
}

static int refuse_word(const char *word) {
    const char *names[COMMANDS_MAX] = { "help" };
    size_t count = 1;

    for (size_t i = 0; commands[i] != NULL && count < COMMANDS_MAX; i++) {
        names[count++] = commands[i]->name;
    }
    fprintf(stderr, "belay: there is no command '%s'\n", word);
    const char *nearest = nearest_word(word, names, count);
    if (nearest != NULL) fprintf(stderr, "Did you mean '%s'?\n", nearest);
    fprintf(stderr, "'belay help' lists the commands.\n");
    return STATUS_USAGE;
}

static int help(int argc, char **argv) {
    if (argc < 2) {
        print_commands(stdout);
        return STATUS_GOOD;
    }
    if (argc > 2) {
        fprintf(stderr, "belay help: one command at a time\n");
        return STATUS_USAGE;
    }
    const struct command *command = command_find(argv[1]);
    if (command == NULL) return refuse_word(argv[1]);
    fputs(command->usage, stdout);
    return STATUS_GOOD;
}

static bool is_one_of(const char *word, const char *a, const char *b) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

static int dispatch(int argc, char **argv) {
    if (argc < 2) {
        print_commands(stderr);
        return STATUS_USAGE;
    }
    const char *word = argv[1];
    if (is_one_of(word, "--version", "-V")) {
        printf("belay %s\n", bl_version());
        return STATUS_GOOD;
    }
    if (is_one_of(word, "--help", "-h") || strcmp(word, "help") == 0) {
        return help(argc - 1, argv + 1);
    }
    const struct command *command = command_find(word);
    if (command == NULL) return refuse_word(word);
    return command->run(argc - 1, argv + 1);
}

int main(int argc, char **argv) {
    int status = dispatch(argc, argv);

    /* What could not be written has not been said. */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("belay: standard output");
        if (status == STATUS_GOOD) status = STATUS_FAILED;
    }
    return status;
}
