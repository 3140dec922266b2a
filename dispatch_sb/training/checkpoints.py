"""Checkpoints that are whole, or not there, or set aside.

Authors
 * The dispatch-sb contributors, 2026
"""

import contextlib
import logging
import os
import shutil
import time
from pathlib import Path

from speechbrain.utils.checkpoints import (
    Checkpoint,
    Checkpointer,
    ckpt_recency,
)
from speechbrain.utils.distributed import (
    ddp_barrier,
    if_main_process,
    run_on_main,
)

from dispatch_sb.data.disk import PROBE, writable_folder
from dispatch_sb.data.files import flush
from dispatch_sb.runs.checkpoint_seal import damaged, seal
from dispatch_sb.training.portions import TrainingStopped

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
        self, meta=None, end_of_epoch=True, name=None, verbosity=logging.INFO
    ):
        """Saves everything, whole or not at all.

        Arguments
        ---------
        meta, end_of_epoch, name, verbosity : object
            As SpeechBrain's.

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
            with _told(building):
                saved = super().save_checkpoint(
                    meta, end_of_epoch, name, logging.DEBUG
                )
                if saved is not None:
                    saved = _in_place(saved, folder / saved.path.name)
        finally:
            self.checkpoints_dir = folder
        if saved is not None:
            logger.log(verbosity, "Saved a checkpoint in %s", saved.path)
        # All processes list the folder next, and have to find the same in it.
        ddp_barrier()
        return saved

    def delete_checkpoints(
        self,
        *,
        num_to_keep=1,
        min_keys=(),
        max_keys=(),
        importance_keys=(ckpt_recency,),
        ckpt_predicate=None,
        verbosity=logging.INFO,
    ):
        """Deletes those that nobody needs, whole or not at all: a half of one
        would look damaged.

        Arguments
        ---------
        num_to_keep, min_keys, max_keys, importance_keys : object
            How many of each order stay, as SpeechBrain's.
        ckpt_predicate, verbosity : object
            As SpeechBrain's.
        """
        orders = [{"min_key": key} for key in min_keys]
        orders += [{"max_key": key} for key in max_keys]
        # Once each: SpeechBrain's list of them grows with every call.
        orders += [{"importance_key": key} for key in set(importance_keys)]
        found = [
            self.find_checkpoints(**order, ckpt_predicate=ckpt_predicate)
            for order in orders
        ]
        kept = {one for ranked in found for one in ranked[:num_to_keep]}
        ddp_barrier()  # nobody saves meanwhile
        if if_main_process():
            self._delete(set().union(*found) - kept, verbosity)
        ddp_barrier()

    def _delete(self, checkpoints, verbosity):
        """See `delete_checkpoints`."""
        going = Path(self.checkpoints_dir) / ".deleting"
        for checkpoint in checkpoints:
            going.mkdir(exist_ok=True)
            os.replace(checkpoint.path, going / checkpoint.path.name)
            logger.log(verbosity, "Deleted checkpoint in %s", checkpoint.path)
        shutil.rmtree(going, ignore_errors=True)  # also of one that was killed

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

    def _call_load_hooks(self, checkpoint):
        try:
            super()._call_load_hooks(checkpoint)
        except Exception as error:  # whatever an object says of other data
            why = " ".join(f"{type(error).__name__}: {error}".split())
            raise TrainingStopped(
                f"The checkpoint {checkpoint.path} does not fit what this "
                f"recipe builds ({why[:300]}). Give the options of the run "
                "that wrote it, or another output_folder."
            ) from error

    def _set_damaged_aside(self):
        """Renames checkpoints that are damaged, so that nobody loads them."""
        for path, damage in damaged(self.checkpoints_dir).items():
            aside = path.with_name(f"damaged-{path.name}")
            while aside.exists():
                aside = aside.with_name(f"{aside.name}-again")
            os.replace(path, aside)
            logger.warning(
                f"The checkpoint {path} is damaged: {damage}. It is kept as "
                f"{aside.name}, and not used."
            )


@contextlib.contextmanager
def _told(building: Path):
    """Says of a disk that refuses a checkpoint what torch does not say; no
    half of it is left."""
    try:
        try:
            yield
        except RuntimeError:
            sizes = [path.stat().st_size for path in building.rglob("*")]
            writable_folder(building, probe=max(sizes, default=0) + PROBE)
            raise
    except OSError as error:
        error.filename = os.fspath(building.parent)
        shutil.rmtree(building, ignore_errors=True)
        raise


def _in_place(saved: Checkpoint, target: Path) -> Checkpoint:
    """Moves a checkpoint to its place, once it is on the disk."""
    seal(saved.path)
    os.replace(saved.path, target)
    flush(target.parent)
    files = {k: target / path.name for k, path in saved.paramfiles.items()}
    return Checkpoint(target, saved.meta, files)
