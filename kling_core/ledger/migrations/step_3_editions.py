"""Schema 3: which edition of the API carries a task and by which path, and outputs without a file.

Frozen, see `kling_core.ledger.migrations`.
"""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["run"]

_ROUTES = {
    "image_generation": "/v1/images/generations",
    "image_to_video": "/v1/videos/image2video",
    "lip_sync": "/v1/videos/lip-sync",
    "multi_image_to_video": "/v1/videos/multi-image2video",
    "text_to_video": "/v1/videos/text2video",
    "video_effects": "/v1/videos/effects",
    "video_extension": "/v1/videos/video-extend",
    "virtual_try_on": "/v1/images/kolors-virtual-try-on",
}
"""The paths of all endpoints that there were before; a setting may have replaced one."""

_STATEMENTS = (
    # With defaults, because a program of schema 2 that has the ledger open goes on writing rows.
    "ALTER TABLE tasks ADD COLUMN edition TEXT NOT NULL DEFAULT 'v1'",
    "ALTER TABLE tasks ADD COLUMN route TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE outputs ADD COLUMN data TEXT",
    "DROP INDEX IF EXISTS outputs_unsaved",
    "CREATE INDEX outputs_unsaved ON outputs (task, number) WHERE path IS NULL AND data IS NULL",
)


def run(db: sa.Connection) -> None:
    """From schema 2 to schema 3."""
    for statement in _STATEMENTS:
        db.exec_driver_sql(statement)
    cases = " ".join(f"WHEN '{name}' THEN '{path}'" for name, path in _ROUTES.items())
    db.exec_driver_sql(f"UPDATE tasks SET route = CASE endpoint {cases} ELSE '' END")  # noqa: S608
