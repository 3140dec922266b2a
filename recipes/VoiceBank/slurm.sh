#!/bin/bash
# Trains on several machines of a Slurm cluster, with all GPUs of each:
#     sbatch --nodes=2 slurm.sh hparams/dispatch.yaml --data_folder /data/VoiceBank
# Give what your cluster wants besides (partition, account) as options of
# sbatch. A job that is stopped and queued again goes on where it was.
#
# Authors: the dispatch-sb contributors, 2026

#SBATCH --job-name=dispatch-sb
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.out

set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
machines=$(scontrol show hostnames "$SLURM_JOB_NODELIST")
export MASTER_ADDR=${machines%%$'\n'*}
export MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000))
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

# One torchrun on each machine; if one fails, srun ends the others.
# shellcheck disable=SC2016
srun --kill-on-bad-exit=1 --label bash -c 'exec torchrun \
    --nnodes="$SLURM_JOB_NUM_NODES" --node_rank="$SLURM_NODEID" \
    --nproc_per_node="${SLURM_GPUS_ON_NODE:-1}" \
    --master_addr="$MASTER_ADDR" --master_port="$MASTER_PORT" \
    train.py "$@"' torchrun "$@"
