"""What scores of filters are made of: maps, ranks, gates, and the layers that read them."""
