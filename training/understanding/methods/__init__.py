"""Ways to fine-tune, each an option of ``UnderstandingArguments``."""
