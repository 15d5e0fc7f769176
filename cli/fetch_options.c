/* SPDX-License-Identifier: MIT */
/*
 * cli/fetch_options.c - what the command line of `belay fetch` asks for
 */
#include "fetch_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <belay/error.h>
#include <belay/http/url.h>

#include "command.h"
#include "options.h"
#include "quantity.h"

enum {
    NAME_BYTES = 256, /* as long as names of files can be */
    RETRIES_MAX = 1000,
    SUFFIX_BYTES = sizeof ".part.tag" - 1 /* has to fit as well */
};

const char fetch_usage[] =
    "usage: belay fetch [OPTION...] URL...\n"
    "\n"
    "Downloads files by HTTP, several at once.  A file has its name when it "
    "is\n"
    "whole, and not before: until then what has come is in NAME.part.\n"
    "\n"
    "Files:\n"
    "  -o, --output FILE   the name of the file, for one URL\n"
    "  -d, --directory DIR where the files go, named as their URLs end (.);\n"
    "                      it is made if it is not there\n"
    "  -c, --continue      go on where an earlier run was stopped, and leave\n"
    "                      what is there; keep what has come if it is stopped\n"
    "                      again\n"
    "      --max SIZE      refuse longer files: 10M, 1G\n"
#if BELAY_CLI_TLS
    "      --sha256 HEX    what the file must have, for one URL\n"
#endif
    "\n"
    "Network:\n"
    "  -j, --jobs N        downloads at once (4)\n"
    "  -r, --retries N     after failures that may pass (4)\n"
    "  -t, --timeout TIME  of each file, with all its tries: 90s, 10m\n"
    "  -H, --header LINE   \"Name: value\"; may be repeated\n"
#if BELAY_CLI_TLS
    "  -k, --insecure      whoever it is, with TLS\n"
    "      --roots FILE    certificates to believe, instead of the system's\n"
#else
    "This program was built without TLS.\n"
#endif
    "Proxies are those that http_proxy, https_proxy and no_proxy name.\n"
    "\n"
    "Telling:\n"
    "  -q, --quiet         failures alone\n"
    "  -h, --help          shows this\n"
    "\n"
    "Exit status: 0; 1 if a file could not be had; 2 if the command line is\n"
    "wrong; 130 after Ctrl-C.\n"
    "\n"
    "Examples:\n"
    "  belay fetch http://example.org/a.iso http://example.org/b.iso\n"
    "  belay fetch -c -d isos -j 2 http://example.org/a.iso\n"
    "  belay fetch -o page.html http://example.org/\n";

/* Options that have no letter. */
enum {
    OPTION_MAX = 256,
    OPTION_SHA256,
    OPTION_ROOTS
};

