#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/proofs.py - that what is promised has a test

    tools/proofs.py             what lacks a test, or names one that is not there
    tools/proofs.py --missing   promised codes without a test, as rows for
                                tests/errors.md

Two things are promised: the rules of behaviour, which tests/semantics.md and,
for services, tests/service.md list with the tests that show them; and the codes
under `Errors:` in the public headers.  A code is shown by a line of a test such as

    CHECK_ERR(bl_sem_acquire(&sem), BL_ETHREAD);

where the call may also stand in a function of the same file that the line
names, or in the assignment before it.  Where it takes more than that, a row of
tests/errors.md names the test.
"""

import argparse
import os
import re
import sys

import ctext

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RULES = "tests/semantics.md"
SERVICE_RULES = "tests/service.md"
ERRORS = "tests/errors.md"

# Headers whose codes are not the library's.
BEYOND = {"test.h"}

# `tests/task/test_scope.c: name`, in a cell; several are separated by <br>.
PROOF = re.compile(r"`(tests/\S+): (\w+)`")
NONE = re.compile(r"^none: \S")
ID = re.compile(r"^[A-Z]+[0-9]*(\.[0-9]+)*[a-z]?$")
CHECK = re.compile(r"\b(?:CHECK|REQUIRE)_ERR\(")
ATTRIBUTE = re.compile(r"__attribute__\(\(.*?\)\)")
DEPTH = 3  # how far a call is followed through the functions of a file


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


# ---- tests ------------------------------------------------------------------

def test_files(root):
    """The test sources below tests/, path to text."""
    found = {}
    for directory, _, names in os.walk(os.path.join(root, "tests")):
        for name in sorted(names):
            if name.endswith((".c", ".h", ".py")):
                path = os.path.join(directory, name)
                found[os.path.relpath(path, root)] = read(path)
    return found


def has_test(text, name):
    """Whether a test source defines the test `name`."""
    pattern = rf"^(?:[A-Z][A-Z_]*\(\s*{name}\s*[,)]|\s*def {name}\()"
    return re.search(pattern, text, re.M) is not None


def rows(text):
    """The rows of the tables of a document: (line, cells)."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("|") and not re.match(r"^\|[\s:|-]+\|$", line):
            yield number, [cell.strip() for cell in line.strip("|").split("|")]


def check_proofs(path, text, tests):
    """Complaints about tests that a document names and that are not there."""
    for number, line in enumerate(text.split("\n"), 1):
        for file, name in PROOF.findall(line):
            if file not in tests:
                yield f"{path}:{number}: there is no file {file}"
            elif not has_test(tests[file], name):
                yield f"{path}:{number}: {file} has no test {name}"


def check_rules(path, text):
    """Complaints about the form of the table of rules."""
    seen = {}
    for number, cells in rows(text):
        if len(cells) != 3:
            yield f"{path}:{number}: a row is | id | rule | tests |"
            continue
        name, _, proof = cells
        if name == "id":
            continue
        if not ID.match(name):
            yield f"{path}:{number}: {name} is no id"
        if name in seen:
            yield f"{path}:{number}: {name} is on line {seen[name]} already"
        seen[name] = number
        if not PROOF.search(proof) and not NONE.match(proof):
            yield f"{path}:{number}: {name} has neither a test nor " \
                  "`none: ` and a reason"


# ---- codes ------------------------------------------------------------------

def promised(root):
    """The codes that headers promise: {(function, code)}."""
    found = set()
    top = os.path.join(root, "include", "belay")
    folders = [top, os.path.join(top, "http")]
    for path in sorted(os.path.join(folder, name) for folder in folders
                       if os.path.isdir(folder)
                       for name in os.listdir(folder)):
        if not path.endswith(".h") or os.path.basename(path) in BEYOND:
            continue
        for item in ctext.items(read(path)):
            if item.kind != "function" or not item.is_public:
                continue
            for code, _ in ctext.contract(item.comment).errors:
                found.add((item.name, code))
    return found


def closing(text, start):
    """Where the parenthesis that is open at `start` is closed."""
    depth = 1
    for at in range(start, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at
    return len(text)


def bodies(text):
    """The functions of a laid-out C file, name to the words in it."""
    found = {}
    head = []
    for line in text.split("\n"):
        if re.match(r"[A-Za-z_]", line):
            head = []
        head.append(line)
        if line == "}" and head:
            whole = ATTRIBUTE.sub("", "\n".join(head))
            name = re.search(r"(\w+)\(", whole)
            if name:
                found[name.group(1)] = words(whole)
            head = []
    return found


def words(text):
    return set(re.findall(r"\b[a-z]\w*\b", text))


def calls_of(names, known):
    """The bl_ functions among `names`, also by way of `known` functions."""
    seen = set()
    for _ in range(DEPTH):
        new = (names & known.keys()) - seen
        seen |= new
        for name in new:
            names = names | known[name]
    return {name for name in names if name.startswith("bl_")}


def assigned(text, at, name):
    """What was last assigned to the variable `name` before `at`, or ""."""
    before = text[max(0, at - 1500):at]
    found = re.findall(rf"\b{name} =\s*([^;]*);", before)
    return found[-1] if found else ""


def shown(text):
    """What the lines of a test source show: {(function, code)}."""
    found = set()
    known = bodies(text)
    for match in CHECK.finditer(text):
        call = text[match.end():closing(text, match.end())]
        left, _, right = call.rpartition(",")
        variable = left.strip()
        if re.fullmatch(r"\w+", variable):
            left = assigned(text, match.start(), variable)
        codes = re.findall(r"\bBL_E\w+", right)
        if codes:
            found |= {(name, code) for name in calls_of(words(left), known)
                      for code in codes}
    return found


def listed(text):
    """What the rows of the table of codes say: (line, function, code)."""
    for number, cells in rows(text):
        if len(cells) == 3 and cells[0] != "calls":
            for name in cells[0].split():
                for code in cells[1].split():
                    yield number, name, code


def check_codes(root, tests, text):
    """Complaints about promised codes; and the pairs without a test."""
    codes = promised(root)
    by_line = set()
    for path, source in tests.items():
        if path.endswith(".c"):
            by_line |= shown(source)
    by_row = set()
    complaints = []
    for number, name, code in listed(text):
        by_row.add((name, code))
        if (name, code) not in codes:
            complaints.append(f"{ERRORS}:{number}: {name} does not promise "
                              f"{code}")
    for number, cells in rows(text):
        if cells[0] != "calls" and not PROOF.search(cells[-1]):
            complaints.append(f"{ERRORS}:{number}: no test is named")
    missing = sorted(codes - by_line - by_row)
    for name, code in missing:
        complaints.append(f"include/belay: {name} promises {code}, and no "
                          "test shows it")
    return complaints, missing


# ---- the whole --------------------------------------------------------------

def check(root):
    """All complaints about the tree at `root`."""
    tests = test_files(root)
    found = []
    for path in (RULES, SERVICE_RULES, ERRORS):
        found += check_proofs(path, read(os.path.join(root, path)), tests)
    for path in (RULES, SERVICE_RULES):
        found += check_rules(path, read(os.path.join(root, path)))
    found += check_codes(root, tests, read(os.path.join(root, ERRORS)))[0]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--missing", action="store_true")
    arguments = parser.parse_args()
    if arguments.missing:
        text = read(os.path.join(ROOT, ERRORS))
        for name, code in check_codes(ROOT, test_files(ROOT), text)[1]:
            print(f"| {name} | {code} | |")
        return 0
    complaints = check(ROOT)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
