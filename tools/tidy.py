#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/tidy.py - holds the house rules that no compiler knows

    tools/tidy.py                 check the whole tree
    tools/tidy.py src/task        only findings below a path
    tools/tidy.py -w              warnings too

Each rule is one function below, named in every finding, and has a case that
passes and one that fails in tests/tidy/test_tidy.py.  An exemption is an entry
in one of the tables here, with its reason beside it.
"""

import argparse
import os
import re
import sys

import ctext

# ---- the house --------------------------------------------------------------

# Whose private headers a layer may include.  Above `task`, the rest of the
# library is reached through public headers, like by any user.
PRIVATE = {
    "base": {"base"},
    "sys": {"sys", "base"},
    "loop": {"loop", "sys", "base"},
    "task": {"task", "loop", "sys", "base"},
    "sync": {"sync", "base"},
    "io": {"io", "base", "sys"},
    "net": {"net", "base"},
    "proc": {"proc", "base", "sys"},
    "file": {"file", "base", "sys"},
    "dns": {"dns", "base"},
    "tls": {"tls", "base"},
    "http": {"http", "base"},
    "svc": {"svc", "base"},
    "app": {"app", "base"},
    "health": {"health", "base"},
    # Reads what the loop and its tasks are doing; writes nothing there.
    "inspect": {"inspect", "task", "loop", "base"},
    "test": {"test"},
}

# Single private headers that a layer may include besides.
PRIVATE_FILES = {
    "net": {"sys/seam.h",  # its system calls can be made to fail, as io's
            "io/socket.h"},  # a connection is accepted with its options set
    "app": {"sys/seam.h",  # likewise
            "svc/service.h"},  # the conductor is the keeper of its services
    "test": {"sys/driver.h"},  # the simulated driver implements its table
}

# The order of layers, for public headers: a header or a source includes those
# of its own rank or below.
RANK = {name: rank for rank, names in enumerate((
    ("base",), ("sys",), ("loop",), ("task",), ("sync",), ("io",),
    ("net", "proc", "file", "dns", "tls", "http", "inspect"),
    ("svc", "test"), ("app",),
    ("health",))) for name in names}

# Which layer a public header belongs to, where its name does not say so.
HEADER_LAYER = {
    "probe": "base",
    "error": "base",  # the codes and trees; the slot is the task's
    "group": "task",
    "scope": "task",
    "park": "task",
    "inspect": "task",  # the tree of tasks is read where it is kept
    "thread": "sync",
    "workers": "task",
    "select": "sync",
    "future": "sync",
    "queue": "sync",
    "stream": "io",
    "datagram": "net",
    "unix": "net",
    "serve": "net",
    "mem": "io",
    "reader": "io",
    "writer": "io",
    "frame": "io",
    "process": "proc",
    "signal": "proc",  # a stream of events; the handler itself is sys's
    "service": "svc",
    "notify": "app",
    "app": "app",
    "supervise": "svc",
}

# Layers below that implement a part of a header, and so include it.
IMPLEMENTS = {
    ("loop", "thread"),  # posting to a loop, waking it
    ("task", "thread"),  # handles of tasks
}

FILE_LINES_MAX = 1000
FUNCTION_LINES_MAX = 60
NESTING_MAX = 3
COLUMNS_MAX = 80

# Public headers that define names without a prefix, and why.
SHORT_NAMES = {
    # In a test file brevity is worth it; BL_TEST_NO_SHORT_NAMES turns them off.
    "include/belay/test.h",
}

# Functions longer than the limit, as "path:name", with the reason.
LONG_FUNCTIONS = {}

# Macros that tell which CPU or system one is on.
PLATFORM = re.compile(
    r"\b(__(x86_64|amd64|i386|aarch64|arm|riscv|powerpc\w*|s390x?|mips\w*)(__)?"
    r"|__ARM_\w+|__linux(__)?|__APPLE__|__MACH__|__(Free|Net|Open)BSD__|_WIN32"
    r"|__unix(__)?|__GLIBC\w*|__ANDROID__)\b")

# Files outside src/sys that may ask for the CPU or the system, and why.
PLATFORM_EXEMPT = {
    "src/test/child/registers.h": "of another process; the library needs none",
}

# Names C itself gives to functions of a program.
PROGRAM_NAMES = {"main", "LLVMFuzzerTestOneInput"}

SOURCE_TOPS = ("include", "src", "tests", "examples", "bench", "cli", "tools",
               "cmake")
SOURCE_FILES = ("CMakeLists.txt", "Makefile", ".ci/run")
C_ENDINGS = (".c", ".h")
TEXT_ENDINGS = (".c", ".h", ".py", ".sh", ".cmake", ".in", ".map", ".S", ".go")


class Finding:
    def __init__(self, path, line, rule, message, warning=False):
        self.path = path
        self.line = line
        self.rule = rule
        self.message = message
        self.warning = warning

    def __str__(self):
        level = "warning: " if self.warning else ""
        return f"{self.path}:{self.line}: {level}{self.rule}: {self.message}"


class Tree:
    """The files under a root, read once."""

    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.texts = {}
        for top in SOURCE_TOPS:
            for directory, folders, names in os.walk(os.path.join(root, top)):
                folders[:] = sorted(f for f in folders if f != "__pycache__")
                for name in sorted(names):
                    self.read(os.path.relpath(os.path.join(directory, name),
                                              root))
        for path in SOURCE_FILES:
            if os.path.exists(os.path.join(root, path)):
                self.read(path)

    def read(self, path):
        if not path.endswith(TEXT_ENDINGS) and \
                os.path.basename(path) not in SOURCE_FILES and \
                os.path.splitext(path)[1] != "":
            return
        with open(os.path.join(self.root, path), encoding="utf-8",
                  errors="replace") as file:
            self.texts[path] = file.read()

    def c_files(self, *tops):
        """C sources and headers, below some folders if any are named."""
        for path, text in self.texts.items():
            if path.endswith(C_ENDINGS):
                if not tops or path.startswith(tuple(t + "/" for t in tops)):
                    yield path, text

    def public_headers(self):
        return self.c_files("include")


def layer_of(path):
    """The layer of a source or public header, or None."""
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        return parts[1]
    if path.startswith("include/belay/"):
        return header_layer(parts[2])
    return None


def header_layer(name):
    stem = name.rsplit(".", 1)[0]
    return HEADER_LAYER.get(stem, stem)


# ---- rules about who may know whom ------------------------------------------


def rule_layers(tree):
    """Includes point downward, as the table says."""
    for path, text in tree.c_files("src"):
        layer = layer_of(path)
        if layer not in PRIVATE:
            yield Finding(path, 1, "layers", f"no layer is called {layer}")
            continue
        for line, name in ctext.includes(text):
            message = wrong_include(layer, name)
            if message:
                yield Finding(path, line, "layers", message)


def wrong_include(layer, name):
    """Why a source of `layer` may not include `name`, or None."""
    inner = name[1:-1]
    if name[0] == '"':
        if "/" not in inner:
            return f"write the layer: \"{layer}/{inner}\""
        target = inner.split("/")[0]
        if target in PRIVATE[layer] or \
                inner in PRIVATE_FILES.get(layer, ()):
            return None
        return f"{layer} may not include {inner}"
    if inner.startswith("belay/"):
        target = header_layer(inner.split("/")[1])
        stem = inner[len("belay/"):-len(".h")]
        if layer in RANK and target in RANK and \
                RANK[target] > RANK[layer] and (layer, stem) not in IMPLEMENTS:
            return f"{layer} may not include {inner}, which is {target}'s"
    if inner == "belay.h" and RANK.get(layer, 0) <= RANK["task"]:
        return f"{layer} names the headers it needs, not belay.h"
    return None


def rule_public_includes(tree):
    """Public headers include only the system's and public ones below them."""
    for path, text in tree.public_headers():
        layer = layer_of(path)
        for line, name in ctext.includes(text):
            if name[0] == '"':
                yield Finding(path, line, "public-includes",
                              f"write <belay/...>, not {name}")
            elif name.startswith("<belay/") and layer in RANK:
                target = header_layer(name[7:-1].split("/")[0])
                if RANK.get(target, 0) > RANK[layer]:
                    yield Finding(path, line, "public-includes",
                                  f"{layer} may not include {name}")


