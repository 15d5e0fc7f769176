/* SPDX-License-Identifier: MIT */
/*
 * cli/quantity.c - numbers with units, as people write and read them
 *
 * A quantity is a decimal number and a suffix from a table, which says by what
 * to multiply.  Numbers are read as C reads them, but for what would surprise:
 * signs, hexadecimals, infinities, spaces.
 */
#include "quantity.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *suffix;
    double factor;
};

static const struct unit counts[] = {
    { "", 1 }, { "k", 1e3 }, { "K", 1e3 }, { "M", 1e6 }, { "G", 1e9 },
};

static const struct unit sizes[] = {
    { "", 1 },
    { "K", 1024 },
    { "k", 1024 },
    { "M", 1024 * 1024 },
    { "G", 1024 * 1024 * 1024 },
};

static const struct unit times[] = {
    { "", 1e9 },  { "ns", 1 },   { "us", 1e3 },   { "ms", 1e6 },
    { "s", 1e9 }, { "m", 6e10 }, { "h", 3.6e12 },
};

static const struct unit rates[] = {
    { "", 1e3 },    { "/s", 1e3 },       { "/m", 1e3 / 60 }, { "k", 1e6 },
    { "k/s", 1e6 }, { "k/m", 1e6 / 60 }, { "M", 1e9 },       { "M/s", 1e9 },
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Reads a number that begins with a digit; returns where it ends, or NULL. */
static const char *read_number(const char *text, double *number) {
    size_t length = strspn(text, "0123456789.");
    char *end;

    if (!isdigit((unsigned char)text[0])) return NULL;
    *number = strtod(text, &end);
    /* "1e5" and "0x10" are not what is written here. */
    if (end != text + length) return NULL;
    return end;
}

static bool read_with(const char *text, const struct unit *units, size_t count,
                      double max, double *value) {
    double number;
    const char *suffix = read_number(text, &number);
    if (suffix == NULL) return false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(suffix, units[i].suffix) != 0) continue;
        double product = round(number * units[i].factor);
        if (product > max) return false;
        *value = product;
        return true;
    }
    return false;
}

bool quantity_read_count(const char *text, uint64_t max, uint64_t *count) {
    double value;
    if (!read_with(text, counts, LENGTH(counts), (double)max, &value)) {
        return false;
    }
    *count = (uint64_t)value;
    return true;
}

bool quantity_read_some(const char *text, uint32_t max, uint32_t *count) {
    uint64_t value;
    if (!quantity_read_count(text, max, &value) || value == 0) return false;
    *count = (uint32_t)value;
    return true;
}

bool quantity_read_bytes(const char *text, uint64_t max, uint64_t *bytes) {
    double value;
    if (!read_with(text, sizes, LENGTH(sizes), (double)max, &value)) {
        return false;
    }
    *bytes = (uint64_t)value;
    return true;
}

bool quantity_read_time(const char *text, bl_ns *time) {
    double value;
    double year = 3.6e12 * 24 * 365;
    if (!read_with(text, times, LENGTH(times), year, &value)) return false;
    *time = (bl_ns)value;
    return true;
}

bool quantity_read_rate(const char *text, uint64_t max, uint64_t *milli) {
    double value;
    if (!read_with(text, rates, LENGTH(rates), (double)max, &value)) {
        return false;
    }
    *milli = (uint64_t)value;
    return true;
}

const char *quantity_count(uint64_t count, char *text) {
    char digits[QUANTITY_TEXT_BYTES];
    int length =
        snprintf(digits, sizeof(digits), "%llu", (unsigned long long)count);
    char *out = text;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

/* Three significant digits, or all of those before the point. */
static const char *three_digits(double value, const char *unit, char *text) {
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    snprintf(text, QUANTITY_TEXT_BYTES, "%.*f %s", decimals, value, unit);
    return text;
}

const char *quantity_bytes(double bytes, char *text) {
    static const char *const names[] = { "kB", "MB", "GB", "TB", "PB" };
    size_t i = 0;

    if (bytes < 999.5) {
        snprintf(text, QUANTITY_TEXT_BYTES, "%.0f B", bytes);
        return text;
    }
    double value = bytes / 1000;
    for (; value >= 999.5 && i + 1 < LENGTH(names); i++)
        value /= 1000;
    return three_digits(value, names[i], text);
}

const char *quantity_time(bl_ns time, char *text) {
    double value = (double)time;

    if (value < 999.5) {
        snprintf(text, QUANTITY_TEXT_BYTES, "%.0f ns", value);
        return text;
    }
    if (value < 999.5e3) return three_digits(value / 1e3, "us", text);
    if (value < 999.5e6) return three_digits(value / 1e6, "ms", text);
    return three_digits(value / 1e9, "s", text);
}

const char *quantity_rate(double per_second, char *text) {
    uint64_t tenths = (uint64_t)(per_second * 10 + 0.5);

    quantity_count(tenths / 10, text);
    if (tenths % 10 == 0) return text;
    size_t length = strlen(text);
    snprintf(text + length, QUANTITY_TEXT_BYTES - length, ".%d",
             (int)(tenths % 10));
    return text;
}
