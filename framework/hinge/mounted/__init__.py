"""Applications of other frameworks below a prefix."""
