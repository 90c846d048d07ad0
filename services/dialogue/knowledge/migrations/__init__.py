"""The knowledge store's schema, step by step; run by ``KnowledgeStore`` when it opens."""
