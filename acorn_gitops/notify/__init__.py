"""Tells people who are not looking: one file for each way. Callers: `reconcile.alerting`, cli `alert`."""
