"""The container runtime's socket (CRI v1, gRPC): which pods run here, and where they are."""
