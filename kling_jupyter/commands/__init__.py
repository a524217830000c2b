"""The commands of `%kling`: what each word at the beginning of the line does, one file each."""
