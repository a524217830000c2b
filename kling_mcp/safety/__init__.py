"""What an agent may not do: spend unasked, read any file, reach any address, be told by data."""
