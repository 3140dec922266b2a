"""A run's own files, damaged and invented: pages, cards and tables are made
of what is whole, or the damage is named."""

import json

import pytest
from clear_errors import attempt, share
from damages import damaged_json
from finished_run import write_run
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import epoch

from dispatch_sb.report import build_report
from dispatch_sb.report.charts import charts
from dispatch_sb.report.numbers import (
    failures,
    flatten,
    heading_facts,
    headline,
    metrics_of,
)
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.release import export_run

FILES = ("run.json", "scores.json", "training.jsonl", "manifests/test.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run, its log and its corpus."""
    top = tmp_path_factory.mktemp("runs") / "whole"
    run = write_run(top)
    (run / "training.jsonl").write_text(json.dumps(epoch(1)))
    return top, run.relative_to(top)


@pytest.fixture(scope="module")
def good(whole):
    """What its files hold."""
    folder = whole[0] / whole[1]
    return {name: (folder / name).read_bytes() for name in FILES}


def damaged(whole, good, data):
    """The run's folder, in which one file is damaged, and that file's name."""
    folder = whole[0] / whole[1]
    name = data.draw(st.sampled_from(FILES))
    for other in FILES:
        (folder / other).write_bytes(good[other])
    content = data.draw(damaged_json(json.loads(good[name])))
    (folder / name).write_bytes(content)
    return folder, name


@share(1)
@given(data=st.data())
def test_what_others_read_of_a_run(whole, good, data):
    folder, name = damaged(whole, good, data)

    def read():
        run = Run.open(folder)
        assert run.best is None or run.epochs
        found = [headline(run), metrics_of(run), failures(run)]
        found += [*flatten(run.facts), heading_facts(run.facts), run.teachers]
        return [*found, *charts(run.epochs), run.missing, run.test_files]

    attempt(read, folder / name)


@share(0.1)
@given(data=st.data())
def test_its_page_and_its_card(whole, good, data):
    folder, name = damaged(whole, good, data)
    attempt(lambda: build_report(Run(folder), examples=0), folder / name)
    to = folder.with_name("exported")
    # A noisy file that is not there is named by itself.
    named = (folder / name, name, "The card of", "The example audio")
    attempt(lambda: export_run(folder, to), *named)
