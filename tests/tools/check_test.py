#!/usr/bin/env python3
"""check_test: in a copy of the tree, plants one violation of each kind and expects its check to fail and to
name the place; and gives the counting of ./dev test programs that die, hang or lie."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
TREE = ""                                     # the copy
HOST = "src/base/id.c"                        # where most violations are planted
CASES, BEFORE = [], {}


def case(run):
    CASES.append(run)
    return run


def run(*command, cwd=None, **env):
    """(exit code, everything it printed)"""
    done = subprocess.run(command, cwd=cwd or TREE, text=True, stdin=subprocess.DEVNULL, timeout=900,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **env})
    return done.returncode, done.stdout


def read(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as f:
        return f.read()


class Planted:
    """Text at the end of a file (or a new file) for the time of a with; .line is where it begins."""

    def __init__(self, path, text, instead=False):
        self.path, self.text, self.full = path, text, os.path.join(TREE, path)
        self.old = None if not os.path.exists(self.full) else read(path)
        self.before = "" if instead or self.old is None else self.old

    def __enter__(self):
        os.makedirs(os.path.dirname(self.full), exist_ok=True)
        with open(self.full, "w", encoding="utf-8") as f:
            f.write(self.before + self.text)
        self.line = self.before.count("\n") + 1
        return self

    def __exit__(self, *_):
        if self.old is None:
            os.remove(self.full)
        else:
            with open(self.full, "w", encoding="utf-8") as f:
                f.write(self.old)


def expect(tool, path, line, words, *more):
    """The check fails and names the place with these words."""
    code, out = run(os.path.join("tools", tool), *more)
    place = f"{path}:{line}:"
    assert code != 0, f"{tool} passed"
    assert any(place in l and words in l for l in out.splitlines()), f"{tool} did not say {place} {words}\n{out}"


def before(tool):
    """What the check says of the tree with nothing planted; asked once."""
    if tool not in BEFORE:
        BEFORE[tool] = run(os.path.join("tools", tool))[1].splitlines()
    return BEFORE[tool]


def refuse(tool, path, text, words, after=0, instead=False):
    """Planted, the text is found; without it there is no such line."""
    said = [l for l in before(tool) if l.startswith(path + ":") and words in l]
    assert not said, f"{tool}, before: {said}"
    with Planted(path, text, instead) as p:
        expect(tool, path, p.line + after, words)


def allow(tool, path, text):
    """Planted, the text adds no line about its file."""
    with Planted(path, text):
        _, out = run(os.path.join("tools", tool))
    new = [l for l in out.splitlines() if l.startswith(path + ":") and l not in before(tool)]
    assert not new, "\n".join(new)


def ninja(*targets):
    return run("ninja", "-C", "build/asan", *targets, CCACHE_BASEDIR=TREE, CCACHE_NOHASHDIR="1")


# --- layers

@case
def an_include_of_a_layer_above_is_named():
    refuse("layers.sh", HOST, '#include "http/http.h"\n', "base may not include http/http.h")
    refuse("layers.sh", "src/http/odd.h", '#include "store/records/records.h"\n', "http may not include store")
    refuse("layers.sh", "src/net/odd.c", '  #  include "flow/odd.h"\n', "net may not include flow")


@case
def nouns_and_the_parts_of_store_do_not_include_one_another():
    refuse("layers.sh", "src/domain/odd/odd.c", '#include "domain/other/other.h"\n', "nouns of domain meet only in")
    refuse("layers.sh", "src/store/events/odd.c", '#include "store/records/records.h"\n', "the parts of store meet")


@case
def an_include_downwards_or_of_the_own_folder_is_fine():
    allow("layers.sh", "src/domain/odd/odd.c", '#include "domain/odd/odd.h"\n#include "base/base.h"\n')
    allow("layers.sh", "src/job/odd.c", '#include "flow/odd.h"\n')


@case
def a_call_upwards_does_not_link():
    code, out = ninja("layer-base")
    assert code == 0, out
    archives = [os.path.join(d, f) for d, _, fs in os.walk(os.path.join(TREE, "build/asan")) for f in fs
                if re.fullmatch(r"liblk-(records|events|net|http|api|job|flow|domain)\.a", f)]
    symbols = re.findall(r"(?m) T ([a-z]\w+)$", run("nm", "-g", "--defined-only", *archives)[1])
    above = symbols[0] if symbols else "records_open"
    text = f"int {above}(void);\nint id_upwards(void);\nint id_upwards(void)\n{{\n    return {above}();\n}}\n"
    with Planted(HOST, text):
        code, out = ninja("layer-base")
    assert code != 0, "the layer with a call upwards was linked"
    assert above in out and "undefined reference" in out and "id.c" in out, out


# --- what objects export

@case
def a_symbol_without_its_modules_name_is_named():
    with Planted(HOST, "int oddly_named(void);\nint oddly_named(void) { return 1; }\n") as p:
        code, out = ninja("liuke")
        assert code == 0, out
        expect("prefixes.py", HOST, p.line, "oddly_named begins with no module's name")
    ninja("liuke")


@case
def an_export_that_nobody_uses_is_named():
    with Planted("tools/dead.txt", "", instead=True), \
            Planted(HOST, "\nint id_of_nobody(void);\nint id_of_nobody(void) { return 1; }\n") as p:
        code, out = ninja("liuke")
        assert code == 0, out
        expect("dead.py", HOST, p.line + 1, "id_of_nobody is used by nobody")
    ninja("liuke")


@case
def a_permission_that_is_no_longer_needed_is_named():
    with Planted("tools/dead.txt", "src/base/id.c id_never_was with a reason\n") as p:
        expect("dead.py", "tools/dead.txt", p.line, "no longer true")
    with Planted("tools/dead.txt", "src/base/fault.c fault_arm\n", instead=True):
        expect("dead.py", "tools/dead.txt", 1, "without a reason")


@case
def objects_older_than_their_source_are_not_believed():
    with Planted(HOST, "int id_late(void);\n"):
        code, out = run("tools/prefixes.py")
    ninja("liuke")
    assert code != 0 and "not built since it changed" in out, out


# --- calls

@case
def a_banned_call_is_named():
    for call in ("strcpy(a, b)", "strtok(a, b)", "sprintf(a, b)", "system(a)", "localtime(a)", "atoi (a)"):
        refuse("banned.py", HOST, f"int id_odd(char *a, char *b)\n{{\n    return {call};\n}}\n", "is banned", after=2)
    refuse("banned.py", "tests/odd.c", "int x = rand();\n", "rand() is banned")


@case
def a_call_in_the_wrong_layer_is_named():
    refuse("banned.py", "src/http/odd.c", "void *p = malloc(1);\n", "malloc() may not stand here")
    refuse("banned.py", "src/store/records/odd.c", "void *p = calloc(1, 1);\n", "calloc() may not stand here")
    refuse("banned.py", "src/api/odd.c", "int n = snprintf(a, 1, a);\n", "never printf into a response")
    refuse("banned.py", "src/job/odd.c", "int n = fprintf(a, b);\n", "libraries never print")
    refuse("banned.py", "src/store/events/odd.c", "int f(void) { exit(1); }\n", "exit() may not stand here")


@case
def names_in_comments_strings_and_longer_words_are_fine():
    allow("banned.py", HOST, '/* never strcpy(a, b) */\n// system(x)\nchar a[] = "gets(x) \\" strcpy(";\n')
    allow("banned.py", HOST, "int x = my_system(1) + a->free(2) + s.exit(3);\n")
    allow("banned.py", "src/store/events/odd.c", "void *p = malloc(1);\n")
    allow("banned.py", "src/main/odd.c", "int f(void) { exit(1); }\n")


# --- layout

@case
def each_break_of_the_layout_is_named():
    body = "static int id_odd(int x)\n{{\n{}    return x;\n}}\n"
    for line, words in (("\tx++;\n", "a tab"), ("    x++; \n", "space at the end"),
                        ("   x++;\n", "indented by 3, not 4"),
                        ("        x++;\n", "indented by 8, not 4"), ("    if(x) x++;\n", "between the keyword and ("),
                        ("    x = 1" + " + 1" * 30 + ";\n", "characters, at most 120")):
        refuse("format.py", HOST, body.format(line), words, after=2)
    refuse("format.py", HOST, body.format("    if (x)\n    x++;\n"), "indented by 4, not 8", after=3)
    refuse("format.py", HOST, body.format("    if (x) {\n        x++;\n    }\n    else x--;\n"), "else on the", after=4)
    refuse("format.py", HOST, body.format("    if (x)\n    {\n        x++;\n    }\n"), "the end of the line", after=3)
    refuse("format.py", HOST, "static int id_odd(int x) {\n    return x;\n}\n", "stands on its own line")
    refuse("format.py", HOST, "int x;", "no newline at the end")
    refuse("format.py", HOST, "int x;\n\n", "an empty line at the end", after=1)


@case
def the_layout_of_the_house_is_fine():
    allow("format.py", HOST, HOUSE)


HOUSE = """
typedef struct Odd { int a, b; } Odd;
static int id_one(void) { return 1; }
static const Odd id_table[] = {
    { 1, 2 },   /* a column of comments */
      { 3, 4 },
};
static int id_odd(int x, const char *p)
{
    Odd o = { .a = 1,
              .b = 2 };

    switch (x) {
    case 1:
        return 2;
    case 2: return 3;
    case 3: {
        x++;
        break;
    }
    default:
        for (;;)
            if (x) {
                x++;
            } else if (x == 1 &&
                       *p) {
                x--;
            } else
                x = 4;
        break;
    }
    do x++; while (x < o.a);
    take(FIELDS(
        { "a", &x },
        { "b", &x }));
    if (x)
        x = 1;
    else if (*p)
        x = 2;
    else {
        x = 3;
    }
out:
    return x
        + o.b;
}
"""


def mended(text):
    """What ./dev fmt makes of a file with this text, in a tree of its own; it must pass then."""
    with tempfile.TemporaryDirectory(prefix="liuke-fmt-") as top:
        path = os.path.join(top, HOST)
        os.makedirs(os.path.dirname(path))
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        code, out = run("tools/format.py", "--fix", top)
        assert code == 0, out
        with open(path, encoding="utf-8") as f:
            return f.read()


@case
def fmt_mends_what_can_be_mended_and_nothing_else():
    bad = "static int id_odd(int x)\n{\n\tif(x) x++;  \n    return x;\n}\n\n\n"
    assert mended(bad) == "static int id_odd(int x)\n{\n    if (x) x++;\n    return x;\n}\n"
    assert mended(HOUSE) == HOUSE


@case
def fmt_breaks_long_lines_and_changes_nothing_else():
    new = mended(LONG)
    assert new != LONG
    assert re.sub(r"\s", "", new) == re.sub(r"\s", "", LONG)


LONG = """static int id_odd(int first, int second)
{
    if (first == 1 && second == 2) return id_odd(first + 1E6, second + 1E6) + id_odd(first + 2E6, 1 + 2 + 3);
    static const char *const words[] = { "a long word, with a comma", "another && word", "the third of these", "4" };
    return words[0][0] + id_odd(first + 1E6, id_odd(first + 2E6, second + 3E6)) * (first + second) - second;
}
static int id_odd2(int x) { return id_odd(x, x) + id_odd(x + 1E6, x + 1E6) + id_odd(x + 2E6, x + 2E6); }
""".replace("E6", " * 1000000").replace("a long", "a very very long")


# --- sizes

@case
def a_function_of_81_lines_is_named_and_one_of_80_is_not():
    def function(n):
        return "static int id_odd(int x)\n{\n" + "    x++;\n" * (n - 4) + "    return x;\n}\n"
    refuse("sizes.py", HOST, function(81), "has 81 lines, at most 80")
    allow("sizes.py", HOST, function(80))
    allow("sizes.py", HOST, "static const int id_table[] = {\n" + "    1,\n" * 200 + "};\n")


@case
def five_levels_are_named_and_four_are_not():
    def nest(n, braces):
        text = "static int id_odd(int x)\n{\n"
        for i in range(n):
            text += "    " * (i + 1) + ("if (x) {\n" if braces else "if (x)\n")
        text += "    " * (n + 1) + "x++;\n"
        for i in range(n if braces else 0):
            text += "    " * (n - i) + "}\n"
        return text + "    return x;\n}\n"
    for braces in (True, False):
        refuse("sizes.py", HOST, nest(5, braces), "nests 5 deep")
        allow("sizes.py", HOST, nest(4, braces))
    chain = "    if (x == 1) x++;\n" + "    else if (x == 2) x++;\n" * 9
    allow("sizes.py", HOST, "static int id_odd(int x)\n{\n" + chain + "    return x;\n}\n")


@case
def a_long_file_and_a_long_header_are_named():
    with Planted("src/base/odd.c", "int x;\n" * 801):
        expect("sizes.py", "src/base/odd.c", 801, "the file has 801 lines")
    with Planted("src/base/odd.h", "int x;\n" * 151):
        expect("sizes.py", "src/base/odd.h", 151, "the file has 151 lines")


# --- documents, scripts, clang-tidy

@case
def a_dead_link_is_named():
    refuse("links.py", "README.md", "[x](docs/nothing.md)\n", "points at docs/nothing.md")
    refuse("links.py", "README.md", "[x](README.md#no-such-heading)\n", "points at README.md#no-such-heading")
    refuse("links.py", "README.md", "Look in `src/base/nothing.h`.\n", "names src/base/nothing.h")
    allow("links.py", "README.md", "[x](docs/decisions/001-layout.md) `src/base/base.h` [y](https://example.org/)\n")


@case
def a_limit_that_the_pages_lack_or_tell_wrong_is_named():
    limits, page = "src/base/limits.h", "docs/guide/zh/limits.md"
    text = read(limits)
    with Planted(limits, text.replace("    /* json */", "    ODD_MAX = 7,\n    /* json */"), instead=True):
        line = text[:text.index("    /* json */")].count("\n") + 1
        expect("limits.py", limits, line, "ODD_MAX is missing in " + page)
    text = read(page)
    at = text[:text.index("| `EVENT_PROPS_MAX` | 255 |")].count("\n") + 1
    with Planted(page, text.replace("| `EVENT_PROPS_MAX` | 255 |", "| `EVENT_PROPS_MAX` | 256 |"), instead=True):
        expect("limits.py", page, at, "EVENT_PROPS_MAX is 255 in")
    refuse("limits.py", page, "| `ODD_MAX` | 7 | x |\n", "ODD_MAX is no limit of")


@case
def a_registrys_host_is_named():
    for host in ("https://registry.npmjs" + ".org/x", "http://deb.debian" + ".org/debian"):
        refuse("links.py", "tests/clients/package-lock.json", f'"resolved": "{host}"\n', "a package registry's host")


@case
def a_script_that_does_not_parse_is_named():
    with Planted("tools/odd.sh", "if true; then\n"):
        code, out = run("tools/shell.sh")
        assert code != 0 and "tools/odd.sh: line 2" in out, out
    with Planted("tools/odd.py", "def f(:\n"):
        code, out = run("tools/shell.sh")
        assert code != 0 and "tools/odd.py" in out, out


@case
def clang_tidy_names_a_bug_in_a_changed_file():
    with Planted(HOST, "int id_odd(int *p);\nint id_odd(int *p)\n{\n    if (!p) return *p;\n    return 0;\n}\n") as p:
        expect("tidy.sh", HOST, p.line + 3, "NullDereference")
    code, out = run("tools/tidy.sh")
    assert code == 0 and "no C file changed" in out, out


@case
def what_only_clang_refuses_is_named():
    body = "    int x;\n    if (p && (x = *p)) return 1;\n    return x;\n"
    with Planted(HOST, "int id_odd(int *p);\nint id_odd(int *p)\n{\n" + body + "}\n") as p:
        expect("clang.py", HOST, p.line + 4, "uninitialized")


@case
def check_fails_when_one_check_does():
    with Planted("README.md", "[x](docs/nothing.md)\n"):
        code, out = run("tools/check.sh")
    last = out.strip().splitlines()[-1]
    assert code == 1 and re.fullmatch(r"\d+ passed, [1-9]\d* failed", last), out


# --- counting

def counted(script, seconds="20", **env):
    log = os.path.join(TREE, "build", "job")
    for end in ("out", "err", "rc", "secs"):
        if os.path.exists(f"{log}.{end}"):
            os.remove(f"{log}.{end}")
    run("tools/job.sh", log, seconds, "bash", "-c", script)
    return run("tools/count.sh", log, **{"CI": "", **env})[1].strip()


@case
def a_program_is_counted_by_its_last_line():
    assert counted("echo 3 passed, 1 failed; echo 7 passed, 0 failed") == "7 0 0"
    assert counted("echo 7 passed, 2 failed, 1 skipped; exit 1") == "7 2 1"
    assert counted("echo '# tests 3'; echo '# pass 2'; echo '# fail 1'; echo '# cancelled 1'; exit 1") == "2 2 0"


@case
def a_program_that_dies_or_says_nothing_has_failed():
    assert counted("echo 7 passed, 0 failed; exit 1") == "7 1 0"
    assert counted("echo 7 passed, 0 failed; kill -SEGV $$") == "7 1 0"
    assert counted("echo all fine") == "0 1 0"
    assert counted("echo 7 passed, 0 failed; echo more") == "0 1 0"
    assert counted("exit 0") == "0 1 0"
    assert counted("sleep 60; echo 1 passed, 0 failed", seconds="1") == "0 1 0"


@case
def a_skipped_test_is_a_failure_in_ci():
    assert counted("echo 7 passed, 0 failed, 2 skipped") == "7 0 2"
    assert counted("echo 7 passed, 0 failed, 2 skipped", CI="true") == "7 2 0"
    assert counted("echo '# pass 2'; echo '# fail 0'; echo '# skipped 1'", CI="true") == "2 1 0"


def copy_tree():
    """The tree as git sees it, with what is not committed yet, built."""
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=TOP,
                           check=True, capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        if os.path.isfile(os.path.join(TOP, name)):
            os.makedirs(os.path.dirname(os.path.join(TREE, name)), exist_ok=True)
            shutil.copy2(os.path.join(TOP, name), os.path.join(TREE, name))
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=copy"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "copy"],
                  ["commit", "-qm", "again", "--allow-empty"]):
        subprocess.run(git + words, cwd=TREE, check=True)
    code, out = run("tools/build.sh", "asan", "liuke", "layer-base")
    assert code == 0, out


def main():
    global TREE
    wanted = [c for c in CASES if len(sys.argv) == 1 or any(a in c.__name__ for a in sys.argv[1:])]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="liuke-tree-") as TREE:
        copy_tree()
        for c in wanted:
            try:
                c()
                print(f"[       OK ] {c.__name__}", flush=True)
            except Exception as e:  # a broken test is a failed one
                failed += 1
                print(f"[  FAILED  ] {c.__name__}", flush=True)
                print(f"{c.__name__}: {type(e).__name__}: {e}", file=sys.stderr)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    return failed != 0


sys.exit(main())
