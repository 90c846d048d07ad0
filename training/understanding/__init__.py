"""Fine-tunes the encoder that understands customers: intents, slots, what is out of scope."""
