"""Trains what reads a question and a passage together, and says how well one answers the other."""
