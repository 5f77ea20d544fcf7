"""SKU: codes, listings, prices and stock."""
