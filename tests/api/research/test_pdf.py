"""GET /research/{job_id}/pdf"""

from __future__ import annotations

import io
from typing import Any

import pypdf
import pytest

from research.models import ResearchJob
from tests import factories
from tests.helpers.landscapes import feature, finished, gap, landscape, paragraph, player, quote
from tests.helpers.people import Person

pytestmark = pytest.mark.django_db


def text_of(person: Person, job: ResearchJob) -> str:
    answer = person.client.get(f"/research/{job.pk}/pdf")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert answer["Content-Disposition"] == f'inline; filename="research-{job.pk}.pdf"'
    assert answer.content.startswith(b"%PDF-")
    pages = pypdf.PdfReader(io.BytesIO(answer.content)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def test_everything_is_in_it(ada: Person) -> None:
    artifact = landscape(
        incumbents=[player("Mealie")],
        features=[feature("Import from the web")],
        gaps=[gap("Offline use")],
        signals=[{"id": "s", "text": "Mealie raised its prices", "kind": "pricing", "evidence": []}],
        summary=[paragraph("The market", "It is crowded with recipe managers.")],
    )
    text = text_of(ada, finished(ada.principal, artifact))
    for wanted in (
        "a recipe box for families", "The market", "crowded with recipe managers", "Mealie plans meals",
        "emerging", "Import from the web", "Offline use", "raised its prices", "2026-01-15",
    ):  # fmt: skip
        assert wanted in text


def test_markup_in_texts_is_text(ada: Person) -> None:
    evil = '#panic("x") *bold* $x^2$ = Heading #import "/etc/passwd" \\ @cite <label> `raw` // gone'
    text = text_of(ada, finished(ada.principal, landscape(summary=[paragraph(evil, evil)]), idea=evil))
    for wanted in ('#panic("x")', "*bold*", "$x^2$", '#import "/etc/passwd"', "@cite", "<label>", "// gone"):
        assert wanted in text


@pytest.mark.parametrize(
    "words",
    ["Книга рецептов для семьи", "Βιβλίο συνταγών", "家庭向けのレシピ箱", "家庭食谱盒", "가족을 위한 요리법"],
)
def test_other_scripts(ada: Person, words: str) -> None:
    artifact = landscape(gaps=[gap(words, evidence=[quote(words)])], summary=[paragraph(words, words)])
    assert text_of(ada, finished(ada.principal, artifact, idea=words)).count(words) >= 4


@pytest.mark.parametrize(
    ("words", "unread"),
    [
        ("وصفات الطعام", ""),
        ("מתכונים למשפחה", ""),
        ("สูตรอาหาร", ""),
        ("परिवार के लिए", "ल"),  # its glyph with the vowel before it has no letter of its own to a reader
        ("🍲 recipes", ""),
    ],
)
def test_scripts_of_their_own_order_and_shapes(ada: Person, words: str, unread: str) -> None:
    """What a reader of the PDF makes of ligatures and direction is its own; every letter is there."""
    artifact = landscape(summary=[paragraph(words, words)])
    text = text_of(ada, finished(ada.principal, artifact, idea=words))
    assert "\x00" not in text
    missing = {letter for letter in words if letter.isalpha()} - set(text)
    assert missing <= set(unread)


def test_only_what_is_completed(ada: Person) -> None:
    answer: Any = ada.client.get(f"/research/{factories.research_job(ada.principal).pk}/pdf")
    assert (answer.status_code, answer.json()) == (409, {"detail": "This research is not completed"})


def test_somebody_elses(ada: Person, mallory: Person) -> None:
    job = finished(ada.principal)
    assert mallory.client.get(f"/research/{job.pk}/pdf").status_code == 404
