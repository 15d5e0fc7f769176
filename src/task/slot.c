/* SPDX-License-Identifier: MIT */
/*
 * task/slot.c - the current error of a task
 *
 * A code travels upward as a return value; what people want to know about it
 * waits in the slot of the task, or of the thread outside a task.  The slot
 * owns one reference.  Its error counts only while its code equals the code at
 * hand, so every call here is told the code.
 *
 * While the slot is the only owner, frames, notes and suppressed errors are
 * added to the object in place.  Once somebody else has a reference, a copy
 * takes its place in the slot: the trace goes on, and whoever kept the error
 * never sees it change.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <belay/error.h>
#include <belay/group.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/error.h"
#include "task/task.h"

/* Longer paths are cut: they are for reports. */
#define TASK_PATH_BYTES_MAX 256

/* Puts `error`, whose reference changes hands, in place of the current one. */
static void slot_put(bl_error *error) {
    bl_error **slot = bl__error_slot();
    bl_error *stale = *slot;
    *slot = error;
    bl_error_unref(stale);
}

/* Returns the slot if it holds an error with `code`, else NULL. */
static bl_error **slot_with(int code) {
    bl_error **slot = bl__error_slot();
    BL__ASSERT(slot != NULL);
    if (*slot == NULL) return NULL;
    return bl_error_code(*slot) == code ? slot : NULL;
}

int bl_error_raise(int code, const char *function, const char *site,
                   const char *format, ...) {
    if (code >= 0) return code; /* a success has nothing to explain */
    char path[TASK_PATH_BYTES_MAX] = "";
    bl__task_path(path, sizeof path);

    /* The arguments may be texts of the error that is current until now. */
    va_list args;
    va_start(args, format);
    bl_error *error = bl__error_new(code, function, site, path, format, args);
    va_end(args);
    slot_put(error);
    BL__ASSERT(bl_error_code(error) == code);
    return code;
}

int bl_error_trace(int code, const char *function, const char *site) {
    bl_error **slot = slot_with(code);
    if (slot != NULL) bl__error_add_frame(slot, function, site);
    return code;
}

const bl_error *bl_error_current(int code) {
    bl_error **slot = slot_with(code);
    return slot != NULL ? *slot : NULL;
}

const char *bl_error_text(int code) {
    const bl_error *error = bl_error_current(code);
    const char *message = error != NULL ? bl_error_message(error) : "";
    return message[0] != '\0' ? message : bl_strerror(code);
}

void bl_error_report(int code, FILE *file) {
    const bl_error *error = bl_error_current(code);
    if (error != NULL) {
        bl_error_print(error, file);
    } else {
        fprintf(file, "%s (%d): %s\n", bl_error_name(code), code,
                bl_strerror(code));
    }
}

bl_error *bl_error_take(int code) {
    bl_error **slot = slot_with(code);
    if (slot != NULL) {
        bl_error *error = *slot;
        *slot = NULL;
        return error;
    }
    char path[TASK_PATH_BYTES_MAX] = "";
    bl__task_path(path, sizeof path);
    return bl__error_new_bare(code, NULL, NULL, path);
}

int bl_error_restore(bl_error *error) {
    slot_put(error);
    return error != NULL ? bl_error_code(error) : 0;
}

void bl_error_handled(void) {
    slot_put(NULL);
}

void bl_error_suppress(int code, const bl_error *other) {
    bl_error **slot = slot_with(code);
    if (slot == NULL || other == NULL) return;
    bl__error_add_suppressed(slot, other);
}

void bl_error_note(int code, const char *format, ...) {
    bl_error **slot = slot_with(code);
    if (slot == NULL || format == NULL) return;

    char note[BL__ERROR_TEXT_BYTES_MAX];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(note, sizeof note, format, args);
    va_end(args);
    if (length < 0) return;
    if (length >= (int)sizeof note) {
        note[bl__utf8_cut(note, sizeof note - 1)] = '\0';
    }
    bl__error_add_note(slot, note);
}

/* ---- dealing with an error clause by clause ----------------------------- */

/*
 * All memory is taken before the first clause is called: what a clause has
 * done cannot be undone, so from then on nothing may fail.
 */
