# SPDX-License-Identifier: MIT
"""tests/tidy/test_proofs.py - what is promised has a test

Each kind of complaint of tools/proofs.py about a small tree, and none about
the real one.
"""

import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tools"), HERE]

import closing  # noqa: E402
import proofs  # noqa: E402

HEADER = """/*
 * Takes an apple.
 *
 * Returns 0.
 *
 * Errors:
 *   BL_EINVAL  apple is NULL
 *   BL_EAGAIN  there is none
 */
BL_MAY_FAIL
int bl_take(void *apple);
"""

SHOWN = """TEST(one) {
    CHECK_ERR(bl_take(NULL), BL_EINVAL);
    CHECK_ERR(bl_take(&apple), BL_EAGAIN);
}
"""

RULES = "| id | rule | tests |\n|---|---|---|\n"
CODES = "| calls | codes | test |\n|---|---|---|\n"


class Case(unittest.TestCase):
    def complaints(self, test=SHOWN, rules="", service_rules="", codes=""):
        files = {
            "include/belay/fruit.h": HEADER,
            "tests/fruit/test_fruit.c": test,
            proofs.RULES: RULES + rules,
            proofs.SERVICE_RULES: RULES + service_rules,
            proofs.ERRORS: CODES + codes,
        }
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                place = os.path.join(root, path)
                os.makedirs(os.path.dirname(place), exist_ok=True)
                with open(place, "w", encoding="utf-8") as file:
                    file.write(text)
            return proofs.check(root)

    def complains(self, about, **files):
        found = self.complaints(**files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(about, found[0])


class Rules(Case):
    def test_a_rule_names_a_test(self):
        row = "| A1 | Apples are red. | `tests/fruit/test_fruit.c: one` |\n"
        self.assertEqual(self.complaints(rules=row), [])

    def test_a_rule_may_say_why_there_is_none(self):
        row = "| A1 | Apples are red. | none: it is a matter of taste |\n"
        self.assertEqual(self.complaints(rules=row), [])

    def test_a_rule_without_either_is_found(self):
        self.complains("A1 has neither", rules="| A1 | Apples. | |\n")

    def test_the_rules_of_services_are_held_too(self):
        self.complains("A1 has neither", service_rules="| A1 | Apples. | |\n")
        row = "| A1 | Apples are red. | `tests/fruit/test_fruit.c: two` |\n"
        self.complains("has no test two", service_rules=row)
        self.complains("A1 has neither", rules="| A1 | Apples. | none |\n")

    def test_a_test_that_is_not_there_is_found(self):
        row = "| A1 | Apples. | `tests/fruit/test_fruit.c: two` |\n"
        self.complains("has no test two", rules=row)
        row = "| A1 | Apples. | `tests/fruit/test_nuts.c: one` |\n"
        self.complains("there is no file", rules=row)

    def test_the_start_of_a_name_is_not_the_name(self):
        row = "| A1 | Apples. | `tests/fruit/test_fruit.c: on` |\n"
        self.complains("has no test on", rules=row)

    def test_an_id_is_given_once(self):
        row = "| A1 | Apples. | none: taste |\n"
        self.complains("already", rules=row + row)

    def test_an_id_has_a_form(self):
        self.complains("is no id", rules="| apple | Red. | none: taste |\n")

    def test_a_row_has_three_cells(self):
        self.complains("a row is", rules="| A1 | Apples. |\n")


class Codes(Case):
    def test_a_code_that_no_line_shows_is_found(self):
        half = "TEST(one) {\n    CHECK_ERR(bl_take(NULL), BL_EINVAL);\n}\n"
        self.complains("bl_take promises BL_EAGAIN", test=half)

    def test_another_call_on_the_line_does_not_count(self):
        other = SHOWN.replace("bl_take(&apple)", "bl_give(&apple)")
        self.complains("bl_take promises BL_EAGAIN", test=other)

    def test_a_variable_stands_for_the_call_before(self):
        split = SHOWN.replace(
            "    CHECK_ERR(bl_take(&apple)",
            "    int rc = bl_take(&apple);\n    CHECK_ERR(rc")
        self.assertEqual(self.complaints(test=split), [])

    def test_a_function_of_the_file_stands_for_its_calls(self):
        helped = "static int take(void *arg) {\n    return bl_take(arg);\n" \
                 "}\n\n" + SHOWN.replace("bl_take(", "elsewhere(take, ")
        self.assertEqual(self.complaints(test=helped), [])

    def test_a_row_stands_for_what_takes_more_than_a_line(self):
        half = "TEST(one) {\n    CHECK_ERR(bl_take(NULL), BL_EINVAL);\n}\n"
        row = "| bl_take | BL_EAGAIN | `tests/fruit/test_fruit.c: one` |\n"
        self.assertEqual(self.complaints(test=half, codes=row), [])

    def test_a_row_without_a_test_is_found(self):
        self.complains("no test is named", codes="| bl_take | BL_EAGAIN | |\n")

    def test_a_row_for_a_code_that_is_not_promised_is_found(self):
        row = "| bl_take | BL_EIO | `tests/fruit/test_fruit.c: one` |\n"
        self.complains("does not promise BL_EIO", codes=row)


class RealTree(unittest.TestCase):
    def test_every_rule_and_every_promised_code_has_a_test(self):
        self.assertEqual(proofs.check(ROOT), [])


if __name__ == "__main__":
    closing.main()
