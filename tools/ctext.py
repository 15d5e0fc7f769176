# SPDX-License-Identifier: MIT
"""tools/ctext.py - reads C as text: enough of it for the tools beside it

No parser: the tools look at this project's own sources, which one formatter
has laid out, so a few facts hold.  Preprocessor directives stand on lines of
their own; a declaration at file scope starts in the first column; what a
public prototype means is the block comment right above it.

    blank(text)      the same text, comments and literals turned into spaces
    functions(text)  the function bodies of a file
    items(text)      the declarations of a header, with their comments
    contract(item)   a comment, split into summary, paragraphs, errors, example
"""

import re

MARKERS = ("BL_API", "BL_MAY_FAIL", "BL_MAY_WAIT")
KEYWORDS = {"if", "for", "while", "switch", "do", "else", "return", "sizeof"}

# __attribute__((x)), with one level of parentheses inside.
ATTRIBUTE = re.compile(
    r"__attribute__\s*\(\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)\)")

LITERAL = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.S)


def blank(text, literals=True):
    """Turns comments, and literals if asked, into spaces of the same shape.

    Quotes stay, so that `#include "x"` still looks like a string.
    """
    def spaces(match):
        found = match.group(0)
        if match.group("comment") is not None:
            return re.sub(r"[^\n]", " ", found)
        if not literals:
            return found
        inside = re.sub(r"[^\n]", " ", found[1:-1])
        return found[0] + inside + found[-1]
    return LITERAL.sub(spaces, text)


def includes(text):
    """The #include lines: (line number, "<x.h>" or "\\"x.h\\"")."""
    found = []
    code = blank(text, literals=False)
    for number, line in enumerate(code.split("\n"), 1):
        match = re.match(r'\s*#\s*include\s+(<[^>]+>|"[^"]+")', line)
        if match:
            found.append((number, match.group(1)))
    return found


def without_directives(code):
    """Blanks the preprocessor lines of blanked code, and #else branches.

    Of an #if with alternatives only the first is kept: two versions of one
    line would not balance.
    """
    lines = []
    skipping = []  # per open #if: whether an alternative is being skipped
    continued = False
    for line in code.split("\n"):
        directive = re.match(r"\s*#\s*(\w+)", line)
        if continued or directive:
            if directive and not continued:
                word = directive.group(1)
                if word in ("if", "ifdef", "ifndef"):
                    skipping.append(False)
                elif word in ("else", "elif") and skipping:
                    skipping[-1] = True
                elif word == "endif" and skipping:
                    skipping.pop()
            continued = line.rstrip().endswith("\\")
            lines.append("")
        else:
            lines.append("" if any(skipping) else line)
    return "\n".join(lines)


class Function:
    """A function body: `line` is where its signature starts."""

    def __init__(self, name, line, end, nesting, static):
        self.name = name
        self.line = line
        self.end = end
        self.nesting = nesting
        self.static = static

    @property
    def length(self):
        return self.end - self.line + 1


def declared_name(head):
    """The name a declaration without its attributes gives, or None.

    `head` ends before the body or the semicolon.
    """
    head = ATTRIBUTE.sub(" ", head)
    head = re.sub(r"\bBL__[A-Z_]+(\s*\([^()]*\))?", " ", head)
    head = re.sub(r"\b(" + "|".join(MARKERS) + r")\b", " ", head)
    # A function that returns or takes function pointers: int (*f(int))(void)
    match = re.search(r"\(\s*\*+\s*(\w+)\s*\(", head)
    if match and "(" not in head[:match.start()]:
        return match.group(1)
    match = re.search(r"(\w+)\s*\(", head)
    return match.group(1) if match else None