struct handling {
    const bl_error_clause *clauses;
    size_t count;
    bl_error *error;        /* the whole */
    bl_error **matches;     /* what each clause takes, or NULL */
    bl_error *rest;         /* what none takes, or NULL */
    struct bl__errors left; /* what the clauses returned */
};

/* Cuts the whole into the part of each clause and the rest. */
static int handling_split(struct handling *handling) {
    handling->rest = bl_error_ref(handling->error);
    for (size_t i = 0; i < handling->count && handling->rest != NULL; i++) {
        bl_error *rest = NULL;
        int rc = bl_error_split(handling->rest, handling->clauses[i].code,
                                &handling->matches[i], &rest);
        if (rc < 0) return rc;
        bl_error_unref(handling->rest);
        handling->rest = rest;
    }
    return 0;
}

static void handling_end(struct handling *handling) {
    for (size_t i = 0; handling->matches != NULL && i < handling->count; i++) {
        bl_error_unref(handling->matches[i]);
    }
    bl__free(handling->matches);
    bl_error_unref(handling->rest);
    bl_error_unref(handling->error);
    bl__errors_clear(&handling->left);
}

/* A clause that returns its own code and raised nothing passes its part on. */
static bool is_passed_on(const bl_error_clause *clause, const bl_error *match,
                         int rc) {
    /* A cancelled clause did not deal with its part.  The error stays, as
     * errors outlive cancellation; the scope will say again that it is
     * cancelled. */
    if (rc == BL_ECANCELED) return true;
    if (bl_error_current(rc) != NULL) return false;
    return rc == clause->code || rc == bl_error_code(match);
}

/* Calls the clauses that have a part, and collects what they return. */
static void handling_call(struct handling *handling) {
    for (size_t i = 0; i < handling->count; i++) {
        const bl_error_clause *clause = &handling->clauses[i];
        const bl_error *match = handling->matches[i];
        if (match == NULL) continue;
        bl_error_handled();
        int rc = clause->handle(match, clause->context);
        if (rc >= 0) continue;
        bool is_old = is_passed_on(clause, match, rc);
        bl__errors_append(&handling->left,
                          is_old ? bl_error_ref(match) : bl_error_take(rc));
    }
    BL__ASSERT(handling->left._lost_count == 0);
}

/* Makes what is left the current error and returns its code, or 0. */
static int handling_regroup(struct handling *handling) {
    bl_error_handled();
    if (handling->left._count == 0) {
        if (handling->rest == NULL) return 0;
        slot_put(bl_error_ref(handling->rest));
        return bl_error_code(handling->rest);
    }
    if (handling->rest != NULL) {
        bl__errors_append(&handling->left, bl_error_ref(handling->rest));
    }
    bl_error *only = handling->left._items[0];
    if (handling->left._count == 1 && bl_error_count(only) > 0) {
        slot_put(bl_error_ref(only));
    } else {
        slot_put(bl__error_new_group(&handling->left,
                                     bl__error_site(handling->error),
                                     bl_error_task(handling->error)));
    }
    return BL_EGROUP;
}

int bl_error_handle(int code, const bl_error_clause *clauses, size_t count) {
    if (clauses == NULL) return BL_EINVAL;
    for (size_t i = 0; i < count; i++) {
        if (clauses[i].handle == NULL) return BL_EINVAL;
    }
    if (code >= 0 || count == 0) return code < 0 ? code : 0;
    if (count >= UINT32_MAX) return BL_EINVAL;

    bl_error **slot = slot_with(code);
    struct handling handling = {
        .clauses = clauses,
        .count = count,
        .error = slot != NULL ? bl_error_ref(*slot)
                              : bl__error_new_bare(code, NULL, NULL, NULL),
    };
    int rc = BL_ENOMEM;
    handling.matches = bl__alloc_zeroed(count, sizeof *handling.matches);
    if (handling.matches == NULL) goto end;
    if (!bl__errors_reserve(&handling.left, (uint32_t)count + 1)) goto end;
    rc = handling_split(&handling);
    if (rc < 0) goto end;

    bool is_taken = handling.rest != handling.error;
    if (is_taken) handling_call(&handling);
    rc = is_taken ? handling_regroup(&handling) : code;
end:
    handling_end(&handling);
    return rc;
}
