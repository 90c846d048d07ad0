"""Why a model predicted what it did: which words and which regions it rests on, and whether that holds."""