def functions(text):
    """The functions of a C file, test bodies (`BL_TEST(x) {`) included."""
    code = without_directives(blank(text))
    found = []
    depth = 0          # of all braces
    blocks = []        # for each open brace inside a function: is it a block?
    head_start = 0     # where the current file-scope declaration began
    current = None     # (name, first line, static) of the open function
    deepest = 0
    line_of = line_counter(code)

    for match in re.finditer(r"[{};]", code):
        at = match.start()
        token = match.group(0)
        if token == "{":
            before = code[head_start:at].strip()
            if depth == 0 and re.search(r"\)\s*(?:\w+\s+)*\w*$", before) and \
                    before.count("(") == before.count(")") and \
                    not re.search(r"=\s*$|^typedef\b", before):
                start = head_start + len(code[head_start:at]) - \
                    len(code[head_start:at].lstrip())
                current = (declared_name(before) or "?", line_of(start),
                           bool(re.search(r"\bstatic\b", before)))
                deepest = 0
                blocks = []
            elif current is not None:
                blocks.append(is_block(code[:at]))
                deepest = max(deepest, sum(blocks))
            depth += 1
        elif token == "}":
            depth = max(0, depth - 1)
            if blocks:
                blocks.pop()
            if depth == 0:
                if current is not None:
                    name, line, static = current
                    found.append(Function(name, line, line_of(at), deepest,
                                          static))
                    current = None
                head_start = at + 1
        elif depth == 0:
            head_start = at + 1
    return found


def is_block(before):
    """Whether a `{` after `before` opens a block, not an initializer."""
    return bool(re.search(r"(\)|\belse|\bdo)\s*$", before[-200:])) and \
        not re.search(r"=\s*\([^()]*\)\s*$", before[-200:])


def line_counter(text):
    """A function from offset to line number."""
    starts = [0]
    for match in re.finditer("\n", text):
        starts.append(match.end())

    def line_of(offset):
        low, high = 0, len(starts)
        while high - low > 1:
            middle = (low + high) // 2
            if starts[middle] <= offset:
                low = middle
            else:
                high = middle
        return low + 1
    return line_of


# ---- headers ----------------------------------------------------------------


class Item:
    """One thing a header declares.

    kind     function, inline, data, type, constants, macro or prose
    name     what it is called; "" for prose and unnamed constants
    line     where it starts, its comment aside
    text     the declaration as written, comments inside included
    comment  the lines of the comment above it, bare, or None
    marker   the effect marker, or None
    marker_alone  whether the marker had a line of its own
    """

    def __init__(self, kind, name, line, text, comment):
        self.kind = kind
        self.name = name
        self.line = line
        self.text = text
        self.comment = comment
        self.marker = None
        self.marker_alone = False
        found = re.match(r"(BL_API|BL_MAY_FAIL|BL_MAY_WAIT)\b(.*)", text)
        if found:
            self.marker = found.group(1)
            rest = found.group(2).strip()
            self.marker_alone = bool(re.fullmatch(
                r"(BL__[A-Z_]+(\([^()]*\))?\s*)*", rest))

    @property
    def is_public(self):
        return bool(re.match(r"(bl|BL)_[^_]", self.name))


def bare_comment(block):
    """The lines of a block comment without its stars."""
    body = re.sub(r"^/\*+|\*+/$", "", block.strip())
    lines = [re.sub(r"^\s*\*? ?", "", line) if number else line.strip()
             for number, line in enumerate(body.split("\n"))]
    lines = [line.rstrip() for line in lines]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def items(text):
    """What a header declares, in order."""
    lines = text.split("\n")
    found = []
    comment = None
    number = 0
    while number < len(lines):
        line = lines[number]
        start = number
        if line.startswith("/*"):
            while "*/" not in lines[number]:
                number += 1
            if comment is not None:
                found.append(Item("prose", "", start + 1, "", comment))
            comment = bare_comment("\n".join(lines[start:number + 1]))
            number += 1
            continue
        if not line.strip() or re.match(r"(BL_BEGIN_DECLS|BL_END_DECLS)", line):
            # A comment with nothing right below it stands for itself.
            if comment is not None:
                found.append(Item("prose", "", start + 1, "", comment))
                comment = None
            number += 1
            continue
        if line.lstrip().startswith("#"):
            while lines[number].endswith("\\"):
                number += 1
            number += 1
            macro = re.match(r"\s*#\s*define\s+(\w+)", line)
            if macro:
                body = "\n".join(lines[start:number])
                found.append(Item("macro", macro.group(1), start + 1, body,
                                  comment))
                comment = None
            continue
        number = declaration_end(lines, number) + 1
        declaration = "\n".join(lines[start:number])
        found.append(classify(declaration, start + 1, comment))
        comment = None
    if comment is not None:
        found.append(Item("prose", "", len(lines), "", comment))
    return found


