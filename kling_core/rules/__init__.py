"""What a model may do and what it costs: a vocabulary of rules over the catalogue's data."""
