#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/amalgamate.py - the core of Belay as two files: belay.h and belay.c

    tools/amalgamate.py --out build/amalgamation
    cc -std=gnu11 -c belay.c                             epoll only
    cc -std=gnu11 -DBELAY_HAVE_URING=1 -c belay.c        io_uring too; -luring

For who wants to drop a library into a tree and be done.  The public headers
become belay.h; the private headers and all sources become belay.c, in one
translation unit.  Each file comes once; what a source defines as a macro is
undefined behind it; the CPU is asked for here and nowhere else, since there is
no link step of ours that could choose.

One translation unit has one namespace: two sources that use the same file
scope name cannot be put together, and the tool says which.
"""

import argparse
import os
import re
import sys

import ctext

LAYERS = ("base", "sys", "loop", "task", "sync", "io", "net", "proc", "file",
          "svc", "app", "inspect")

# Public headers of libraries beyond the core, by their stem.
BEYOND = {"test", "dns", "tls", "http", "health"}

# Sources that not every build has, with the condition of those that do.
GUARDS = {
    "src/sys/driver_uring.c": "BELAY_HAVE_URING",
    "src/sys/ctx_x86_64.c": "defined(__x86_64__) && defined(__LP64__)",
    "src/sys/ctx_aarch64.c": "defined(__aarch64__) && defined(__LP64__)",
}
# The portable context switch: where none of the others is.
GENERIC = "src/sys/ctx_generic.c"

# What the build defines, and its value where nobody does.
SWITCHES = ("BELAY_HAVE_URING", "BELAY_HAVE_BACKTRACE", "BELAY_HARD",
            "BELAY_AUDIT", "BELAY_VALGRIND", "BELAY_NO_FIBER_HOOKS")

# Macros that hold for all sources, whether they define them or the build does.
EARLY = ("_GNU_SOURCE", "BL_NO_SITES")


class Collision(Exception):
    """Two sources use one name at file scope."""


class Writer:
    """Puts files together, each header once."""

    def __init__(self, root):
        self.root = root
        self.lines = []
        self.done = set()        # project files that are in already
        self.system = set()      # <system.h> lines that are in already
        self.guarded = False     # inside a condition: nothing counts as in

    def read(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8") as file:
            return file.read()

    def resolve(self, name):
        """The project file an #include means, or None for the system's."""
        inner = name[1:-1]
        for top in ("include", "src"):
            path = f"{top}/{inner}"
            if os.path.exists(os.path.join(self.root, path)):
                return path
        return None

    def add(self, path):
        """Adds a file, and before it what it includes."""
        if path in self.done:
            return
        if not self.guarded:
            self.done.add(path)
        included = dict(ctext.includes(self.read(path)))
        body = []
        depth = 0
        for number, line in enumerate(self.read(path).split("\n"), 1):
            if re.match(r"\s*#\s*if", line):
                depth += 1
            elif re.match(r"\s*#\s*endif", line):
                depth -= 1
            name = included.get(number)
            if name is None:
                body.append(line)
                continue
            target = self.resolve(name)
            if target:
                self.add(target)
            elif name not in self.system:
                body.append(line)
                # An include under a condition may not happen; a header's own
                # guard is no condition.
                if not self.guarded and depth <= path.endswith(".h"):
                    self.system.add(name)
        self.lines += ["", f"/* ---- {path} " + "-" * (65 - len(path)) + " */",
                       ""]
        self.lines += trim(body, path)

    def text(self):
        return "\n".join(self.lines) + "\n"


def trim(body, path):
    """A file's lines without its licence line, and its macros taken back."""
    lines = [line for line in body if "SPDX-License-Identifier" not in line]
    while lines and not lines[0].strip():
        lines.pop(0)
    while lines and not lines[-1].strip():
        lines.pop()
    # The blank lines that a run of removed includes leaves are one too many.
    lines = [line for number, line in enumerate(lines)
             if line.strip() or number == 0 or lines[number - 1].strip()]
    if path.endswith(".c"):
        lines = [line for line in lines
                 if not re.match(rf"\s*#\s*define\s+({'|'.join(EARLY)})\b",
                                 line)]
        macros = re.findall(r"^\s*#\s*define\s+(\w+)", "\n".join(lines), re.M)
        lines += [f"#undef {name}" for name in dict.fromkeys(macros)]
    return lines


# ---- collisions -------------------------------------------------------------


def file_scope_names(text):
    """The names that only this source uses at file scope, with their lines."""
    names = {}
    for item in ctext.items(text):
        code = re.sub(r"\s+", " ", ctext.blank(item.text)).strip()
        if item.kind == "macro" or item.kind == "prose":
            continue
        tag = re.match(r"(?:typedef )?(?:struct|union|enum) (\w+) ?\{", code)
        if tag:
            names.setdefault(tag.group(1), item.line)
        if re.match(r"(typedef )?enum\b", code) and "{" in code:
            inside = code[code.index("{") + 1:code.rindex("}")]
            while re.search(r"\([^()]*\)", inside):
                inside = re.sub(r"\([^()]*\)", "", inside)
            for name in re.findall(r"(?:^|,)\s*(\w+)", inside):
                names.setdefault(name, item.line)
        if code.startswith("typedef"):
            names.setdefault(item.name, item.line)
        elif re.match(r"static\b(?!_)", code):
            name = static_name(code)
            if name:
                names.setdefault(name, item.line)
    return names


