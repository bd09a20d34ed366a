"""How good an account's research was lately."""

from __future__ import annotations

from typing import Any

from django.db import connection

CONSIDERED = 500  # runs, the newest

COUNT = "SELECT count(*) FROM research_researchjob WHERE owner_id = %(owner)s AND artifact IS NOT NULL"
# An artifact is large and stored apart from its row: each is taken apart once, for two of its parts.
QUALITY = """
    WITH newest AS MATERIALIZED (
        SELECT job.quality_score AS score, part.provenance, part.quality
        FROM (SELECT quality_score, artifact FROM research_researchjob
              WHERE owner_id = %(owner)s AND artifact IS NOT NULL
              ORDER BY created_at DESC, stream_id DESC LIMIT %(considered)s) job
        CROSS JOIN LATERAL jsonb_to_record(job.artifact) AS part (provenance jsonb, quality jsonb)
    ), parts AS (
        SELECT part ->> 'name' AS name, avg((part ->> 'value')::float) AS value
        FROM newest CROSS JOIN LATERAL jsonb_array_elements(coalesce(quality -> 'parts', '[]')) AS part
        GROUP BY 1
    )
    SELECT count(*), avg(score), min(score), max(score),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY score),
           count(*) FILTER (WHERE score < 40),
           count(*) FILTER (WHERE score >= 40 AND score < 70),
           count(*) FILTER (WHERE score >= 70),
           coalesce(sum((provenance ->> 'evidence_count')::int), 0),
           coalesce(sum((provenance ->> 'dropped_rows')::int), 0),
           (SELECT array_agg(name ORDER BY name) FROM parts),
           (SELECT array_agg(value ORDER BY name) FROM parts)
    FROM newest
"""


def quality(owner_id: str) -> dict[str, Any]:
    """Over the newest results of an account: `runs` of all `completed`. Without any, figures are null."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT, {"owner": owner_id})
        (completed,) = cursor.fetchone()
        cursor.execute(QUALITY, {"owner": owner_id, "considered": CONSIDERED})
        runs, mean, least, most, median, low, fair, good, evidence, dropped, names, values = cursor.fetchone()
    figures = {"mean": mean, "median": median, "min": least, "max": most}
    return {
        "completed": completed,
        "runs": runs,
        "quality": {name: rounded(value) for name, value in figures.items()},
        "distribution": {"below_40": low, "40_to_70": fair, "from_70": good},
        "parts": {name: rounded(value) for name, value in zip(names or (), values or (), strict=True)},
        "evidence_count": evidence,
        "dropped_rows": dropped,
    }


def rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
