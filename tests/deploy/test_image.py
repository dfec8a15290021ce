#!/usr/bin/env python3
"""Builds the image and runs both clusters of deploy/compose on a Docker engine of its own. Run by tools/test-image, which makes
the namespaces that it needs.

    tests/deploy/test_image.py --engram build/release/engram --base base.tar --scratch FOLDER --cgroup NAME
"""

import argparse
import lzma
import pathlib
import sys
import tarfile
import time

from bridge_checks import check_bridge, check_upgrade
from checks import Checks
from compose_cluster import SERVERS, ComposeCluster
from docker_engine import DockerEngine

TOP = pathlib.Path(__file__).resolve().parents[2]
IMAGE = "engram:dev"
OLDER_IMAGE = "engram:0.1.0"
OLDER_PROGRAM = TOP / "tests/golden/releases/engram-0.1.0-x86_64.xz"
MAX_IMAGE_BYTES = 20_000_000
MAX_BYTES_WITH_SHARED_CAF = 25_000_000
MAX_COMPRESSED_BYTES = 10_000_000  # what a registry sends and keeps


def build_images(engine: DockerEngine, program: str, base: pathlib.Path, scratch: pathlib.Path) -> None:
    """Of this version, and of an older release."""
    engine.docker("import", str(base), "engram-base")
    older = scratch / "engram-older"
    older.write_bytes(lzma.decompress(OLDER_PROGRAM.read_bytes()))
    older.chmod(0o755)
    for tag, binary in ((IMAGE, program), (OLDER_IMAGE, str(older))):
        engine.run(str(TOP / "tools" / "image"), "--tag", tag, "--base", "engram-base", "--binary", binary, "--",
                   "--network", "none")


def check_image(checks: Checks, engine: DockerEngine, scratch: pathlib.Path, max_bytes: int) -> None:
    size = int(engine.inspect(IMAGE, "{{.Size}}"))
    checks.expect(size < max_bytes, f"the image is smaller than {max_bytes // 1_000_000} MB", f"{size:,} bytes")
    saved = scratch / "saved.tar"
    engine.docker("save", "--output", str(saved), IMAGE)
    engine.run("gzip", str(saved))
    compressed = (scratch / "saved.tar.gz").stat().st_size
    checks.expect(compressed < MAX_COMPRESSED_BYTES, "and smaller in a registry", f"{compressed:,} bytes compressed")
    checks.expect(engine.inspect(IMAGE, "{{.Config.User}}") == "65532:65532", "the image's user is 65532")
    container = engine.docker("create", IMAGE)
    archive = scratch / "image.tar"
    engine.docker("export", "--output", str(archive), container)
    engine.docker("rm", "--volumes", container)
    with tarfile.open(archive) as tree:
        programs = [one.name for one in tree if one.isfile() and one.size > 0 and ".so" not in one.name]
        owner = next((one.uid, one.gid) for one in tree if one.name.rstrip("/") == "app/persistence")
    checks.expect(programs == ["usr/bin/engram"], "beside libraries, the engine is all that is in it", programs)
    checks.expect(owner == (65532, 65532), "the data directory belongs to 65532", owner)
    version = engine.docker("run", "--rm", "--read-only", "--network", "none", IMAGE, "--version")
    checks.expect(version.startswith("0."), "it says its version on a read-only file system", version)


def load_air_routes(cluster: ComposeCluster) -> None:
    folder = TOP / "data" / "air-routes"
    cluster.engram("import", "--nodes", str(folder / "air-routes-latest-nodes.csv"),
                   "--edges", str(folder / "air-routes-latest-edges.csv"))


def check_answers(checks: Checks, cluster: ComposeCluster, network: str, server: str) -> None:
    """Every node answers for the whole graph, to the host and to a container."""
    answers = [cluster.engram("get", "3", "54", "--property", "code", servers=(one,)).stdout for one in SERVERS]
    good = "AUS" in answers[0] and "NRT" in answers[0] and len(set(answers)) == 1
    checks.expect(good, "every node answers the host's command line", "" if good else answers)
    found = cluster.engram_in_container(IMAGE, "neighbors", "3", "--type", "route", "--edge-where", "dist<100",
                                        network=network, server=server)
    checks.expect("dist=66" in found.stdout, "a node answers the command line in a container")
    refused = cluster.engine.run(cluster.program, "--json", "--server", SERVERS[0], "--ca", cluster.authority, "get", "3",
                                 check=False)
    checks.expect(refused.returncode == 4 and "unauthenticated" in refused.stderr, "nobody gets in without a token",
                  refused.stderr.strip())


