"""The cluster of deploy/compose, run from a copy of that folder by the commands of its README.md."""

import json
import pathlib
import shutil
import subprocess
import time

from docker_engine import DockerEngine, DockerError

NODES = ("engram-0", "engram-1", "engram-2")
SERVERS = ("localhost:9470", "localhost:9480", "localhost:9490")


class ComposeCluster:
    def __init__(self, engine: DockerEngine, program: str, source: pathlib.Path, folder: pathlib.Path, file: str):
        self.engine = engine
        self.program = program
        self.folder = folder
        self.file = file
        if not folder.exists():
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns("state", ".env"))

    def prepare(self, image: str) -> None:
        self.engine.run("./prepare", "--image", image, folder=self.folder)

    def compose(self, *words: str) -> None:
        self.engine.run("docker-compose", "--file", self.file, *words, folder=self.folder)

    def replace(self, image: str) -> None:
        self.engine.run("./replace", "--file", self.file, image, folder=self.folder, timeout_s=300)

    def wait_until_healthy(self, *nodes: str, timeout_s: float = 90) -> float:
        begin = time.monotonic()
        for node in nodes or NODES:
            while (health := self.engine.inspect(node, "{{.State.Health.Status}}")) != "healthy":
                if time.monotonic() - begin > timeout_s:
                    logs = self.engine.run("docker", "logs", "--tail", "20", node).stderr
                    raise DockerError(f"{node} is {health} after {timeout_s} s:\n{logs}")
                time.sleep(0.2)
        return time.monotonic() - begin

    # --- The command line ----------------------------------------------------------------------------------------

    @property
    def authority(self) -> str:
        return str(self.folder / "state" / "authority" / "ca.pem")

    @property
    def token_file(self) -> str:
        return str(self.folder / "state" / "admin.token")

    def command(self, *words: str, servers: tuple[str, ...] = SERVERS) -> list[str]:
        """A server of the list that is away is passed over, from the first connection on."""
        return [self.program, "--server", ",".join(servers), "--ca", self.authority, "--token-file", self.token_file, *words]

    def engram(self, *words: str, servers: tuple[str, ...] = SERVERS, check: bool = True) -> subprocess.CompletedProcess:
        return self.engine.run(*self.command(*words, servers=servers), check=check)

    def engram_json(self, *words: str, servers: tuple[str, ...] = SERVERS):
        return json.loads(self.engram("--json", *words, servers=servers).stdout)

    def engram_in_container(self, image: str, *words: str, network: str, server: str, check: bool = True):
        """The image's own command line, as the user who owns the token."""
        state = self.folder / "state"
        return self.engine.run("docker", "run", "--rm", "--network", network, "--user", "0", "--volume", f"{state}:/state:ro",
                               image, *words, "--server", server, "--ca", "/state/authority/ca.pem",
                               "--token-file", "/state/admin.token", check=check)

    def edges(self) -> int:
        return self.engram_json("stats")["space"]["edges"]

    def partitions_of(self, ordinal: int) -> set[int]:
        node = next(one for one in self.engram_json("cluster", "status") if one["ordinal"] == ordinal)
        return {one["partition"] for one in node["partitions"]}

    def key_of_node(self, ordinal: int, keys: range) -> str:
        """One of these vertices that lives on the node. The upper 16 bits of an id are its partition."""
        partitions = self.partitions_of(ordinal)
        found = self.engram("--json", "get", *(str(key) for key in keys), "--times").stdout
        for line in found.splitlines():
            vertex = json.loads(line)
            if vertex["id"] >> 48 in partitions:
                return vertex["key"]
        raise DockerError(f"none of the keys {keys} is on node {ordinal}")
