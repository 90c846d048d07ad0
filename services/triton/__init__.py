"""How Triton itself runs."""
