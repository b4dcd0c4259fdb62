"""The provider `local`: a small real model in process."""
