"""Articles, their feed, and who favorites them. Async: these are what everybody reads."""
