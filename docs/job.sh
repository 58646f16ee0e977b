#!/bin/bash
# A Slurm job that runs the command it is given; `nodes N script ...` runs N processes of the script on each machine.
set -eu
if [ "$1" != nodes ]; then
    exec "$@"
fi
processes=$2
shift 2
first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
exec srun --ntasks-per-node 1 torchrun --nnodes "$SLURM_JOB_NUM_NODES" --nproc-per-node "$processes" \
    --rdzv-id "$SLURM_JOB_ID" --rdzv-backend c10d --rdzv-endpoint "$first:29500" "$@"
