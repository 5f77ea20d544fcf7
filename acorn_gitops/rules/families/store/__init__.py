"""STO: storefronts, shops and their accounts."""
