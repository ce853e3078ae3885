"""The packaged suite as pytest items: settings, collection, what the items run, and the run's record."""
