"""`engram soak` as a child process: clients that use a cluster while something happens to it."""

import json
import signal
import subprocess
from typing import Iterator

from engine_process import EngineError


class Soak:
    """Started by the constructor. It ends by itself after `seconds`, or sooner by stop(); close() ends it in any case."""

    def __init__(self, program: str, servers: str, keys: int, seconds: float, *flags: str, timeout: str = "5s"):
        command = [program, "--server", servers, "--timeout", timeout, "--json", "soak", "--keys", str(keys), "--seconds",
                   str(seconds), *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0)
        self.summary: dict | None = None

    def intervals(self) -> Iterator[dict]:
        """What happened in each second, as it comes, until the load is over and its writes are checked."""
        for line in self.process.stdout:
            told = json.loads(line)
            if "interval" in told:
                yield told["interval"]
            else:
                self.summary = told["summary"]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def finish(self) -> dict:
        """Stops the load and waits for the account: see summary_json in tools/loadgen/soak_report.cpp."""
        self.stop()
        for _ in self.intervals():
            pass
        code = self.process.wait()
        if self.summary is None:
            raise EngineError(f"engram soak ended with {code} and without a summary")
        return self.summary

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
