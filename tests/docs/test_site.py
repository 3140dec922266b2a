"""The site builds without a warning, and every link in it leads somewhere."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from pages import DOCS, ROOT, pages

BUILT = ("_build", "api", "__pycache__")
# Pages that the theme writes without an address of their own.
WITHOUT_SOURCE = {"genindex.html", "py-modindex.html", "search.html"}


class Page(HTMLParser):
    """What an HTML page links to, what can be linked to, and its pictures.

    Arguments
    ---------
    path : pathlib.Path
        The file.
    """

    def __init__(self, path):
        super().__init__()
        self.targets, self.loaded, self.anchors = set(), set(), set()
        self.without_alt = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.anchors |= {given.get("id"), given.get("name")} - {None}
        if tag == "a" and given.get("href"):
            self.targets.add(given["href"])
        if tag in {"img", "script"} and given.get("src"):
            self.loaded.add(given["src"])
        if tag == "link" and given.get("href"):
            self.loaded.add(given["href"])
        if tag == "img" and not given.get("alt"):
            self.without_alt.append(given.get("src"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site, from a copy of the sources beside links to the code."""
    place = tmp_path_factory.mktemp("site")
    ignored = shutil.ignore_patterns(*BUILT)
    shutil.copytree(DOCS, place / "docs", ignore=ignored)
    for name in ("dispatch_sb", "recipes", "benchmarks"):
        (place / name).symlink_to(ROOT / name)
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going"]
        + ["-b", "html", "docs", "html"],
        cwd=place,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    return place / "html"


@pytest.fixture(scope="module")
def html(site):
    """All pages of the site by their path in it."""
    files = sorted(site.rglob("*.html"))
    return {str(path.relative_to(site)): Page(path) for path in files}


def resolved(page, address):
    """Path in the site and anchor of an address on a page, or None if it is
    outside."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return None
    path = os.path.normpath(os.path.join(os.path.dirname(page), parts.path))
    return (unquote(path) if parts.path else page), unquote(parts.fragment)


def broken(html, site):
    """Links of all pages that lead nowhere."""
    found = []
    for name, page in html.items():
        for address in page.targets | page.loaded:
            place = resolved(name, address)
            if place is None:
                continue
            path, anchor = place
            if not (site / path).is_file():
                found.append((name, address))
            elif anchor and path in html and anchor not in html[path].anchors:
                found.append((name, address))
    return found


def test_every_page_is_built(html):
    """All that people wrote, and a page for every room of the package."""
    expected = {f"{page.stem}.html" for page in pages()} | WITHOUT_SOURCE
    assert expected <= set(html)
    rooms = {f"api/dispatch_sb.{room}.html" for room in ("losses", "data")}
    assert rooms <= set(html)


def test_links_lead_somewhere(html, site):
    """Within the site: pages, headings, pictures, styles, scripts."""
    assert broken(html, site) == []


def test_nothing_is_loaded_from_elsewhere(html, site):
    """The site works without a network."""
    outside = {
        (name, address)
        for name, page in html.items()
        for address in page.loaded
        if resolved(name, address) is None
    }
    assert outside == set()
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    assert re.findall(r"url\(['\"]?(?:https?:)?//", "".join(styles)) == []


def test_external_links_are_well_formed(html):
    """They are not visited here."""
    addresses = {a for page in html.values() for a in page.targets}
    outside = {a for a in addresses if resolved("", a) is None}
    wrong = [
        address
        for address in outside
        if not re.fullmatch(r"https://[\w.-]+\.[a-z]+(/[^\s]*)?", address)
    ]
    assert len(outside) > 5
    assert wrong == []


def test_pictures_are_described(html):
    """For those who do not see them."""
    written = {f"{page.stem}.html" for page in pages()}
    silent = {name: html[name].without_alt for name in written}
    assert {name: found for name, found in silent.items() if found} == {}


def test_every_option_and_every_key_is_told(html):
    """The references are complete: they come from the code."""
    from dispatch_sb.cli import build_parser

    commands = build_parser()._subparsers._group_actions[0].choices
    anchors = html["commands.html"].anchors
    for name, parser in commands.items():
        for option in parser._option_string_actions:
            if option.startswith("--") and option != "--help":
                assert f"cmdoption-dispatch-sb-{name}{option[1:]}" in anchors
    keys = set()
    for path in (ROOT / "recipes" / "VoiceBank" / "hparams").glob("*.yaml"):
        keys |= set(re.findall(r"^(\w+):", path.read_text("utf-8"), re.M))
    told = html["recipe_files.html"].anchors
    missing = [key for key in keys if f"confval-{key}" not in told]
    assert set(missing) <= {"extends", "__set_seed"}


def test_a_broken_link_is_found(tmp_path):
    (tmp_path / "a.html").write_text('<p id="x"><a href="#x"><a href="b">')
    (tmp_path / "c.html").write_text('<a href="a.html#y"><img src="d.png">')
    html = {name: Page(tmp_path / name) for name in ("a.html", "c.html")}
    assert sorted(broken(html, tmp_path)) == [
        ("a.html", "b"),
        ("c.html", "a.html#y"),
        ("c.html", "d.png"),
    ]
