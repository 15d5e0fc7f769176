/* SPDX-License-Identifier: MIT */
/*
 * test/arguments.c - reading a command line
 *
 * The words of BELAY_TEST_ARGS come first, so that the command line has the
 * last say; they may be quoted as in a shell.  The value of an option is the
 * next word, or stands behind "=" for long options, or directly behind the
 * letter for short ones (-j4).  Short options without a value can share a dash
 * (-xv).  What is no option is a pattern, and so is everything behind "--".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/host.h"
#include "test/match.h"
#include "test/options.h"
#include "test/suggest.h"
#include "test/text.h"

struct reader {
    struct bl__test_settings *settings;
    char **words;
    size_t count;
    size_t at;
};

/* ---- help ---------------------------------------------------------------- */

static void print_row(const struct bl__option *option) {
    char left[64];
    bool is_optional = option->value != NULL && option->value[0] == '[';
    snprintf(left, sizeof left, "%s%s%s", option->name,
             option->value != NULL && !is_optional ? " " : "",
             option->value != NULL ? option->value : "");
    printf("  %-28s%s\n", left, option->help);
}

static void print_example(const char *program, const char *words,
                          const char *what) {
    char left[300];
    snprintf(left, sizeof left, "%s %s", program, words);
    printf("  %-44s  %s\n", left, what);
}

static void print_help(const char *program) {
    printf("usage: %s [options] [PATTERN...]\n\n"
           "Runs the tests of this program, each in a process of its own.\n\n",
           program);
    print_example(program, "", "all of them");
    print_example(program, "-v 'echo*'", "those called so, line by line");
    print_example(program, "test_echo.c::close", "this one");
    print_example(program, "-k 'net and not slow'", "by names and tags");
    print_example(program, "--lf", "those that failed last time");
    print_example(program, "--gdb close", "this one in the debugger");
    printf("\n");
    printf("A PATTERN is file, test, file::test or file::test[param]; * and ? "
           "stand for\nany text.  Without one, all tests run but those with a "
           "tag that begins\nwith a dot.\n");
    for (size_t i = 0; i < BL__OPTION_SECTIONS; i++) {
        const struct bl__option_section *section = &bl__option_sections[i];
        printf("\n%s:\n", section->heading);
        for (size_t j = 0; j < section->count; j++) {
            if (section->options[j].help != NULL) {
                print_row(&section->options[j]);
            }
        }
    }
    printf("\nEnvironment:\n"
           "  %-28soptions that come before those of the command line\n",
           "BELAY_TEST_ARGS");
    for (size_t i = 0; i < bl__option_variable_count; i++)
        print_row(&bl__option_variables[i]);
    printf("\nExit status: 0 all passed, 1 failures, 2 interrupted, 3 internal "
           "error,\n4 wrong usage, 5 no tests.\n");
}

/* ---- finding an option --------------------------------------------------- */

/* The option called by the first `length` bytes of `name`, or NULL. */
static const struct bl__option *find(const char *name, size_t length,
                                     bool *goes_along) {
    for (size_t i = 0; i < BL__OPTION_SECTIONS; i++) {
        const struct bl__option_section *section = &bl__option_sections[i];
        for (size_t j = 0; j < section->count; j++) {
            const struct bl__option *option = &section->options[j];
            if (strlen(option->name) != length) continue;
            if (strncmp(option->name, name, length) != 0) continue;
            *goes_along = section->goes_along;
            return option;
        }
    }
    return NULL;
}

static int complain_unknown(const char *name) {
    struct bl__suggestion suggestion = bl__suggest(name);
    for (size_t i = 0; i < BL__OPTION_SECTIONS; i++) {
        const struct bl__option_section *section = &bl__option_sections[i];
        for (size_t j = 0; j < section->count; j++)
            bl__suggest_try(&suggestion, section->options[j].name);
    }
    fprintf(stderr, "belay-test: no option is called %s; ", name);
    /* Any letter is like any other; only whole words are worth a guess. */
    if (suggestion.best != NULL && name[1] == '-') {
        fprintf(stderr, "did you mean %s?\n", suggestion.best);
    } else {
        fprintf(stderr, "try --help\n");
    }
    return -1;
}

