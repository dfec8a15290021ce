"""The rows of `tools/bench --nodes 3`: a cluster beside one engine with the same graph and as many partitions, in one run on
one machine. Ratios are judged, since all nodes share the cores that the one engine has alone."""

import argparse
import dataclasses
import json
import pathlib
import shutil
import statistics
import time
from typing import Callable

from bench_common import Row, fresh_folder, say
from cluster_process import Cluster
from engine_process import Engine, EngineError
from soak_process import Soak

PARTITIONS = 16  # what a cluster of several nodes has unless it is told otherwise
SOAK_BOUND_SECONDS = 180


@dataclasses.dataclass
class Side:
    """One of the measurements that a row compares."""

    name: str
    engine: Engine
    flags: tuple[str, ...] = ()


class ClusterBench:
    """Clients of every measurement are connected to one server only, so that they ask who they are told to ask."""

    def __init__(self, arguments: argparse.Namespace, nodes: int, keys: int):
        self.arguments = arguments
        self.keys = keys
        self.folder = fresh_folder("cluster")
        self.one = Engine(arguments.engram, self.folder / "one", "--cluster-partitions", str(PARTITIONS), "--hot-bytes", "1GiB")
        self.cluster = Cluster(arguments.engram, self.folder, nodes, PARTITIONS)
        self.turns = 1 if arguments.smoke else 4
        self.raw: dict[str, object] = {}
        self.rows: list[Row] = []

    def start(self, nodes_file: pathlib.Path, edges_file: pathlib.Path, edges: int) -> None:
        self.one.start()
        self.cluster.start()
        for name, engine in (("one engine", self.one), ("the cluster", self.cluster.engines[0])):
            say(f"import into {name}: {edges:,} edges")
            begin = time.monotonic()
            engine.command("--json", "import", "--nodes", str(nodes_file), "--edges", str(edges_file))
            self.raw[f"import into {name}"] = {"seconds": time.monotonic() - begin, "edges": edges}

    def end(self) -> None:
        """The engines' logs stay, beside their folders."""
        try:
            self.cluster.stop()
        finally:
            self.one.stop()
            for engine in (self.one, *self.cluster.engines):
                shutil.rmtree(engine.data, ignore_errors=True)

    def partitions(self, *nodes: int) -> str:
        return ",".join(str(partition) for node in nodes for partition in self.cluster.partitions_of(node))

    def load(self, name: str, side: Side, call: str, seconds: float, floors: bool) -> dict:
        """Runs `engram bench`; stops the whole run if any call failed."""
        floor_flags = ["--floor-dir", str(side.engine.data)] if floors else ["--no-floors"]
        result = json.loads(side.engine.command(
            "--json", "bench", "--mix", call, "--keys", str(self.keys), "--seconds", str(seconds), "--warmup",
            str(min(seconds, 1)), *floor_flags, *side.flags))
        self.raw.setdefault(f"{name}: {side.name}", []).append(result)
        answer = result["calls"][call]
        if answer["errors"] or answer["keys_without_vertex"] or not answer["latency_us"]["count"]:
            raise EngineError(f"{name}, {side.name}: calls failed: {json.dumps(answer)}")
        return result

    def compare(self, name: str, what: str, call: str, factor: float, sides: list[Side]) -> None:
        """The first side may take `factor` times as long as the second one; the others are told only. All take turns, so
        that the machine's moods meet all of them, and the median turn counts."""
        p50s: dict[str, list[float]] = {side.name: [] for side in sides}
        floors: list[dict] = []
        for turn in range(self.turns):
            for side in sides:
                say(f"{name}, turn {turn + 1} of {self.turns}: {call} {side.name}")
                result = self.load(name, side, call, self.arguments.seconds / self.turns, floors=side is sides[0])
                p50s[side.name].append(result["calls"][call]["latency_us"]["p50"])
                if "floors" in result:
                    floors.append(result["floors"])
        median = {side: statistics.median(values) for side, values in p50s.items()}
        ratio = median[sides[0].name] / median[sides[1].name]
        text = f"{ratio:.2f} × ({', '.join(f'{side} {value:.0f} µs' for side, value in median.items())})"
        self.add(Row(name, what, text, f"≤ {factor:g} ×", ratio <= factor, self.floors_text(floors, call == "link")))

    @staticmethod
    def floors_text(floors: list[dict], syncs: bool) -> str:
        parts = [("round trip", "tcp_round_trip_us")] + ([("sync", "sync_us")] if syncs else [])
        return ", ".join(f"{name} {statistics.median(one[key]['p50'] for one in floors):.0f} µs" for name, key in parts)

    def add(self, row: Row) -> None:
        say(f"  {row.measured}" + (f"  (bar {row.bar})" if row.bar else ""))
        self.rows.append(row)


