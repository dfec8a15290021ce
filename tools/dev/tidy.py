#!/usr/bin/env python3
"""Rejects what makes the code longer, tangled or unfinished. Run by tools/test; takes a second.

    tools/dev/tidy.py [--root FOLDER]

Rules: files of at most 400 lines and functions of at most 70; includes only along the layers; `#pragma once` in headers;
no tabs, no trailing space, a newline at the end; no marks of unfinished work, no paths of somebody's machine.
Each rule is a function from a file to its findings; a new rule goes into RULES.
"""

import argparse
import pathlib
import re
import subprocess
import sys
from typing import Iterator, NamedTuple

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 70

# Folder -> what it may include. A longer prefix wins. tests/ may include everything.
LAYERS = {
    "schema/": ("schema/",),
    "storage/": ("schema/", "storage/"),
    "actors/": ("schema/", "storage/", "actors/"),
    "cluster/": ("schema/", "storage/", "actors/", "cluster/"),
    "client/": ("schema/", "storage/base/", "client/"),
    "tools/": ("schema/", "storage/", "actors/", "cluster/", "client/", "tools/"),
}
OUR_FOLDERS = ("schema/", "storage/", "actors/", "cluster/", "client/", "tools/", "tests/")
# Actors exist above storage only.
CAF_FOLDERS = ("actors/", "cluster/", "tools/", "tests/")

# Put together here, so that this file does not contain them.
UNFINISHED = ["TO" + "DO", "FIX" + "ME", "X" * 3]
# Where people and build machines have their files; ada is the user of our examples.
MACHINE_PATH = re.compile(r"(?<![\w.}~-])/(?:(?:home|Users)/(?!ada\b)|(?:root|work|workspaces?)/)[\w.-]+")

CODE_SUFFIXES = {".h", ".cpp"}
PROSE_SUFFIXES = {".md", ".txt", ".capnp", ".cmake", ".toml", ".yaml", ".yml", ".json", ".def"}
SCRIPT_SUFFIXES = {".py", ".sh", ".js", ".ts", ""}
# What others wrote, and bytes that are data.
NOT_OURS = re.compile(r"^(LICENSE|NOTICE|data/)|/(corpus|golden|node_modules)/|(^|/)package-lock\.json$")


class Source(NamedTuple):
    path: str
    text: str

    @property
    def suffix(self) -> str:
        return pathlib.PurePosixPath(self.path).suffix

    @property
    def is_code(self) -> bool:
        return self.suffix in CODE_SUFFIXES

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")


class Finding(NamedTuple):
    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def check_file_length(source: Source) -> Iterator[Finding]:
    count = source.text.count("\n")
    if count > MAX_FILE_LINES and (source.is_code or source.suffix in SCRIPT_SUFFIXES):
        yield Finding(source.path, count, f"{count} lines; at most {MAX_FILE_LINES}: does one role live in this file?")


def check_white_space(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, 1):
        if "\t" in line:
            yield Finding(source.path, number, "a tab; indent with spaces, write \\t in strings")
        if line != line.rstrip():
            yield Finding(source.path, number, "space at the end of the line")
    if source.text and not source.text.endswith("\n"):
        yield Finding(source.path, len(source.lines), "no newline at the end of the file")


def check_pragma_once(source: Source) -> Iterator[Finding]:
    if source.suffix == ".h" and "#pragma once\n" not in source.text:
        yield Finding(source.path, 1, "a header without #pragma once")


def check_words(source: Source) -> Iterator[Finding]:
    unfinished = re.compile(r"\b(" + "|".join(UNFINISHED) + r")\b")
    for number, line in enumerate(source.lines, 1):
        if match := unfinished.search(line):
            yield Finding(source.path, number, f"'{match[0]}': finish it, or describe the limit in the documents")
        if match := MACHINE_PATH.search(line):
            yield Finding(source.path, number, f"'{match[0]}': a path of one machine")


def check_layers(source: Source) -> Iterator[Finding]:
    layer = max((prefix for prefix in LAYERS if source.path.startswith(prefix)), key=len, default=None)
    if not source.is_code:
        return
    for number, line in enumerate(source.lines, 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if not match:
            continue
        included = match[2]
        if included.startswith("caf/") and not source.path.startswith(CAF_FOLDERS):
            yield Finding(source.path, number, "CAF is for actors/ and above")
        if match[1] == '"' and included.startswith(("./", "../")):
            yield Finding(source.path, number, f"include {included} by its path from the top")
        if layer and included.startswith(OUR_FOLDERS) and not included.startswith(LAYERS[layer]):
            yield Finding(source.path, number, f"{layer} may not include {included} (see LAYERS in tools/dev/tidy.py)")


# --- Length of functions -----------------------------------------------------------------------------------------

LITERALS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'""",
    re.DOTALL)
TYPE_OR_NAMESPACE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
ATTRIBUTES = re.compile(r"\b(alignas|requires|decltype|__attribute__)\s*\((?:[^()]|\([^()]*\))*\)")


def without_literals(text: str) -> str:
    """Comments, strings and preprocessor lines as blanks; every line stays where it is."""
    blank = lambda match: re.sub(r"[^\n]", " ", match[0])
    text = LITERALS.sub(blank, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.MULTILINE)


def function_extents(text: str) -> Iterator[tuple[int, int]]:
    """First and last line of every outermost function body, with the line of its name. Lambdas belong to their function."""
    text = without_literals(text)
    statement_start = 0
    stack: list[tuple[bool, int]] = []  # (is a function or inside one, offset of its first character)
    for match in re.finditer(r"[{};]", text):
        character, offset = match[0], match.start()
        inside = bool(stack) and stack[-1][0]
        if character == "{":
            head = text[statement_start:offset]
            is_scope = TYPE_OR_NAMESPACE.search(head) and "(" not in ATTRIBUTES.sub("", head)
            is_function = inside or ("(" in head and not is_scope)
            stack.append((is_function, statement_start + len(head) - len(head.lstrip())))
        elif character == "}" and stack:
            was_function, start = stack.pop()
            if was_function and not (stack and stack[-1][0]):
                yield text.count("\n", 0, start) + 1, text.count("\n", 0, offset) + 1
        if not inside or not stack or not stack[-1][0]:
            statement_start = offset + 1


def check_function_length(source: Source) -> Iterator[Finding]:
    if not source.is_code:
        return
    for first, last in function_extents(source.text):
        length = last - first + 1
        if length > MAX_FUNCTION_LINES:
            yield Finding(source.path, first, f"a function of {length} lines; at most {MAX_FUNCTION_LINES}: cut it by steps")


RULES = (check_file_length, check_white_space, check_pragma_once, check_words, check_layers, check_function_length)


def sources(root: pathlib.Path) -> Iterator[Source]:
    """All text files that are, or would be, under version control."""
    command = ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    for path in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0"):
        suffix = pathlib.PurePosixPath(path).suffix
        known = suffix in CODE_SUFFIXES | PROSE_SUFFIXES | SCRIPT_SUFFIXES
        if not path or NOT_OURS.search(path) or not known or not (root / path).is_file():
            continue
        try:
            yield Source(path, (root / path).read_bytes().decode())
        except UnicodeDecodeError:
            continue


def findings(source: Source) -> list[Finding]:
    return [finding for rule in RULES for finding in rule(source)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    checked, found = 0, []
    for source in sources(parser.parse_args().root):
        checked += 1
        found += findings(source)
    for finding in found:
        print(finding)
    print(f"tidy: {checked} files, {len(found)} findings")
    return 1 if found or checked == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
