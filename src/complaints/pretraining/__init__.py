"""Stage pretrain: masked-language-model training of a backbone on the training texts."""