def declaration_end(lines, number):
    """The index of the last line of the declaration that starts here."""
    code = blank("\n".join(lines[number:])).split("\n")
    depth = 0
    for offset, line in enumerate(code):
        for position, character in enumerate(line):
            if character in "({":
                depth += 1
            elif character in ")}":
                depth -= 1
                after = line[position + 1:].strip()
                # A function body ends without a semicolon.
                if character == "}" and depth == 0 and after == "":
                    return number + offset
            elif character == ";" and depth == 0:
                return number + offset
    return len(lines) - 1


def classify(text, line, comment):
    """Makes an item of a declaration that is no directive."""
    code = re.sub(r"\s+", " ", blank(text)).strip()
    kind, name = "data", ""
    if code.startswith("typedef"):
        kind = "type"
        # bl_task_fn in: typedef int bl_task_fn(void *arg); typedef T (*fn)(x);
        shape = re.sub(r"\{.*\}", " ", code)
        match = re.search(r"\(\s*\*\s*(\w+)\s*\)\s*\(", shape) or \
            re.search(r"(\w+)\s*\(", shape) or \
            re.search(r"(\w+)\s*(\[[^\]]*\])?\s*;", shape)
        name = match.group(1) if match else ""
    elif re.match(r"(struct|union|enum)\b[^(;]*\{", code):
        kind = "type"
        match = re.match(r"(?:struct|union|enum)\s+(\w+)", code)
        name = match.group(1) if match else ""
        if not name and code.startswith("enum"):
            kind = "constants"
    elif re.match(r"(struct|union|enum)\s+\w+\s*;", code):
        kind = "type"
        name = code.split()[1].rstrip(";")
    elif re.match(r"(static\s+inline|static|inline)\b.*\{", code):
        kind = "inline"
        name = declared_name(code[:code.index("{")]) or ""
    elif re.match(r"[A-Z0-9_]+_DECL\s*\(", code):
        # What a macro declares has no form that could be shown.
        kind = "prose"
    elif "(" in code and not code.startswith("extern"):
        kind = "function"
        name = declared_name(code) or ""
    else:
        # Attributes may stand before and behind the name.
        shape = ATTRIBUTE.sub(" ", code)
        match = re.search(r"(\w+)\s*(\[[^\]]*\])?\s*;", shape)
        name = match.group(1) if match else ""
    return Item(kind, name, line, text, comment)


class Contract:
    """What a comment above a prototype says.

    summary     the first sentence
    paragraphs  lists of lines, the summary's own paragraph first
    returns     the paragraph that starts with `Returns`, or None
    errors      (code, text) in order
    example     lines of code, or None
    """

    def __init__(self):
        self.summary = ""
        self.paragraphs = []
        self.returns = None
        self.errors = []
        self.example = None


ERROR_LINE = re.compile(r"^\s+(BL_E[A-Z0-9_]+)\s+(.*)")


def contract(comment):
    """Splits the bare lines of a comment."""
    result = Contract()
    paragraphs = []
    current = []
    mode = "text"
    for line in list(comment or []) + [""]:
        if line == "Errors:":
            flush(paragraphs, current)
            mode = "errors"
        elif line in ("Example:", "Examples:"):
            flush(paragraphs, current)
            mode = "example"
            result.example = []
        elif mode == "example" and (line.startswith("  ") or not line):
            result.example.append(line)
        elif mode == "errors" and line.startswith("  "):
            match = ERROR_LINE.match(line)
            if match:
                result.errors.append([match.group(1), match.group(2)])
            elif result.errors:
                result.errors[-1][1] += " " + line.strip()
        elif not line:
            flush(paragraphs, current)
        else:
            mode = "text"
            current.append(line)
    if result.example is not None:
        result.example = dedent(result.example)
    for paragraph in paragraphs:
        if result.returns is None and len(paragraphs) > 1 and \
                paragraph is not paragraphs[0] and \
                paragraph[0].startswith("Returns"):
            result.returns = paragraph
        else:
            result.paragraphs.append(paragraph)
    if paragraphs:
        result.summary = first_sentence(" ".join(paragraphs[0]))
    return result


def flush(paragraphs, current):
    if current:
        paragraphs.append(list(current))
        current.clear()


def first_sentence(text):
    match = re.match(r"(.*?[.!?:])(\s+[A-Z`*(]|\s*$)", text)
    return match.group(1) if match else text


def dedent(lines):
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    indents = [len(line) - len(line.lstrip()) for line in lines if line]
    cut = min(indents, default=0)
    return [line[cut:] for line in lines]
