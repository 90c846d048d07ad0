"""The shop's pictures, drawn by code: devices and their lights, app pages, labels and receipts."""
