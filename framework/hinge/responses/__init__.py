"""What a handler may answer with, and the bodies that are produced while they are sent."""
