"""Sees pictures: embeds, reads and classifies them."""
