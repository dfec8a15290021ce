"""A load that knows what was acknowledged to it: every writer is an `engram shell`, told one command after the other.

A command that is refused, fails or has an unknown outcome ends its writer: in these tests that is a mistake of the cluster.
"""

import collections
import json
import pathlib
import subprocess
import threading
import time

from compose_cluster import SERVERS, ComposeCluster

LABEL = "Load"
PAUSE_S = 0.002  # a few hundred calls a second from each writer: the cluster shares its cores with the load


class Writer(threading.Thread):
    """A chain of vertices: creates one, links the one before to it, reads one that is there. Connected to one node first."""

    def __init__(self, cluster: ComposeCluster, space: str, number: int):
        super().__init__(daemon=True)
        self.name = f"w{number}"
        servers = SERVERS[number % 3:] + SERVERS[:number % 3]
        command = cluster.command("--json", "--space", space, "--timeout", "60s", "shell", servers=servers)
        self.shell = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.vertices = 0  # acknowledged: those with smaller numbers
        self.edges = 0  # the edge i leads from vertex i to i + 1
        self.error = ""
        self.longest_s = 0.0
        self.stopping = threading.Event()

    def call(self, line: str) -> dict | None:
        begin = time.monotonic()
        try:
            self.shell.stdin.write(line + "\n")
            self.shell.stdin.flush()
            answer = self.shell.stdout.readline()
        except OSError:
            answer = ""
        self.longest_s = max(self.longest_s, time.monotonic() - begin)
        if not answer:
            self.error = f"{line}: {self.shell.stderr.read().strip()}"
            return None
        return json.loads(answer)

    def run(self) -> None:
        while not self.stopping.is_set() and self.step():
            time.sleep(PAUSE_S)
        try:
            self.shell.stdin.close()
        except OSError:
            pass  # it ended by itself
        self.shell.wait(timeout=90)

    def step(self) -> bool:
        number = self.vertices
        if self.call(f"put {self.name}-{number} --label {LABEL} --create n:int={number}") is None:
            return False
        self.vertices += 1
        if number == 0:
            return True
        if self.call(f"link {self.name}-{number - 1} NEXT {self.name}-{number} --create") is None:
            return False
        self.edges += 1
        earlier = number * 7919 % (number + 1)
        read = self.call(f"get {self.name}-{earlier}")
        if read is not None and read["properties"] != {"n": earlier}:
            self.error = f"{self.name}-{earlier} is {read}"
        return not self.error


class Load:
    """To be used once in a space of its own: started, ended by finish(), then compared."""

    def __init__(self, cluster: ComposeCluster, space: str, writers: int = 3):
        self.cluster = cluster
        self.space = space
        cluster.engram("space", "create", space)
        self.writers = [Writer(cluster, space, number) for number in range(writers)]
        for writer in self.writers:
            writer.start()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_) -> None:
        for writer in self.writers:
            writer.stopping.set()
        for writer in self.writers:
            writer.join(timeout=90)
            writer.shell.kill()

    def longest_pause_s(self) -> float:
        return max(writer.longest_s for writer in self.writers)

    def acknowledged(self) -> int:
        return sum(writer.vertices + writer.edges for writer in self.writers)

    def errors(self) -> list[str]:
        return [writer.error for writer in self.writers if writer.error]

    def wait_for_progress(self, calls: int = 50, timeout_s: float = 30) -> bool:
        """Whether every writer gets further from here."""
        goals = [writer.vertices + calls // 3 for writer in self.writers]
        until = time.monotonic() + timeout_s
        while time.monotonic() < until and not self.errors():
            if all(writer.vertices >= goal for writer, goal in zip(self.writers, goals)):
                return True
            time.sleep(0.05)
        return False

    def differences(self, file: pathlib.Path) -> list[str]:
        """What an export has otherwise than it was acknowledged, once the load is over: lost, twice, or never asked for."""
        self.cluster.engram("--space", self.space, "export", "-o", str(file))
        found = collections.Counter()
        with file.open() as lines:
            for line in lines:
                one = json.loads(line)
                found[one["key"] if one["type"] == "vertex" else (one["source"], one["target"])] += 1
        expected = set()
        for writer in self.writers:
            expected |= {f"{writer.name}-{i}" for i in range(writer.vertices)}
            expected |= {(f"{writer.name}-{i}", f"{writer.name}-{i + 1}") for i in range(writer.edges)}
        lost = [f"lost: {one}" for one in expected if one not in found]
        twice = [f"{count} times: {one}" for one, count in found.items() if count > 1]
        strange = [f"not acknowledged: {one}" for one in found if one not in expected]
        return lost + twice + strange
