"""A real engine as a child process, for scripts that measure it."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Iterator


def ports() -> Iterator[int]:
    """Free ports, each once, and other ones than those of other processes. They are below those that the system gives to
    connections: while an engine is away, one of these could take its port, even the one by which somebody calls it."""
    first_given = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    first, count = 10_000, max(first_given, 20_000) - 10_000
    for number in range(count):
        port = first + (os.getpid() * PORTS_OF_A_PROCESS + number) % count
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port
    raise EngineError("there is no free port")


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy of this machine knows our engines
PORTS_OF_A_PROCESS = 40
FREE_PORTS = ports()


def free_port() -> int:
    return next(FREE_PORTS)


class EngineError(Exception):
    pass


def end_on_signals() -> None:
    """A script that is told to end runs its `finally`s first, and so ends the engines that it started."""
    def end(number: int, _frame: object) -> None:
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def busy_seconds() -> float:
    """What all cores together have worked since the machine started."""
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(int, pathlib.Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def wait_until_idle(timeout_s: float = 60) -> bool:
    """Until what a load left to do is done, by the engine (write-backs, archiving) and by the kernel (dirty pages): less than 4 %
    of a core in a second. False: something else keeps this machine busy."""
    begin = time.monotonic()
    while time.monotonic() - begin < timeout_s:
        before = busy_seconds()
        time.sleep(1)
        if busy_seconds() - before < 0.04:
            return True
    return False


class Engine:
    """Started by start(), ended by stop() or kill(). Its log is in the data folder's neighbour, `<data>.log`."""

    def __init__(self, program: str, data: pathlib.Path, *flags: str):
        self.program = program
        self.data = data
        self.flags = flags
        self.log_path = data.with_suffix(".log")
        self.process: subprocess.Popen | None = None
        self.terminated = False
        self.server = f"127.0.0.1:{free_port()}"
        self.operations = f"127.0.0.1:{free_port()}"

    def start(self, *flags: str, timeout_s: float = 120) -> float:
        """Seconds from the start to ready."""
        begin = time.monotonic()
        self.launch(*flags)
        self.wait_ready(timeout_s)
        return time.monotonic() - begin

    def launch(self, *flags: str) -> None:
        command = [self.program, "serve", "--data-dir", str(self.data), "--listen-address", self.server,
                   "--operations-address", self.operations, *self.flags, *flags]
        with self.log_path.open("ab") as log:
            # Not of the terminal's process group: Ctrl-C is for the script, which then stops the engine as it has to be stopped. But of
            # its session: Linux shares the cores between sessions first (sched_autogroup), and an engine that only looks for
            # work would get as much of one as another that works.
            self.process = subprocess.Popen(command, stdout=log, stderr=log, process_group=0)
        self.terminated = False

    def wait_ready(self, timeout_s: float = 120) -> None:
        begin = time.monotonic()
        while not self.is_ready():
            if self.process.poll() is not None:
                raise EngineError(f"the engine ended with {self.process.returncode}:\n{self.log_tail()}")
            if time.monotonic() - begin > timeout_s:
                raise EngineError(f"the engine is not ready after {timeout_s} s:\n{self.log_tail()}")
            time.sleep(0.005)

    def is_ready(self) -> bool:
        try:
            with DIRECT.open(f"http://{self.operations}/readyz", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def log_tail(self) -> str:
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-20:])

    def memory_bytes(self, name: str = "VmRSS") -> int:
        """A line of /proc/PID/status, such as VmRSS or RssAnon."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1024
        raise EngineError(f"no {name} in /proc/{self.process.pid}/status")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def terminate(self) -> None:
        """Asks it to stop; stop() then waits for its end."""
        if self.process is not None and self.process.poll() is None and not self.terminated:
            self.terminated = True
            self.process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """As an orchestrator does: SIGTERM, and 40 seconds."""
        self.terminate()
        if not self.terminated:
            return
        try:
            code = self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise EngineError("the engine did not end within 40 s of SIGTERM") from None
        if code != 0:
            raise EngineError(f"the engine ended with {code}:\n{self.log_tail()}")

    def command(self, *words: str) -> str:
        """Runs a client command against this engine; its standard output."""
        return self.run("--server", self.server, *words)

    def verify(self) -> str:
        """Checks the data directory offline: what `engram verify` reports, as JSON."""
        return self.run("verify", "--data-dir", str(self.data), "--json")

    def run(self, *words: str, program: str | None = None) -> str:
        command = [program or self.program, *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise EngineError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        sys.stdout.flush()
        return done.stdout
