/* SPDX-License-Identifier: MIT */
/*
 * cli/blast_options.c - what the command line of `belay blast` asks for
 *
 * Each option is read on its own first; what they mean together is checked
 * afterwards, so that their order does not matter.
 */
#include "blast_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "options.h"
#include "payload.h"
#include "quantity.h"

const char blast_usage[] =
    "usage: belay blast [OPTION...] URL\n"
    "\n"
    "Sends requests at a fixed rate, whether answers come or not, and tells "
    "how\n"
    "long answers take, counted from when each request was due.  So a server\n"
    "that stands still for a second has a second in its percentiles, and not\n"
    "one slow request.\n"
    "\n"
    "URL is one of\n"
    "  http://HOST[:PORT][/PATH]    HTTP/1.1; also without the http://\n"
    "  https://HOST[:PORT][/PATH]   the same in TLS\n"
    "  tcp://HOST:PORT              bytes, for a server that sends bytes back\n"
    "  tls://HOST:PORT              the same in TLS\n"
    "  unix:PATH                    the same over a local socket\n"
#if !BELAY_CLI_HTTP
    "This program was built without HTTP.\n"
#endif
#if !BELAY_CLI_TLS
    "This program was built without TLS.\n"
#endif
    "\n"
    "Load:\n"
    "  -r, --rate N          requests per second: 2000, 1.5k, 90/m (1000);\n"
    "                        0: as fast as answers come, a closed loop\n"
    "  -d, --duration TIME   how long: 30s, 5m, 1h (10s)\n"
    "  -N, --count N         so many requests, instead of or besides -d\n"
    "  -W, --warmup TIME     load before that, which is not measured (0)\n"
    "  -c, --connections N   open at once (10)\n"
    "  -n, --no-keepalive    a new connection for each request\n"
    "  -t, --timeout TIME    after which a request has failed (10s)\n"
    "  -w, --workers N       threads that share the load, each with its loop "
    "(1)\n"
    "  -p, --precise         they never sleep, so none has to be woken up\n"
    "\n"
    "HTTP:\n"
    "  -m, --method NAME     GET, or POST where there is a body\n"
    "  -H, --header LINE     \"Name: value\"; may be repeated\n"
    "  -b, --body DATA       DATA may be @FILE, and may have \\r \\n \\t \\0 "
    "\\\\ \\xHH\n"
    "  -s, --size BYTES      a body of so many bytes instead: 64, 4K\n"
    "\n"
    "Bytes:\n"
    "  -b, --body DATA       what is sent\n"
    "  -s, --size BYTES      so many bytes instead (64)\n"
    "  -R, --reply BYTES     an answer has so many (as many as are sent); 0:\n"
    "                        none is awaited\n"
    "  -u, --until DATA      an answer ends with this instead: '\\r\\n'\n"
    "  -x, --any-reply       an answer as long as what was sent need not be "
    "the\n"
    "                        same\n"
    "\n"
    "Connecting:\n"
    "      --connect ADDRESS to there, whatever the URL says: HOST:PORT or\n"
    "                        unix:PATH\n"
    "      --from ADDRESS    from this address of ours; repeated, they take "
    "turns:\n"
    "                        each has some 28,000 ports for one server\n"
    "  -k, --insecure        whoever it is, with TLS\n"
    "      --roots FILE      certificates to believe, instead of the system's\n"
    "\n"
    "Telling:\n"
    "  -q, --quiet           no progress while it runs\n"
    "      --json FILE       the report as JSON too; '-': on standard output,\n"
    "                        instead of the report\n"
    "      --fail-above PERCENT\n"
    "                        so many requests may fail (0)\n"
    "  -h, --help            shows this\n"
    "\n"
    "The report tells two times of each answered request: its latency, from "
    "when\n"
    "it was due, and the time from when it was really sent.  They differ by "
    "how\n"
    "long it had to wait for a free connection.  Ctrl-C ends the run early "
    "and\n"
    "prints the report so far.\n"
    "\n"
    "Exit status: 0; 1 if requests failed or the rate could not be held; 2 if "
    "the\n"
    "command line is wrong; 130 after Ctrl-C.\n"
    "\n"
    "Examples:\n"
    "  belay blast http://localhost:8080/\n"
    "  belay blast -r 20k -c 50 -d 30s -W 2s http://localhost:8080/\n"
    "  belay blast -r 0 -c 1 -N 10000 tcp://localhost:7000\n"
    "  belay blast -b 'PING\\r\\n' -u '\\r\\n' tcp://localhost:6379\n"
    "  belay blast -r 500 --json report.json --fail-above 0.1 "
    "https://host/api\n";

