#!/usr/bin/env python3
"""format: the layout rules that a machine can hold without undoing tables made by hand.
  tools/format.py [TREE]         --fix: mend what can be mended (./dev fmt)
docs/decisions/001-layout.md says why this and not clang-format."""
import re
import sys
import csource
import wrap

COLUMNS, STEP = 120, 4
C = ("src/**/*.[ch]", "tests/**/*.[ch]", "bench/**/*.[ch]", "tools/*.[ch]")
TEXT = C + ("src/**/*.def", "src/**/*.sql", "**/meson.build", "meson_options.txt", "tools/*.py", "tools/*.sh", "dev",
            ".ci/run", "tests/**/*.mjs", "tests/**/*.py", "web/**/*.ts", "web/**/*.js", "web/**/*.css", "web/**/*.html")


def check_text(say, text):
    for n, line in enumerate(text.split("\n"), 1):
        if "\t" in line:
            say(n, "a tab; indent with spaces")
        if line.endswith("\r"):
            say(n, "a carriage return")
        elif line != line.rstrip():
            say(n, "space at the end of the line")
    if text and not text.endswith("\n"):
        say(text.count("\n") + 1, "no newline at the end of the file")
    if text.endswith("\n\n"):
        say(text.count("\n"), "an empty line at the end of the file")


def check_long(say, text):
    for n, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS:
            say(n, f"{len(line)} characters, at most {COLUMNS}")


KEYWORD = re.compile(r"\b(if|for|while|switch)\(")
ELSE = re.compile(r"(?m)^[ ]*\}[ ]*\n[ ]*else\b")
BRACE = re.compile(r"(?m)^ +(?:\} ?)?(?:else )?(?:if|for|while|switch)\b.*\)\{$|\belse\{|\bdo\{|\}else\b")


def check_spaces(say, text):
    for pattern, what in ((KEYWORD, "a space between the keyword and ("), (BRACE, "a space beside the brace"),
                          (ELSE, "else on the line of the closing brace")):
        for m in pattern.finditer(text):
            say(csource.line_of(text, m.start()), what)


CONTROL = re.compile(r"^ +(?:\} )?(?:else )?(?:if|for|while|switch)\b.*\)$|^ +(?:\} )?(?:else|do)$")


def check_braces(say, text):
    """A function's brace opens its own line, unless the function is one line; any other ends its line."""
    lines = text.split("\n")
    for name, first, last, body, _ in csource.functions(text):
        head = next(i for i in range(first - 1, last) if "{" in lines[i])
        if last - 1 > head and lines[head].strip() != "{":
            say(head + 1, f"{name}(): a function's { '{' } stands on its own line")
    for n, (line, following) in enumerate(zip(lines, lines[1:]), 2):
        if following.strip() == "{" and CONTROL.match(line):
            say(n, "the { belongs at the end of the line before")


LABEL = re.compile(r"^(?:case\b[^?]*?|default\s*|[a-z_]\w*\s*):(?!:)")
HEAD = re.compile(r"^(?:\} )?(?:else )?(?:if|for|while|switch) ?(?=\()|^(?:\} )?else$|^do$")


def opens_statement(text):
    """Whether a statement so far is only the head of one: if (...), else, for (...)."""
    while text:
        m = HEAD.match(text)
        if not m:
            return False
        level, at = 0, m.end()
        for at in range(m.end(), len(text)):
            level += (text[at] == "(") - (text[at] == ")")
            if level == 0:
                break
        text = text[at + 1:].strip()
    return True


