"""Places that keep objects: one module each, imported only when it is used."""
