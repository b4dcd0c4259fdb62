"""Which plugins there are, and what they bring, without importing one before it is used."""
