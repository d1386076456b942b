"""What a user brings: read without ever running it, checked before it is believed."""
