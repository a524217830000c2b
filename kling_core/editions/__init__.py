"""The editions of Kling's API: how a request is written and an answer is read."""

V1 = "v1"
"""The first edition: `/v1/…`, with the model in the body."""

V2 = "v2"
"""The edition of `/{operation}/{model}`."""

KNOWN = (V1, V2)
"""The editions that this version speaks, by the names that the ledger has of them."""
