"""fal.ai as a provider: any of its models, by its queue."""
