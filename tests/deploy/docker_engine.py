"""A Docker engine of the test's own: its socket, its data and its messages are in one folder."""

import os
import pathlib
import signal
import subprocess
import time


class DockerError(Exception):
    pass


class DockerEngine:
    """To be used in namespaces of its own (tools/test-image makes them): bridges and packet filters are then nobody else's,
    and what is left at the end goes with the namespaces."""

    def __init__(self, folder: pathlib.Path, cgroup: str):
        self.folder = folder
        self.cgroup = cgroup
        self.log_path = folder / "dockerd.log"
        self.socket = f"unix://{folder}/docker.sock"
        self.environment = {**os.environ, "DOCKER_HOST": self.socket, "DOCKER_BUILDKIT": "0"}
        self.process: subprocess.Popen | None = None

    def start(self, timeout_s: float = 60) -> None:
        self.folder.mkdir(parents=True)
        command = ["dockerd", "--data-root", f"{self.folder}/data", "--exec-root", f"{self.folder}/exec", "--host", self.socket,
                   "--pidfile", f"{self.folder}/pid", "--cgroup-parent", f"/{self.cgroup}"]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + timeout_s
        while self.run("docker", "version", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > until:
                tail = "\n".join(self.log_path.read_text(errors="replace").splitlines()[-20:])
                raise DockerError(f"dockerd does not answer:\n{tail}")
            time.sleep(0.2)

    def stop(self) -> None:
        """Ends what was started by it too: containers first, then the engine."""
        if self.process is None:
            return
        containers = self.run("docker", "ps", "--all", "--quiet", check=False).stdout.split()
        if containers:
            self.run("docker", "rm", "--force", "--volumes", *containers, check=False)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def run(self, *command: str, check: bool = True, folder: pathlib.Path | None = None,
            timeout_s: float = 180) -> subprocess.CompletedProcess:
        """A program that talks to this engine. Its output is text."""
        done = subprocess.run(command, env=self.environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout_s)
        if check and done.returncode != 0:
            raise DockerError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def docker(self, *words: str) -> str:
        return self.run("docker", *words).stdout.strip()

    def inspect(self, container: str, template: str) -> str:
        return self.docker("inspect", "--format", template, container)
