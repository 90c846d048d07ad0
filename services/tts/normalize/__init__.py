"""Written text → the words that a person would read out."""
