"""From a declared app to what a backend is given."""