/* Options that have no letter. */
enum {
    OPTION_CONNECT = 256,
    OPTION_FROM,
    OPTION_ROOTS,
    OPTION_JSON,
    OPTION_FAIL_ABOVE
};

static const struct option known[] = {
    { "rate", required_argument, NULL, 'r' },
    { "duration", required_argument, NULL, 'd' },
    { "count", required_argument, NULL, 'N' },
    { "warmup", required_argument, NULL, 'W' },
    { "connections", required_argument, NULL, 'c' },
    { "no-keepalive", no_argument, NULL, 'n' },
    { "timeout", required_argument, NULL, 't' },
    { "workers", required_argument, NULL, 'w' },
    { "precise", no_argument, NULL, 'p' },
    { "method", required_argument, NULL, 'm' },
    { "header", required_argument, NULL, 'H' },
    { "body", required_argument, NULL, 'b' },
    { "size", required_argument, NULL, 's' },
    { "reply", required_argument, NULL, 'R' },
    { "until", required_argument, NULL, 'u' },
    { "any-reply", no_argument, NULL, 'x' },
    { "connect", required_argument, NULL, OPTION_CONNECT },
    { "from", required_argument, NULL, OPTION_FROM },
    { "insecure", no_argument, NULL, 'k' },
    { "roots", required_argument, NULL, OPTION_ROOTS },
    { "quiet", no_argument, NULL, 'q' },
    { "json", required_argument, NULL, OPTION_JSON },
    { "fail-above", required_argument, NULL, OPTION_FAIL_ABOVE },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static const char letters[] = ":r:d:N:W:c:nt:w:pm:H:b:s:R:u:xkqh";

/* What was given, before it is known what it means together. */
struct given {
    struct blast_options *options;
    const char *body;
    const char *until;
    bool has_duration;
    bool has_count;
    bool has_reply;
    bool has_size;
    bool is_any_reply;
    uint64_t size;
};

/* ---- single options ------------------------------------------------------ */

static bool read_positive_time(const char *text, bl_ns *time) {
    bl_ns value;
    if (!quantity_read_time(text, &value) || value == 0) return false;
    *time = value;
    return true;
}

static bool read_percent(const char *text, double *share) {
    char *end;
    double percent = strtod(text, &end);
    if (end == text || *end != '\0') return false;
    if (!(percent >= 0 && percent <= 100)) return false;
    *share = percent / 100;
    return true;
}

static bool add_header(struct blast_options *options, const char *line) {
    size_t name = strcspn(line, ": \t\r\n");
    if (name == 0 || line[name] != ':') return false;
    if (strpbrk(line, "\r\n") != NULL) return false;
    if (options->header_count == BLAST_HEADERS_MAX) return false;
    options->headers[options->header_count++] = line;
    return true;
}

static bool add_address(struct blast_options *options, const char *text) {
    bool has_colon = strchr(text, ':') != NULL;
    char with_port[BL_ADDR_TEXT_BYTES];

    if (options->from_count == BLAST_FROM_MAX) return false;
    snprintf(with_port, sizeof(with_port), has_colon ? "[%s]:0" : "%s:0", text);
    int rc = bl_addr_parse(with_port, &options->from[options->from_count]);
    if (rc < 0) return false;
    options->from_count++;
    return true;
}

static bool is_token(const char *text) {
    static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ-";
    return text[0] != '\0' && text[strspn(text, capitals)] == '\0';
}

/* What load there is.  Returns whether the option is understood. */
static bool read_load(struct given *given, int letter, const char *text) {
    struct blast_options *options = given->options;

    switch (letter) {
    case 'r':
        return quantity_read_rate(text, BLAST_RATE_MILLI_MAX,
                                  &options->rate_milli);
    case 'd':
        given->has_duration = true;
        return read_positive_time(text, &options->duration);
    case 'N':
        given->has_count = true;
        return quantity_read_count(text, BLAST_COUNT_MAX, &options->count) &&
               options->count > 0;
    case 'W': return quantity_read_time(text, &options->warmup);
    case 'c':
        return quantity_read_some(text, BLAST_CONNECTIONS_MAX,
                                  &options->connections);
    case 'n': options->is_fresh = true; return true;
    case 'p': options->is_precise = true; return true;
    case 't': return read_positive_time(text, &options->timeout);
    case 'w':
        return quantity_read_some(text, BLAST_WORKERS_MAX, &options->workers);
    default: return false;
    }
}

/* What is sent, and what is an answer to it. */
static bool read_talk(struct given *given, int letter, const char *text) {
    struct blast_options *options = given->options;

    switch (letter) {
    case 'm': options->method = text; return is_token(text);
    case 'H': return add_header(options, text);
    case 'b': given->body = text; return true;
    case 's':
        given->has_size = true;
        return quantity_read_bytes(text, PAYLOAD_BYTES_MAX, &given->size);
    case 'R':
        given->has_reply = true;
        return quantity_read_bytes(text, UINT64_C(1) << 50,
                                   &options->reply_bytes);
    case 'u': given->until = text; return true;
    case 'x': given->is_any_reply = true; return true;
    default: return false;
    }
}

static bool read_other(struct given *given, int letter, const char *text) {
    struct blast_options *options = given->options;

    switch (letter) {
    case OPTION_CONNECT: options->connect = text; return true;
    case OPTION_FROM: return add_address(options, text);
    case OPTION_ROOTS: options->roots_file = text; return true;
    case OPTION_JSON: options->json = text; return true;
    case OPTION_FAIL_ABOVE: return read_percent(text, &options->failures_max);
    case 'k': options->is_unverified = true; return true;
    case 'q': options->is_quiet = true; return true;
    default: return false;
    }
}

static bool read_option(void *arg, int letter, char *text) {
    struct given *given = arg;
    return read_load(given, letter, text) || read_talk(given, letter, text) ||
           read_other(given, letter, text);
}

/* ---- the whole line ------------------------------------------------------ */

/* Takes the words apart.  Returns -1 to go on, or the exit status. */
static int read_words(int argc, char **argv, struct given *given) {
    static const struct options all = { known, letters, read_option };
    int status = options_read(&blast_command, &all, argc, argv, given);
    if (status >= 0) return status;
    if (optind == argc) return command_refuse(&blast_command, "no URL given");
    if (optind + 1 < argc) {
        return command_refuse(&blast_command,
                              "one URL at a time, not also '%s'",
                              argv[optind + 1]);
    }
    given->options->url = argv[optind];
    return -1;
}

static int read_target(struct blast_options *options) {
    const char *wrong = blast_target_read(options->url, &options->target);
    if (wrong != NULL) {
        return command_refuse(&blast_command, "the URL '%s' %s", options->url,
                              wrong);
    }
    if (options->target.is_tls && !BELAY_CLI_TLS) {
        return command_refuse(&blast_command,
                              "this program was built without belay-tls");
    }
    if (options->target.is_http && !BELAY_CLI_HTTP) {
        return command_refuse(&blast_command,
                              "this program was built without an HTTP parser");
    }
    return -1;
}

/* Options that mean nothing to this kind of target are slips. */
static int check_kind(const struct given *given) {
    const struct blast_options *options = given->options;
    bool has_http = options->method != NULL || options->header_count > 0;
    bool has_bytes =
        given->has_reply || given->until != NULL || given->is_any_reply;

    if (options->target.is_http && has_bytes) {
        return command_refuse(&blast_command,
                              "-R, -u and -x are not for HTTP, which knows "
                              "where an answer ends");
    }
    if (!options->target.is_http && has_http) {
        return command_refuse(&blast_command, "-m and -H are for HTTP alone");
    }
    if (given->has_count && options->warmup > 0) {
        return command_refuse(&blast_command,
                              "-N counts every request, so there is no -W");
    }
    if (given->has_reply && given->until != NULL) {
        return command_refuse(&blast_command, "-R and -u exclude each other");
    }
    if (given->body != NULL && given->has_size) {
        return command_refuse(&blast_command, "-b and -s exclude each other");
    }
    if (options->workers > options->connections) {
        return command_refuse(&blast_command,
                              "%u workers need as many connections: -c",
                              options->workers);
    }
    return -1;
}

static int read_body(struct given *given) {
    struct blast_options *options = given->options;
    const char *wrong = NULL;

    if (given->body != NULL) {
        wrong = payload_read(given->body, &options->body, &options->body_bytes);
        if (wrong != NULL) {
            return command_refuse(&blast_command, "the body '%s' %s",
                                  given->body, wrong);
        }
    } else if (given->has_size || !options->target.is_http) {
        options->body_bytes = given->has_size ? (size_t)given->size : 64;
        options->body = payload_pattern(options->body_bytes);
        if (options->body == NULL) {
            return command_refuse(&blast_command, "no memory for the body");
        }
    }
    if (given->until == NULL) return -1;
    wrong = payload_read(given->until, &options->until, &options->until_bytes);
    if (wrong == NULL && options->until_bytes == 0) wrong = "is empty";
    if (wrong == NULL && options->until_bytes > BLAST_UNTIL_BYTES_MAX) {
        wrong = "is too long";
    }
    if (wrong == NULL) return -1;
    return command_refuse(&blast_command, "the end '%s' %s", given->until,
                          wrong);
}

/* What follows from what was given. */
static int conclude(struct given *given) {
    struct blast_options *options = given->options;
    bool is_http = options->target.is_http;

    if (given->has_count && !given->has_duration)
        options->duration = BL_FOREVER;
    if (options->method == NULL) {
        options->method = options->body != NULL ? "POST" : "GET";
    }
    if (!given->has_reply) options->reply_bytes = options->body_bytes;
    options->is_echo = !is_http && !given->is_any_reply &&
                       options->until_bytes == 0 &&
                       options->reply_bytes == options->body_bytes;
    if (!is_http && options->body_bytes == 0) {
        return command_refuse(&blast_command, "there is nothing to send");
    }
    return -1;
}

static int read_all(int argc, char **argv, struct given *given) {
    int status = read_words(argc, argv, given);
    if (status < 0) status = read_target(given->options);
    if (status < 0) status = check_kind(given);
    if (status < 0) status = read_body(given);
    if (status < 0) status = conclude(given);
    return status;
}

int blast_options_read(int argc, char **argv, struct blast_options *options) {
    struct given given = { .options = options };

    *options = (struct blast_options){
        .rate_milli = 1000 * 1000,
        .duration = BL_SEC(10),
        .count = BLAST_COUNT_MAX,
        .connections = 10,
        .workers = 1,
        .timeout = BL_SEC(10),
    };
    int status = read_all(argc, argv, &given);
    if (status >= 0) blast_options_done(options);
    return status;
}

void blast_options_done(struct blast_options *options) {
    free(options->body);
    free(options->until);
    options->body = NULL;
    options->until = NULL;
}
