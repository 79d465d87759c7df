"""Every fault of a value: the checks of a type, and the words for what they find."""
