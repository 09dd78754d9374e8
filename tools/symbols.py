"""symbols: what each built object of src/ defines for others and what it asks of them."""
import json
import os
import re
import subprocess
import sys
import csource


def build_dir(top):
    """The newest of the usual build folders; LIUKE_BUILD names another."""
    named = os.environ.get("LIUKE_BUILD")
    for name in [named] if named else ["build/asan", "build"]:
        if os.path.isfile(os.path.join(top, name, "compile_commands.json")):
            return os.path.join(top, name)
    print("symbols: nothing is built; meson setup build/asan && ninja -C build/asan")
    sys.exit(1)


def objects(top):
    """{source: (defined, wanted)} for each source of the layers and of liuke itself."""
    build = build_dir(top)
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as f:
        entries = json.load(f)
    sources = {}
    for entry in entries:
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), top)
        ours = re.match(r"(liblk-\w+\.a|liuke)\.p/", entry["output"])      # tests compile some sources once more
        if ours and path.startswith("src/") and os.path.isfile(os.path.join(top, path)):
            sources.setdefault(os.path.join(build, entry["output"]), path)
    built = [o for o in sources if os.path.isfile(o)]
    late = [sources[o] for o in sources if o not in built
            or os.path.getmtime(o) < os.path.getmtime(os.path.join(top, sources[o]))]
    if late:
        print("symbols: not built since it changed: " + " ".join(sorted(late)[:5]))
        sys.exit(1)
    found = {path: (set(), set()) for path in sources.values()}
    if not built:
        return found
    out = subprocess.run(["nm", "-A", "-g"] + built, check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        m = re.match(r"(.*\.o):\s*[0-9a-f]*\s+([A-Za-z])\s+(\S+)$", line)
        if m and not re.match(r"(__(odr_)?[aut]san|_GLOBAL_|__sanitizer)", m.group(3)):
            found[sources[m.group(1)]][m.group(2) in "Uuvw" and m.group(2) != "u"].add(m.group(3))
    return found


def place(top, path, name):
    """The line where path defines name."""
    text = csource.code(csource.read(top, path))
    for m in re.finditer(r"(?m)^(?![ \t#])[^;=(]*?\b%s\b(?=\s*[(\[=;])" % re.escape(name), text):
        return csource.line_of(text, m.end())
    m = re.search(r"\b%s\b" % re.escape(name), text)
    return csource.line_of(text, m.start()) if m else 1