static const struct option known[] = {
    { "output", required_argument, NULL, 'o' },
    { "directory", required_argument, NULL, 'd' },
    { "continue", no_argument, NULL, 'c' },
    { "max", required_argument, NULL, OPTION_MAX },
    { "sha256", required_argument, NULL, OPTION_SHA256 },
    { "jobs", required_argument, NULL, 'j' },
    { "retries", required_argument, NULL, 'r' },
    { "timeout", required_argument, NULL, 't' },
    { "header", required_argument, NULL, 'H' },
    { "insecure", no_argument, NULL, 'k' },
    { "roots", required_argument, NULL, OPTION_ROOTS },
    { "quiet", no_argument, NULL, 'q' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

/* ---- names --------------------------------------------------------------- */

/* Returns NULL, or why it is none, valid until the next failure. */
static const char *parse(const char *url, bl_url *parsed) {
    int rc = bl_url_parse(url, parsed);
    if (rc == 0) return NULL;
    return bl_error_text(rc);
}

const char *fetch_name_of(const char *url, char *name, size_t bytes) {
    bl_url parsed;
    char last[BL_URL_BYTES_MAX + 1];
    const char *wrong = parse(url, &parsed);
    if (wrong != NULL) return wrong;
    size_t length = strcspn(parsed.target, "?");
    size_t start = length;
    while (parsed.target[start - 1] != '/')
        start--;
    memcpy(last, parsed.target + start, length - start);
    last[length - start] = '\0';
    bl_url_done(&parsed);

    bl_ssize count = bl_http_decode(last, name, bytes);
    if (count < 0) return "ends with what cannot be a name: use -o";
    if (count == 0) snprintf(name, bytes, "index.html");
    /* What is decoded may lead elsewhere, or hide. */
    if (name[0] == '.' || strchr(name, '/') != NULL) {
        return "ends with what should not be a name: use -o";
    }
    for (const char *byte = name; *byte != '\0'; byte++) {
        if ((unsigned char)*byte < ' ' || *byte == 0x7f) {
            return "ends with what should not be a name: use -o";
        }
    }
    if (strlen(name) + SUFFIX_BYTES >= NAME_BYTES) {
        return "ends with a name that is too long: use -o";
    }
    return NULL;
}

/* ---- single options ------------------------------------------------------ */

static bool read_sum(const char *text, struct fetch_options *options) {
    if (strlen(text) != 2 * FETCH_SUM_BYTES) return false;
    if (text[strspn(text, "0123456789abcdefABCDEF")] != '\0') return false;
    for (size_t i = 0; i < FETCH_SUM_BYTES; i++) {
        char digits[3] = { text[2 * i], text[2 * i + 1], '\0' };
        options->sum[i] = (unsigned char)strtoul(digits, NULL, 16);
    }
    options->has_sum = true;
    return true;
}

/* "Name: value" is taken apart in its place, which is ours. */
static bool read_header(char *line, struct fetch_options *options) {
    char *colon = strchr(line, ':');
    if (colon == NULL) return false;
    if (options->header_count == FETCH_HEADERS_MAX) return false;
    *colon = '\0';
    const char *value = colon + 1 + strspn(colon + 1, " \t");
    if (!bl_http_field_is_valid(line, value)) {
        *colon = ':'; /* it is shown */
        return false;
    }
    options->headers[options->header_count++] =
        (bl_http_field){ .name = line, .value = value };
    return true;
}

static bool read_option(void *arg, int letter, char *text) {
    struct fetch_options *options = arg;
    uint64_t retries;
    switch (letter) {
    case 'o': options->output = text; return text[0] != '\0';
    case 'd': options->directory = text; return text[0] != '\0';
    case 'c': options->resumes = true; return true;
    case 'j': return quantity_read_some(text, FETCH_JOBS_MAX, &options->jobs);
    case 'r':
        if (!quantity_read_count(text, RETRIES_MAX, &retries)) return false;
        options->retries = (uint32_t)retries;
        return true;
    case 't':
        return quantity_read_time(text, &options->timeout) &&
               options->timeout > 0;
    case 'H': return read_header(text, options);
    case 'k': options->is_unverified = true; return true;
    case 'q': options->is_quiet = true; return true;
    case OPTION_ROOTS: options->roots_file = text; return true;
    case OPTION_SHA256: return read_sum(text, options);
    case OPTION_MAX:
        return quantity_read_bytes(text, INT64_MAX, &options->bytes_max);
    default: return false;
    }
}

/* ---- the whole line ------------------------------------------------------ */

/* Takes the words apart.  Returns -1 to go on, or the exit status. */
static int read_words(int argc, char **argv, struct fetch_options *options) {
    static const struct options all = { known, ":o:d:cj:r:t:H:kqh",
                                        read_option };
    int status = options_read(&fetch_command, &all, argc, argv, options);
    if (status >= 0) return status;
    options->urls = argv + optind;
    options->url_count = (size_t)(argc - optind);
    return -1;
}

/* What the options mean together. */
static int check(const struct fetch_options *options) {
    if (options->url_count == 0) {
        return command_refuse(&fetch_command, "no URL given");
    }
    if (options->url_count > 1 && options->output != NULL) {
        return command_refuse(&fetch_command, "-o is for one URL: see -d");
    }
    if (options->url_count > 1 && options->has_sum) {
        return command_refuse(&fetch_command, "--sha256 is for one URL");
    }
    if (options->output != NULL && options->directory != NULL) {
        return command_refuse(&fetch_command, "-o and -d exclude each other");
    }
    if (options->has_sum && !BELAY_CLI_TLS) {
        return command_refuse(&fetch_command,
                              "this program was built without OpenSSL");
    }
    return -1;
}

static char *join(const char *folder, const char *name) {
    size_t bytes = strlen(folder) + strlen("/") + strlen(name) + 1;
    char *path = malloc(bytes);
    if (path != NULL) snprintf(path, bytes, "%s/%s", folder, name);
    return path;
}

/* Two files of one name would be one. */
static int check_path(const struct fetch_options *options, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (strcmp(options->paths[i], options->paths[index]) != 0) continue;
        return command_refuse(&fetch_command, "'%s' and '%s' would be one file",
                              options->urls[i], options->urls[index]);
    }
    return -1;
}

static int make_path(struct fetch_options *options, size_t index) {
    char name[NAME_BYTES];
    const char *url = options->urls[index];
    const char *folder = options->directory;
    bl_url parsed = { 0 };
    const char *wrong = options->output != NULL
                            ? parse(url, &parsed)
                            : fetch_name_of(url, name, sizeof name);
    bl_url_done(&parsed);
    if (wrong != NULL) {
        return command_refuse(&fetch_command, "the URL '%s': %s", url, wrong);
    }
    if (options->output != NULL) {
        options->paths[index] = strdup(options->output);
    } else {
        options->paths[index] = join(folder == NULL ? "." : folder, name);
    }
    if (options->paths[index] == NULL) {
        return command_refuse(&fetch_command, "no memory");
    }
    return check_path(options, index);
}

int fetch_options_read(int argc, char **argv, struct fetch_options *options) {
    *options = (struct fetch_options){
        .jobs = 4,
        .retries = 4,
        .timeout = BL_FOREVER,
        .bytes_max = UINT64_MAX,
    };
    int status = read_words(argc, argv, options);
    if (status < 0) status = check(options);
    if (status >= 0) return status;
    options->paths = calloc(options->url_count, sizeof options->paths[0]);
    if (options->paths == NULL) {
        return command_refuse(&fetch_command, "no memory");
    }
    for (size_t i = 0; i < options->url_count; i++) {
        status = make_path(options, i);
        if (status < 0) continue;
        fetch_options_done(options);
        return status;
    }
    return -1;
}

void fetch_options_done(struct fetch_options *options) {
    for (size_t i = 0; options->paths != NULL && i < options->url_count; i++) {
        free(options->paths[i]);
    }
    free(options->paths);
    options->paths = NULL;
}
