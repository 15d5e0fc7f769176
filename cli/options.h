/* SPDX-License-Identifier: MIT */
/*
 * cli/options.h - the options of a command, one after the other
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <getopt.h>
#include <stdbool.h>

struct command;

/*
 * The options of a command, as getopt_long has them.  Each has a name; `-h` is
 * help.  `take` gets an option's letter and its value, NULL if it takes none,
 * and returns whether it understands the value.
 */
struct options {
    const struct option *known;
    const char *letters;
    bool (*take)(void *arg, int letter, char *text);
};

/*
 * Takes all options off the line; `optind` is then the index of the first
 * other word.  What is wrong is said on stderr.
 *
 * Returns -1 to go on, else the exit status: after help too.
 */
int options_read(const struct command *command, const struct options *options,
                 int argc, char **argv, void *arg);

#endif
