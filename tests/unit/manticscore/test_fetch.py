"""Fetching pages: from real sockets on this machine, whatever they answer."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import ssl
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import LazySettings

from manticscore.clients import fetch
from manticscore.clients.fetch import Fetcher, FetchError, Limits, robots, rules, turns
from tests.helpers import sites
from tests.helpers.sites import Names, Site, answer, redirect

AGENT = "manticscore/test"
NAME = "site.example"
QUICK = Limits(seconds=5, connect=2, turn=1)


class Visitor:
    """A fetcher that finds the sites of a test under made-up names."""

    def __init__(self, *opened: str, names: Names | None = None, **options: Any) -> None:
        self.names = names or Names()
        options.setdefault("limits", QUICK)
        options.setdefault("turns", turns.Turns(gap=0))
        allow = rules.Rules.of(allow=opened)
        self.fetcher = Fetcher(
            options.pop("rules", allow), AGENT, resolve=self.names, memory=robots.Memory(), **options
        )

    def get(self, url: str, types: frozenset[str] = fetch.PAGES) -> fetch.Page:
        return asyncio.run(self.fetcher.get(url, types))

    def refusal(self, url: str) -> FetchError:
        with pytest.raises(FetchError) as caught:
            self.get(url)
        return caught.value


@pytest.fixture
def site() -> Iterator[Site]:
    with sites.site() as served:
        yield served


@pytest.fixture
def visitor(site: Site) -> Visitor:
    return visitor_of(site)


def visitor_of(*served: Site, **options: Any) -> Visitor:
    names = Names()
    names.set(NAME, ["127.0.0.1"])
    return Visitor(*(f"{NAME}:{each.port}" for each in served), names=names, **options)


def at(site: Site, path: str = "/") -> str:
    return f"http://{NAME}:{site.port}{path}"


def test_a_page(site: Site, visitor: Visitor) -> None:
    site.pages["/a?b=c%20d"] = answer("<p>Grüße</p>")
    page = visitor.get(at(site, "/a?b=c%20d#part"))
    assert (page.url, page.text, page.content_type) == (at(site, "/a?b=c%20d"), "<p>Grüße</p>", "text/html")
    assert datetime.datetime.now(datetime.UTC) - page.fetched_at < datetime.timedelta(minutes=1)


def test_what_sites_are_told(site: Site, visitor: Visitor) -> None:
    site.pages["/"] = answer("hello")
    visitor.get(at(site))
    for head in site.requests:
        lines = head.lower().splitlines()
        assert f"host: {NAME}:{site.port}" in lines
        assert f"user-agent: {AGENT}" in lines
        assert "accept-encoding: gzip, identity" in lines
        assert not [line for line in lines if line.startswith(("cookie:", "authorization:", "referer:"))]


def test_proxies_of_the_environment_are_not_used(
    site: Site, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.pages["/"] = answer("hello")
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert visitor.get(at(site)).text == "hello"


def test_the_configured_fetcher_and_its_one_function(site: Site, settings: LazySettings) -> None:
    site.pages["/"] = answer("hello")
    settings.FETCH_ALLOW_PRIVATE = [f"127.0.0.1:{site.port}"]
    settings.FETCH_CONTACT = "https://operator.example/contact"
    assert fetch.fetch(f"http://127.0.0.1:{site.port}/").text == "hello"
    assert "manticscore/" in site.requests[-1]
    assert "+https://operator.example/contact" in site.requests[-1]


def test_our_own_names_are_refused(settings: LazySettings) -> None:
    settings.ALLOWED_HOSTS = ["api.own.example", ".wide.example"]
    settings.FETCH_DENY = ["other.example", "93.184.216.0/24"]
    for host in ("api.own.example", "a.wide.example", "wide.example", "other.example", "93.184.216.34"):
        with pytest.raises(fetch.Refused):
            fetch.fetch(f"https://{host}/")


# --- Where it goes -----------------------------------------------------------------------------

URLS = {
    "file:///etc/passwd": "scheme",
    "gopher://site.example/": "scheme",
    "ftp://site.example/": "scheme",
    "data:text/html,hello": "scheme",
    "javascript:alert(1)": "scheme",
    "//site.example/": "scheme",
    "site.example": "scheme",
    "": "scheme",
    "http:///path": "host",
    "http://": "host",
    "http://user@site.example/": "credentials",
    "http://user:secret@site.example/": "credentials",
    "http://@site.example/": "credentials",
    "http://site.example@127.0.0.1/": "credentials",
    "http://site.example:22/": "port",
    "http://site.example:8080/": "port",
    "https://site.example:8443/": "port",
    "http://site.example:0/": "port",
    "http://site.example:99999/": "port",
    "http://site.example:x/": "url",
    "http://site.example\\@127.0.0.1/": "url",
    "http://127.0.0.1\\.site.example/": "url",
    "http://site\t.example/": "url",
    "http://site\n.example/": "url",
    "http://site.exa\u200bmple/": "url",
    "http://site .example/": "url",
    "http://[::1/": "url",
    "http://127%2e0%2e0%2e1/": "host",
    "http://site_.example%00.x/": "host",
    "http://127.1/": "host",
    "http://2130706433/": "host",
    "http://0x7f.1/": "host",
    "http://0x7f000001/": "host",
    "http://017700000001/": "host",
    "http://0/": "host",
    "http://127.0.0.1.1/": "host",
    "http://1.2.3.256/": "url",
    "http://-/": "host",
    "http://a..b/": "host",
    "http://localhost/": "address",
    "http://LOCALHOST./": "address",
    "http://a.localhost/": "address",
    "http://metadata/": "address",
    "http://metadata.google.internal/": "address",
    "http://METADATA.google.internal./computeMetadata/v1/": "address",
    "http://metadata.goog/": "address",
    "http://printer.local/": "address",
    "http://db.corp/": "address",
    "http://router.home.arpa/": "address",
    "http://0.0.0.0/": "address",
    "http://127.0.0.1/": "address",
    "http://127.255.255.254/": "address",
    "http://10.0.0.1/": "address",
    "http://172.16.0.1/": "address",
    "http://172.31.255.255/": "address",
    "http://192.168.1.1/": "address",
    "http://100.64.0.1/": "address",
    "http://100.100.100.200/": "address",
    "http://169.254.169.254/latest/meta-data/": "address",
    "http://168.63.129.16/": "address",
    "http://198.18.0.1/": "address",
    "http://192.0.2.1/": "address",
    "http://224.0.0.1/": "address",
    "http://255.255.255.255/": "address",
    "http://[::1]/": "address",
    "http://[::]/": "address",
    "http://[::ffff:127.0.0.1]/": "address",
    "http://[::ffff:7f00:1]/": "address",
    "http://[::127.0.0.1]/": "address",
    "http://[64:ff9b::7f00:1]/": "address",
    "http://[64:ff9b:1::7f00:1]/": "address",
    "http://[2002:7f00:1::]/": "address",
    "http://[2001:0:7f00:1::]/": "address",
    "http://[2001:db8::1]/": "address",
    "http://[fe80::1]/": "address",
    "http://[fec0::1]/": "address",
    "http://[fd00:ec2::254]/": "address",
    "http://[ff02::1]/": "address",
}


def echo() -> Names:
    """A name server that answers an address with itself, as the system's does."""

    class Echo(Names):
        async def __call__(self, host: str, port: int) -> list[str]:
            return [host]

    return Echo()


