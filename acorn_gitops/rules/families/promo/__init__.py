"""PRO: promotions: when, how deep, by whom."""