def check_told_addresses(checks: Checks, cluster: ComposeCluster) -> None:
    """What clients are told of each node leads the host to that node, by a name in its certificate: so they find the owners."""
    nodes = cluster.engram_json("cluster", "status")
    reached = [cluster.engram_json("status", servers=(node["client_address"],))["node"]["ordinal"] for node in nodes]
    checks.expect(reached == [0, 1, 2], "clients on the host are told where each node is",
                  " ".join(node["client_address"] for node in nodes))


def process_status(engine: DockerEngine, container: str) -> dict[str, str]:
    pid = engine.inspect(container, "{{.State.Pid}}")
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def check_confinement(checks: Checks, engine: DockerEngine) -> None:
    status = process_status(engine, "engram-0")
    user, rights = status["Uid"].split()[0], status["CapEff"]
    checks.expect(user == "65532" and int(rights, 16) == 0 and status["NoNewPrivs"] == "1",
                  "a node runs as 65532, without any right of root", f"user {user}, capabilities {rights}")
    checks.expect(engine.inspect("engram-0", "{{.HostConfig.ReadonlyRootfs}}") == "true",
                  "and on a read-only file system, but for its volume")


def stop_within(checks: Checks, engine: DockerEngine, node: str, seconds: int = 30) -> float:
    begin = time.monotonic()
    engine.docker("stop", "--time", str(seconds), node)
    took = time.monotonic() - begin
    code = engine.inspect(node, "{{.State.ExitCode}}")
    checks.expect(code == "0" and took < seconds, f"docker stop {node} ends with 0 within {seconds} s",
                  f"code {code}, {took:.2f} s")
    return took


def check_host_network(checks: Checks, cluster: ComposeCluster) -> None:
    engine = cluster.engine
    cluster.prepare(IMAGE)
    cluster.compose("up", "--detach")
    cluster.wait_until_healthy()
    load_air_routes(cluster)
    check_answers(checks, cluster, network="host", server="localhost:9480")
    check_told_addresses(checks, cluster)
    before = cluster.edges()
    engine.docker("kill", "engram-1")
    engine.docker("start", "engram-1")
    cluster.wait_until_healthy()
    after = cluster.edges()
    checks.expect(before == after == 57645, "docker kill loses nothing on host volumes", f"{after} edges")
    owner = (cluster.folder / "state" / "engram-1" / "data" / "NODE").stat().st_uid
    checks.expect(owner == 65532, "the data in the host's directory belongs to 65532", owner)
    for node in ("engram-2", "engram-1", "engram-0"):
        stop_within(checks, engine, node)
    cluster.compose("down", "--volumes")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engram", required=True)
    parser.add_argument("--base", type=pathlib.Path, required=True)
    parser.add_argument("--scratch", type=pathlib.Path, required=True)
    parser.add_argument("--cgroup", required=True)
    parser.add_argument("--shared-caf", action="store_true", help="the program takes CAF from Debian's shared libraries")
    options = parser.parse_args()
    checks = Checks()
    engine = DockerEngine(options.scratch / "docker", options.cgroup)
    try:
        engine.start()
        build_images(engine, options.engram, options.base, options.scratch)
        check_image(checks, engine, options.scratch, MAX_BYTES_WITH_SHARED_CAF if options.shared_caf else MAX_IMAGE_BYTES)
        folder = options.scratch / "compose"
        source = TOP / "deploy" / "compose"
        checks.say("three nodes on a bridge: deploy/compose/docker-compose.yml")
        bridge = ComposeCluster(engine, options.engram, source, folder, "docker-compose.yml")
        bridge.prepare(OLDER_IMAGE)
        bridge.compose("up", "--detach")
        checks.say(f"healthy after {bridge.wait_until_healthy():.1f} s")
        load_air_routes(bridge)
        check_upgrade(checks, bridge, IMAGE, options.scratch)
        check_answers(checks, bridge, network="engram", server="engram-1:9470")
        check_told_addresses(checks, bridge)
        check_confinement(checks, engine)
        check_bridge(checks, bridge, options.scratch, stop_within)
        checks.say("three nodes on the host's network: deploy/compose/docker-compose.host.yml")
        check_host_network(checks, ComposeCluster(engine, options.engram, source, folder, "docker-compose.host.yml"))
    except Exception as error:  # whatever it is, it is one failure, and the engine has to be ended
        checks.expect(False, type(error).__name__, error)
    finally:
        engine.stop()
    return checks.summary()


if __name__ == "__main__":
    sys.exit(main())
