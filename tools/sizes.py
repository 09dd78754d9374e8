#!/usr/bin/env python3
"""sizes: how long functions, files and headers may be, and how deep statements may nest.
  tools/sizes.py [TREE]          --list: the ten longest functions
Tables are no functions, so they may be as long as they need."""
import sys
import csource

FUNCTION, FILE, HEADER, NESTING = 80, 800, 150, 4


def main():
    top, report, longest = csource.root(), csource.Report("sizes"), []
    paths = csource.files(top, "src/**/*.[ch]", "tests/**/*.[ch]", "bench/**/*.[ch]", "tools/*.c")
    for path in paths:
        text = csource.read(top, path)
        lines = text.count("\n")
        most = HEADER if path.endswith(".h") else FILE
        if lines > most:
            report.say(path, most + 1, f"the file has {lines} lines, at most {most}")
        for name, first, last, body, _ in csource.functions(csource.code(text)):
            length = last - first + 1
            longest.append((length, f"{path}:{first}: {name}"))
            if length > FUNCTION:
                report.say(path, first, f"{name}() has {length} lines, at most {FUNCTION}")
            if csource.depth(body) > NESTING:
                report.say(path, first, f"{name}() nests {csource.depth(body)} deep, at most {NESTING}")
    longest.sort(reverse=True)
    if "--list" in sys.argv:
        for length, what in longest[:10]:
            print(f"{length:4} {what}")
    over = sum(1 for length, _ in longest if length > 40)
    report.end(f"{len(longest)} functions, the longest {longest[0][0]} lines, {over} over 40" if longest else "")


main()
