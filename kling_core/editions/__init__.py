"""The editions of Kling's API: how a request is written and an answer is read."""
