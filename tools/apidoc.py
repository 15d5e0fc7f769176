#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tools/apidoc.py - the reference, made from the public headers

    tools/apidoc.py --out build/docs

The text above each prototype is the reference; this makes it into HTML (one
page per header, and an index, in OUT/html) and manual pages (one per function
and documented macro, in OUT/man/man3).  Nothing made here is committed.

How a comment is written is told in tools/ctext.py, at contract(): summary,
paragraphs, `Returns ...`, `Errors:`, `Example:`.  Besides, `x` is code, a
paragraph of indented lines is kept as it is, and lines that begin with `- `
are a list.
"""

import argparse
import datetime
import html
import os
import re
import sys
import textwrap

import ctext

EFFECTS = {
    "BL_API": ("safe", "cannot fail, cannot suspend"),
    "BL_MAY_FAIL": ("may fail", "may return an error, cannot suspend"),
    "BL_MAY_WAIT": ("may wait", "may suspend the task; always notices "
                                "cancellation"),
}

# The order of pages: how one learns it.  Headers not named follow by name.
ORDER = ("base", "error", "loop", "task", "group", "scope", "sync", "queue",
         "future", "select", "park", "thread", "io", "stream", "net",
         "signal", "inspect", "probe", "test")

# Macros that only the headers themselves use.
HIDDEN = {"BL_BEGIN_DECLS", "BL_END_DECLS", "BL_NO_SITES"}


class Header:
    """One public header: its idea, and what it documents."""

    def __init__(self, stem, text):
        self.stem = stem
        self.page = stem.replace("/", "-") + ".html"
        self.name = f"belay/{stem}.h"
        self.items = []
        self.idea = ""
        self.intro = []
        functions = set()
        everything = ctext.items(text)
        functions = {i.name for i in everything if i.kind == "function"}
        seen = set()
        for item in everything:
            if item.kind == "macro" and re.fullmatch(r"BELAY_\w+_H",
                                                     item.name):
                self.read_opening(item.comment)
            elif self.is_documented(item, functions) and \
                    (item.kind, item.name) not in seen:
                seen.add((item.kind, item.name or item.line))
                self.items.append(item)

    def read_opening(self, comment):
        lines = comment or []
        if lines and " - " in lines[0]:
            self.idea = lines[0].split(" - ", 1)[1]
            lines = lines[1:]
        self.intro = paragraphs_of(lines)

    @staticmethod
    def is_documented(item, functions):
        if item.kind == "prose":
            return False
        if item.kind == "constants":
            return True
        if not item.is_public or item.name in HIDDEN:
            return False
        # A macro of the same name only notes the place of the call.
        return not (item.kind == "macro" and item.name in functions)


def paragraphs_of(lines):
    """Lines to paragraphs, which are lists of lines."""
    found, current = [], []
    for line in list(lines) + [""]:
        if line:
            current.append(line)
        elif current:
            found.append(current)
            current = []
    return found


def pieces(paragraph):
    """A paragraph as ("text", str), ("code", [str]) and ("list", [str])."""
    found = []
    for line in paragraph:
        if line.startswith("  ") and not (found and found[-1][0] == "list"):
            if not found or found[-1][0] != "code":
                found.append(("code", []))
            found[-1][1].append(line)
        elif line.startswith("- "):
            if not found or found[-1][0] != "list":
                found.append(("list", []))
            found[-1][1].append(line[2:])
        elif found and found[-1][0] == "list" and line.startswith("  "):
            found[-1][1][-1] += " " + line.strip()
        elif found and found[-1][0] == "text":
            found[-1] = ("text", found[-1][1] + " " + line.strip())
        else:
            found.append(("text", line.strip()))
    return [(kind, ctext.dedent(body) if kind == "code" else body)
            for kind, body in found]


def signature(item):
    """A prototype or macro as a user writes it."""
    if item.kind == "macro":
        call = re.match(r"\s*#\s*define\s+(\w+(?:\([^)]*\))?)", item.text)
        return call.group(1)
    text = item.text
    if item.kind == "inline":
        text = text[:text.index("{")].rstrip() + ";"
        text = re.sub(r"^static inline\s+", "", text)
    text = re.sub(r"^(BL_API|BL_MAY_FAIL|BL_MAY_WAIT)\b", "", text)
    text = re.sub(r"\bBL__[A-Z_]+(\([^()]*\))?\s*", "", text)
    text = ctext.ATTRIBUTE.sub("", text)
    return "\n".join(line.rstrip() for line in text.strip().split("\n"))


def declaration(item):
    """A type, macro or list of constants, without what is the library's."""
    text = item.text.strip()
    code = ctext.blank(text)
    if item.kind == "type" and "{" in code and "enum" not in code.split("{")[0]:
        inside = code[code.index("{") + 1:code.rindex("}")]
        fields = re.findall(r"(\w+)\s*(?:\)\s*\([^;]*\)|\[[^\]]*\])?\s*;",
                            re.sub(r"\{[^{}]*\}", "", inside))
        if fields and all(name.startswith("_") for name in fields):
            return (text[:text.index("{")] +
                    "{\n    /* every field belongs to the library */\n" +
                    text[text.rindex("}"):])
    if item.kind == "macro":
        return re.sub(r"^\s*#\s*define", "#define", text)
    return text


