/* SPDX-License-Identifier: MIT */
/*
 * base/error_text.c - errors as people read them
 *
 *     BL_EGROUP (-10001): 3 errors
 *     │  from BL_GROUP(g) at server.c:30
 *     │  in task main/server
 *     ├─ 1. BL_ECONNREFUSED (-111): cannot reach 10.0.0.7:5432
 *     │     at connect_db() db.c:88
 *     │     through load_user() user.c:40
 *     │     in task main/server/conn-7
 *     │     note: attempt 3 of 3
 *     │     suppressed:
 *     │     └─ 1. BL_EPIPE (-32): the goodbye was not sent
 *     └─ 2. BL_EGROUP (-10001): 2 errors
 *        ├─ 1. ...
 *
 * A node is a headline, details, and items: what it suppressed, then its
 * children.  Every line begins with *pieces*, three columns for each level
 * above: a rail where more items of that level follow, else blanks.  A node at
 * height h has h pieces before its headline, the last of which is its branch.
 *
 * Nothing allocates, so that an error can always be shown, and nothing
 * recurses.  The number of leaves is limited, and so is the height: the leaves
 * of a tree that begins too high are listed without the levels between.
 *
 * Texts come from anywhere.  What could break the layout, or the terminal, is
 * escaped: control characters, bytes that are no UTF-8, and characters that
 * turn the direction of writing.
 */
#include "base/error.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/site.h"

/* An item that is drawn is at most two levels above the last that may be. */
#define HEIGHT_MAX (BL__ERROR_LEVELS_SHOWN_MAX + 4)

/* Where text goes: to a file, or as much as fits into a buffer. */
struct writer {
    FILE *file;
    char *buffer;
    size_t bytes;
    size_t length; /* of all text so far */
};

/* A node of which the items are being drawn. */
struct level {
    const bl_error *node;
    const struct bl__remark *suppressed; /* the next to draw, or NULL */
    size_t suppressed_number;
    size_t next; /* child to draw */
    size_t leaves_left;
    size_t height;
    bool is_flat; /* the children are the leaves, whatever is between */
};

struct drawing {
    struct writer *out;
    size_t budget; /* leaves that may still be drawn */
    size_t depth;
    struct level levels[HEIGHT_MAX];
    bool has_rail[HEIGHT_MAX + 1];
};

/* ---- text --------------------------------------------------------------- */

static void put(struct writer *out, const char *text, size_t length) {
    if (out->file != NULL) {
        fwrite(text, 1, length, out->file);
    } else if (out->length < out->bytes) {
        size_t room = out->bytes - out->length;
        memcpy(out->buffer + out->length, text, length < room ? length : room);
    }
    out->length += length;
}

static void put_string(struct writer *out, const char *text) {
    put(out, text, strlen(text));
}

static void put_count(struct writer *out, size_t count, const char *noun) {
    char text[64];
    snprintf(text, sizeof text, "%zu %s%s", count, noun, count == 1 ? "" : "s");
    put_string(out, text);
}

static bool is_tail(unsigned char byte) {
    return (byte & 0xC0) == 0x80;
}

/* Whether the three bytes are a mark that hides or reorders text. */
static bool is_mark(const unsigned char *text) {
    unsigned mark = ((text[0] & 0x0Fu) << 12) | ((text[1] & 0x3Fu) << 6) |
                    (text[2] & 0x3Fu);
    return (mark >= 0x200B && mark <= 0x200F) ||
           (mark >= 0x2028 && mark <= 0x202E) ||
           (mark >= 0x2060 && mark <= 0x206F) || mark == 0xFEFF;
}

/* Returns the length of the character at `text`, 0 if it is to be escaped. */
static size_t printable_bytes(const char *string) {
    const unsigned char *text = (const unsigned char *)string;
    if (text[0] < 0x80) return text[0] >= 0x20 && text[0] != 0x7F;
    if (text[0] < 0xC2 || text[0] > 0xF4 || !is_tail(text[1])) return 0;
    if (text[0] < 0xE0) {
        bool is_control = text[0] == 0xC2 && text[1] < 0xA0;
        bool is_mark_of_arabic = text[0] == 0xD8 && text[1] == 0x9C;
        return is_control || is_mark_of_arabic ? 0 : 2;
    }
    if (!is_tail(text[2])) return 0;
    if (text[0] < 0xF0) {
        bool is_overlong = text[0] == 0xE0 && text[1] < 0xA0;
        bool is_surrogate = text[0] == 0xED && text[1] >= 0xA0;
        return is_overlong || is_surrogate || is_mark(text) ? 0 : 3;
    }
    bool is_overlong = text[0] == 0xF0 && text[1] < 0x90;
    bool is_beyond = text[0] == 0xF4 && text[1] >= 0x90;
    return is_overlong || is_beyond || !is_tail(text[3]) ? 0 : 4;
}

