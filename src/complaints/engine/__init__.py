"""Training and inference machinery: device, distributed runs, batches, checkpoints, schedules."""
