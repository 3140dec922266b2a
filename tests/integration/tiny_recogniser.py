"""A recogniser of five words, trained in seconds and written as the folder of
a SpeechBrain ``EncoderDecoderASR``.

Authors
 * The dispatch-sb contributors, 2026
"""

from pathlib import Path

import numpy as np
import sentencepiece
import torch
from hyperpyyaml import load_hyperpyyaml
from speechbrain.nnet.losses import nll_loss
from spoken_words import VOWELS, say, sentence

STEPS, BATCH, SENTENCES = 150, 16, 200
HOP = 32  # ms
YAML = """
compute_features: !new:speechbrain.lobes.features.Fbank
    n_mels: 24
    hop_length: 32
    win_length: 32
    n_fft: 512
normalize: !new:speechbrain.processing.features.InputNormalization
    norm_type: sentence
rnn: !new:speechbrain.nnet.RNN.GRU
    hidden_size: 48
    input_shape: [null, null, 24]
    bidirectional: True
encoder: !new:speechbrain.nnet.containers.LengthsCapableSequential
    compute_features: !ref <compute_features>
    normalize: !ref <normalize>
    rnn: !ref <rnn>
embedding: !new:speechbrain.nnet.embedding.Embedding
    num_embeddings: VOCABULARY
    embedding_dim: 24
attention: !new:speechbrain.nnet.RNN.AttentionalRNNDecoder
    rnn_type: gru
    attn_type: location
    hidden_size: 64
    attn_dim: 64
    num_layers: 1
    enc_dim: 96
    input_size: 24
    channels: 8
    kernel_size: 15
linear: !new:speechbrain.nnet.linear.Linear
    input_size: 64
    n_neurons: VOCABULARY
decoder: !new:speechbrain.decoders.S2SRNNGreedySearcher
    embedding: !ref <embedding>
    decoder: !ref <attention>
    linear: !ref <linear>
    bos_index: 0
    eos_index: 0
    min_decode_ratio: 0
    max_decode_ratio: 0.3
asr: !new:torch.nn.ModuleList
    - [!ref <rnn>, !ref <embedding>, !ref <attention>, !ref <linear>]
tokenizer: !new:sentencepiece.SentencePieceProcessor
modules:
    encoder: !ref <encoder>
    decoder: !ref <decoder>
pretrainer: !new:speechbrain.utils.parameter_transfer.Pretrainer
    loadables:
        asr: !ref <asr>
        tokenizer: !ref <tokenizer>
    paths:
        asr: nobody/asr-of-five-words/asr.ckpt
        tokenizer: nobody/asr-of-five-words/tokenizer.ckpt
"""


def write_recogniser(folder: Path) -> Path:
    """Trains tokenizer and recogniser.

    Arguments
    ---------
    folder : Path
        Receives ``hyperparams.yaml``, ``asr.ckpt`` and ``tokenizer.ckpt``.

    Returns
    -------
    Path
        The same folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = write_tokenizer(folder)
    text = YAML.replace("VOCABULARY", str(tokenizer.vocab_size()))
    (folder / "hyperparams.yaml").write_text(text)
    torch.manual_seed(0)
    hparams = load_hyperpyyaml(text)
    train(hparams, tokenizer)
    torch.save(hparams["asr"].state_dict(), folder / "asr.ckpt")
    return folder


def write_tokenizer(folder: Path) -> sentencepiece.SentencePieceProcessor:
    """Trains a tokenizer on sentences.

    Arguments
    ---------
    folder : Path
        Receives ``tokenizer.ckpt``.

    Returns
    -------
    sentencepiece.SentencePieceProcessor
        Its pieces are the words.
    """
    rng = np.random.default_rng(1)
    lines = [" ".join(sentence(rng)).upper() for _ in range(300)]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_prefix=str(folder / "tokenizer"),
        model_type="word",
        vocab_size=len(VOWELS) + 1,
        unk_id=0,
        bos_id=-1,
        eos_id=-1,
        minloglevel=2,
    )
    (folder / "tokenizer.model").rename(folder / "tokenizer.ckpt")
    tokenizer = sentencepiece.SentencePieceProcessor()
    tokenizer.load(str(folder / "tokenizer.ckpt"))
    return tokenizer


def train(hparams: dict, tokenizer) -> None:
    """Trains encoder and attention; where each word is, is known.

    Arguments
    ---------
    hparams : dict
        Of `YAML`.
    tokenizer : sentencepiece.SentencePieceProcessor
        Turns words into targets.
    """
    rng = np.random.default_rng(2)
    asr = hparams["asr"].train()
    optimizer = torch.optim.Adam(asr.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, STEPS)
    spoken = [say_one(rng, hparams, tokenizer) for _ in range(SENTENCES)]
    for _ in range(STEPS):
        chosen = [spoken[i] for i in rng.integers(SENTENCES, size=BATCH)]
        features, inputs, targets, frames = map(pad, zip(*chosen))
        lengths = relative([row[0] for row in chosen])
        sizes = relative([row[2] for row in chosen])
        states, _ = hparams["rnn"](features, lengths=lengths)
        embedded = hparams["embedding"](inputs)
        hidden, attention = hparams["attention"](embedded, states, lengths)
        logits = hparams["linear"](hidden).log_softmax(-1)
        loss = nll_loss(logits, targets, sizes)
        loss = loss + nll_loss(attention.clamp(1e-6).log(), frames, sizes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    asr.eval()


def say_one(rng: np.random.Generator, hparams: dict, tokenizer) -> tuple:
    """A sentence of a new voice.

    Arguments
    ---------
    rng : numpy.random.Generator
        Decides everything.
    hparams : dict
        Of `YAML`.
    tokenizer : sentencepiece.SentencePieceProcessor
        Turns words into targets.

    Returns
    -------
    tuple of torch.Tensor
        Features ``[frames, 24]``, the decoder's inputs and targets, and the
        frame in which each target is.
    """
    words = sentence(rng)
    wave, middles = say(words, rng.uniform(100, 160), rng)
    features = hparams["compute_features"](torch.from_numpy(wave)[None])
    features = hparams["normalize"](features, torch.ones(1))[0]
    ids = tokenizer.encode(" ".join(words).upper())
    frames = [round(middle * 1000 / HOP) for middle in middles]
    frames = torch.tensor([*frames, len(features) - 1])
    return features, torch.tensor([0, *ids]), torch.tensor([*ids, 0]), frames


def pad(sequences) -> torch.Tensor:
    """One tensor ``[batch, longest, ...]``."""
    return torch.nn.utils.rnn.pad_sequence(sequences, batch_first=True)


def relative(sequences) -> torch.Tensor:
    """Lengths as shares of the longest, ``[batch]``."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    return lengths / lengths.max()
