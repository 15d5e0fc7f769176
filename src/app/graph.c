/* SPDX-License-Identifier: MIT */
/*
 * app/graph.c - who depends on whom: names, circles, the order
 *
 * Names become units, and units are put into an order in which each comes
 * after all that it depends on; among those that could come next, the one that
 * was added first does.  What cannot be ordered is in a circle or behind one:
 * going from such a unit to such a unit on and on must come back to one that
 * was met before, and that is the circle to show.
 *
 * Invariant: if the app is resolved, for each edge with a `to`,
 * to->rank < from->rank, and units[unit->rank] == unit.
 */
#include <belay/error.h>

#include <stdio.h>
#include <string.h>

#include "app/app.h"
#include "base/assert.h"

enum {
    NAME_DISTANCE_BYTES = 64,
    GRAPH_UNORDERED = 0,
    GRAPH_ORDERED = 1,
    GRAPH_MET = 2
};

struct bl__unit *bl__graph_find(const bl_app *app, const char *name) {
    for (uint32_t i = 0; i < app->count; i++) {
        if (strcmp(bl_service_name(&app->units[i]->service), name) == 0) {
            return app->units[i];
        }
    }
    return NULL;
}

static const char *edge_name_from(const struct bl__edge *edge) {
    return edge->names;
}

static const char *edge_name_to(const struct bl__edge *edge) {
    return edge->names + strlen(edge->names) + 1;
}

struct bl__edge *bl__graph_edge(const bl_app *app, const char *name,
                                const char *dependency) {
    if (app == NULL || name == NULL || dependency == NULL) return NULL;
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (!edge->is_hard || strcmp(edge_name_from(edge), name) != 0) continue;
        if (strcmp(edge_name_to(edge), dependency) == 0) return edge;
    }
    return NULL;
}

/* ---- a name that is not there -------------------------------------------- */

static size_t graph_least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* How many letters have to be put in, left out or changed. */
static size_t graph_distance(const char *a, const char *b) {
    size_t row[NAME_DISTANCE_BYTES];
    size_t length = strlen(b);
    if (length >= NAME_DISTANCE_BYTES) return SIZE_MAX;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; *a != '\0'; a++, i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t changed = diagonal + (*a == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = graph_least(changed, graph_least(row[j], row[j - 1]) + 1);
        }
    }
    return row[length];
}

/* Raises the error about a name that no service has. */
static int graph_unknown(const bl_app *app, const struct bl__edge *edge,
                         const char *name) {
    const char *nearest = NULL;
    size_t best = strlen(name) / 2 + 1; /* farther is no slip of the finger */
    for (uint32_t i = 0; i < app->count; i++) {
        const char *other = bl_service_name(&app->units[i]->service);
        size_t far = graph_distance(name, other);
        if (far >= best) continue;
        best = far;
        nearest = other;
    }
    if (nearest == NULL) {
        return BL_ERR(BL_ENOENT,
                      "\"%s\" requires \"%s\": there is no service \"%s\"",
                      edge_name_from(edge), edge_name_to(edge), name);
    }
    return BL_ERR(BL_ENOENT,
                  "\"%s\" requires \"%s\": there is no service \"%s\"; did you "
                  "mean \"%s\"?",
                  edge_name_from(edge), edge_name_to(edge), name, nearest);
}

static int graph_resolve_names(bl_app *app) {
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        edge->from = bl__graph_find(app, edge_name_from(edge));
        edge->to = bl__graph_find(app, edge_name_to(edge));
        if (edge->from == NULL)
            return graph_unknown(app, edge, edge_name_from(edge));
        if (edge->to == NULL && edge->is_hard) {
            return graph_unknown(app, edge, edge_name_to(edge));
        }
    }
    return 0;
}

/* ---- the order ----------------------------------------------------------- */

/* A unit that `unit` depends on and that has no place yet; NULL: there is
 * none. */
static struct bl__unit *graph_obstacle(const bl_app *app,
                                       const struct bl__unit *unit) {
    for (struct bl__edge *edge = app->edges; edge != NULL; edge = edge->next) {
        if (edge->from != unit || edge->to == NULL) continue;
        if (edge->to->mark != GRAPH_ORDERED) return edge->to;
    }
    return NULL;
}

/* Raises the error that shows the circle to which `unit` leads. */
static int graph_circle(const bl_app *app, struct bl__unit *unit) {
    char path[BL__APP_TEXT];
    size_t length = 0;
    while (unit->mark != GRAPH_MET) {
        unit->mark = GRAPH_MET;
        unit = graph_obstacle(app, unit);
        BL__ASSERT(unit != NULL);
    }
    const struct bl__unit *first = unit;
    do {
        int more = snprintf(path + length, sizeof path - length, "%s -> ",
                            bl_service_name(&unit->service));
        if (more < 0 || (size_t)more >= sizeof path - length) break;
        length += (size_t)more;
        unit = graph_obstacle(app, unit);
    } while (unit != first);
    path[length] = '\0';
    return BL_ERR(BL_EDEADLK, "services depend on each other: %s%s", path,
                  bl_service_name(&first->service));
}

/* The first unit from place `rank` on that nothing keeps from coming there. */
static uint32_t graph_next_free(const bl_app *app, uint32_t rank) {
    uint32_t i = rank;
    while (i < app->count && graph_obstacle(app, app->units[i]) != NULL)
        i++;
    return i;
}

static int graph_order(bl_app *app) {
    for (uint32_t i = 0; i < app->count; i++)
        app->units[i]->mark = GRAPH_UNORDERED;
    for (uint32_t rank = 0; rank < app->count; rank++) {
        uint32_t at = graph_next_free(app, rank);
        if (at == app->count) return graph_circle(app, app->units[rank]);
        struct bl__unit *unit = app->units[at];
        memmove(app->units + rank + 1, app->units + rank,
                (at - rank) * sizeof unit);
        app->units[rank] = unit;
        unit->rank = rank;
        unit->mark = GRAPH_ORDERED;
    }
    return 0;
}

int bl__graph_resolve(bl_app *app) {
    int rc = graph_resolve_names(app);
    if (rc == 0) rc = graph_order(app);
    app->is_resolved = rc == 0;
    return rc;
}