@pytest.mark.parametrize("url", URLS)
def test_refused_before_any_connection(url: str) -> None:
    refusal = Visitor(names=echo()).refusal(url)
    assert (type(refusal), refusal.reason, refusal.permanent) == (fetch.Refused, URLS[url], True)


@pytest.mark.parametrize(
    "url",
    ["http://127.1/", "http://0x7f.1/", "http://localhost/", "http://[::ffff:127.0.0.1]/", "http://a.local/"],
)
def test_the_system_resolver_opens_no_way_round(url: str) -> None:
    with pytest.raises(fetch.Refused):
        fetch.fetch(url)


@pytest.mark.parametrize(
    "host", ["раypal.example", "ｅxample.com", "ⓔxample.com", "faß.example", "xn--80ak6aa92e.example"]
)
def test_international_names_are_one_name_to_everybody(host: str) -> None:
    """A homoglyph is either refused or asked for in its ASCII form, never mapped to another name."""
    names = Names()
    refusal = Visitor(names=names).refusal(f"http://{host}/")
    assert refusal.reason in {"url", "dns"}
    assert all(name.startswith("xn--") for name in names.asked)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["93.184.216.34", "127.0.0.1"],
        ["2606:2800:220:1::1", "::1"],
        ["93.184.216.34", "::ffff:10.0.0.1"],
        ["not an address"],
    ],
)
def test_a_name_with_any_address_inside_is_refused(addresses: list[str]) -> None:
    names = Names()
    names.set(NAME, addresses)
    assert Visitor(names=names).refusal(f"http://{NAME}/").reason == "address"
    assert names.asked == [NAME]


