"""Where a mistake was made, how it is told, and what is logged."""
