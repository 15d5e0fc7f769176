/* SPDX-License-Identifier: MIT */
/*
 * sys/place.c - what stands at an address of code
 *
 * With libbacktrace, which is part of GCC, functions are found by debug
 * information and symbol tables, static and inlined ones too.  It allocates by
 * mmap, so it may be called whatever other threads are in the middle of.
 * Without it there is the file and the offset in it, which addr2line knows to
 * read.
 *
 * The symbols are read once in each process, which takes milliseconds, or as
 * long as a disk does: by who can wait for it, or by a thread for nothing else.
 * Until then there are no names, and nobody waits for them longer than he says.
 *
 * The dynamic linker is asked nothing that waits for whoever loads a library
 * just then, as dladdr does: that may be the thread whose stack is wanted.
 * Whoever reads symbols also keeps others from loading one.
 */
#include "sys/place.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if BELAY_HAVE_BACKTRACE
#    include <backtrace.h>
#endif

struct location {
    uintptr_t pc; /* inside of the call */
    char *buffer;
    size_t bytes;
    size_t length; /* of the whole, written or not */
};

BL__PRINTF(2, 3)
static void place_put(struct location *place, const char *format, ...) {
    bool is_full = place->length >= place->bytes;
    char *end = is_full ? NULL : place->buffer + place->length;
    va_list args;
    va_start(args, format);
    int length = vsnprintf(end, is_full ? 0 : place->bytes - place->length,
                           format, args);
    va_end(args);
    if (length > 0) place->length += (size_t)length;
}

/* The last `count` parts of a path. */
static const char *place_end_of(const char *path, int count) {
    for (const char *at = path + strlen(path); at > path; at--) {
        if (at[-1] == '/' && count-- == 1) return at;
    }
    return path;
}

/* ---- by libbacktrace ----------------------------------------------------- */

#if BELAY_HAVE_BACKTRACE

static void place_on_error(void *arg, const char *message, int number) {
    (void)arg; /* then something else is said of the address */
    (void)message;
    (void)number;
}

static int place_ignore(void *arg, uintptr_t pc, const char *file, int line,
                        const char *function) {
    (void)arg;
    (void)pc;
    (void)file;
    (void)line;
    (void)function;
    return 0;
}

/* Set once they have been read; never freed. */
static _Atomic(struct backtrace_state *) place_symbols;

/* Whether the caller is the one to read them.  A child that is forked meanwhile
 * has nobody who does, and cannot: the reader has a lock of the dynamic linker,
 * which stays taken there. */
static bool place_begin(void) {
    static atomic_bool has_begun;
    return !atomic_exchange(&has_begun, true);
}

static void place_read(void) {
    struct backtrace_state *symbols =
        backtrace_create_state(NULL, 1, place_on_error, NULL);
    if (symbols == NULL) return;
    /* The first question has it read them; the answer does not matter. */
    backtrace_pcinfo(symbols, (uintptr_t)place_read, place_ignore,
                     place_on_error, NULL);
    atomic_store(&place_symbols, symbols);
}

void bl__place_read(void) {
    if (place_begin()) place_read();
}

static void *place_read_beside(void *arg) {
    place_read();
    return arg;
}

/* If there can be no thread, places go without names. */
static void place_begin_beside(void) {
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, place_read_beside, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) pthread_detach(thread);
}

bool bl__place_learn(bl_ns patience) {
    if (place_begin()) place_begin_beside();
    while (atomic_load(&place_symbols) == NULL && patience > 0) {
        poll(NULL, 0, 1);
        patience -= BL_MS(1);
    }
    return atomic_load(&place_symbols) != NULL;
}

/*
 * Called for the innermost function first, then for what it is inlined in.  Of
 * the parts of a function of ours nobody wants to know.
 */
static int place_on_line(void *arg, uintptr_t pc, const char *file, int line,
                         const char *function) {
    struct location *place = arg;
    (void)pc;
    if (function == NULL) return 0;
    if (strncmp(function, "bl_", 3) == 0) place->length = 0;
    place_put(place, "%s%s", place->length > 0 ? " <- " : "", function);
    if (file != NULL) place_put(place, " %s:%d", place_end_of(file, 2), line);
    return 0;
}

static void place_on_symbol(void *arg, uintptr_t pc, const char *name,
                            uintptr_t value, uintptr_t bytes) {
    struct location *place = arg;
    (void)bytes;
    if (name == NULL) return;
    place_put(place, "%s+0x%llx", name, (unsigned long long)(pc - value));
}

static void place_put_function(struct location *place) {
    struct backtrace_state *symbols = atomic_load(&place_symbols);
    if (symbols == NULL) return;
    backtrace_pcinfo(symbols, place->pc, place_on_line, place_on_error, place);
    if (place->length > 0) return;
    backtrace_syminfo(symbols, place->pc, place_on_symbol, place_on_error,
                      place);
}

#else

void bl__place_read(void) {
}

bool bl__place_learn(bl_ns patience) {
    (void)patience;
    return true;
}

static void place_put_function(struct location *place) {
    (void)place;
}

#endif

/* ---- by the files that are loaded ---------------------------------------- */

static void place_put_offset(struct location *place, const char *file,
                             uintptr_t offset) {
    if (file[0] == '\0') file = program_invocation_name;
    place_put(place, "%s+0x%llx", place_end_of(file, 1),
              (unsigned long long)offset);
}

#if defined(DLFO_STRUCT_HAS_EH_DBASE) /* glibc since 2.35 */

static void place_put_file(struct location *place) {
    struct dl_find_object found;
    if (_dl_find_object((void *)place->pc, &found) < 0) return;
    const struct link_map *file = found.dlfo_link_map;
    place_put_offset(place, file->l_name, place->pc - file->l_addr);
}

#else

static int place_look_into(struct dl_phdr_info *file, size_t bytes, void *arg) {
    struct location *place = arg;
    (void)bytes;
    uintptr_t offset = place->pc - file->dlpi_addr;
    for (int i = 0; i < file->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &file->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || offset < part->p_vaddr) continue;
        if (offset - part->p_vaddr >= part->p_memsz) continue;
        place_put_offset(place, file->dlpi_name, offset);
        return 1;
    }
    return 0;
}

/* Waits for who loads a library: other C libraries know no other way. */
static void place_put_file(struct location *place) {
    dl_iterate_phdr(place_look_into, place);
}

#endif

size_t bl__place_format(const void *frame, char *buffer, size_t bytes) {
    struct location place = { .pc = (uintptr_t)frame - 1,
                              .buffer = buffer,
                              .bytes = bytes };
    if (bytes > 0) buffer[0] = '\0';
    place_put_function(&place);
    if (place.length == 0) place_put_file(&place);
    if (place.length == 0) place_put(&place, "%p", frame);
    return place.length;
}
