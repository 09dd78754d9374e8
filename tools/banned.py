#!/usr/bin/env python3
"""banned: calls that the house does not allow, and where a few others may stand.
  tools/banned.py [TREE]"""
import re
import csource

NOWHERE = """strcpy strcat sprintf vsprintf gets strtok atoi atol atof system popen alloca rand srand
localtime gmtime asctime ctime setlocale strncpy strncat tmpnam mktemp""".split()
# call: where it may stand (a prefix of the path), and what to use instead
ONLY = {
    "exit": (("src/main/",), "return a Status"),
    "_exit": (("src/main/",), "return a Status"),
    "abort": (("src/main/",), "return a Status"),
    "quick_exit": ((), "return a Status"),
    "printf": (("src/main/",), "libraries never print: log_line() or a writer"),
    "fprintf": (("src/main/",), "libraries never print: log_line() or a writer"),
    "vfprintf": (("src/main/",), "libraries never print: log_line() or a writer"),
    "puts": (("src/main/",), "libraries never print: log_line() or a writer"),
    "fputs": (("src/main/",), "libraries never print: log_line() or a writer"),
    "perror": (("src/main/",), "libraries never print: fail()"),
    "asprintf": ((), "buf_add() and its kind"),
    "vasprintf": ((), "buf_add() and its kind"),
    "snprintf": (("src/base/", "src/store/", "src/net/", "src/main/"), "a writer: never printf into a response"),
    "vsnprintf": (("src/base/", "src/main/"), "a writer: never printf into a response"),
}
HEAP = "malloc calloc realloc free strdup strndup reallocarray posix_memalign aligned_alloc".split()
for _name in HEAP:
    ONLY[_name] = (("src/base/", "src/store/events/"), "an arena, or mem_get() and mem_free()")

CALL = re.compile(r"(?<![\w.>])(%s)[ \t]*\(" % "|".join(sorted(NOWHERE + list(ONLY), key=len, reverse=True)))


def look(report, path, text):
    for m in CALL.finditer(csource.code(text)):
        name, line = m.group(1), csource.line_of(text, m.start())
        if name in NOWHERE:
            report.say(path, line, f"{name}() is banned")
        elif path.startswith("src/") and not path.endswith("_test.c"):
            where, instead = ONLY[name]
            if not path.startswith(where or ("-",)):
                report.say(path, line, f"{name}() may not stand here; use {instead}")


def main():
    top, report = csource.root(), csource.Report("banned")
    paths = csource.files(top, "src/**/*.[ch]", "tests/**/*.[ch]", "bench/**/*.[ch]")
    for path in paths:
        look(report, path, csource.read(top, path))
    report.end(f"{len(paths)} files" if paths else "")


main()