def prose_of(item):
    """The contract of an item, with an empty one where there is none."""
    return ctext.contract(item.comment)


def summary_of(item):
    """The first sentence, without the macro call that it may begin with."""
    summary = prose_of(item).summary
    return re.sub(rf"^{item.name}\([^)]*\)(\s*\{{ \.\.\. \}}|;)?:?\s*", "",
                  summary)


def has_page(item):
    """Whether an item gets a manual page: one can call it, and it is told."""
    if item.kind in ("function", "inline"):
        return True
    return item.kind == "macro" and bool(item.comment)


def load(root):
    """The public headers under a root, in reading order."""
    headers = []
    for path in header_paths(root):
        stem = os.path.relpath(path, os.path.join(root, "include/belay"))[:-2]
        with open(path, encoding="utf-8") as file:
            headers.append(Header(stem, file.read()))
    rank = {stem: number for number, stem in enumerate(ORDER)}
    # The parts of a header, in the folder of its name, follow it.
    return sorted(headers, key=lambda h: (
        rank.get(h.stem.split("/")[0], 99), h.stem))


def header_paths(root):
    for folder, _, names in os.walk(os.path.join(root, "include", "belay")):
        for name in names:
            if name.endswith(".h"):
                yield os.path.join(folder, name)


def version_of(root):
    with open(os.path.join(root, "include/belay/base.h"),
              encoding="utf-8") as file:
        match = re.search(r'BL_VERSION\s+"([^"]+)"', file.read())
    return match.group(1) if match else "?"


# ---- manual pages -----------------------------------------------------------


