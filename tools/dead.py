#!/usr/bin/env python3
"""dead: exported functions and data that nobody outside their file uses; tests do not count.
  tools/dead.py [TREE]           needs the objects of a build
tools/dead.txt lists what may stay, with the reason; a line there that is no longer true fails too."""
import csource
import symbols


def allowed(top):
    """{(file or folder/, name or *): line number}; every line has its reason after the name."""
    found = {}
    for n, line in enumerate(csource.read(top, "tools/dead.txt").splitlines(), 1):
        words = line.split("#")[0].split()
        if len(words) > 2:
            found[(words[0], words[1])] = n
        elif words:
            found[("tools/dead.txt", str(n))] = n
    return found


def main():
    top, report, seen = csource.root(), csource.Report("dead"), 0
    objects, may, used_lines = symbols.objects(top), allowed(top), set()
    wanted = {}
    for path, (_, wants) in objects.items():
        for name in wants:
            wanted.setdefault(name, set()).add(path)
    for path, (defined, _) in sorted(objects.items()):
        for name in sorted(defined - {"main"}):
            seen += 1
            if wanted.get(name, set()) - {path}:
                continue
            keys = [k for k in may if (path == k[0] or k[0].endswith("/") and path.startswith(k[0]))
                    and k[1] in (name, "*")]
            used_lines.update(may[k] for k in keys)
            if not keys:
                report.say(path, symbols.place(top, path, name), f"{name} is used by nobody outside its file: "
                           "make it static, use it, or remove it")
    for (where, name), n in may.items():
        if n not in used_lines:
            report.say("tools/dead.txt", n, f"no longer true, or without a reason: {where} {name}")
    report.end(f"{seen} symbols" if seen else "")


main()
