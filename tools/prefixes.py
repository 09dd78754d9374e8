#!/usr/bin/env python3
"""prefixes: every symbol that an object of src/ gives to others begins with its module's name.
  tools/prefixes.py [TREE]       needs the objects of a build
A file's module is its stem, its header's stem, or the folder's name; tools/prefixes.txt lists the few others."""
import os
import csource
import symbols

SUFFIXES = ("_api", "_sql")


def table(top):
    """{file or folder/: [prefix]}"""
    found = {}
    for line in csource.read(top, "tools/prefixes.txt").splitlines():
        line = line.split("#")[0].strip()
        if line:
            where, names = line.split(":")
            found[where.strip()] = names.split()
    return found


def stems(top, folder):
    found = {os.path.basename(folder)}
    for name in os.listdir(os.path.join(top, folder)):
        stem, ext = os.path.splitext(name)
        if ext in (".c", ".h") and not stem.endswith("_test"):
            found.add(stem)
            found.update(stem[:-len(s)] for s in SUFFIXES if stem.endswith(s))
    return found


def main():
    top, report, seen = csource.root(), csource.Report("prefixes"), 0
    extra, known = table(top), {}
    for path, (defined, _) in sorted(symbols.objects(top).items()):
        folder = os.path.dirname(path)
        if folder not in known:
            known[folder] = stems(top, folder)
        may = known[folder] | set(extra.get(path, [])) | set(extra.get(folder + "/", []))
        for name in sorted(defined):
            seen += 1
            if not any(name == p or name.startswith(p + "_") for p in may):
                report.say(path, symbols.place(top, path, name), f"{name} begins with no module's name of {folder}")
    report.end(f"{seen} symbols" if seen else "")


main()
