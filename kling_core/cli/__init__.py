"""The command line `kling`, and the argument parsers that the notebook magics share with it."""
