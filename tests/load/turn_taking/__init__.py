"""How soon and how surely the end of a customer's turn is told, on real recordings."""
