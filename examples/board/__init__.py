"""A message board: posts in SQLite, a JSON API, a page, and live updates on either backend."""
