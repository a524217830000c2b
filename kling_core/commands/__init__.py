"""The verbs of the suite, each once: a command gives a result, the front ends render it."""
