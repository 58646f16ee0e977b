"""Stage finetune: losses, sampling, head initialisation and the training of a classifier."""