class Indent:
    """Where the next line of a function must begin. It counts braces, heads without a brace (each holds
    for one statement) and labels of a switch that stand a step in."""

    def __init__(self):
        self.depth, self.groups, self.statement = 0, 0, ""
        self.heads, self.shifted = [], set()       # [depth, whether its statement has ended]
        self.flat = set()                          # depths that "case x: {" opened
        self.values, self.last = [], ""            # which open braces hold a value; the character before

    def want(self, bare):
        if bare.startswith("else") and self.heads and self.heads[-1][1]:
            self.heads.pop()
        else:
            while self.heads and self.heads[-1][1]:
                self.heads.pop()
        closing = bare.startswith("}")
        depth = self.depth - closing
        inner = sum(1 for d in self.shifted if d <= depth) - sum(1 for d in self.flat if d <= self.depth)
        return STEP * (depth + len([h for h in self.heads if h[0] <= depth]) + inner)

    def brackets(self, bare):
        """An initialiser's brace groups what is in it, as ( does; any other is a block."""
        for at, c in enumerate(bare):
            if c == "{":
                value = self.last in "=,({" and self.last != "" or at > 0 and bare[at - 1] == ")"
                self.values.append(value)
                self.groups += value
                self.depth += not value
            elif c == "}":
                value = self.values.pop() if self.values else False
                self.groups -= value
                self.depth -= not value
            self.groups += (c in "([") - (c in ")]")
            self.last = c if c != " " else self.last

    def take(self, bare):
        self.statement = (self.statement + " " + bare).strip()
        self.brackets(bare)
        self.shifted = {d for d in self.shifted if d <= self.depth}
        self.flat = {d for d in self.flat if d <= self.depth}
        if bare.startswith(("case", "default")) and LABEL.match(bare) and bare.endswith("{"):
            self.flat.add(self.depth)
        if self.groups:
            return
        if opens_statement(self.statement):
            self.heads.append([self.depth, False])
            self.statement = ""
        elif bare[-1] in ";{}" or (LABEL.match(bare) and bare.endswith(":")):
            for head in self.heads:
                if bare[-1] in ";}" and head[0] == self.depth:
                    head[1] = True
            self.statement = ""


def check_indent(say, text):
    """Every line that begins a statement stands at 4 columns a brace; what continues one, not left of it."""
    lines = text.split("\n")
    for _, first, last, _, _ in csource.functions(text):
        state = Indent()
        for n, line in enumerate(lines[first - 1:last], first):
            bare = line.strip()
            if not bare:
                continue
            indent = len(line) - len(line.lstrip(" "))
            if state.statement:
                want = STEP * state.depth if state.groups == 0 else 0
                if indent < min(want, STEP):
                    say(n, f"indented by {indent}, left of its statement")
            elif state.depth:
                want = state.want(bare)
                label = LABEL.match(bare)
                if label and bare.startswith(("case", "default")) and state.depth not in state.shifted:
                    if indent == want:
                        state.shifted.add(state.depth)
                    want = min(want, max(indent, want - STEP))
                elif label and state.depth in state.shifted:
                    want -= STEP
                if indent != want and not (label and indent <= STEP):
                    say(n, f"indented by {indent}, not {want}")
            state.take(bare)


def check(report, top):
    paths = csource.files(top, *TEXT)
    c_paths = set(csource.files(top, *C))
    for path in paths:
        text = csource.read(top, path)

        def say(line, what, path=path):
            report.say(path, line, what)
        check_text(say, text)
        if not path.startswith(("web/", "tests/clients/", "tests/e2e/")) and not path.endswith(".def"):
            check_long(say, text)                # a message stays on one line, in both languages
        if path in c_paths:
            blank = csource.code(text)
            check_spaces(say, csource.no_preprocessor(blank))
            check_braces(say, csource.no_preprocessor(blank))
            check_indent(say, csource.no_preprocessor(blank))
    return len(paths)


def mend(text, is_c):
    text = text.replace("\r\n", "\n").expandtabs(STEP)
    text = re.sub(r"[ \t]+\n", "\n", text).rstrip("\n") + "\n"
    if is_c:
        blank = csource.code(text)
        for m in reversed(list(KEYWORD.finditer(blank))):
            text = text[:m.end() - 1] + " " + text[m.end() - 1:]
        for _ in range(8):                       # what was broken once may still be too long
            text = wrap.wrapped(text, csource.code(text), COLUMNS)
    return text


def fix(top):
    c_paths, n = set(csource.files(top, *C)), 0
    for path in csource.files(top, *TEXT):
        old = csource.read(top, path)
        new = mend(old, path in c_paths)
        if old and new != old:
            with open(f"{top}/{path}", "w", encoding="utf-8", errors="surrogateescape", newline="") as f:
                f.write(new)
            print(f"{path}: mended")
            n += 1
    return n


def main():
    top, report = csource.root(), csource.Report("format")
    if "--fix" in sys.argv:
        print(f"format: {fix(top)} files mended")
    n = check(report, top)
    report.end(f"{n} files" if n else "")


main()
