"""What a plugin's author needs to test a plugin: conformance kits, fakes, a pytest plugin."""
