"""What several test modules share: media made in memory, scripted ports, requests to walk."""
