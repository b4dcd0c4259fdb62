"""The backend temporal."""
