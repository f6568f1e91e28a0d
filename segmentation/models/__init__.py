"""Stage 4: from the basetable to vectors, and the catalogue of models that can be asked for."""
