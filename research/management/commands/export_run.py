"""Export of a run."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from research.models import ResearchJob
from research.results import exporting


class Command(BaseCommand):
    help = (
        "Write a research run as one JSON document: what was asked, the artifact, its evidence with where"
        " it is from and when it was last checked, and every event. It names its owner nowhere. To standard"
        " output, or to the file given by --output, which must not exist yet."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("job_id", type=UUID)
        parser.add_argument("--output", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> str | None:
        job = ResearchJob.objects.select_related("stream").filter(pk=options["job_id"]).first()
        if job is None:
            raise CommandError(f"There is no research run {options['job_id']}")
        text = json.dumps(exporting.bundle(job), ensure_ascii=False, indent=2)
        path: Path | None = options["output"]
        if path is None:
            return text
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(f"{text}\n")
        except OSError as error:
            raise CommandError(f"Cannot write {path}: {error.strerror}") from None
        return f"{path.stat().st_size} bytes written to {path}."
