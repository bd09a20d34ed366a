"""Installations on the embedded database: killed, stopped, and two at once."""

from __future__ import annotations

import shutil
import signal
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.faults.conftest import IMPATIENT
from tests.faults.story import STAGES, check_finished, stages
from tests.helpers import environment
from tests.helpers.installation import Installation, small_corpus, until
from tests.helpers.visitors import Visitor

pytestmark = pytest.mark.faults
FAST = {**IMPATIENT, "JOB_STALLED_AFTER": "1"}


def postmaster(installation: Installation) -> psutil.Process | None:
    """The embedded database's main process, while it runs."""
    try:
        pid = int((installation.directory / "postgres" / "postmaster.pid").read_text().split()[0])
        process = psutil.Process(pid)
        return process if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, IndexError, psutil.NoSuchProcess):
        return None


@pytest.fixture(scope="module")
def pair() -> list[Installation]:
    """Two checkouts that were set up at the same moment."""
    # Not under tmp_path: PostgreSQL, another user when we are root, may lose its way there.
    directories = [environment.DIRECTORY / f"checkout-{number}" for number in range(2)]
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
    made = [Installation(directory, None, **FAST) for directory in directories]
    together(made, "migrate", "-v", "0")
    together(made, "import_sources", str(small_corpus(environment.DIRECTORY)))
    assert [postmaster(one) for one in made] == [None, None]
    return made


def together(installations: list[Installation], *arguments: str) -> None:
    """Run a command in all of them at the same time."""
    with ExitStack() as running:
        for command in [running.enter_context(one.start(*arguments)) for one in installations]:
            assert command.wait(90) == 0, command.output


def test_two_checkouts_do_not_meet(pair: list[Installation]) -> None:
    with pair[0].serve() as here, pair[1].serve() as there, Visitor(here) as ada, Visitor(there) as mallory:
        ada.finish()
        foreign = mallory.finish()
        assert ada.http.get(f"/research/{foreign}").status_code == 404
        answer = mallory.http.get(f"/research/{foreign}", headers=ada.http.headers)
        assert answer.json() == {"detail": "Invalid token: unknown session"}
        assert here.stop() == 0
        assert postmaster(pair[0]) is None
        assert mallory.http.get("/readyz").status_code == 200
    assert postmaster(pair[1]) is None


def test_the_last_process_to_leave_stops_the_database(pair: list[Installation]) -> None:
    installation = pair[0]
    with installation.serve("--no-worker") as server, Visitor(server) as visitor:
        with installation.work() as worker:
            job_id = visitor.finish()
            assert server.stop() == 0
            assert postmaster(installation) is not None
            assert worker.stop() == 0
        assert postmaster(installation) is None
        with installation.serve() as again:
            visitor.move(again)
            assert visitor.events(job_id)[-1]["event"] == "done"


@pytest.mark.parametrize("database", ["stays", "is killed too"])
def test_a_killed_server_starts_again_and_its_job_goes_on(
    pair: list[Installation], tmp_path: Path, database: str
) -> None:
    installation = pair[1]
    mercy = tmp_path / "mercy"
    mercy.touch()
    with (
        installation.serve(CRASH_AT="analyze:computed", CRASH_ONCE=str(mercy)) as server,
        Visitor(server) as visitor,
    ):
        before = visitor.finish()
        kept = visitor.lines(before)[1:]
        mercy.unlink()
        job_id = visitor.start()
        assert server.wait() == -signal.SIGKILL
        running = postmaster(installation)
        assert running is not None
        if database == "is killed too":
            running.send_signal(signal.SIGKILL)
            until(lambda: postmaster(installation) is None, "the database to die")
        with installation.serve() as again:
            visitor.move(again)
            assert visitor.lines(before)[1:] == kept
            events = check_finished(None, visitor, job_id)
            assert sorted(stages(events, "started")) == sorted([*STAGES, "analyze"])
            assert again.stop() == 0
    assert postmaster(installation) is None


def test_a_server_stops_in_time_with_streams_open(pair: list[Installation]) -> None:
    installation = pair[0]
    with installation.serve("--no-worker") as server, Visitor(server) as visitor, visitor.socket() as socket:
        job_id = visitor.start()  # nobody works on it
        socket.subscribe(job_id)
        assert socket.next()["event"] == "subscribed"
        with visitor.stream(job_id) as response:
            chunks = response.iter_raw()
            assert b"stream_start" in next(chunks)
            assert server.stop() == 0
    assert postmaster(installation) is None
