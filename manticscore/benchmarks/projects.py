"""The list of projects and a project's home, in an account that holds nothing else and in a full one.

Every run of the full account has the artifact of one real run over the catalogue, so the home of its project
loads and shows a result; the other account has no research at all.
Both are asked in turn, one request after the other on one connection, so that what else the machine does
meets both alike; what is compared is the 95th percentile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date
from statistics import quantiles

import httpx
import psycopg

from accounts import sessions
from accounts.models import Principal
from manticscore.benchmarks import Measurement, Note, Sizes, figure, research_run
from manticscore.benchmarks.server import RunningServer, running
from manticscore.benchmarks.systems import Place
from projects import actions
from projects.models import Project
from research import evaluation
from research.corpus import catalogue
from research.models import ResearchJob

EVENTS_OF_A_RUN = 100
RUNS_OF_THE_PROJECT = 200  # of the one whose home is asked for; the others share the rest
REQUESTS = 100  # per round and target
REQUIRED = 1 / 1.5  # of the speed in an account that holds nothing else

FILL = """
    INSERT INTO projects_project (id, owner_id, title, description, clean_title, one_liner, slug, idea_key,
                                  created_at, updated_at)
    SELECT gen_random_uuid(), %(owner)s, 'Project ' || n, repeat('A description. ', 12), 'Project ' || n,
           'A description.', 'project-' || n, 'key ' || n, at, at
    FROM generate_series(1, %(projects)s - 1) n, LATERAL (SELECT now() - n * interval '1 minute' AS at) t;
    INSERT INTO realtime_stream (id, owner_id, channel, project_id, title, status, stage, attempt, last_seq,
                                 first_seq)
    SELECT id, owner_id, 'project', id, title, 'active', '', 0, 0, 1 FROM projects_project
    WHERE owner_id = %(owner)s
    ON CONFLICT (id) DO NOTHING;
    WITH numbered AS (
        SELECT id, row_number() OVER (ORDER BY updated_at DESC) AS n FROM projects_project
        WHERE owner_id = %(owner)s
    )
    INSERT INTO realtime_stream (id, owner_id, channel, project_id, title, status, stage, attempt, last_seq,
                                 first_seq, closed_seq, created_at)
    SELECT gen_random_uuid(), %(owner)s, 'research', numbered.id, 'A run', 'completed', 'persist', 1,
           %(per_run)s, 1, %(per_run)s, now() - run * interval '1 second'
    FROM generate_series(1, %(runs)s) run
    JOIN numbered ON numbered.n = CASE WHEN run <= %(of_one)s THEN 1 ELSE 2 + run %% (%(projects)s - 1) END;
    INSERT INTO research_researchjob (stream_id, owner_id, idea, idea_key, mode, project_id, as_of, artifact,
                                      artifact_hash, quality_score, is_waiting, is_public, created_at)
    SELECT s.id, s.owner_id, job.idea, s.id::text, job.mode, s.project_id, job.as_of, job.artifact,
           job.artifact_hash, job.quality_score, false, false, s.created_at
    FROM realtime_stream s JOIN research_researchjob job ON job.stream_id = %(job)s
    WHERE s.channel = 'research' AND s.owner_id = %(owner)s;
    INSERT INTO realtime_event (stream_id, seq, type, data, project_id, project_seq)
    SELECT s.id, seq, 'progress', jsonb_build_object('stage', 'search', 'message', 'on its way'),
           s.project_id, row_number() OVER (PARTITION BY s.project_id ORDER BY s.id, seq)
    FROM realtime_stream s, generate_series(1, %(per_run)s) seq
    WHERE s.channel = 'research' AND s.owner_id = %(owner)s;
    UPDATE realtime_stream s SET last_seq = counted.events
    FROM (SELECT project_id, count(*) AS events FROM realtime_event GROUP BY project_id) counted
    WHERE s.id = counted.project_id AND s.owner_id = %(owner)s
"""


class WrongAnswer(Exception):
    """The server did not answer as expected."""


def measure(place: Place, rounds: int, sizes: Sizes, note: Note) -> list[Measurement]:
    """The figures of both requests."""
    small, full = account("user_small"), account("user_full")
    note("Researching an idea, whose result every run of the full account gets")
    fill(place.database, full, sizes.projects, sizes.past, researched())
    with running(place.database, "--no-worker") as server:
        check(server, full)
        return [
            taken
            for name, path in (("GET /projects", "/projects"), ("GET /projects/{id}/home", None))
            for taken in compared(name, path, {"small": small, "full": full}, server, rounds)
        ]


def check(server: RunningServer, project: Project) -> None:
    """Whether the project's home has research to show, without which it would be measured empty."""
    token = sessions.mint(Principal(id=project.owner_id))
    with server.client() as client:
        home = client.get(f"/projects/{project.pk}/home", headers={"Authorization": f"Bearer {token}"})
    if not home.json().get("research"):
        raise WrongAnswer("the home of a project that was researched shows no research")


def account(owner_id: str) -> Project:
    """An account with one project."""
    Principal.objects.create(id=owner_id)
    return actions.create(owner_id=owner_id, title=f"The project of {owner_id}").project


def researched() -> ResearchJob:
    """A whole offline run over the catalogue, so that there is a result of the usual size to open."""
    catalogue.load()
    owner = Principal.objects.create(id="user_researching")
    job = evaluation.research(owner, research_run.IDEA, date.today())
    if job.artifact is None:
        raise WrongAnswer("the research run has no result")
    return job


def fill(conninfo: str, project: Project, projects: int, events: int, job: ResearchJob) -> None:
    """Give the owner many more projects, and all of them a past."""
    values = {
        "owner": project.owner_id,
        "projects": projects,
        "runs": events // EVENTS_OF_A_RUN,
        "of_one": RUNS_OF_THE_PROJECT,
        "per_run": EVENTS_OF_A_RUN,
        "job": job.pk,
    }
    with psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(FILL, values)
        connection.execute("VACUUM ANALYZE")


def compared(
    name: str, path: str | None, accounts: Mapping[str, Project], server: RunningServer, rounds: int
) -> list[Measurement]:
    """The 95th percentile in each account, and of each round how they compare."""
    tokens = {kind: sessions.mint(Principal(id=project.owner_id)) for kind, project in accounts.items()}
    percentiles: dict[str, list[float]] = {kind: [] for kind in accounts}
    with server.client() as client:
        for number in range(rounds + 1):
            taken: dict[str, list[float]] = {kind: [] for kind in accounts}
            for _ in range(REQUESTS):
                for kind, project in accounts.items():
                    asked = path or f"/projects/{project.pk}/home"
                    taken[kind].append(milliseconds(client, asked, tokens[kind]))
            if number:  # the first round warms up
                for kind, values in taken.items():
                    percentiles[kind].append(quantiles(values, n=20)[-1])
    pairs = zip(percentiles["small"], percentiles["full"], strict=True)
    return [
        figure(f"{name}: p95, one project", "ms", percentiles["small"]),
        figure(f"{name}: p95, full account", "ms", percentiles["full"]),
        figure(f"{name}: one project / full account", "ratio", [a / b for a, b in pairs], REQUIRED),
    ]


def milliseconds(client: httpx.Client, path: str, token: str) -> float:
    began = time.perf_counter()
    response = client.get(path, headers={"Authorization": f"Bearer {token}"})
    took = (time.perf_counter() - began) * 1000
    if response.status_code != 200:
        raise WrongAnswer(f"{path} answered {response.status_code}")
    return took
