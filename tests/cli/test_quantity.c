/* SPDX-License-Identifier: MIT */
/*
 * tests/cli/test_quantity.c - numbers with units, read and written
 */
#include <string.h>

#include <belay/test.h>

#include "cli/quantity.h"

static uint64_t count_of(const char *text) {
    uint64_t count = 12345;
    return quantity_read_count(text, 1000000000000, &count) ? count : 99999;
}

static bl_ns time_of(const char *text) {
    bl_ns time = -1;
    return quantity_read_time(text, &time) ? time : -2;
}

static uint64_t rate_of(const char *text) {
    uint64_t rate = 12345;
    return quantity_read_rate(text, 10000000000, &rate) ? rate : 99999;
}

TEST(counts_are_read) {
    CHECK_EQ(count_of("0"), 0);
    CHECK_EQ(count_of("1000"), 1000);
    CHECK_EQ(count_of("20k"), 20000);
    CHECK_EQ(count_of("1.5M"), 1500000);
}

TEST(some_is_not_nothing) {
    uint32_t count = 7;
    CHECK(!quantity_read_some("0", 10, &count));
    CHECK(!quantity_read_some("11", 10, &count));
    CHECK_EQ(count, 7);
    CHECK(quantity_read_some("10", 10, &count));
    CHECK_EQ(count, 10);
}

TEST(times_are_read) {
    CHECK_EQ(time_of("10"), BL_SEC(10));
    CHECK_EQ(time_of("10s"), BL_SEC(10));
    CHECK_EQ(time_of("250ms"), BL_MS(250));
    CHECK_EQ(time_of("0.5us"), 500);
    CHECK_EQ(time_of("7ns"), 7);
    CHECK_EQ(time_of("2m"), BL_SEC(120));
    CHECK_EQ(time_of("1h"), BL_SEC(3600));
}

TEST(rates_are_read_in_thousandths) {
    CHECK_EQ(rate_of("2000"), 2000000);
    CHECK_EQ(rate_of("2000/s"), 2000000);
    CHECK_EQ(rate_of("1.5k/s"), 1500000);
    CHECK_EQ(rate_of("90/m"), 1500);
    CHECK_EQ(rate_of("0"), 0);
}

TEST(sizes_are_read_in_powers_of_1024) {
    uint64_t bytes = 0;
    CHECK(quantity_read_bytes("4K", UINT64_MAX, &bytes));
    CHECK_EQ(bytes, 4096);
    CHECK(quantity_read_bytes("1.5M", UINT64_MAX, &bytes));
    CHECK_EQ(bytes, 1572864);
    CHECK(!quantity_read_bytes("1M", 1000000, &bytes));
    CHECK_EQ(bytes, 1572864);
}

PARAM(const char *, nonsense, "", " 1", "1 ", "-1", "+1", "x", "1x", "0x10",
      "1e5", ".5", "1..2", "nan", "inf", "1kk", "k");

TEST(what_is_no_quantity_is_refused, (nonsense)) {
    CHECK_EQ(count_of(nonsense), 99999);
    CHECK_EQ(time_of(nonsense), -2);
    CHECK_EQ(rate_of(nonsense), 99999);
}

TEST(what_is_too_much_is_refused) {
    CHECK_EQ(count_of("1000000000001"), 99999);
    CHECK_EQ(count_of("99999999999999999999999999"), 99999);
    CHECK_EQ(time_of("1000000h"), -2);
    CHECK_EQ(rate_of("11M/s"), 99999);
}

TEST(counts_are_written_in_groups) {
    char text[QUANTITY_TEXT_BYTES];
    CHECK_STR(quantity_count(0, text), "0");
    CHECK_STR(quantity_count(999, text), "999");
    CHECK_STR(quantity_count(1000, text), "1,000");
    CHECK_STR(quantity_count(1234567, text), "1,234,567");
    CHECK_STR(quantity_count(UINT64_MAX, text), "18,446,744,073,709,551,615");
}

TEST(times_are_written_with_three_digits) {
    char text[QUANTITY_TEXT_BYTES];
    CHECK_STR(quantity_time(0, text), "0 ns");
    CHECK_STR(quantity_time(999, text), "999 ns");
    CHECK_STR(quantity_time(1234, text), "1.23 us");
    CHECK_STR(quantity_time(9996, text), "10.0 us");
    CHECK_STR(quantity_time(99960, text), "100 us");
    CHECK_STR(quantity_time(999600, text), "1.00 ms");
    CHECK_STR(quantity_time(BL_MS(250), text), "250 ms");
    CHECK_STR(quantity_time(BL_SEC(75), text), "75.0 s");
    CHECK_STR(quantity_time(BL_SEC(7200), text), "7200 s");
    CHECK_LT(strlen(quantity_time(BL_FOREVER, text)), QUANTITY_TEXT_BYTES);
}

TEST(bytes_and_rates_are_written) {
    char text[QUANTITY_TEXT_BYTES];
    CHECK_STR(quantity_bytes(12, text), "12 B");
    CHECK_STR(quantity_bytes(1234, text), "1.23 kB");
    CHECK_STR(quantity_bytes(999600, text), "1.00 MB");
    CHECK_STR(quantity_bytes(5e12, text), "5.00 TB");
    CHECK_STR(quantity_rate(19998.74, text), "19,998.7");
    CHECK_STR(quantity_rate(20000.04, text), "20,000");
    CHECK_STR(quantity_rate(0.97, text), "1");
    CHECK_STR(quantity_rate(0, text), "0");
}
