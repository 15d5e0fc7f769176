/* SPDX-License-Identifier: MIT */
/*
 * test/explore/strategy.h - how the choices of a run are made
 *
 * All that is free in a run is decided by choices: which ready task is next,
 * which of the timers due together fires.  A *schedule* says where the answers
 * come from; each kind is one strategy, in a file of its own.
 */
#ifndef BL__TEST_STRATEGY_H
#define BL__TEST_STRATEGY_H

#include <belay/loop.h>

/* One answer of the loop's choose(): `picked` of `count`. */
struct bl__test_choice {
    uint32_t kind;
    uint32_t count; /* 0: it is not known of what */
    uint32_t picked;
};

enum bl__schedule_kind {
    BL__SCHEDULE_FIFO,   /* always the first, as production does */
    BL__SCHEDULE_RANDOM, /* anything, with the same chance */
    BL__SCHEDULE_PCT,    /* by priorities that change `depth` - 1 times */
    BL__SCHEDULE_DFS, /* all orders with up to `depth` choices not the first */
    BL__SCHEDULE_NOTED, /* as in `choices`, then always the first */
    BL__SCHEDULE_BYTES, /* as an input says, from its end */
    BL__SCHEDULE_KINDS
};

struct bl__schedule {
    enum bl__schedule_kind kind;
    unsigned depth;
    bool is_noted; /* also if every choice is the first */
    uint64_t seed;
    uint64_t steps; /* how many choices of tasks there will be, about */
    const struct bl__test_choice *choices;
    size_t choice_count;
    const uint8_t *bytes;
    size_t byte_count;
};

/* A strategy; one run at a time. */
struct bl__strategy {
    void (*begin)(const struct bl__schedule *schedule);
    /* Picks one of `count`, from 0; `ids` as for the seam. */
    uint32_t (*pick)(bl_choice kind, uint32_t count, const uint64_t *ids);
};

extern const struct bl__strategy bl__strategy_fifo;
extern const struct bl__strategy bl__strategy_random;
extern const struct bl__strategy bl__strategy_pct;
extern const struct bl__strategy bl__strategy_noted;
extern const struct bl__strategy bl__strategy_bytes;

/* Whether what the last run was asked does not fit what was noted. */
bool bl__strategy_noted_differs(void);

/* ---- DFS: a search that the runner leads --------------------------------- */

/*
 * Turns the choices of a run into the beginning of the next run's, in place:
 * the last choice that can be another one becomes the next one, and what
 * follows is left open.  At most `bound` choices are not the first.
 *
 * Returns false when all orders within the bound have been run.
 */
bool bl__dfs_next(struct bl__test_choice *choices, size_t *count,
                  unsigned bound);

#endif
