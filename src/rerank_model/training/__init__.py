"""The training job: data set, batches, trainer, settings."""