/* Puts text of unknown origin on one line. */
static void put_escaped(struct writer *out, const char *text) {
    while (*text != '\0') {
        const char *start = text;
        size_t bytes;
        while ((bytes = printable_bytes(text)) > 0)
            text += bytes;
        put(out, start, (size_t)(text - start));
        if (*text == '\0') return;

        char escape[8];
        unsigned char byte = (unsigned char)*text++;
        switch (byte) {
        case '\n': put_string(out, "\\n"); break;
        case '\r': put_string(out, "\\r"); break;
        case '\t': put_string(out, "\\t"); break;
        default:
            snprintf(escape, sizeof escape, "\\x%02x", byte);
            put_string(out, escape);
        }
    }
}

size_t bl__utf8_cut(const char *text, size_t length) {
    size_t lead = length;
    while (lead > 0 && length - lead < 3 &&
           is_tail((unsigned char)text[lead - 1])) {
        lead--;
    }
    if (lead == 0) return length;
    lead--;
    unsigned char byte = (unsigned char)text[lead];
    size_t bytes = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return length - lead < bytes ? lead : length;
}

/* ---- lines -------------------------------------------------------------- */

static void put_pieces(struct drawing *drawing, size_t count) {
    BL__ASSERT(count <= HEIGHT_MAX + 1);
    for (size_t i = 0; i < count; i++) {
        put_string(drawing->out, drawing->has_rail[i] ? "│  " : "   ");
    }
}

/* Begins the line of an item at `height`. */
static void put_branch(struct drawing *drawing, size_t height, bool is_last) {
    BL__ASSERT(height > 0);
    put_pieces(drawing, height - 1);
    put_string(drawing->out, is_last ? "└─ " : "├─ ");
    drawing->has_rail[height - 1] = !is_last;
}

/* Says how many leaves do not appear, in place of a last item. */
static void put_omission(struct drawing *drawing, size_t height,
                         size_t leaf_count) {
    put_branch(drawing, height, true);
    put_string(drawing->out, "... ");
    put_count(drawing->out, leaf_count, "more error");
    put_string(drawing->out, "\n");
}

static void put_place(struct drawing *drawing, const struct level *level,
                      const char *verb, const char *function,
                      const char *site) {
    struct writer *out = drawing->out;
    const char *call = bl__site_call(site);
    const char *place = bl__site_place(site);
    if (function == NULL && place[0] == '\0') return;

    put_pieces(drawing, level->height + 1);
    if (call[0] != '\0') {
        put_string(out, "from ");
        put_escaped(out, call);
        put_string(out, " at ");
    } else {
        put_string(out, verb);
        put_string(out, " ");
        if (function != NULL) put_escaped(out, function);
        if (function != NULL) put_string(out, "()");
        if (function != NULL && place[0] != '\0') put_string(out, " ");
    }
    put_escaped(out, place);
    put_string(out, "\n");
}

/* Puts a line of its own, if there is something to say. */
static void put_detail(struct drawing *drawing, const struct level *level,
                       const char *what, const char *text) {
    put_pieces(drawing, level->height + 1);
    put_string(drawing->out, what);
    put_escaped(drawing->out, text);
    put_string(drawing->out, "\n");
}

static void put_headline(struct drawing *drawing, const struct level *level) {
    struct writer *out = drawing->out;
    int code = bl_error_code(level->node);
    char number[24];
    snprintf(number, sizeof number, " (%d): ", code);
    put_string(out, bl_error_name(code));
    put_string(out, number);

    const char *message = bl_error_message(level->node);
    if (bl_error_count(level->node) > 0) {
        put_count(out, bl_error_leaf_count(level->node), "error");
        if (level->is_flat) put_string(out, ", nested deeper than is drawn");
    } else {
        put_escaped(out, message[0] != '\0' ? message : bl_strerror(code));
    }
    put_string(out, "\n");
}

static void put_frames(struct drawing *drawing, const struct level *level) {
    uint32_t count = level->node->trail->frame_count;
    uint32_t first =
        count < BL__ERROR_FRAMES_FIRST ? count : BL__ERROR_FRAMES_FIRST;
    uint32_t last = count - first < BL__ERROR_FRAMES_LAST
                        ? first
                        : count - BL__ERROR_FRAMES_LAST;
    for (uint32_t i = 0; i < count; i++) {
        if (i == first && last > first) {
            put_pieces(drawing, level->height + 1);
            put_string(drawing->out, "through ");
            put_count(drawing->out, last - first, "more function");
            put_string(drawing->out, "\n");
            i = last;
        }
        const struct bl__frame *frame = bl__error_frame(level->node, i);
        put_place(drawing, level, "through", frame->function, frame->site);
    }
}

/* ---- nodes -------------------------------------------------------------- */

static const struct bl__remark *next_note(const struct bl__remark *remark) {
    while (remark != NULL && remark->suppressed != NULL)
        remark = remark->next;
    return remark;
}

static const struct bl__remark *next_suppressed(
    const struct bl__remark *remark) {
    while (remark != NULL && remark->suppressed == NULL)
        remark = remark->next;
    return remark;
}

