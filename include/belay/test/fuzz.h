/* SPDX-License-Identifier: MIT */
/*
 * belay/test/fuzz.h - tests that are given inputs by a machine
 *
 * FUZZ declares a test whose body has two more names: `data`, and its `size`.
 * In every run it is called with nothing, with the files of its corpus, and
 * with a hundred inputs that are made from these.  `--fuzz NAME=SECONDS` makes
 * more of them, and a program that is linked with clang's -fsanitize=fuzzer is
 * driven by libFuzzer, inside one process.
 *
 *     FUZZ(any_header_is_survived, .max_len = 200) {
 *         struct header header;
 *         if (header_parse(&header, data, size) == 0) {
 *             CHECK_LE(header.length, size);
 *         }
 *     }
 *
 * Where tasks, timers and the like are free to come in any order, each choice
 * takes a byte from the end of the input.
 */
#ifndef BELAY_TEST_FUZZ_H
#define BELAY_TEST_FUZZ_H

#include <belay/test/declare.h>
#include <belay/test/parts.h>

BL_BEGIN_DECLS

/* ---- what FUZZ stands on; not used by hand ------------------------------ */

BL_API
const uint8_t *bl__test_input(size_t *size);

BL_END_DECLS

#if defined(__GNUC__) && !defined(__cplusplus)

/*
 * FUZZ(name) { ... data ... size ... }
 * FUZZ(name, .max_len = 4096, .corpus = "corpus/header") { ... }
 * FUZZ(name, (server), .inputs = 1000) { ... }
 *
 * Declares and registers a test as TEST does.  The corpus is a folder beside
 * the source file.
 */
#    define BL_FUZZ(...)                                                    \
        BL__TEST_PASTE(BL__FUZZ_FORM_, BL__TEST_IS_LIST(BL__TEST_SECOND_OF( \
                                           __VA_ARGS__, ~, ~)))             \
        (__VA_ARGS__, )
#    define BL__FUZZ_FORM_0(name, ...)       BL__FUZZ(name, (), __VA_ARGS__)
#    define BL__FUZZ_FORM_1(name, list, ...) BL__FUZZ(name, list, __VA_ARGS__)

#    define BL__FUZZ(test, list, ...)                                          \
        static void test##__input(                                             \
            BL__UNUSED const uint8_t *data,                                    \
            BL__UNUSED size_t size BL__TEST_MAP(BL__TEST_AS_PARAMETER, list)); \
        static void test##__thunk(BL__UNUSED const void *const *bl__values) {  \
            size_t bl__size;                                                   \
            const uint8_t *bl__data = bl__test_input(&bl__size);               \
            test##__input(bl__data,                                            \
                          bl__size BL__TEST_MAP(BL__TEST_AS_VALUE, list));     \
        }                                                                      \
        BL__TEST_REGISTER(test, list, true, __VA_ARGS__)                       \
        static void test##__input(                                             \
            BL__UNUSED const uint8_t *data,                                    \
            BL__UNUSED size_t size BL__TEST_MAP(BL__TEST_AS_PARAMETER, list))

#endif

#endif
