"""The {{cookiecutter.__noun[cookiecutter.kind]}} `{{cookiecutter.word}}` for Nika."""
