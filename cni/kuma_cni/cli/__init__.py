"""The programs ``kuma-cni`` and ``kuma-cni-install``."""
