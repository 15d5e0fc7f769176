/* SPDX-License-Identifier: MIT */
/*
 * svc/restart.c - when to begin again, after which delay, and when to give up
 *
 * Two things are counted apart.  `failures` is the exponent of the delay, and
 * is forgotten after a while of going well, so that a fault once a day is
 * answered at once each time.  `times` is a ring of the last restarts, which
 * only age takes out: who fails every eleven seconds goes well in between, and
 * still is too often begun again.
 *
 * The jitter keeps things that failed together from coming back together.  It
 * is not drawn from a generator that would need a seed, but from what differs
 * anyway, the name and the nanosecond of the failure; by a virtual clock both
 * are the same in each run.
 *
 * Invariant: the first `noted` of the ring's places, counted back from `next`,
 * hold times in the order in which they came.
 */
#include "svc/restart.h"

#include <belay/error.h>
#include <belay/loop.h>

#include "base/assert.h"

static const bl_restart_policy restart_defaults = {
    .size = sizeof restart_defaults,
    .delay_min = BL_MS(100),
    .delay_max = BL_SEC(30),
    .reset_after = BL_SEC(10),
    .restarts_max = 10,
    .window = BL_SEC(300),
};

static bl_restart_policy policy_complete(const bl_restart_policy *policy) {
    if (policy == NULL) return restart_defaults;
    bl_restart_policy whole = *policy;
    bl__default_ns(&whole.delay_min, restart_defaults.delay_min);
    bl__default_ns(&whole.delay_max, restart_defaults.delay_max);
    bl__default_ns(&whole.reset_after, restart_defaults.reset_after);
    bl__default_ns(&whole.window, restart_defaults.window);
    if (whole.restarts_max == 0) {
        whole.restarts_max = restart_defaults.restarts_max;
    }
    return whole;
}

/* The delay before restart number `count`, from 0, without jitter. */
static bl_ns delay_of(const bl_restart_policy *policy, uint32_t count) {
    bl_ns delay = policy->delay_min;
    while (count > 0 && delay < policy->delay_max) {
        delay = bl_ns_add(delay, delay);
        count--;
    }
    return delay < policy->delay_max ? delay : policy->delay_max;
}

static bool policy_is_valid(const bl_restart_policy *policy) {
    if (policy->size < sizeof *policy) return false;
    if (policy->when > BL_RESTART_ALWAYS) return false;
    if (policy->delay_min < 0 || policy->delay_max < 0) return false;
    if (policy->reset_after < 0 || policy->window < 0) return false;
    if (policy->restarts_max == BL_RESTARTS_NO_LIMIT) return true;
    return policy->restarts_max <= BL_RESTARTS_MAX;
}

static const char *policy_warning(const bl_restart_policy *policy) {
    if (policy->when == BL_RESTART_NEVER) return NULL;
    if (policy->delay_min > policy->delay_max) {
        return "delay_min is above delay_max, which is what counts";
    }
    if (policy->restarts_max == BL_RESTARTS_NO_LIMIT) return NULL;
    if (delay_of(policy, policy->restarts_max - 1) < policy->delay_max) {
        return "restarts_max is reached before the delay has grown to "
               "delay_max";
    }
    bl_ns total = 0; /* at its shortest */
    for (uint32_t i = 0; i < policy->restarts_max; i++) {
        total = bl_ns_add(total, delay_of(policy, i) / 2);
    }
    if (total > policy->window) {
        return "restarts_max restarts take longer than window: the limit is "
               "never reached";
    }
    return NULL;
}

int bl_restart_check(const bl_restart_policy *policy, const char **warning) {
    if (policy == NULL) return BL_EINVAL;
    if (!policy_is_valid(policy)) return BL_EINVAL;
    bl_restart_policy whole = policy_complete(policy);
    if (warning != NULL) *warning = policy_warning(&whole);
    return 0;
}

/* ---- at work ------------------------------------------------------------- */

