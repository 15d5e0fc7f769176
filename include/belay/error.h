/* SPDX-License-Identifier: MIT */
/*
 * belay/error.h - codes for programs, error objects and trees for people
 *
 * A call that fails returns a negative code; the code alone decides what a
 * program does next.  Beside it, the task's *current error* holds an error
 * object: message, origin, the functions it passed through, and, for a group,
 * the tree of what its children returned.  The object counts only while its
 * code equals the code at hand, so a stale one is never blamed.
 *
 * Error objects are immutable once they leave the slot, reference counted,
 * and may be handed to other threads.
 */
#ifndef BELAY_ERROR_H
#define BELAY_ERROR_H

#include <errno.h>
#include <stdio.h>

#include <belay/base.h>

BL_BEGIN_DECLS

/* The errors that a group collects, in the order in which they happened. */
struct bl__errors {
    bl_error **_items;
    uint32_t _count;
    uint32_t _capacity;
    uint32_t _lost_count; /* recorded by code alone: there was no memory */
    int _lost_codes[4];
};

/* Codes that are the system's own, negated. */
enum {
    BL_EPERM = -EPERM,
    BL_EINTERRUPTED = -EINTR, /* the root was cancelled by a signal */
    BL_EIO = -EIO,
    BL_EBADF = -EBADF,
    BL_EAGAIN = -EAGAIN, /* a try_ call would have to wait */
    BL_ENOMEM = -ENOMEM,
    BL_EBUSY = -EBUSY, /* another task waits here in the same direction */
    BL_EINVAL = -EINVAL,
    BL_EMFILE = -EMFILE,
    BL_EPIPE = -EPIPE,
    BL_EPROTO = -EPROTO,     /* what came is not what was agreed on */
    BL_EMSGSIZE = -EMSGSIZE, /* longer than there is room for */
    BL_EADDRINUSE = -EADDRINUSE,
    BL_ENOENT = -ENOENT, /* no such file or directory */
    BL_ESRCH = -ESRCH,   /* the process has ended */
    BL_ENXIO = -ENXIO,
    BL_ENOEXEC = -ENOEXEC, /* the file is no program */
    BL_EACCES = -EACCES,
    BL_EEXIST = -EEXIST,
    BL_ENOTDIR = -ENOTDIR,
    BL_EISDIR = -EISDIR,
    BL_EFBIG = -EFBIG,
    BL_ENOSPC = -ENOSPC,
    BL_ESPIPE = -ESPIPE, /* what has no offsets */
    BL_ENOTEMPTY = -ENOTEMPTY,
    BL_EDEADLK = -EDEADLK, /* the wait could never end */
    BL_EALREADY = -EALREADY,
    BL_EOVERFLOW = -EOVERFLOW,   /* a release beyond the bound */
    BL_EOWNERDEAD = -EOWNERDEAD, /* the lock's owner ended holding it */
    BL_ESHUTDOWN = -ESHUTDOWN,   /* the queue was shut down */
    BL_ETIMEDOUT = -ETIMEDOUT,
    BL_ECANCELED = -ECANCELED, /* a scope was cancelled; it did not happen */
    BL_ECONNRESET = -ECONNRESET,
    BL_ECONNREFUSED = -ECONNREFUSED,
    BL_ENOTSUP = -EOPNOTSUPP
};

/* Codes of the core's own: -10001 and below. */
enum {
    BL_EGROUP = -10001,       /* the current error is a tree */
    BL_ESTRAYCANCEL = -10002, /* BL_ECANCELED that nobody had asked for */
    BL_ECLOSING = -10003,     /* spawn into a group that is being cancelled */
    BL_ECLOSED = -10004,      /* the group, loop or descriptor is finished */
    BL_ENOTSTARTED = -10005,  /* the child ended before bl_started */
    BL_ENOLOOP = -10006,      /* no loop runs on this thread */
    BL_ENOTASK = -10007,      /* a loop callback cannot wait */
    BL_ETHREAD = -10008,      /* the object belongs to another loop */
    BL_ENOTDONE = -10009,     /* the task has no result yet */
    BL_EMISUSE = -10010,      /* the object is not in a state for this call */
    BL_EDEADLOCK = -10011,    /* every task waits and nothing can wake one */
    BL_EBROKEN = -10012       /* the barrier is broken */
};

/* Codes of TLS (<belay/tls.h>): -10301 and below. */
enum {
    BL_ETLS = -10301,          /* no TLS, or nothing to agree on */
    BL_ETLSALERT = -10302,     /* the peer refuses */
    BL_ETLSTRUNCATED = -10303, /* an end that the peer did not announce */
    BL_ECERT = -10304,         /* bad in a way that has no code of its own */
    BL_ECERTNAME = -10305,     /* for somebody else */
    BL_ECERTEXPIRED = -10306,  /* or not valid yet */
    BL_ECERTUNKNOWN = -10307,  /* no root that is believed */
    BL_ECERTSELF = -10308,     /* signed by itself alone */
    BL_ECERTREVOKED = -10309
};