/* ---- applying it --------------------------------------------------------- */

static void keep_for_tool(struct bl__test_settings *settings, const char *name,
                          const char *value) {
    settings->tool_words[settings->tool_word_count++] = name;
    if (value == NULL) return;
    settings->tool_words[settings->tool_word_count++] = value;
}

static int apply(struct reader *reader, const struct bl__option *option,
                 const char *value, bool goes_along) {
    if (!option->apply(reader->settings, value)) {
        fprintf(stderr, "belay-test: %s cannot be '%s'", option->name,
                value != NULL ? value : "");
        fprintf(stderr, option->value != NULL ? "; it takes %s\n" : "\n",
                option->value);
        return -1;
    }
    if (goes_along) keep_for_tool(reader->settings, option->name, value);
    return 0;
}

/* The value of an option that must have one: `attached` or the next word. */
static const char *take_value(struct reader *reader,
                              const struct bl__option *option,
                              const char *attached) {
    if (attached != NULL) return attached;
    if (reader->at < reader->count) return reader->words[reader->at++];
    fprintf(stderr, "belay-test: %s needs a value: %s\n", option->name,
            option->value);
    return NULL;
}

static int read_long(struct reader *reader, const char *word) {
    bool goes_along;
    size_t length = strcspn(word, "=");
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    const struct bl__option *option = find(word, length, &goes_along);
    if (option == NULL) {
        char *name = bl__host_format("%.*s", (int)length, word);
        complain_unknown(name);
        free(name);
        return -1;
    }
    if (option->value == NULL && value != NULL) {
        fprintf(stderr, "belay-test: %s takes no value\n", option->name);
        return -1;
    }
    if (option->value != NULL && option->value[0] != '[') {
        value = take_value(reader, option, value);
        if (value == NULL) return -1;
    }
    return apply(reader, option, value, goes_along);
}

static int read_short(struct reader *reader, const char *word) {
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        const char name[] = { '-', *letter, '\0' };
        bool goes_along;
        const struct bl__option *option = find(name, 2, &goes_along);
        if (option == NULL) {
            return complain_unknown(letter == word + 1 ? word : name);
        }
        const char *value = NULL;
        if (option->value != NULL) {
            value = take_value(reader, option, letter[1] ? letter + 1 : NULL);
            if (value == NULL) return -1;
        }
        if (apply(reader, option, value, goes_along) < 0) return -1;
        if (value != NULL) return 0;
    }
    return 0;
}

