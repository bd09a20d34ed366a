"""The installation's own keys: made once, also when several processes start together."""

from __future__ import annotations

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from manticscore.lib import keyfile
from manticscore.lib.keyfile import keep_key


def test_key_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    key = keep_key(path)
    assert len(key) == 64
    assert keep_key(path) == key


def test_key_is_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    keep_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_keys_differ(tmp_path: Path) -> None:
    assert keep_key(tmp_path / "a") != keep_key(tmp_path / "b")


def test_stored_key_is_kept_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("chosen by hand\n")
    assert keep_key(tmp_path / "key") == "chosen by hand"


def test_concurrent_first_starts_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All find no key and have written their draft before the first one is put in place."""
    starters = 16
    barrier = threading.Barrier(starters)
    link = keyfile.os.link

    def link_together(source: Path, target: Path) -> None:
        barrier.wait(timeout=10)
        link(source, target)

    monkeypatch.setattr(keyfile.os, "link", link_together)
    path = tmp_path / "key"
    with ThreadPoolExecutor(starters) as pool:
        keys = set(pool.map(keep_key, [path] * starters))
    assert keys == {path.read_text()}
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
