"""Several real engines as child processes: one cluster on this machine."""

import pathlib

from engine_process import Engine, EngineError, free_port


class Cluster:
    """Each node has a folder of its own, `<folder>/engram-0` and so on, and its log beside it."""

    def __init__(self, program: str, folder: pathlib.Path, nodes: int, partitions: int):
        self.partitions = partitions
        addresses = [f"127.0.0.1:{free_port()}" for _ in range(nodes)]
        self.engines = []
        for ordinal, address in enumerate(addresses):
            flags = ["--node-name", f"engram-{ordinal}", "--cluster-nodes", str(nodes), "--cluster-address", address,
                     "--cluster-peers", ",".join(addresses), "--cluster-partitions", str(partitions),
                     "--hot-bytes", "1GiB"]  # each would take half of the machine
            self.engines.append(Engine(program, folder / f"engram-{ordinal}", *flags))

    @property
    def servers(self) -> str:
        """As clients name a cluster."""
        return ",".join(engine.server for engine in self.engines)

    def partitions_of(self, ordinal: int) -> list[int]:
        """What a node owns: partition p belongs to node p mod nodes."""
        return [partition for partition in range(self.partitions) if partition % len(self.engines) == ordinal]

    def start(self) -> None:
        """All at once: a new cluster is made when each node has heard of all others."""
        for engine in self.engines:
            engine.launch()
        for engine in self.engines:
            engine.wait_ready()

    def check_upgrade(self, program: str, wait_s: int) -> str:
        """What `engram cluster upgrade-check` says, if it is safe to stop the next node; an EngineError if it is not within that time."""
        return self.engines[0].run("--server", self.servers, "cluster", "upgrade-check", "--wait", f"{wait_s}s", program=program)

    def stop(self) -> None:
        """All at once, since none has to wait for another. The first error is raised once all have ended."""
        for engine in self.engines:
            engine.terminate()
        errors = []
        for engine in self.engines:
            try:
                engine.stop()
            except EngineError as error:
                errors.append(error)
        if errors:
            raise errors[0]
