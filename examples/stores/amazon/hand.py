"""Somebody in Seller Central gives a SKU of amazon.de another price: `python3 hand.py MUG-RED 5`."""

import json
import os
import sys
import urllib.request

offer = {"currency": "EUR", "our_price": [{"schedule": [{"value_with_tax": float(sys.argv[2])}]}]}
said = {
    "sellerId": "A1EMULATEDEU",
    "marketplaceId": "A1PA6795UKMFR9",
    "sku": sys.argv[1],
    "set": {"purchasable_offer": [offer]},
}
url = os.environ.get("EMULATOR", "http://127.0.0.1:8766") + "/_emulator/hand"
urllib.request.urlopen(urllib.request.Request(url, json.dumps(said).encode()))