/* The finaliser of splitmix64: each bit of the result hangs on all. */
static uint64_t hash_mix(uint64_t value) {
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9u;
    value ^= value >> 27;
    value *= 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static uint64_t hash_text(const char *text) {
    uint64_t hash = 0;
    for (; *text != '\0'; text++) {
        hash = hash_mix(hash + (unsigned char)*text + 1);
    }
    return hash;
}

/* At least the half of `delay`, and less than the whole. */
static bl_ns jitter(const struct bl__restarts *restarts, bl_ns delay) {
    uint64_t moment = (uint64_t)bl_now();
    uint64_t drawn = hash_mix(restarts->name_hash ^ hash_mix(moment + 1));
    double part = (double)(drawn >> 11) / (double)(UINT64_C(1) << 53);
    bl_ns half = delay / 2;
    return delay - half + (bl_ns)((double)half * part);
}

void bl__restarts_init(struct bl__restarts *restarts,
                       const bl_restart_policy *policy, const char *name) {
    *restarts = (struct bl__restarts){
        .policy = policy_complete(policy),
        .name_hash = hash_text(name),
        .good_since = BL_FOREVER,
    };
}

void bl__restarts_forget(struct bl__restarts *restarts) {
    restarts->failures = 0;
    restarts->noted = 0;
    restarts->good_since = BL_FOREVER;
}

void bl__restarts_good(struct bl__restarts *restarts) {
    if (restarts->good_since == BL_FOREVER) restarts->good_since = bl_now();
}

void bl__restarts_bad(struct bl__restarts *restarts) {
    bl_ns since = restarts->good_since;
    restarts->good_since = BL_FOREVER;
    if (since == BL_FOREVER) return;
    if (bl_now() - since >= restarts->policy.reset_after) {
        restarts->failures = 0;
    }
}

/* Notes a restart, unless there were as many as may be. */
static bool ring_note(struct bl__restarts *restarts) {
    uint32_t size = restarts->policy.restarts_max;
    if (size == BL_RESTARTS_NO_LIMIT) return true;
    BL__ASSERT(size > 0);
    BL__ASSERT(size <= BL_RESTARTS_MAX);

    bl_ns now = bl_now();
    bl_ns oldest = restarts->times[restarts->next];
    if (restarts->noted == size) {
        if (now - oldest < restarts->policy.window) return false;
    } else {
        restarts->noted++;
    }
    restarts->times[restarts->next] = now;
    restarts->next = (restarts->next + 1) % size;
    return true;
}

enum bl__verdict bl__restarts_after(struct bl__restarts *restarts, int rc,
                                    bl_ns *delay) {
    const bl_restart_policy *policy = &restarts->policy;
    bl__restarts_bad(restarts);
    if (policy->when == BL_RESTART_NEVER) return BL__END;
    if (rc >= 0 && policy->when != BL_RESTART_ALWAYS) return BL__END;
    if (rc >= 0)
        restarts->failures = 0; /* an end like this is as good as any */
    if (rc < 0 && !ring_note(restarts)) return BL__GIVE_UP;

    bl_ns whole = delay_of(policy, restarts->failures);
    if (rc < 0 && restarts->failures < UINT32_MAX) restarts->failures++;
    *delay = policy->has_no_jitter ? whole : jitter(restarts, whole);
    if (policy->on_restart != NULL) {
        bl_restart_view view = { rc, restarts->failures, *delay };
        policy->on_restart(&view, policy->context);
    }
    return BL__RESTART;
}

int bl__with_object(int rc) {
    if (bl_error_current(rc) != NULL) return rc;
    return BL_ERR(rc, "%s", bl_strerror(rc));
}

void bl__restarts_note_limit(const struct bl__restarts *restarts, int rc) {
    bl_error_note(rc, "given up: %u restarts within %lld s",
                  restarts->policy.restarts_max,
                  (long long)(restarts->policy.window / BL_SEC(1)));
}
