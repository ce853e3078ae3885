"""From a task to token ids: prompt builder, encoder, letters."""
