"""Templates of pages for a browser. Caller: `report.html`."""
