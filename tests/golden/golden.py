#!/usr/bin/env python3
"""Data directories as released versions wrote them, and the check that this version opens them.

    golden.py check PROGRAM            every folder here: verified, opened, compared with its graph, verified again
    golden.py make PROGRAM vN          writes the folder of one engine anew; that of a released version is never made again
    golden.py make PROGRAM clusterN    the same of a cluster of three

A folder has data.tar.xz (the data directories after a kill: of every node a sealed segment of the log, an open one, and warm
stores that are older than the log) and, for every space, the graph as `engram export` says it.
"""

import json
import pathlib
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE.parents[1] / "tools" / "dev"))
import cluster_process  # noqa: E402
import engine_process  # noqa: E402

SMALL = ("--log-segment-bytes", "1MiB", "--log-spare-segments", "0", "--warm-initial-map-bytes", "1MiB")
SPACES = ("default", "notes")
COUNT = 24


def write_first_part(engine: engine_process.Engine) -> None:
    """What is in the warm stores and in the sealed segment."""
    run = engine.command
    run("space", "create", "notes", "--together", "--max-vertices", "1000")
    run("space", "index", "square", "--label", "Number")
    for i in range(COUNT):
        run("put", f"v{i}", "--label", "Number", *(["--label", "Even"] if i % 2 == 0 else []), f"square={i * i}")
    for i in range(COUNT):
        run("link", f"v{i}", "NEXT", f"v{(i + 1) % COUNT}", "--weight", str(i / 8))
    run("put", "every kind", "truth=true", "whole=-7", "real:float=2.5", "text=grüße", "moment:timestamp=2024-01-31",
        "raw:bytes=AAEC/w==", "things:list=[1,\"two\",[3.5,false]]", "embedding:vector=[0.5,-1.25,3]")
    run("--space", "notes", "link", "first", "BEFORE", "second", "--create-missing", "why=because", "order=1")


def write_second_part(engine: engine_process.Engine) -> None:
    """What is in the open segment only."""
    run = engine.command
    for i in range(0, COUNT, 3):
        run("link", f"v{i}", "SKIPS", f"v{(i + 3) % COUNT}", "--rank", str(i - 5), "--weight", "1.5", "by=3")
    run("put", "v1", "--remove-label", "Number", "square=null", "renamed=one")
    run("delete", "v5")
    run("--space", "notes", "put", "second", "--label", "Note", "text=changed after the write-back")


def export(engine: engine_process.Engine, space: str) -> list[str]:
    """One line of JSON a vertex or edge, sorted: the order of an export is no part of the format."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "graph.jsonl"
        engine.command("--space", space, "export", "-o", str(path))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(json.dumps(line, sort_keys=True, ensure_ascii=False) for line in lines)


def without_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return None if entry.name.endswith((".sock", "LOCK")) else entry


class Golden:
    """The engine, or all nodes, of one folder here; their data directories are in another one."""

    def __init__(self, program: str, version: str, data: pathlib.Path):
        if version.startswith("cluster"):
            self.engines = cluster_process.Cluster(program, data, 3, 6).engines
        else:
            self.engines = [engine_process.Engine(program, data / "data", "--cluster-partitions", "2", "--hot-bytes", "64MiB")]

    @property
    def first(self) -> engine_process.Engine:
        return self.engines[0]

    def start(self) -> None:
        for engine in self.engines:
            engine.launch(*SMALL)
        for engine in self.engines:
            engine.wait_ready()

    def stop(self) -> None:
        for engine in self.engines:
            engine.terminate()
        for engine in self.engines:
            engine.stop()

    def kill(self) -> None:
        for engine in self.engines:
            if engine.process is not None:
                engine.kill()

    def verify(self) -> list[dict]:
        """Raises if `engram verify` finds anything."""
        return [json.loads(engine.verify()) for engine in self.engines]


def make(program: str, version: str) -> None:
    folder = HERE / version
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        golden = Golden(program, version, pathlib.Path(temporary))
        try:
            golden.start()
            write_first_part(golden.first)
            golden.stop()
            golden.start()
            write_second_part(golden.first)
            for space in SPACES:
                (folder / f"{space}.jsonl").write_text("\n".join(export(golden.first, space)) + "\n")
        finally:
            golden.kill()
        with tarfile.open(folder / "data.tar.xz", "w:xz") as archive:
            for engine in golden.engines:
                archive.add(engine.data, engine.data.name, filter=without_owner)
    print(f"{folder}: {(folder / 'data.tar.xz').stat().st_size} bytes")


def with_weight(line: str) -> str:
    """The weight of an edge that names none is 1: exports of the first versions left it out."""
    record = json.loads(line)
    if record["type"] == "edge":
        record.setdefault("weight", 1.0)
    return json.dumps(record, sort_keys=True, ensure_ascii=False)


def differences(version: str, space: str, expected: list[str], found: list[str]) -> list[str]:
    expected, found = [[with_weight(line) for line in lines] for lines in (expected, found)]
    return ([f"{version}, space {space}: missing {line}" for line in expected if line not in found] +
            [f"{version}, space {space}: unexpected {line}" for line in found if line not in expected])


def check_version(program: str, folder: pathlib.Path) -> list[str]:
    with tempfile.TemporaryDirectory() as temporary:
        with tarfile.open(folder / "data.tar.xz") as archive:
            archive.extractall(temporary)
        golden = Golden(program, folder.name, pathlib.Path(temporary))
        wrong = [f"{folder.name}: nothing was replayed, so the open segment was not read"
                 for found in golden.verify() if found["log"]["replayed"] == 0]
        try:
            golden.start()
            for space in SPACES:
                expected = (folder / f"{space}.jsonl").read_text().splitlines()
                wrong += differences(folder.name, space, expected, export(golden.first, space))
            golden.stop()
        finally:
            golden.kill()
        graphs = [found["graph"] for found in golden.verify()]
    lines = sum(len((folder / f"{space}.jsonl").read_text().splitlines()) for space in SPACES)
    if sum(graph["vertices"] + graph["edges"] for graph in graphs) != lines:
        wrong.append(f"{folder.name}: verify counts {graphs}, and the graph has {lines} vertices and edges")
    return wrong


def check(program: str) -> int:
    folders = sorted(data.parent for data in HERE.glob("*/data.tar.xz"))
    wrong = [line for folder in folders for line in check_version(program, folder)]
    print("\n".join(wrong) or f"{len(folders)} folders open as they were written")
    return 1 if wrong or not folders else 0


def main() -> int:
    if len(sys.argv) == 4 and sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3])
        return 0
    if len(sys.argv) == 3 and sys.argv[1] == "check":
        return check(sys.argv[2])
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
