"""The secret source keyring."""
