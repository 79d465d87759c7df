"""What handlers need beyond the request: providers, composed with their handler into one call at compile."""
