#!/usr/bin/env python3
"""Messages between nodes as released versions send them, which this version has to understand.

    messages.py check                      every folder here, against the schema of this version
    messages.py make VERSION REVISION      writes a folder with the schema of that revision of the project; a folder of a
                                           released version is never made again

Of each message there are its bytes (.bin) and its text as the schema that wrote it says it (.txt). A field that a later schema
adds may be missing in the old text; nothing of the old text may be missing, moved or named otherwise in the new one.
`tests/cluster/peers/link_golden_test.cpp` gives the same bytes to a link.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SCHEMAS = {"PeerHello": "peer", "PeerVerdict": "peer", "PeerPacket": "peer", "Request": "peer", "Answer": "peer",
           "Command": "command"}

TRANSACTION = "(coordinator = 3, number = 9223372036854775815, startedNs = 1700000000000000001)"
# What travels inside of parts.
PAYLOADS = {
    "get.Request": '(space = 0, deadlineNs = 77, get = (vertices = [(key = "a"), (id = 281474976710657)]))',
    "hop.Request": '(space = 0, hop = (frontier = [281474976710657, 281474976710658], expand = true, '
                   'hop = (direction = both, edges = (types = ["knows"]), limitPerVertex = 9)))',
    "vote.Request": f'(vote = (transaction = {TRANSACTION}, participant = 1, '
                    'error = (code = conflict, message = "Another transaction"), created = 2, updated = 1, deleted = 4))',
    "acknowledge.Request": f"(acknowledge = (transaction = {TRANSACTION}, participant = 1))",
    "ask_outcome.Request": f"(askOutcome = {TRANSACTION})",
    "batch.Command": '(session = 11, sequence = 5, firstIncomplete = 4, space = 0, batch = (operations = ['
                     '(putVertex = (key = "a", labels = ["Person"], properties = [(name = "age", value = (int64 = 41))])), '
                     '(putEdge = (edge = (source = "a", type = "knows", target = "b", rank = -3), weight = 0.5, '
                     'createMissing = true)), (deleteVertex = (key = "c", ifExists = true))]))',
    "prepare.Command": f'(space = 0, prepare = (transaction = {TRANSACTION}, batch = (operations = ['
                       '(putEdge = (edge = (source = "a", type = "knows", target = "b")))], operationPlaces = [7])))',
    "unlink.Command": f'(space = 0, prepare = (transaction = {TRANSACTION}, unlinkKey = "c", unlink = '
                      '[(vertex = 281474976710657, neighbour = 5, type = "knows", rank = 2, incoming = true)]))',
    "commit.Command": f"(space = 0, decide = (transaction = {TRANSACTION}, committed = true))",
    "abort.Command": f"(space = 0, decide = (transaction = {TRANSACTION}, committed = false))",
    "vertices.Answer": '(get = (vertices = [(found = true, id = 281474976710657, key = "a", labels = ["Person"])]))',
    "outcome.Answer": "(outcome = (version = 70, partition = 1, acceptedNs = 1700000000000000009, created = 2))",
    "refused.Answer": '(error = (code = overloaded, message = "Too much waits", limit = 4096))',
}
# In the order of one connection: the numbers count on.
PACKETS = [
    ("01-get", "get.Request", "question = void", "budgetUs = 5000000, request = 99, from = 0"),
    ("02-hop", "hop.Request", "question = void", "from = 2"),
    ("03-batch", "batch.Command", "submission = void", "budgetUs = 2500000, request = 100"),
    ("04-prepare", "prepare.Command", "command = void", "request = 100"),
    ("05-unlink", "unlink.Command", "command = void", ""),
    ("06-commit", "commit.Command", "command = void", ""),
    ("07-abort", "abort.Command", "command = void", ""),
    ("08-vote", "vote.Request", "notice = void", "from = 2"),
    ("09-acknowledge", "acknowledge.Request", "notice = void", "from = 2"),
    ("10-ask-outcome", "ask_outcome.Request", "notice = void", "from = 2"),
    ("11-vertices", "vertices.Answer", "answer = 1", ""),
    ("12-outcome", "outcome.Answer", "answer = 2", ""),
    ("13-refused", "refused.Answer", "answer = 3", ""),
]
HELLO = ('(oldestProtocol = 1, newestProtocol = 1, featureLevel = {level}, version = "{version}", clusterId = 0x"{cluster}", '
         'name = "engram", ordinal = 1, nodes = 3, partitions = 16, diskId = 0x"{disk}", starts = 4, process = 77, wanted = 0, '
         'connection = 4711{more})')
STATUS = ('(status = (phase = "ready", featureLevel = 2, uptimeMs = 61000, logPosition = 1048576, logQueue = 3, hotHits = 10, '
          'warmHits = 1, callsInFlight = 2, partitions = [(partition = 1, epoch = 1, appliedLsn = 70, queue = 4, inDoubt = 2, '
          'transactions = 5, longInDoubt = 1)]))')


def capnp(verb: str, schemas: pathlib.Path, kind: str, data: bytes) -> bytes:
    schema = schemas / f"{SCHEMAS[kind]}.capnp"
    return subprocess.run(["capnp", verb, str(schema), kind], input=data, stdout=subprocess.PIPE, check=True).stdout


def literal(data: bytes) -> str:
    return '0x"' + data.hex(" ") + '"'


def texts_of(version: str, schemas: pathlib.Path) -> dict[str, str]:
    """The text of every message of that version, by name."""
    later = version != "0.1.0"
    hello = HELLO.format(level=2 if later else 1, version=version, cluster="11" * 16, disk="24" * 16,
                         more=', newestLevel = 2, clientAddress = "engram-1.engram:9470"' if later else "")
    texts = {"hello.PeerHello": hello, "verdict.PeerVerdict": '(error = (code = conflict, message = "a newer process"))',
             "taken.PeerPacket": "(taken = 0, none = void)", "cancel.PeerPacket": "(cancel = 1)",
             "draining.PeerPacket": "(draining = void)"}
    if later:
        texts["status.PeerPacket"] = STATUS
    texts.update({f"inside-{name}": text for name, text in PAYLOADS.items()})
    for number, (name, payload, what, more) in enumerate(PACKETS, 1):
        data = capnp("encode", schemas, payload.split(".")[1], PAYLOADS[payload].encode())
        texts[f"{name}.PeerPacket"] = (f"(part = (message = {number}, bytes = {literal(data)}, size = {len(data)}, to = 1, "
                                       f"epoch = 1, {what}{', ' + more if more else ''}))")
    return texts


def make(version: str, revision: str) -> None:
    folder = HERE / version
    folder.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        archive = subprocess.run(["git", "-C", str(ROOT), "archive", revision, "schema"], stdout=subprocess.PIPE, check=True)
        subprocess.run(["tar", "-x", "-C", temporary], input=archive.stdout, check=True)
        schemas = pathlib.Path(temporary) / "schema"
        for name, text in texts_of(version, schemas).items():
            kind = name.split(".")[1]
            data = capnp("encode", schemas, kind, text.encode())
            (folder / f"{name}.bin").write_bytes(data)
            (folder / f"{name}.txt").write_bytes(capnp("decode", schemas, kind, data))


def tokens(text: str) -> list[str]:
    return re.findall(r'"(?:[^"\\]|\\.)*"|[\w.+-]+ = |[\w.+-]+|[()\[\]]', text)


def is_kept(old: list[str], new: list[str]) -> bool:
    """Whether `new` is `old` with things put in between."""
    rest = iter(new)
    return all(token in rest for token in old)


def check() -> int:
    wrong, looked_at = [], 0
    for data in sorted(HERE.glob("*/*.bin")):
        kind = data.name.split(".")[1]
        now = capnp("decode", ROOT / "schema", kind, data.read_bytes()).decode()
        looked_at += 1
        if not is_kept(tokens(data.with_suffix(".txt").read_text()), tokens(now)):
            wrong.append(f"{data.parent.name}/{data.name} reads otherwise now:\n{now}")
    print(*wrong, f"{looked_at} messages, {len(wrong)} of them read otherwise than when they were written", sep="\n")
    return 1 if wrong or looked_at == 0 else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit(check())
    if len(sys.argv) != 4 or sys.argv[1] != "make":
        sys.exit(__doc__)
    make(*sys.argv[2:])
