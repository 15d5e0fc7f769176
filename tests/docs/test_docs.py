#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tests/docs/test_docs.py - what the documents show and point to is there

A block of C after the line `<!-- example: examples/foo.c -->` is a part of
that file, word for word, so what a reader copies has been compiled and run.
Lines `...` in a block stand for lines left out.  A block after the line
`<!-- output: foo.txt -->` is a part of examples/expected/foo.txt in the same
way, line numbers and addresses set aside.  Links between documents, and the
files and calls they name, exist.
"""

import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests/examples"),
                os.path.join(ROOT, "tests/tidy")]

import closing  # noqa: E402
import test_examples  # noqa: E402

EXAMPLE = re.compile(r"^<!-- (example|output): (\S+) -->$")
FENCE = re.compile(r"^```(\w*)$")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CALL = re.compile(r"\b(bl_[a-z0-9_]+|BL_[A-Z0-9_]+)\b")

OUTPUTS = "examples/expected/"

# Names of calls that are planned, or stand for a family.
NOT_YET = {"bl_noun_verb"}


def documents():
    """The prose of the project, path to text."""
    found = {}
    for directory, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders
                      if f != "build" and not f.startswith(".")]
        for name in names:
            if name.endswith(".md"):
                path = os.path.relpath(os.path.join(directory, name), ROOT)
                with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                    found[path] = file.read()
    return found


def blocks(text):
    """The fenced blocks: (line, language, example or None, code lines)."""
    found = []
    example = None
    start = None
    for number, line in enumerate(text.split("\n"), 1):
        fence = FENCE.match(line)
        if start is not None:
            if line == "```":
                found.append((start, language, example, code))
                start = example = None
            else:
                code.append(line)
        elif fence:
            start, language, code = number, fence.group(1), []
        elif EXAMPLE.match(line):
            kind, name = EXAMPLE.match(line).groups()
            example = name if kind == "example" else OUTPUTS + name
        elif line.strip():
            example = None
    return found


def is_part(code, source):
    """Whether the lines are in the source, in order, together but for `...`.

    A block may be indented less than the source, all lines alike.
    """
    pieces = [[]]
    for line in code:
        if line.strip() == "...":
            pieces.append([])
        else:
            pieces[-1].append(line)
    position = 0
    for piece in pieces:
        position = find(strip(piece), source, position)
        if position is None:
            return False
    return True


def strip(lines):
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def find(piece, source, start):
    """The place after `piece` in `source`, at or after `start`, or None."""
    for place in range(start, len(source) - len(piece) + 1):
        window = source[place:place + len(piece)]
        if same(piece, window):
            return place + len(piece)
    return None


def same(piece, window):
    """Whether the lines are equal, or all indented more by the same."""
    if not piece:
        return True
    indent = window[0][:len(window[0]) - len(window[0].lstrip())]
    own = piece[0][:len(piece[0]) - len(piece[0].lstrip())]
    if not indent.endswith(own):
        return False
    more = indent[:len(indent) - len(own)]
    return all(line == "" and seen == "" or more + line == seen
               for line, seen in zip(piece, window))


def anchor(title):
    """The anchor that a heading gets."""
    text = re.sub(r"[^\w\- ]", "", title.lower().strip())
    return text.replace(" ", "-")


def library_text():
    """The headers, and the sources, which docs/internals speaks of."""
    text = []
    for top in ("include", "src"):
        for directory, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                with open(os.path.join(directory, name),
                          encoding="utf-8") as file:
                    text.append(file.read())
    return "\n".join(text)


class Documents(unittest.TestCase):
    def setUp(self):
        self.texts = documents()

    def test_there_are_some(self):
        for path in ("README.md", "ARCHITECTURE.md", "docs/tutorial.md"):
            self.assertTrue(path in self.texts, path)

    def test_examples_are_verbatim(self):
        seen = 0
        for path, text in self.texts.items():
            for line, _, example, code in blocks(text):
                if example is None:
                    continue
                seen += 1
                with self.subTest(place=f"{path}:{line}"):
                    with open(os.path.join(ROOT, example),
                              encoding="utf-8") as file:
                        source = file.read().split("\n")
                    if example.startswith(OUTPUTS):
                        code = [test_examples.constant(line) for line in code]
                    self.assertTrue(is_part(code, source),
                                    f"{path}:{line}: not in {example}")
        self.assertGreater(seen, 20)

    def test_markers_have_a_block(self):
        for path, text in self.texts.items():
            markers = sum(1 for line in text.split("\n")
                          if EXAMPLE.match(line))
            used = sum(1 for block in blocks(text) if block[2])
            self.assertEqual(markers, used, f"{path}: a marker without block")

    def test_links_resolve(self):
        for path, text in self.texts.items():
            for target in LINK.findall(text):
                if re.match(r"[a-z]+:", target):
                    continue
                with self.subTest(place=path, target=target):
                    self.check_link(path, target)

    def check_link(self, path, target):
        place, _, fragment = target.partition("#")
        there = path if not place else \
            os.path.normpath(os.path.join(os.path.dirname(path), place))
        self.assertTrue(os.path.exists(os.path.join(ROOT, there)),
                        f"{path}: {target} does not exist")
        if fragment and there in self.texts:
            titles = re.findall(r"^#+ (.*)$", self.texts[there], re.M)
            self.assertIn(fragment, [anchor(title) for title in titles],
                          f"{path}: {target} has no such heading")

    def test_calls_exist(self):
        known = set(CALL.findall(library_text())) | NOT_YET
        for path, text in self.texts.items():
            for name in sorted(set(CALL.findall(text))):
                if name.endswith("_"):  # a family, such as bl_thread_
                    found = any(k.startswith(name) for k in known)
                else:
                    found = name in known
                self.assertTrue(found, f"{path}: there is no {name}")

    def test_map_of_the_test_runner_is_complete(self):
        with open(os.path.join(ROOT, "docs/internals/testing.md"),
                  encoding="utf-8") as file:
            text = file.read()
        start = text.index("## Where to find what")
        told = text[start:text.index("\n## ", start + 1)]
        mapped, room = set(), ""
        for row in told.splitlines():
            head = re.match(r"\| \*\*`(?:src/test/)?(.*)`\*\*", row)
            if head:
                room = head.group(1)
            elif row.startswith("|"):
                mapped |= {room + name
                           for name in re.findall(r"`([a-z_]+)`", row)}
        top = os.path.join(ROOT, "src/test")
        there = {os.path.relpath(os.path.join(folder, name), top)[:-2]
                 for folder, _, names in os.walk(top)
                 for name in names if name.endswith(".c")}
        self.assertEqual(mapped, there)

    def test_every_guide_is_in_the_index(self):
        index = self.texts["docs/README.md"]
        for path in self.texts:
            if path.startswith("docs/") and path != "docs/README.md":
                self.assertIn(f"({path[len('docs/'):]})", index,
                              f"docs/README.md does not mention {path}")


class TheChecks(unittest.TestCase):
    """The functions above, kept and broken."""

    SOURCE = ["int f(void) {", "    int a;", "", "    return a;", "}"]

    def test_part(self):
        self.assertTrue(is_part(["    int a;"], self.SOURCE))
        self.assertTrue(is_part(["int a;", "", "return a;"], self.SOURCE))
        self.assertTrue(is_part(["int f(void) {", "...", "}"], self.SOURCE))

    def test_no_part(self):
        self.assertFalse(is_part(["int b;"], self.SOURCE))
        self.assertFalse(is_part(["}", "...", "int f(void) {"], self.SOURCE))
        self.assertFalse(is_part(["int a;", "return a;"], self.SOURCE))
        self.assertFalse(is_part(["int a;", "", "    return a;"], self.SOURCE))

    def test_blocks(self):
        text = "<!-- example: a.c -->\n```c\nx\n```\nwords\n```c\ny\n```\n"
        self.assertEqual(blocks(text), [(2, "c", "a.c", ["x"]),
                                        (6, "c", None, ["y"])])

    def test_anchor(self):
        self.assertEqual(anchor("The life of a `wait`"), "the-life-of-a-wait")


if __name__ == "__main__":
    closing.main()
