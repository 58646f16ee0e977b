"""Command `complaints inspect`: a look into a fine-tuned encoder, layer by layer, beside its pretrained weights."""
