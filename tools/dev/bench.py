#!/usr/bin/env python3
"""What tools/bench measures. See there for the options."""

import argparse
import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time
from typing import Callable

import bench_cluster
from bench_common import (AIR_ROUTES_EDGES, AIR_ROUTES_FILES, AIR_ROUTES_VERTICES, AMAZON_EDGES, AMAZON_VERTICES, OUTPUT, TOP, Row,
                          find_amazon, fresh_folder, print_table, say)
from engine_process import Engine, EngineError, end_on_signals, wait_until_idle


class Bench:
    """One engine on a fresh folder, and the rows measured on it."""

    def __init__(self, arguments: argparse.Namespace, data: pathlib.Path, keys: int):
        self.arguments = arguments
        self.data = data
        self.keys = keys
        self.engine = Engine(arguments.engram, data)
        self.graph: tuple[str, ...] = ()  # the options of `import` for it
        self.raw: dict[str, object] = {}
        self.rows: list[Row] = []

    def load(self, name: str, call: str, *flags: str, seconds: float = 0) -> dict:
        """Runs `engram bench`, for as long as each row takes if nothing else is said; stops the whole run if any call failed."""
        say(f"{name}: {call} {' '.join(flags)}")
        result = json.loads(self.engine.command(
            "--json", "bench", "--mix", call, "--keys", str(self.keys), "--seconds", str(seconds or self.arguments.seconds),
            "--floor-dir", str(self.data), *flags))
        self.raw[name] = result
        answer = result["calls"][call]
        if answer["errors"] or answer["keys_without_vertex"] or not answer["latency_us"]["count"]:
            raise EngineError(f"{name}: calls failed: {json.dumps(answer)}")
        answer["floors"] = result["floors"]
        return answer

    def end(self) -> None:
        """The engine's log stays, beside the folder."""
        self.engine.stop()
        shutil.rmtree(self.data, ignore_errors=True)

    def add(self, row: Row) -> None:
        say(f"  {row.measured}" + (f"  (bar {row.bar})" if row.bar else ""))
        self.rows.append(row)

    def latency(self, name: str, what: str, call: str, extra_us: float, syncs: int = 0, tail: bool = False) -> None:
        """One connection, one call in flight: P50 against the floors of the same run."""
        answer = self.load(name, call)
        latency, floors = answer["latency_us"], answer["floors"]
        round_trip, sync = floors["tcp_round_trip_us"]["p50"], floors["sync_us"]["p50"]
        bar = round_trip + syncs * sync + extra_us
        reached = latency["p50"] <= bar and (not tail or latency["p99"] <= 3 * latency["p50"])
        text = f"{latency['p50']:.0f} µs (P99 {latency['p99']:.0f}, P99.9 {latency['p99.9']:.0f})"
        beside = f"round trip {round_trip:.0f} µs" + (f", sync {sync:.0f} µs" if syncs else "")
        self.add(Row(name, what, text, f"≤ {bar:.0f} µs" + (", P99 ≤ 3 × P50" if tail else ""), reached, beside))

    def throughput(self, name: str, what: str, call: str, least: int, *flags: str) -> None:
        answer = self.load(name, call, *flags)
        rate = answer["items_per_second"]
        text = f"{rate:,.0f} /s (P50 {answer['latency_us']['p50']:.0f} µs)"
        sync = answer["floors"]["sync_us"]["p50"]
        self.add(Row(name, what, text, f"≥ {least:,}", rate >= least, f"sync {sync:.0f} µs" if call == "put" else ""))


# --- The rows

def point_get(bench: Bench) -> None:
    bench.latency("get", "point get, 1 connection, P50", "get", 35, tail=True)


def neighbors(bench: Bench) -> None:
    bench.latency("neighbors", "neighbours, P50", "neighbors", 45)


def expand2(bench: Bench) -> None:
    bench.latency("expand2", "distinct 2-hop, ids, P50", "expand2", 70)


def expand3(bench: Bench) -> None:
    bench.latency("expand3", "distinct 3-hop, ids, P50", "expand3", 110)


def recall(bench: Bench) -> None:
    bench.latency("recall", "recall, 3 hops, top 20, P50", "recall", 500)


