"""Makes the model repository that Triton serves, each model checked against its source."""
