/* SPDX-License-Identifier: MIT */
/*
 * cli/commands.c - the table of commands, and how they complain
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

const struct command *const commands[] = {
    &blast_command,
#if BELAY_CLI_FETCH
    &fetch_command,
#endif
    NULL,
};

const struct command *command_find(const char *name) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, name) == 0) return commands[i];
    }
    return NULL;
}

int command_refuse(const struct command *command, const char *format, ...) {
    va_list arguments;

    fprintf(stderr, "belay %s: ", command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\nTry 'belay help %s'.\n", command->name);
    return STATUS_USAGE;
}
