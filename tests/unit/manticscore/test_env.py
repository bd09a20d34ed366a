"""Settings from the environment: odd values stop the start, empty ones mean the default."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from manticscore.lib.env import envbool, envint, envlist, envstr

NAME = "MANTICSCORE_TEST_VALUE"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.delenv(f"{NAME}_FILE", raising=False)


def test_unset_means_the_default() -> None:
    assert envstr(NAME, "x") == "x"
    assert envbool(NAME, True) is True
    assert envbool(NAME, False) is False
    assert envint(NAME, 7) == 7
    assert envlist(NAME, ["a"]) == ["a"]


def test_empty_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As from `${RATELIMIT_ENABLE:-}` in a compose file, which must not switch a protection off."""
    monkeypatch.setenv(NAME, "")
    assert envstr(NAME, "x") == "x"
    assert envbool(NAME, True) is True
    assert envint(NAME, 7) == 7
    assert envlist(NAME, ["a"]) == ["a"]


@pytest.mark.parametrize("text", ["1", "true", "TRUE", "yes", "On"])
def test_true(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    assert envbool(NAME, False) is True


@pytest.mark.parametrize("text", ["0", "false", "False", "no", "OFF"])
def test_false(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    assert envbool(NAME, True) is False


@pytest.mark.parametrize("text", ["2", "ja", "truee", " 1", "-"])
def test_odd_truth_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured) as caught:
        envbool(NAME, True)
    assert str(caught.value) == f"{NAME} must be 1 or 0, not {text!r}"


def test_whole_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "42")
    assert envint(NAME, 7) == 42


@pytest.mark.parametrize("text", ["4.5", "many", "1e3", "0x10"])
def test_odd_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(ImproperlyConfigured) as caught:
        envint(NAME, 7)
    assert str(caught.value) == f"{NAME} must be a whole number, not {text!r}"


def test_list_is_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "a.example, b.example ,,c.example")
    assert envlist(NAME, []) == ["a.example", "b.example", "c.example"]


def test_file_holds_the_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv(NAME, "from the environment")
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    assert envstr(NAME) == "from a file"


def test_missing_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "absent"))
    with pytest.raises(ImproperlyConfigured, match=rf"^{NAME}_FILE cannot be read: .*absent"):
        envstr(NAME)
