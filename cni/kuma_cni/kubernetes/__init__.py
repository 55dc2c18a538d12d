"""The Kubernetes API, as little of it as we need, for where no annotations are handed over."""
