"""csource: what the checks know about C text.

code() blanks comments and the insides of literals but keeps every line and column, so that a
match in it is a place in the file. functions() finds definitions by the house rule that a
function's name starts in column 0 and its braces are balanced; depth() parses its statements.
Not a C parser: macros are read as written."""
import glob
import os
import re
import sys

NO_FUNCTION = {"if", "for", "while", "switch", "return", "sizeof", "do", "else"}
TOKEN = re.compile(r"[A-Za-z_]\w*|\d[\w.]*|\S")


def root():
    """The tree to check: the first argument, or the one these tools stand in."""
    paths = [a for a in sys.argv[1:] if not a.startswith("-")]
    return os.path.abspath(paths[0] if paths else os.path.join(os.path.dirname(__file__), ".."))


def files(top, *patterns):
    """Paths under top, relative to it, in order."""
    found = set()
    for pattern in patterns:
        found.update(glob.glob(os.path.join(top, pattern), recursive=True))
    return sorted(os.path.relpath(f, top) for f in found
                  if os.path.isfile(f) and "node_modules" not in f)


def read(top, path):
    with open(os.path.join(top, path), encoding="utf-8", errors="surrogateescape", newline="") as f:
        return f.read()


LITERAL = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def code(text, keep_includes=False):
    """The text with comments and the insides of literals turned into blanks."""
    def blank(m):
        s = m.group(0)
        if s[0] in "\"'":
            line = text[text.rfind("\n", 0, m.start()) + 1:m.start()]
            if keep_includes and line.lstrip().startswith("#"):
                return s
            return s[0] + " " * (len(s) - 2) + s[0]
        return re.sub(r"[^\n]", " ", s)
    return LITERAL.sub(blank, text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def no_preprocessor(text):
    """Directives blanked, their continuation lines too."""
    return re.sub(r"(?m)^[ \t]*#(?:[^\n\\]|\\.|\\\n)*",
                  lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def match_brace(text, at):
    """The place after the brace that closes the one at `at`, or the end."""
    level = 0
    for m in re.compile(r"[{}]").finditer(text, at):
        level += 1 if m.group(0) == "{" else -1
        if level == 0:
            return m.end()
    return len(text)


HEAD = re.compile(r"(?m)^(?![ \t#}/])[^;{}=\n]*?\b(?!__attribute__)([A-Za-z_]\w*)[ \t]*\(")


def functions(text):
    """(name, first line, last line, body, static) for each definition in blanked text."""
    text = no_preprocessor(text)
    found, at = [], 0
    while True:
        m = HEAD.search(text, at)
        if not m:
            return found
        end = re.compile(r"[;{=]").search(text, m.end())
        if not end:
            return found
        at = end.end()
        if end.group(0) != "{" or m.group(1) in NO_FUNCTION:
            continue
        close = match_brace(text, end.start())
        found.append((m.group(1), line_of(text, m.start()), line_of(text, close - 1),
                      text[end.start():close], bool(re.search(r"\bstatic\b", text[m.start():end.start()]))))
        at = close


class Statements:
    """The deepest nesting of control statements in a body, whether or not they have braces."""

    def __init__(self, body):
        self.t = TOKEN.findall(body)
        self.i = 0
        self.deepest = 0

    def peek(self):
        return self.t[self.i] if self.i < len(self.t) else ""

    def skip_group(self):
        level = 0
        while self.i < len(self.t):
            c = self.t[self.i]
            self.i += 1
            level += (c in "([{") - (c in ")]}")
            if level == 0:
                return

    def simple(self, depth):
        """Up to the ';'. A block that is no initialiser (a loop macro's) is read as a block."""
        value = False
        while self.i < len(self.t):
            c = self.peek()
            if c == "}":
                return
            if c == "{" and not value:
                return self.statement(depth + 1)
            if c in ("(", "[", "{"):
                self.skip_group()
                continue
            value = value or c in ("=", "return")
            self.i += 1
            if c == ";":
                return

    def statement(self, depth):
        self.deepest = max(self.deepest, depth)
        c = self.peek()
        if c == "{":
            self.i += 1
            while self.peek() not in ("}", ""):
                self.statement(depth)
            self.i += 1
        elif c in ("if", "for", "while", "switch"):
            self.i += 1
            self.skip_group()
            self.statement(depth + 1)
            if c == "if" and self.peek() == "else":
                self.i += 1
                self.statement(depth if self.peek() == "if" else depth + 1)
        elif c == "do":
            self.i += 1
            self.statement(depth + 1)
            self.simple(depth)
        elif c in ("case", "default"):
            while self.peek() not in (":", ""):
                self.i += 1
            self.i += 1
        else:
            self.simple(depth)


def depth(body):
    s = Statements(body)
    s.statement(0)
    return s.deepest


class Report:
    """Prints path:line: what is wrong, and ends the check with what it saw."""

    def __init__(self, name):
        self.name, self.bad = name, 0

    def say(self, path, line, what):
        print(f"{path}:{line}: {what}")
        self.bad += 1

    def end(self, seen):
        if self.bad:
            print(f"{self.name}: {self.bad} violations")
            sys.exit(1)
        if not seen:
            print(f"{self.name}: found nothing to look at")
            sys.exit(1)
        print(f"{self.name}: {seen}")
        sys.exit(0)
