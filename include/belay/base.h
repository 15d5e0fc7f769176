/* SPDX-License-Identifier: MIT */
/*
 * belay/base.h - words that every other header uses
 *
 * Effect markers, time, and the call-site record.  Every public prototype in
 * Belay carries exactly one of three markers, which say what a call can do to
 * the task that makes it:
 *
 *   BL_API       cannot fail and cannot suspend the calling task
 *   BL_MAY_FAIL  returns an error code, but cannot suspend
 *   BL_MAY_WAIT  a checkpoint: may suspend, and always notices cancellation
 */
#ifndef BELAY_BASE_H
#define BELAY_BASE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#    define BL__ZEROED \
        {}
#    define BL_BEGIN_DECLS extern "C" {
#    define BL_END_DECLS   }
#else
#    define BL__ZEROED \
        { 0 }
#    define BL_BEGIN_DECLS
#    define BL_END_DECLS
#endif

#define BL_VERSION_MAJOR 0
#define BL_VERSION_MINOR 1
#define BL_VERSION_PATCH 0
#define BL_VERSION       "0.1.0"

#if defined(__GNUC__)
#    define BL__EXPORT             __attribute__((visibility("default")))
#    define BL__CHECKED            __attribute__((warn_unused_result))
#    define BL__PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#    define BL__CLEANUP(fn)        __attribute__((cleanup(fn)))
#    define BL__NORETURN           __attribute__((noreturn))
#    define BL__UNUSED             __attribute__((unused))
#else
#    define BL__EXPORT
#    define BL__CHECKED
#    define BL__PRINTF(fmt, first)
#    define BL__NORETURN
#endif

#define BL_API      BL__EXPORT
#define BL_MAY_FAIL BL__EXPORT BL__CHECKED
#define BL_MAY_WAIT BL__EXPORT BL__CHECKED

/* Discards a result on purpose; say why in a comment beside it. */
#define BL_IGNORE(call) \
    do {                \
        if (call) {}    \
    } while (0)

BL_BEGIN_DECLS

/* A time or a duration in nanoseconds.  Times are CLOCK_MONOTONIC. */
typedef int64_t bl_ns;

/* A byte count, or a negative BL_E* code. */
typedef ptrdiff_t bl_ssize;

#define BL_FOREVER INT64_MAX
#define BL_NS(n)   ((bl_ns)(n))
#define BL_US(n)   ((bl_ns)(n)*1000)
#define BL_MS(n)   ((bl_ns)(n)*1000000)
#define BL_SEC(n)  ((bl_ns)(n)*1000000000)

/* What a loop asks the kernel with. */
typedef enum bl_driver_kind {
    BL_DRIVER_DEFAULT = 0, /* BELAY_DRIVER, else io_uring, else epoll */
    BL_DRIVER_EPOLL,
    BL_DRIVER_URING
} bl_driver_kind;

/* Which system call a test is asked about. */
typedef enum bl_io_call {
    BL_IO_READ,
    BL_IO_WRITE,
    BL_IO_ACCEPT,
    BL_IO_CONNECT,
    BL_IO_SOCKET,
    BL_IO_BIND,
    BL_IO_LISTEN,
    BL_IO_OPTION,  /* setting an option of a socket */
    BL_IO_ADDRESS, /* asking for an address of a socket */
    BL_IO_SHUTDOWN,
    BL_IO_CLOSE,
    BL_IO_WATCH, /* asking the kernel to report readiness */
    /* of files; reading, writing and closing them are above */
    BL_IO_OPEN,
    BL_IO_SYNC,
    BL_IO_STAT,
    BL_IO_RENAME,
    BL_IO_UNLINK, /* also of a directory */
    BL_IO_MKDIR,
    BL_IO_TRUNCATE,
    BL_IO_CHMOD,
    BL_IO_LIST, /* the entries of a directory */
    BL_IO_PIPE, /* a pipe, or a terminal, to a child */
    BL_IO_SPAWN /* a process */
} bl_io_call;

/*
 * What a watch is for.  With BL_EDGE the callback is called when a direction
 * becomes ready, not for as long as it is: the owner keeps the flag, and
 * clears it when the system says that it would block.
 */
enum {
    BL_READABLE = 1,
    BL_WRITABLE = 2,
    BL_EDGE = 4
};

/* A link of an intrusive, circular, doubly linked list. */
typedef struct bl_link {
    struct bl_link *_prev;
    struct bl_link *_next;
} bl_link;

typedef struct bl_loop bl_loop;
typedef struct bl_task bl_task;
typedef struct bl_error bl_error;

/* The body of a task.  Returns >= 0, or a BL_E* code. */
typedef int bl_task_fn(void *arg);

/*
 * The call-site record.
 *
 * Calls that wait, spawn or open a scope are wrapped by a macro of the same
 * name that first notes what is called and where: one store into a
 * thread-local pointer.  Reports can then say "bl_event_wait(&ready) at
 * server.c:40" without debug information.  Define BL_NO_SITES before
 * including a Belay header to do without.
 *
 * A site is one string literal with two parts: the call, a NUL, and the place.
 */
#if !defined(__GNUC__) && !defined(BL_NO_SITES)
#    define BL_NO_SITES
#endif

#define BL__STRING_(x) #x
#define BL__STRING(x)  BL__STRING_(x)
#define BL_HERE        __FILE__ ":" BL__STRING(__LINE__)
#define BL__SITE(what) what "\0" BL_HERE

#if defined(__GNUC__)
extern BL__EXPORT __thread const char *bl__site
    __attribute__((tls_model("initial-exec")));

static inline BL__UNUSED void bl__at(const char *site) {
    bl__site = site;
}
#    define BL__AT(what, call) (bl__at(BL__SITE(what)), call)
#endif

/*
 * Returns the library's version, such as "0.1.0".
 *
 * Compare it with BL_VERSION to see whether the header and the library that
 * was loaded belong together.
 */
BL_API
const char *bl_version(void);

/*
 * The allocator that Belay takes its memory from; the default is malloc's.
 *
 * `resize` follows realloc.  Stacks are mapped, not allocated, and do not
 * come from here.
 */
typedef struct bl_allocator {
    void *(*alloc)(void *context, size_t bytes);
    void *(*resize)(void *context, void *memory, size_t bytes);
    void (*free)(void *context, void *memory);
    void *context;
} bl_allocator;

/*
 * Replaces the allocator for the whole process.
 *
 * Call it before anything else of Belay: memory that one allocator gave must
 * not reach another one's free.  The struct is copied; NULL restores the
 * default.
 */
BL_API
void bl_allocator_set(const bl_allocator *allocator);

/*
 * Copies the allocator in force to `*allocator`, for one that adds to it.
 */
BL_API
void bl_allocator_get(bl_allocator *allocator);

/*
 * Allocates `bytes` of memory as the library itself does.
 *
 * Returns the memory, which the caller gives back with bl_free, or NULL if
 * there is none.  A size of 0 gives a pointer that can be freed.
 */
BL_API
void *bl_alloc(size_t bytes);

/*
 * Changes the size of `memory` (NULL is allowed), as realloc does.
 *
 * Returns the memory at its new place, or NULL with the old memory untouched.
 */
BL_API
void *bl_realloc(void *memory, size_t bytes);

/*
 * Gives back memory from bl_alloc or bl_realloc.  NULL is allowed.
 */
BL_API
void bl_free(void *memory);

BL_END_DECLS

#endif
