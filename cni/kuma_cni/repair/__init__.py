"""Finding mesh pods on this node whose namespace lacks the rules, and installing them in place."""
