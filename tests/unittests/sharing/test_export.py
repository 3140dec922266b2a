"""A finished run becomes a folder whose card needs no hand work, or the
error says what to write.

Authors
 * The dispatch-sb contributors, 2026
"""

import json
import shlex

import pytest
import torch
import yaml
from finished_run import write_run
from huggingface_hub import ModelCard
from speechbrain.inference.enhancement import WaveformEnhancement

from dispatch_sb import load_student
from dispatch_sb.cli import main
from dispatch_sb.data.audio import read_audio
from dispatch_sb.runs.provenance import command_line
from dispatch_sb.runs.run import Run
from dispatch_sb.sharing.example import median_example
from dispatch_sb.sharing.facts import training_command
from dispatch_sb.sharing.release import export_run


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
        "is eve_0003 of the mini corpus; speech: Eve Brown (CC BY 4.0).",
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


def test_unknown_data_are_asked_for_with_a_template(tmp_path):
    run = write_run(tmp_path, [{"folder": "corpus", "use": "training"}])
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
    with pytest.raises(FileNotFoundError, match="corpus/noisy/eve_0003.wav"):
        export_run(run, tmp_path / "model")


def test_a_run_that_noted_nothing_says_how_to_make_it_note(run, tmp_path):
    (run / "run.json").unlink()
    with pytest.raises(ValueError, match="run.json.*--test_only"):
        export_run(run, tmp_path / "model")


def test_a_corpus_is_found_in_a_tree_that_has_moved(run, tmp_path):
    Run(run).note(directory="/gone")
    assert median_example(Run(run))[1].is_file()


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


def test_the_command_is_shown_without_private_folders(run):
    words = ["a.yaml", "--clean_folders", "[/home/ann/talk, rel/b]"]
    Run(run).note(command=command_line("train.py", [*words, "--test_only"]))
    command = training_command(Run(run))
    words[2] = "[/data/talk, rel/b]"
    assert shlex.split(command) == ["python", "train.py", *words]


@pytest.mark.parametrize(
    "teacher, revision, expected",
    [
        ("lab/big", None, "newest revision of that day"),
        ("/home/ann/big", None, "Teacher: `big`, weights"),
        ("big", None, "Teacher: Big One (`big`), licence mit, weights"),
    ],
)
def test_the_teacher_is_named(tmp_path, teacher, revision, expected):
    (tmp_path / "big").mkdir()
    head = "license: mit\nmodel-index:\n- name: Big One\n"
    (tmp_path / "big" / "README.md").write_text(f"---\n{head}---\n\n# Big\n")
    run = write_run(tmp_path, teacher=teacher, revision=revision)
    text = (export_run(run, tmp_path / "model") / "README.md").read_text()
    assert expected in text and "/home" not in text
