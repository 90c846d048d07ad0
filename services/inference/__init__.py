"""The one door to Triton."""