def rule_user_includes(tree):
    """Examples, benchmarks and the program use Belay as anybody does."""
    for path, text in tree.c_files("examples", "bench", "cli"):
        beside = os.path.dirname(path)
        for line, name in ctext.includes(text):
            if name[0] == '"' and \
                    os.path.join(beside, name[1:-1]) not in tree.texts:
                yield Finding(path, line, "user-includes",
                              f"{name} is not a public header")


def rule_cycles(tree):
    """No header includes itself by a detour."""
    graph = {}
    for path, text in tree.c_files("src", "include"):
        graph[path] = []
        for line, name in ctext.includes(text):
            inner = name[1:-1]
            for candidate in ("include/" + inner, "src/" + inner):
                if candidate in tree.texts:
                    graph[path].append((line, candidate))
    state = {}

    def walk(path, trail):
        state[path] = "open"
        for line, target in graph.get(path, []):
            if state.get(target) == "open":
                ring = trail[trail.index(target):] + [target]
                yield Finding(path, line, "cycles", " -> ".join(ring))
            elif target not in state:
                yield from walk(target, trail + [target])
        state[path] = "done"

    for path in sorted(graph):
        if path not in state:
            yield from walk(path, [path])


def rule_folders(tree):
    """No drawer for odds and ends."""
    for path in tree.texts:
        parts = path.lower().split("/")
        for folder in parts[:-1]:
            if folder in ("util", "utils", "common", "misc", "helpers"):
                yield Finding(path, 1, "folders",
                              f"a folder named {folder} has no idea of its own")
        if re.match(r"(common|utils?|misc)\.[ch]$", parts[-1]):
            yield Finding(path, 1, "folders",
                          f"{parts[-1]} says nothing about what is in it")


