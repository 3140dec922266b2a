#!/usr/bin/env python3
"""Spectral masking as SpeechBrain's recipes have it, with a teacher beside.

Examples
--------
The mini corpus, minutes on a CPU:
    python train.py train.yaml
VoiceBank-DEMAND on a GPU:
    python train.py train.yaml --data_folder /data/VoiceBank \\
        --valid_speakers '[p226, p287]' --number_of_epochs 50 --device cuda
The student alone:
    python train.py train.yaml --distillation_weight 0
Every key of the YAML file is an option.

Authors
 * The dispatch-sb contributors, 2026
"""

import sys
from pathlib import Path

import speechbrain as sb
import torch
from hyperpyyaml import load_hyperpyyaml

from dispatch_sb.training.distillation_mixin import DistillationMixin

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "VoiceBank"
sys.path.append(str(RECIPE))

from mini_voicebank import prepare_mini  # noqa: E402
from voicebank_prepare import prepare_voicebank  # noqa: E402


class MaskBrain(DistillationMixin, sb.Brain):
    """Trains a network that weighs the bins of the noisy spectrum."""

    def compute_forward(self, batch, stage):
        """From noisy waveforms to enhanced features and waveforms."""
        batch = batch.to(self.device)
        noisy, _ = batch.noisy_sig
        features = self.features(noisy)
        enhanced = self.modules.model(features) * features
        wavs = self.hparams.resynth(torch.expm1(enhanced), noisy)
        return enhanced, wavs

    def features(self, wavs):
        """`[batch, samples]` -> log(1 + magnitude) `[batch, frames, bins]`."""
        spectrum = self.hparams.compute_stft(wavs)
        magnitude = sb.processing.features.spectral_magnitude(spectrum, 0.5)
        return torch.log1p(magnitude)

    def compute_objectives(self, predictions, batch, stage):
        """Distance between enhanced and clean features."""
        features, wavs = predictions
        clean, lens = batch.clean_sig
        target = self.features(clean)
        loss = sb.nnet.losses.mse_loss(features, target, lens)
        loss = loss + self.distillation(wavs, batch.noisy_sig, batch.clean_sig)
        if stage != sb.Stage.TRAIN:
            self.stoi.append(batch.id, wavs, clean, lens, reduction="batch")
        return loss

    def on_stage_start(self, stage, epoch=None):
        """Starts the statistics."""
        self.stoi = sb.utils.metric_stats.MetricStats(
            metric=sb.nnet.loss.stoi_loss.stoi_loss
        )

    def on_stage_end(self, stage, stage_loss, epoch=None):
        """Logs the statistics and keeps the best checkpoint."""
        if stage == sb.Stage.TRAIN:
            self.train_stats = {"loss": stage_loss}
            return
        stats = {"loss": stage_loss, "stoi": -self.stoi.summarize("average")}
        if stage == sb.Stage.VALID:
            self.hparams.train_logger.log_stats(
                {"epoch": epoch},
                train_stats=self.train_stats,
                valid_stats=stats,
            )
            self.checkpointer.save_and_keep_only(meta=stats, max_keys=["stoi"])
        else:
            self.hparams.train_logger.log_stats(
                {"epoch": self.hparams.epoch_counter.current}, test_stats=stats
            )


def prepare_data(hparams):
    """Writes the three manifests; the folder that they are relative to."""
    folder = hparams["data_folder"]
    if folder == "mini":
        folder = prepare_mini(hparams["mini_folder"])
    prepare_voicebank(
        data_folder=folder,
        save_folder=hparams["output_folder"],
        valid_speakers=hparams["valid_speakers"],
        train_json=hparams["train_annotation"],
        valid_json=hparams["valid_annotation"],
        test_json=hparams["test_annotation"],
    )


def make_datasets(hparams):
    """Datasets with `noisy_sig` and `clean_sig`, shortest utterances first."""

    @sb.utils.data_pipeline.takes("noisy_wav", "clean_wav")
    @sb.utils.data_pipeline.provides("noisy_sig", "clean_sig")
    def load(noisy_wav, clean_wav):
        yield sb.dataio.dataio.read_audio(noisy_wav)
        yield sb.dataio.dataio.read_audio(clean_wav)

    folder = hparams["data_folder"]
    root = hparams["mini_folder"] if folder == "mini" else folder
    return {
        part: sb.dataio.dataset.DynamicItemDataset.from_json(
            json_path=hparams[f"{part}_annotation"],
            replacements={"data_root": root},
            dynamic_items=[load],
            output_keys=["id", "noisy_sig", "clean_sig"],
        ).filtered_sorted(sort_key="length")
        for part in ("train", "valid", "test")
    }


if __name__ == "__main__":
    hparams_file, run_opts, overrides = sb.parse_arguments(sys.argv[1:])
    sb.utils.distributed.ddp_init_group(run_opts)
    with open(hparams_file, encoding="utf-8") as file:
        hparams = load_hyperpyyaml(file, overrides)
    sb.create_experiment_directory(
        hparams["output_folder"], hparams_file, overrides
    )
    sb.utils.distributed.run_on_main(prepare_data, args=[hparams])
    datasets = make_datasets(hparams)
    brain = MaskBrain(
        modules=hparams["modules"],
        opt_class=hparams["opt_class"],
        hparams=hparams,
        run_opts=run_opts,
        checkpointer=hparams["checkpointer"],
    )
    brain.fit(
        hparams["epoch_counter"],
        datasets["train"],
        datasets["valid"],
        train_loader_kwargs=hparams["dataloader_options"],
        valid_loader_kwargs=hparams["dataloader_options"],
    )
    brain.evaluate(
        datasets["test"],
        max_key="stoi",
        test_loader_kwargs=hparams["dataloader_options"],
    )