def test_a_name_without_address_may_get_one_later() -> None:
    refusal = Visitor().refusal("https://nowhere.example/")
    assert (refusal.reason, refusal.permanent) == ("dns", False)


class Inside(rules.Rules):
    """As if ::1 were on the internet, and 127.0.0.1 were not; both are this machine."""

    def check_target(self, target: Any) -> None:
        pass

    def is_public(self, address: str) -> bool:
        return address == "::1"

    def check_connection(self, host: str, port: int, local: str, peer: str) -> None:
        super().check_connection(host, port, "elsewhere", peer)


def test_a_name_is_resolved_once_per_connection_and_connected_by_address() -> None:
    """DNS rebinding: the second answer, a private one, is refused and not what was connected to."""
    with sites.site("::1") as outside, sites.site() as secret:
        outside.pages |= {"/": answer("public"), sites.ROBOTS: answer(status=404)}
        secret.pages["/"] = answer("secret")
        names = Names()
        names.set(NAME, ["::1"], ["::1"], ["127.0.0.1"])
        visitor = Visitor(names=names, rules=Inside())
        assert visitor.get(f"http://{NAME}:{outside.port}/").text == "public"
        assert names.asked == [NAME, NAME]  # one connection for robots.txt, one for the page
        assert visitor.refusal(f"http://{NAME}:{secret.port}/").reason == "address"
        assert secret.requests == []


def test_a_connection_that_ends_at_this_machine_is_refused() -> None:
    """Our own public address: the kernel then uses it on both ends."""
    plain = rules.Rules()
    plain.check_connection(NAME, 443, "192.168.1.5", "93.184.216.34")
    with pytest.raises(fetch.Refused):
        plain.check_connection(NAME, 443, "93.184.216.34", "93.184.216.34")
    with pytest.raises(fetch.Refused):
        plain.check_connection(NAME, 443, "192.168.1.5", "10.0.0.1")


def test_what_the_operator_opens_is_one_host_and_port(site: Site) -> None:
    site.pages["/"] = answer("hello")
    visitor = Visitor(f"127.0.0.1:{site.port}", names=echo())
    assert visitor.get(f"http://127.0.0.1:{site.port}/").text == "hello"
    assert visitor.refusal(f"http://127.0.0.1:{site.port + 1}/").reason == "port"
    assert visitor.refusal("http://127.0.0.1/").reason == "address"
    with pytest.raises(ValueError, match="must be host:port"):
        rules.Rules.of(allow=["localhost"])


def test_a_port_where_nobody_listens(visitor: Visitor) -> None:
    with sites.site() as closed:
        pass
    opened = visitor_of(closed)
    refusal = opened.refusal(at(closed))
    assert (type(refusal), refusal.permanent) == (fetch.Unreachable, False)


# --- TLS ---------------------------------------------------------------------------------------


def certificate(directory: Path, name: str) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = directory / f"{name}.txt"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Site, Path]]:
    path = certificate(tmp_path, NAME)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    with sites.site(tls=context) as served:
        context.sni_callback = lambda socket, name, _: served.names.append(name)
        yield served, path


def test_tls_verifies_the_name_while_connected_to_an_address(secure: tuple[Site, Path]) -> None:
    served, path = secure
    served.pages["/"] = answer("safe")
    trusting = ssl.create_default_context(cafile=str(path))
    visitor = visitor_of(served, tls=trusting)
    assert visitor.get(f"https://{NAME}:{served.port}/").text == "safe"
    assert set(served.names) == {NAME}
    assert f"Host: {NAME}:{served.port}" in served.requests[-1]


