/* SPDX-License-Identifier: MIT */
/*
 * test/match.c - which cases are meant
 *
 * A pattern names a case by its id or a part that ends where a name ends.  The
 * expression of -k is made of words, `and`, `or`, `not` and parentheses; a word
 * is true if it occurs in the case's id or is one of its tags.
 *
 * Tests with a tag that begins with a dot are hidden: they run only when a
 * pattern without wildcards names them, or -k asks for that tag.
 */
#include "test/match.h"

#include <ctype.h>
#include <string.h>

/* ---- patterns ----------------------------------------------------------- */

/*
 * Whether `text` fits `pattern`, in which * stands for any text and ? for any
 * character.  Brackets stand for themselves: they are part of names.
 */
static bool glob(const char *pattern, const char *text) {
    const char *star = NULL;
    const char *retry = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

bool bl__match_pattern(const char *pattern,
                       const struct bl__test_case *test_case) {
    const char *test = test_case->test->name;
    const char *colons = strstr(pattern, "::");
    if (colons != NULL) {
        if (glob(pattern, test_case->id)) return true;
        /* file::test stands for all its parameters. */
        size_t file_length = strlen(test_case->file) + strlen("::");
        size_t length = file_length + strlen(test);
        char bare[512];
        if (length >= sizeof bare) return false;
        memcpy(bare, test_case->id, length);
        bare[length] = '\0';
        return glob(pattern, bare);
    }
    return glob(pattern, test) || glob(pattern, test_case->name) ||
           glob(pattern, test_case->file);
}

/* ---- expressions -------------------------------------------------------- */

struct parser {
    const char *at;
    const struct bl__test_case *test_case; /* NULL: only the form matters */
    const char *wanted; /* what is missing at wrong_at; NULL: it can be read */
    const char *wrong_at;
    bool names_hidden; /* a word was the hidden tag of the case */
};

static bool has_tag(const char *tags, const char *word, size_t length) {
    if (tags == NULL) return false;
    while (*tags != '\0') {
        size_t space = strcspn(tags, " ");
        if (space == length && strncmp(tags, word, length) == 0) return true;
        tags += space;
        while (*tags == ' ')
            tags++;
    }
    return false;
}

bool bl__match_has_tag(const struct bl__test_case *test_case, const char *tag) {
    return has_tag(test_case->test->options.tags, tag, strlen(tag));
}

static bool contains(const char *text, const char *word, size_t length) {
    for (; *text != '\0'; text++) {
        if (strncmp(text, word, length) == 0) return true;
    }
    return false;
}

static size_t word_length(const char *at) {
    size_t length = 0;
    while (at[length] != '\0' && !isspace((unsigned char)at[length]) &&
           at[length] != '(' && at[length] != ')') {
        length++;
    }
    return length;
}

static void skip_spaces(struct parser *parser) {
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

/* Takes the next word if it is `keyword`. */
static bool take(struct parser *parser, const char *keyword) {
    skip_spaces(parser);
    size_t length = word_length(parser->at);
    if (length != strlen(keyword)) return false;
    if (strncmp(parser->at, keyword, length) != 0) return false;
    parser->at += length;
    return true;
}

static bool parse_or(struct parser *parser);

/* Only the first problem counts: what follows is read out of step. */
static bool miss(struct parser *parser, const char *wanted) {
    if (parser->wanted == NULL) {
        parser->wanted = wanted;
        parser->wrong_at = parser->at;
    }
    return false;
}

static bool is_operator(const char *word, size_t length) {
    return (length == 3 && strncmp(word, "and", 3) == 0) ||
           (length == 2 && strncmp(word, "or", 2) == 0);
}

static bool parse_word(struct parser *parser) {
    const char *word = parser->at;
    size_t length = word_length(word);
    if (length == 0 || is_operator(word, length)) {
        return miss(parser, "a word or '('");
    }
    parser->at += length;
    if (parser->test_case == NULL) return true;
    const char *tags = parser->test_case->test->options.tags;
    if (has_tag(tags, word, length)) {
        if (word[0] == '.') parser->names_hidden = true;
        return true;
    }
    return contains(parser->test_case->id, word, length);
}

static bool parse_not(struct parser *parser) {
    bool is_negated = false;
    while (take(parser, "not"))
        is_negated = !is_negated;
    skip_spaces(parser);
    if (*parser->at != '(') return parse_word(parser) != is_negated;

    parser->at++;
    bool value = parse_or(parser);
    skip_spaces(parser);
    if (*parser->at != ')') return miss(parser, "')'");
    parser->at++;
    return value != is_negated;
}

static bool parse_and(struct parser *parser) {
    bool value = parse_not(parser);
    while (take(parser, "and")) {
        bool right = parse_not(parser);
        value = value && right;
    }
    return value;
}

static bool parse_or(struct parser *parser) {
    bool value = parse_and(parser);
    while (take(parser, "or")) {
        bool right = parse_and(parser);
        value = value || right;
    }
    return value;
}

static bool evaluate(struct parser *parser) {
    bool value = parse_or(parser);
    skip_spaces(parser);
    if (*parser->at != '\0') miss(parser, "'and' or 'or'");
    return value && parser->wanted == NULL;
}

bool bl__match_check(const char *keywords, struct bl__text *problem) {
    struct parser parser = { .at = keywords };
    evaluate(&parser);
    if (parser.wanted == NULL) return true;
    bl__text_add(problem, "%s is missing ", parser.wanted);
    if (*parser.wrong_at == '\0') {
        bl__text_add(problem, "at the end");
    } else {
        bl__text_add(problem, "before '%s'", parser.wrong_at);
    }
    return false;
}

/* ---- both --------------------------------------------------------------- */

static bool is_hidden(const struct bl__test_case *test_case) {
    const char *tags = test_case->test->options.tags;
    if (tags == NULL) return false;
    return tags[0] == '.' || strstr(tags, " .") != NULL;
}

/* Whether a pattern that fits names the test, and not many. */
static bool is_a_name(const char *pattern,
                      const struct bl__test_case *test_case) {
    return strpbrk(pattern, "*?") == NULL &&
           strcmp(pattern, test_case->file) != 0;
}

bool bl__match(const struct bl__test_settings *settings,
               const struct bl__test_case *test_case) {
    bool is_meant = settings->pattern_count == 0;
    bool is_named = false;
    for (size_t i = 0; i < settings->pattern_count; i++) {
        const char *pattern = settings->patterns[i];
        if (!bl__match_pattern(pattern, test_case)) continue;
        is_meant = true;
        is_named = is_named || is_a_name(pattern, test_case);
    }
    if (!is_meant) return false;

    struct parser parser = { .at = settings->keywords, .test_case = test_case };
    if (settings->keywords != NULL && !evaluate(&parser)) return false;
    return is_named || parser.names_hidden || !is_hidden(test_case);
}
