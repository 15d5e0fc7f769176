/* SPDX-License-Identifier: MIT */
/*
 * cli/command.h - what a command of `belay` is
 *
 * A command is one entry of the table in commands.c and a file (or several,
 * NAME_*.c) of its own.  To add one: write the file, declare the struct below,
 * and add it to the table; CMake finds the file.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

/* The exit statuses that all commands share. */
enum {
    STATUS_GOOD = 0,
    STATUS_FAILED = 1, /* it ran, and something went wrong */
    STATUS_USAGE = 2,  /* the command line is not understood; nothing ran */
    STATUS_INTERRUPTED = 130
};

struct command {
    const char *name;
    const char *summary; /* one line, for the list */
    const char *usage;   /* everything, for `belay help NAME` and --help */
    /* argv[0] is the command's name.  Returns the exit status. */
    int (*run)(int argc, char **argv);
};

extern const struct command blast_command;
extern const struct command fetch_command;

/* All commands, in the order of the list; the last has no name. */
extern const struct command *const commands[];

/* Returns the command called `name`, or NULL. */
const struct command *command_find(const char *name);

/*
 * Says on stderr what is wrong with the command line, as "belay: ...", and
 * where help is.  Returns STATUS_USAGE, for the caller to return.
 */
int command_refuse(const struct command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
