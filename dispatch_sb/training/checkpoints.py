"""Checkpoints that are whole or not there.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import os
import shutil
from pathlib import Path

from speechbrain.utils.checkpoints import Checkpoint, Checkpointer
from speechbrain.utils.distributed import ddp_barrier, if_main_process

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
        name = name or self._new_checkpoint_dirpath().name.split("+", 1)[1]
        if if_main_process():
            shutil.rmtree(building, ignore_errors=True)
        self.checkpoints_dir = building
        try:
            saved = super().save_checkpoint(
                meta or {}, end_of_epoch, name, logging.DEBUG
            )
        finally:
            self.checkpoints_dir = folder
        if saved is not None:
            saved = _in_place(saved, folder / saved.path.name)
            logger.log(verbosity, "Saved a checkpoint in %s", saved.path)
        # All processes list the folder next, and have to find the same in it.
        ddp_barrier()
        return saved


def _in_place(saved: Checkpoint, target: Path) -> Checkpoint:
    """Moves a checkpoint to its place, once it is on the disk."""
    for path in saved.path.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    os.replace(saved.path, target)
    files = {k: target / path.name for k, path in saved.paramfiles.items()}
    return Checkpoint(target, saved.meta, files)
