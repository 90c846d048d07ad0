"""Exporters: one module a family of models, each with ``export(context)``."""
