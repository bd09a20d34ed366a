"""Making a part of a finished piece of research anew."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from accounts import credits, spending
from manticscore import errors
from realtime import runs
from realtime.events import ProgressEvent
from research import queue
from research.actions import research
from research.models import ResearchJob

STAGES = ("interpret", "search", "judge", "analyze", "synthesize", "persist")

# Part of the artifact -> the stage it comes from. What comes after that stage is made anew too, because it
# stands on it.
SECTIONS = {
    "competitors": "search",
    "signals": "analyze",
    "features": "analyze",
    "whitespaces": "analyze",
    "summary": "synthesize",
}
REFUNDED = "The credits for this research were given back; start it again instead"


@transaction.atomic
def retry(job: ResearchJob, section: str) -> ResearchJob:
    """Begin the job's stream again from the stage of that section; all before it is kept.

    What was paid for the job pays for this too, and stays paid. Raises NotFound for a section that research
    does not have, Conflict while the job runs and when its credits were given back, Identical while another
    one works on the question, and TooManyRequests when too much waits already.
    """
    if section not in SECTIONS:
        raise errors.NotFound()
    event = ProgressEvent(stage=f"{section}_retrying", message=f"Making {section} anew")
    redone = STAGES[STAGES.index(SECTIONS[section]) :]
    queue.lock(job.owner_id)
    load = queue.load(job.owner_id)
    try:
        reopened = runs.reopen(job.pk, redone, event)
    except IntegrityError as error:
        raise research.conflict(error) from None
    if not reopened:
        raise errors.Conflict("This research is still in progress")
    if credits.is_refunded(job.pk):  # only now: whoever ended the stream and gave them back has committed
        raise errors.Conflict(REFUNDED)
    spending.forget(job.pk, redone)  # a run that failed has kept its answers for another try
    job.stream.refresh_from_db()
    research.enqueue(job, load)
    return job
