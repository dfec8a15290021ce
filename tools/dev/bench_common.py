"""What the benchmarks of one engine and of a cluster share: the table, the graphs, the folders."""

import dataclasses
import os
import pathlib
import platform
import shutil
import sys

from engine_process import EngineError

TOP = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = TOP / "build/bench"
AMAZON_VERTICES = 403_394
AMAZON_EDGES = 3_387_388
AIR_ROUTES_FILES = tuple(TOP / f"data/air-routes/air-routes-latest-{part}.csv" for part in ("nodes", "edges"))
AIR_ROUTES_VERTICES = 3_749
AIR_ROUTES_EDGES = 57_645


@dataclasses.dataclass
class Row:
    """One line of the table."""

    name: str
    what: str
    measured: str
    bar: str = ""
    reached: bool | None = None
    floors: str = ""

    def cells(self) -> list[str]:
        verdict = {None: "", True: "yes", False: "**no**"}[self.reached]
        return [self.what, self.measured, self.bar, verdict, self.floors]


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def find_amazon() -> tuple[pathlib.Path, pathlib.Path]:
    folders = [pathlib.Path(os.environ["ENGRAM_AMAZON0601"])] if "ENGRAM_AMAZON0601" in os.environ else []
    folders.append(TOP.parent / "shared/data/amazon0601")
    for folder in folders:
        for suffix in ("", ".zst"):
            nodes, edges = folder / f"nodes.csv{suffix}", folder / f"edges.csv{suffix}"
            if nodes.is_file() and edges.is_file():
                return nodes, edges
    raise EngineError("the amazon0601 graph is not there: set ENGRAM_AMAZON0601 to a folder with its nodes.csv and edges.csv "
                      "(snap.stanford.edu/data/amazon0601.html), or run tools/bench --smoke")


def fresh_folder(name: str) -> pathlib.Path:
    folder = OUTPUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.with_suffix(".log").unlink(missing_ok=True)
    return folder


def processor() -> str:
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def print_table(rows: list[Row], seconds: float) -> None:
    print(f"\nEngine and load generator together on {os.cpu_count()} cores ({processor()}, Linux {platform.release()}), "
          f"{seconds:g} s a row.\n")
    print("| what | measured | bar | reached | floors in the same run |\n|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row.cells()) + " |")