def gets(bench: Bench) -> None:
    bench.throughput("gets", "point gets, 16 connections, one in flight each", "get", 50_000, "--connections", "16")


def bulk_gets(bench: Bench) -> None:
    bench.throughput("bulk-gets", "keys, in bulk calls of 100, 16 connections", "get", 1_000_000, "--connections", "16",
                     "--bulk", "100")


def put(bench: Bench) -> None:
    bench.latency("put", "durable put, 1 connection, P50", "put", 60, syncs=1)


def link(bench: Bench) -> None:
    bench.latency("link", "durable link over two partitions, P50", "link", 120, syncs=2)


def puts(bench: Bench) -> None:
    bench.throughput("puts", "durable puts, 64 in flight", "put", 30_000, "--connections", "4", "--in-flight", "16")


def batched_puts(bench: Bench) -> None:
    bench.throughput("batched-puts", "durable puts in batches of 100, each in one partition", "put", 200_000,
                     "--connections", "4", "--in-flight", "4", "--batch", "100", "--batch-in-one-partition")
    bench.throughput("spread-puts", "durable puts in batches of 100 over all partitions", "put", 200_000,
                     "--connections", "4", "--in-flight", "4", "--batch", "100")


def restart(bench: Bench) -> None:
    """Nothing is written back before the kill, so that every command is replayed."""
    bench.engine.stop()
    bench.engine.start("--warm-write-back-after-ms", "1h", "--warm-write-back-bytes", "16GiB")
    commands = 1_000_000 if not bench.arguments.smoke else 20_000
    say(f"restart: {commands:,} commands, then kill -9")
    bench.engine.command("--json", "bench", "--mix", "put", "--keys", str(bench.keys), "--operations", str(commands),
                         "--warmup", "0", "--no-floors", "--connections", "4", "--in-flight", "64")
    bench.engine.kill()
    seconds = bench.engine.start()
    bench.raw["restart"] = {"commands": commands, "seconds_to_ready": seconds}
    bench.add(Row("restart", f"restart after `kill -9` with {commands:,} commands in the log", f"{seconds:.2f} s to ready",
                  "< 5 s", seconds < 5))


