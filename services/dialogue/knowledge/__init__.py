"""The company's knowledge: kept durably, found exactly."""
