#!/usr/bin/env python3
"""tools/dev/tidy.py finds what it promises to find, and lets good code pass."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tools/dev"))
import tidy  # noqa: E402


def messages(path: str, text: str) -> list[str]:
    return [str(finding) for finding in tidy.findings(tidy.Source(path, text))]


class FileRules(unittest.TestCase):
    def test_good_header_passes(self):
        self.assertEqual(messages("storage/a.h", '#pragma once\n#include "storage/base/ids.h"\nint f();\n'), [])

    def test_long_file(self):
        line = "int x;\n"
        self.assertEqual(messages("storage/a.cpp", line * 400), [])
        self.assertIn("401 lines", messages("storage/a.cpp", line * 401)[0])

    def test_white_space(self):
        self.assertIn("a.cpp:2: a tab", messages("storage/a.cpp", "int x;\n\tint y;\n")[0])
        self.assertIn("space at the end", messages("storage/a.cpp", "int x; \n")[0])
        self.assertIn("no newline", messages("storage/a.cpp", "int x;")[0])

    def test_pragma_once(self):
        self.assertIn("pragma once", messages("storage/a.h", "int x;\n")[0])
        self.assertEqual(messages("storage/a.cpp", "int x;\n"), [])

    def test_unfinished_work(self):
        self.assertIn("finish it", messages("docs/a.md", "TO" + "DO: more\n")[0])

    def test_paths_of_one_machine(self):
        for folder in ("home/eve", "Users/eve", "root", "work", "workspace", "workspaces"):
            for before in ("", "cd ", 'path = "', "file:", "prefix="):
                found = messages("tools/up", f"{before}/{folder}/engram\n")
                self.assertIn("one machine", "".join(found), f"{before}/{folder}")
        for good in ("/home/ada/graphs", "/srv/engram", "/app/persistence", "$tree/root/var", "./work/a", "~/work/a",
                     "<caf/io/network/scribe.hpp>", "${HOME}/work/a", "home/eve/a"):
            self.assertEqual(messages("docs/a.md", good + "\n"), [], good)

    def test_what_others_wrote_is_not_looked_at(self):
        for path in ["LICENSE", "data/air-routes/nodes.csv", "tests/fuzz/corpus/csv/1", "console/package-lock.json"]:
            self.assertTrue(tidy.NOT_OURS.search(path), path)
        self.assertFalse(tidy.NOT_OURS.search("storage/data/a.h"))


class Layers(unittest.TestCase):
    def findings(self, path: str, include: str) -> list[str]:
        return messages(path, f'#include "{include}"\n')

    def test_downward_is_fine(self):
        self.assertEqual(self.findings("cluster/node/serve.cpp", "storage/log/log_reader.h"), [])
        self.assertEqual(self.findings("tests/storage/test_a.cpp", "cluster/node/serve.h"), [])
        self.assertEqual(self.findings("client/client.cpp", "storage/base/result.h"), [])

    def test_upward_is_not(self):
        self.assertIn("may not include", self.findings("storage/log/a.cpp", "actors/log/log_actor.h")[0])
        self.assertIn("may not include", self.findings("client/client.cpp", "storage/log/log_reader.h")[0])
        self.assertIn("may not include", self.findings("cluster/node/a.cpp", "client/engram/client.h")[0])
        self.assertIn("may not include", self.findings("tools/engram/a.cpp", "tests/support/b.h")[0])

    def test_no_actor_framework_in_storage(self):
        self.assertIn("CAF", messages("storage/log/a.cpp", "#include <caf/all.hpp>\n")[0])
        self.assertEqual(messages("actors/log/a.cpp", "#include <caf/all.hpp>\n"), [])

    def test_relative_include(self):
        self.assertIn("from the top", self.findings("storage/log/a.cpp", "../base/ids.h")[0])


class FunctionLength(unittest.TestCase):
    @staticmethod
    def function(head: str, body_lines: int) -> str:
        return head + " {\n" + "  x();\n" * body_lines + "}\n"

    def lengths(self, text: str) -> list[int]:
        return [last - first + 1 for first, last in tidy.function_extents(text)]

    def test_limit(self):
        self.assertEqual(messages("storage/a.cpp", self.function("void f()", 68)), [])
        self.assertIn("a.cpp:1: a function of 71 lines", messages("storage/a.cpp", self.function("void f()", 69))[0])

    def test_scopes_are_not_functions(self):
        inner = self.function("  int f() const override", 3)
        text = "namespace engram {\nclass A final : public B<C<D>> {\n" + inner * 30 + "};\n}  // namespace engram\n"
        self.assertEqual(self.lengths(text), [5] * 30)
        self.assertEqual(self.lengths("struct alignas(64) A {\n" + inner * 2 + "};\n"), [5] * 2)

    def test_blocks_and_lambdas_belong_to_their_function(self):
        text = "void f() {\n  if (a) {\n    b([&] {\n      c();\n    });\n  }\n  for (;;) { d(); }\n}\nvoid g() {\n}\n"
        self.assertEqual(self.lengths(text), [8, 2])

    def test_constructor_with_initialisers_counts_from_its_name(self):
        self.assertEqual(self.lengths("A::A(int b)\n    : b_(b),\n      c_(1) {\n  d();\n}\n"), [5])

    def test_braces_in_literals_do_not_count(self):
        text = 'void f() {\n  a("}");  // }\n  b(\'{\');\n  c(R"({{{)");\n  d(1\'000\'000);\n}\nvoid g() {\n}\n'
        self.assertEqual(self.lengths(text), [6, 2])

    def test_data_is_not_a_function(self):
        self.assertEqual(self.lengths("const int table[] = {\n1,\n2,\n};\nenum class E { a, b };\n"), [])

    def test_test_case_counts(self):
        self.assertEqual(self.lengths(self.function('TEST_CASE("a vertex is found")', 3)), [5])


class Program(unittest.TestCase):
    def run_in(self, files: dict[str, str]) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                target = pathlib.Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text)
            subprocess.run(["git", "init", "-q", folder], check=True)
            command = [sys.executable, str(TOP / "tools/dev/tidy.py"), "--root", folder]
            return subprocess.run(command, capture_output=True, text=True)

    def test_exit_codes(self):
        self.assertEqual(self.run_in({"storage/a.cpp": "int x;\n"}).returncode, 0)
        bad = self.run_in({"storage/a.cpp": "int x;\n\n\tint y;\n"})
        self.assertEqual(bad.returncode, 1)
        self.assertIn("storage/a.cpp:3: a tab", bad.stdout)

    def test_ignored_files_are_not_looked_at(self):
        self.assertEqual(self.run_in({".gitignore": "build/\n", "a.cpp": "int x;\n", "build/b.cpp": "\t"}).returncode, 0)


if __name__ == "__main__":
    unittest.main()