static size_t suppressed_leaf_count(const struct bl__remark *remark) {
    size_t count = 0;
    for (; remark != NULL; remark = next_suppressed(remark->next)) {
        count += bl_error_leaf_count(remark->suppressed);
    }
    return count;
}

/* Puts what is known of a node besides its headline. */
static void put_details(struct drawing *drawing, struct level *level) {
    const bl_error *node = level->node;
    if (bl__error_is_thin(node)) {
        put_detail(drawing, level, "there was no memory for the details", "");
        return;
    }
    put_place(drawing, level, "at", node->function, node->site);
    if (node->trail != NULL) put_frames(drawing, level);
    if (node->task[0] != '\0') {
        put_detail(drawing, level, "in task ", node->task);
    }
    if (node->trail == NULL) return;

    const struct bl__remark *first = node->trail->first;
    for (const struct bl__remark *note = next_note(first); note != NULL;
         note = next_note(note->next)) {
        put_detail(drawing, level, "note: ", note->note);
    }
    const struct bl__remark *suppressed = next_suppressed(first);
    if (suppressed == NULL) return;
    if (level->height < BL__ERROR_LEVELS_SHOWN_MAX) {
        put_detail(drawing, level, "suppressed:", "");
        level->suppressed = suppressed;
        return;
    }
    put_pieces(drawing, level->height + 1);
    put_string(drawing->out, "suppressed: ");
    put_count(drawing->out, suppressed_leaf_count(suppressed), "error");
    put_string(drawing->out, ", nested deeper than is drawn\n");
}

/* Draws all of `node` but its items, and makes it the innermost level. */
static void draw_node(struct drawing *drawing, const bl_error *node,
                      size_t height) {
    BL__ASSERT(drawing->depth < HEIGHT_MAX);
    BL__ASSERT(height < HEIGHT_MAX);
    bool is_leaf = bl_error_count(node) == 0;
    struct level *level = &drawing->levels[drawing->depth++];
    *level = (struct level){
        .node = node,
        .leaves_left = is_leaf ? 0 : bl_error_leaf_count(node),
        .height = height,
        .is_flat = !is_leaf && height >= BL__ERROR_LEVELS_SHOWN_MAX,
    };
    if (is_leaf) {
        BL__ASSERT(drawing->budget > 0);
        drawing->budget--;
    }
    drawing->has_rail[height] = !is_leaf;
    put_headline(drawing, level);
    put_details(drawing, level);
}

static void draw_item(struct drawing *drawing, const bl_error *item,
                      size_t number, size_t height, bool is_last) {
    char text[24];
    snprintf(text, sizeof text, "%zu. ", number);
    put_branch(drawing, height, is_last);
    put_string(drawing->out, text);
    draw_node(drawing, item, height);
}

static void draw_suppressed(struct drawing *drawing, struct level *level) {
    const struct bl__remark *remark = level->suppressed;
    size_t height = level->height + 2; /* below a line of the details */
    if (drawing->budget == 0) {
        put_omission(drawing, height, suppressed_leaf_count(remark));
        level->suppressed = NULL;
        return;
    }
    level->suppressed = next_suppressed(remark->next);
    draw_item(drawing, remark->suppressed, ++level->suppressed_number, height,
              level->suppressed == NULL);
}

static void draw_child(struct drawing *drawing, struct level *level) {
    size_t height = level->height + 1;
    if (drawing->budget == 0) {
        put_omission(drawing, height, level->leaves_left);
        level->leaves_left = 0;
        return;
    }
    size_t index = level->next++;
    const bl_error *child = level->is_flat ? bl__error_leaf(level->node, index)
                                           : bl_error_child(level->node, index);
    level->leaves_left -= bl_error_leaf_count(child);
    draw_item(drawing, child, index + 1, height, level->leaves_left == 0);
}

static void draw(struct writer *out, const bl_error *error) {
    if (error == NULL) {
        put_string(out, "no error\n");
        return;
    }
    struct drawing drawing = {
        .out = out,
        .budget = BL__ERROR_LEAVES_SHOWN_MAX,
    };
    draw_node(&drawing, error, 0);
    while (drawing.depth > 0) {
        struct level *level = &drawing.levels[drawing.depth - 1];
        if (level->suppressed != NULL) {
            draw_suppressed(&drawing, level);
        } else if (level->leaves_left > 0) {
            draw_child(&drawing, level);
        } else {
            drawing.depth--;
        }
    }
}

size_t bl_error_format(const bl_error *error, char *buffer, size_t bytes) {
    struct writer out = { .buffer = buffer,
                          .bytes = buffer != NULL ? bytes : 0 };
    draw(&out, error);
    if (out.bytes == 0) return out.length;

    size_t end = out.length;
    if (end >= out.bytes) end = bl__utf8_cut(buffer, out.bytes - 1);
    buffer[end] = '\0';
    return out.length;
}

void bl_error_print(const bl_error *error, FILE *file) {
    struct writer out = { .file = file };
    flockfile(file); /* errors of several threads do not mix */
    draw(&out, error);
    funlockfile(file);
}
