"""How requests travel: codecs, tokens, bodies, and the transport."""