# --- The rows

def wrong_node_get(bench: ClusterBench) -> None:
    node = bench.cluster.engines[0]
    others = range(1, len(bench.cluster.engines))
    bench.compare("wrong-node-get", "point get by way of a wrong node, P50, over the direct one", "get", 2.5, [
        Side("wrong node", node, ("--key-partitions", bench.partitions(*others))),
        Side("direct", node, ("--key-partitions", bench.partitions(0))),
        Side("one engine", bench.one, ("--key-partitions", bench.partitions(0))),
    ])


def cluster_expand3(bench: ClusterBench) -> None:
    """The client is at the owner of the seed, as the client library is once it knows the map; then, told only, at a node
    that owns none of the seeds."""
    nodes = len(bench.cluster.engines)
    seeds = ("--key-partitions", bench.partitions(0))
    bench.compare("cluster-expand3", f"3-hop expand over {nodes} nodes, P50, over the one-node time", "expand3", 3, [
        Side(f"{nodes} nodes", bench.cluster.engines[0], seeds),
        Side("one engine", bench.one, seeds),
        Side("by way of a wrong node", bench.cluster.engines[1], seeds),
    ])


def cluster_link(bench: ClusterBench) -> None:
    """The client is at the owner of the source, which decides; then, told only, at a node that owns neither end."""
    ends = ("--key-partitions", bench.partitions(0), "--target-partitions", bench.partitions(1))
    first = str(bench.cluster.partitions_of(0)[0])
    sides = [
        Side("two nodes", bench.cluster.engines[0], ends),
        Side("one engine, two partitions", bench.one, ends),
        Side("one engine, one partition", bench.one, ("--key-partitions", first, "--target-partitions", first)),
    ]
    if len(bench.cluster.engines) > 2:
        sides.append(Side("by way of a third node", bench.cluster.engines[2], ends))
    bench.compare("cluster-link", "durable link over two nodes, P50, over the one-node time", "link", 2, sides)


def planned_restart(bench: ClusterBench) -> None:
    """The last node, as a rolling restart begins: SIGTERM, its end, its start, and some time before and behind."""
    engine = bench.cluster.engines[-1]
    around_seconds = 1 if bench.arguments.smoke else 4
    say(f"restart of node {len(bench.cluster.engines) - 1} under load")
    soak = Soak(bench.arguments.engram, bench.cluster.servers, bench.keys, SOAK_BOUND_SECONDS)
    try:
        time.sleep(around_seconds)
        begin = time.monotonic()
        engine.stop()
        stopped = time.monotonic()
        engine.start()
        ready = time.monotonic()
        time.sleep(around_seconds)
        summary = soak.finish()
    finally:
        soak.close()
    bench.raw["cluster-restart"] = {"stop_seconds": stopped - begin, "start_seconds": ready - stopped, "soak": summary}
    writes = summary["writes"]
    pauses = ", ".join(f"{client['longest_pause_s']:.2f}" for client in summary["clients"])
    if "first_problem" in writes:
        raise EngineError(f"cluster-restart: {writes['first_problem']}: {json.dumps(writes)}")
    text = (f"{summary['failures']} errors in {summary['calls']:,} calls; longest pause of each client {pauses} s; "
            f"{writes['acknowledged']:,} acknowledged writes, each there exactly once; "
            f"the node was away for {ready - begin:.2f} s")
    bench.add(Row("cluster-restart", "a planned restart of one node under gets, puts and links, as clients see it", text,
                  "no error, pause < 3 s", summary["all_right"] and summary["longest_pause_s"] < 3))


ROWS: dict[str, Callable[[ClusterBench], None]] = {
    "wrong-node-get": wrong_node_get, "cluster-expand3": cluster_expand3, "cluster-link": cluster_link,
    "cluster-restart": planned_restart,
}


def run(arguments: argparse.Namespace, nodes: int, keys: int, files: tuple[pathlib.Path, pathlib.Path, int],
        chosen: list[str]) -> ClusterBench:
    """`files`: the graph's vertices, its edges, and how many edges there are."""
    bench = ClusterBench(arguments, nodes, keys)
    try:
        bench.start(*files)
        for name in chosen:
            ROWS[name](bench)
    finally:
        bench.end()
    return bench
