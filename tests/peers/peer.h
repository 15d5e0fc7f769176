/* SPDX-License-Identifier: MIT */
/*
 * peers/peer.h - a program that somebody else wrote, at the other end
 *
 * Its standard input and output are a stream.  It is killed when the test's
 * process ends, whatever that ends of.  Where a program is not installed its
 * tests are skipped, which is said; `make test` installs it where it can.
 *
 * Nobody sleeps: a server of somebody else's is ready when it says so, and
 * listens at a port that the kernel chose.
 */
#ifndef PEERS_PEER_H
#define PEERS_PEER_H

#include <sys/types.h>

#include <belay.h>
#include <belay/test.h>

struct peer {
    pid_t pid;
    bl_stream *stream; /* to its standard input, from its standard output */
    bl_reader reader;  /* of its standard output; mind what it has buffered */
    int input;         /* the stream's; see peer_command */
};

/* Where its error messages go. */
enum peer_errors {
    PEER_QUIET,
    PEER_HEARD /* to its standard output */
};

/* Starts a program, found as a shell would; the last argument is NULL. */
struct peer peer_start_all(enum peer_errors errors, const char *const *argv);
#define peer_start(...) \
    peer_start_all(PEER_QUIET, (const char *const[]){ __VA_ARGS__, NULL })
#define peer_start_heard(...) \
    peer_start_all(PEER_HEARD, (const char *const[]){ __VA_ARGS__, NULL })

/* Reads lines until one contains `text`, and returns what stands behind it,
 * valid until the next line.  Fails the test at the end of the output. */
const char *peer_await(struct peer *peer, const char *text);

/* The same, but NULL at the end of the output. */
const char *peer_try_await(struct peer *peer, const char *text);

/* Writes a line to its standard input by one system call: some programs take
 * what they read at once for one command.  Streams may write it in pieces. */
void peer_command(const struct peer *peer, const char *line);

/* Closes its standard input and output, and waits until it has ended.
 * Returns its exit status; -1 if a signal has ended it. */
int peer_end(struct peer *peer);

/* The same, ending it. */
void peer_kill(struct peer *peer);

/* For .skip_if: PEER_NEEDED(socat) defines no_socat. */
bool peer_is_installed(const char *program);
#define PEER_NEEDED(program)                                \
    static const char *no_##program(void) {                 \
        if (peer_is_installed(#program)) return NULL;       \
        return "the program " #program " is not installed"; \
    }

/* A path in t_tmpdir, and a file there; both valid until the test ends. */
const char *peer_path(const char *folder, const char *name);
const char *peer_file(const char *folder, const char *name, const char *text);

/* "127.0.0.1:4711" in static memory, and the port alone. */
const char *peer_address(const bl_addr *address);
const char *peer_port(const bl_addr *address);

/* A port that is free, by UDP too, at this moment: for servers that cannot let
 * the kernel choose.  Be ready to try another one. */
bl_addr peer_free_address(void);

/* The address "127.0.0.1:4711" that stands at the beginning of `text`. */
bl_addr peer_parse(const char *text);

#endif
