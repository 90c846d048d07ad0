"""Makes of an example others that mean the same: mistyped, misheard, over a telephone, in other light."""
