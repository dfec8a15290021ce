#!/usr/bin/env python3
"""What people type to build, try and test: the help of each script, tools/up with ports that are off, the rows that
tools/bench runs, the engines that it starts, and the end of tools/test."""

import itertools
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tools/dev"))
from engine_process import Engine


def run(*command: object, folder: pathlib.Path = TOP, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(word) for word in command], cwd=folder, env={**os.environ, **environment}, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def scripts_with_help() -> list[pathlib.Path]:
    files = [*TOP.glob("tools/*"), *TOP.glob("deploy/*/*")]
    texts = {file: file.read_text() for file in files if file.is_file()}
    return [file for file, text in texts.items() if text.startswith("#!/usr/bin/env bash") and "--help)" in text]


def comment_at_the_top(script: pathlib.Path) -> str:
    lines = itertools.takewhile(lambda line: line.startswith("#"), script.read_text().splitlines()[1:])
    return "".join(line[1:].removeprefix(" ") + "\n" for line in lines)


class Help(unittest.TestCase):
    def test_it_is_the_comment_at_the_top_wherever_the_script_is_called_from(self):
        self.assertGreater(len(scripts_with_help()), 5)
        for script in scripts_with_help():
            with self.subTest(script=script):
                called = run(f"./{script.name}", "--help", folder=script.parent)
                self.assertEqual(called.returncode, 0, called.stderr)
                self.assertTrue(called.stdout.startswith(comment_at_the_top(script)), called.stdout)
                self.assertNotIn("shellcheck", called.stdout)


class Up(unittest.TestCase):
    def test_a_port_may_be_off(self):
        with tempfile.TemporaryDirectory() as folder:
            for port in ("LISTEN", "OPERATIONS", "CLUSTER"):
                with self.subTest(port=port):
                    settings = {"ENGRAM_DATA_DIR": f"{folder}/data", f"ENGRAM_{port}_ADDRESS": "none"}
                    status = run("tools/up", "--nodes", "2", "--status", **settings)
                    self.assertEqual(status.stderr, "")
                    self.assertEqual(status.stdout.count("does not run"), 2, status.stdout)
                    self.assertEqual(status.returncode, 1)


class Bench(unittest.TestCase):
    def test_without_rows_chosen_it_takes_them_all(self):
        for nodes in (1, 3):
            with self.subTest(nodes=nodes):
                listed = run("tools/bench", "--nodes", nodes, "--list")
                self.assertEqual(listed.stderr, "")
                self.assertEqual(listed.returncode, 0)
                self.assertGreater(len(listed.stdout.split()), 3)

    def test_rows_are_run_once_and_in_their_order_whatever_the_order_they_are_chosen_in(self):
        listed = run("tools/bench", "--only", "stop,put,get,put", "--list")
        self.assertEqual(listed.stdout.split(), ["get", "put", "stop"], listed.stderr)

    def test_a_row_that_is_not_there_is_named(self):
        refused = run("tools/bench", "--only", "get,teleport", "--list")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("no such row: teleport; there are get, ", refused.stderr)


class Engines(unittest.TestCase):
    def test_one_shares_the_cores_with_its_script_but_not_ctrl_c(self):
        """Linux shares the cores between sessions first, and gives Ctrl-C to process groups."""
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "waits"
            program.write_text("#!/bin/sh\nexec sleep 60\n")
            program.chmod(0o755)
            engine = Engine(str(program), pathlib.Path(folder) / "data")
            engine.launch()
            try:
                self.assertEqual(os.getsid(engine.process.pid), os.getsid(0))
                self.assertNotEqual(os.getpgid(engine.process.pid), os.getpgrp())
            finally:
                engine.kill()


class EndOfTheTests(unittest.TestCase):
    """The functions of tools/dev/test_summary.sh, as tools/test uses them."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = pathlib.Path(self.temporary.name)

    def call(self, line: str, *files: pathlib.Path) -> subprocess.CompletedProcess:
        head = "set -euo pipefail; source tools/dev/common.sh; source tools/dev/test_summary.sh; "
        return run("bash", "-c", head + line, "test", *files)

    def log_of_ctest(self, **tests: int) -> pathlib.Path:
        """Of tests that end with these codes; 77 stands for skipped."""
        (self.folder / "CTestTestfile.cmake").write_text("".join(
            f"add_test({name} sh -c \"echo '{name} ran'; exit {code}\")\n"
            f"set_tests_properties({name} PROPERTIES SKIP_RETURN_CODE 77)\n" for name, code in tests.items()))
        log = self.folder / "test.log"
        log.write_text(run("ctest", "--output-on-failure", folder=self.folder).stdout)
        return log

    def summary(self, log: pathlib.Path) -> subprocess.CompletedProcess:
        return self.call('count_ctest "$1"; repeat_failed_output "$1"; print_summary', log)

    def test_skipped_tests_are_named_and_counted_as_that(self):
        good = self.summary(self.log_of_ctest(one=0, two=0, three=77))
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertEqual(good.stdout.splitlines()[-1], "2 passed, 0 failed, 1 skipped")
        self.assertIn("Skipped: three\n", good.stdout)
        self.assertNotIn("three ran", good.stdout)

    def test_skipped_cases_are_told_though_their_test_passed(self):
        log = self.folder / "LastTest.log"
        log.write_text("All tests passed\nskipped: a full disk: there is no right to mount\n")
        self.assertEqual(self.call('passed=1; note_skipped_cases "$1"; note_skipped_cases /nowhere; print_summary', log).stdout.splitlines(),
                         ["Skipped case: a full disk: there is no right to mount", "", "1 passed, 0 failed, 0 skipped"])

    def test_failed_tests_are_named_and_shown(self):
        bad = self.summary(self.log_of_ctest(one=0, two=1, three=77, four=2))
        self.assertEqual(bad.returncode, 1)
        self.assertEqual(bad.stdout.splitlines()[-1], "1 passed, 2 failed, 1 skipped")
        self.assertIn("Failed: four\nFailed: two\n", bad.stdout.replace("\n\n", "\n"))
        self.assertIn("two ran", bad.stdout)

    def test_nothing_at_all_is_no_success(self):
        self.assertEqual(self.call("print_summary").returncode, 1)
        (self.folder / "empty").touch()
        empty = self.summary(self.folder / "empty")
        self.assertEqual(empty.stdout.splitlines()[-1], "0 passed, 1 failed, 0 skipped")

    def test_a_simulation_that_was_killed_is_shown_by_its_last_words(self):
        logs = {"passed": "seeds from 1\nAll tests passed (7 assertions in 1 test case)\n",
                "failed": "seed 12\nsim.cpp:7: FAILED:\n  CHECK( same )\n",
                "killed": "seeds from 3\nseed 4711 begins\n"}
        for name, text in logs.items():
            (self.folder / name).write_text(text)
        shown = self.call('show_simulation_failures "$@"; echo "and on"', *(self.folder / name for name in logs))
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("CHECK( same )", shown.stdout)
        self.assertIn("killed ends with:\nseeds from 3\nseed 4711 begins\n", shown.stdout)
        self.assertNotIn("7 assertions", shown.stdout)
        self.assertTrue(shown.stdout.endswith("and on\n"))


if __name__ == "__main__":
    unittest.main()