def roff(text):
    """Escapes what roff would read."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    text = text.replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti")
    return re.sub(r"(?m)^\.", "\\&.", text)


def roff_prose(text):
    """Running text: `code` in italics, names of functions in bold."""
    parts = re.split(r"`([^`]*)`", text)
    made = []
    for number, part in enumerate(parts):
        if number % 2:
            made.append(f"\\fI{roff(part)}\\fP")
            continue
        part = roff(part).replace("\\(aq", "'")
        part = re.sub(r"(?<![\w<])(\*(\w[^*]*\w)\*)(?!\w)", r"\\fI\2\\fP",
                      part)
        part = re.sub(r"\b((?:bl|BL)_\w+)", r"\\fB\1\\fP", part)
        made.append(part)
    lines = []
    # A sentence begins a line of its own: roff spaces them by itself.
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z\\\"(])", "".join(made)):
        lines += textwrap.wrap(sentence, 79, break_on_hyphens=False,
                               break_long_words=False) or [""]
    # A line must not begin with what roff takes for a request.
    return "\n".join(re.sub(r"^(['.])", r"\\&\1", line) for line in lines)


def roff_paragraph(paragraph):
    lines = []
    for kind, body in pieces(paragraph):
        if kind == "text":
            lines += [".PP", roff_prose(body)]
        elif kind == "list":
            for entry in body:
                lines += [".IP \\(bu 3", roff_prose(entry)]
        else:
            lines += [".PP", ".RS 4", ".nf", *map(roff, body), ".fi", ".RE"]
    return lines


def short_summary(item):
    """A summary as the NAME line has it: a clause, without a full stop."""
    summary = summary_of(item).replace("`", "").rstrip(".:")
    if len(item.name) + len(summary) > 70:
        summary = re.split(r"[;:] ", summary)[0]
    if re.match(r"[A-Z][a-z]", summary):
        summary = summary[0].lower() + summary[1:]
    return summary


def man_name(header):
    """The page of a header: belay/http/client.h is belay_http_client(3)."""
    return "belay_" + header.stem.replace("/", "_")


def man_section(heading, body):
    """A heading and what follows it, without a break between the two."""
    return [".SH " + heading, *(body[1:] if body[:1] == [".PP"] else body)]


def man_top(name, summary, version, date):
    return ['.\\" SPDX-License-Identifier: MIT',
            f'.TH {name.upper()} 3 "{date}" "Belay {version}" '
            '"Belay reference"',
            ".SH NAME", f"{name} \\- " + roff(summary)]


def man_list(entries):
    """Pages and what they are about, as a list."""
    lines = []
    for name, summary in entries:
        lines += [".TP", f".BR {name} (3)", roff_prose(summary)]
    return lines


def man_index(headers, version, date):
    """belay(3): what there is."""
    return "\n".join(man_top("belay", "asyncio for C", version, date) + [
        ".SH SYNOPSIS", ".nf", "#include <belay.h>", ".fi",
        ".SH DESCRIPTION",
        "Each header has a page, which shows its types and lists its calls.",
        "A call or a type has a page of its name.",
        *man_list((man_name(header), header.idea) for header in headers),
    ]) + "\n"


def man_header(header, version, date):
    """The page of a header: its idea, its types, its calls."""
    lines = man_top(man_name(header), header.idea, version, date) + [
        ".SH SYNOPSIS", ".nf", f"#include <{header.name}>", ".fi"]
    body = [line for paragraph in header.intro
            for line in roff_paragraph(paragraph)]
    if body:
        lines += man_section("DESCRIPTION", body)
    types = []
    for item in header.items:
        if has_page(item):
            continue
        for paragraph in paragraphs_of(item.comment or []):
            types += roff_paragraph(paragraph)
        types += [".PP", ".nf",
                  *[roff(line) for line in declaration(item).split("\n")],
                  ".fi"]
    if types:
        lines += man_section("TYPES", types)
    calls = [item for item in header.items if has_page(item)]
    if calls:
        lines += [".SH CALLS", *man_list((item.name, short_summary(item))
                                         for item in calls)]
    return "\n".join(lines + [".SH SEE ALSO", ".BR belay (3)"]) + "\n"


def man_page(header, item, version, date, known):
    """One page of section 3."""
    told = prose_of(item)
    summary = short_summary(item)
    prototype = signature(item)
    lines = man_top(item.name, summary, version, date) + [
        ".SH SYNOPSIS", ".nf", f"#include <{header.name}>", ".PP",
        *[roff(line) for line in prototype.split("\n")], ".fi",
        ".SH DESCRIPTION",
    ]
    body = []
    for paragraph in told.paragraphs:
        body += roff_paragraph(paragraph)
    if item.marker:
        body += [".PP", f"Effect: \\fB{item.marker}\\fP, "
                 f"{EFFECTS[item.marker][1]}."]
    lines += body[1:] if body[:1] == [".PP"] else body
    if told.returns:
        lines += [".SH RETURN VALUE",
                  *roff_paragraph(told.returns)[1:]]
    if told.errors:
        lines.append(".SH ERRORS")
        for code, text in told.errors:
            lines += [".TP", f".B {code}", roff_prose(text)]
    if told.example:
        lines += [".SH EXAMPLES", ".nf", *map(roff, told.example), ".fi"]
    related = sorted({name for name in
                      re.findall(r"\b(?:bl|BL)_\w+", "\n".join(item.comment or
                                                              []))
                      if name in known and name != item.name})
    lines.append(".SH SEE ALSO")
    lines += [f".BR {name} (3)," for name in related]
    lines.append(f".BR {man_name(header)} (3)")
    return "\n".join(lines) + "\n"


def homes_of_types(headers):
    """The header of each type: where most calls begin with its name."""
    homes = {}
    for header in headers:
        for item in header.items:
            if item.kind == "type" and item.name:
                calls = sum(other.name.startswith(item.name + "_")
                            for other in header.items if has_page(other))
                best = homes.get(item.name)
                if best is None or calls > best[0]:
                    homes[item.name] = calls, header
    return {name: header for name, (_, header) in homes.items()}


def write_man(headers, out, version, date):
    folder = os.path.join(out, "man", "man3")
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    told = [(header, item) for header in headers for item in header.items
            if has_page(item)]
    known = {item.name for _, item in told}
    pages = {item.name: man_page(header, item, version, date, known)
             for header, item in told}
    pages["belay"] = man_index(headers, version, date)
    for header in headers:
        pages[man_name(header)] = man_header(header, version, date)
    for name, text in pages.items():
        with open(os.path.join(folder, name + ".3"), "w",
                  encoding="utf-8") as file:
            file.write(text)
    types = homes_of_types(headers)
    for name, header in types.items():
        os.symlink(man_name(header) + ".3", os.path.join(folder, name + ".3"))
    return len(pages) + len(types)


# ---- HTML -------------------------------------------------------------------

STYLE = """\
:root { --ink: #1d2329; --soft: #5b6670; --paper: #fdfdfb; --line: #e2e2dc;
  --code: #f4f4ef; --link: #0b5c8a; --safe: #3d6b4f; --fail: #8a5a0b;
  --wait: #7a3b8f; }
@media (prefers-color-scheme: dark) { :root { --ink: #dfe3e6;
  --soft: #98a3ad; --paper: #16191c; --line: #2c3237; --code: #1f2428;
  --link: #6fb7e0; --safe: #7fbf98; --fail: #d9a860; --wait: #c491d6; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, sans-serif; display: flex; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; flex: none;
  width: 15rem; padding: 1.5rem; border-right: 1px solid var(--line);
  font-size: .9rem; }
nav h1 { font-size: 1.1rem; margin: 0 0 1rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav ul ul { padding-left: .8rem; font-size: .85rem; }
nav li.here > a { font-weight: 600; color: var(--ink); }
main { flex: 1; min-width: 0; max-width: 52rem; padding: 1.5rem 2.5rem 6rem; }
h1 small { display: block; font-size: 1rem; font-weight: 400;
  color: var(--soft); }
section { border-top: 1px solid var(--line); padding: .5rem 0 1rem; }
h2 { font: 600 1.1rem ui-monospace, monospace; margin: 1rem 0 .5rem; }
h2.part { font-family: inherit; font-size: 1.3rem; margin-top: 2.5rem; }
h3 { font-size: .8rem; text-transform: uppercase; letter-spacing: .06em;
  color: var(--soft); margin: 1rem 0 .25rem; }
code, pre { font: .88em/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
code { background: var(--code); border-radius: 3px; padding: .1em .25em; }
pre { background: var(--code); border-radius: 6px; padding: .8rem 1rem;
  overflow-x: auto; margin: .5rem 0; }
pre code { background: none; padding: 0; font-size: 1em; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem;
  margin: .3rem 0; }
dt { font: .85em ui-monospace, monospace; padding-top: .15em; }
dd { margin: 0; }
.effect { font: 600 .72rem system-ui, sans-serif; border-radius: 1em;
  padding: .15em .7em; margin-left: .5em; border: 1px solid currentColor;
  vertical-align: middle; white-space: nowrap; }
.effect.safe { color: var(--safe); }
.effect.fail { color: var(--fail); }
.effect.wait { color: var(--wait); }
table { border-collapse: collapse; width: 100%; }
td { border-top: 1px solid var(--line); padding: .35rem .8rem .35rem 0;
  vertical-align: top; }
@media (max-width: 50rem) { body { display: block; } nav { position: static;
  width: auto; height: auto; border-right: 0; } nav ul ul { display: none; }
  main { padding: 1rem; } }
"""


class Site:
    """The HTML pages, which know where every name is explained."""

    def __init__(self, headers, version):
        self.headers = headers
        self.version = version
        self.places = {}
        for header in headers:
            for item in header.items:
                self.places.setdefault(item.name,
                                       f"{header.page}#{item.name}")
                for name in re.findall(r"\bBL_[A-Z]\w*", ctext.blank(item.text)
                                       if item.kind in ("type", "constants")
                                       else ""):
                    self.places.setdefault(
                        name, f"{header.page}#{anchor(item)}")

    def link(self, escaped, here=None):
        """Turns the names in escaped text into links."""
        def one(match):
            name = match.group(0)
            place = self.places.get(name)
            if place is None or name == here:
                return name
            return f'<a href="{place}">{name}</a>'
        return re.sub(r"\b(?:bl|BL)_\w+", one, escaped)

    def prose(self, text, here=None):
        parts = re.split(r"`([^`]*)`", text)
        made = []
        for number, part in enumerate(parts):
            part = self.link(html.escape(part, quote=False), here)
            if number % 2:
                made.append(f"<code>{part}</code>")
            else:
                made.append(re.sub(r"(?<![\w<])\*(\w[^*<>]*\w)\*(?!\w)",
                                   r"<em>\1</em>", part))
        return "".join(made)

    def code(self, text, here=None):
        return "<pre><code>" + \
            self.link(html.escape(text, quote=False), here) + "</code></pre>"

    def paragraph(self, paragraph, here=None):
        made = []
        for kind, body in pieces(paragraph):
            if kind == "text":
                made.append(f"<p>{self.prose(body, here)}</p>")
            elif kind == "list":
                rows = "".join(f"<li>{self.prose(entry, here)}</li>"
                               for entry in body)
                made.append(f"<ul>{rows}</ul>")
            else:
                made.append(self.code("\n".join(body), here))
        return made

    def section(self, item):
        """One documented thing."""
        told = prose_of(item)
        name = item.name
        title = html.escape(name) if name else "Constants"
        made = [f'<section id="{anchor(item)}">',
                f"<h2>{title}{badge(item)}</h2>"]
        callable_macro = item.kind == "macro" and item.comment
        if item.kind in ("function", "inline") or callable_macro:
            made.append(self.code(signature(item), name))
        else:
            made.append(self.code(declaration(item), name))
        for paragraph in told.paragraphs:
            made += self.paragraph(paragraph, name)
        if told.returns:
            made += self.paragraph(told.returns, name)
        if told.errors:
            made.append("<h3>Errors</h3><dl>")
            made += [f"<dt>{self.link(code)}</dt>"
                     f"<dd>{self.prose(text, name)}</dd>"
                     for code, text in told.errors]
            made.append("</dl>")
        if told.example:
            made.append("<h3>Example</h3>")
            made.append(self.code("\n".join(told.example)))
        made.append("</section>")
        return made

    def frame(self, title, body, here=None):
        rows = []
        for header in self.headers:
            inner = ""
            if header is here:
                names = "".join(
                    f'<li><a href="#{item.name}">{item.name}</a></li>'
                    for item in header.items if has_page(item))
                inner = f"<ul>{names}</ul>"
            mark = ' class="here"' if header is here else ""
            rows.append(f'<li{mark}><a href="{header.page}">'
                        f"{header.name}</a>{inner}</li>")
        return "\n".join([
            "<!DOCTYPE html>", '<html lang="en">', "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{html.escape(title)}</title>",
            '<link rel="stylesheet" href="style.css">', "</head>", "<body>",
            f'<nav><h1><a href="index.html">Belay {self.version}</a></h1>',
            "<ul>", *rows, "</ul></nav>", "<main>", *body, "</main>",
            "</body>", "</html>", ""])

    def page(self, header):
        body = [f"<h1>&lt;{header.name}&gt; "
                f"<small>{self.prose(header.idea)}</small></h1>"]
        for paragraph in header.intro:
            body += self.paragraph(paragraph)
        for item in header.items:
            body += self.section(item)
        return self.frame(header.name, body, header)

    def index(self):
        body = ["<h1>Reference <small>Every public header of Belay, from the "
                "text above each prototype</small></h1>", "<table>"]
        for header in self.headers:
            body.append(f'<tr><td><a href="{header.page}"><code>'
                        f"{header.name}</code></a></td>"
                        f"<td>{self.prose(header.idea)}</td></tr>")
        body += ["</table>", '<h2 class="part">What a call can do</h2>',
                 "<table>"]
        for marker, (_, meaning) in EFFECTS.items():
            body.append(f"<tr><td>{badge_of(marker)}</td><td><code>{marker}"
                        f"</code></td><td>{meaning}</td></tr>")
        body += ["</table>", '<h2 class="part">Every call</h2>', "<table>"]
        calls = sorted(((item, header) for header in self.headers
                        for item in header.items if has_page(item)),
                       key=lambda pair: pair[0].name.lower())
        for item, _ in calls:
            body.append(
                f'<tr><td><a href="{self.places[item.name]}"><code>'
                f"{item.name}</code></a></td><td>{badge(item)}</td>"
                f"<td>{self.prose(summary_of(item), item.name)}</td>"
                "</tr>")
        body.append("</table>")
        return self.frame(f"Belay {self.version} reference", body)


def anchor(item):
    return item.name or f"constants-{item.line}"


def badge(item):
    return badge_of(item.marker) if item.marker else ""


def badge_of(marker):
    words, meaning = EFFECTS[marker]
    return (f'<span class="effect {words.split()[-1]}" title="{meaning}">'
            f"{words}</span>")


def write_html(headers, out, version):
    folder = os.path.join(out, "html")
    os.makedirs(folder, exist_ok=True)
    site = Site(headers, version)
    pages = {"index.html": site.index(), "style.css": STYLE}
    for header in headers:
        pages[header.page] = site.page(header)
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    for name, text in pages.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    return len(headers)


def date_of(root):
    """The day of the newest header, or of SOURCE_DATE_EPOCH where set."""
    stamp = os.environ.get("SOURCE_DATE_EPOCH")
    if stamp is None:
        stamp = max(os.path.getmtime(path) for path in header_paths(root))
    return datetime.datetime.fromtimestamp(
        int(stamp), datetime.timezone.utc).strftime("%Y-%m-%d")


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser.add_argument("--root", default=here)
    parser.add_argument("--out", default=os.path.join(here, "build", "docs"))
    options = parser.parse_args(arguments)

    headers = load(options.root)
    version = version_of(options.root)
    pages = write_html(headers, options.out, version)
    manuals = write_man(headers, options.out, version, date_of(options.root))
    print(f"docs: {pages} HTML pages, {manuals} manual pages in "
          f"{os.path.relpath(options.out)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
