"""The text of a line or cell: options, fields, variables, the prompt."""
