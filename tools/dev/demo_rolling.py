#!/usr/bin/env python3
"""A rolling restart under load, to watch. See tools/demo-rolling."""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

from bench_common import (AIR_ROUTES_EDGES, AIR_ROUTES_FILES, AIR_ROUTES_VERTICES, AMAZON_EDGES, AMAZON_VERTICES, TOP,
                          find_amazon)
from cluster_process import Cluster
from engine_process import EngineError, end_on_signals
from soak_process import Soak

# Per node, beside the pauses that were asked for: the time to become safe, and what Engine gives it to stop and to start.
SAFE_BOUND_SECONDS = 300
RESTART_BOUND_SECONDS = SAFE_BOUND_SECONDS + 160


class Rolling(threading.Thread):
    """Restarts the nodes one by one, each once `engram cluster upgrade-check` calls it safe, and stops the load behind the last one
    or at the first error."""

    def __init__(self, cluster: Cluster, soak: Soak, program: str, pause_seconds: float, away_seconds: float):
        super().__init__()
        self.cluster = cluster
        self.soak = soak
        self.checker = cluster.engines[0].program  # the other one may be older, and not know the command
        self.program = program
        self.pause_seconds = pause_seconds
        self.away_seconds = away_seconds
        self.given_up = threading.Event()
        self.error: EngineError | None = None
        self.restarts: list[str] = []
        self._lock = threading.Lock()
        self._states = [["ready"] for _ in cluster.engines]

    def run(self) -> None:
        try:
            for ordinal in reversed(range(len(self.cluster.engines))):
                if self.given_up.wait(self.pause_seconds):
                    return
                self.restart(ordinal)
            self.given_up.wait(self.pause_seconds)
        except EngineError as error:
            self.error = error
        finally:
            self.soak.stop()

    def restart(self, ordinal: int) -> None:
        engine = self.cluster.engines[ordinal]
        begin = time.monotonic()
        self.cluster.check_upgrade(self.checker, SAFE_BOUND_SECONDS)
        safe = time.monotonic()
        self.enter(ordinal, "draining")
        engine.stop()
        stopped = time.monotonic()
        self.enter(ordinal, "stopped")
        self.given_up.wait(self.away_seconds)
        engine.program = self.program
        launched = time.monotonic()
        engine.launch()
        self.enter(ordinal, "starting")
        engine.wait_ready()
        self.enter(ordinal, "ready")
        self.restarts.append(f"node {ordinal}: safe to stop after {safe - begin:.2f} s, ended {stopped - safe:.2f} s after SIGTERM, "
                             f"ready {time.monotonic() - launched:.2f} s after its start")

    def enter(self, ordinal: int, state: str) -> None:
        with self._lock:
            self._states[ordinal].append(state)

    def take_states(self) -> str:
        """What every node has been through since this was asked last: most states are shorter than a second."""
        with self._lock:
            text = "  ".join(f"{ordinal}: {' > '.join(states)}" for ordinal, states in enumerate(self._states))
            self._states = [states[-1:] for states in self._states]
        return text


def say(text: str = "") -> None:
    print(text, flush=True)


def watch(soak: Soak, rolling: Rolling) -> None:
    say(f"{'time':>7} {'requests/s':>11} {'P50':>9} {'P99':>9} {'longest':>10} {'errors':>7}   nodes")
    for interval in soak.intervals():
        latency = interval["latency_us"]
        say(f"{interval['at_s']:>5.0f} s {interval['calls_per_second']:>11.0f} {latency['p50'] / 1000:>6.1f} ms "
            f"{latency['p99'] / 1000:>6.1f} ms {interval['longest_us'] / 1000:>7.0f} ms {interval['failures']:>7}   "
            f"{rolling.take_states()}")


def summarize(summary: dict, rolling: Rolling) -> bool:
    """Whether all is as promised."""
    writes = summary["writes"]
    wrong = {"lost": writes["lost"], "applied more than once": writes["repeated"], "there though refused": writes["not_refused"],
             "without an answer": writes["unsettled"]}
    verdict = ", ".join(f"{count} {what}" for what, count in wrong.items() if count) or "each there exactly once"
    say()
    for restart in rolling.restarts:
        say(restart)
    say(f"errors:              {summary['failures']} in {summary['calls']:,} requests"
        + (f" (the first: {summary['first_error']})" if "first_error" in summary else ""))
    say(f"longest pause:       {summary['longest_pause_s']:.2f} s (each client: "
        + ", ".join(f"{client['longest_pause_s']:.2f}" for client in summary["clients"]) + ")")
    say(f"acknowledged writes: {writes['acknowledged']:,} read back, {verdict}")
    if "first_problem" in writes:
        say(f"                     {writes['first_problem']}")
    return summary["all_right"]