def test_tls_of_somebody_else_is_refused(secure: tuple[Site, Path]) -> None:
    served, path = secure
    names = Names()
    names.set("other.example", ["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=str(path))
    visitor = Visitor(f"other.example:{served.port}", names=names, tls=trusting)
    assert visitor.refusal(f"https://other.example:{served.port}/").reason == "unreachable"
    assert isinstance(visitor_of(served).refusal(f"https://{NAME}:{served.port}/"), fetch.Unreachable)
    assert served.requests == []


def test_a_redirect_never_leaves_https(secure: tuple[Site, Path], site: Site) -> None:
    served, path = secure
    served.pages["/"] = redirect(at(site))
    trusting = ssl.create_default_context(cafile=str(path))
    refusal = visitor_of(served, site, tls=trusting).refusal(f"https://{NAME}:{served.port}/")
    assert (refusal.reason, site.requests) == ("scheme", [])


# --- Redirects ---------------------------------------------------------------------------------


def test_redirects_are_followed_to_the_end(site: Site, visitor: Visitor) -> None:
    for hop in range(5):
        site.pages[f"/{hop}"] = redirect(f"{hop + 1}" if hop % 2 else at(site, f"/{hop + 1}"), 301 + hop % 2)
    site.pages["/5"] = answer("here")
    page = visitor.get(at(site, "/0"))
    assert (page.text, page.url) == ("here", at(site, "/5"))


def test_a_sixth_redirect_is_one_too_many(site: Site, visitor: Visitor) -> None:
    for hop in range(7):
        site.pages[f"/{hop}"] = redirect(f"/{hop + 1}")
    assert visitor.refusal(at(site, "/0")).reason == "redirects"
    assert site.visited == [f"/{hop}" for hop in range(6)]


@pytest.mark.parametrize(
    ("to", "reason"),
    [
        ("http://127.0.0.1/", "address"),
        ("http://169.254.169.254/latest/", "address"),
        ("http://[::1]/", "address"),
        ("//localhost/", "address"),
        ("http://site.example:22/", "port"),
        ("file:///etc/passwd", "scheme"),
        ("gopher://site.example/", "scheme"),
        ("data:text/html,hello", "scheme"),
        ("http://user:pass@site.example/", "credentials"),
        ("http://site.example\\@localhost/", "url"),
        ("http://[", "url"),
    ],
)
def test_every_hop_is_checked(site: Site, to: str, reason: str) -> None:
    site.pages["/"] = redirect(to)
    names = echo()
    visitor = Visitor(f"127.0.0.1:{site.port}", names=names)
    assert visitor.refusal(f"http://127.0.0.1:{site.port}/").reason == reason


@pytest.mark.parametrize("to", ["", "/"])
def test_a_redirect_to_itself_ends(site: Site, visitor: Visitor, to: str) -> None:
    site.pages["/"] = redirect(to)
    assert visitor.refusal(at(site)).reason == "redirects"


# --- Answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(204, True), (206, True), (401, True), (404, True), (410, True), (429, False), (503, False)],
)
def test_other_statuses(site: Site, visitor: Visitor, status: int, permanent: bool) -> None:
    site.pages["/"] = answer("x", status=status)
    refusal = visitor.refusal(at(site))
    assert isinstance(refusal, fetch.BadStatus)
    assert (refusal.status, refusal.permanent) == (status, permanent)


@pytest.mark.parametrize(
    "type", ["image/png", "application/pdf", "application/json", "text/css", "", "nonsense", "text/html2"]
)
def test_other_types_are_not_read(site: Site, visitor: Visitor, type: str) -> None:
    site.pages["/"] = answer("x" * 100, type=type)
    assert visitor.refusal(at(site)).reason == "type"


def test_other_types_are_read_where_they_are_wanted(site: Site, visitor: Visitor) -> None:
    site.pages["/"] = answer("<urlset/>", type="application/xml")
    assert visitor.get(at(site), fetch.LISTS).body == b"<urlset/>"


LIMIT = 10 * 1024 * 1024


def endless_headers(send: sites.Send) -> None:
    send(b"HTTP/1.1 200 OK\r\n")
    while True:
        send(b"X-More: " + b"x" * 1000 + b"\r\n")


def endless_chunks(send: sites.Send) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def endless_body(send: sites.Send) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
    while True:
        send(b"x" * 0x10000)


def endless_information(send: sites.Send) -> None:
    while True:
        send(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" * 100)


def announced(send: sites.Send) -> None:
    send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 10737418240\r\n\r\n")


ILL: dict[str, tuple[bytes | sites.Script, str]] = {
    "10 GB announced": (announced, "size"),
    "endless headers": (endless_headers, "protocol"),
    "endless chunks": (endless_chunks, "size"),
    "endless body": (endless_body, "size"),
    "endless information": (endless_information, "deadline"),
    "one header of 200 kB": (answer("x", X_Long="x" * 200_000), "protocol"),
    "gzip of 300 MB": (answer(sites.bomb(300), Content_Encoding="gzip"), "size"),
    "deflate of 300 MB": (answer(sites.squeezed(300), Content_Encoding="deflate"), "size"),
    "gzip in gzip, told": (answer(gzip.compress(sites.bomb(300)), Content_Encoding="gzip, gzip"), "encoding"),
    "gzip in gzip, hidden": (answer(gzip.compress(sites.bomb(300)), Content_Encoding="gzip"), "charset"),
    "br": (answer(b"\x1b\x03", Content_Encoding="br"), "encoding"),
    "zstd": (answer(b"\x28\xb5\x2f\xfd", Content_Encoding="zstd"), "encoding"),
    "10,000 gzip members": (answer(gzip.compress(b"x") * 10_000, Content_Encoding="gzip"), "encoding"),
    "gzip that is none": (answer("plain text", Content_Encoding="gzip"), "encoding"),
    "gzip that breaks off": (answer(gzip.compress(b"x" * 999)[:-9], Content_Encoding="gzip"), "encoding"),
    "less than announced": (answer("x", Content_Length="100"), "protocol"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", "protocol"),
    "negative length": (answer("x", Content_Length="-1"), "protocol"),
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
    "nothing": (b"", "protocol"),
    "binary": (answer(bytes(range(256)) * 10), "charset"),
    "an invented charset": (answer(b"\xff\xfb\xfc" * 99, type="text/html; charset=bz2_codec"), "charset"),
}


@pytest.mark.parametrize("name", ILL)
def test_ill_answers(site: Site, name: str) -> None:
    body, reason = ILL[name]
    site.pages["/"] = body
    limits = Limits(seconds=1 if reason == "deadline" else 20)
    visitor = visitor_of(site, limits=limits)
    before = sites.reset_peak_memory()
    with pytest.raises(FetchError) as caught:
        visitor.get(at(site)).text  # noqa: B018  (decoding is what may fail)
    assert caught.value.reason == reason
    assert sites.peak_memory() - before < 8 * LIMIT


@pytest.mark.parametrize("place", ["head", "body", "silence", "robots"])
def test_slow_answers_are_cut_at_the_deadline(site: Site, place: str) -> None:
    def drip(send: sites.Send) -> None:
        send(
            {"head": b"HTTP/1.1 200 OK\r\nX: ", "silence": b""}.get(place, answer("", Content_Length="9999"))
        )
        while not site.wait(0.02):
            if place != "silence":
                send(b"x")

    site.pages["/"] = answer("quick")
    site.pages[sites.ROBOTS if place == "robots" else "/"] = drip
    refusal = visitor_of(site, limits=Limits(seconds=0.4)).refusal(at(site))
    assert (refusal.reason, refusal.permanent) == ("deadline", False)


def test_compressed_pages_are_unpacked(site: Site, visitor: Visitor) -> None:
    text = "<p>" + "Plain words. " * 50_000 + "</p>"
    two = gzip.compress(text[:1000].encode()) + gzip.compress(text[1000:].encode())
    site.pages |= {
        "/gzip": answer(gzip.compress(text.encode()), Content_Encoding="gzip"),
        "/two": answer(two, Content_Encoding="x-gzip"),
        "/deflate": answer(zlib.compress(text.encode()), Content_Encoding="deflate"),
        "/plain": answer(text, Content_Encoding="identity"),
    }
    for path in ("/gzip", "/two", "/deflate", "/plain"):
        assert visitor.get(at(site, path)).text == text


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ("Grüße".encode(), "text/html"),
        ("Grüße".encode("latin-1"), "text/html; charset=ISO-8859-1"),
        ("Grüße".encode("cp1252"), 'text/html; charset="windows-1252"'),
        (b'<meta charset="latin1">' + "Grüße".encode("latin-1"), "text/html"),
        (b"\xef\xbb\xbf" + "Grüße".encode(), "text/html; charset=latin1"),
        ("\ufeffGrüße".encode("utf-16-le"), "text/html"),
        ("Grüße".encode(), "text/html; charset=rot13"),
    ],
)
def test_charsets(site: Site, visitor: Visitor, body: bytes, type: str) -> None:
    site.pages["/"] = answer(body, type=type)
    assert visitor.get(at(site)).text.endswith("Grüße")


# --- robots.txt and politeness -----------------------------------------------------------------


def test_what_robots_txt_forbids_is_not_visited(site: Site, visitor: Visitor) -> None:
    site.pages |= {
        sites.ROBOTS: answer("User-agent: *\nDisallow: /private\n", type="text/plain"),
        "/": answer("open"),
        "/to-private": redirect("/private/page"),
    }
    assert visitor.get(at(site)).text == "open"
    assert visitor.refusal(at(site, "/private/page")).reason == "robots"
    assert visitor.refusal(at(site, "/to-private")).reason == "robots"
    assert site.visited == ["/", "/to-private"]
    assert site.paths.count(sites.ROBOTS) == 1, "it is remembered"


@pytest.mark.parametrize(
    ("robots_txt", "allowed"),
    [
        (answer(status=404), True),
        (answer(status=403), True),
        (answer(status=500), False),
        (answer(status=429), False),
        (redirect(sites.ROBOTS), True),
        (answer("User-agent: *\nDisallow: /" + "\n#" * 400_000, type="text/html"), False),
        (answer(sites.bomb(300), Content_Encoding="gzip"), True),
    ],
)
def test_robots_txt_that_is_no_file(site: Site, visitor: Visitor, robots_txt: bytes, allowed: bool) -> None:
    site.pages |= {sites.ROBOTS: robots_txt, "/": answer("hello")}
    if allowed:
        assert visitor.get(at(site)).text == "hello"
    else:
        assert visitor.refusal(at(site)).reason == "robots"
        assert site.visited == []


def test_robots_txt_of_every_hop_counts(site: Site) -> None:
    with sites.site() as other:
        visitor = visitor_of(site, other)
        site.pages["/"] = redirect(at(other))
        other.pages |= {sites.ROBOTS: answer("User-agent: manticscore\nDisallow: /"), "/": answer("no")}
        assert visitor.refusal(at(site)).reason == "robots"
        assert other.visited == []


def test_one_host_is_visited_at_intervals() -> None:
    now = [100.0]
    taking = turns.Turns(gap=1.0, hosts=2, clock=lambda: now[0])
    assert [taking.take("a", 2.5) for _ in range(4)] == [0.0, 1.0, 2.0, None]
    assert taking.take("b", 2.5, delay=5.0) == 0.0
    assert taking.take("b", 2.5) is None
    now[0] += 10
    assert taking.take("a", 0) == 0.0
    taking.take("c", 0)  # the longest unused host is forgotten
    assert taking.take("b", 0) == 0.0


def test_a_host_that_is_too_busy_is_left_for_later(site: Site) -> None:
    site.pages["/"] = answer("hello")
    visitor = visitor_of(site, turns=turns.Turns(gap=60), limits=Limits(turn=5))
    assert visitor.get(at(site)).text == "hello"
    refusal = visitor.refusal(at(site))
    assert (refusal.reason, refusal.permanent) == ("busy", False)


def test_every_host_of_a_visit_gives_its_turn_once(site: Site) -> None:
    with sites.site() as other:
        taken: list[str] = []

        class Noting(turns.Turns):
            def take(self, host: str, longest: float, delay: float = 0.0) -> float | None:
                taken.append(host)
                return super().take(host, longest, delay)

        visitor = visitor_of(site, other, turns=Noting(gap=60))
        site.pages |= {"/": redirect("/again"), "/again": redirect(at(other))}
        other.pages["/"] = answer("hello")
        assert visitor.get(at(site)).text == "hello"
        assert taken == [f"{NAME}:{site.port}", f"{NAME}:{other.port}"]
        site.pages["/two"] = redirect(at(other))
        assert visitor.refusal(at(site, "/two")).reason == "busy"


def test_robots_txt_of_another_host_waits_for_its_turn(site: Site) -> None:
    with sites.site() as other:
        busy = turns.Turns(gap=60)
        busy.take(f"{NAME}:{other.port}", 0)
        visitor = visitor_of(site, other, turns=busy)
        site.pages["/"] = redirect(at(other))
        assert visitor.refusal(at(site)).reason == "busy"
        assert other.requests == []


def test_waiting_for_a_turn_takes_nothing_from_the_deadline(site: Site) -> None:
    site.pages["/"] = answer("hello")
    waiting = turns.Turns(gap=0.6)
    waiting.take(f"{NAME}:{site.port}", 0)
    visitor = visitor_of(site, turns=waiting, limits=Limits(seconds=0.5, turn=5))
    assert visitor.get(at(site)).text == "hello"


@pytest.mark.parametrize("host", ["build.host1", "inner.zone9", "a.inner.zone9"])
def test_denied_names_that_end_in_a_digit(host: str) -> None:
    denying = rules.Rules.of(deny=["host1", ".inner.zone9"])
    assert denying.is_inside(host)
    assert not denying.is_inside("other.zone8")
    assert denying.is_inside("db1")
    assert not denying.is_inside("93.184.216.34")
    assert not denying.is_inside("2606:2800:220:1::1")
