"""A finished run becomes a folder whose card needs no hand work, or the
error says what to write.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import shlex
from pathlib import Path

import pytest
import speechbrain as sb
import torch
import yaml
from finished_run import GAINS, write_manifest, write_run
from huggingface_hub import ModelCard
from hyperpyyaml import resolve_references
from ruamel.yaml import YAML
from speechbrain.inference.enhancement import WaveformEnhancement

from dispatch_sb import load_student
from dispatch_sb.cli import main
from dispatch_sb.config import compose
from dispatch_sb.data.audio import read_audio
from dispatch_sb.publish.command import note_command, training_command
from dispatch_sb.publish.export import export_run
from dispatch_sb.runs.run import Run
from dispatch_sb.runs.settings import Settings

RECIPES = Path(__file__).resolve().parents[3] / "recipes" / "VoiceBank"


@pytest.fixture
def run(tmp_path):
    """A run on the mini corpus."""
    return write_run(tmp_path)


def test_a_run_on_the_mini_corpus_needs_no_card(run, tmp_path):
    folder = export_run(run, tmp_path / "model")
    text = (folder / "README.md").read_text()
    head = ModelCard(text).data
    (result,) = head.eval_results
    assert head.model_name == "model"
    assert result.dataset_name == "mini corpus, test speaker"
    assert (result.metric_type, result.metric_value) == ("pesq", 1.7)
    assert result.metric_args["ci95"] == [1.6, 1.8]
    for line in (
        "FastEnhancer, ",
        "| mini corpus, ann: Ann Smith | CC BY-SA 3.0 | clean speech |",
        "| mini corpus, bob: Bob Jones | CC BY 3.0 | validation |",
        "| mini corpus, stream_1: Yuval | CC0 1.0 | noise |",
        "| mini corpus, typing: Ico | GPL-2+ | noise |",
        "speech: Eve Brown (CC BY 4.0); noise: Ulf (CC BY 3.0)",
        "selection=TopGap(ratio=0.8))`, weight 0.3",
        "DISPatch, arXiv 2509.15922",
        "[lab/big](https://huggingface.co/lab/big), revision `v1`",
        "SHA-256 `c0ffee`",
        "Seeds: 3.",
        "torch 2.13.0",
        "python train.py hparams/dispatch.yaml",
        "| PESQ-WB | 1.500 [1.400, 1.600] | 1.700 [1.600, 1.800] "
        "| 2.500 [2.400, 2.600] | 3 |",
    ):
        assert line in text
    # Who was not heard in training is not listed, nor what is nobody's.
    data = text[text.index("### Data") :]
    assert "Eve" not in data and "Ulf" not in data and "generated" not in data


def test_a_teacher_that_is_not_of_the_hub_is_no_link(tmp_path):
    run = write_run(tmp_path, teacher="deepfilternet3")
    folder = export_run(run, tmp_path / "model")
    text = (folder / "README.md").read_text()
    assert "Teacher: `deepfilternet3`" in text
    assert "huggingface.co/deepfilternet3" not in text


def test_the_example_is_the_median_utterance(run, tmp_path):
    folder = export_run(run, tmp_path / "model")
    median = tmp_path / "corpus" / "noisy" / "eve_0003.wav"
    expected = torch.from_numpy(read_audio(median))
    written = torch.from_numpy(read_audio(folder / "example.wav"))
    assert written.equal(expected)
    assert "`example.wav` is eve_0003" in (folder / "README.md").read_text()


def test_all_three_ways_of_loading_give_the_runs_output(run, tmp_path):
    folder = export_run(run, tmp_path / "model")
    noisy = torch.from_numpy(read_audio(folder / "example.wav"))[None]
    with torch.no_grad():
        expected = Run.open(run).student(noisy)
        assert load_student(folder)(noisy).equal(expected)
    speechbrain = WaveformEnhancement.from_hparams(
        source=str(folder), run_opts={"device": "cpu"}
    )
    assert speechbrain.enhance_batch(noisy).equal(expected)


def test_voicebank_is_known_by_its_test_set(tmp_path):
    run = write_run(tmp_path, data_folder=str(tmp_path / "corpus"))
    names = [*GAINS, *(f"p232_{i:03d}" for i in range(393))]
    write_manifest(run, "test", [*names, *(f"p257_{i}" for i in range(431))])
    with pytest.raises(ValueError, match="card.yaml"):  # 827 utterances
        export_run(run, tmp_path / "model")
    write_manifest(run, "test", [n for n in names if n not in GAINS])
    with pytest.raises(ValueError, match="card.yaml"):  # half of it
        export_run(run, tmp_path / "model")
    whole = [n for n in names if n not in GAINS]
    whole += [f"p257_{i}" for i in range(431)]
    write_manifest(run, "test", whole)
    noisy = tmp_path / "corpus" / "noisy" / "eve_0001.wav"
    folder = export_run(run, tmp_path / "model", example=noisy)
    text = (folder / "README.md").read_text()
    assert "(https://doi.org/10.7488/ds/2117) | CC BY 4.0" in text
    assert "### VoiceBank-DEMAND, test set" in text


def test_unknown_data_are_asked_for_with_a_template(tmp_path):
    corpus = tmp_path / "corpus"
    run = write_run(tmp_path, data_folder=str(corpus))
    with pytest.raises(ValueError, match="The card lacks data") as raised:
        export_run(run, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    template = yaml.safe_load(str(raised.value).split("\n\n", 1)[1])
    (entry,) = template["data"]
    assert entry["folder"] == "corpus"
    with pytest.raises(ValueError, match="licence"):  # not filled in
        export_run(run, tmp_path / "model", template)
    entry |= {"name": "street talk", "licence": "CC BY 4.0"}
    text = export_run(run, tmp_path / "model", template) / "README.md"
    assert "| street talk | CC BY 4.0 |" in text.read_text()


def test_what_a_person_writes_goes_first(run, tmp_path):
    card = tmp_path / "card.yaml"
    card.write_text("name: Anna\nlicence: mit\ndescription: For cars.\n")
    words = [str(run), str(tmp_path / "model"), "--card", str(card)]
    assert main(["export", *words]) == 0
    text = (tmp_path / "model" / "README.md").read_text()
    assert "# Anna\n\nFor cars.\n" in text and "license: mit" in text


@pytest.mark.parametrize(
    "text, message",
    [
        ("descripton: Tiny.\n", "A card has no descripton; its keys are"),
        ("- Tiny.\n", "must hold keys and values"),
        ("a: [\n", "is not YAML"),
    ],
)
def test_a_mistaken_card_is_one_sentence(run, tmp_path, capsys, text, message):
    card = tmp_path / "card.yaml"
    card.write_text(text)
    words = [str(run), str(tmp_path / "model"), "--card", str(card)]
    assert main(["export", *words]) == 1
    assert message in capsys.readouterr().err


def test_an_example_that_is_gone_is_said_and_replaced(run, tmp_path, capsys):
    noisy = tmp_path / "corpus" / "noisy"
    (noisy / "eve_0003.wav").rename(tmp_path / "other.wav")
    words = ["export", str(run), str(tmp_path / "model")]
    assert main(words) == 1
    message = capsys.readouterr().err
    assert "eve_0003" in message and "--example" in message
    assert main([*words, "--example", str(tmp_path / "other.wav")]) == 0
    assert (tmp_path / "model" / "example.wav").is_file()
    text = (tmp_path / "model" / "README.md").read_text()
    assert "`example.wav` is" not in text


def test_a_run_whose_corpus_is_gone_says_where_it_was_sought(run, tmp_path):
    (tmp_path / "corpus").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match="found in corpus: export wh"):
        export_run(run, tmp_path / "model")


def test_a_run_without_scores_says_how_to_get_them(run, tmp_path, capsys):
    (run / "scores.json").unlink()
    assert main(["export", str(run), str(tmp_path / "model")]) == 1
    assert "--test_only" in capsys.readouterr().err


def test_scores_of_other_weights_are_refused(run, tmp_path, capsys):
    scores = json.loads((run / "scores.json").read_text())
    scores["weights_sha256"]["student"] = "0" * 64
    (run / "scores.json").write_text(json.dumps(scores))
    words = ["export", str(run), str(tmp_path / "model")]
    assert main(words) == 1
    assert "of other weights" in capsys.readouterr().err
    with pytest.raises(ValueError, match="of other weights"):
        export_run(run, tmp_path / "model")
    given = f"drive={run / 'scores.json'}"
    assert main([*words, "--scores", given]) == 1
    assert not (tmp_path / "model").exists()


def test_scores_of_another_test_set_are_shown(run, tmp_path):
    scores = {"drive": json.loads((run / "scores.json").read_text())}
    folder = export_run(run, tmp_path / "model", scores=scores)
    assert "### drive" in (folder / "README.md").read_text()
    scores["drive"]["weights_sha256"]["teacher"] = "f" * 64
    with pytest.raises(ValueError, match="teacher"):
        export_run(run, tmp_path / "model", scores=scores)


def test_a_folder_that_is_no_run_is_refused(tmp_path, capsys):
    assert main(["export", str(tmp_path), str(tmp_path / "model")]) == 1
    assert "is no run" in capsys.readouterr().err


def test_the_noted_command_is_shown_without_private_folders(run):
    noted = note_command(
        ["hparams/a.yaml", "--clean_folders", "[/home/ann/talk, rel/b]"]
    )
    path = run / "hyperparams.yaml"
    path.write_text(noted + path.read_text())
    command = training_command(Run.open(run).settings)
    assert shlex.split(command) == [
        *("python", "train.py", "hparams/a.yaml"),
        *("--clean_folders", "[/data/talk, rel/b]"),
    ]


@pytest.mark.parametrize("method", ["baseline", "dispatch", "teacher"])
def test_the_rebuilt_command_gives_the_same_settings(method):
    text = compose(RECIPES / "hparams" / f"{method}.yaml")
    words = [f"hparams/{method}.yaml", "--seed", "7", "--lr", "1e-05"]
    words += ["--valid_speakers", "[p226, 'a b']", "--student_size", "S"]
    words += ["--clean_folders", "[rel/a, rel/b]", "--data_folder", "null"]
    words += ["--mixing_snr_db", "[0, 9]"]
    if method == "dispatch":
        words += ["--patch_bins", "(5, 20)", "--teacher_revision", "v2"]
    ran = settings_of(text, words)
    run = Settings(ran)
    python, script, *again = shlex.split(training_command(run))
    assert (python, script, again[0]) == ("python", "train.py", words[0])
    values, expected = YAML().load(settings_of(text, again)), run.tree
    assert {k: str(v) for k, v in values.items()} == {
        k: str(v) for k, v in expected.items()
    }


def settings_of(text, words):
    """What a run notes of its recipe when it is started so."""
    _, _, overrides = sb.parse_arguments(words)
    return resolve_references(text, overrides).getvalue()


@pytest.mark.parametrize(
    "teacher, revision, expected",
    [
        ("lab/big", "null", "newest revision of that day"),
        ("/home/ann/big", "null", "Teacher: `big`, weights"),
        ("big", "null", "Teacher: Big One (`big`), licence mit, weights"),
    ],
)
def test_the_teacher_is_named(tmp_path, teacher, revision, expected):
    (tmp_path / "big").mkdir()
    head = "license: mit\nmodel-index:\n- name: Big One\n"
    (tmp_path / "big" / "README.md").write_text(f"---\n{head}---\n\n# Big\n")
    run = write_run(tmp_path, teacher=teacher, revision=revision)
    text = (export_run(run, tmp_path / "model") / "README.md").read_text()
    assert expected in text and "/home" not in text
