"""What becomes of a handler's return value."""
