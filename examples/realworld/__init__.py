"""Conduit, the API of the RealWorld project: users who write articles, follow each other, comment and favorite."""