# ---- rules about size -------------------------------------------------------


def rule_file_size(tree):
    """A file fits one idea."""
    for path, text in tree.texts.items():
        lines = text.count("\n")
        if lines > FILE_LINES_MAX:
            yield Finding(path, 1, "file-size",
                          f"{lines} lines, {FILE_LINES_MAX} at most")


def rule_function_size(tree):
    """A function fits a screen."""
    for path, text in tree.c_files():
        for function in ctext.functions(text):
            if f"{path}:{function.name}" in LONG_FUNCTIONS:
                continue
            if function.length > FUNCTION_LINES_MAX:
                yield Finding(path, function.line, "function-size",
                              f"{function.name}: {function.length} lines, "
                              f"{FUNCTION_LINES_MAX} at most")


def rule_nesting(tree):
    """Blocks inside blocks inside blocks are a function in hiding."""
    for path, text in tree.c_files():
        for function in ctext.functions(text):
            if function.nesting > NESTING_MAX:
                yield Finding(path, function.line, "nesting",
                              f"{function.name}: nested {function.nesting} "
                              f"deep, {NESTING_MAX} at most")


def rule_columns(tree):
    """80 columns in C."""
    for path, text in tree.c_files():
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > COLUMNS_MAX:
                yield Finding(path, number, "columns",
                              f"{len(line)} columns, {COLUMNS_MAX} at most")


# ---- rules about names ------------------------------------------------------


def rule_public_names(tree):
    """bl_ and BL_ in front of every name that a user's file can see."""
    for path, text in tree.public_headers():
        if path in SHORT_NAMES:
            continue
        for item in ctext.items(text):
            if item.kind == "prose":
                continue
            for name in declared_names(item):
                if not re.match(r"(bl|BL)_", name) and \
                        not re.fullmatch(r"BELAY(_\w+)?_H", name):
                    yield Finding(path, item.line, "public-names",
                                  f"{name} has no bl_ in front")


def declared_names(item):
    """The names an item puts into a user's file."""
    names = [item.name] if item.name else []
    code = ctext.blank(item.text)
    if re.match(r"(typedef\s+)?enum\b", code) and "{" in code:
        inside = code[code.index("{") + 1:code.rindex("}")]
        names += re.findall(r"(?:^|,)\s*(\w+)", inside)
    tag = re.match(r"(?:typedef\s+)?(?:struct|union|enum)\s+(\w+)", code)
    if tag:
        names.append(tag.group(1))
    return list(dict.fromkeys(names))


