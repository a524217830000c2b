"""What a declaration is made of: fields, validation, endpoint, registry."""
