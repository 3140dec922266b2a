"""A finished run becomes a folder whose card needs no hand work, or the
error says what to write; a person writes what the run does not know.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from finished_run import COMMIT, CREDIT, DATA, scores_of, write_run
from huggingface_hub import ModelCard

from dispatch_sb import load_student
from dispatch_sb.cli import main
from dispatch_sb.data.audio import read_audio
from dispatch_sb.models.interface import state_hash
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing import model_card
from dispatch_sb.sharing.facts import training_command
from dispatch_sb.sharing.release import export_run

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "VoiceBank"


@pytest.fixture
def run(tmp_path):
    """A run on the mini corpus alone."""
    return write_run(tmp_path)


@pytest.fixture
def own(tmp_path):
    """A run on the mini corpus' validation, trained on own folders."""
    use = dict.fromkeys(("talk", "talks"), "clean speech") | {"street": "noise"}
    data = [{"folder": folder, "use": use[folder]} for folder in use]
    return write_run(tmp_path, [*DATA, *data])


def card_of(run, **arguments):
    """The card of a run's folder."""
    return (
        export_run(run, run / "model", **arguments) / "README.md"
    ).read_text()


def exported(run, *words):
    """Status of the command."""
    return main(["export", str(run), str(run / "model"), *map(str, words)])


def refused(run, about):
    """What is said of a card that is not written as it should be."""
    with pytest.raises(ValueError) as error:
        export_run(run, run / "model", about)
    assert not (run / "model").exists()
    return str(error.value)


def entry(folder, **changes):
    """A piece of data on a card."""
    named = {"folder": folder, "name": "Talks", "licence": "CC0"}
    return {**named, **changes}


def test_a_shared_model_recommends_its_floor(run, capsys):
    assert exported(run, "--keep", "3dB") == 1
    assert "3dB" in capsys.readouterr().err and not (run / "model").exists()
    assert exported(run, "--keep", "-12dB") == 0
    assert load_student(run / "model").recommended_keep == -12
    assert exported(run) == 0
    assert load_student(run / "model").recommended_keep is None


def test_a_run_on_a_known_corpus_needs_no_card(run):
    text = card_of(run)
    head = ModelCard(text).data
    (result,) = head.eval_results
    assert head.model_name == "model" and head.base_model == "lab/big"
    assert result.dataset_name == "mini corpus, test speaker"
    assert result.metric_value == 1.7
    facts = [fact for e in DATA for fact in (e["name"], e["licence"], e["use"])]
    facts += ["FastEnhancer", "TopGap(ratio=0.8)", "weight 0.3", "2509.15922"]
    facts += ["(https://huggingface.co/lab/big)", COMMIT, "c0ffee"]
    facts += ["eve_0003", CREDIT, "Seed: 3", "torch 2.13.0", "2026-01-02"]
    for fact in [*facts, "python train.py hparams/dispatch.yaml"]:
        assert fact in text


def test_the_example_is_the_median_file(run, tmp_path):
    folder = export_run(run, tmp_path / "model")
    median = read_audio(tmp_path / "corpus" / "noisy" / "eve_0003.wav")
    assert np.array_equal(read_audio(folder / "example.wav"), median)


def test_unknown_data_are_asked_for_with_a_template(tmp_path):
    run = write_run(tmp_path, [{"folder": "corpus", "use": "training"}])
    template = yaml.safe_load(refused(run, None).split("\n\n", 1)[1])
    assert "licence" in refused(run, template)  # not filled in
    (piece,) = template["data"]
    assert piece["folder"] == "corpus"
    piece |= {"name": "street talk", "licence": "CC BY 4.0"}
    assert "| street talk | CC BY 4.0 |" in card_of(run, about=template)


def test_the_recipes_template_can_be_filled_in(own):
    about = yaml.safe_load((RECIPE / "cards/template.yaml").read_text("utf-8"))
    assert "licence" in refused(own, about)
    about["licence"] = "mit"
    assert "licence" in refused(own, about)
    speech, noise = about["data"]
    speech |= entry(["/home/ann/talk", "talks"])  # known by their last parts
    noise |= entry("street", name="Streets", licence="CC BY 4.0")
    text = card_of(own, about=about)
    assert "| Streets | CC BY 4.0 | noise |" in text and "license: mit" in text
    assert "| CC BY-SA 3.0 |" in text  # what the run knows itself


