/* SPDX-License-Identifier: MIT */
/*
 * examples/error_tree.c - errors of several tasks: ExceptionGroup, except*
 *
 * A group reports everything that went wrong as one tree.  A tree can be
 * asked (bl_error_match), divided (bl_error_split), or dealt with clause by
 * clause (bl_error_handle), where what no clause took goes on upward.
 */
#include <stdio.h>

#include <belay.h>

static int open_database(void *arg) {
    (void)arg;
    return BL_ERR(BL_ECONNREFUSED, "database: nobody listens on port 5432");
}

static int read_settings(void *arg) {
    (void)arg;
    return BL_ERR(BL_EINVAL, "settings, line 7: 'ture' is not a truth value");
}

static int open_replica(void *arg) {
    return BL_ERR(BL_ECONNREFUSED, "replica %s: refused", (char *)arg);
}

/* A group inside a group: its tree becomes a branch of the outer one. */
static int open_replicas(void *arg) {
    (void)arg;
    int rc;
    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, open_replica, "north");
        if (rc == 0) rc = bl_spawn(tg, open_replica, "south");
    }
    return rc;
}

static int start_up(void) {
    int rc;
    BL_GROUP(tg, rc) {
        rc = bl_spawn(tg, open_replicas, NULL);
        if (rc == 0) rc = bl_spawn(tg, open_database, NULL);
        if (rc == 0) rc = bl_spawn(tg, read_settings, NULL);
    }
    return rc;
}

/* Takes the tree and divides it: one part per kind of trouble. */
static int show_split(void) {
    int rc = start_up();
    bl_error *tree = bl_error_take(rc);
    printf("-- the tree, %zu leaves\n", bl_error_leaf_count(tree));
    bl_error_print(tree, stdout);
    printf("refused? %s   timed out? %s\n",
           bl_error_match(tree, BL_ECONNREFUSED) ? "yes" : "no",
           bl_error_match(tree, BL_ETIMEDOUT) ? "yes" : "no");

    bl_error *refused = NULL;
    bl_error *rest = NULL;
    rc = bl_error_split(tree, BL_ECONNREFUSED, &refused, &rest);
    if (rc == 0) {
        printf("-- split: %zu refused, %zu other\n",
               bl_error_leaf_count(refused), bl_error_leaf_count(rest));
        if (bl_error_leaf_count(refused) + bl_error_leaf_count(rest) !=
            bl_error_leaf_count(tree)) {
            rc = BL_EMISUSE;
        }
    }
    bl_error_unref(refused);
    bl_error_unref(rest);
    bl_error_unref(tree);
    return rc;
}

/* One clause: called once, with every leaf of its code. */
static int retry_later(const bl_error *match, void *context) {
    (void)context;
    printf("clause: %zu peers are down, will try again\n",
           bl_error_leaf_count(match));
    return 0; /* dealt with */
}

static int show_handle(void) {
    const bl_error_clause clauses[] = {
        { BL_ECONNREFUSED, retry_later, NULL },
    };

    int rc = bl_error_handle(start_up(), clauses, 1);
    printf("-- what no clause took: %s\n", bl_error_name(rc));
    const bl_error *left = bl_error_collapse(bl_error_current(rc));
    printf("%s\n", bl_error_message(left));

    int is_right = bl_error_code(left) == BL_EINVAL;
    bl_error_handled();
    return is_right ? 0 : BL_EMISUSE;
}

static int main_task(void *arg) {
    (void)arg;
    int rc = show_split();
    return rc < 0 ? rc : show_handle();
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "error_tree: %s\n", bl_strerror(rc));
    return rc < 0;
}