/* Codes of <belay/dns.h>: -10101 and below. */
enum {
    BL_EDNS_NONAME = -10101,   /* there is no such name */
    BL_EDNS_NODATA = -10102,   /* the name has no record of this type */
    BL_EDNS_SERVER = -10103,   /* no server could be asked, or each failed */
    BL_EDNS_REFUSED = -10104,  /* the servers refuse to answer */
    BL_EDNS_TIMEOUT = -10105,  /* no server answered in time */
    BL_EDNS_MALFORMED = -10106 /* the answer breaks the protocol */
};

/* Codes of <belay/http.h>: -10201 and below. */
enum {
    BL_EHTTP_MALFORMED = -10201, /* not HTTP, or open to two readings */
    BL_EHTTP_VERSION = -10202,   /* neither HTTP/1.0 nor HTTP/1.1 */
    BL_EHTTP_METHOD = -10203,    /* a method that is not known */
    BL_EHTTP_CODING = -10204,    /* a transfer coding besides chunked */
    BL_EHTTP_TARGET_SIZE = -10205,
    BL_EHTTP_HEAD_SIZE = -10206, /* or too many fields */
    BL_EHTTP_BODY_SIZE = -10207,
    BL_EHTTP_TRUNCATED = -10208,  /* the peer closed in the middle */
    BL_EHTTP_EXPECT = -10209,     /* an expectation that is not known */
    BL_EHTTP_REDIRECT = -10221,   /* one that is not to be followed */
    BL_EHTTP_PROXY = -10222,      /* the proxy refuses */
    BL_EHTTP_UNEXPECTED = -10223, /* a response of another kind */
    BL_EHTTP_EARLY = -10224       /* a response before the whole request */
};

/* Codes of <belay/service.h>: -10501 and below. */
enum {
    BL_ENOTREADY = -10501, /* the body ended before it was ready */
    BL_EEXITED = -10502,   /* the body ended without having been told to */
    BL_ESTATE = -10503     /* not in this state of the service */
};

/*
 * Returns the code's name, such as "BL_ECLOSING", or "BL_E?" if it has none.
 */
BL_API
const char *bl_error_name(int code);

/*
 * Returns one sentence for people about `code`; never NULL.
 *
 * The text is static and safe to use from any thread.
 */
BL_API
const char *bl_strerror(int code);

/*
 * Makes an error object the task's current error and returns `code`.
 *
 * Use it through BL_ERR, which adds the place.  The message is formatted as
 * by printf and cut at 1023 bytes.  An error that is already current with
 * another code becomes the cause only if linked with bl_error_suppress.
 * Without memory the code still stands and a static object takes the place.
 * Outside a task the slot belongs to the thread.
 */
BL_API
BL__PRINTF(4, 5)
int bl_error_raise(int code, const char *function, const char *site,
                   const char *format, ...);

#define BL_ERR(code, ...) bl_error_raise((code), __func__, BL_HERE, __VA_ARGS__)

/*
 * Notes that the current error passed through `function` and returns `code`.
 *
 * Does nothing if the current error has another code.  At most 32 frames are
 * kept: the first 16 and the last 16.
 */
BL_API
int bl_error_trace(int code, const char *function, const char *site);

#define BL_TRACE(code) bl_error_trace((code), __func__, BL_HERE)

/* Evaluates `expression`; a negative result is noted and returned upward. */
#define BL_TRY(expression)                               \
    do {                                                 \
        int bl__try_rc = (expression);                   \
        if (bl__try_rc < 0) return BL_TRACE(bl__try_rc); \
    } while (0)

/*
 * Returns the current error, borrowed, if its code is `code`; else NULL.
 *
 * It stays valid until the next failing call of this task.
 */
BL_API
const bl_error *bl_error_current(int code);

/*
 * Returns what is known about `code`, in one line for people: the message of
 * the current error if that has this code and a message, else bl_strerror's
 * sentence.  Never NULL, and valid until the next failing call of this task.
 */
BL_API
const char *bl_error_text(int code);

/*
 * Prints all that is known about `code` to `file`: the current error as
 * bl_error_print does if it has this code, else the code alone.
 *
 *     int rc = bl_run(main_task, NULL);
 *     if (rc < 0) bl_error_report(rc, stderr);
 */
BL_API
void bl_error_report(int code, FILE *file);

/*
 * Moves the current error out of the slot.
 *
 * Returns it if its code is `code`, and the caller now owns a reference;
 * otherwise makes an object from the bare code.  Never NULL.
 */
BL_API
bl_error *bl_error_take(int code);

/*
 * Makes `error`, which was taken or referenced before, the current error
 * again.  Takes over the caller's reference.
 *
 * Returns its code; 0, with the slot emptied, for NULL.
 */
BL_API
int bl_error_restore(bl_error *error);

/*
 * Says that the current error was dealt with, and empties the slot.
 */
BL_API
void bl_error_handled(void);

/*
 * Adds a reference and returns `error`.  NULL is allowed.
 */
BL_API
bl_error *bl_error_ref(const bl_error *error);

