#!/usr/bin/env python3
"""limits: every maximum of src/base/limits.h stands in the help centre, in each language, with its value.
  tools/limits.py [TREE]"""
import re
import csource

HEADER = "src/base/limits.h"
PAGES = ["docs/guide/en/limits.md", "docs/guide/zh/limits.md"]
LIMIT = re.compile(r"(?m)^ *([A-Z][A-Z0-9_]+) *= *([^,\n]+?) *,? *$")
ROW = re.compile(r"(?m)^\| `([A-Z][A-Z0-9_]+)` \| ([\d,]+)( KiB| MiB|) \|")
UNIT = {"": 1, " KiB": 1 << 10, " MiB": 1 << 20}


def value(text):
    if not re.fullmatch(r"[\d *<()+-]+", text):
        return None
    return eval(text)                          # digits and operators only, by the line above


def rows(text):
    """name → (value, line)"""
    return {m.group(1): (int(m.group(2).replace(",", "")) * UNIT[m.group(3)], csource.line_of(text, m.start()))
            for m in ROW.finditer(text)}


def main():
    top, report = csource.root(), csource.Report("limits")
    header = csource.code(csource.read(top, HEADER))
    limits = [(m.group(1), value(m.group(2)), csource.line_of(header, m.start(1))) for m in LIMIT.finditer(header)]
    for name, n, line in limits:
        if n is None:
            report.say(HEADER, line, f"{name} has a value that this check cannot read")
    for page in PAGES:
        said = rows(csource.read(top, page))
        for name, n, line in limits:
            if name not in said:
                report.say(HEADER, line, f"{name} is missing in {page}")
            elif said[name][0] != n:
                report.say(page, said[name][1], f"{name} is {n} in {HEADER}")
        known = {name for name, _, _ in limits}
        for name, (_, line) in said.items():
            if name not in known:
                report.say(page, line, f"{name} is no limit of {HEADER}")
    report.end(f"{len(limits)} limits on {len(PAGES)} pages" if limits else "")


main()
