"""Trains the network that fuses what a customer says, types and shows."""
