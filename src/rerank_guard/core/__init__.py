"""The types that everything else speaks of: tasks, prompts, traces, the target protocol, verdicts, reports, errors."""
