"""Putting the plugin onto a node and keeping it there: files, binaries, kubeconfig, watching."""
