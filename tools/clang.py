#!/usr/bin/env python3
"""clang: every source also passes clang, with the flags of the build (which is gcc's).
  tools/clang.py [TREE]          needs a build folder"""
import concurrent.futures
import json
import os
import re
import shlex
import subprocess
import csource
import symbols

LEFT_OUT = re.compile(r"-(MD|g|fsanitize=.*|fno-sanitize.*|fdiagnostics.*|Wno-maybe-uninitialized)$")


def commands(top, build):
    """{source: (folder, clang's arguments)}"""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    found = {}
    for entry in entries:
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), top)
        if not path.startswith("..") and os.path.isfile(os.path.join(top, path)):
            words = [w for w in shlex.split(entry["command"]) if not LEFT_OUT.match(w)]
            while words and not words[0].startswith("-"):
                words.pop(0)
            for flag in ("-o", "-MF", "-MQ"):
                if flag in words:
                    del words[words.index(flag):words.index(flag) + 2]
            found[path] = (entry["directory"], words)
    return found


def look(command):
    folder, words = command
    words = ["clang", "-fsyntax-only", "-fno-caret-diagnostics"] + words
    return subprocess.run(words, cwd=folder, capture_output=True, text=True).stderr


def main():
    top, report = csource.root(), csource.Report("clang")
    build = symbols.build_dir(top)
    every = commands(top, build)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        said = "".join(pool.map(look, every.values()))
    seen = set()
    for line in said.splitlines():
        m = re.match(r"(.+?):(\d+):\d+: (?:fatal )?error: (.*)", line)
        if m and line not in seen:
            seen.add(line)
            path = os.path.relpath(os.path.join(build, m.group(1)), top)
            report.say(path, m.group(2), m.group(3))
    report.end(f"{len(every)} files" if every else "")


main()
