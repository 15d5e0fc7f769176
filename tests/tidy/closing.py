# SPDX-License-Identifier: MIT
"""tests/tidy/closing.py - ends a unittest file as every test program ends

The last line is `N passed, N failed[, N skipped]`, which tools/run_tests adds
up.  A test file calls main() where it would call unittest.main().
"""

import sys
import unittest


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(
        sys.modules["__main__"])
    result = unittest.TextTestRunner(stream=sys.stdout).run(suite)
    # A test whose subtests fail has failed once.
    failed = len({getattr(test, "test_case", test)
                  for test, _ in result.failures + result.errors})
    skipped = len(result.skipped)
    passed = max(0, result.testsRun - failed - skipped)
    line = f"{passed} passed, {failed} failed"
    print(line + (f", {skipped} skipped" if skipped else ""))
    sys.exit(1 if failed else 0)