def rule_no_suffix(tree):
    """Types have no _t."""
    for path, text in tree.c_files():
        code = ctext.blank(text)
        for number, line in enumerate(code.split("\n"), 1):
            match = re.search(
                r"\b(?:struct|union|enum)\s+(\w+_t)\s*\{", line) or \
                re.match(r"(?:typedef\b.*?|\}\s*)\b(\w+_t)\s*;", line)
            if match:
                yield Finding(path, number, "no-suffix",
                              f"{match.group(1)}: _t belongs to the system")


def rule_external_names(tree):
    """What the linker can see of our sources starts with bl_ or bl__."""
    for path, text in tree.c_files("src"):
        for function in ctext.functions(text):
            if path.endswith(".h") and function.static:
                continue
            if function.static or function.name in PROGRAM_NAMES or \
                    re.match(r"bl_", function.name) or \
                    function.name.isupper():
                continue
            yield Finding(path, function.line, "external-names",
                          f"{function.name} is not static and has no bl_ or "
                          "bl__ in front")


# ---- rules about what a header promises -------------------------------------


def rule_effect_marker(tree):
    """Every prototype says what it can do to the calling task."""
    for path, text in tree.public_headers():
        for item in ctext.items(text):
            if item.kind == "function" and not item.marker:
                yield Finding(path, item.line, "effect-marker",
                              f"{item.name} has none of "
                              f"{', '.join(ctext.MARKERS)}")
            elif item.kind == "function" and not item.marker_alone:
                yield Finding(path, item.line, "effect-marker",
                              f"{item.name}: {item.marker} stands on a line "
                              "of its own")


def rule_reference(tree):
    """Every public prototype has its reference right above it."""
    for path, text in tree.public_headers():
        for item in ctext.items(text):
            if item.kind not in ("function", "inline") or not item.is_public:
                continue
            if not item.comment:
                yield Finding(path, item.line, "reference",
                              f"{item.name} has no comment above it")
                continue
            if any(line.startswith("@") or " @param" in line
                   for line in item.comment):
                yield Finding(path, item.line, "reference",
                              f"{item.name}: sentences, not @ tags")
            summary = ctext.contract(item.comment).summary
            if not re.match(r"[A-Z`0-9]", summary) or \
                    not summary.endswith((".", ":", "?")):
                yield Finding(path, item.line, "reference",
                              f"{item.name}: the comment begins with a "
                              "sentence")


def rule_errors_tested(tree):
    """A code that a header promises is produced by some test."""
    tests = [set(re.findall(r"\w+", text))
             for _, text in tree.c_files("tests")]
    everything = set().union(*tests)
    for path, text in tree.public_headers():
        for item in ctext.items(text):
            if item.kind != "function":
                continue
            for code, _ in ctext.contract(item.comment).errors:
                if code not in everything:
                    yield Finding(path, item.line, "errors-tested",
                                  f"{item.name}: no test names {code}")
                elif not any(code in test and item.name in test
                             for test in tests):
                    yield Finding(path, item.line, "errors-tested",
                                  f"{item.name}: no test file names it "
                                  f"together with {code}", warning=True)


# ---- rules about text -------------------------------------------------------


def rule_licence(tree):
    """One SPDX line, near the top, in every source."""
    for path, text in tree.texts.items():
        top = "\n".join(text.split("\n")[:3])
        if "SPDX-License-Identifier: MIT" not in top and text.strip():
            yield Finding(path, 1, "licence", "no SPDX line at the top")


def rule_opening(tree):
    """A file opens with its path and its idea."""
    for path, text in tree.c_files():
        match = re.search(r"/\*[\s*]*([\w./-]+) - \S", text[:600])
        if not match:
            yield Finding(path, 1, "opening",
                          "the file opens with `path/file.c - its idea`")
        elif not same_place(path, match.group(1)):
            yield Finding(path, 1, "opening",
                          f"the opening comment speaks of {match.group(1)}")


