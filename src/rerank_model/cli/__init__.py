"""The command line: train, evaluate."""
