"""Chaos: an installation of its own under load, broken on purpose, and its history checked afterwards.

Everything a client saw is compared with what the database holds: nothing lost, nothing doubled, nothing
out of order, nothing altered, and exactly one end of every job.
"""

from __future__ import annotations


class ChaosFailed(Exception):
    """The run itself could not be made, which says nothing about what was to be tested."""
