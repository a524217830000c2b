"""What the protocol has beside tools: resources, prompts, completions, tasks."""
