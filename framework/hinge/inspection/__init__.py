"""What can be read off the user's code: annotations and their classes, signatures, decorators."""
