"""Pictures, sound and video: what goes in is checked before it leaves, what comes out is probed."""
