/* SPDX-License-Identifier: MIT */
/*
 * test/explore/input.h - the inputs of a FUZZ test
 */
#ifndef BL__TEST_INPUT_H
#define BL__TEST_INPUT_H

#include <belay/test.h>

/* Owned bytes. */
struct bl__input {
    uint8_t *bytes;
    size_t count;
};

/* The files of a corpus, in the order of their names. */
struct bl__corpus {
    struct bl__input *items;
    size_t count;
    size_t bytes_max; /* of an input */
};

/* Reads the corpus of a test; what cannot be read is not there. */
void bl__corpus_load(struct bl__corpus *corpus, const struct bl__test *test);
void bl__corpus_done(struct bl__corpus *corpus);

/* Reads a file as an input; false if it cannot be read. */
bool bl__input_read(struct bl__input *input, const char *path,
                    size_t bytes_max);

/*
 * Makes input `number`, from 0: those of the corpus come first, behind them
 * are changed ones, which follow from `seed` and the number alone.
 */
struct bl__input bl__input_make(const struct bl__corpus *corpus, uint64_t seed,
                                uint64_t number);

struct bl__input bl__input_copy(const struct bl__input *input);
void bl__input_done(struct bl__input *input);

/* Inputs as text: pairs of hexadecimal digits. */
char *bl__input_format(const struct bl__input *input);
bool bl__input_parse(struct bl__input *input, const char *text);

/* ---- making a failing input smaller -------------------------------------- */

struct bl__input_shrink {
    struct bl__input best;
    struct bl__input trial;
    size_t width; /* bytes that are left out at a time */
    size_t at;
    unsigned runs;
};

void bl__input_shrink_begin(struct bl__input_shrink *shrink,
                            const struct bl__input *input);
/* Makes the next trial; false if `best` is the result. */
bool bl__input_shrink_next(struct bl__input_shrink *shrink);
void bl__input_shrink_judge(struct bl__input_shrink *shrink, bool fails_alike);
void bl__input_shrink_done(struct bl__input_shrink *shrink);

#endif
