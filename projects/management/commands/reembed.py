"""Giving ideas vectors of the current model."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from manticscore.clients.embedding_service import ServiceUnavailable
from manticscore.lib.stopping import stop_on_signals
from projects import embedding, indexing


class Command(BaseCommand):
    help = (
        "Embed every idea that has no vector of the current model: after EMBEDDINGS, EMBEDDINGS_URL or"
        " EMBEDDINGS_MODEL changed, or when the service was away. Until then a search does not find them."
        " What is done is stored batch by batch: on SIGTERM or Ctrl-C it stops after the batch at hand, and"
        " the next call goes on from there. Safe to run at any time, also twice at once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count, embed nothing")

    def handle(self, *args: Any, **options: Any) -> str:
        model_id = embedding.current().model_id
        total = indexing.stale(model_id).count()
        if options["dry_run"]:
            return f"{total} ideas would be embedded with {model_id}."
        done = refused = 0
        try:
            with stop_on_signals() as stop:
                for part in indexing.reembed():
                    done += part.embedded
                    refused += part.refused
                    self.stderr.write(f"{done} of {total}")
                    if stop:
                        break
        except ServiceUnavailable as error:
            raise CommandError(f"{done} of {total} ideas embedded, then {error}.") from error
        left = indexing.stale(model_id).count()
        told = f"{done} ideas embedded with {model_id}, {left} left."
        return f"{told} {refused} texts are refused by the service." if refused else told
