"""Publishes a shard directory to the Hugging Face Hub."""
