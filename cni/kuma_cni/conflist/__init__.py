"""Network configuration files: which one counts, with our plugin in it and without; pure."""
