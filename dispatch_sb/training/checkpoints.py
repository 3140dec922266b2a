"""Checkpoints that are whole or not there.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import os
import shutil
from pathlib import Path

from speechbrain.utils.checkpoints import Checkpoint, Checkpointer
from speechbrain.utils.distributed import if_main_process

logger = logging.getLogger(__name__)


class AtomicCheckpointer(Checkpointer):
    """SpeechBrain's checkpointer; a killed process leaves no half of one.

    SpeechBrain writes a checkpoint in its place, file by file, and a later
    run fails on one that was interrupted. Here it is written beside its
    place, flushed to the disk, and then renamed.

    Arguments
    ---------
    checkpoints_dir : str or Path
        The folder of all checkpoints.
    recoverables : mapping, optional
        Objects to save, by name.
    **kwargs
        See `speechbrain.utils.checkpoints.Checkpointer`.

    Example
    -------
    >>> import torch
    >>> folder = getfixture("tmp_path")
    >>> checkpointer = AtomicCheckpointer(
    ...     folder, {"net": torch.nn.Linear(1, 1)}
    ... )
    >>> checkpoint = checkpointer.save_checkpoint(meta={"pesq": 2.0})
    >>> sorted(path.name for path in checkpoint.path.iterdir())
    ['CKPT.yaml', 'net.ckpt']
    """

    def save_checkpoint(
        self,
        meta=None,
        end_of_epoch=True,
        name=None,
        verbosity=logging.INFO,
    ):
        """Saves everything, whole or not at all.

        Arguments
        ---------
        meta : mapping, optional
            Kept with it: plain numbers and strings.
        end_of_epoch : bool
            Whether an epoch is complete.
        name : str, optional
            Of the checkpoint; by default the time.
        verbosity : int
            Logging level of the message.

        Returns
        -------
        Checkpoint or None
            None on all but the main process.
        """
        folder = Path(self.checkpoints_dir)
        building = folder / ".saving"
        if if_main_process():
            shutil.rmtree(building, ignore_errors=True)
        self.checkpoints_dir = building
        try:
            saved = super().save_checkpoint(
                meta or {}, end_of_epoch, name, logging.DEBUG
            )
        finally:
            self.checkpoints_dir = folder
        if saved is None:
            return None
        saved = _move(saved, folder)
        logger.log(verbosity, "Saved a checkpoint in %s", saved.path)
        return saved


def _move(saved: Checkpoint, folder: Path) -> Checkpoint:
    """Flushes a checkpoint to the disk and puts it into its place."""
    for path in saved.path.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    target = folder / saved.path.name
    number = 0
    while target.exists():  # two within one second
        number += 1
        target = folder / f"{saved.path.name}.{number:02d}"
    os.replace(saved.path, target)
    files = {
        name: target / path.name for name, path in saved.paramfiles.items()
    }
    return Checkpoint(target, saved.meta, files)
