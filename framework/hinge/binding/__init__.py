"""From a signature to a plan, and from a plan to the one closure that gathers the arguments."""