static int read_words(struct reader *reader) {
    struct bl__test_settings *settings = reader->settings;
    bool are_patterns = false;
    while (reader->at < reader->count) {
        const char *word = reader->words[reader->at++];
        if (are_patterns || word[0] != '-' || word[1] == '\0') {
            settings->patterns[settings->pattern_count++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            are_patterns = true;
            continue;
        }
        int rc =
            word[1] == '-' ? read_long(reader, word) : read_short(reader, word);
        if (rc < 0) return rc;
    }
    return 0;
}

/* ---- all of it ----------------------------------------------------------- */

/*
 * Takes a word from `*at`, in place and without its quotes.  NULL at the end,
 * and at a quote that is not closed, where `*at` then is.
 */
static char *take_word(char **at) {
    char *from = *at + strspn(*at, " \t\n");
    char *word = from;
    char *to = from;
    char quote = '\0';
    *at = from;
    if (*from == '\0') return NULL;
    for (; *from != '\0'; from++) {
        bool is_quote = *from == '\'' || *from == '"';
        if (quote == '\0' && is_quote) {
            quote = *from;
            *at = from;
        } else if (quote != '\0' && *from == quote) {
            quote = '\0';
        } else if (quote == '\0' && strchr(" \t\n", *from) != NULL) {
            break;
        } else {
            *to++ = *from;
        }
    }
    if (quote != '\0') return NULL;
    *at = *from != '\0' ? from + 1 : from;
    *to = '\0';
    return word;
}

/* The words of BELAY_TEST_ARGS, then those of the command line. */
static int collect_words(struct reader *reader, int argc, char **argv) {
    const char *more = getenv("BELAY_TEST_ARGS");
    size_t room = (size_t)argc + 1;
    if (more != NULL) room += strlen(more) / 2 + 1;
    reader->words = bl__host_alloc(room * sizeof reader->words[0]);
    if (more != NULL) {
        char *at = reader->settings->variable = bl__host_format("%s", more);
        char *word;
        while ((word = take_word(&at)) != NULL)
            reader->words[reader->count++] = word;
        if (*at != '\0') {
            fprintf(stderr, "belay-test: BELAY_TEST_ARGS: a quote is not "
                            "closed\n");
            return -1;
        }
    }
    for (int i = 1; i < argc; i++)
        reader->words[reader->count++] = argv[i];
    return 0;
}

static int read_environment(struct bl__test_settings *settings) {
    for (size_t i = 0; i < bl__option_variable_count; i++) {
        const struct bl__option *variable = &bl__option_variables[i];
        const char *value = getenv(variable->name);
        if (value == NULL || *value == '\0') continue;
        if (!variable->apply(settings, value)) {
            fprintf(stderr, "belay-test: %s cannot be '%s'; it takes %s\n",
                    variable->name, value, variable->value);
            return -1;
        }
    }
    return 0;
}

/* What single options cannot see. */
static int check_together(const struct bl__test_settings *settings) {
    char problem[200];
    bool has_terminal =
        settings->is_uncaptured || settings->isolation == BL__ISOLATE_NONE;
    struct bl__text text = bl__text_in(problem, sizeof problem);
    if (settings->keywords != NULL &&
        !bl__match_check(settings->keywords, &text)) {
        fprintf(stderr, "belay-test: -k '%s': %s\n", settings->keywords,
                problem);
        return -1;
    }
    if (has_terminal && settings->tap != NULL &&
        strcmp(settings->tap, "-") == 0) {
        fprintf(stderr, "belay-test: tests that write to the standard output "
                        "would spoil the TAP there; use --tap=FILE\n");
        return -1;
    }
    return 0;
}

static void choose_worker_count(struct bl__test_settings *settings) {
    bool is_watched = bl__host_tracer() > 0 || bl__host_has_valgrind();
    if (settings->worker_count == 0) {
        settings->worker_count = bl__host_cpu_count();
        /* Who wants to read along wants one voice at a time. */
        if (is_watched || settings->is_uncaptured) settings->worker_count = 1;
    }
    if (settings->isolation == BL__ISOLATE_NONE) settings->worker_count = 1;
}

int bl__options_parse(struct bl__test_settings *settings, int argc,
                      char **argv) {
    struct reader reader = { .settings = settings };
    *settings = (struct bl__test_settings){
        .program = argc > 0 && argv[0] != NULL ? argv[0] : "TESTS",
        .has_watchdog = true,
        .seed = 1,
        .timeout_scale = 1,
    };
    int rc = collect_words(&reader, argc, argv);
    settings->patterns = bl__host_alloc(reader.count * sizeof(char *));
    settings->tool_words = bl__host_alloc(2 * reader.count * sizeof(char *));
    if (rc == 0) rc = read_environment(settings);
    if (rc == 0) rc = read_words(&reader);
    free(reader.words);
    if (rc < 0) return rc;
    if (settings->listing == BL__LIST_HELP) {
        print_help(settings->program);
        return 1;
    }
    if (settings->listing == BL__LIST_VERSION) {
        printf("belay-test %s\n", bl_version());
        return 1;
    }
    choose_worker_count(settings);
    return check_together(settings);
}

void bl__options_done(struct bl__test_settings *settings) {
    free(settings->patterns);
    free(settings->tool_words);
    free(settings->variable);
}
