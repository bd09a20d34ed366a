import pytest
from hypothesis import given
from hypothesis import strategies as st

from research.analyst import text


def sentence_texts(content: str) -> list[str]:
    return [span.text for span in text.sentences(content)]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("One here. Two there! Three? Yes.", ["One here.", "Two there!", "Three?", "Yes."]),
        ("Use it, e.g. at home. Then rest.", ["Use it, e.g. at home.", "Then rest."]),
        ("It runs on Node.js 2.5 today. Good.", ["It runs on Node.js 2.5 today.", "Good."]),
        ("J. Smith met Dr. Jones. They spoke.", ["J. Smith met Dr. Jones.", "They spoke."]),
        ("Acme Inc. sells it. Fine.", ["Acme Inc. sells it.", "Fine."]),
        ("The answer is no. See no. 5 below.", ["The answer is no.", "See no. 5 below."]),
        ('He said "stop." Then left.', ['He said "stop."', "Then left."]),
        ("it works. iPhone apps too.", ["it works.", "iPhone apps too."]),
        ("first line\nsecond line", ["first line", "second line"]),
        (
            "Has:\n- tags\n* search. Fast\n1. export\n\u2022 sync",
            ["Has:", "tags", "search.", "Fast", "export", "sync"],
        ),
        ("速いです。安いです！", ["速いです。", "安いです！"]),
        ("---\n\n  \n...", []),
        ("", []),
    ],
)
def test_sentences(content: str, expected: list[str]) -> None:
    assert sentence_texts(content) == expected


def test_sentence_offsets_are_exact() -> None:
    content = "  A b.\r\n\t- C d!  E"
    assert [(s.start, s.end) for s in text.sentences(content)] == [(2, 6), (11, 15), (17, 18)]


def test_a_long_sentence_is_whole_up_to_600_characters() -> None:
    content = "word " * 119 + "words"
    assert len(content) == 600
    assert sentence_texts(content) == [content]


def test_a_longer_sentence_is_cut_at_a_space() -> None:
    assert [len(piece) for piece in sentence_texts("word " * 150)] == [599, 149]


def test_a_long_word_is_cut_anywhere() -> None:
    assert [len(piece) for piece in sentence_texts("x" * 1300)] == [600, 600, 100]


@given(st.text())
def test_sentences_are_slices_in_order(content: str) -> None:
    end = 0
    for span in text.sentences(content):
        assert content[span.start : span.end] == span.text == span.text.strip()
        assert end <= span.start < span.end <= span.start + text.MAX_SENTENCE
        end = span.end


@given(st.text(alphabet="ab .!\n-1", max_size=60))
def test_sentences_lose_no_letter(content: str) -> None:
    kept = "".join(sentence_texts(content))
    assert [c for c in kept if c in "ab"] == [c for c in content if c in "ab"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("To-do & E-commerce", ["to-do", "e-commerce"]),
        ("C++, C# and 2FA", ["c++", "c#", "and", "2fa"]),
        ("Node.js v1.2 or .NET", ["node.js", "v1.2", "or", ".net"]),
        ("The end.Next word", ["the", "end", "next", "word"]),
        ("don\u2019t \u201cquote\u201d", ["don't", "quote"]),
        ("snake_case iOS/Android", ["snake", "case", "ios", "android"]),
        ("Caf\u00e9 cafe\u0301", ["caf\u00e9", "caf\u00e9"]),
        ("レシピ管理アプリ", ["レシピ", "管理", "アプリ"]),
        ("إدارة الوصفات", ["إدارة", "الوصفات"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("...", []),
    ],
)
def test_words(content: str, expected: list[str]) -> None:
    assert text.words(content) == expected


def test_content_words_leave_out_stop_words_and_single_letters() -> None:
    assert text.content_words("A tool for the teams with a B plan") == ["tool", "teams", "plan"]


def test_stems_join_forms_of_a_word() -> None:
    assert text.stems("organising the organised recipes") == ["organis", "organis", "recip"]
    assert text.stem("recipes") == text.stem("recipe")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            "A privacy-friendly web analytics tool for small shops",
            ["privacy-friendly web analytics tool", "small shops"],
        ),
        ("It helps owners see revenue, email reports", ["owners", "revenue", "email reports"]),
        ("iOS/Android apps\nOffline mode", ["ios", "android apps", "offline mode"]),
        ("open source customer support ticket system", ["open source", "customer support ticket system"]),
        ("365 and 24", []),
        ("", []),
    ],
)
def test_phrases(content: str, expected: list[str]) -> None:
    assert text.phrases(content) == expected