def same_place(path, said):
    """Whether `said` is the end of `path`, with a folder where it has one."""
    parts = path.split("/")
    if parts[0] in ("src", "include"):
        parts = parts[1:]
    shortest = min(2, len(parts))
    said_parts = said.split("/")
    return len(said_parts) >= shortest and \
        path.split("/")[-len(said_parts):] == said_parts


def rule_notes(tree):
    """A note to come back names the issue to come back to."""
    for path, text in tree.texts.items():
        for number, line in enumerate(text.split("\n"), 1):
            # The word is split here so that this file does not find itself.
            match = re.search(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", line)
            if match and not re.search(r"#\d+", line):
                yield Finding(path, number, "notes",
                              f"{match.group(1)} without an issue (#123)")


def rule_platform(tree):
    """CPU and system are chosen at link time, in src/sys alone."""
    for path, text in tree.c_files():
        if path.startswith("src/sys/") or path in PLATFORM_EXEMPT:
            continue
        code = ctext.blank(text)
        for number, line in enumerate(code.split("\n"), 1):
            if re.match(r"\s*#\s*(el)?if", line):
                match = PLATFORM.search(line)
                if match:
                    yield Finding(path, number, "platform",
                                  f"{match.group(0)} outside src/sys")


def rule_places(tree):
    """No path of somebody's machine."""
    homes = re.compile(r"(?<![\w.$}])/(home|root|Users)/[A-Za-z]")
    for path, text in tree.texts.items():
        for number, line in enumerate(text.split("\n"), 1):
            if homes.search(line) or tree.root + "/" in line:
                yield Finding(path, number, "places",
                              "a path that exists on one machine only")


def rule_changes(tree):
    """changes/<slug>.<kind>.md, one per change that a user can see."""
    folder = os.path.join(tree.root, "changes")
    if not os.path.isdir(folder):
        return
    for name in sorted(os.listdir(folder)):
        if name in ("README.md", ".gitkeep"):
            continue
        if not re.fullmatch(r"[a-z0-9-]+\.(feature|fix|break|docs)\.md", name):
            yield Finding("changes/" + name, 1, "changes",
                          "<slug>.<feature|fix|break|docs>.md")


def rule_mirror(tree):
    """Tests stand where their source stands."""
    for path in tree.texts:
        match = re.fullmatch(r"tests/(\w+)/test_(\w+)\.c", path)
        if match and match.group(1) in PRIVATE:
            layer, stem = match.groups()
            # test_group_block.c may be about a part of group.c.
            stems = [stem[:end] for end in range(1, len(stem) + 1)
                     if stem[end:end + 1] in ("", "_")]
            # A large layer has folders; its tests are one.
            source = re.compile(rf"(src/{layer}(/\w+)?|include/belay(/{layer})?)"
                                rf"/({'|'.join(stems)})\.[ch]")
            if not any(map(source.fullmatch, tree.texts)):
                yield Finding(path, 1, "mirror",
                              f"there is no src/{layer}/{stem}.c", warning=True)


RULES = [function for name, function in sorted(globals().items())
         if name.startswith("rule_")]


def check(root):
    """All findings about the tree at `root`, in order of place."""
    tree = Tree(root)
    findings = [finding for rule in RULES for finding in rule(tree)]
    return sorted(findings, key=lambda f: (f.path, f.line, f.rule, f.message))


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("paths", nargs="*", help="show only what lies below")
    parser.add_argument("--root", default=os.path.dirname(
        os.path.dirname(os.path.abspath(__file__))))
    parser.add_argument("-w", "--warnings", action="store_true",
                        help="show warnings as well")
    options = parser.parse_args(arguments)

    findings = check(options.root)
    if options.paths:
        prefixes = tuple(os.path.normpath(path) for path in options.paths)
        findings = [f for f in findings if f.path.startswith(prefixes)]
    errors = [finding for finding in findings if not finding.warning]
    for finding in findings if options.warnings else errors:
        print(finding)
    warnings = len(findings) - len(errors)
    print(f"tidy: {len(errors)} errors, {warnings} warnings")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
