"""How events are read: the fragments of SQL that every query of the log shares.

PostgreSQL itself puts the envelope around an event, from the JSON text that it holds. Nothing is parsed
on the way to a client, and a whole run of events is one value.
"""

from __future__ import annotations

from realtime.events import VERSION

# Events of the stream `s`, under their own numbers. To be continued with AND.
OWN_EVENTS = """
    SELECT seq, type, data, created_at, '' AS origin
    FROM realtime_event WHERE stream_id = s.id
"""

# Events of the project `s`: the same rows under the project's numbers, saying where they come from.
PROJECT_EVENTS = """
    SELECT project_seq AS seq, type, data, created_at,
        CASE WHEN stream_id = s.id THEN '' ELSE
            ',"origin":{"entity_id":"' || stream_id || '","channel":"'
            || (SELECT job.channel FROM realtime_stream job WHERE job.id = stream_id)
            || '","seq":' || seq || '}'
        END AS origin
    FROM realtime_event WHERE project_id = s.id
"""

# The envelope (spec: ndjson-streaming) of an event `e` of the stream `s`. Its numbers come first.
LINE = f"""
    '{{"v":{VERSION},"event":"' || e.type || '","data":{{"seq":' || e.seq
    || ',"entity_id":"' || s.id || '","channel":"' || s.channel || '"' || e.origin
    || CASE WHEN e.data = '{{}}' THEN '' ELSE ',' END || substr(e.data::text, 2) || E'}}\\n'
"""

LINES = f"convert_to(string_agg({LINE}, '' ORDER BY e.seq), 'UTF8')"
