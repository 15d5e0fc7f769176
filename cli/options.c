/* SPDX-License-Identifier: MIT */
/*
 * cli/options.c - the options of a command, one after the other
 *
 * A letter that is not known may stand among others, and then getopt has not
 * gone on to the next word yet: only `optopt` tells which it is.
 */
#include "options.h"

#include <stdio.h>

#include "command.h"

/* Returns the name of the option with this letter, or NULL. */
static const char *name_of(const struct options *options, int letter) {
    for (size_t i = 0; options->known[i].name != NULL; i++) {
        if (options->known[i].val == letter) return options->known[i].name;
    }
    return NULL;
}

static int refuse_unknown(const struct command *command,
                          const struct options *options, const char *word) {
    const char *name = name_of(options, optopt);

    if (name != NULL) {
        return command_refuse(command, "--%s takes no value", name);
    }
    if (optopt > 0) return command_refuse(command, "what is '-%c'?", optopt);
    return command_refuse(command, "what is '%s'?", word);
}

int options_read(const struct command *command, const struct options *options,
                 int argc, char **argv, void *arg) {
    int letter;

    optind = 0; /* glibc: begin anew, whatever was read before */
    while ((letter = getopt_long(argc, argv, options->letters, options->known,
                                 NULL)) != -1) {
        switch (letter) {
        case '?': return refuse_unknown(command, options, argv[optind - 1]);
        case ':':
            return command_refuse(command, "--%s needs a value",
                                  name_of(options, optopt));
        case 'h': fputs(command->usage, stdout); return STATUS_GOOD;
        default: break;
        }
        if (!options->take(arg, letter, optarg)) {
            return command_refuse(command, "--%s cannot be '%s'",
                                  name_of(options, letter), optarg);
        }
    }
    return -1;
}
