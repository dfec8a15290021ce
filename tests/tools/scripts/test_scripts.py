#!/usr/bin/env python3
"""What people type to build, try and test: the help of each script, and tools/up with ports that are off."""

import itertools
import os
import pathlib
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]


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


if __name__ == "__main__":
    unittest.main()
