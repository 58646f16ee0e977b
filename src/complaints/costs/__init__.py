"""Command `complaints cost`: time, memory and size of each model on this machine, in files that nothing depends on."""