/*
 * Gives one reference back; the last one frees the object.  NULL is allowed.
 */
BL_API
void bl_error_unref(bl_error *error);

/*
 * Returns the code of `error`; BL_EGROUP for a tree.
 */
BL_API
int bl_error_code(const bl_error *error);

/*
 * Returns the message, borrowed; "" if it has none.
 */
BL_API
const char *bl_error_message(const bl_error *error);

/*
 * Returns the place where `error` was raised, "file:line", borrowed; "" if
 * it is not known.
 */
BL_API
const char *bl_error_origin(const bl_error *error);

/*
 * Returns the path of the task that failed, such as "main/conn-7", borrowed;
 * "" if it is not known.
 */
BL_API
const char *bl_error_task(const bl_error *error);

/*
 * Returns how many errors stand directly under `error`; 0 for a leaf.
 */
BL_API
size_t bl_error_count(const bl_error *error);

/*
 * Returns the error number `index` under `error`, borrowed, in the order in
 * which they happened, or NULL past the end.
 */
BL_API
const bl_error *bl_error_child(const bl_error *error, size_t index);

/*
 * Returns how many leaves the tree has; 1 for a leaf itself.
 */
BL_API
size_t bl_error_leaf_count(const bl_error *error);

/*
 * Returns whether any leaf of the tree has `code`.
 */
BL_API
bool bl_error_match(const bl_error *error, int code);

/*
 * Returns the first leaf, depth first, borrowed.  For a group this leaf leads
 * to what triggered its cancellation.
 */
BL_API
const bl_error *bl_error_first(const bl_error *error);

/*
 * Returns the only leaf if there is exactly one, borrowed; else `error`.
 */
BL_API
const bl_error *bl_error_collapse(const bl_error *error);

/* Decides about one leaf. */
typedef bool bl_error_predicate(const bl_error *leaf, void *context);

/*
 * Splits a tree into the leaves that satisfy `predicate` and the rest.
 *
 * Both parts keep nesting, messages, notes and frames; a group that would be
 * empty vanishes; a part that would equal the whole is the whole.  On success
 * each of `*match` and `*rest` is NULL or a reference the caller owns.  The
 * tree is walked without recursion, so its depth does not matter.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  error, predicate, match or rest is NULL; nothing was written
 *   BL_ENOMEM  there was no memory for the parts; nothing was written
 */
BL_MAY_FAIL
int bl_error_split_if(const bl_error *error, bl_error_predicate *predicate,
                      void *context, bl_error **match, bl_error **rest);

/*
 * Splits a tree into the leaves that have `code` and the rest.
 *
 * Returns and fails as bl_error_split_if does.
 *
 * Errors:
 *   BL_EINVAL  error, match or rest is NULL; nothing was written
 *   BL_ENOMEM  there was no memory for the parts; nothing was written
 */
BL_MAY_FAIL
int bl_error_split(const bl_error *error, int code, bl_error **match,
                   bl_error **rest);

/*
 * One clause of bl_error_handle: what to do with the leaves that have `code`.
 *
 * `handle` gets the part of the tree that matched, borrowed.  It returns 0 if
 * it dealt with it, or a code, which takes that part's place in the result.
 */
typedef struct bl_error_clause {
    int code;
    int (*handle)(const bl_error *match, void *context);
    void *context;
} bl_error_clause;

/*
 * Deals with the current error clause by clause, as Python's except* does.
 *
 * Each leaf goes to the first clause with its code, each clause is called at
 * most once, and what no clause took, together with what the clauses
 * themselves returned, becomes the current error again.
 *
 * Returns 0 if nothing is left, else the code of what is left: `code` itself
 * if no clause took anything, BL_EGROUP otherwise.
 *
 * Errors:
 *   BL_EINVAL  clauses is NULL; nothing was handled
 *   BL_ENOMEM  no memory to split the tree; nothing was handled
 */
BL_MAY_FAIL
int bl_error_handle(int code, const bl_error_clause *clauses, size_t count);

/*
 * Attaches `other` to the current error, if that has `code`, as suppressed: an
 * error of a clean-up that ran while the first was on its way.
 *
 * Takes a reference of its own.
 */
BL_API
void bl_error_suppress(int code, const bl_error *other);

/*
 * Adds a line of text to the current error, if that has `code`.
 */
BL_API
BL__PRINTF(2, 3) void bl_error_note(int code, const char *format, ...);

/*
 * Writes `error` as text into `buffer`, cut to `bytes`, always ended by NUL.
 *
 * One leaf is "BL_EFOO (-1001): message", its origin, its frames and its
 * task; a group is an indented, numbered tree with counts.  At most 50 leaves
 * are shown; then it says how many were left out.
 *
 * Returns the length of the whole text, which may be more than was written.
 */
BL_API
size_t bl_error_format(const bl_error *error, char *buffer, size_t bytes);

/*
 * Prints `error` to `file` as bl_error_format writes it.  For a code, with or
 * without an object behind it, there is bl_error_report.
 */
BL_API
void bl_error_print(const bl_error *error, FILE *file);

BL_END_DECLS

#endif