@given(st.text())
def test_phrases_have_one_to_four_words(content: str) -> None:
    assert all(1 <= len(phrase.split(" ")) <= 4 for phrase in text.phrases(content))


def test_normalise_space() -> None:
    assert text.normalise_space(" a\u00a0\n b\t") == "a b"


@pytest.mark.parametrize(
    ("quote", "content", "expected"),
    [
        ("b c", "a b c d", (2, 5)),
        (" b  c\n", "a b c d", (2, 5)),
        ("b c", "a b \n c d", (2, 7)),
        ("1.5 (x)", "is 1.5\u00a0(x).", (3, 10)),
        ("a", "b", None),
        ("A", "a", None),
        ("b c", "bc", None),
        (" ", "a b", None),
    ],
)
def test_locate(quote: str, content: str, expected: tuple[int, int] | None) -> None:
    assert text.locate(quote, content) == expected


@given(st.text(alphabet="ab. \n\t\u00a0", max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_every_part_of_a_text_is_located(content: str, a: int, b: int) -> None:
    quote = text.normalise_space(content[min(a, b) : max(a, b)])
    found = text.locate(quote, content)
    if not quote:
        assert found is None
    else:
        assert found is not None
        assert text.normalise_space(content[found[0] : found[1]]) == quote


def test_simhash_is_stable_across_processes() -> None:
    assert text.simhash("the quick brown fox jumps over the lazy dog again and again") == 5165679524016436432


def test_simhash_ignores_case_and_punctuation() -> None:
    assert text.simhash("A quick, brown fox!") == text.simhash("a quick brown fox")


def test_simhash_tells_texts_apart() -> None:
    recipes, ledger = text.simhash("plans meals for the family"), text.simhash("sends invoices to customers")
    assert text.hamming(recipes, ledger) > 20


def test_simhash_of_short_texts() -> None:
    assert text.simhash("") == text.simhash("...") == 0
    assert text.simhash("one") != text.simhash("two")


def test_hamming() -> None:
    assert text.hamming(0b1011, 0b0010) == 2


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.Example.com/a?b", "example.com"),
        ("shop.example.co.uk", "example.co.uk"),
        ("https://a.b.example.com.:8080/", "example.com"),
        ("https://t.co/abc", "t.co"),
        ("https://co.uk", "co.uk"),
        ("https://github.com/Owner/Repo/issues/1", "github.com/owner/repo"),
        ("github.com/owner/repo.git", "github.com/owner/repo"),
        ("https://www.github.com/owner/repo", "github.com/owner/repo"),
        ("https://github.com", "github.com"),
        ("https://docs.github.com/en", "github.com"),
        ("https://gitlab.com/owner/repo", "gitlab.com/owner/repo"),
        ("https://codeberg.org/owner/repo", "codeberg.org/owner/repo"),
        ("https://sourceforge.net/projects/thing/files", "sourceforge.net/projects/thing"),
        ("https://owner.github.io/repo", "owner.github.io"),
        ("https://owner.gitlab.io", "owner.gitlab.io"),
        ("https://play.google.com/store/apps/details?id=com.Thing&hl=de", "play.google.com/com.thing"),
        ("https://apps.apple.com/us/app/thing/id123", "apps.apple.com/id123"),
        ("https://apps.apple.com/de/app/ding/id123?mt=8", "apps.apple.com/id123"),
        ("https://docs.google.com/document/d/abc/edit", "docs.google.com/document/d/abc"),
        ("https://sites.google.com/view/thing/home", "sites.google.com/view/thing"),
        ("https://crates.io/crates/thing/1.0.0", "crates.io/crates/thing"),
        ("https://packagist.org/packages/owner/thing", "packagist.org/packages/owner/thing"),
        ("https://en.wikipedia.org/wiki/Thing", "wikipedia.org"),
        ("https://cloud.google.com/run", "google.com"),
        ("http://192.168.0.1:80/a", "192.168.0.1"),
        ("http://[::1]:80/a", "::1"),
        ("http://[bad", ""),
        ("https://\u2100.com", ""),
        ("", ""),
    ],
)
def test_registrable_domain(url: str, expected: str) -> None:
    assert text.registrable_domain(url) == expected


@given(st.text())
def test_no_text_is_too_odd_for_an_address(url: str) -> None:
    found = text.registrable_domain(url)
    assert "//" not in found
    assert found == found.strip("/")
