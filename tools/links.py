#!/usr/bin/env python3
"""links: what the documents point at exists, and no lock file or script names a registry's host.
  tools/links.py [TREE]"""
import os
import re
import csource

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
CODE_PATH = re.compile(r"`((?:src|tests|tools|docs|bench|web)/[\w./-]*\w/?)`")
REGISTRY = re.compile(r"https?://(?:registry|deb|security|ftp|snapshot)\.[a-z0-9.-]*(?:npm|yarn|debian)[a-z0-9.-]*")


def anchors(text):
    """GitHub's names of a document's headings."""
    heads = re.findall(r"(?m)^#+ +(.+?) *$", text)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in heads}


def exists(top, path, target):
    name, _, anchor = target.partition("#")
    full = os.path.normpath(os.path.join(top, os.path.dirname(path), name)) if name else os.path.join(top, path)
    if not os.path.exists(full):
        return False
    return not anchor or not full.endswith(".md") or anchor in anchors(csource.read(top, full))


def main():
    top, report = csource.root(), csource.Report("links")
    docs = csource.files(top, "*.md", "src/**/*.md", "docs/**/*.md", "tests/**/*.md", "bench/**/*.md", "web/**/*.md")
    n = 0
    for path in docs:
        text = csource.read(top, path)
        for m in LINK.finditer(text):
            n += 1
            if not re.match(r"[a-z]+:", m.group(1)) and not exists(top, path, m.group(1)):
                report.say(path, csource.line_of(text, m.start()), f"points at {m.group(1)}, which is not there")
        for m in CODE_PATH.finditer(text):
            n += 1
            if not os.path.exists(os.path.join(top, m.group(1))):
                report.say(path, csource.line_of(text, m.start()), f"names {m.group(1)}, which is not there")
    others = csource.files(top, "tests/**/package-lock.json", "web/**/package-lock.json", "tools/**/*",
                           "dev", ".ci/run")
    for path in docs + others:
        text = csource.read(top, path)
        for m in REGISTRY.finditer(text):
            report.say(path, csource.line_of(text, m.start()), "names a package registry's host")
    report.end(f"{n} links in {len(docs)} documents" if docs else "")


main()
