/* SPDX-License-Identifier: MIT */
/*
 * sync/sem.c - a number of permits
 *
 * A release gives its permit to the first in line without passing through the
 * count, so a task that comes meanwhile cannot take it away.
 *
 * Invariant: while somebody waits, no permit is free.
 */
#include <belay/sync.h>

#include "base/assert.h"
#include "sync/object.h"

static bool sem_is_usable(const bl_sem *sem) {
    return sem != NULL && sem->_value_max != 0;
}

static int sem_take(bl_sem *sem) {
    if (sem->_value == 0) return BL_EAGAIN;
    BL__ASSERT(bl__object_waiting(&sem->_waiters) == 0);
    sem->_value--;
    return 0;
}

int bl_sem_acquire(bl_sem *sem) {
    if (!sem_is_usable(sem)) return BL_EINVAL;
    int rc = bl__object_enter(&sem->_loop);
    if (rc < 0) return rc;
    rc = sem_take(sem);
    if (rc != BL_EAGAIN) return rc;

    bl_waiter waiter;
    return bl_waitq_wait(&sem->_waiters, &waiter, "semaphore", sem);
}

int bl_sem_try_acquire(bl_sem *sem) {
    if (!sem_is_usable(sem)) return BL_EINVAL;
    int rc = bl__object_visit(&sem->_loop);
    if (rc < 0) return rc;
    return sem_take(sem);
}

int bl_sem_release(bl_sem *sem) {
    if (!sem_is_usable(sem)) return BL_EINVAL;
    int rc = bl__object_visit(&sem->_loop);
    if (rc < 0) return rc;

    bl_waiter *first = bl_waitq_first(&sem->_waiters);
    if (first != NULL) {
        BL__ASSERT(sem->_value == 0);
        bl_waitq_serve(first, 0);
        return 0;
    }
    if (sem->_value == sem->_value_max) return BL_EOVERFLOW;
    sem->_value++;
    return 0;
}

size_t bl_sem_value(const bl_sem *sem) {
    BL__ASSERT(sem != NULL);
    return sem->_value;
}

int bl_sem_init(bl_sem *sem, size_t value, size_t value_max) {
    if (sem == NULL) return BL_EINVAL;
    if (value_max == 0) value_max = SIZE_MAX;
    if (value > value_max) return BL_EINVAL;

    *sem = (bl_sem){ ._value = value, ._value_max = value_max };
    return 0;
}
