"""The endpoints of Kling: one file each, declarations and nothing else."""
