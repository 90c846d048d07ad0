"""The acoustic encoder: trained here without labels, on what speech sounds like."""
