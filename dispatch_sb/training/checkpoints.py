"""Checkpoints that are whole, or not there, or set aside.

Authors
 * The dispatch-sb contributors, 2026
"""

import logging
import os
import shutil
import time
from pathlib import Path

from speechbrain.utils.checkpoints import Checkpoint, Checkpointer
from speechbrain.utils.distributed import (
    ddp_barrier,
    if_main_process,
    run_on_main,
)

from dispatch_sb.runs.checkpoint_seal import flush, seal, set_damaged_aside

logger = logging.getLogger(__name__)


class AtomicCheckpointer(Checkpointer):
    """SpeechBrain's checkpointer; a killed process leaves no half of one, and
    a damaged one is not loaded.

    SpeechBrain writes a checkpoint in its place, file by file, and a later
    run fails on one that was interrupted. Here it is written beside its
    place, sealed with the hashes of its files, flushed to the disk, and then
    renamed. Before one is chosen to go on from, those that are damaged are
    renamed, with a warning that says how.

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
        meta = {"unixtime": self._later(), **(meta or {})}
        if if_main_process():
            shutil.rmtree(building, ignore_errors=True)
        self.checkpoints_dir = building
        try:
            saved = super().save_checkpoint(
                meta, end_of_epoch, name, logging.DEBUG
            )
        finally:
            self.checkpoints_dir = folder
        if saved is not None:
            saved = _in_place(saved, folder / saved.path.name)
            logger.log(verbosity, "Saved a checkpoint in %s", saved.path)
        # All processes list the folder next, and have to find the same in it.
        ddp_barrier()
        return saved

    def _later(self):
        """The time, but after all checkpoints that are there, which a clock
        that was set back would put before them: the newest is looked for."""
        times = [x.meta["unixtime"] for x in self.list_checkpoints()]
        return max([time.time(), *(known + 1e-3 for known in times)])

    def recover_if_possible(self, *args, **kwargs):
        """Goes on from a checkpoint that is whole; see SpeechBrain's.

        Arguments
        ---------
        *args, **kwargs
            Which of them is wanted.

        Returns
        -------
        Checkpoint or None
            None if there is none.
        """
        run_on_main(self._set_damaged_aside)
        return super().recover_if_possible(*args, **kwargs)

    def _set_damaged_aside(self):
        """See `set_damaged_aside`."""
        for sentence in set_damaged_aside(self.checkpoints_dir):
            logger.warning(sentence)


def _in_place(saved: Checkpoint, target: Path) -> Checkpoint:
    """Moves a checkpoint to its place, once it is on the disk."""
    seal(saved.path)
    os.replace(saved.path, target)
    flush(target.parent)
    files = {k: target / path.name for k, path in saved.paramfiles.items()}
    return Checkpoint(target, saved.meta, files)