def find_graph(name: str) -> tuple[tuple[pathlib.Path, ...], int, int]:
    """Its files, and how many vertices and edges there are."""
    if name == "amazon0601":
        return find_amazon(), AMAZON_VERTICES, AMAZON_EDGES
    return AIR_ROUTES_FILES, AIR_ROUTES_VERTICES, AIR_ROUTES_EDGES


def roll(arguments: argparse.Namespace, cluster: Cluster) -> bool:
    (nodes_file, edges_file), vertices, edges = find_graph(arguments.graph)
    say(f"{arguments.nodes} nodes are started with {version(arguments.first)}, and again with {version(arguments.engram)}.")
    cluster.start()
    say(f"Loading {arguments.graph}: {vertices:,} vertices, {edges:,} edges.\n")
    cluster.engines[0].command("import", "--nodes", str(nodes_file), "--edges", str(edges_file))
    pauses = arguments.seconds + arguments.away + RESTART_BOUND_SECONDS
    soak = Soak(arguments.first, cluster.servers, vertices, (arguments.nodes + 1) * pauses, "--rate", str(arguments.rate),
                "--clients", str(arguments.clients), timeout=arguments.timeout)
    rolling = Rolling(cluster, soak, arguments.engram, arguments.seconds, arguments.away)
    try:
        rolling.start()
        watch(soak, rolling)
        summary = soak.finish()
    finally:
        rolling.given_up.set()
        soak.stop()
        rolling.join()
        soak.close()
    all_right = summarize(summary, rolling)
    if rolling.error:
        raise rolling.error
    return all_right and len(rolling.restarts) == arguments.nodes


def version(program: str) -> str:
    done = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise EngineError(f"{program} --version ended with {done.returncode}: is it an engram?")
    return f"engram {done.stdout.strip()} ({program})"


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/demo-rolling", description=__doc__, allow_abbrev=False)
    parser.add_argument("--first", required=True, help=argparse.SUPPRESS)  # the program that the nodes are first started with
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # the arguments, and nothing else
    parser.add_argument("--engram", help="the program that they are started with again; default: the same")
    parser.add_argument("--nodes", type=int, default=3, help="2 to 9 (default 3)")
    parser.add_argument("--seconds", type=float, default=5, help="before, between and after the restarts (default 5)")
    parser.add_argument("--away", type=float, default=0, help="seconds that a node stays stopped (default 0)")
    parser.add_argument("--rate", type=float, default=400, help="requests a second, all together (default 400)")
    parser.add_argument("--clients", type=int, default=4, help="each with a connection and a thread of its own (default 4)")
    parser.add_argument("--timeout", default="5s", help="how long a request may take, its retries included (default 5s)")
    parser.add_argument("--graph", choices=("air-routes", "amazon0601"), default="air-routes")
    arguments = parser.parse_args()
    if not 2 <= arguments.nodes <= 9:
        parser.error("--nodes has to be 2 to 9")
    if not 0 < arguments.seconds <= 3600 or not 0 <= arguments.away <= 3600:
        parser.error("--seconds and --away are at most an hour, and --seconds above 0")
    if not arguments.rate > 0 or not 1 <= arguments.clients <= 256:
        parser.error("--rate has to be above 0, --clients 1 to 256")
    if arguments.engram and not pathlib.Path(arguments.engram).is_file():
        parser.error(f"--engram: there is no file {arguments.engram}")
    arguments.engram = str(pathlib.Path(arguments.engram).resolve()) if arguments.engram else arguments.first
    return arguments


def main() -> int:
    arguments = read_arguments()
    if arguments.check:
        find_graph(arguments.graph)  # before anything is installed or compiled for it
        return 0
    end_on_signals()
    folder = TOP / "build"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="demo-rolling-", dir=folder) as data:
        cluster = Cluster(arguments.first, pathlib.Path(data), arguments.nodes, 16)
        try:
            all_right = roll(arguments, cluster)
        finally:
            cluster.stop()
    say("\nAll is as promised." if all_right else "\nNOT as promised.")
    return 0 if all_right else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EngineError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
