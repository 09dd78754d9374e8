"""wrap: breaks lines of C that are too long, for tools/format.py --fix. A line is broken where its brackets are
shallowest; comments go on in a line of their own. What cannot be broken well stays as it is, and is reported."""
import re

HEAD = re.compile(r"\s*(?:\} )?(?:else )?(?:if|for|while|switch) \(")
BREAK = re.compile(r", |&& |\|\| | \? | = (?!\{)")


def comment(line, most):
    """A line that is only a comment, or the inside of one."""
    m = re.match(r"(\s*)(/\*|\*|//)?( *)", line)
    at = line.rfind(" ", m.end() + 20, most - 4)
    if at < 0:
        return None
    if line.lstrip().startswith("/*"):
        lead = m.group(1) + " *" + m.group(3)
    else:
        lead = m.group(0)
    return [line[:at], lead + line[at + 1:]]


def closing(blank, at):
    """The place after the bracket that closes the one at `at`, or None."""
    level = 0
    for i in range(at, len(blank)):
        level += (blank[i] in "([{") - (blank[i] in ")]}")
        if level == 0:
            return i + 1
    return None


def places(blank, most):
    """(price, where the next line begins): shallow brackets first, then as far right as can be."""
    depths, level = [], 0
    for c in blank:
        level += (c in "([{") - (c in ")]}")
        depths.append(level)
    found = [(depths[m.start()] * 30 + 40 * (m.group(0) == " = ") + most - m.end(), m.end(),
              m.group(0) == ", " and depths[m.start()] == 0)
             for m in BREAK.finditer(blank) if 40 < m.end() <= most]
    head = HEAD.match(blank)
    after = closing(blank, head.end() - 1) if head else None
    if after and 12 < after < most and blank[after:].strip() not in ("", "{"):
        found.append((0, after + 1, False))
    return sorted(found)


def one_line_function(line, blank):
    """int f(void) { return 1; } in column 0, as four lines; a body of one statement only."""
    m = re.match(r"(?!\s)[^={}]*\) \{ ", blank)
    if not m or not blank.endswith("}") or blank.count("{") != 1 or blank.count(";") != 1:
        return None
    return [line[:m.end() - 3], "{", "    " + line[m.end():-1].strip(), "}"]


def code(line, blank, most):
    indent = len(line) - len(line.lstrip())
    split = one_line_function(line, blank)
    if split:
        return split
    for _, at, row in places(blank, most):
        step = 0 if row and line.rstrip().endswith(",") else 4
        return [line[:at].rstrip(), " " * (indent + step) + line[at:].lstrip()]
    return None


def once(line, blank, most):
    """The lines instead of this one, or None."""
    if line.endswith("\\") or line.lstrip().startswith("#"):
        return None
    if not blank.strip():
        return comment(line, most)
    tail = re.search(r" +(/\*[^*]*\*/)$", line)
    if tail and not blank[tail.start():].strip():
        short = line[:tail.start()] + "   " + tail.group(1)
        if len(short) <= most:
            return [short]
        indent = " " * (len(line) - len(line.lstrip()))
        return [indent + tail.group(1), line[:tail.start()]]
    if blank.rstrip() != line.rstrip() and "/*" in line and not blank.rstrip().endswith((";", ",", "{", "}", ")")):
        return None
    return code(line, blank, most)


def wrapped(text, blanked, most):
    out = []
    for line, blank in zip(text.split("\n"), blanked.split("\n")):
        new = once(line, blank, most) if len(line) > most else None
        out += new if new else [line]
    return "\n".join(out)
