"""A company's domain folder: what it holds, how it is read and checked, how it travels."""