def stop(bench: Bench) -> None:
    """The graph is loaded once more, as fast as both cores allow, and the engine is told to end meanwhile. The last row."""
    say("stop: SIGTERM in the middle of an import")
    importer = subprocess.Popen([bench.engine.program, "--server", bench.engine.server, "import", *bench.graph],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(3 if not bench.arguments.smoke else 0.05)
        if importer.poll() is not None and not bench.arguments.smoke:
            raise EngineError("stop: the import was over before the engine was told to end")
        begin = time.monotonic()
        bench.engine.stop()
        seconds = time.monotonic() - begin
    finally:
        importer.kill()
        importer.wait()
    bench.raw["stop"] = {"seconds_to_exit": seconds}
    bench.add(Row("stop", "SIGTERM in the middle of an import, to exit code 0", f"{seconds:.2f} s", "< 30 s", seconds < 30))


ROWS: dict[str, Callable[[Bench], None]] = {
    "get": point_get, "neighbors": neighbors, "expand2": expand2, "expand3": expand3, "recall": recall, "gets": gets,
    "bulk-gets": bulk_gets, "put": put, "link": link, "puts": puts, "batched-puts": batched_puts, "restart": restart,
    "stop": stop,
}
READ_ONLY = ("get", "neighbors", "expand2", "expand3", "recall", "gets", "bulk-gets")


# --- The graphs

def load_graph(bench: Bench, nodes: pathlib.Path, edges: pathlib.Path, edge_count: int, bar: int) -> None:
    say(f"import: {edge_count:,} edges")
    begin = time.monotonic()
    bench.graph = ("--nodes", str(nodes), "--edges", str(edges))
    bench.engine.command("--json", "import", *bench.graph)
    seconds = time.monotonic() - begin
    bench.raw["import"] = {"seconds": seconds, "edges": edge_count}
    rate = edge_count / seconds
    if not wait_until_idle():  # what is measured next is measured alone, on this graph as on a larger one
        say("  this machine is busy with something else: the rows below are measured beside it")
    bench.add(Row("import", f"online import of {edge_count:,} edges and their vertices, durable",
                  f"{rate:,.0f} edges/s ({seconds:.1f} s)", f"≥ {bar:,}" if bar else "", rate >= bar if bar else None))


def add_memory(bench: Bench, bar_megabytes: int) -> None:
    resident, anonymous = bench.engine.memory_bytes(), bench.engine.memory_bytes("RssAnon")
    bench.raw["memory"] = {"resident_bytes": resident, "anonymous_bytes": anonymous}
    bench.add(Row("memory", "resident memory with the whole graph hot",
                  f"{resident / 1e6:.0f} MB ({anonymous / 1e6:.0f} MB without mapped files)",
                  f"< {bar_megabytes} MB" if bar_megabytes else "",
                  resident < bar_megabytes * 1e6 if bar_megabytes else None))


def make_tenfold(edges: pathlib.Path, folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Ten copies of the graph, woven into one: every vertex keeps its out-degree, and its targets fall into all copies."""
    copies = 10
    node_file, edge_file = folder / "tenfold-nodes.csv", folder / "tenfold-edges.csv"
    with node_file.open("w") as out:
        out.writelines(f"{vertex}\n" for vertex in range(copies * AMAZON_VERTICES))
    source = os.popen(f"zstd -dcq '{edges}'") if edges.suffix == ".zst" else edges.open()
    pairs = [tuple(map(int, line.replace(",", "\t").split("\t"))) for line in source]
    with edge_file.open("w") as out:
        for copy in range(copies):
            first = copy * AMAZON_VERTICES
            out.writelines(f"{first + a}\t{(a * 7 + b * 13 + copy) % copies * AMAZON_VERTICES + b}\n" for a, b in pairs)
    return node_file, edge_file


def measure_tenfold(whole: Bench, nodes: pathlib.Path, edges: pathlib.Path) -> None:
    """Beside an engine with the graph itself, in turns: minutes later the machine may be another one."""
    say("ten times as large: making the graph")
    files = make_tenfold(edges, OUTPUT)
    large = Bench(whole.arguments, fresh_folder("tenfold"), 10 * AMAZON_VERTICES)
    small = Bench(whole.arguments, fresh_folder("onefold"), AMAZON_VERTICES)
    with contextlib.ExitStack() as at_the_end:
        for file in files:
            at_the_end.callback(file.unlink)
        for bench in (large, small):
            at_the_end.callback(bench.end)
            bench.engine.start()
        load_graph(large, *files, 10 * AMAZON_EDGES, 0)
        load_graph(small, nodes, edges, AMAZON_EDGES, 0)
        whole.raw["tenfold import"] = large.raw["import"]
        for name in ("get", "neighbors"):
            compare_sizes(whole, name, large, small)


def compare_sizes(whole: Bench, name: str, large: Bench, small: Bench) -> None:
    turns = 4
    p50s: dict[Bench, list[float]] = {large: [], small: []}
    floors: list[float] = []
    for turn in range(1, turns + 1):
        for bench, size in ((large, "ten times as large"), (small, "the graph itself")):
            answer = bench.load(f"{name}, turn {turn} of {turns}, {size}", name, seconds=whole.arguments.seconds / turns)
            p50s[bench].append(answer["latency_us"]["p50"])
            floors.append(answer["floors"]["tcp_round_trip_us"]["p50"])
    whole.raw[f"tenfold {name}"] = {"large": large.raw, "small": small.raw}
    after, before = statistics.median(p50s[large]), statistics.median(p50s[small])
    whole.add(Row(f"tenfold {name}", f"P50 of {name} on a graph 10 × larger", f"{after / before:.2f} × ({after:.0f} and {before:.0f} µs)",
                  "≤ 1.2 ×", after <= 1.2 * before, f"round trips {min(floors):.0f} to {max(floors):.0f} µs"))


# --- The whole

def run_rows(bench: Bench, chosen: list[str], memory_bar_megabytes: int) -> None:
    for name in [name for name in chosen if name in READ_ONLY]:
        ROWS[name](bench)
    add_memory(bench, memory_bar_megabytes)  # after the reads, before changes make it larger
    for name in [name for name in chosen if name not in READ_ONLY]:
        ROWS[name](bench)


def run_published(arguments: argparse.Namespace, chosen: list[str]) -> Bench:
    nodes, edges = find_amazon()
    bench = Bench(arguments, fresh_folder("amazon0601"), AMAZON_VERTICES)
    bench.engine.start()
    try:
        load_graph(bench, nodes, edges, AMAZON_EDGES, 500_000)
        run_rows(bench, chosen, 400)
    finally:
        bench.end()
    if arguments.full:
        measure_tenfold(bench, nodes, edges)
    return bench


def run_smoke(arguments: argparse.Namespace) -> Bench:
    """Every row once on a small graph: that it runs and nothing fails, not how fast it is."""
    bench = Bench(arguments, fresh_folder("smoke"), AIR_ROUTES_VERTICES)
    bench.engine.start()
    try:
        load_graph(bench, *AIR_ROUTES_FILES, AIR_ROUTES_EDGES, 0)
        run_rows(bench, list(ROWS), 0)
    finally:
        bench.end()
    return bench


def run_cluster(arguments: argparse.Namespace, chosen: list[str]) -> bench_cluster.ClusterBench:
    if arguments.smoke:
        files = (*AIR_ROUTES_FILES, AIR_ROUTES_EDGES)
        return bench_cluster.run(arguments, max(arguments.nodes, 3), AIR_ROUTES_VERTICES, files, chosen)
    return bench_cluster.run(arguments, arguments.nodes, AMAZON_VERTICES, (*find_amazon(), AMAZON_EDGES), chosen)


def read_arguments() -> tuple[argparse.Namespace, list[str]]:
    """And the rows to run."""
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("--engram", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)  # the arguments, and nothing else
    parser.add_argument("--smoke", action="store_true", help="a few seconds on the air-routes graph; judges no bars")
    parser.add_argument("--full", action="store_true", help="and a graph ten times as large")
    parser.add_argument("--nodes", type=int, default=1, help="2 to 9: a cluster of so many, compared with one engine")
    parser.add_argument("--only", help="rows, with commas between them")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    parser.add_argument("--seconds", type=float, help="for each row (default 10)")
    arguments = parser.parse_args()
    if not 1 <= arguments.nodes <= 9:
        parser.error("--nodes has to be 1 to 9")
    there_are = list(ROWS if arguments.nodes == 1 else bench_cluster.ROWS)
    wanted = arguments.only.split(",") if arguments.only else there_are
    if unknown := [name for name in wanted if name not in there_are]:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(there_are)}")
    chosen = [name for name in there_are if name in wanted]  # in this order: the last one ends the engine
    if arguments.full and arguments.nodes > 1:
        parser.error("--full is of one engine: leave out --nodes")
    if arguments.seconds is not None and not arguments.seconds > 0:
        parser.error("--seconds has to be above 0")
    arguments.seconds = arguments.seconds or (0.5 if arguments.smoke else 10)
    return arguments, chosen


def main() -> int:
    arguments, chosen = read_arguments()
    if arguments.list:
        print("\n".join(chosen))
    if arguments.check and not arguments.smoke:
        find_amazon()  # before anything is installed or compiled for it
    if arguments.list or arguments.check:
        return 0
    end_on_signals()
    benches: list[Bench | bench_cluster.ClusterBench] = []
    if arguments.nodes == 1:
        benches.append(run_smoke(arguments) if arguments.smoke else run_published(arguments, chosen))
    if arguments.nodes > 1 or arguments.smoke:
        benches.append(run_cluster(arguments, chosen if arguments.nodes > 1 else list(bench_cluster.ROWS)))
    rows = [row for bench in benches for row in bench.rows]
    if arguments.smoke:
        for row in rows:
            row.bar, row.reached = "", None
    print_table(rows, arguments.seconds)
    result_file = OUTPUT / ("smoke.json" if arguments.smoke else f"{time.strftime('%Y%m%d-%H%M%S')}.json")
    runs = {name: run for bench in benches for name, run in bench.raw.items()}
    result_file.write_text(json.dumps({"rows": [dataclasses.asdict(row) for row in rows], "runs": runs}, indent=2))
    print(f"\nAll figures: {result_file.relative_to(TOP)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EngineError as error:
        sys.exit(f"error: {error}")
