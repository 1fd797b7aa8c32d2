"""`python -m pipeline` is gauganpipe; torchrun and accelerate launch start it so."""

from pipeline.cli import main

main()