def static_name(code):
    code = re.sub(r"\b_Atomic\([^()]*\)", " ", code)
    head = re.split(r"[={;]", ctext.ATTRIBUTE.sub(" ", code), maxsplit=1)[0]
    if "(" in head:
        return ctext.declared_name(head)
    match = re.search(r"(\w+)\s*(\[[^\]]*\]\s*)*$", head)
    return match.group(1) if match else None


def alternatives(one, other):
    """Whether two sources are never compiled together."""
    switches = {path for path in GUARDS if "/ctx_" in path} | {GENERIC}
    return {one, other} <= switches


def check_collisions(writer, sources):
    """Raises Collision, naming every name that two sources share."""
    places = {}
    messages = []
    for path in sources:
        for name, line in file_scope_names(writer.read(path)).items():
            for other, other_line in places.get(name, []):
                if not alternatives(path, other):
                    messages.append(f"{path}:{line}: {name} is also in "
                                    f"{other}:{other_line}")
            places.setdefault(name, []).append((path, line))
    if messages:
        raise Collision("\n".join(messages))


# ---- the two files ----------------------------------------------------------

BANNER = """\
/* SPDX-License-Identifier: MIT */
/*
 * {name} - the core of Belay {version} in one file; made, not written
 *
 * The sources, their history and their tests are in Belay's repository; change
 * them there.  {use}
 */
"""

USE_H = "Compile belay.c beside it."
USE_C = """\
Compile with a GNU C11 compiler:
 *
 *     cc -std=gnu11 -O2 -c belay.c
 *
 * With liburing add -DBELAY_HAVE_URING=1, and -luring to the link; with
 * libbacktrace, which names functions in stacks, -DBELAY_HAVE_BACKTRACE=1 and
 * -lbacktrace."""


def version(writer):
    match = re.search(r'BL_VERSION\s+"([^"]+)"',
                      writer.read("include/belay/base.h"))
    return match.group(1) if match else "?"


def make_header(root):
    """The text of belay.h and the public headers that are in it."""
    writer = Writer(root)
    folder = os.path.join(root, "include/belay")
    # Every header is "in" from the start if it is not of the core.
    beyond = {f"include/belay/{stem}.h" for stem in BEYOND}
    for name in sorted(os.listdir(folder)):
        path = f"include/belay/{name}"
        if name.endswith(".h") and path not in beyond:
            writer.add(path)
    top = BANNER.format(name="belay.h", version=version(writer), use=USE_H)
    return top + "#ifndef BELAY_H\n#define BELAY_H\n" + writer.text() + \
        "\n#endif\n", writer.done


def core_sources(root):
    found = []
    for layer in LAYERS:
        folder = os.path.join(root, "src", layer)
        if os.path.isdir(folder):
            found += [f"src/{layer}/{name}"
                      for name in sorted(os.listdir(folder))
                      if name.endswith(".c")]
    return found


def make_source(root, public):
    """The text of belay.c."""
    writer = Writer(root)
    writer.done |= public | {"include/belay.h"}
    sources = core_sources(root)
    check_collisions(writer, sources)

    for name in EARLY:
        writer.lines += [f"#ifndef {name}", f"#    define {name}", "#endif"]
    for name in SWITCHES:
        writer.lines += [f"#ifndef {name}", f"#    define {name} 0", "#endif"]
    writer.lines += ["", '#include "belay.h"']

    conditional = [path for path in sources
                   if path in GUARDS or path == GENERIC]
    for path in sources:
        if path not in conditional:
            writer.add(path)
    writer.guarded = True
    negated = []
    for path in conditional:
        if path in GUARDS:
            add_guarded(writer, path, GUARDS[path])
            if "/ctx_" in path:
                negated.append(f"!({GUARDS[path]})")
    if GENERIC in conditional:
        add_guarded(writer, GENERIC, " && ".join(negated) or "1")
    top = BANNER.format(name="belay.c", version=version(writer), use=USE_C)
    return top + writer.text()


def add_guarded(writer, path, condition):
    condition = condition.replace(" && !", " && \\\n    !")
    writer.lines += ["", f"#if {condition}"]
    writer.add(path)
    writer.lines += ["", "#endif"]


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--root", default=here)
    parser.add_argument("--out", default=os.path.join(
        here, "build", "amalgamation"))
    options = parser.parse_args(arguments)
    try:
        header, public = make_header(options.root)
        source = make_source(options.root, public)
    except Collision as collision:
        print(f"amalgamate: names collide\n{collision}", file=sys.stderr)
        return 1
    os.makedirs(options.out, exist_ok=True)
    for name, text in (("belay.h", header), ("belay.c", source)):
        with open(os.path.join(options.out, name), "w",
                  encoding="utf-8") as file:
            file.write(text)
    count = (header + source).count("\n")
    print(f"amalgamation: {count} lines in {os.path.relpath(options.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
