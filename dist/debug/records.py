"""Flight records as files: one per rank, a JSON object per line.

    {"kind": "rank", ...}      first: who wrote it, when, and which failure was known
    {"kind": "thread", ...}    where a thread was in the user's code
    {"kind": "group", ...}     the members of a group
    {"kind": "call", ...}      a call of a collective or a point-to-point function, oldest first

Times are seconds since 1970. A last line that was cut short, because its writer was killed, is passed over.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dist.comparison import Published, read_signature
from dist.fingerprint import Signature
from dist.flight_record import Call, FlightRecord
from dist.user_code import Place, user_places

FOLDER_VARIABLE = "TENSORLIB_FLIGHT_RECORD"
_PATTERN = "rank*.jsonl"


@dataclass(frozen=True)
class RecordedCall:
    """A call as a record has it.

    Attributes:
        call: group, members, number, signature, site and state.
        place: where in the user's code it was made.
        started: seconds since 1970.
        ended: likewise; None where it had not ended.
        thread: the number of the thread that made it.
    """

    call: Published
    place: Place
    started: float
    ended: float | None
    thread: int

    @property
    def pending(self) -> bool:
        """Tell whether it was not done."""
        return self.call.state != "done"


@dataclass(frozen=True)
class ThreadRecord:
    """A thread, and where it was in the user's code, innermost first."""

    thread: int
    name: str
    places: tuple[Place, ...]


@dataclass(frozen=True)
class RankRecord:
    """What one rank wrote.

    Attributes:
        rank: its global rank.
        host, pid: its process.
        world_size: number of ranks.
        written: when, in seconds since 1970.
        error: the class of the failure that was known to it: "PeerError".
        message: what that said.
        blamed: the rank at fault, as far as it was known.
        threads: those that run code of the user's.
        calls: its last calls, oldest first.
    """

    rank: int
    host: str
    pid: int
    world_size: int
    written: float
    error: str
    message: str
    blamed: int | None
    threads: tuple[ThreadRecord, ...] = ()
    calls: tuple[RecordedCall, ...] = ()


def describe(rank: int, world_size: int, error: BaseException, record: FlightRecord) -> str:
    """Return what the file of one rank is to hold, as of now."""
    header = {
        "kind": "rank",
        "rank": rank,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "world_size": world_size,
        "written": time.time(),
        "error": type(error).__name__,
        "message": str(error),
        "blamed": getattr(error, "rank", None),
    }
    calls = record.calls()
    lines = [header, *_thread_lines(calls), *_group_lines(calls), *_call_lines(calls)]
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def write(folder: Path, rank: int, text: str) -> None:
    """Write the file of one rank.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"rank{rank}.jsonl").write_text(text)


def _thread_lines(calls: list[Call]) -> Iterator[dict[str, Any]]:
    """The threads that have made calls; the main one where none has."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    wanted: set[int | None] = {call.thread for call in calls} or {threading.main_thread().ident}
    for number, frame in sys._current_frames().items():
        places = user_places(frame) if number in wanted else []
        if places:
            name = names.get(number, "a thread")
            yield {"kind": "thread", "thread": number, "name": name, "places": [place._asdict() for place in places]}


def _group_lines(calls: list[Call]) -> Iterator[dict[str, Any]]:
    for name, members in {call.group: call.members for call in calls}.items():
        yield {"kind": "group", "name": name, "members": members}


def _call_lines(calls: list[Call]) -> Iterator[dict[str, Any]]:
    began = time.time() - time.monotonic()
    for call in calls:
        yield {
            "kind": "call",
            "number": call.number,
            "group": call.group,
            **call.signature._asdict(),
            "state": call.state,
            "started": began + call.started,
            "ended": began + call.ended if call.ended else None,
            "thread": call.thread,
            "place": call.place._asdict(),
        }


def read_records(folder: Path) -> dict[int, RankRecord]:
    """Read what the ranks wrote into a folder.

    Raises:
        ValueError: a file is not a flight record; names it.
    """
    records = (read_record(path) for path in sorted(folder.glob(_PATTERN)))
    return {record.rank: record for record in records if record}


def read_record(path: Path) -> RankRecord | None:
    """Read the file of one rank; None where its writer was killed before it had said who it is.

    Raises:
        ValueError: it is not a flight record.
    """
    try:
        return _rank_record(list(_objects(path)))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is not a flight record: {error!r}") from None


def _objects(path: Path) -> Iterator[dict[str, Any]]:
    lines = path.read_text().splitlines(keepends=True)
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)


def _rank_record(objects: list[dict[str, Any]]) -> RankRecord | None:
    if not objects:
        return None
    kinds: dict[str, list[dict[str, Any]]] = {"rank": [], "thread": [], "group": [], "call": []}
    for found in objects:
        kinds[found.pop("kind")].append(found)
    members = {group["name"]: tuple(group["members"]) for group in kinds["group"]}
    (header,) = kinds["rank"]
    return RankRecord(
        **header,
        threads=tuple(_thread(found) for found in kinds["thread"]),
        calls=tuple(_call(found, members[found["group"]]) for found in kinds["call"]),
    )


def _thread(found: dict[str, Any]) -> ThreadRecord:
    return ThreadRecord(found["thread"], found["name"], tuple(Place(**place) for place in found["places"]))


def _call(found: dict[str, Any], members: tuple[int, ...]) -> RecordedCall:
    place = Place(**found["place"])
    signature = read_signature(*(found[name] for name in Signature._fields))
    site = f"{place.file}:{place.line}"
    call = Published(found["group"], members, found["number"], signature, site, found["state"])
    return RecordedCall(call, place, found["started"], found["ended"], found["thread"])
