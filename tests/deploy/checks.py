"""Counts what was found good and what was not."""

import time


class Checks:
    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.begin = time.monotonic()

    def expect(self, good: bool, what: str, detail: object = "") -> None:
        self.passed += good
        self.failed += not good
        mark = "ok" if good else "FAILED"
        print(f"{time.monotonic() - self.begin:6.1f} s  {mark:6}  {what}{f' ({detail})' if detail != '' else ''}", flush=True)

    def say(self, what: str) -> None:
        print(f"{time.monotonic() - self.begin:6.1f} s  {what}", flush=True)

    def summary(self) -> int:
        print(f"\n{self.passed} passed, {self.failed} failed", flush=True)
        return 0 if self.failed == 0 and self.passed > 0 else 1
