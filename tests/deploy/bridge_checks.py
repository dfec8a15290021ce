"""What may happen to containers while clients write: each under a load that knows what was acknowledged to it."""

import json
import pathlib
import time
from typing import Callable

from checks import Checks
from compose_cluster import NODES, SERVERS, ComposeCluster
from load import Load

LONGEST_RECOVERY_S = 15
LONGEST_PAUSE_S = 10


def judge(checks: Checks, load: Load, what: str, scratch: pathlib.Path) -> None:
    """To be called when the load is over."""
    errors = load.errors()
    checks.expect(not errors, f"{what}: no client got an error", errors or f"longest call {load.longest_pause_s():.2f} s")
    differences = load.differences(scratch / "export.jsonl")
    checks.expect(not differences, f"{what}: nothing acknowledged is lost, nothing is there twice",
                  differences[:5] or f"{load.acknowledged():,} changes")


def check_kill(checks: Checks, cluster: ComposeCluster, scratch: pathlib.Path) -> None:
    with Load(cluster, "killed") as load:
        load.wait_for_progress()
        cluster.engine.docker("kill", "engram-1")
        code = cluster.engine.inspect("engram-1", "{{.State.ExitCode}}")
        checks.expect(code == "137", "docker kill ends a node on the spot", f"code {code}")
        time.sleep(1)
        cluster.engine.docker("start", "engram-1")
        checks.expect(load.wait_for_progress(), "after docker kill and a start, all writers go on")
    judge(checks, load, "docker kill", scratch)
    cluster.wait_until_healthy()


def check_stop(checks: Checks, cluster: ComposeCluster, scratch: pathlib.Path, stop_within: Callable) -> None:
    with Load(cluster, "stopped") as load:
        load.wait_for_progress()
        stop_within(checks, cluster.engine, "engram-2")
        cluster.engine.docker("start", "engram-2")
        checks.expect(load.wait_for_progress(), "after docker stop and a start, all writers go on")
    judge(checks, load, "docker stop", scratch)
    cluster.wait_until_healthy()


def check_errors_while_away(checks: Checks, cluster: ComposeCluster, of_away: str, of_other: str) -> None:
    """The node that is asked is there; whose partition is needed is the question."""
    read = cluster.engram("--json", "--timeout", "1s", "get", of_away, servers=SERVERS[:1], check=False)
    write = cluster.engram("--json", "--timeout", "1s", "put", of_away, "seen:bool=true", servers=SERVERS[:1], check=False)
    for name, done, exit_code in (("read", read, 3), ("write", write, 5)):
        error = json.loads(done.stderr.splitlines()[-1])["error"] if done.stderr else {"code": "none", "message": ""}
        names = "is on the node engram-1, which has been away for" in error["message"]
        checks.expect(done.returncode == exit_code and error["code"] == "unavailable" and names,
                      f"a {name} that needs the node that is away ends with an error that names it",
                      f"{error['code']}, exit code {done.returncode}: {error['message']}")
    other = cluster.engram("get", of_other, servers=SERVERS[:1], check=False)
    checks.expect(other.returncode == 0, "the others' partitions are served meanwhile", other.stderr.strip())


def check_disconnect(checks: Checks, cluster: ComposeCluster, scratch: pathlib.Path) -> None:
    of_away = cluster.key_of_node(1, range(1, 40))
    of_other = cluster.key_of_node(0, range(1, 40))
    with Load(cluster, "cut-off") as load:
        load.wait_for_progress()
        cluster.engine.docker("network", "disconnect", "engram", "engram-1")
        time.sleep(5)  # the others notice after four
        check_errors_while_away(checks, cluster, of_away, of_other)
        cluster.engine.docker("network", "connect", "engram", "engram-1")
        begin = time.monotonic()
        while cluster.engram("--timeout", "1s", "get", of_away, servers=SERVERS[:1], check=False).returncode != 0:
            if time.monotonic() - begin > 60:
                break
            time.sleep(0.1)
        recovery_s = time.monotonic() - begin
        checks.expect(recovery_s < LONGEST_RECOVERY_S, "a node that is connected again serves soon", f"{recovery_s:.1f} s")
        checks.expect(load.wait_for_progress(), "after that, all writers go on")
    judge(checks, load, "docker network disconnect", scratch)
    cluster.wait_until_healthy()


def check_unsafe_replacement(checks: Checks, cluster: ComposeCluster, image: str) -> None:
    """While one node is away, no other one is stopped."""
    cluster.engine.docker("stop", "engram-0")
    before = cluster.engine.inspect("engram-2", "{{.Id}}")
    refused = cluster.engine.run("./replace", "--file", cluster.file, "--wait", "1s", image, folder=cluster.folder, check=False)
    same = cluster.engine.inspect("engram-2", "{{.Id}}") == before
    checks.expect(refused.returncode == 1 and "not safe to go on" in refused.stdout and same,
                  "no node is replaced while another one is away", refused.stderr.strip())
    cluster.engine.docker("start", "engram-0")
    cluster.wait_until_healthy()


def check_replacement(checks: Checks, cluster: ComposeCluster, image: str, scratch: pathlib.Path) -> None:
    with Load(cluster, "replaced") as load:
        load.wait_for_progress()
        begin = time.monotonic()
        cluster.replace(image)
        took = time.monotonic() - begin
        checks.expect(load.wait_for_progress(), "after the replacement, all writers go on")
    wanted = cluster.engine.inspect(image, "{{.Id}}")
    running = [cluster.engine.inspect(node, "{{.Image}}") for node in NODES]
    checks.expect(running == [wanted] * 3, "all containers are replaced by those of the newer image", f"in {took:.0f} s")
    started = [cluster.engine.inspect(node, "{{.State.StartedAt}}") for node in NODES]
    checks.expect(started == sorted(started, reverse=True), "from the highest ordinal to the lowest")
    judge(checks, load, "replacement", scratch)
    pause = load.longest_pause_s()
    checks.expect(pause < LONGEST_PAUSE_S, "no call waited long for it", f"{pause:.2f} s")


def check_upgrade(checks: Checks, cluster: ComposeCluster, newer_image: str, scratch: pathlib.Path) -> None:
    """From the image that runs, of an older release."""
    before = cluster.engram_json("cluster", "status")
    check_unsafe_replacement(checks, cluster, newer_image)
    check_replacement(checks, cluster, newer_image, scratch)
    cluster.engram("cluster", "finalize")
    for _ in range(50):  # nodes tell each other of themselves every second
        after = cluster.engram_json("cluster", "status")
        levels = sorted({node["feature_level"] for node in after})
        if levels == [2]:
            break
        time.sleep(0.2)
    versions = [sorted({node["version"] for node in nodes}) for nodes in (before, after)]
    checks.expect(versions[0] == ["0.1.0"] and len(versions[1]) == 1 and versions[1] != versions[0],
                  "the replaced release was an older one", versions)
    checks.expect(levels == [2], "and then the feature level is raised on every node", levels)


def check_bridge(checks: Checks, cluster: ComposeCluster, scratch: pathlib.Path, stop_within: Callable) -> None:
    check_kill(checks, cluster, scratch)
    check_stop(checks, cluster, scratch, stop_within)
    check_disconnect(checks, cluster, scratch)
    edges = cluster.edges()
    checks.expect(edges == 57645, "the graph that was loaded first is whole", f"{edges} edges")
    cluster.compose("down")
    cluster.compose("up", "--detach")
    cluster.wait_until_healthy()
    edges = cluster.edges()
    checks.expect(edges == 57645, "docker-compose down and up keep the volumes", f"{edges} edges")
    cluster.compose("down", "--volumes")
