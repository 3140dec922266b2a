"""A card that contradicts its run is refused; nothing is written.

Authors
 * The dispatch-sb contributors, 2026
"""

import re
from pathlib import Path

import pytest
import yaml
from finished_run import DATA, scores_of, write_run

from dispatch_sb import load_student
from dispatch_sb.models.interface import state_hash
from dispatch_sb.pretrained import load_teacher
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.release import export_run

RECIPE = Path(__file__).resolve().parents[3] / "recipes" / "VoiceBank"
CARDS = RECIPE / "cards"


def card(name):
    """What a card file of the recipe says."""
    return yaml.safe_load((CARDS / f"{name}.yaml").read_text("utf-8"))


@pytest.fixture
def own(tmp_path):
    """A run on the mini corpus' validation, trained on own folders."""
    use = dict.fromkeys(("talk", "talks"), "clean speech") | {"street": "noise"}
    data = [{"folder": folder, "use": use[folder]} for folder in use]
    return write_run(tmp_path, [*DATA, *data])


@pytest.fixture
def mini(tmp_path):
    """A run on the mini corpus alone."""
    return write_run(tmp_path)


def entry(folder, **changes):
    """A piece of data on a card."""
    named = {"folder": folder, "name": "Talks", "licence": "CC0"}
    return {**named, **changes}


def refused(run, about):
    """What is said of a card that contradicts."""
    with pytest.raises(ValueError) as error:
        export_run(run, run / "model", about)
    assert not (run / "model").exists()
    return str(error.value)


def test_the_card_of_the_shipped_teacher_is_refused(own):
    """Its weights, its command and all its folders are another run's."""
    message = refused(own, card("fastenhancer-b-16k"))
    for claim in ("weights 1feac", "teacher.yaml", "libri_train", "talk"):
        assert claim in message


def test_the_card_of_the_shipped_teacher_names_its_weights_and_data():
    about = card("fastenhancer-b-16k")
    model = load_student(RECIPE / "pretrained" / "fastenhancer-b-16k")
    assert about["weights_sha256"] == state_hash(model)
    assert all(re.search(r"\w", entry["folder"]) for entry in about["data"])


def test_the_template_has_to_be_filled_in(own):
    about = card("template")
    assert "licence" in refused(own, about)
    about["licence"] = "mit"
    assert "licence" in refused(own, about)
    speech, noise = about["data"]
    speech |= entry(["talk", "talks"])
    noise |= entry("street", name="Streets", licence="CC BY 4.0")
    text = (export_run(own, own / "model", about) / "README.md").read_text()
    assert "| Streets | CC BY 4.0 | noise |" in text and "license: mit" in text
    assert "| CC BY-SA 3.0 |" in text  # what the run knows itself


@pytest.mark.parametrize(
    "data, named",
    [
        ([entry(["talk", "talks", "street", "libri"])], "libri"),
        ([entry("talk"), entry("talks")], "street"),
        (["LibriSpeech"], "data"),
        ("LibriSpeech", "data"),
    ],
)
def test_other_folders_are_refused(own, data, named):
    assert named in refused(own, {"data": data})


@pytest.mark.parametrize("folder", ["/home/ann/talk", "talk"])
def test_a_folder_is_known_by_its_last_part(own, folder):
    export_run(
        own, own / "model", {"data": [entry([folder, "talks", "street"])]}
    )


def test_another_corpus_than_the_known_one_is_refused(mini):
    data = [{"name": "LibriSpeech", "licence": "CC BY 4.0"}]
    message = refused(mini, {"data": data})
    assert "LibriSpeech" in message and "mini corpus" in message


def test_other_licences_of_the_known_corpus_are_refused(mini):
    data = [entry("corpus", name="The mini corpus", licence="CC BY 3.0")]
    message = refused(mini, {"data": data})
    assert "CC BY-SA 3.0" in message and "CC0 1.0" in message
    data[0]["licence"] += ", CC BY-SA 3.0, CC0 1.0"
    export_run(mini, mini / "model", {"data": data})


@pytest.mark.parametrize(
    "about, named",
    [
        ({"weights_sha256": "0" * 64}, "000000"),
        ({"description": f"Its weights are {'ab' * 32}."}, "ababab"),
        ({"seeds": [1, 2]}, "seeds"),
        ({"sample_rate": 48000}, "48000"),
        ({"latency_ms": 5.0}, "latency_ms"),
        ({"teacher": "Teacher: DeepFilterNet3."}, "lab/big"),
        ({"command": "python train.py hparams/teacher.yaml"}, "teacher.yaml"),
        ({"command": "python train.py --seed 4"}, "--seed 4"),
        ({"command": "python train.py --seed=4"}, "--seed 4"),
        ({"command": "python train.py --data_folder /data/VB"}, "/data/VB"),
        ({"command": "python train.py '--seed"}, "command"),
        ({"licence": None}, "licence"),
    ],
)
def test_what_the_run_knows_otherwise_is_refused(mini, about, named):
    assert named in refused(mini, about)


def test_a_teacher_that_there_was_not_is_refused(mini):
    Run(mini).note(teacher=None)
    assert "none" in refused(mini, {"teacher": "Teacher: lab/big."})


def test_all_contradictions_are_said_at_once(mini):
    about = {"seeds": [1], "sample_rate": 8000, "teacher": "Me."}
    message = refused(mini, about)
    assert all(line in message for line in ("seeds", "sample_rate", "teacher"))


def test_what_agrees_with_the_run_stays(mini):
    about = {
        "weights_sha256": state_hash(Run.open(mini).student),
        "seeds": [3],
        "teacher": "Teacher: lab's big one.",
        "command": "python train.py hparams/dispatch.yaml --seed 3 # mine",
        "sample_rate": 16000,
    }
    text = (export_run(mini, mini / "model", about) / "README.md").read_text()
    assert "lab's big one" in text and "# mine" in text


@pytest.mark.parametrize("load", [load_student, load_teacher])
def test_scores_of_the_exported_model_are_scores_of_the_run(mini, load):
    folder = export_run(mini, mini / "model")
    weights = {"student": state_hash(load(folder))}
    scores = {"drive": {**scores_of("?"), "weights_sha256": weights}}
    export_run(mini, mini / "model", scores=scores)
