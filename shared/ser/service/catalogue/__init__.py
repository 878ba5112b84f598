"""The catalogue: models and aliases of a registry, as operators see and change them."""
