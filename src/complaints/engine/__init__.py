"""Training and inference machinery: device, distributed processes, batches, training loop, checkpoints, schedules."""
