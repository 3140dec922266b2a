"""The site builds without a warning, and every link in it leads somewhere."""

import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from pages import DOCS, pages
from programs import RECIPE, ROOT

from dispatch_sb.cli import build_parser

BUILT = ("_build", "api", "__pycache__")


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
        links = self.targets if tag == "a" else self.loaded
        links |= {given.get("href"), given.get("src")} - {None, ""}
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


def test_links_lead_somewhere(html, site):
    """Within the site: pages, headings, pictures, styles, scripts."""
    broken = []
    for name, page in html.items():
        for address in page.targets | page.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            path = os.path.join(os.path.dirname(name), unquote(parts.path))
            path = os.path.normpath(path) if parts.path else name
            anchors = html[path].anchors if path in html else ()
            anchor = unquote(parts.fragment)
            if not (site / path).is_file() or (
                anchor and path in html and anchor not in anchors
            ):
                broken.append((name, address))
    assert broken == [] and len(html) > len(pages())


def test_nothing_is_loaded_from_elsewhere(html, site):
    """The site works without a network."""
    addresses = {a for page in html.values() for a in page.loaded}
    assert [a for a in addresses if urlsplit(a).netloc] == []
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]
    assert re.findall(r"url\(['\"]?(?:https?:)?//", "".join(styles)) == []


def test_pictures_are_described(html):
    """For those who do not see them."""
    written = [html[f"{page.stem}.html"] for page in pages()]
    assert [page.without_alt for page in written if page.without_alt] == []


def test_every_option_and_every_key_is_told(html):
    """The references are complete: they come from the code."""
    anchors = html["commands.html"].anchors
    commands = build_parser()._subparsers._group_actions[0].choices
    for name, parser in commands.items():
        for option in parser._option_string_actions:
            if option.startswith("--") and option != "--help":
                assert f"cmdoption-dispatch-sb-{name}{option[1:]}" in anchors
    keys = set()
    for path in (RECIPE / "hparams").glob("*.yaml"):
        keys |= set(re.findall(r"^(\w+):", path.read_text("utf-8"), re.M))
    told = html["recipe_files.html"].anchors
    missing = {key for key in keys if f"confval-{key}" not in told}
    assert missing <= {"extends", "__set_seed"}
