"""Replicate as a provider: any of its models, by its predictions."""
