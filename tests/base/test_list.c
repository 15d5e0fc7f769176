/* SPDX-License-Identifier: MIT */
/*
 * tests/base/test_list.c - intrusive lists
 */
#include <belay/test.h>

#include "base/list.h"

struct item {
    int number;
    bl_link link;
};

static int numbers(const bl_link *head) {
    int result = 0;
    bl__list_each(link, head) {
        result =
            result * 10 + bl__container_of(link, struct item, link)->number;
    }
    return result;
}

TEST(items_are_kept_in_the_order_of_appending, .no_loop = true) {
    bl_link head;
    struct item items[3] = { { .number = 1 },
                             { .number = 2 },
                             { .number = 3 } };
    bl__list_init(&head);
    CHECK(bl__list_is_empty(&head));
    CHECK(bl__list_first(&head) == NULL);
    for (int i = 0; i < 3; i++)
        bl__list_append(&head, &items[i].link);
    CHECK_EQ(numbers(&head), 123);
    CHECK(bl__list_first(&head) == &items[0].link);
    CHECK(bl__list_is_linked(&items[1].link));
}

TEST(an_item_can_be_taken_out_from_anywhere, .no_loop = true) {
    bl_link head;
    struct item items[3] = { { .number = 1 },
                             { .number = 2 },
                             { .number = 3 } };
    bl__list_init(&head);
    for (int i = 0; i < 3; i++)
        bl__list_append(&head, &items[i].link);
    bl__list_remove(&items[1].link);
    CHECK_EQ(numbers(&head), 13);
    CHECK(!bl__list_is_linked(&items[1].link));
    bl__list_remove(&items[1].link); /* idempotent */
    bl__list_remove(&items[0].link);
    bl__list_remove(&items[2].link);
    CHECK(bl__list_is_empty(&head));
}

TEST(an_item_can_be_put_before_another, .no_loop = true) {
    bl_link head;
    struct item items[3] = { { .number = 1 },
                             { .number = 2 },
                             { .number = 3 } };
    bl__list_init(&head);
    bl__list_append(&head, &items[2].link);
    bl__list_insert_before(&items[2].link, &items[0].link);
    bl__list_insert_before(&items[2].link, &items[1].link);
    CHECK_EQ(numbers(&head), 123);
}

TEST(zeroes_are_an_empty_list_and_a_free_link, .no_loop = true) {
    bl_link head = { 0 };
    struct item item = { 0 };
    CHECK(bl__list_is_empty(&head));
    CHECK(bl__list_first(&head) == NULL);
    CHECK(!bl__list_is_linked(&item.link));
    bl__list_remove(&item.link); /* no effect */
}
