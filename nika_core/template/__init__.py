"""Templates and conditions: text compiled once, values put in, nothing ever scanned again."""