def test_the_shipped_card_is_what_was_written_for_it():
    name = "fastenhancer-b-16k"
    about = yaml.safe_load(
        (RECIPE / "cards" / f"{name}.yaml").read_text("utf-8")
    )
    card = ModelCard.load(RECIPE / "pretrained" / name / "README.md")
    assert card.data.model_name == about["name"]
    assert about["description"] in card.text and about["limits"] in card.text
    for piece in about["data"]:
        assert piece["name"] in card.text and piece["folder"]


def test_a_person_writes_what_the_run_does_not_know(run, tmp_path):
    card = tmp_path / "card.yaml"
    card.write_text(
        "name: Anna\nlicence: mit\ndescription: For cars.\nlimits: No trains.\n"
    )
    assert exported(run, "--card", card) == 0
    text = (run / "model" / "README.md").read_text()
    for words in ("# Anna\n", "For cars.", "No trains.", "license: mit"):
        assert words in text
    assert CREDIT in text


def test_a_person_may_not_write_what_the_run_knows(own):
    """The card of another model is refused, with all that is wrong."""
    about = {"seeds": [3], "teacher": "Me.", "descripton": "Tiny."}
    about["data"] = [entry(["talk", "corpus", "libri"])]
    message = refused(own, about)
    for name in ("seeds", "teacher", "descripton", "corpus", "libri", "street"):
        assert name in message
    assert "street" in refused(own, {"data": [entry(["talk", "talks"])]})


@pytest.mark.parametrize("data", ["LibriSpeech", ["LibriSpeech"], [entry("a")]])
def test_data_that_are_no_entries_or_known_are_refused(run, data):
    assert "data" in refused(run, {"data": data})


def test_an_example_that_is_gone_is_said_and_replaced(run, tmp_path, capsys):
    noisy = tmp_path / "corpus" / "noisy" / "eve_0003.wav"
    noisy.rename(tmp_path / "other.wav")
    assert exported(run) == 1
    message = capsys.readouterr().err
    assert str(noisy) in message and "--example" in message
    assert exported(run, "--example", tmp_path / "other.wav") == 0
    assert (run / "model" / "example.wav").is_file()
    assert CREDIT not in (run / "model" / "README.md").read_text()


@pytest.mark.parametrize("system", ["student", "teacher"])
def test_scores_of_other_weights_are_refused(run, system):
    path = run / "given.json"
    scores = json.loads((run / "scores.json").read_text())
    path.write_text(json.dumps(scores))
    assert exported(run, "--scores", f"drive={path}") == 0
    text = (run / "model" / "README.md").read_text()
    (result,) = ModelCard(text).data.eval_results
    assert result.dataset_name == "drive"
    scores["weights_sha256"][system] = "0" * 64
    path.write_text(json.dumps(scores))
    assert exported(run, "--scores", f"drive={path}") == 1
    assert (run / "model" / "README.md").read_text() == text


def test_a_run_s_own_scores_of_other_weights_are_refused(run):
    (run / "scores.json").write_text(json.dumps(scores_of("f" * 64)))
    assert "fff" in refused(run, None)


@pytest.mark.parametrize("load", [load_student, load_teacher])
def test_scores_of_the_exported_model_are_scores_of_the_run(run, load):
    folder = export_run(run, run / "model")
    scores = {"drive": scores_of(state_hash(load(folder)))}
    assert "### drive" in card_of(run, scores=scores)


def test_the_command_is_shown_without_private_folders(run):
    words = ["python", "train.py", "--clean_folders", "[/home/ann/talk, rel/b]"]
    Run(run).note(command=shlex.join(words))
    words[3] = "[/data/talk, rel/b]"
    assert shlex.split(training_command(Run(run))) == words


@pytest.mark.parametrize(
    "teacher, expected",
    [
        (None, "EnhancementLoss"),
        ("clean", "Teacher: none"),
        ("/home/ann/big", "`big`"),
        ("deepfilternet3", "`deepfilternet3`"),
        ("big", "Big One (`big`), licence mit"),
    ],
)
def test_a_teacher_that_is_not_of_the_hub_is_no_link(
    tmp_path, teacher, expected
):
    (tmp_path / "big").mkdir()
    scores = {"drive": {"student": {"pesq": scores_of("")["teacher"]["pesq"]}}}
    big = model_card("Big One", "", DATA, scores, "mit")
    (tmp_path / "big" / "README.md").write_text(big)
    run = write_run(tmp_path, teacher=teacher, commit=None)
    if teacher is None:
        Run(run).note(teacher=None)
    text = card_of(run)
    assert expected in text and "huggingface.co" not in text
    assert "/home" not in text and "base_model" not in text
