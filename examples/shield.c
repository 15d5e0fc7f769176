/* SPDX-License-Identifier: MIT */
/*
 * examples/shield.c - clean-up that has to wait: asyncio.shield, but bounded
 *
 * In a cancelled task every wait is refused, so a farewell that needs one goes
 * into a shield.  A shield keeps outer cancellation away for a while; its
 * bound makes sure that a farewell nobody answers ends all the same.
 */
#include <stdio.h>

#include <belay.h>

struct session {
    const char *name;
    bl_ns farewell; /* how long the other side takes to say goodbye */
    int rc;
};

static int say_goodbye(const struct session *session) {
    return bl_sleep(session->farewell);
}

static int run_session(void *arg) {
    struct session *session = arg;

    int rc = bl_sleep(BL_SEC(3600)); /* the conversation */

    BL_SHIELD(BL_MS(50)) {
        session->rc = say_goodbye(session);
    }
    printf("%s: %s\n", session->name,
           session->rc == 0 ? "said goodbye" : "left without an answer");
    return rc;
}

static int main_task(void *arg) {
    (void)arg;
    struct session polite = { .name = "polite", .farewell = BL_MS(10) };
    struct session silent = { .name = "silent", .farewell = BL_SEC(3600) };
    int rc;

    BL_MOVE_ON(rc, BL_MS(10)) {
        BL_GROUP(tg, rc) {
            rc = bl_spawn(tg, run_session, &polite);
            if (rc == 0) rc = bl_spawn(tg, run_session, &silent);
        }
    }

    bool is_right = polite.rc == 0 && silent.rc == BL_ECANCELED;
    return rc < 0 ? rc : is_right ? 0 : BL_EMISUSE;
}

int main(void) {
    int rc = bl_run(main_task, NULL);
    if (rc < 0) fprintf(stderr, "shield: %s\n", bl_strerror(rc));
    return rc < 0;
}
